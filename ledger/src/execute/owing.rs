//! Work that parties owe from one slot to the next, from rules 16 on: a part of the time pays it (docs/adr/work-of-one-member.md).

use super::Execution;
use super::used::{Account, Party};
use crate::apply::Spent;
use crate::format::constants::GROUP;
use crate::format::rules::WORK_OF_ONE_SINCE;
use crate::state::record::WorkOwed;
use crate::state::store::StoreError;
use crate::state::work::WORK_MAX;
use core::time::Duration;

/// Work in a slot that is not noted for later ones: usual changes by the thousand.
const LITTLE: Duration = Duration::from_millis(1);

impl Execution<'_, '_> {
    /// Whether a party has used its work; before rules 16 it has no bound.
    pub(super) fn is_up(&mut self, by: &Party) -> Result<bool, StoreError> {
        if self.ledger.rules() < WORK_OF_ONE_SINCE {
            return Ok(false);
        }
        if !self.used.0.contains_key(by) {
            let owed: Option<WorkOwed> = self.overlay.get(GROUP, &by.entry())?;
            let owed = owed.map(|owed| self.ledger.owed(&owed, self.time));
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
}
