//! Branches of transactions over several groups, and the groups whose proofs count here.

use crate::format::branch::GlobalTransaction;
use crate::format::two_phase::PATHS_MAX;
use crate::vocabulary::file::File;
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::revision::Revision;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Committee, Constants, Digest, Epoch, PublicKey, SeqNum, Time, bounded};

/// Another group, as far as its proofs have shown it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ForeignGroup {
    /// Name for people.
    pub name: String,
    /// The newest epoch known of it.
    pub epoch: Epoch,
    /// Keys of the members of that epoch; none of a group that was forgotten, of which `seen` alone counts.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub members: Vec<PublicKey>,
    /// The largest slot of a state of it of which something was proved here.
    pub seen: SeqNum,
    /// The revision that made it known, or named its members anew.
    pub since: Revision,
}

impl ForeignGroup {
    /// Whether its proofs count: a group that was forgotten has no members here.
    pub fn is_known(&self) -> bool {
        !self.members.is_empty()
    }

    /// Voters of the newest epoch known.
    pub(crate) fn committee(&self, group: Digest) -> Option<Committee> {
        Committee::new(group, self.epoch, self.members.clone())
    }
}

/// State of a branch. The last two are for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum BranchState {
    /// Promised: nobody else writes its paths.
    Prepared = 1,
    /// The organisations have decided in place of the home whether it takes effect; anybody may carry that out.
    Settled(bool) = 2,
    /// Took effect.
    Committed = 3,
    /// Never takes effect.
    Aborted = 4,
}

/// The group's branch of a transaction, as other groups are shown it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BranchRecord {
    /// The transaction.
    pub transaction: GlobalTransaction,
    /// Whether the branch is the home: its group decides. A group that was restarted since has another id than it names.
    pub is_home: bool,
    /// State of the branch.
    pub state: BranchState,
    /// Number of its domain.
    pub domain: u32,
    /// Author who prepared it.
    pub author: PublicKey,
    /// That author's organisation.
    pub organisation: String,
    /// Envelope that prepared it.
    pub envelope: EnvelopeId,
    /// The revision that prepared it.
    pub prepared: Revision,
    /// Ledger time at which the home's branch is aborted; elsewhere the largest.
    pub until: Time,
    /// The revision that decided it; none before.
    pub decided: Option<Revision>,
}

impl BranchRecord {
    /// Whether its paths are promised still.
    pub fn is_open(&self) -> bool {
        matches!(self.state, BranchState::Prepared | BranchState::Settled(_))
    }
}

/// Writes that a branch has promised, in its domain: none leaves the store before the decision.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Promise {
    /// Files by path, ascending; none for a deletion.
    #[borsh(deserialize_with = "bounded::list::<PATHS_MAX, _, _>")]
    pub(crate) writes: Vec<(String, Option<File>)>,
}
