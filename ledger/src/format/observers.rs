//! Observers that a group knows: keys of nodes without a vote, served before strangers. Their acts are of rules 9, in the
//! frame that rules 8 read already.

use crate::format::governance::Act;
use crate::vocabulary::hexed;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{PublicKey, bounded};
use serde::{Deserialize, Serialize};

/// Rules from which on a group enrols observers.
pub const OBSERVERS_SINCE: u32 = 9;
/// Number of the acts about observers.
const ACT: u8 = 1;
/// Domains that an observer's entry names.
pub(crate) const OBSERVED_MAX: usize = 64;

/// Observer as it is enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Observer {
    /// Key of the node.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Hex<32>"))]
    pub key: PublicKey,
    /// Organisation that runs it.
    pub organisation: String,
    /// Domains that it follows, ascending; empty: all.
    #[borsh(deserialize_with = "bounded::list::<OBSERVED_MAX, _, _>")]
    pub domains: Vec<String>,
    /// Ledger time at which the enrolment ends, milliseconds since the Unix epoch.
    pub until: u64,
}

/// Act about an observer, in the group.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ObserverAct {
    /// Enrols an observer, or changes what its organisation has enrolled before.
    Enrol(Observer) = 1,
    /// Takes an observer out.
    Revoke(PublicKey) = 2,
}

impl ObserverAct {
    /// The act as it is proposed.
    pub fn act(&self) -> Act {
        Act::Later { number: ACT, body: borsh::to_vec(self).expect("writing into memory cannot fail") }
    }

    /// Whether acts about observers have this number.
    pub(crate) fn is(number: u8) -> bool {
        number == ACT
    }

    /// Reads the body of an act about an observer.
    pub(crate) fn decode(body: &[u8]) -> Option<Self> {
        borsh::from_slice(body).ok()
    }

    /// The act about an observer that an act is; none if it is another.
    pub fn of(act: &Act) -> Option<Self> {
        match act {
            Act::Later { number: ACT, body } => Self::decode(body),
            _ => None,
        }
    }
}
