//! Plan after a restart: what each group of a cut does once some of them go on from their states of it.

use super::{GroupState, under_way};
use crate::state::branch::{BranchRecord, BranchState, ForeignGroup};
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
    /// Settle a branch to which no proof can be carried as its home ends.
    Settle(TransactionId, bool),
    /// Carry out what was settled.
    Decide(TransactionId),
    /// Look at a branch that was settled otherwise than its home ends, which is this.
    Otherwise(TransactionId, bool),
    /// Settle a branch as its home ends, which the cut does not tell.
    Await(TransactionId),
}

/// Steps after some groups of a cut were restarted from it, in order, each with the group in which it is taken. No home decides by a
/// proof of a group that it has forgotten, so branches are settled after that.
pub fn plan(states: &[&GroupState], restarted: &BTreeSet<Digest>) -> Vec<(Digest, Step)> {
    let (mut steps, mut aborts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for state in states {
        let gone = state.known.iter().filter(|(group, known)| known.is_known() && restarted.contains(group));
        steps.extend(
            gone.flat_map(|(group, _)| [Step::Know(*group), Step::Forget(*group)]).map(|step| (state.group, step)),
        );
    }
    for (id, records) in under_way(states) {
        let Some(transaction) = records.values().next().map(|record| &record.transaction) else { continue };
        if !states.iter().any(|state| restarted.contains(&state.group) && state.takes_part(transaction)) {
            continue;
        }
        let home = transaction.home().and_then(|home| states.iter().copied().find(|state| state.is_of(home)));
        for (state, record) in states.iter().filter_map(|state| Some((state, *records.get(&state.group)?))) {
            match record.is_open() {
                true if !record.is_home => {
                    ends.extend(state.ends(record, home, restarted).map(|step| (state.group, step)))
                }
                true if restarted.contains(&state.group) => aborts.push((state.group, Step::Abort(id))),
                _ => (),
            }
        }
    }
    [steps, aborts, ends].concat()
}

impl GroupState {
    /// Steps that end an open branch here as its home ends.
    fn ends(
        &self,
        record: &BranchRecord,
        home: Option<&Self>,
        restarted: &BTreeSet<Digest>,
    ) -> impl Iterator<Item = Step> + use<> {
        let id = record.transaction.id();
        let proves = |home: &&Self| {
            let is_known = self.known.get(&home.group).is_some_and(ForeignGroup::is_known);
            is_known && record.transaction.home() == Some(&home.group) && !restarted.contains(&home.group)
        };
        let end = home.and_then(|home| home.end(&id, restarted));
        let steps = match (home.filter(proves), record.state, end) {
            (Some(home), ..) => [Some(Step::Follow(id, home.group)), None],
            (_, _, None) => [Some(Step::Await(id)), None],
            (_, BranchState::Settled(settled), Some(end)) if settled == end => [Some(Step::Decide(id)), None],
            (_, BranchState::Settled(_), Some(end)) => [Some(Step::Otherwise(id, end)), None],
            (_, _, Some(end)) => [Some(Step::Settle(id, end)), Some(Step::Decide(id))],
        };
        steps.into_iter().flatten()
    }

    /// End that this home gives a transaction; none while it may decide either. A home that is restarted can only abort what it has
    /// prepared, and prepares nothing any more of which it has no record.
    fn end(&self, id: &TransactionId, restarted: &BTreeSet<Digest>) -> Option<bool> {
        match self.branches.get(id).map(|record| record.state) {
            Some(BranchState::Prepared) if !restarted.contains(&self.group) => None,
            state => Some(state == Some(BranchState::Committed)),
        }
    }
}
