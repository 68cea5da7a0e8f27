//! Work that parties have used of a slot, and what one may do that has used its own (docs/adr/work-of-one-member.md).

use crate::apply::Spent;
use crate::state::abort::Abort;
use crate::state::name;
use crate::validate::submission::Accepted;
use crate::vocabulary::verdict::{Code, NOT_NOW};
use core::time::Duration;
use quorate_pbft::PublicKey;
use std::collections::BTreeMap;

/// Party for which work is done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Party {
    /// Organisation of authors, for their envelopes and what these let take effect.
    Organisation(String),
    /// Member, for the analyses on its lane.
    Member(PublicKey),
}

impl Party {
    /// Name of the entry of what it owes, in the group's tree.
    pub(super) fn entry(&self) -> Vec<u8> {
        match self {
            Self::Organisation(name) => name::work_of_organisation(name),
            Self::Member(key) => name::work_of_member(key),
        }
    }
}

/// Work of a party.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Work that it owes from earlier slots, if there is an entry of it.
    pub(super) owed: Option<Duration>,
    /// Work of this slot.
    pub(super) done: Duration,
}

impl Account {
    /// All of it.
    pub(super) fn sum(&self) -> Duration {
        self.owed.unwrap_or_default() + self.done
    }
}

/// Work of a slot so far, for each party.
#[derive(Debug, Default)]
pub(super) struct Used(pub(super) BTreeMap<Party, Account>);

impl Used {
    /// Notes work that was done for a party.
    pub(super) fn note(&mut self, by: &Party, time: Duration) {
        if time > Duration::ZERO {
            self.0.entry(by.clone()).or_default().done += time;
        }
    }
}

/// Refuses an envelope for which a share of its budget is too little, or by which more than itself takes effect then. Its author
/// sends it again: later it has a whole budget.
pub(super) fn within(spent: &Spent, judged: Result<Accepted, Abort>) -> Result<Accepted, Abort> {
    let is_beyond = match &judged {
        Err(Abort::Store(_)) => false,
        Err(_) => spent.is_short(),
        Ok(accepted) => spent.is_short() || accepted.has_followers(),
    };
    if !(spent.is_share() && is_beyond) {
        return judged;
    }
    Err(Abort::refused(Code::Validator, NOT_NOW))
}
