//! Locks of a branch of a transaction over several groups: all of them end at one time, with the branch.

use super::Manager;
use crate::format::constants::GROUP;
use crate::state::abort::Abort;
use crate::state::branch::{BranchRecord, BranchState, Promise};
use crate::state::name;
use crate::state::store::StoreError;
use crate::vocabulary::ids::TransactionId;
use crate::vocabulary::lock::{LockEnd, LockStep};
use crate::vocabulary::verdict::Code;
use quorate_pbft::{Digest, PublicKey};

/// Branches of one organisation in a domain that are not decided: what they have promised is kept.
const OPEN_BRANCHES_MAX: u32 = 16;

impl Manager<'_, '_> {
    /// Counts one branch more of an organisation that is not decided.
    pub(crate) fn open_branch(&mut self, organisation: &str) -> Result<(), Abort> {
        let open = self.open_branches(organisation)?;
        if open >= OPEN_BRANCHES_MAX {
            let detail =
                format!("{open} transactions of {organisation:?} are not decided here: have one decided first");
            return Err(Abort::refused(Code::Quota, detail));
        }
        self.overlay.put(self.domain, name::open_branches(organisation), &(open + 1));
        Ok(())
    }

    /// Works off the end of a lease or wait; with the first lock of a home's branch all of it is aborted. Returns the count of locks that
    /// ended.
    pub(crate) fn end_lease(&mut self, path: &str, holder: &PublicKey) -> Result<usize, StoreError> {
        let id = TransactionId(Digest(holder.0));
        let record: Option<BranchRecord> = self.overlay.get(GROUP, &name::transaction(&id))?;
        match record {
            Some(record) if record.is_home && record.is_open() => {
                self.end_branch(&id, record, (BranchState::Aborted, LockStep::Left(LockEnd::Lease)))
            }
            Some(_) => Ok(0), // it has ended a moment ago
            None => self.expire(path, holder).map(|()| 1),
        }
    }

    /// Ends a branch: its locks and its promise are gone. Returns the count of its locks.
    pub(crate) fn end_branch(
        &mut self,
        id: &TransactionId,
        record: BranchRecord,
        (state, step): (BranchState, LockStep),
    ) -> Result<usize, StoreError> {
        let holder = id.holder();
        let locks = self.locks_of(&holder)?.places;
        for (_, path) in &locks {
            self.write(path, &holder, None)?;
            self.tell(path, &holder, step);
        }
        locks.iter().try_for_each(|(_, path)| self.promote(path))?;
        self.overlay.remove(GROUP, name::author_locks(&holder));
        self.overlay.put_indexed::<Promise>(self.domain, name::promise(id), None)?;
        let name = name::open_branches(&record.organisation);
        match self.open_branches(&record.organisation)? {
            0 | 1 => self.overlay.remove(self.domain, name),
            open => self.overlay.put(self.domain, name, &(open - 1)),
        }
        let record = BranchRecord { state, decided: Some(self.revision), ..record };
        self.overlay.put_indexed(GROUP, name::transaction(id), Some(&record))?;
        Ok(locks.len())
    }

    fn open_branches(&self, organisation: &str) -> Result<u32, StoreError> {
        Ok(self.overlay.get(self.domain, &name::open_branches(organisation))?.unwrap_or(0))
    }
}
