//! Frames between an observer and the member, or other observer, that serves it.

use borsh::{BorshDeserialize, BorshSerialize};
use quorate_ledger::Level;
use quorate_pbft::{Digest, Epoch, Message, PublicKey, Question, SeqNum};
use std::net::SocketAddr;

/// Version of these frames.
pub const VERSION: u16 = 4;

/// Links between an observer and the nearest member, at most: whoever is told of more has lost its way to them.
pub const HOPS_MAX: u8 = 8;

/// Doors that are named in one frame.
pub const DOORS_MAX: usize = 3;

/// Bytes of the largest envelope that an observer hands on: a change as people make them. A larger one goes to a
/// member's own API.
pub const HANDED_ON_BYTES_MAX: usize = 4 << 20;

/// Characters that are kept of what another node says.
const WORDS_CHARS_MAX: usize = 300;

/// Frame of an observer.
#[derive(Debug, Clone, BorshSerialize, BorshDeserialize)]
pub enum Asking {
    /// The first frame.
    Hello {
        /// Its [`VERSION`].
        version: u16,
        /// Hash of the genesis.
        group: Digest,
    },
    /// Epoch that the observer is in from now on.
    In(Epoch),
    /// A question of its core.
    Ask(Question),
    /// An author's envelope to be ordered.
    Offer {
        /// Names it in the answer.
        number: u64,
        /// Level to wait for.
        level: Level,
        /// Canonical bytes.
        bytes: Vec<u8>,
        /// Observers that have handed it on.
        passed: u8,
    },
    /// A strong read's nonce to be put into the order (R).
    Mark {
        /// Names it in the answer.
        number: u64,
        /// 32 bytes that the reader chose.
        nonce: Digest,
        /// Observers that have handed it on.
        passed: u8,
    },
    /// Address records, packed.
    Records(Vec<u8>),
    /// The first frame of a node that gives its address record and asks for all others, and for nothing else.
    Meet {
        /// Its [`VERSION`].
        version: u16,
        /// Hash of the genesis.
        group: Digest,
        /// Its own record, packed, if it has one.
        records: Vec<u8>,
    },
    /// The first frame of a node that wants to be called here.
    Reserve {
        /// Its [`VERSION`].
        version: u16,
        /// Hash of the genesis.
        group: Digest,
    },
    /// The first frame of an observer that wants to reach a node that is called here.
    Through {
        /// Its [`VERSION`].
        version: u16,
        /// Hash of the genesis.
        group: Digest,
        /// Key of the node.
        to: PublicKey,
    },
    /// The first frame of a node that answers a call.
    Take {
        /// Its [`VERSION`].
        version: u16,
        /// Hash of the genesis.
        group: Digest,
        /// Number in the call.
        circuit: u64,
    },
    /// The first frame of an observer that follows some domains alone.
    HelloOf {
        /// Its [`VERSION`].
        version: u16,
        /// Hash of the genesis.
        group: Digest,
        /// The domains.
        domains: Vec<String>,
    },
    /// A question about the certified state, within these domains.
    State {
        /// Names it in the answer.
        number: u64,
        /// Slot of the state that is wanted, if it is still at hand; else the newest.
        at: Option<SeqNum>,
        /// The question, as `/v1/state` takes it.
        ask: Vec<u8>,
    },
    /// Port of the observer's own door for others. Its host is the one that it comes from.
    Door(u16),
}

impl Asking {
    /// Version and group of a first frame; none of a later one.
    pub fn greets(&self) -> Option<(u16, Digest)> {
        match self {
            Self::Hello { version, group }
            | Self::Meet { version, group, .. }
            | Self::Reserve { version, group }
            | Self::Through { version, group, .. }
            | Self::Take { version, group, .. }
            | Self::HelloOf { version, group, .. } => Some((*version, *group)),
            Self::In(_)
            | Self::Ask(_)
            | Self::Offer { .. }
            | Self::Mark { .. }
            | Self::Records(_)
            | Self::State { .. }
            | Self::Door(_) => None,
        }
    }
}

/// Frame of a member, or of an observer that serves others.
#[derive(Debug, Clone, BorshSerialize, BorshDeserialize)]
pub enum Telling {
    /// The observer is served.
    Welcome,
    /// All places are taken: other doors, of observers that are served here; none to a visitor for addresses.
    Busy(Vec<DoorOf>),
    /// The observer is not served, with the reason.
    Refused(String),
    /// News or an answer for its core.
    Message(Box<Message>),
    /// Answer to [`Asking::Offer`].
    Answer {
        /// The number in the question.
        number: u64,
        /// The answer of the member's API.
        answer: Answered,
    },
    /// Answer to [`Asking::Mark`].
    Marked {
        /// The number in the question.
        number: u64,
        /// The mark, or why there is none.
        outcome: Result<Marked, String>,
    },
    /// Address records, packed; none: there are no more.
    Records(Vec<u8>),
    /// An observer wants to reach the node that reserved.
    Call {
        /// Number to answer with.
        circuit: u64,
    },
    /// Answer to [`Asking::State`].
    State {
        /// The number in the question.
        number: u64,
        /// Part of the state, proved by itself, or why there is none.
        answer: Result<Vec<u8>, String>,
    },
    /// Other doors, for the time when this one is shut.
    Doors(Vec<DoorOf>),
    /// Slots that an observer can hand out; a member says so in its status.
    Holds(Holdings),
}

/// Door of an observer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct DoorOf {
    /// The observer.
    pub key: PublicKey,
    /// Address of the door.
    pub address: SocketAddr,
}

/// Claims of an observer that serves others. Nothing that is held rests on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Holdings {
    /// Its newest executed slot.
    pub executed: SeqNum,
    /// The oldest slot that it still has.
    pub oldest: SeqNum,
    /// Its newest certified checkpoint.
    pub stable: SeqNum,
    /// Links between it and the nearest member; [`HOPS_MAX`] or more: it has lost its way to them.
    pub hops: u8,
}

/// Answer of a member's API.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body.
    pub content_type: String,
    /// Value of `Retry-After`, if there is one.
    pub retry_after: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// An executed read mark.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Marked {
    /// The slot in which it was executed.
    pub seq: SeqNum,
    /// Its readers' nonces.
    pub nonces: Vec<Digest>,
    /// Place of the asker's nonce among them.
    pub place: u32,
}

/// Words of another node, as far as a line holds them: it may say what it likes.
pub fn words(why: &str) -> String {
    why.chars().filter(|letter| !letter.is_control()).take(WORDS_CHARS_MAX).collect()
}

/// A frame as it travels.
pub fn frame(value: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(value).expect("writing into memory cannot fail")
}

/// A frame that came; none if it is not one.
pub fn parse<T: BorshDeserialize>(bytes: &[u8]) -> Option<T> {
    borsh::from_slice(bytes).ok()
}
