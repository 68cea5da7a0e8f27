//! Proof files that commands write: nothing but an older one of the same kind is ever replaced.

use super::failure::Failure;
use std::fs;
use std::io::Read as _;
use std::path::Path;

/// Refuses a place at which there is something else than a proof: a slip of the keyboard must not cost a file.
pub fn check(out: &Path, tag: &[u8]) -> Result<(), Failure> {
    let Ok(file) = fs::File::open(out) else { return Ok(()) };
    let mut head = Vec::new();
    let read = file.take(tag.len() as u64).read_to_end(&mut head);
    read.map_err(|error| Failure::file(out, error))?;
    if head.is_empty() || head == tag {
        return Ok(());
    }
    let what = format!("{} is there and is no proof; it is left as it was", out.display());
    Err(Failure::usage(what).next("give another name for the proof"))
}

/// Writes a proof, whose first bytes are its tag.
pub fn write(out: &Path, tag: &[u8], proof: &[u8]) -> Result<(), Failure> {
    check(out, tag)?;
    fs::write(out, proof).map_err(|error| Failure::file(out, error))
}
