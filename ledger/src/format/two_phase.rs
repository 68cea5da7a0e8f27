//! Form of the envelopes that prepare and decide a branch of a transaction over several groups.

use crate::format::body::Body;
use crate::format::branch::Branch;
use crate::format::change::Op;
use crate::format::constants::GROUP_DOMAIN;
use crate::format::rules::BRANCHES_SINCE;
use crate::vocabulary::verdict::{Code, Refusal};
use quorate_pbft::{Digest, hash};

/// Locks of one branch: on each path, and for an anchor on the domain.
pub(crate) const PATHS_MAX: usize = 64;

impl Branch {
    /// Hash of the operations of a branch: those after [`Op::Prepare`].
    pub fn change_of(ops: &[Op]) -> Digest {
        hash("quorate/v1/transaction-branch", &ops)
    }
}

/// Whether an envelope prepares or decides a branch.
pub(crate) fn has_step(body: &Body) -> bool {
    let is_step = |op: &Op| matches!(op, Op::Prepare { .. } | Op::Decide { .. });
    body.changes.iter().flat_map(|change| &change.ops).any(is_step)
}

/// Whether an envelope decides a branch: consent was given where that was prepared.
pub(crate) fn decides(body: &Body) -> bool {
    body.changes.iter().flat_map(|change| &change.ops).any(|op| matches!(op, Op::Decide { .. }))
}

/// Whether rules know an envelope at all. To programs before rules 16 one that prepares or decides is no envelope, so under such
/// rules it is none.
pub(crate) fn is_known(body: &Body, rules: u32) -> bool {
    rules >= BRANCHES_SINCE || !has_step(body)
}

/// Refuses an envelope that rules do not know.
pub(crate) fn check(body: &Body, rules: u32) -> Result<(), Refusal> {
    match is_known(body, rules) {
        true => Ok(()),
        false => Err(Refusal::new(Code::Malformed, format!("rules {rules} know no transactions over several groups"))),
    }
}

/// Fault in the form of an envelope that prepares or decides; none for other envelopes.
pub(crate) fn malformed(body: &Body) -> Option<&'static str> {
    has_step(body).then_some(())?;
    let [change] = &body.changes[..] else { return Some("a branch is prepared or decided by an envelope of its own") };
    let (step, ops) = change.ops.split_first()?;
    let paths = ops.iter().filter(|op| matches!(op, Op::Put { .. } | Op::Delete { .. })).count();
    let anchors = ops.iter().filter(|op| matches!(op, Op::Anchor { .. })).count();
    let locks = paths + anchors.min(1);
    let faults = match step {
        Op::Prepare { transaction, .. } => [
            (!transaction.is_well_formed(), "a transaction has branches in domains of 2 to 8 groups, one of each"),
            (paths == 0 || locks > PATHS_MAX, "a branch puts and deletes 1 to 64 files, with an anchor 63"),
            (ops.len() > paths + anchors, "a branch only puts and deletes files"),
        ],
        Op::Decide { .. } => [(!ops.is_empty(), "nothing comes after a decision"), (false, ""), (false, "")],
        _ => return Some("the first operation prepares or decides a branch, or none does"),
    };
    let group = (body.domain == GROUP_DOMAIN, "the group's own domain takes part in no transaction");
    core::iter::once(&group).chain(&faults).find(|(is_so, _)| *is_so).map(|(_, fault)| *fault)
}
