//! Proof files that commands write: nothing but an older proof is ever replaced.

use super::failure::Failure;
use quorate_ledger::proof;
use std::fs;
use std::io::Read as _;
use std::path::Path;

/// Refuses a place at which there is something else than a proof: a slip of the keyboard must not cost a file.
pub fn check(out: &Path) -> Result<(), Failure> {
    let Ok(file) = fs::File::open(out) else { return Ok(()) };
    let mut head = Vec::new();
    let read = file.take(proof::TAG.len() as u64).read_to_end(&mut head);
    read.map_err(|error| Failure::file(out, error))?;
    if head.is_empty() || head == proof::TAG {
        return Ok(());
    }
    let what = format!("{} is there and is no proof; it is left as it was", out.display());
    Err(Failure::usage(what).next("give another name for the proof"))
}

/// Writes a proof.
pub fn write(out: &Path, proof: &[u8]) -> Result<(), Failure> {
    check(out)?;
    fs::write(out, proof).map_err(|error| Failure::file(out, error))
}
