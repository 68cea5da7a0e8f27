//! Operations on locks, and what a write asks of them: stage `ownership`.

use super::Applier;
use crate::format::constants::GROUP;
use crate::format::receipt::{PathOutcome, Rung};
use crate::format::rules::WORK_OF_ONE_SINCE;
use crate::lock::holder::{self, Bars};
use crate::lock::{self, Asked, AuthorLocks, LEASE_MS_MAX, LEASE_MS_MIN, LockRequest, Manager, Placed, WAIT_MS_MAX};
use crate::state::abort::Abort;
use crate::state::name;
use crate::state::store::StoreError;
use crate::vocabulary::lock::LockMode;
use crate::vocabulary::path::Shown;
use crate::vocabulary::verdict::{Code, Refusal, TOO_MUCH};
use quorate_pbft::PublicKey;

impl<'s> Applier<'_, 's> {
    /// Asks for a lock. Only whoever may change a path may lock it.
    pub(super) fn acquire(&mut self, path: &str, mode: LockMode, lease_ms: u64, wait_ms: u64) -> Result<(), Abort> {
        is_lockable(path)?;
        if !(LEASE_MS_MIN..=LEASE_MS_MAX).contains(&lease_ms) || wait_ms > WAIT_MS_MAX {
            let detail = format!(
                "a lease has {LEASE_MS_MIN} to {LEASE_MS_MAX} ms, a wait at most {WAIT_MS_MAX}; not {lease_ms} and {wait_ms}"
            );
            return Err(Abort::refused(Code::BadAct, detail));
        }
        self.has_looks()?;
        let looks = self.looks()?;
        if !self.budget.take_looks(looks) {
            let detail = format!("the envelope asks for more looks at lines of locks {TOO_MUCH}");
            return Err(Abort::refused(Code::Validator, detail));
        }
        self.may_lock(path)?;
        let (author, organisation) = (self.author(), self.organisation);
        let asked = Asked { author, organisation, path, mode, lease_ms, wait_ms };
        let counts = self.place.rules >= WORK_OF_ONE_SINCE;
        let mut steps = if counts { self.budget.circle_steps() } else { u64::MAX };
        let placed = self.manager().acquire(&asked, &mut steps);
        if counts {
            self.budget.keep_circle_steps(steps);
        }
        match self.later(placed)? {
            Some(Placed::Held(_)) => self.applied.note(lock::shown(path), PathOutcome::Locked, Rung::OneSided),
            Some(Placed::Waits) => self.applied.note(lock::shown(path), PathOutcome::Queued, Rung::OneSided),
            None => (),
        }
        Ok(())
    }

    /// Gives back a lock or a place in line, however many looks are left: others wait for it.
    pub(super) fn release(&mut self, path: &str) -> Result<(), Abort> {
        is_lockable(path)?;
        self.has_looks()?;
        let looks = self.looks()?;
        self.budget.count_looks(looks);
        let author = self.author();
        let released = self.manager().release(path, &author);
        if self.later(released)?.is_some() {
            self.applied.note(lock::shown(path), PathOutcome::Released, Rung::OneSided);
        }
        Ok(())
    }

    /// Refuses the envelope where the author does not hold the lock with this token now.
    pub(super) fn fence(&mut self, token: u64) -> Result<(), Abort> {
        if self.is_out_of_looks() {
            let detail = format!("the envelope asks for more looks at locks {TOO_MUCH}");
            return Err(Abort::refused(Code::Validator, detail));
        }
        self.places(&self.author())?;
        let held = holder::by_token(self.overlay, self.domain, &self.author(), token, self.place.time)?;
        if held.is_none() {
            let detail = format!("token {token} is stale: {} holds no lock with it", self.author());
            self.refuse_later(Refusal::new(Code::Lock, detail));
        }
        Ok(())
    }

    /// Refuses the envelope where another author's lock keeps writers away from a path.
    pub(super) fn is_unlocked(&mut self, path: &str) -> Result<(), StoreError> {
        if let Some((place, theirs)) = self.lock_against(path, &self.author())? {
            let (who, organisation) = (lock::named(self.overlay, &theirs.author)?, theirs.organisation);
            let place = Shown(lock::shown(&place));
            let detail = format!("{}: {who} of {organisation:?} has locked {place}", Shown(path));
            self.refuse_later(Refusal::new(Code::Lock, detail));
        }
        Ok(())
    }

    /// Whether another author's lock keeps writers away from a path.
    pub(super) fn is_locked(&mut self, path: &str) -> Result<bool, StoreError> {
        Ok(self.lock_against(path, &self.author())?.is_some())
    }

    /// The lock of another author, and its path, that keeps an author from writing to a path.
    pub(super) fn lock_against(
        &mut self,
        path: &str,
        author: &PublicKey,
    ) -> Result<Option<(String, LockRequest)>, StoreError> {
        self.bars.against((self.overlay, self.domain), path, author, self.place.time)
    }

    /// Ends what an author holds or awaits, in every domain. A lock that ended protects nothing from here on, and
    /// leaves the line with the leases that are over.
    pub(super) fn end_locks(&mut self, author: &PublicKey) -> Result<(), StoreError> {
        for (domain, path) in self.places(author)? {
            Manager { domain, ..self.manager() }.end(&path, |request| request.author == *author)?;
        }
        Ok(())
    }

    /// Places where an author holds or awaits a lock; from rules 16 on each is a look.
    fn places(&mut self, author: &PublicKey) -> Result<Vec<(u32, String)>, StoreError> {
        let known: AuthorLocks = self.overlay.get(GROUP, &name::author_locks(author))?.unwrap_or_default();
        self.has_looked_at(known.places.len());
        Ok(known.places)
    }

    /// Takes a look at the line of the domain.
    fn has_looks(&mut self) -> Result<(), Abort> {
        match self.budget.take_lock() {
            true => Ok(()),
            false => Err(Abort::refused(Code::BadAct, "more locks than one envelope may ask for or give back")),
        }
    }

    /// Looks at a line of the domain: from rules 16 on at each request in it.
    pub(super) fn looks(&mut self) -> Result<usize, StoreError> {
        let counts = self.place.rules >= WORK_OF_ONE_SINCE;
        Ok(if counts { self.manager().requests()? as usize } else { 0 })
    }

    pub(super) fn may_lock(&mut self, path: &str) -> Result<(), Abort> {
        let rule = self.rule(path)?;
        if let Some(rule) = rule.filter(|rule| !rule.is_owner(&self.author(), self.organisation)) {
            let detail = format!("{}: {:?} belongs to others", Shown(path), rule.pattern);
            self.refuse_later(Refusal::new(Code::NotOwner, detail));
        }
        Ok(())
    }

    /// The way to change locks: what is known of them is forgotten.
    pub(super) fn manager(&mut self) -> Manager<'_, 's> {
        self.bars = Bars::default();
        let (domain, rules, now, revision) = (self.domain, self.place.rules, self.place.time, self.revision);
        Manager { overlay: self.overlay, domain, rules, now, revision, changes: &mut self.applied.locks }
    }

    /// A refusal by the line is kept for its stage, which comes later.
    pub(super) fn later<T>(&mut self, answer: Result<T, Abort>) -> Result<Option<T>, Abort> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(Abort::Refused(refusal)) => {
                self.refuse_later(refusal);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }
}

fn is_lockable(path: &str) -> Result<(), Abort> {
    match lock::is_lockable(path) {
        true => Ok(()),
        false => Err(Abort::at(Code::BadPath, path, "nothing that can be locked: no path, or too deep")),
    }
}
