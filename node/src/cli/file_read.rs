//! Reads of one file: its content at a revision, or its proof.

use super::failure::Failure;
use super::level::Fresh;
use quorate_client::content;
use quorate_client::http::{Answer, Client, ClientError};

/// The address of a file below `/v1`, each component by itself.
pub fn segments<'a>(domain: &'a str, path: &'a str) -> Vec<&'a str> {
    ["domains", domain, "files"].into_iter().chain(path.split('/')).collect()
}

/// A file and how fresh the answer must be.
pub struct FileRead<'a> {
    pub domain: &'a str,
    pub path: &'a str,
    pub fresh: &'a Fresh,
}

impl FileRead<'_> {
    /// The file at a revision; at the newest of the asked level where none is named.
    pub async fn content(&self, client: &Client, at: &str) -> Result<Answer, Failure> {
        let level = if at.is_empty() { self.fresh.level() } else { "" };
        let file = client.get_bytes(&segments(self.domain, self.path), &[("at", at), ("level", level)]).await?;
        check(client, &file)?;
        Ok(file)
    }

    /// The proof file; `nonce` makes a strong read the reader's own.
    pub async fn proof(&self, client: &Client, nonce: &str) -> Result<Vec<u8>, Failure> {
        let query = [("proof", "true"), ("level", self.fresh.level()), ("nonce", nonce)];
        Ok(client.get_bytes(&segments(self.domain, self.path), &query).await?.body)
    }
}

/// File of a domain in the state of a revision, held against its hash; none where nothing stands at the path.
pub async fn at(client: &Client, domain: &str, path: &str, revision: &str) -> Result<Option<Answer>, Failure> {
    match client.get_bytes(&segments(domain, path), &[("at", revision)]).await {
        Ok(file) => check(client, &file).map(|()| Some(file)),
        Err(ClientError::Refused(problem)) if problem.status == 404 => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Holds a content against the hash that came with it.
fn check(client: &Client, file: &Answer) -> Result<(), Failure> {
    let (named, found) = (file.header("etag").unwrap_or_default().trim_matches('"'), content::digest(&file.body));
    if named == found.to_string() {
        return Ok(());
    }
    let why = format!("the content hashes to {found}, the state names {named}; its disk may be damaged");
    Err(client.garbled(why).into())
}
