//! What happened to a conflict, in order: rows that a running hash in the conflict's record vouches for.

use crate::vocabulary::conflict::{Decider, Ending};
use crate::vocabulary::revision::Revision;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{PublicKey, ReplicaId, Time};

/// One thing that happened to a conflict.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ConflictEvent {
    /// The revision that did it; the end of the slot for what is no author's envelope.
    pub revision: Revision,
    /// Ledger time of its slot.
    pub time: Time,
    /// Whose word it is.
    pub by: Actor,
    /// What.
    pub what: ConflictEventKind,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Actor {
    /// Somebody who signed an envelope.
    Author(PublicKey) = 1,
    /// A replica's analyser: an item on its own lane, signed with the bundle that holds it.
    Replica(ReplicaId) = 2,
    /// Nobody: a deadline in ledger time.
    Deadline = 3,
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ConflictEventKind {
    /// Two sides met: 0 stood there, 1 came later.
    Opened = 1,
    /// One more side, of somebody who had not seen the conflict.
    Joined {
        /// Its number.
        side: u32,
    } = 2,
    /// Somebody would have it end so; a side that is there already gains a supporter.
    Proposed {
        /// Number of the side.
        side: u32,
        /// Why.
        reason: String,
    } = 3,
    /// An organisation's vote.
    Voted {
        /// Whose.
        organisation: String,
        /// For which side.
        side: u32,
    } = 4,
    /// A deadline passed, and somebody else decides now.
    Passed {
        /// Who.
        decider: Decider,
        /// Until when; none: for good.
        deadline: Option<Time>,
    } = 5,
    /// It is over.
    Settled {
        /// By what.
        how: Ending,
        /// The side that stands; none where somebody wrote something of their own.
        side: Option<u32>,
    } = 6,
    /// It is decided, and waits for somebody's lock.
    HeldUp {
        /// Ledger time at which the lease is over.
        until: Time,
        /// The path that is locked.
        path: String,
    } = 7,
}
