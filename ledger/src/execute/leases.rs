//! Leases and waits for locks that are over in ledger time (T1), before everything else in a slot: an envelope of the
//! slot finds whoever stood in line as holder.

use super::Execution;
use crate::lock::{LockChange, LockNews, Manager};
use crate::state::store::{Live, ReadLive, StoreError};
use crate::state::{entry, rows};
use crate::vocabulary::event::Event;
use crate::vocabulary::lock::{LockEnd, LockStep};
use crate::vocabulary::revision::Revision;
use core::ops::ControlFlow;
use quorate_pbft::{PublicKey, Time};

/// Ends that are worked off in one slot: more wait for the next, so that no slot is long. A lock whose lease is over
/// protects nothing meanwhile.
const ENDS_MAX: usize = 256;

impl Execution<'_, '_> {
    /// Works off the leases and waits that are over, the oldest first.
    pub(super) fn leases(&mut self) -> Result<(), StoreError> {
        let mut ended = 0;
        for (domain, path, author) in over(&self.overlay.stored(), self.time)? {
            if ended >= ENDS_MAX {
                break; // a branch of a transaction over several groups has many locks
            }
            let mut changes = Vec::new();
            let (rules, now, revision) = (self.ledger.rules(), self.time, Revision::slot(self.seq));
            let overlay = &mut self.overlay;
            let mut manager = Manager { overlay, domain, rules, now, revision, changes: &mut changes };
            ended += manager.end_lease(&path, &author)?;
            self.overlay.commit()?;
            self.tell_of_locks(changes, revision);
        }
        Ok(())
    }

    pub(super) fn tell_of_locks(&mut self, changes: Vec<LockChange>, revision: Revision) {
        for LockChange { domain: number, path, author, step } in changes {
            if matches!(step, LockStep::Released | LockStep::Left(LockEnd::Lease)) {
                self.freed.insert((number, path.clone()));
            }
            if let Some(domain) = self.ledger.domain_named(number) {
                let (domain, time) = (domain.to_owned(), self.time);
                self.events.push(Event::Lock { domain: domain.clone(), path: path.clone(), author, step });
                self.lock_news.push(LockNews { revision, time, domain, path, author, step });
            }
        }
    }
}

type Over = (u32, String, PublicKey);

fn over(read: &dyn ReadLive, now: Time) -> Result<Vec<Over>, StoreError> {
    let (from, to) = rows::leases(now);
    let (mut found, mut failed) = (Vec::new(), None);
    read.scan(Live::Index, &from, &to, &mut |key, path| {
        match (rows::lease_parts(key), core::str::from_utf8(path)) {
            (Some((_, domain, author)), Ok(path)) => found.push((domain, path.to_owned(), author)),
            _ => failed = Some(entry::damaged("the end of a lease")),
        }
        let more = failed.is_none() && found.len() < ENDS_MAX;
        if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    failed.map_or(Ok(found), Err)
}

/// When the next lease or wait is over.
pub(super) fn earliest(read: &dyn ReadLive) -> Result<Option<Time>, StoreError> {
    let (from, to) = rows::leases(Time::new(u64::MAX));
    let mut next = None;
    read.scan(Live::Index, &from, &to, &mut |key, _| {
        next = rows::lease_parts(key).map(|(at, ..)| at);
        ControlFlow::Break(())
    })?;
    Ok(next)
}
