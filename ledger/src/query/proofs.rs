//! Proofs of what a state holds, for readers who trust no node.

use super::StateView;
use crate::format::constants::GROUP;
use crate::proof::epochs;
use crate::proof::{
    Checkpoint, Epochs, FileProof, MarkProof, Marked, OrderProof, ProveError, ReceiptProof, SlotPath, SlotProof,
    TreeProof,
};
use crate::state::record::DomainRoot;
use crate::state::slot::{Listed, SlotLeaf};
use crate::state::store::{StoreError, Table};
use crate::state::tree::key_of;
use crate::state::{entry, name, rows};
use crate::vocabulary::ids::EnvelopeId;
use quorate_pbft::{Digest, QuorumCert, SeqNum, merkle_path};

impl<'a> StateView<'a> {
    /// The epochs so far, each vouched for by the one before. A step that is missing is damage: a shorter chain proves nothing
    /// of the epochs after it.
    pub fn chain_of_epochs(&self) -> Result<Epochs, StoreError> {
        let chain = Epochs::kept(self.ledger.genesis(), epochs::kept(self.read, self.ledger.genesis())?);
        let whole = chain.filter(|chain| chain.newest().epoch() >= self.ledger.head().epoch);
        whole.ok_or_else(|| entry::damaged("a step between epochs"))
    }

    /// The proof of what stands at a path in this state, which `certificate` must certify.
    pub fn prove_file(
        &self,
        certificate: &QuorumCert,
        domain: &str,
        path: &str,
        mark: Option<&Marked>,
    ) -> Result<FileProof, ProveError> {
        self.prove_file_through(&self.chain_of_epochs()?, certificate, domain, path, mark)
    }

    /// As [`StateView::prove_file`], where the certificate is of an epoch that the genesis does not begin.
    pub fn prove_file_through(
        &self,
        epochs: &Epochs,
        certificate: &QuorumCert,
        domain: &str,
        path: &str,
        mark: Option<&Marked>,
    ) -> Result<FileProof, ProveError> {
        let checkpoint = Checkpoint::of((self.ledger, self.read), certificate, epochs)?;
        let known =
            self.ledger.domain(domain).filter(|known| known.record.number != GROUP && self.ledger.holds(domain));
        let known = known.ok_or(ProveError::Unknown("the domain"))?;
        let (tree, file_name) = (&known.tree, name::file(path));
        Ok(FileProof {
            checkpoint,
            domain: domain.to_owned(),
            domain_root: DomainRoot { root: tree.root(), count: tree.count() },
            domain_path: group_path(self, &name::domain_root(domain))?,
            path: path.to_owned(),
            record: entry::load(self.read, tree.number(), &file_name)?,
            record_path: tree.prove(&key_of(&file_name), self.read)?,
            mark: mark.map(|mark| self.prove_mark(mark)).transpose()?,
        })
    }

    /// The proof of the order up to a slot of this state, which `certificate` must certify; slot 0 is before the first.
    pub fn prove_order(&self, certificate: &QuorumCert, seq: SeqNum) -> Result<OrderProof, ProveError> {
        let checkpoint = Checkpoint::of((self.ledger, self.read), certificate, &self.chain_of_epochs()?)?;
        let Some(index) = seq.previous() else { return Ok(OrderProof { checkpoint, slot: None }) };
        let row: Option<(SlotLeaf, Vec<Listed>)> = entry::load_row(self.read, Table::Archive, &rows::slot(seq))?;
        let (leaf, _) = row.ok_or(ProveError::Unknown("the slot"))?;
        let path = self.ledger.head().slots.prove(index.get(), self.read)?.ok_or(ProveError::Unknown("the slot"))?;
        Ok(OrderProof { checkpoint, slot: Some(SlotPath { leaf, path }) })
    }

    /// Whether a read mark was executed in the slot that it names.
    pub fn has_mark(&self, mark: &Marked) -> Result<bool, StoreError> {
        let row: Option<(SlotLeaf, Vec<Listed>)> = entry::load_row(self.read, Table::Archive, &rows::slot(mark.seq))?;
        Ok(row.is_some_and(|(_, list)| list.contains(&Listed::Mark(mark.nonce.root()))))
    }

    fn prove_mark(&self, mark: &Marked) -> Result<MarkProof, ProveError> {
        let listed = Listed::Mark(mark.nonce.root());
        let slot = SlotProof::of(self, mark.seq, |at| *at == listed)?;
        Ok(MarkProof { slot, nonce: mark.nonce.clone() })
    }

    /// The proof of a verdict in this state or an earlier one; `certificate` must certify this state.
    pub fn prove_receipt(&self, certificate: &QuorumCert, id: &EnvelopeId) -> Result<ReceiptProof, ProveError> {
        self.prove_receipt_through(&self.chain_of_epochs()?, certificate, id)
    }

    /// As [`StateView::prove_receipt`], where the certificate is of an epoch that the genesis does not begin.
    pub fn prove_receipt_through(
        &self,
        epochs: &Epochs,
        certificate: &QuorumCert,
        id: &EnvelopeId,
    ) -> Result<ReceiptProof, ProveError> {
        let checkpoint = Checkpoint::of((self.ledger, self.read), certificate, epochs)?;
        let receipt = self.ledger.receipt(self.read, id)?.ok_or(ProveError::Unknown("the receipt"))?;
        let revision = receipt.revision.ok_or(ProveError::Unknown("the receipt"))?;
        let listed = Listed::Receipt(receipt.digest());
        let slot = SlotProof::of(self, revision.seq(), |at| *at == listed)?;
        Ok(ReceiptProof { checkpoint, slot, receipt })
    }
}

impl SlotProof {
    /// The proof of the first thing in a slot's list that is wanted.
    fn of(view: &StateView, seq: SeqNum, wanted: impl Fn(&Listed) -> bool) -> Result<Self, ProveError> {
        let row: Option<(SlotLeaf, Vec<Listed>)> = entry::load_row(view.read, Table::Archive, &rows::slot(seq))?;
        let (slot, list) = row.ok_or(ProveError::Unknown("the slot"))?;
        let place = list.iter().position(wanted).ok_or(ProveError::Unknown("the receipt or mark"))?;
        let digests: Vec<Digest> = list.iter().map(Listed::digest).collect();
        let index = seq.previous().ok_or(ProveError::Unknown("the slot"))?;
        let slots = &view.ledger.head().slots;
        Ok(Self {
            slot,
            slot_path: slots.prove(index.get(), view.read)?.ok_or(ProveError::Unknown("the slot"))?,
            place: place as u32, // the list's length is a u32 in its leaf
            list_path: merkle_path(&digests, place).ok_or(ProveError::Unknown("the receipt or mark"))?,
        })
    }
}

/// The path of an entry of the group's tree.
pub(super) fn group_path(view: &StateView, name: &[u8]) -> Result<TreeProof, ProveError> {
    Ok(view.ledger.group().prove(&key_of(name), view.read)?)
}
