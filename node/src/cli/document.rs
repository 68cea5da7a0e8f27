//! JSON documents in files: policies, proofs of possession, drafts of a genesis.

use super::failure::Failure;
use super::output;
use quorate_ledger::GENESIS_BYTES_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

/// Bytes of a document: a genesis and the entries beside it in a draft.
const DOCUMENT_BYTES_MAX: usize = 2 * GENESIS_BYTES_MAX;

/// Document in a file; `-` reads standard input.
pub fn read<T: DeserializeOwned>(file: &Path) -> Result<T, Failure> {
    let bytes = bytes(file)?;
    if bytes.is_empty() {
        let what = format!("{} is empty", file.display());
        return Err(Failure::usage(what).next("did the command fail that was to write it?"));
    }
    serde_json::from_slice(&bytes).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}

/// Bytes of a document.
pub fn bytes(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::file(file, error);
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => io::stdin().lock().take(DOCUMENT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes),
        false => fs::File::open(file).map_err(failed)?.take(DOCUMENT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes),
    };
    read.map_err(failed)?;
    within_bounds(file, bytes.len())?;
    Ok(bytes)
}

/// Refuses a document that is too large to be read again.
fn within_bounds(file: &Path, bytes: usize) -> Result<(), Failure> {
    let why = || Failure::usage(format!("{} is larger than {DOCUMENT_BYTES_MAX} bytes: too large", file.display()));
    if bytes > DOCUMENT_BYTES_MAX { Err(why()) } else { Ok(()) }
}

/// Makes a document; a file that is there is never overwritten.
pub fn write_new(file: &Path, document: &impl Serialize) -> Result<(), Failure> {
    write_new_bytes(file, &text(document))
}

/// Makes a file of these bytes; one that is there is never overwritten.
pub fn write_new_bytes(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    within_bounds(file, bytes.len())?;
    output::put_new(file, bytes).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => taken(file),
        _ => Failure::file(file, error),
    })
}

/// Refuses a name that a file has already.
pub fn free(file: &Path) -> Result<(), Failure> {
    if file.symlink_metadata().is_ok() { Err(taken(file)) } else { Ok(()) }
}

fn taken(file: &Path) -> Failure {
    Failure::usage(format!("{} already exists and is left as it was; give another name", file.display()))
}

/// Puts a document in the place of the one that is there, whole or not at all.
pub fn replace(file: &Path, document: &impl Serialize) -> Result<(), Failure> {
    let text = text(document);
    within_bounds(file, text.len())?;
    output::replace(file, &text).map_err(|error| Failure::file(file, error))
}

fn text(document: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(document).expect("a document is plain data");
    text.push(b'\n');
    text
}
