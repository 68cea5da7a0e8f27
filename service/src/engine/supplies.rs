//! Supplies of peers from the disk: answers count with their bytes.
//!
//! The core answers by the number of questions and counts one that the disk answers as a mebibyte, for it knows no answer. One
//! to a question for a single bundle weighs as much as the largest envelope.

use quorate_pbft::{PublicKey, Time};
use std::collections::BTreeMap;

/// Bytes of answers to one peer in a second (B): half a gigabit. The answer that passes them is the last one.
const BYTES_PER_SECOND_MAX: usize = 64 << 20;

/// Bytes that each peer got in this second.
#[derive(Debug, Default)]
pub(super) struct Supplies {
    second: u64,
    bytes: BTreeMap<PublicKey, usize>,
}

impl Supplies {
    /// Whether a peer gets one more answer.
    pub(super) fn may_have(&mut self, peer: &PublicKey, now: Time) -> bool {
        let second = now.get() / 1_000;
        if self.second != second {
            *self = Self { second, bytes: BTreeMap::new() };
        }
        self.bytes.get(peer).is_none_or(|bytes| *bytes < BYTES_PER_SECOND_MAX)
    }

    /// Counts an answer.
    pub(super) fn note(&mut self, peer: PublicKey, bytes: usize) {
        *self.bytes.entry(peer).or_default() += bytes;
    }
}
