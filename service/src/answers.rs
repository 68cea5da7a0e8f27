//! Known answers, given before a node takes part: a program that answers otherwise than its rules would part the group.

use crate::shelter::sheltered;
use quorate_ledger::answers::{DOCUMENTS, digest};
use quorate_pbft::Digest;
use std::sync::LazyLock;
use std::time::Instant;

/// Advice to whoever runs a program whose answers are not those of its rules.
pub const ADVICE: &str =
    "install the released build, and if it says the same there, do not trust this machine's memory";

/// Program whose answers are not those of its rules.
#[derive(Debug, thiserror::Error)]
#[error("this program does not vote: {}, and it would part from the group; {ADVICE}", self.why())]
pub struct OtherAnswers {
    /// Digest of the answers of the rules.
    pub expected: Digest,
    /// Digest of this program's answers; none where it panicked over one.
    pub found: Option<Digest>,
}

impl OtherAnswers {
    /// Answers that were found and expected, without advice.
    pub fn why(&self) -> String {
        let found = self.found.map_or_else(|| "a panic".to_owned(), |found| format!("{found:?}"));
        format!(
            "its answers to {DOCUMENTS} known documents and signatures are {found}, those of its rules are {:?}",
            self.expected
        )
    }
}

/// Digest of this program's answers, made once in a process; none where it panicked over one.
static FOUND: LazyLock<Option<Digest>> = LazyLock::new(|| sheltered(digest));

/// Compares this program's answers with the expected ones, and tells how long it took.
pub fn check(expected: &Digest) -> Result<(), OtherAnswers> {
    let began = Instant::now();
    let found = *FOUND;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if found != Some(*expected) {
        return Err(OtherAnswers { expected: *expected, found });
    }
    tracing::info!(event = "answers-checked", documents = DOCUMENTS, took_ms, "this program answers as its rules do");
    Ok(())
}
