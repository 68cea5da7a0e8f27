//! Log of a conflict, in order: rows that a running hash in the conflict's record vouches for.

use crate::vocabulary::conflict::{Decider, Ending};
use crate::vocabulary::revision::Revision;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{PublicKey, Time};

/// Event in a conflict's log.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ConflictEvent {
    /// The revision that did it; the end of the slot for what is no author's envelope.
    pub revision: Revision,
    /// Ledger time of its slot.
    pub time: Time,
    /// Actor of the event.
    pub by: Actor,
    /// Kind of the event.
    pub what: ConflictEventKind,
}

/// Actor in a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Actor {
    /// Signer of an envelope.
    Author(PublicKey) = 1,
    /// A replica's analyser, by the member's key: an item on its own lane, signed with the bundle that holds it.
    Replica(PublicKey) = 2,
    /// Deadline in ledger time, which nobody signs.
    Deadline = 3,
}

/// Kind of an event.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ConflictEventKind {
    /// Two sides met: 0 stood there, 1 came later.
    Opened = 1,
    /// Side of an author who had not seen the conflict.
    Joined {
        /// Its number.
        side: u32,
    } = 2,
    /// Resolution that is proposed; a side that is there already gains a supporter.
    Proposed {
        /// Number of the side.
        side: u32,
        /// Why.
        reason: String,
    } = 3,
    /// An organisation's vote.
    Voted {
        /// Organisation that voted.
        organisation: String,
        /// For which side.
        side: u32,
    } = 4,
    /// A deadline passed, and somebody else decides now.
    Passed {
        /// Authority that decides from here on.
        decider: Decider,
        /// Until when; none: for good.
        deadline: Option<Time>,
    } = 5,
    /// Conflict settled.
    Settled {
        /// By what.
        how: Ending,
        /// The side that stands; none where somebody wrote something of their own.
        side: Option<u32>,
    } = 6,
    /// Decision reached; a lock holds it up.
    HeldUp {
        /// Ledger time at which the lease is over.
        until: Time,
        /// The path that is locked.
        path: String,
    } = 7,
}
