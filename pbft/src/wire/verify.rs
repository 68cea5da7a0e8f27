//! The only way for a message into the core: decoded, then verified, off the core's thread.

use crate::effects::Question;
use crate::evidence::bundle_evidence::InvalidBundle;
use crate::evidence::proof::Evidence;
use crate::evidence::view_evidence::InvalidViewChange;
use crate::limits::Constants;
use crate::views::view_change::{NewView, ViewChange};
use crate::wire::{
    Bundle, CertError, ClaimedCert, Committee, Content, Epoch, Item, Kind, Message, ReplicaId, SeqNum, Signed, Verify,
    View, items_root,
};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Says whether an item's bytes may be on a lane: a pure function of the bytes, the genesis and the epoch (E6).
///
/// `ledger` implements it for envelopes: structure, size, and signature against the key that they carry.
pub trait PayloadCheck: Send + Sync {
    /// Whether the item is valid.
    fn is_valid(&self, item: &Item) -> bool;

    /// Whether the rules of an epoch know the item: to programs of older rules it is garbage.
    fn is_known(&self, _item: &Item, _epoch: Epoch) -> bool {
        true
    }

    /// Whether all are valid, as [`PayloadCheck::is_valid`] says of each.
    fn all_valid(&self, items: &[&Item]) -> bool {
        items.iter().all(|item| self.is_valid(item))
    }
}

/// Context of verification.
#[derive(Clone, Copy)]
pub struct VerifyContext<'a> {
    /// The members of the current epoch.
    pub committee: &'a Committee,
    /// Check of signatures.
    pub verify: &'a dyn Verify,
    /// Check of items.
    pub payload: &'a dyn PayloadCheck,
    /// Sizes.
    pub constants: &'a Constants,
}

/// A message as it came from an authenticated peer.
#[derive(Debug, Clone)]
pub struct Unverified<M> {
    pub(super) from: ReplicaId,
    pub(super) message: M,
}

/// A message of which every signature and every form was checked, against the members of one epoch (M3).
///
/// Only [`Unverified::verify`] makes one, so a handler that takes it need not ask.
#[derive(Debug, Clone)]
pub struct Verified<M> {
    from: ReplicaId,
    epoch: Epoch,
    message: M,
}

impl<M> Verified<M> {
    /// The peer that handed it over; not necessarily who signed it.
    pub fn from(&self) -> ReplicaId {
        self.from
    }

    /// The epoch whose members' keys it was checked with.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The message.
    pub fn message(&self) -> &M {
        &self.message
    }

    pub(crate) fn into_parts(self) -> (ReplicaId, M) {
        (self.from, self.message)
    }
}

/// Why a message was dropped before it could touch anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A statement of another kind, or a digest that is not its content's.
    #[error("a statement that does not belong to its message")]
    Mismatch,
    /// A signature, group or epoch that is not right.
    #[error("the signature of replica {0} does not fit")]
    Signature(ReplicaId),
    /// A question to another epoch's replica (M3).
    #[error("a question of epoch {0}")]
    Epoch(Epoch),
    /// A certificate that proves nothing.
    #[error("certificate: {0}")]
    Certificate(CertError),
    /// A header or list that breaks its form or its limit.
    #[error("malformed")]
    Malformed,
    /// An item that may not be on a lane (E6). The header is evidence.
    #[error("item {0} is not valid")]
    Item(usize),
}

impl Unverified<Message> {
    /// A message that `from`, known by its transport key, handed over.
    pub fn new(from: ReplicaId, message: Message) -> Self {
        Self { from, message }
    }

    /// Checks everything that can be checked without the replica's state.
    pub fn verify(self, context: &VerifyContext<'_>) -> Result<Verified<Message>, Invalid> {
        let epoch = context.committee.epoch();
        match context.message(&self.message) {
            Ok(()) => Ok(Verified { from: self.from, epoch, message: self.message }),
            // What its signer signed wrongly goes in as the proof of that (E3).
            Err(invalid) => match context.proof(&self.message) {
                Some(proof) => Ok(Verified { from: self.from, epoch, message: Message::Evidence(proof) }),
                None => Err(invalid),
            },
        }
    }
}

impl VerifyContext<'_> {
    fn message(&self, message: &Message) -> Result<(), Invalid> {
        match message {
            Message::PrePrepare { statement, content, certificates } => {
                self.statement(statement, &[Kind::PrePrepare])?;
                self.content(content, certificates)?;
                ensure(statement.statement.digest == content.digest(), Invalid::Mismatch)
            }
            Message::Prepare { statement, pre_prepare } => self.prepare(statement, pre_prepare),
            Message::Commit(signed) => self.statement(signed, &[Kind::Commit]),
            Message::Ack(signed) => self.statement(signed, &[Kind::Ack]),
            Message::LaneCert(claimed) => self.certificate(claimed, &[Kind::Ack]),
            Message::Checkpoint(signed) => {
                self.statement(signed, &[Kind::Checkpoint])?;
                // A state belongs to no view; q votes that differ in it would make no certificate.
                ensure(signed.statement.view == View::new(0), Invalid::Malformed)
            }
            Message::StableCheckpoint(claimed) => self.certificate(claimed, &[Kind::Checkpoint]),
            Message::Status { statement, body } => {
                self.statement(statement, &[Kind::Status])?;
                let n = self.committee.len();
                ensure(body.slots.len() as u64 <= Constants::WINDOW_MAX && body.lanes.len() <= n, Invalid::Malformed)?;
                ensure(body.view_changes.len() <= n, Invalid::Malformed)?;
                ensure(statement.statement.digest == body.digest(), Invalid::Mismatch)
            }
            Message::Contradiction(signed) => self.signature(signed),
            Message::Evidence(evidence) => ensure(evidence.is_valid(self), Invalid::Signature(evidence.key().signer)),
            Message::Bundle(bundle) => self.bundle(bundle),
            Message::Content { content, certificates } => self.content(content, certificates),
            Message::Decided { certificate, content } => self.decided(certificate, content),
            Message::ViewChange { statement, body } => self.view_change(statement, body),
            Message::NewView { statement, body } => self.new_view(statement, body),
            Message::Ask(Question { epoch, .. }) => ensure(*epoch == self.committee.epoch(), Invalid::Epoch(*epoch)),
            Message::Recalled { statements, .. } => statements.iter().try_for_each(|signed| self.signature(signed)),
        }
    }

    fn signature(&self, signed: &Signed) -> Result<(), Invalid> {
        ensure(signed.is_valid(self.committee, self.verify), Invalid::Signature(signed.signer))
    }

    fn statement(&self, signed: &Signed, kinds: &[Kind]) -> Result<(), Invalid> {
        ensure(kinds.contains(&signed.statement.kind), Invalid::Mismatch)?;
        self.signature(signed)
    }

    fn certificate(&self, claimed: &ClaimedCert, kinds: &[Kind]) -> Result<(), Invalid> {
        ensure(kinds.contains(&claimed.kind), Invalid::Mismatch)?;
        self.committee.check(claimed.clone(), self.verify).map(drop).map_err(Invalid::Certificate)
    }

    /// A Prepare that does not fit its PrePrepare is not counted, but is a statement like any other (E2).
    fn prepare(&self, statement: &Signed, pre_prepare: &Signed) -> Result<(), Invalid> {
        self.statement(statement, &[Kind::Prepare])?;
        self.statement(pre_prepare, &[Kind::PrePrepare])
    }

    fn content(&self, content: &Content, certificates: &[ClaimedCert]) -> Result<(), Invalid> {
        ensure(content.is_well_formed(self.committee.len()), Invalid::Malformed)?;
        // A sender may leave out what it has no more; none may be there that the cut does not name.
        ensure(certificates.len() <= content.cut.len(), Invalid::Mismatch)?;
        let mut cut = content.cut.iter();
        for claimed in certificates {
            self.certificate(claimed, &[Kind::Ack])?;
            ensure(cut.any(|named| *named == claimed.tip()), Invalid::Mismatch)?;
        }
        Ok(())
    }

    fn decided(&self, certificate: &ClaimedCert, content: &Content) -> Result<(), Invalid> {
        ensure(content.is_well_formed(self.committee.len()), Invalid::Malformed)?;
        ensure(certificate.digest == content.digest(), Invalid::Mismatch)?;
        self.certificate(certificate, &[Kind::Commit, Kind::Prepare])?;
        let all = certificate.signatures.len() == self.committee.len();
        ensure(certificate.kind == Kind::Commit || all, Invalid::Mismatch)
    }

    fn view_change(&self, statement: &Signed, body: &ViewChange) -> Result<(), Invalid> {
        self.statement(statement, &[Kind::ViewChange])?;
        let window = self.constants.window;
        ensure(body.prepared.len() as u64 <= window && body.voted.len() as u64 <= window, Invalid::Malformed)?;
        let said = &statement.statement;
        ensure((said.view, said.seq) == (body.view, SeqNum::new(0)), Invalid::Mismatch)?;
        ensure(said.digest == body.digest(window), Invalid::Mismatch)?;
        ensure(body.is_well_formed(self.committee, window), Invalid::Malformed)?;
        let origin = self.committee.origin();
        if let Some(checkpoint) = body.checkpoint.as_ref().filter(|claimed| Some(*claimed) != origin.as_ref()) {
            self.certificate(checkpoint, &[Kind::Checkpoint])?;
        }
        for entry in &body.prepared {
            self.statement(&entry.pre_prepare, &[Kind::PrePrepare])?;
            self.certificate(&entry.certificate, &[Kind::Prepare])?;
        }
        body.voted.iter().try_for_each(|entry| self.statement(&entry.pre_prepare, &[Kind::PrePrepare]))
    }

    /// The proof that somebody signed what no honest replica signs (E3, E6).
    fn proof(&self, message: &Message) -> Option<Evidence> {
        let found = match message {
            Message::ViewChange { statement, body } => {
                Evidence::InvalidViewChange(self.invalid_view_change(statement, body)?)
            }
            Message::Bundle(bundle) => Evidence::InvalidBundle(self.invalid_bundle(bundle)?),
            _ => return None,
        };
        found.is_valid(self).then_some(found)
    }

    fn invalid_view_change(&self, statement: &Signed, body: &ViewChange) -> Option<Box<InvalidViewChange>> {
        let window = self.constants.window;
        let small = body.prepared.len() as u64 <= window && body.voted.len() as u64 <= window;
        // Its signer's word first: nobody makes us look for faults in what was never signed.
        if !small || self.signature(statement).is_err() || statement.statement.digest != body.digest(window) {
            return None;
        }
        InvalidViewChange::find(statement, body, self).map(Box::new)
    }

    fn invalid_bundle(&self, bundle: &Bundle) -> Option<Box<InvalidBundle>> {
        let signed = self.statement(&bundle.statement, &[Kind::Bundle]).is_ok();
        if !signed || bundle.statement.statement.digest != bundle.header.digest() {
            return None;
        }
        InvalidBundle::find(bundle, self).map(Box::new)
    }

    fn new_view(&self, statement: &Signed, body: &NewView) -> Result<(), Invalid> {
        self.statement(statement, &[Kind::NewView])?;
        let said = &statement.statement;
        ensure((said.view, said.seq) == (body.view, SeqNum::new(0)), Invalid::Mismatch)?;
        ensure(statement.signer == self.committee.primary(body.view), Invalid::Mismatch)?;
        ensure(body.is_well_formed(self.committee, self.constants.window), Invalid::Malformed)?;
        ensure(said.digest == body.digest(self.constants.window), Invalid::Mismatch)?;
        for (signed, view_change) in &body.view_changes {
            self.view_change(signed, view_change)?;
        }
        body.pre_prepares.iter().try_for_each(|signed| self.statement(signed, &[Kind::PrePrepare]))
    }

    fn bundle(&self, bundle: &Bundle) -> Result<(), Invalid> {
        let Bundle { header, statement, items } = bundle;
        self.statement(statement, &[Kind::Bundle])?;
        ensure(header.is_named_by(statement) && statement.statement.digest == header.digest(), Invalid::Mismatch)?;
        ensure(header.counts(items) && header.is_well_formed(self.constants), Invalid::Malformed)?;
        ensure(header.items_root == items_root(items), Invalid::Mismatch)?;
        let epoch = self.committee.epoch();
        let all_known = items.iter().all(|item| self.payload.is_known(item, epoch));
        if all_known && self.payload.all_valid(&items.iter().collect::<Vec<_>>()) {
            return Ok(());
        }
        let wrong = items.iter().position(|item| !self.may_hold(item));
        wrong.map_or(Ok(()), |index| Err(Invalid::Item(index)))
    }

    /// Whether a lane of this epoch may hold the item.
    pub(crate) fn may_hold(&self, item: &Item) -> bool {
        self.payload.is_known(item, self.committee.epoch()) && self.payload.is_valid(item)
    }
}

fn ensure(holds: bool, otherwise: Invalid) -> Result<(), Invalid> {
    if holds { Ok(()) } else { Err(otherwise) }
}
