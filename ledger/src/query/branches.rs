//! Branches of transactions over several groups, and the groups that are known here.

use super::cut::GroupState;
use super::page::{self, Page};
use super::proofs::group_path;
use super::{QueryError, StateView};
use crate::format::constants::GROUP;
use crate::proof::{BranchProof, Checkpoint, Epochs, ProveError};
use crate::state::branch::{BranchRecord, ForeignGroup, Promise};
use crate::state::store::{StoreError, Table};
use crate::state::{entry, name, rows};
use crate::vocabulary::ids::TransactionId;
use borsh::BorshDeserialize;
use core::ops::ControlFlow;
use quorate_pbft::{Digest, QuorumCert};

impl<'a> StateView<'a> {
    /// The group's branch of a transaction over several groups.
    pub fn transaction(&self, id: &TransactionId) -> Result<Option<BranchRecord>, StoreError> {
        entry::load(self.read, GROUP, &name::transaction(id))
    }

    /// Name of the domain of a branch.
    pub fn domain_of_branch(&self, record: &BranchRecord) -> Result<&'a str, StoreError> {
        let mut domains = self.ledger.domains().iter();
        let found = domains.find(|(_, domain)| domain.record.number == record.domain);
        found.map(|(name, _)| name.as_str()).ok_or_else(|| entry::damaged("a branch"))
    }

    /// Paths of a branch with the contents that they are to have; none once it is decided, or where its domain is not kept here.
    pub fn promised(&self, record: &BranchRecord) -> Result<Vec<(String, Option<Digest>)>, StoreError> {
        let promise = entry::load(self.read, record.domain, &name::promise(&record.transaction.id()))?;
        let writes = promise.map_or_else(Vec::new, |Promise { writes }| writes);
        Ok(writes.into_iter().map(|(path, file)| (path, file.map(|file| file.content))).collect())
    }

    /// Branches that are not decided here, by the ids of their transactions, after the cursor `from`.
    pub fn transactions(
        &self,
        from: Option<TransactionId>,
        limit: usize,
    ) -> Result<Page<(TransactionId, BranchRecord)>, QueryError> {
        let limit = page::limit(limit);
        let ((first, last), mut ids) = (rows::all_undecided(), Vec::new());
        let first = from.as_ref().map_or(first, rows::undecided);
        self.read.scan(Table::Index, &first, &last, &mut |key, _| {
            ids.extend(rows::undecided_id(key).filter(|id| Some(*id) != from));
            if ids.len() <= limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let record = |id| Ok((id, self.transaction(&id)?.ok_or_else(|| entry::damaged("a branch"))?));
        let found = ids.into_iter().map(record).collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Page::cut(found, limit, |(id, _)| id.to_string()))
    }

    /// Other groups whose proofs count here, by their ids.
    pub fn foreign_groups(&self) -> Result<Vec<(Digest, ForeignGroup)>, StoreError> {
        let mut found = self.by_id(name::FOREIGN)?;
        found.retain(|(_, known): &(_, ForeignGroup)| known.is_known());
        Ok(found)
    }

    /// The state as far as other groups have to do with it.
    pub fn across(&self) -> Result<GroupState, StoreError> {
        let (head, genesis, state_root) = (self.ledger.head(), self.ledger.genesis(), self.ledger.state_root());
        let (group, before) = (genesis.group(), genesis.groups().skip(1).collect());
        let known = self.by_id(name::FOREIGN)?.into_iter().collect();
        let branches = self.by_id(name::TRANSACTION)?.into_iter().map(|(id, record)| (TransactionId(id), record));
        let (epoch, seq, time) = (head.epoch, head.seq, head.time);
        Ok(GroupState { group, before, epoch, seq, time, state_root, known, branches: branches.collect() })
    }

    /// Entries of a kind in the group's tree, by the ids in their names.
    fn by_id<T: BorshDeserialize>(&self, kind: u8) -> Result<Vec<(Digest, T)>, StoreError> {
        let mut found = Vec::new();
        entry::entries(self.read, |name, value| {
            if let Some(id) = name.strip_prefix(&[kind]).and_then(|id| id.try_into().ok()) {
                found.push((Digest(id), entry::value_of(value)?));
            }
            Ok(())
        })?;
        found.sort_unstable_by_key(|(id, _)| *id);
        Ok(found)
    }

    /// The proof of the group's branch in this state, which `certificate` must certify.
    pub fn prove_transaction(
        &self,
        id: &TransactionId,
        certificate: &QuorumCert,
        epochs: &Epochs,
    ) -> Result<BranchProof, ProveError> {
        let checkpoint = Checkpoint::of((self.ledger, self.read), certificate, epochs)?;
        let record = self.transaction(id)?.ok_or(ProveError::Unknown("the transaction"))?;
        Ok(BranchProof { checkpoint, record, path: group_path(self, &name::transaction(id))? })
    }
}
