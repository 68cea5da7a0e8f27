//! Access to answers that tell more of the node than of the group: open on loopback where no token is configured, else
//! with the token; and to what changes the node, with the token everywhere.

use super::host;
use super::problem::Failure;
use crate::tokens::{Role, Tokens};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// Headers by which a proxy tells that it asks for somebody else, and a browser that a page sends more than a plain GET.
const FOREIGN: [&str; 5] = ["forwarded", "x-forwarded-for", "x-real-ip", "via", "origin"];

/// Access to the node's own answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admin {
    /// Programs of this machine read, until there is an `admin.token`: the address is loopback. A proxy that says so is none.
    Local,
    /// Clients that show the secret in `admin.token`, or a token.
    Token,
}

impl Admin {
    /// Whether programs of this machine have the rights of a role without a token: they change nothing.
    pub fn is_open_to(self, role: Role) -> bool {
        self == Self::Local && role == Role::Read
    }
}

/// Access at an address of the API: to what a role opens.
#[derive(Debug, Clone)]
pub struct Access {
    /// Access without a token of a role.
    pub admin: Admin,
    /// Tokens with roles.
    pub tokens: Arc<Tokens>,
    /// Role that is needed.
    pub role: Role,
}

/// Whether a program of this machine asks, and for nobody else.
fn is_local(headers: &HeaderMap) -> bool {
    host::is_loopback(headers) && FOREIGN.iter().all(|name| !headers.contains_key(*name))
}

/// Secret that a request shows.
fn shown(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

impl Access {
    /// Whether a request shows the role, or comes from where none is needed.
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let is_open = self.admin.is_open_to(self.role) && !self.tokens.has_secret();
        self.shown(headers) >= Some(self.role) || (is_open && is_local(headers))
    }

    /// Status of a refusal: 401 asks for a token where one would open.
    pub fn refusal(&self, headers: &HeaderMap) -> StatusCode {
        let is_asked = self.tokens.are_there() && !headers.contains_key(header::AUTHORIZATION);
        if is_asked { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN }
    }

    fn shown(&self, headers: &HeaderMap) -> Option<Role> {
        shown(headers).and_then(|secret| self.tokens.role(secret))
    }

    /// Why a request is refused; nothing where it is not.
    fn check(&self, headers: &HeaderMap) -> Result<(), Failure> {
        if self.admits(headers) {
            return Ok(());
        }
        if let Some(role) = self.shown(headers) {
            let detail = format!("this token's role is {role}, and this takes {}", self.role);
            return Err(Failure::new(StatusCode::FORBIDDEN, "role", detail));
        }
        let detail = "this is for operators: make a token with `quorate token new`, or put a secret into the file admin.token \
            in the replica's folder, and send it as `Authorization: Bearer SECRET`; the address that `operations` in config.toml \
            names is read without one";
        Err(Failure::new(self.refusal(headers), "admin-only", detail))
    }
}

/// Lets operators of a role through; where a token would open, 401 asks for it, and 403 refuses another.
pub async fn only(State(access): State<Access>, request: Request, next: Next) -> Result<Response, Failure> {
    access.check(request.headers())?;
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ADMIN_TOKEN_FILE;
    use crate::tokens;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    /// Whether an address opens to a request, where this secret lies in the folder.
    fn admits(admin: Admin, secret: Option<&str>, pairs: &[(&'static str, &str)]) -> bool {
        let dir = tempfile::tempdir().expect("a folder");
        if let Some(secret) = secret {
            std::fs::write(dir.path().join(ADMIN_TOKEN_FILE), secret).expect("our folder");
        }
        let access = Access { admin, tokens: Arc::new(Tokens::open(dir.path())), role: Role::Read };
        access.check(&headers(pairs)).is_ok()
    }

    #[test]
    fn only_the_token_opens_what_has_one() {
        for admin in [Admin::Token, Admin::Local] {
            assert!(admits(admin, Some("secret"), &[("authorization", "Bearer secret")]));
            assert!(!admits(admin, Some("secret"), &[("authorization", "Bearer secre"), ("host", "127.0.0.1")]));
            assert!(!admits(admin, Some("secret"), &[("host", "127.0.0.1:8700")]));
            assert!(!admits(admin, Some(""), &[("authorization", "Bearer "), ("host", "127.0.0.1:8700")]));
        }
        assert!(!admits(Admin::Token, None, &[("authorization", "Bearer "), ("host", "127.0.0.1:8700")]));
    }

    #[test]
    fn loopback_is_open_to_this_machine_and_to_no_proxy_that_says_what_it_is() {
        let open = |pairs: &[(&'static str, &str)]| admits(Admin::Local, None, pairs);
        assert!(open(&[("host", "127.0.0.1:8700")]));
        assert!(!open(&[("host", "quorate.example.org")]));
        assert!(!open(&[("host", "127.0.0.1:8700"), ("x-forwarded-for", "192.0.2.7")]));
        assert!(!open(&[("host", "127.0.0.1:8700"), ("origin", "https://evil.example")]));
    }

    #[test]
    fn loopback_opens_nothing_that_changes_the_node() {
        let (dir, here) = (tempfile::tempdir().expect("a folder"), headers(&[("host", "127.0.0.1:8700")]));
        let tokens = Arc::new(Tokens::open(dir.path()));
        let admits = |role| Access { admin: Admin::Local, tokens: tokens.clone(), role }.admits(&here);

        assert_eq!(Role::ALL.map(admits), [true, false, false]);
    }

    #[test]
    fn a_role_opens_what_takes_it_or_less_and_says_what_it_lacks() {
        let dir = tempfile::tempdir().expect("a folder");
        let (_, secret) = tokens::make(dir.path(), Role::Operate, None, None).expect("a token");
        let tokens = Arc::new(Tokens::open(dir.path()));
        let shown = headers(&[("authorization", &format!("Bearer {secret}"))]);
        let code = |role, headers: &HeaderMap| {
            let access = Access { admin: Admin::Token, tokens: tokens.clone(), role };
            access.check(headers).map_err(|failure| failure.into_parts().0.code)
        };

        assert_eq!((code(Role::Read, &shown), code(Role::Operate, &shown)), (Ok(()), Ok(())));
        assert_eq!(code(Role::Admin, &shown), Err("role".to_owned()));
        assert_eq!(code(Role::Read, &headers(&[])), Err("admin-only".to_owned()));
    }
}
