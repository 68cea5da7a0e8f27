//! Access to answers that tell more of the node than of the group: open on loopback where no token is configured, else
//! with the token.

use super::host;
use super::problem::Failure;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use quorate_pbft::hash_parts;

/// Headers by which a proxy tells that it asks for somebody else, and a browser that a page sends more than a plain GET.
const FOREIGN: [&str; 5] = ["forwarded", "x-forwarded-for", "x-real-ip", "via", "origin"];

/// Access to the node's own answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admin {
    /// Programs of this machine: the address is loopback. A proxy that says so is none.
    Local,
    /// Clients that show this token.
    Token(String),
    /// No client: no token is configured.
    Nobody,
}

impl Admin {
    fn admits(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Local => host::is_loopback(headers) && FOREIGN.iter().all(|name| !headers.contains_key(*name)),
            Self::Nobody => false,
            Self::Token(token) => {
                let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
                let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
                // Hashes are compared, so that the time says nothing about how much of a guess was right.
                hash_parts("quorate/admin", &[shown.as_bytes()]) == hash_parts("quorate/admin", &[token.as_bytes()])
            }
        }
    }
}

/// Lets admins through; where a token would open, 401 asks for it, and 403 refuses another.
pub async fn only(State(admin): State<Admin>, request: Request, next: Next) -> Result<Response, Failure> {
    if admin.admits(request.headers()) {
        return Ok(next.run(request).await);
    }
    let detail = "this is for operators: put a secret into the file admin.token in the replica's folder, start it again, \
        and send the secret as `Authorization: Bearer SECRET`; or ask at the address that `operations` in config.toml names";
    let is_asked = matches!(admin, Admin::Token(_)) && !request.headers().contains_key(header::AUTHORIZATION);
    let status = if is_asked { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
    Err(Failure::new(status, "admin-only", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_the_token_opens_what_has_one() {
        let admin = Admin::Token("secret".to_owned());

        assert!(admin.admits(&headers(&[("authorization", "Bearer secret")])));
        assert!(!admin.admits(&headers(&[("authorization", "Bearer secre"), ("host", "127.0.0.1")])));
        assert!(!admin.admits(&headers(&[("host", "127.0.0.1:8700")])));
        assert!(!Admin::Nobody.admits(&headers(&[("authorization", "Bearer ")])));
    }

    #[test]
    fn loopback_is_open_to_this_machine_and_to_no_proxy_that_says_what_it_is() {
        assert!(Admin::Local.admits(&headers(&[("host", "127.0.0.1:8700")])));
        assert!(!Admin::Local.admits(&headers(&[("host", "quorate.example.org")])));
        assert!(!Admin::Local.admits(&headers(&[("host", "127.0.0.1:8700"), ("x-forwarded-for", "192.0.2.7")])));
        assert!(!Admin::Local.admits(&headers(&[("host", "127.0.0.1:8700"), ("origin", "https://evil.example")])));
    }
}
