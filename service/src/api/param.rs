//! Parameters of a request, with problems instead of bare text where they do not parse.

use super::problem::Failure;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use quorate_pbft::{Digest, PublicKey};
use serde::de::DeserializeOwned;

/// Components of the path, percent-decoded.
pub struct InPath<T>(pub T);

/// The query; a value that is empty is absent.
pub struct InQuery<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Path(value) = Path::from_request_parts(parts, state)
            .await
            .map_err(|error| Failure::bad_request(format!("path: {}", words(&error.body_text()))))?;
        Ok(Self(value))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for InQuery<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        if !is_utf8(parts.uri.query().unwrap_or_default()) {
            return Err(Failure::bad_request("query: what is percent-encoded is not UTF-8"));
        }
        let Query(value) = Query::try_from_uri(&without_empty(&parts.uri))
            .map_err(|error| Failure::bad_request(format!("query: {}", words(&error.body_text()))))?;
        Ok(Self(value))
    }
}

/// The query alone, without the parameters whose value is empty.
fn without_empty(uri: &Uri) -> Uri {
    let has_value = |part: &&str| part.split_once('=').is_none_or(|(_, value)| !value.is_empty());
    let parts: Vec<&str> = uri.query().unwrap_or_default().split('&').filter(has_value).collect();
    format!("/?{}", parts.join("&")).parse().expect("parts of an address are one")
}

/// A rejection in the words that are new to the client.
fn words(rejection: &str) -> &str {
    let words = rejection.strip_prefix("Failed to deserialize query string: ");
    words.or_else(|| rejection.strip_prefix("Invalid URL: ")).unwrap_or(rejection)
}

/// True if what is percent-encoded is UTF-8, of which nothing is lost when it is read.
fn is_utf8(query: &str) -> bool {
    let (mut decoded, mut rest, mut byte) = (Vec::with_capacity(query.len()), query.as_bytes(), [0]);
    while let Some((first, after)) = rest.split_first() {
        let encoded = after.get(..2).filter(|_| *first == b'%');
        let is_encoded = encoded.is_some_and(|digits| hex::decode_to_slice(digits, &mut byte).is_ok());
        decoded.push(if is_encoded { byte[0] } else { *first });
        rest = if is_encoded { &after[2..] } else { after };
    }
    str::from_utf8(&decoded).is_ok()
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
    match text {
        Some("true" | "1") => Ok(true),
        Some("false" | "0") | None => Ok(false),
        Some(other) => Err(Failure::bad_request(format!("proof: {other:?} is neither true nor false"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_that_would_lose_bytes_is_known() {
        assert!(is_utf8("prefix=%C3%BC/%25&limit=1") && is_utf8("a=%") && is_utf8("a=%zz") && is_utf8("a=\u{fc}"));
        assert!(!is_utf8("prefix=%ff") && !is_utf8("prefix=%C3") && !is_utf8("%c3%28"));
    }

    #[tokio::test]
    async fn a_value_that_is_empty_is_absent() {
        use axum::http::Request;
        use std::collections::BTreeMap;
        let (mut parts, ()) =
            Request::get("/v1?at=&level=causal&from=a%3D&path=x=&nonce=").body(()).expect("a request").into_parts();

        let InQuery(read) =
            InQuery::<BTreeMap<String, String>>::from_request_parts(&mut parts, &()).await.expect("a query");

        let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("from", "a="), ("level", "causal"), ("path", "x=")]);
    }

    #[test]
    fn a_digest_has_one_spelling() {
        assert_eq!(digest(&"ab".repeat(32)), Ok(Digest([0xab; 32])));
        assert!(digest(&"AB".repeat(32)).is_err());
        assert!(digest("ab").is_err());
    }
}
