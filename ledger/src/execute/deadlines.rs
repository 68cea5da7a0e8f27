//! Deadlines in ledger time (T1), after everything else in a slot.

use super::{Execution, leases};
use crate::apply::{Applier, Attribution};
use crate::state::abort::Abort;
use crate::state::store::{Live, ReadLive, StoreError};
use crate::state::{entry, rows};
use crate::vocabulary::ids::ConflictId;
use core::ops::ControlFlow;
use quorate_pbft::{Digest, Time};
use std::collections::BTreeSet;

/// Deadlines that are worked off in one slot: more wait for the next, so that no slot is long.
const DEADLINES_MAX: usize = 256;

impl Execution<'_, '_> {
    /// Works off the deadlines that have passed, the oldest first.
    pub(super) fn deadlines(&mut self) -> Result<(), StoreError> {
        for (id, domain) in self.due(self.time, DEADLINES_MAX)? {
            self.by_itself(&id, &domain, |applier| applier.expire(&id))?;
        }
        Ok(())
    }

    /// The earliest deadline that is left (T3).
    pub(super) fn next_deadline(&self) -> Result<Option<Time>, StoreError> {
        earliest(&self.overlay.stored())
    }

    /// Conflicts that are due, each once: one that waits for a lock has two times, and both may have come.
    fn due(&self, until: Time, most: usize) -> Result<Vec<(ConflictId, String)>, StoreError> {
        let (from, to) = ends(until);
        let (mut found, mut known, mut failed) = (Vec::new(), BTreeSet::new(), None);
        self.overlay.stored().scan(Live::Index, &from, &to, &mut |key, domain| {
            match (key.last_chunk(), self.domain_of_row(domain)) {
                (Some(id), Some(domain)) if known.insert(*id) => found.push((ConflictId(Digest(*id)), domain)),
                (Some(_), Some(_)) => (),
                _ => failed = Some(entry::damaged("a deadline")),
            }
            let more = failed.is_none() && found.len() < most;
            if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        failed.map_or(Ok(found), Err)
    }

    /// Name of the domain whose number is the value of a row.
    pub(super) fn domain_of_row(&self, value: &[u8]) -> Option<String> {
        let number = u32::from_be_bytes(value.try_into().ok()?);
        self.ledger.domain_named(number).map(str::to_owned)
    }

    /// Changes a conflict by nobody's envelope: see [`Execution::concluded`].
    pub(super) fn by_itself(
        &mut self,
        id: &ConflictId,
        domain: &str,
        act: impl FnOnce(&mut Applier) -> Result<(), Abort>,
    ) -> Result<(), StoreError> {
        let context = self.context(domain);
        let place = context.place(domain).ok_or_else(|| entry::damaged("a conflict's domain"))?;
        let by = Attribution::settlement(id, context.revision());
        let mut applier = Applier::new(&mut self.overlay, context.limits(), place, by);
        let applied = match act(&mut applier) {
            Ok(()) => applier.applied(),
            // Nothing can be refused of what nobody sent: the conflict stays open, and its deadline is over.
            Err(Abort::Refused(_) | Abort::Deferred(_)) => {
                self.overlay.rollback();
                let mut applier = Applier::new(&mut self.overlay, context.limits(), place, by);
                applier.leave_open(id)?;
                applier.applied()
            }
            Err(Abort::Store(error)) => return Err(error),
        };
        self.concluded(id, (place.name, place.record.number), context.revision(), None, applied)
    }
}

fn ends(until: Time) -> (Vec<u8>, Vec<u8>) {
    let first = rows::deadline(Time::new(0), &ConflictId(Digest::ZERO));
    (first, rows::deadline(until, &ConflictId(Digest([0xff; 32]))))
}

/// Earliest deadline of a conflict or a lease. The largest time never comes: what is promised to a transaction over several groups
/// waits for its decision.
pub(crate) fn earliest(read: &dyn ReadLive) -> Result<Option<Time>, StoreError> {
    let (conflict, lease) = (earliest_conflict(read)?, leases::earliest(read)?);
    Ok(conflict.into_iter().chain(lease).min().filter(|at| *at < Time::new(u64::MAX)))
}

fn earliest_conflict(read: &dyn ReadLive) -> Result<Option<Time>, StoreError> {
    let (from, to) = ends(Time::new(u64::MAX));
    let mut next = None;
    read.scan(Live::Index, &from, &to, &mut |key, _| {
        next = key.get(1..).and_then(|key| key.first_chunk()).map(|at| Time::new(u64::from_be_bytes(*at)));
        ControlFlow::Break(())
    })?;
    Ok(next)
}
