//! Plan after a restart: what each group of a cut does once some of them go on from their states of it.

use super::{GroupState, under_way};
use crate::state::branch::{BranchRecord, BranchState};
use crate::vocabulary::ids::TransactionId;
use quorate_pbft::Digest;
use std::collections::BTreeSet;

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
        let gone = state.known.iter().filter(|(group, known)| known.is_known() && restarted.contains(group));
        steps.extend(
            gone.flat_map(|(group, _)| [Step::Know(*group), Step::Forget(*group)]).map(|step| (state.group, step)),
        );
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
