//! Decided ends of conflicts that waited for locks which are gone now, or for promises below their paths.

use super::Execution;
use crate::format::rules::BRANCHES_SINCE;
use crate::state::rows;
use crate::state::store::{Live, ReadLive, StoreError};
use crate::vocabulary::ids::ConflictId;
use core::ops::ControlFlow;
use quorate_pbft::Digest;
use std::collections::BTreeSet;

/// Conflicts that are asked for again in one slot because locks were given back. Further ones wait for the end of the
/// lease, as if the lock had been kept, or of the longest one where the lock had no end.
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
            if let Some(domain) = self.ledger.domain_named(number).map(str::to_owned) {
                self.by_itself(&id, &domain, |applier| applier.resume(&id))?;
            }
        }
        Ok(())
    }

    fn add_waiting(&self, domain: u32, path: &str, found: &mut Waiting) -> Result<(), StoreError> {
        let knows_branches = self.ledger.rules() >= BRANCHES_SINCE;
        let above = rows::held_up_above(domain, path).filter(|_| knows_branches);
        for (from, to) in rows::held_up_under(domain, path).into_iter().chain(above) {
            if knows_branches && found.len() >= RESUMED_MAX {
                break;
            }
            self.overlay.stored().scan(Live::Index, &from, &to, &mut |key, _| {
                found.extend(key.last_chunk().map(|id| (domain, ConflictId(Digest(*id)))));
                if found.len() < RESUMED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
        }
        Ok(())
    }
}
