//! Frames between nodes, and what a node's step asks of the world.

use super::archive::encoded;
use quorate_pbft::{Message, PublicKey, Question};
use quorate_spread::Word;
use std::sync::Arc;

/// Frame on a link.
pub(super) enum Frame {
    Word(Word),
    Ask(Question),
    Answer(Arc<Message>),
}

impl Frame {
    /// Bytes on the wire, with length and kind.
    pub(super) fn bytes(&self) -> u64 {
        let body = match self {
            Self::Word(word) => encoded(word),
            Self::Ask(question) => encoded(question),
            Self::Answer(message) => encoded(&**message),
        };
        body as u64 + 5
    }
}

/// Demands of a node's step on the world.
#[derive(Default)]
pub(super) struct Outbox {
    pub(super) frames: Vec<(PublicKey, Frame)>,
    pub(super) dials: Vec<PublicKey>,
    pub(super) drops: Vec<PublicKey>,
}

/// Key of a node: its number and a mark.
pub(super) fn key_of(node: usize) -> PublicKey {
    let mut key = [0x5e; 32];
    key[..4].copy_from_slice(&(node as u32).to_be_bytes());
    PublicKey(key)
}

/// Number of a node by its key.
pub(super) fn node_of(key: &PublicKey) -> usize {
    let mut number = [0; 4];
    number.copy_from_slice(&key.0[..4]);
    u32::from_be_bytes(number) as usize
}
