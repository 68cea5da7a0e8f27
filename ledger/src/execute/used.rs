//! Work of a slot that organisations and members have used, from rules 16 on (docs/adr/work-of-one-member.md).

use crate::apply::Spent;
use crate::format::rules::WORK_OF_ONE_SINCE;
use crate::state::abort::Abort;
use crate::validate::submission::Accepted;
use crate::vocabulary::verdict::{Code, NOT_NOW};
use core::time::Duration;
use quorate_pbft::ReplicaId;
use std::collections::BTreeMap;

/// Work in one slot after which an organisation's further envelopes have a share of their budgets, and a member's further analyses
/// do nothing: as long as the whole of one bound of an envelope takes at the worst.
const WORK_MAX: Duration = Duration::from_secs(5);

/// Party for which work is done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Party {
    /// Organisation of authors, for their envelopes and what these let take effect.
    Organisation(String),
    /// Member, for the analyses on its lane.
    Member(ReplicaId),
}

/// Work of a slot so far, for each party.
#[derive(Debug, Default)]
pub(super) struct Used(BTreeMap<Party, Duration>);

impl Used {
    /// Notes work that was done for a party.
    pub(super) fn note(&mut self, by: &Party, time: Duration) {
        if time > Duration::ZERO {
            *self.0.entry(by.clone()).or_default() += time;
        }
    }

    /// Whether a party has used its work of the slot; before rules 16 it has no bound.
    pub(super) fn is_up(&self, by: &Party, rules: u32) -> bool {
        rules >= WORK_OF_ONE_SINCE && self.0.get(by).is_some_and(|used| *used >= WORK_MAX)
    }
}

/// Refuses an envelope for which a share of its budget is too little, or by which more than itself takes effect then. Its author
/// sends it again: in another slot it has a whole budget.
pub(super) fn within(spent: &Spent, judged: Result<Accepted, Abort>) -> Result<Accepted, Abort> {
    let is_beyond = match &judged {
        Err(Abort::Store(_)) => false,
        Err(_) => spent.is_short(),
        Ok(accepted) => spent.is_short() || accepted.has_followers(),
    };
    if !(spent.is_share() && is_beyond) {
        return judged;
    }
    let why = format!("other envelopes of its organisation, or what they let take effect, {NOT_NOW}");
    Err(Abort::refused(Code::Validator, why))
}
