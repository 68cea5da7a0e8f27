//! An envelope that is candidate: where it waits, or why it does not.

use quorate_ledger::{Envelope, EnvelopeId};
use quorate_pbft::{PublicKey, Time};

/// Bytes that an envelope counts beside its own: its places in the maps here, with copies of its domain's name. Without
/// it a budget of bytes would hold many times as much in small envelopes, each for a domain of its own.
pub(super) const ENTRY_BYTES: usize = 1_024;

/// A checked envelope, as far as waiting goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Names it.
    pub id: EnvelopeId,
    /// Author of the envelope.
    pub author: PublicKey,
    /// Organisation of the author when it came.
    pub organisation: String,
    /// Domain of the envelope.
    pub domain: String,
    /// Its first number.
    pub from_seq: u64,
    /// Its last number.
    pub to_seq: u64,
    /// Its attempt for the first number.
    pub attempt: u64,
    /// The whole of it, canonical.
    pub bytes: Vec<u8>,
}

impl Candidate {
    /// The candidate of a checked envelope; `organisation` is its author's, `bytes` its encoding.
    pub fn new(id: EnvelopeId, envelope: &Envelope, organisation: String, bytes: Vec<u8>) -> Self {
        let body = &envelope.body;
        Self {
            id,
            author: body.author,
            organisation,
            domain: body.domain.clone(),
            from_seq: body.from_seq,
            to_seq: body.to_seq,
            attempt: body.attempt,
            bytes,
        }
    }

    /// Bytes that it takes of the budgets.
    pub(super) fn weight(&self) -> usize {
        self.bytes.len() + ENTRY_BYTES
    }
}

/// Place of a waiting envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Handed to the core for the own lane.
    Lane,
    /// Here, until this number is executed or on the lane.
    Gap {
        /// The number that must come first.
        waits_for: u64,
    },
    /// In the durable queue, until something can be ordered again.
    Queued,
    /// Here, because something else is missing; it is tried again at this ledger time.
    Parked {
        /// When.
        until: Time,
        /// Why.
        lacks: Lack,
    },
}

/// Input that a parked envelope lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// Room on the own lane.
    Room,
    /// Its domain, or the enrolment of its author.
    Place,
    /// Dependency that has not happened.
    Dependency,
    /// A content that neither travels along nor is held.
    Content,
}

impl Place {
    /// Whether the envelope could be ordered now: it has no gap before it, and lacks room at most.
    pub fn is_orderable(self) -> bool {
        matches!(self, Self::Lane | Self::Queued | Self::Parked { lacks: Lack::Room, .. })
    }

    /// Input that it lacks where it is parked.
    pub fn lacks(self) -> Option<Lack> {
        match self {
            Self::Parked { lacks, .. } => Some(lacks),
            Self::Lane | Self::Gap { .. } | Self::Queued => None,
        }
    }

    /// Whether it waits here for something else than a number: it is in no lane.
    pub fn is_parked(self) -> bool {
        self.lacks().is_some()
    }

    /// Name for the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lane => "lane",
            Self::Gap { .. } => "gap",
            Self::Queued => "queue",
            Self::Parked { .. } => "parked",
        }
    }

    /// With a gap before it, the number that must come first.
    pub fn waits_for(self) -> Option<u64> {
        match self {
            Self::Gap { waits_for } => Some(waits_for),
            Self::Lane | Self::Queued | Self::Parked { .. } => None,
        }
    }
}

/// Why an envelope does not wait here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Durable queue without room.
    #[error("the queue for changes that wait for a quorum has no room for more of the organisation")]
    QueueFull,
    /// Durable queue without room for more of one author.
    #[error("the queue for changes that wait for a quorum has no room for more of this author")]
    QueueShareFull,
    /// Another envelope holds one of its numbers.
    #[error("another envelope holds number {from_seq} or one after it; {next_seq} is free")]
    SequenceTaken {
        /// First number of the envelope.
        from_seq: u64,
        /// The first free number.
        next_seq: u64,
    },
    /// The envelope begins below the next number and is no copy.
    #[error("it begins at {from_seq}, the next number is {next_seq}")]
    Overlap {
        /// First number of the envelope.
        from_seq: u64,
        /// The next number.
        next_seq: u64,
    },
    /// Too far ahead.
    #[error("it begins at {from_seq}, too far above the next number {next_seq}")]
    GapTooWide {
        /// First number of the envelope.
        from_seq: u64,
        /// The next number.
        next_seq: u64,
    },
    /// No room: come again later.
    #[error("too much of this author waits here already")]
    AuthorFull,
    /// No room: come again later.
    #[error("too much of this author's organisation waits here already")]
    OrganisationFull,
    /// No room: come again later.
    #[error("too much waits here already")]
    Full,
}
