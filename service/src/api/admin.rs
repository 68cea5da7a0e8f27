//! Access to answers that tell more of the node than of the group: open on loopback; elsewhere they need the admin
//! token.

use super::problem::Failure;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use quorate_pbft::hash_parts;

/// Access to the node's own answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admin {
    /// Open to every client that reaches the address: it is loopback.
    Everybody,
    /// Open to clients that show this token.
    Token(String),
    /// Closed: no token is configured.
    Nobody,
}

impl Admin {
    fn admits(&self, request: &Request) -> bool {
        match self {
            Self::Everybody => true,
            Self::Nobody => false,
            Self::Token(token) => {
                let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
                let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
                // Hashes are compared, so that the time says nothing about how much of a guess was right.
                hash_parts("quorate/admin", &[shown.as_bytes()]) == hash_parts("quorate/admin", &[token.as_bytes()])
            }
        }
    }
}

/// Lets admins through.
pub async fn only(State(admin): State<Admin>, request: Request, next: Next) -> Result<Response, Failure> {
    if admin.admits(&request) {
        return Ok(next.run(request).await);
    }
    let detail = "this API is not on loopback: send the token of admin.token as `Authorization: Bearer TOKEN`";
    Err(Failure::new(StatusCode::FORBIDDEN, "admin-only", detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn request(authorization: Option<&str>) -> Request {
        let builder = Request::builder();
        let builder = authorization.into_iter().fold(builder, |builder, value| builder.header("authorization", value));
        builder.body(Body::empty()).unwrap()
    }

    #[test]
    fn only_the_token_opens_what_is_not_on_loopback() {
        let admin = Admin::Token("secret".to_owned());

        assert!(admin.admits(&request(Some("Bearer secret"))));
        assert!(!admin.admits(&request(Some("Bearer secre"))));
        assert!(!admin.admits(&request(None)));
        assert!(!Admin::Nobody.admits(&request(Some("Bearer "))));
        assert!(Admin::Everybody.admits(&request(None)));
    }
}
