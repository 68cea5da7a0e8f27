//! Why the execution of an envelope ends before its end.

use crate::format::change::Dependency;
use crate::state::store::StoreError;
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::path::Shown;
use crate::vocabulary::verdict::{Code, Refusal};
use quorate_pbft::{Digest, PublicKey};

/// A stage said no, something is missing, or the disk failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Abort {
    /// A verdict.
    Refused(Refusal),
    /// No verdict.
    Deferred(DeferReason),
    /// The replica stops.
    Store(StoreError),
}

impl From<Refusal> for Abort {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Abort {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Abort {
    pub(crate) fn refused(code: Code, detail: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(code, detail))
    }

    /// The same, where it happened.
    pub(crate) fn within(self, place: &str) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(refusal.within(place)),
            other => other,
        }
    }

    /// A refusal about a path.
    pub(crate) fn at(code: Code, path: &str, why: &str) -> Self {
        Self::refused(code, format!("{}: {why}", Shown(path)))
    }
}

/// An envelope that was in a slot and got no verdict (A2, A3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deferred {
    /// The envelope.
    pub id: EnvelopeId,
    /// Its author.
    pub author: PublicKey,
    /// Its domain.
    pub domain: String,
    /// Number of its first change.
    pub from_seq: u64,
    /// Number of its last change.
    pub to_seq: u64,
    /// Input that is missing.
    pub why: DeferReason,
}

/// Why an envelope got no verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeferReason {
    /// Its author's number before it is missing: put it on a lane again when the gap has closed.
    Gap {
        /// The number that is next.
        next: u64,
    },
    /// Dependency that has not happened: put it on a lane again later.
    Dependency(Dependency),
    /// Author or domain that is not there yet, and a base that may be good once it is: put it on a lane again later.
    TooEarly,
    /// A content that neither travels along nor stood at its path within the base horizon.
    Content(Digest),
    /// Envelope that had its verdict: the receipt is known.
    Copy,
    /// Its number has had another envelope's verdict.
    Taken,
}
