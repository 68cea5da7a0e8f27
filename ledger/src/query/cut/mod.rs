//! Cuts across groups: states of several groups, one of each, of which none knows of anything beyond another (Chandy and Lamport,
//! "Distributed Snapshots", 1985). The messages between groups are proofs; a group that takes one notes the slot of its state.

mod plan;

use crate::format::branch::GlobalTransaction;
use crate::state::branch::{BranchRecord, BranchState, ForeignGroup};
use crate::vocabulary::ids::TransactionId;
use quorate_pbft::{Digest, Epoch, SeqNum, Time, hash};
use std::collections::BTreeMap;

pub use plan::{Step, plan};

/// State of a group, as far as other groups have to do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupState {
    /// The group: the hash of its genesis.
    pub group: Digest,
    /// Groups from which it goes on, by restarts.
    pub before: Vec<Digest>,
    /// Epoch of the state.
    pub epoch: Epoch,
    /// Slot of the state.
    pub seq: SeqNum,
    /// Ledger time of the state.
    pub time: Time,
    /// Root of the state.
    pub state_root: Digest,
    /// Other groups that are known there, or were.
    pub known: BTreeMap<Digest, ForeignGroup>,
    /// Branches of transactions over several groups, the decided ones as well.
    pub branches: BTreeMap<TransactionId, BranchRecord>,
}

/// Knowledge in one state of a cut of what lies beyond another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Group whose state is too old.
    pub behind: Digest,
    /// Group whose state knows more of it.
    pub ahead: Digest,
    /// Knowledge that lies beyond.
    pub beyond: Beyond,
}

/// Fact of a group that its state in the cut does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Beyond {
    /// A slot that was seen by a proof.
    #[error("slot {seen} of it was seen there, and its state is of slot {at}")]
    Slot {
        /// Largest slot that was seen.
        seen: SeqNum,
        /// Slot of the state.
        at: SeqNum,
    },
    /// The record of a branch without which no home commits.
    #[error("transaction {0} is committed there, and it has no record of its own branch")]
    Record(TransactionId),
}

/// Gaps between states of different groups; a cut is consistent where there are none.
///
/// Slots tell all of it but for a home outside: what it has seen before it committed is known by the records alone.
pub fn gaps(states: &[&GroupState]) -> Vec<Gap> {
    let of = |group: &Digest| states.iter().copied().find(|state| state.group == *group);
    let mut gaps = Vec::new();
    for ahead in states {
        let mut add = |behind: &GroupState, beyond| {
            gaps.push(Gap { behind: behind.group, ahead: ahead.group, beyond });
        };
        for (group, &ForeignGroup { seen, .. }) in &ahead.known {
            if let Some(behind) = of(group).filter(|behind| behind.seq < seen) {
                add(behind, Beyond::Slot { seen, at: behind.seq });
            }
        }
        for (id, record) in ahead.committed().filter(|(_, record)| record.transaction.home().and_then(of).is_none()) {
            let others = record.transaction.branches.iter().filter_map(|branch| of(&branch.group));
            others.filter(|other| !other.branches.contains_key(id)).for_each(|other| add(other, Beyond::Record(*id)));
        }
    }
    gaps
}

impl GroupState {
    /// Whether this group goes by that id, or went by it before a restart.
    pub fn is_of(&self, group: &Digest) -> bool {
        self.group == *group || self.before.contains(group)
    }

    /// Whether the group has a branch of a transaction.
    pub fn takes_part(&self, transaction: &GlobalTransaction) -> bool {
        transaction.branches.iter().any(|branch| self.is_of(&branch.group))
    }

    fn committed(&self) -> impl Iterator<Item = (&TransactionId, &BranchRecord)> {
        self.branches.iter().filter(|(_, record)| record.state == BranchState::Committed)
    }
}

/// One hash of a cut, whatever the order of its groups.
pub fn seal(states: &[&GroupState]) -> Digest {
    let named = |state: &&GroupState| (state.group, state.epoch, state.seq, state.state_root);
    let mut named: Vec<_> = states.iter().map(named).collect();
    named.sort_unstable();
    hash("quorate/v1/cut", &named)
}

/// Records of a transaction by the groups of a cut that have one.
pub type Records<'a> = BTreeMap<Digest, &'a BranchRecord>;

/// Transactions under way in a cut: neither committed in each state that takes part, nor aborted wherever there is a record of them.
pub fn under_way<'a>(states: &[&'a GroupState]) -> BTreeMap<TransactionId, Records<'a>> {
    let mut all: BTreeMap<TransactionId, Records<'a>> = BTreeMap::new();
    for state in states {
        for (id, record) in &state.branches {
            all.entry(*id).or_default().insert(state.group, record);
        }
    }
    let ended = |records: &Records<'_>, end| records.values().all(|record| record.state == end);
    let lacks = |records: &Records<'_>, state: &GroupState| {
        !records.contains_key(&state.group) && records.values().any(|record| state.takes_part(&record.transaction))
    };
    all.retain(|_, records| match ended(records, BranchState::Committed) {
        true => states.iter().any(|state| lacks(records, state)),
        false => !ended(records, BranchState::Aborted),
    });
    all
}
