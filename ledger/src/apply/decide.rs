//! Decision of a branch of a transaction over several groups: by its home while the lease lasts, elsewhere by the home's proof. A home's
//! branch whose lease is over was aborted before (`lock::branch`).

use super::Applier;
use crate::format::receipt::{PathOutcome, Rung};
use crate::state::abort::Abort;
use crate::state::author_view::AuthorView;
use crate::state::branch::{BranchRecord, BranchState, Promise};
use crate::state::store::StoreError;
use crate::state::{entry, name};
use crate::vocabulary::file::File;
use crate::vocabulary::ids::TransactionId;
use crate::vocabulary::lock::LockStep;
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::{Code, Refusal};

impl Applier<'_, '_> {
    /// Ends a branch of this domain. Consent was given where it was prepared: nothing is asked again.
    pub(super) fn decide_branch(
        &mut self,
        (id, commit, proofs): (&TransactionId, bool, &[Vec<u8>]),
        view: &mut AuthorView,
    ) -> Result<(), Abort> {
        let record = self.branch(id)?.filter(|record| record.domain == self.domain);
        let record = record.ok_or_else(|| bad(&format!("no transaction {id} was prepared in {}", self.domain_name)))?;
        match record.state {
            BranchState::Committed | BranchState::Aborted => return Err(bad("it was decided here before")),
            BranchState::Settled(settled) if proofs.is_empty() && settled == commit => (),
            _ if record.is_home => self.is_for_home(&record, id, commit, proofs)?,
            _ => self.follows_home(&record, id, commit, proofs)?,
        }
        self.end_branch((record, id, commit), view)
    }

    /// Whether the home may decide so: it commits with the promises of all others, and while it keeps its own.
    fn is_for_home(
        &mut self,
        record: &BranchRecord,
        id: &TransactionId,
        commit: bool,
        proofs: &[Vec<u8>],
    ) -> Result<(), Abort> {
        if commit && record.until <= self.place.time {
            return Err(bad("its lease is over: it is aborted in one of the next slots"));
        }
        let others = record.transaction.branches.get(1..).filter(|_| commit).unwrap_or_default();
        if proofs.len() != others.len() {
            return Err(bad(
                "the home commits with a proof of each other branch, in their order, and aborts with none",
            ));
        }
        for (branch, proof) in others.iter().zip(proofs) {
            let theirs = self.heard(&branch.group, id, proof)?;
            if theirs.is_home || theirs.state != BranchState::Prepared {
                return Err(bad(&format!("the group {} has not promised its branch", branch.group)));
            }
        }
        if !commit && record.organisation != self.organisation {
            let detail = format!("before its lease is over, only {:?} aborts it", record.organisation);
            self.refuse_later(Refusal::new(Code::Role, detail));
        }
        Ok(())
    }

    /// Whether the home has decided so.
    fn follows_home(
        &mut self,
        record: &BranchRecord,
        id: &TransactionId,
        commit: bool,
        proofs: &[Vec<u8>],
    ) -> Result<(), Abort> {
        let (Some(home), [proof]) = (record.transaction.home(), proofs) else {
            return Err(bad("its home decides it: one proof of the decision there is needed"));
        };
        let theirs = self.heard(home, id, proof)?;
        let decided = if commit { BranchState::Committed } else { BranchState::Aborted };
        match theirs.is_home && theirs.state == decided {
            true => Ok(()),
            false => Err(bad("its home has not decided so")),
        }
    }

    /// Ends a branch. An author who commits an own one goes on from what it wrote.
    fn end_branch(
        &mut self,
        (record, id, commit): (BranchRecord, &TransactionId, bool),
        view: &mut AuthorView,
    ) -> Result<(), Abort> {
        let promise: Option<Promise> = self.overlay.get(self.domain, &name::promise(id))?;
        let Promise { writes } = promise.ok_or_else(|| entry::damaged("what a branch has promised"))?;
        if commit {
            let carrier = core::mem::replace(&mut self.author, record.author);
            writes.iter().try_for_each(|(path, file)| self.keep_promise(path, *file, record.prepared))?;
            self.author = carrier;
            let own = writes.iter().filter(|_| carrier == record.author);
            own.for_each(|(path, file)| view.write(path, *file));
        }
        let looks = self.looks()?.saturating_mul(1 + writes.len());
        self.budget.count_looks(looks);
        let state = if commit { BranchState::Committed } else { BranchState::Aborted };
        self.manager().end_branch(id, record, (state, LockStep::Released))?;
        Ok(())
    }

    fn keep_promise(&mut self, path: &str, file: Option<File>, prepared: Revision) -> Result<(), StoreError> {
        let there = self.record(path)?;
        assert!(there.as_ref().is_none_or(|there| there.since <= prepared), "nobody else writes a promised path (I34)");
        if there.and_then(|record| record.file) != file {
            self.set(path, file, None)?;
        }
        self.applied.note(path, PathOutcome::Applied, Rung::OneSided);
        Ok(())
    }
}

fn bad(why: &str) -> Abort {
    Abort::refused(Code::BadAct, why)
}
