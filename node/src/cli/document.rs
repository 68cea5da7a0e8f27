//! JSON documents from files: policies and proofs of possession.

use super::failure::Failure;
use serde::de::DeserializeOwned;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

/// Bytes of a document that are read: more than any envelope that could propose it.
const DOCUMENT_BYTES_MAX: u64 = 4 << 20;

/// Document in a file; `-` reads standard input.
pub fn read<T: DeserializeOwned>(file: &Path) -> Result<T, Failure> {
    serde_json::from_slice(&bytes(file)?).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}

/// Bytes of a document.
pub fn bytes(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::file(file, error);
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => io::stdin().lock().take(DOCUMENT_BYTES_MAX).read_to_end(&mut bytes),
        false => fs::File::open(file).map_err(failed)?.take(DOCUMENT_BYTES_MAX).read_to_end(&mut bytes),
    };
    read.map_err(failed)?;
    Ok(bytes)
}
