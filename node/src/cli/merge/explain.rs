//! A merge in words: which rung answered, or why none did and what is proposed.

use crate::cli::unified;
use quorate_semantic::{Conflict, Outcome, Piece, report};

/// Words for a merge that git made by lines.
pub const GITS: &str = "The merge by lines of `git merge-file` was written.\n";

/// The words for a merge of `path`.
pub fn words(path: &str, ours: &[u8], outcome: &Outcome) -> String {
    match outcome {
        Outcome::Clean { rung, .. } => format!("{path}: clean.\nThe rung `{}` answered.\n", rung.name()),
        Outcome::Conflict(conflict) => report(conflict, path) + &proposed(conflict, ours),
    }
}

/// Lines that the proposal would write, beside ours where the sides disagree.
fn proposed(conflict: &Conflict, ours: &[u8]) -> String {
    let Some(proposal) = &conflict.proposal else { return String::new() };
    let ours = with_ours(conflict, ours);
    match unified::diff(&String::from_utf8_lossy(&ours), &String::from_utf8_lossy(proposal)) {
        same if same.is_empty() => "It is what ours has.\n".into(),
        lines => format!("In place of what ours has it would write:\n{lines}"),
    }
}

/// The partial merge with what ours has where the sides disagree.
fn with_ours(conflict: &Conflict, ours: &[u8]) -> Vec<u8> {
    if conflict.pieces.is_empty() {
        return ours.to_vec();
    }
    let bytes = |piece: &Piece| match piece {
        Piece::Agreed(bytes) | Piece::Disputed { ours: bytes, .. } => bytes.clone(),
    };
    conflict.pieces.iter().flat_map(bytes).collect()
}
