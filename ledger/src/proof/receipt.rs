//! What happened in a slot: a verdict, or an executed read mark.

use super::checkpoint::Checkpoint;
use super::epochs::Epochs;
use super::{ProofError, ProveError};
use crate::envelope::EnvelopeId;
use crate::genesis::Genesis;
use crate::moment::Moment;
use crate::receipt::Receipt;
use crate::slot::{Listed, SlotLeaf};
use crate::state::{entry, rows};
use crate::store::Table;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, QuorumCert, ReplicaId, SeqNum, Time, merkle_path, merkle_proves};

/// Proof that something stands in the list of an executed slot.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SlotProof {
    slot: SlotLeaf,
    /// The slot's path in the tree of executed slots.
    slot_path: Vec<Digest>,
    /// Place in the slot's list.
    place: u32,
    /// Its path in the list.
    list_path: Vec<Digest>,
}

/// Proof of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ReceiptProof {
    checkpoint: Checkpoint,
    slot: SlotProof,
    receipt: Receipt,
}

/// What a receipt proof shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedReceipt {
    /// The verdict.
    pub receipt: Receipt,
    /// The checkpoint's slot.
    pub seq: SeqNum,
    /// Ledger time at the checkpoint.
    pub time: Time,
    /// Who signed the checkpoint.
    pub signers: Vec<ReplicaId>,
}

impl SlotProof {
    /// The proof of the first thing in a slot's list that is wanted.
    pub(super) fn of(moment: &Moment, seq: SeqNum, wanted: impl Fn(&Listed) -> bool) -> Result<Self, ProveError> {
        let row: Option<(SlotLeaf, Vec<Listed>)> = entry::load_row(moment.read, Table::History, &rows::slot(seq))?;
        let (slot, list) = row.ok_or(ProveError::Unknown("the slot"))?;
        let place = list.iter().position(wanted).ok_or(ProveError::Unknown("the receipt or mark"))?;
        let digests: Vec<Digest> = list.iter().map(Listed::digest).collect();
        let index = seq.previous().ok_or(ProveError::Unknown("the slot"))?;
        let range = &moment.ledger.head().range;
        Ok(Self {
            slot,
            slot_path: range.prove(index.get(), moment.read)?.ok_or(ProveError::Unknown("the slot"))?,
            place: place as u32, // the list's length is a u32 in its leaf
            list_path: merkle_path(&digests, place).ok_or(ProveError::Unknown("the receipt or mark"))?,
        })
    }

    pub(super) fn seq(&self) -> SeqNum {
        self.slot.seq
    }

    pub(super) fn verify(&self, checkpoint: &Checkpoint, listed: &Listed) -> Result<(), ProofError> {
        let range = &checkpoint.head().range;
        let root = range.root().ok_or(ProofError::Path("the slot"))?;
        let index = self.slot.seq.previous().ok_or(ProofError::Path("the slot"))?;
        if !merkle_proves(&root, &self.slot.digest(), index.get() as usize, range.size() as usize, &self.slot_path) {
            return Err(ProofError::Path("the slot"));
        }
        let (place, count) = (self.place as usize, self.slot.list_len as usize);
        if merkle_proves(&self.slot.list_root, &listed.digest(), place, count, &self.list_path) {
            Ok(())
        } else {
            Err(ProofError::Path("the receipt or mark"))
        }
    }
}

impl<'a> Moment<'a> {
    /// The proof of a verdict in this state or an earlier one; `certificate` must certify this state.
    pub fn prove_receipt(&self, certificate: &QuorumCert, id: &EnvelopeId) -> Result<ReceiptProof, ProveError> {
        self.prove_receipt_through(&Epochs::of(self.ledger.genesis()), certificate, id)
    }

    /// As [`Moment::prove_receipt`], where the certificate is of an epoch that the genesis does not begin.
    pub fn prove_receipt_through(
        &self,
        epochs: &Epochs,
        certificate: &QuorumCert,
        id: &EnvelopeId,
    ) -> Result<ReceiptProof, ProveError> {
        let checkpoint = Checkpoint::of(self, certificate, epochs)?;
        let receipt = self.ledger.receipt(self.read, id)?.ok_or(ProveError::Unknown("the receipt"))?;
        let revision = receipt.revision.ok_or(ProveError::Unknown("the receipt"))?;
        let listed = Listed::Receipt(receipt.digest());
        let slot = SlotProof::of(self, revision.seq(), |at| *at == listed)?;
        Ok(ReceiptProof { checkpoint, slot, receipt })
    }
}

impl ReceiptProof {
    pub(super) fn verify(&self, genesis: &Genesis) -> Result<ProvedReceipt, ProofError> {
        self.checkpoint.verify(genesis)?;
        self.slot.verify(&self.checkpoint, &Listed::Receipt(self.receipt.digest()))?;
        let head = self.checkpoint.head();
        let (receipt, signers) = (self.receipt.clone(), self.checkpoint.signers());
        Ok(ProvedReceipt { receipt, seq: head.seq, time: head.time, signers })
    }
}
