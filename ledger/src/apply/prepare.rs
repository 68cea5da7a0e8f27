//! Preparation of a branch of a transaction over several groups: its change is tried, and what it would write is promised.

use super::Applier;
use crate::format::branch::{Branch, GlobalTransaction};
use crate::format::change::{Change, Op};
use crate::format::constants::GROUP;
use crate::format::receipt::{PathOutcome, Rung};
use crate::lock::{self, Asked, LEASE_MS_MAX, LEASE_MS_MIN};
use crate::state::abort::Abort;
use crate::state::author_view::AuthorView;
use crate::state::branch::{BranchRecord, BranchState, Promise};
use crate::state::store::{StoreError, Table};
use crate::state::{name, rows};
use crate::vocabulary::file::File;
use crate::vocabulary::ids::TransactionId;
use crate::vocabulary::lock::LockMode;
use crate::vocabulary::path::Shown;
use crate::vocabulary::verdict::{Code, TOO_MUCH};
use quorate_pbft::Time;
use std::collections::BTreeSet;

impl Applier<'_, '_> {
    /// Tries the operations after [`Op::Prepare`] as any change, takes them back and promises what they would have written. The
    /// author's view stays what it was: nothing has taken effect.
    pub(super) fn prepare(
        &mut self,
        (transaction, proof): (&GlobalTransaction, &[u8]),
        change: &Change,
        view: &AuthorView,
    ) -> Result<(), Abort> {
        let id = transaction.id();
        let is_home = transaction.home() == Some(&self.place.members.group());
        self.fits_here(transaction, &id, change)?;
        self.lay_change(change, &mut view.clone())?;
        let writes = self.taken_back(change)?;
        match is_home {
            true if proof.is_empty() => (),
            true => return Err(bad("the home prepares first, and needs no proof")),
            false => self.is_prepared_at_home(transaction, &id, proof)?,
        }
        let lease_ms = if is_home { transaction.lease_ms } else { u64::MAX };
        self.lock_for(&id, (change, &writes), lease_ms)?;
        let record = BranchRecord {
            transaction: transaction.clone(),
            is_home,
            state: BranchState::Prepared,
            domain: self.domain,
            author: self.author(),
            organisation: self.organisation.to_owned(),
            envelope: self.id,
            prepared: self.revision,
            until: Time::new(self.place.time.get().saturating_add(lease_ms)),
            decided: None,
        };
        self.manager().open_branch(&record.organisation)?;
        self.overlay.put_indexed(GROUP, name::transaction(&id), Some(&record))?;
        Ok(self.overlay.put_indexed(self.domain, name::promise(&id), Some(&Promise { writes }))?)
    }

    /// Refuses what is no branch of this group and domain, or was prepared before.
    fn fits_here(&self, transaction: &GlobalTransaction, id: &TransactionId, change: &Change) -> Result<(), Abort> {
        let branch = transaction.branch_of(&self.place.members.group());
        let branch = branch.ok_or_else(|| bad("none of its branches is this group's"))?;
        let ops = change.ops.get(1..).unwrap_or_default();
        let faults = [
            (branch.domain != self.domain_name, "its branch of this group is in another domain"),
            (branch.change != Branch::change_of(ops), "its branch of this group is another change"),
            (!(LEASE_MS_MIN..=LEASE_MS_MAX).contains(&transaction.lease_ms), "a lease has 100 ms to an hour"),
            (self.branch(id)?.is_some(), "it was prepared here before"),
        ];
        faults.iter().find(|(is_so, _)| *is_so).map_or(Ok(()), |(_, fault)| Err(bad(fault)))
    }

    fn is_prepared_at_home(
        &mut self,
        transaction: &GlobalTransaction,
        id: &TransactionId,
        proof: &[u8],
    ) -> Result<(), Abort> {
        let home = transaction.home().ok_or_else(|| bad("it has no home"))?;
        let theirs = self.heard(home, id, proof)?;
        match theirs.is_home && theirs.state == BranchState::Prepared {
            true => Ok(()),
            false => Err(bad("its home has decided it already, or has not prepared it as its home")),
        }
    }

    /// What the change in hand has written, after which nothing of it is left but its refusals by later stages and its contents.
    fn taken_back(&mut self, change: &Change) -> Result<Vec<(String, Option<File>)>, Abort> {
        let applied = core::mem::take(&mut self.applied);
        let mut others = applied.changes.iter().filter(|(_, (outcome, _))| *outcome != PathOutcome::Applied);
        if let Some((path, _)) = others.next() {
            self.overlay.rollback();
            let why = match self.record(path)?.is_some_and(|record| record.conflict.is_some()) {
                true => "it is in conflict: settle that first",
                false => "others have changed it: base the branch on what stands there now",
            };
            return Err(Abort::at(Code::WouldConflict, path, why));
        }
        let paths: BTreeSet<&str> = change.ops.iter().flat_map(Op::paths).collect();
        let written = |path: &str| Ok((path.to_owned(), self.record(path)?.and_then(|record| record.file)));
        let writes = paths.into_iter().map(written).collect::<Result<_, StoreError>>()?;
        self.applied.later = applied.later;
        if let Some(requirement) = applied.requirements.first() {
            self.refuse_later(requirement.in_transaction());
        }
        if let Some(refusal) = self.place.over_quota(applied.files, applied.bytes) {
            self.refuse_later(refusal);
        }
        self.overlay.rollback();
        for (content, bytes) in self.envelope.iter().flat_map(|envelope| envelope.carried()) {
            self.overlay.put_row(Table::Contents, content.0.to_vec(), bytes.to_vec());
        }
        Ok(writes)
    }

    /// Locks each path, and the domain against all writers where the change is anchored. What cannot be had at once is refused, so
    /// that no group waits for another.
    fn lock_for(
        &mut self,
        id: &TransactionId,
        (change, writes): (&Change, &[(String, Option<File>)]),
        lease_ms: u64,
    ) -> Result<(), Abort> {
        let (author, organisation) = (id.holder(), self.organisation);
        let is_anchored = change.ops.iter().any(|op| matches!(op, Op::Anchor { .. }));
        if is_anchored {
            self.may_lock("")?;
        }
        let domain = is_anchored.then_some(("", LockMode::S));
        for (path, mode) in domain.into_iter().chain(writes.iter().map(|(path, _)| (path.as_str(), LockMode::X))) {
            let looks = self.looks()?;
            if !lock::is_lockable(path) || !self.budget.take_looks(looks) {
                let why = format!("it is too deep to be locked, or takes more looks at lines of locks {TOO_MUCH}");
                return Err(Abort::at(Code::Validator, path, &why));
            }
            let above = rows::held_up_above(self.domain, path);
            if let Some(awaited) = self.manager().first_held_up(above)? {
                let why = format!("the end of a conflict at {} has to take effect first", Shown(&awaited));
                return Err(Abort::at(Code::Lock, path, &why));
            }
            let (asked, mut steps) = (Asked { author, organisation, path, mode, lease_ms, wait_ms: 0 }, u64::MAX);
            let placed = self.manager().acquire(&asked, &mut steps);
            if self.later(placed)?.is_some() && mode == LockMode::X {
                self.applied.note(path, PathOutcome::Prepared, Rung::OneSided);
            }
        }
        Ok(())
    }
}

fn bad(why: &str) -> Abort {
    Abort::refused(Code::BadAct, why)
}
