//! Conflicts in words: their classes, who may end one, and how one ended.

use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::name::Principal;
use crate::vocabulary::revision::Revision;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{PublicKey, Time};
use serde::{Deserialize, Serialize};

/// Classes of conflict.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, BorshSerialize, BorshDeserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Class {
    /// The same thing was given two values.
    Value = 1,
    /// Moved, renamed, deleted or reshaped on one side, edited on the other.
    Structural = 2,
    /// A merge as text that a check refuses.
    Semantic = 3,
}

/// Authority that may end a conflict.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Decider {
    /// Any writer who has seen all sides, and a vote of so many organisations, or of ⌊2n/3⌋ + 1.
    Writers(Option<u32>) = 1,
    /// Only this principal.
    Arbiter(Principal) = 2,
}

/// Settlement of a conflict.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Settled {
    /// The revision that did.
    pub revision: Revision,
    /// Its author; where a deadline did it, the author of the side that stands.
    pub author: PublicKey,
    /// Ledger time of its slot.
    pub time: Time,
    /// Ending of the conflict.
    pub how: Ending,
    /// The side that stands; none where somebody wrote something of their own.
    pub side: Option<u32>,
    /// Names the receipt: the envelope that settled it; where votes or a deadline did, the conflict's own id.
    pub receipt: EnvelopeId,
}

/// Ending of a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Ending {
    /// By a change of somebody who had seen all sides and may end it.
    Change = 1,
    /// By the votes of enough organisations.
    Vote = 2,
    /// By `last-writer-wins`, after everything before it in the policy.
    LastWriter = 3,
    /// By `reject`, after everything before it in the policy: what was served stands.
    FirstStands = 4,
}
