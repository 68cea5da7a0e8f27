//! Known answers, given before a node takes part: a program that answers otherwise than its rules would part the group.

use quorate_ledger::answers::{DOCUMENTS, digest};
use quorate_pbft::Digest;
use std::time::Instant;

/// Program whose answers are not those of its rules.
#[derive(Debug, thiserror::Error)]
#[error(
    "this program does not vote: its answers to {DOCUMENTS} known documents are {found:?}, those of its rules are \
     {expected:?}, and it would part from the group; install the released build, and if it says the same there, do not \
     trust this machine's memory"
)]
pub struct OtherAnswers {
    /// Digest of the answers of the rules.
    pub expected: Digest,
    /// Digest of this program's answers.
    pub found: Digest,
}

/// Compares this program's answers with the expected ones, and tells how long it took.
pub(crate) fn check(expected: &Digest) -> Result<(), OtherAnswers> {
    let began = Instant::now();
    let found = digest();
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if found != *expected {
        return Err(OtherAnswers { expected: *expected, found });
    }
    tracing::info!(event = "answers-checked", documents = DOCUMENTS, took_ms, "this program answers as its rules do");
    Ok(())
}
