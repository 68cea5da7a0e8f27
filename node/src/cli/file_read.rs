//! Reads of one file: its content at a revision, or its proof.

use super::failure::Failure;
use super::reach::Freshness;
use quorate_client::http::{Answer, Client};

/// The address of a file below `/v1`, each component by itself.
pub fn segments<'a>(domain: &'a str, path: &'a str) -> Vec<&'a str> {
    ["domains", domain, "files"].into_iter().chain(path.split('/')).collect()
}

/// A file and how fresh the answer must be.
pub struct FileRead<'a> {
    pub domain: &'a str,
    pub path: &'a str,
    pub freshness: &'a Freshness,
}

impl FileRead<'_> {
    /// The file at a revision; at the newest of the asked level where none is named.
    pub async fn content(&self, client: &Client, at: &str) -> Result<Answer, Failure> {
        let level = if at.is_empty() { self.freshness.level() } else { "" };
        Ok(client.get_bytes(&segments(self.domain, self.path), &[("at", at), ("level", level)]).await?)
    }

    /// The proof file; `nonce` makes a strong read the reader's own.
    pub async fn proof(&self, client: &Client, nonce: &str) -> Result<Vec<u8>, Failure> {
        let query = [("proof", "true"), ("level", self.freshness.level()), ("nonce", nonce)];
        Ok(client.get_bytes(&segments(self.domain, self.path), &query).await?.body)
    }
}
