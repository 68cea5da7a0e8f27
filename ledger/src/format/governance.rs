//! Governance: people, organisations, domains and their policies, as ordered changes.

use crate::format::membership::Reconfiguration;
use crate::policy::{DomainPolicy, GroupPolicy};
use crate::vocabulary::hexed;
use crate::vocabulary::revision::Revision;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{PublicKey, Signature, bounded};
use serde::{Deserialize, Serialize};

/// Bytes of an act that later rules define.
const LATER_BYTES_MAX: usize = 16 << 10;
/// Bytes of such an act that count as one entry.
const LATER_BYTES_PER_ENTRY: usize = 64;

/// Act that can be proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "act", deny_unknown_fields)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Act {
    /// In a domain: a new policy for it.
    SetPolicy {
        /// The whole policy.
        policy: DomainPolicy,
    } = 1,
    /// In the group: a new domain.
    CreateDomain {
        /// Its name.
        name: String,
        /// Its policy.
        policy: DomainPolicy,
    } = 2,
    /// In the group: what it takes to decide there.
    SetGroupPolicy {
        /// The whole policy.
        policy: GroupPolicy,
    } = 3,
    /// In the group: a new organisation.
    AddOrganisation {
        /// Its name.
        name: String,
    } = 4,
    /// In the group: an author of any organisation, such as the first of a new one.
    Enrol {
        /// The author's key.
        #[serde(with = "hexed")]
        #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Hex<32>"))]
        key: PublicKey,
        /// Organisation to which the key will belong.
        organisation: String,
        /// The key's signature of [`crate::keys::possession_bytes`].
        #[serde(with = "hexed")]
        #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Hex<64>"))]
        proof: Signature,
    } = 5,
    /// In the group: a new policy for a domain that cannot change its own any more, because too few organisations have a
    /// voice there, or nobody can write. In any other domain it is nothing that can be done.
    Rescue {
        /// The domain.
        name: String,
        /// The whole policy.
        policy: DomainPolicy,
    } = 7,
    /// In the group: an author of any organisation loses the key.
    Revoke {
        /// The author's key.
        #[serde(with = "hexed")]
        #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Hex<32>"))]
        key: PublicKey,
    } = 6,
    /// In the group: another member list, from the next epoch on.
    Reconfigure {
        /// Members to add, remove, re-key or order anew.
        change: Reconfiguration,
    } = 8,
    /// In the group: an act that later rules define. Under rules that do not know its number it is nothing that can be done,
    /// so that whoever reads its encoding need not know the rules in force.
    Later {
        /// Number of the act.
        number: u8,
        /// Its encoding.
        #[serde(with = "hexed::bytes")]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        #[borsh(deserialize_with = "bounded::list::<LATER_BYTES_MAX, _, _>")]
        body: Vec<u8>,
    } = 9,
}

impl Act {
    /// Act of later rules with this number.
    pub(crate) fn later(number: u8, act: &impl BorshSerialize) -> Self {
        Self::Later { number, body: borsh::to_vec(act).expect("writing into memory cannot fail") }
    }

    /// The act of later rules with this number that it is; none if it is another.
    pub(crate) fn as_later<A: BorshDeserialize>(&self, of: u8) -> Option<A> {
        match self {
            Self::Later { number, body } if *number == of => borsh::from_slice(body).ok(),
            _ => None,
        }
    }

    /// Entries of all lists in it.
    pub(crate) fn entries(&self) -> usize {
        match self {
            Self::SetPolicy { policy } | Self::CreateDomain { policy, .. } | Self::Rescue { policy, .. } => {
                policy.entries()
            }
            Self::SetGroupPolicy { policy } => policy.approvals.by.len(),
            Self::Reconfigure { change } => change.entries(),
            Self::Later { body, .. } => body.len().div_ceil(LATER_BYTES_PER_ENTRY),
            Self::AddOrganisation { .. } | Self::Enrol { .. } | Self::Revoke { .. } => 0,
        }
    }

    /// Whether it is proposed in the group's own domain.
    pub fn concerns_group(&self) -> bool {
        !matches!(self, Self::SetPolicy { .. })
    }
}

/// A proposal and who agrees.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proposal {
    /// Author of the proposal.
    pub author: PublicKey,
    /// The revision that made it.
    pub since: Revision,
    /// Act that is proposed.
    pub act: Act,
    /// Organisations that agree, ascending; the proposer's is one of them.
    pub approvals: Vec<String>,
    /// End of the proposal; none while it is open.
    pub end: Option<ProposalEnd>,
}

/// End of a proposal.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProposalEnd {
    /// The revision that ended it.
    pub revision: Revision,
    /// Manner of the end.
    pub how: ProposalFate,
}

/// Manner in which a proposal ends.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ProposalFate {
    /// Enough agreed, and it took effect there.
    Effective = 1,
    /// Enough agreed, and for this reason it could not be done any more.
    Failed(String) = 2,
    /// Its author took it back.
    Withdrawn = 3,
}
