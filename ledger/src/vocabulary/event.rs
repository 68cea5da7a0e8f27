//! Events: what observers are told of an execution, beside its receipts.

use crate::vocabulary::ids::{ConflictId, ProposalId};
use crate::vocabulary::lock::LockStep;
use quorate_pbft::PublicKey;

/// Event that people want to hear of.
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
    /// New proposal.
    Proposed {
        /// The proposal.
        id: ProposalId,
        /// The domain in which it is approved.
        domain: String,
    },
    /// Enough organisations agreed, or its author took it back.
    Decided {
        /// The proposal.
        id: ProposalId,
        /// The domain in which it was proposed.
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
    /// Step of a request for a lock.
    Lock {
        /// Its domain.
        domain: String,
        /// Its path; empty for the root.
        path: String,
        /// Author of the request.
        author: PublicKey,
        /// Step of the request.
        step: LockStep,
    },
}
