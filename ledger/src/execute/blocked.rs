//! Decided ends of conflicts that waited for locks which are gone now.

use super::Execution;
use crate::apply::Turn;
use crate::state::rows;
use crate::state::store::{StoreError, Table};
use crate::vocabulary::ids::{ConflictId, EnvelopeId};
use crate::vocabulary::path::PATH_BYTES_MAX;
use core::ops::ControlFlow;
use quorate_pbft::{Digest, PublicKey};
use std::collections::BTreeSet;

/// Conflicts that are asked for again in one slot because locks were given back. What is above waits for the end of the
/// lease, as if the lock had been kept.
const RESUMED_MAX: usize = 256;

/// Conflicts with the numbers of their domains.
type Waiting = BTreeSet<(u32, ConflictId)>;

impl Execution<'_, '_> {
    /// Asks again for what waited for the locks that this slot has freed.
    pub(super) fn held_up(&mut self) -> Result<(), StoreError> {
        let mut waiting = BTreeSet::new();
        for (number, path) in core::mem::take(&mut self.freed) {
            self.add_waiting(number, &path, &mut waiting)?;
        }
        for (number, id) in waiting {
            let domain = self.ledger.domains().iter().find(|(_, domain)| domain.record.number == number);
            if let Some(domain) = domain.map(|(name, _)| name.clone()) {
                self.resume(&id, &domain)?;
            }
        }
        Ok(())
    }

    fn add_waiting(&self, domain: u32, path: &str, found: &mut Waiting) -> Result<(), StoreError> {
        for prefix in rows::held_up_under(domain, path) {
            let (from, to) = rows::below(&prefix, PATH_BYTES_MAX + 33); // a path, a NUL and an id
            self.draft.stored().scan(Table::History, &from, &to, &mut |key, _| {
                found.extend(key.last_chunk().map(|id| (domain, ConflictId(Digest(*id)))));
                if found.len() < RESUMED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
        }
        Ok(())
    }

    fn resume(&mut self, id: &ConflictId, domain: &str) -> Result<(), StoreError> {
        let setting = self.setting(domain);
        let Some(place) = setting.place(domain) else { return Ok(()) };
        let who = (EnvelopeId(id.0), PublicKey([0; 32])); // until the winner is known
        let mut turn = Turn::new(&mut self.draft, setting.limits(), (place, ""), who, setting.revision());
        let resumed = turn.resume(id);
        let done = turn.done();
        self.expired(id, &setting, place, resumed, done)
    }
}
