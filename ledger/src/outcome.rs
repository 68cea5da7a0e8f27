//! What executing a slot gives back.

use crate::conflict::ConflictId;
use crate::governance::ProposalId;
use crate::lock::LockStep;
use crate::receipt::Receipt;
use crate::stop::Unsettled;
use quorate_pbft::{Digest, EvidenceKey, PublicKey, Time};

/// The outcome of one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Root of the state after it.
    pub state_root: Digest,
    /// Evidence in it that is recorded, there or in an earlier slot (E5).
    pub recorded: Vec<EvidenceKey>,
    /// The earliest deadline in ledger time that something waits for (T3).
    pub deadline: Option<Time>,
    /// One for each verdict, in execution order.
    pub receipts: Vec<Receipt>,
    /// Envelopes without a verdict, in execution order (A2).
    pub unsettled: Vec<Unsettled>,
    /// What observers are told beside the receipts.
    pub events: Vec<Event>,
    /// Author and domain of each number that a transaction used in another domain than its receipt's.
    pub moved: Vec<(PublicKey, String)>,
}

/// Something that people want to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A conflict began.
    Opened {
        /// The conflict.
        id: ConflictId,
        /// Its domain.
        domain: String,
        /// Its path.
        path: String,
    },
    /// Something was proposed.
    Proposed {
        /// The proposal.
        id: ProposalId,
        /// The domain in which it is approved.
        domain: String,
    },
    /// Enough organisations agreed.
    Decided {
        /// The proposal.
        id: ProposalId,
        /// The domain in which it was approved.
        domain: String,
    },
    /// A conflict is over.
    Settled {
        /// The conflict.
        id: ConflictId,
        /// Its domain.
        domain: String,
        /// Its path.
        path: String,
    },
    /// Something became of a request for a lock.
    Lock {
        /// Its domain.
        domain: String,
        /// Its path; empty for the root.
        path: String,
        /// Whose request.
        author: PublicKey,
        /// What became of it.
        step: LockStep,
    },
}
