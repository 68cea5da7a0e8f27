//! Parameters of a request, with problems instead of bare text where they do not parse.

use super::problem::Failure;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use quorate_pbft::{Digest, PublicKey};
use serde::de::DeserializeOwned;

/// Components of the path, percent-decoded.
pub struct InPath<T>(pub T);

/// The query.
pub struct InQuery<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Path(value) = Path::from_request_parts(parts, state)
            .await
            .map_err(|error| Failure::bad_request(format!("path: {}", error.body_text())))?;
        Ok(Self(value))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for InQuery<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Query(value) = Query::from_request_parts(parts, state)
            .await
            .map_err(|error| Failure::bad_request(format!("query: {}", error.body_text())))?;
        Ok(Self(value))
    }
}

/// 32 bytes in lower-case hex.
pub fn digest(text: &str) -> Result<Digest, Failure> {
    let mut bytes = [0; 32];
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) if lower => Ok(Digest(bytes)),
        _ => Err(Failure::bad_request(format!("{text:?}: expected 64 digits of lower-case hex"))),
    }
}

/// A public key in lower-case hex.
pub fn key(text: &str) -> Result<PublicKey, Failure> {
    Ok(PublicKey(digest(text)?.0))
}

/// Whether `proof=` asks for a proof file. As text: a query's parts have no types where some are flattened.
pub fn wants_proof(text: Option<&str>) -> Result<bool, Failure> {
    match text.unwrap_or_default() {
        "true" | "1" => Ok(true),
        "false" | "0" | "" => Ok(false),
        other => Err(Failure::bad_request(format!("proof: {other:?} is neither true nor false"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_one_spelling() {
        assert_eq!(digest(&"ab".repeat(32)), Ok(Digest([0xab; 32])));
        assert!(digest(&"AB".repeat(32)).is_err());
        assert!(digest("ab").is_err());
    }
}
