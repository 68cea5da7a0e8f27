//! Work that parties have used of a slot and owe from earlier ones, from rules 16 on (docs/adr/work-of-one-member.md).

use super::Execution;
use crate::apply::Spent;
use crate::format::constants::GROUP;
use crate::format::rules::WORK_OF_ONE_SINCE;
use crate::state::abort::Abort;
use crate::state::name;
use crate::state::record::WorkOwed;
use crate::state::store::StoreError;
use crate::validate::submission::Accepted;
use crate::vocabulary::verdict::{Code, NOT_NOW};
use core::time::Duration;
use quorate_pbft::PublicKey;
use std::collections::BTreeMap;

/// Work that a party may owe before its further envelopes have a share of their budgets, and a member's further analyses
/// do nothing: as long as the whole of one bound of an envelope takes at the worst.
const WORK_MAX: Duration = Duration::from_secs(5);
/// Work in a slot that is not noted for later ones: usual changes by the thousand.
const LITTLE: Duration = Duration::from_millis(1);
/// Part of the time that one party's work may take for long, as one in so many.
const PART_MIN: usize = 4;
/// The same for each faulty member that the group survives: each is two parties, and all of them have half of the time.
const PART_OF_FAULTY: usize = 4;

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
    fn entry(&self) -> Vec<u8> {
        match self {
            Self::Organisation(name) => name::work_of_organisation(name),
            Self::Member(key) => name::work_of_member(key),
        }
    }
}

/// Work of a party.
#[derive(Debug, Default)]
struct Account {
    /// Work that it owes from earlier slots, if there is an entry of it.
    owed: Option<Duration>,
    /// Work of this slot.
    done: Duration,
}

impl Account {
    fn sum(&self) -> Duration {
        self.owed.unwrap_or_default() + self.done
    }
}

/// Work of a slot so far, for each party.
#[derive(Debug, Default)]
pub(super) struct Used(BTreeMap<Party, Account>);

impl Used {
    /// Notes work that was done for a party.
    pub(super) fn note(&mut self, by: &Party, time: Duration) {
        if time > Duration::ZERO {
            self.0.entry(by.clone()).or_default().done += time;
        }
    }
}

impl Execution<'_, '_> {
    /// Whether a party has used its work; before rules 16 it has no bound.
    pub(super) fn is_up(&mut self, by: &Party) -> Result<bool, StoreError> {
        if self.ledger.rules() < WORK_OF_ONE_SINCE {
            return Ok(false);
        }
        if !self.used.0.contains_key(by) {
            let owed: Option<WorkOwed> = self.overlay.get(GROUP, &by.entry())?;
            let owed = owed.map(|owed| owed.at(self.time, self.part()));
            self.used.0.insert(by.clone(), Account { owed, done: Duration::ZERO });
        }
        Ok(self.used.0[by].sum() >= WORK_MAX)
    }

    /// Budget that a party has for its next envelope.
    pub(super) fn budget(&mut self, by: &Party) -> Result<Spent, StoreError> {
        Ok(if self.is_up(by)? { Spent::share() } else { Spent::default() })
    }

    /// Writes what the parties of this slot owe.
    pub(super) fn write_work(&mut self) -> Result<(), StoreError> {
        if self.ledger.rules() < WORK_OF_ONE_SINCE {
            return Ok(());
        }
        for (party, account) in core::mem::take(&mut self.used.0) {
            let (name, owed) = (party.entry(), account.sum());
            match account.owed {
                _ if account.done.is_zero() => (),
                None if owed < LITTLE => (),
                Some(_) if owed < LITTLE => self.overlay.remove(GROUP, name),
                _ => self.overlay.put(GROUP, name, &WorkOwed::new(owed, self.time)),
            }
        }
        self.overlay.commit()
    }

    /// Part of the time that pays for a party's work, as one in so many.
    fn part(&self) -> u64 {
        PART_MIN.max(PART_OF_FAULTY * self.ledger.voters_shared().faulty_max()) as u64
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
