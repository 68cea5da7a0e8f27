//! Observers that a group knows: keys of nodes without a vote, served before strangers. Their acts are of rules 9, in the
//! frame that rules 8 read already.

use crate::format::governance::Act;
use crate::vocabulary::hexed;
use crate::vocabulary::keys::{self, BadKey};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, Ed25519, PublicKey, Signature, Verify, bounded};
use serde::{Deserialize, Serialize};

/// Rules from which on a group enrols observers.
pub const OBSERVERS_SINCE: u32 = 9;
/// Before the bytes that an observer signs.
const OBSERVE: &[u8] = b"quorate/v1/observe\0";
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
    /// The key's signature of [`Observer::signed_bytes`].
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Hex<64>"))]
    pub proof: Signature,
}

impl Observer {
    /// The bytes that the key signs: it agrees to be an observer of this group, for this organisation and these domains, up
    /// to this time.
    pub fn signed_bytes(&self, group: &Digest) -> Vec<u8> {
        let Self { key, organisation, domains, until, proof: _ } = self;
        let said = borsh::to_vec(&(group, key, organisation, domains, until));
        [OBSERVE, &said.expect("writing into memory cannot fail")].concat()
    }

    /// Whether the key may be enrolled in a group so: it is sound, and its owner has signed just that (M4).
    pub fn check(&self, group: &Digest) -> Result<(), BadKey> {
        keys::check(&self.key)?;
        let is_signed = Ed25519.verify(&self.key, &self.signed_bytes(group), &self.proof);
        if is_signed { Ok(()) } else { Err(BadKey::NoPossession) }
    }
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
    /// Number of the acts about observers.
    pub(crate) const NUMBER: u8 = 1;

    /// The act as it is proposed.
    pub fn act(&self) -> Act {
        Act::later(Self::NUMBER, self)
    }

    /// The act about an observer that an act is; none if it is another.
    pub fn of(act: &Act) -> Option<Self> {
        act.as_later(Self::NUMBER)
    }
}
