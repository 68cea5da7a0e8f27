//! Cuts across groups: states of several groups, one of each, of which none knows of anything beyond another (Chandy and Lamport,
//! "Distributed Snapshots", 1985). The messages between groups are proofs; a group that takes one notes the slot of its state.

use crate::state::branch::{BranchRecord, BranchState, ForeignGroup};
use crate::vocabulary::ids::TransactionId;
use quorate_pbft::{Digest, Epoch, SeqNum, Time, hash};
use std::collections::{BTreeMap, BTreeSet};

/// State of a group, as far as other groups have to do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupState {
    /// The group: the hash of its genesis.
    pub group: Digest,
    /// Epoch of the state.
    pub epoch: Epoch,
    /// Slot of the state.
    pub seq: SeqNum,
    /// Ledger time of the state.
    pub time: Time,
    /// Root of the state.
    pub state_root: Digest,
    /// Other groups that are known there.
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
    /// A record of a branch.
    #[error("transaction {0} stands there by its word, and it has no record of that")]
    Record(TransactionId),
    /// A decision of the home.
    #[error("transaction {0} is decided there, and not in it, which is the home")]
    Decision(TransactionId),
}

/// Gaps between states of different groups; a cut is consistent where there are none.
pub fn gaps(states: &[&GroupState]) -> Vec<Gap> {
    let of = |group: &Digest| states.iter().copied().find(|state| state.group == *group);
    let mut gaps = Vec::new();
    for ahead in states {
        let beyond = |behind: &GroupState, beyond| Gap { behind: behind.group, ahead: ahead.group, beyond };
        for (group, &ForeignGroup { seen, .. }) in &ahead.known {
            let behind = of(group).filter(|behind| behind.seq < seen);
            gaps.extend(behind.map(|behind| beyond(behind, Beyond::Slot { seen, at: behind.seq })));
        }
        for (id, record) in &ahead.branches {
            let groups = record.transaction.branches.iter().map(|branch| &branch.group);
            for behind in groups.filter(|group| **group != ahead.group).filter_map(of) {
                gaps.extend(ahead.beyond(behind, (id, record)).map(|fact| beyond(behind, fact)));
            }
        }
    }
    gaps
}

impl GroupState {
    /// Fact on which the record of a branch here rests, and which the state of another of its groups does not have. Slots show
    /// as much, but for a group that was forgotten meanwhile and is known anew.
    fn beyond(&self, behind: &Self, (id, record): (&TransactionId, &BranchRecord)) -> Option<Beyond> {
        let is_home = record.transaction.home() == Some(&behind.group);
        match behind.branches.get(id) {
            None if is_home || record.is_home && record.state == BranchState::Committed => Some(Beyond::Record(*id)),
            Some(theirs) if is_home && theirs.is_open() && !record.is_open() && !self.has_seen(behind, record) => {
                Some(Beyond::Decision(*id))
            }
            _ => None,
        }
    }

    /// Whether slots of the home were noted from before the decision of a branch on: a decision by proof is not beyond them, so one
    /// that is was settled here.
    fn has_seen(&self, home: &Self, record: &BranchRecord) -> bool {
        let known = self.known.get(&home.group);
        known.zip(record.decided).is_some_and(|(known, decided)| known.since < decided)
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

/// Transactions under way in a cut: not committed wherever there is a record of them, nor aborted.
pub fn under_way<'a>(states: &[&'a GroupState]) -> BTreeMap<TransactionId, Records<'a>> {
    let mut all: BTreeMap<TransactionId, Records<'a>> = BTreeMap::new();
    for state in states {
        for (id, record) in &state.branches {
            all.entry(*id).or_default().insert(state.group, record);
        }
    }
    let ended = |records: &Records<'_>, end| records.values().all(|record| record.state == end);
    all.retain(|_, records| !ended(records, BranchState::Committed) && !ended(records, BranchState::Aborted));
    all
}

/// Step after groups of a cut were restarted from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Know the group that goes on from this one.
    Know(Digest),
    /// Take no proof of the group that is over: statements of its members may be about.
    Forget(Digest),
    /// Have the home abort what it has prepared, or wait until its lease is over.
    Abort(TransactionId),
    /// Carry the decision of a home that was not restarted to a branch.
    Follow(TransactionId, Digest),
    /// Settle a branch whose home was restarted as that one ends.
    Settle(TransactionId, bool),
    /// Carry out what was settled.
    Decide(TransactionId),
    /// Settle a branch as its home ends, which is not in the cut.
    Await(TransactionId),
}

/// Steps after some groups of a cut were restarted from it, in order, each with the group in which it is taken. No home decides by a
/// proof of a group that it has forgotten, so branches are settled after that.
pub fn plan(states: &[&GroupState], restarted: &BTreeSet<Digest>) -> Vec<(Digest, Step)> {
    let mut steps = Vec::new();
    for state in states {
        let gone = state.known.keys().filter(|group| restarted.contains(group));
        steps.extend(gone.flat_map(|group| [Step::Know(*group), Step::Forget(*group)]).map(|step| (state.group, step)));
    }
    let under_way = under_way(states);
    for (id, records) in &under_way {
        let waits = |record: &BranchRecord| record.is_home && record.is_open();
        let homes = records.iter().filter(|(group, record)| waits(record) && restarted.contains(group));
        steps.extend(homes.map(|(group, _)| (*group, Step::Abort(*id))));
    }
    for (id, records) in &under_way {
        let home = records.iter().find(|(_, record)| record.is_home).map(|(group, record)| (*group, record.state));
        for (group, record) in records.iter().filter(|(_, record)| record.is_open() && !record.is_home) {
            let ends = match (record.state, home) {
                (BranchState::Settled(_), _) => vec![Step::Decide(*id)],
                (_, Some((home, state))) if restarted.contains(&home) => {
                    vec![Step::Settle(*id, state == BranchState::Committed), Step::Decide(*id)]
                }
                (_, Some((home, _))) => vec![Step::Follow(*id, home)],
                (_, None) => vec![Step::Await(*id)],
            };
            steps.extend(ends.into_iter().map(|step| (*group, step)));
        }
    }
    steps
}
