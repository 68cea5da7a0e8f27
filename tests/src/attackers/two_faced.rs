//! Two-faced: of one or two kinds of statements it says one thing to the members with even numbers and another to those
//! with odd ones; every kind that a replica signs has its turn in some seed. Before a vote it sends the same unsigned, so
//! that where nobody looks at it the unsigned one might stand for the other. Belated, it says both of votes, bundles and
//! checkpoints that are certified by then, when nobody counts or checks them any more.
//! Must survive: agreement, and the proof of each lie whose halves two honest replicas hold (E2). May suffer: its lane.

use super::{Attacker, Mask};
use crate::dice::Dice;
use crate::weather::Micros;
use quorate_pbft::{
    Bundle, BundleHeader, Content, Item, ItemKind, Kind, Message, NewView, ReplicaId, Signed, Statement, Time,
    ViewChange, items_root,
};
use std::sync::Arc;

/// Kinds of statement that a replica signs, but for Status.
const KINDS: &[Kind] = &[
    Kind::Bundle,
    Kind::Ack,
    Kind::PrePrepare,
    Kind::Prepare,
    Kind::Commit,
    Kind::Checkpoint,
    Kind::ViewChange,
    Kind::NewView,
];

/// Kinds that are let in unchecked once they are certified.
const LATE_KINDS: &[Kind] = &[Kind::Ack, Kind::Commit, Kind::Checkpoint];

pub(super) struct TwoFaced {
    mask: Mask,
    kinds: [Kind; 2],
    /// Time by which its two words are held back.
    late: Micros,
}

impl TwoFaced {
    pub(super) fn new(mask: Mask, mut dice: Dice) -> Self {
        Self { mask, kinds: [*dice.pick(KINDS), *dice.pick(KINDS)], late: 0 }
    }

    pub(super) fn belated(mask: Mask, mut dice: Dice) -> Self {
        let kinds = [*dice.pick(LATE_KINDS), *dice.pick(LATE_KINDS)];
        let late = mask.constants.base_timeout_ms * dice.between(100, 600);
        Self { mask, kinds, late }
    }

    /// The other face; none where it has none.
    fn other(&self, message: &Message) -> Option<Message> {
        match message {
            Message::PrePrepare { statement, content, certificates } => {
                let time = content.time.map(|time| Time::new(time.get() + 1));
                let content = Content { time, ..content.clone() };
                let statement = self.instead(statement, content.digest())?;
                Some(Message::PrePrepare { statement, content, certificates: certificates.clone() })
            }
            Message::Prepare { statement, pre_prepare } => {
                Some(Message::Prepare { statement: self.twist(statement)?, pre_prepare: *pre_prepare })
            }
            Message::Commit(signed) => self.twist(signed).map(Message::Commit),
            Message::Ack(signed) => self.twist(signed).map(Message::Ack),
            Message::Checkpoint(signed) => self.twist(signed).map(Message::Checkpoint),
            Message::Bundle(bundle) => self.bundle(bundle),
            Message::ViewChange { statement, body } => {
                let mut less = ViewChange::clone(body);
                less.prepared.clear();
                less.voted.clear();
                less.checkpoint = None;
                let statement = self.instead(statement, less.digest(self.mask.constants.window))?;
                Some(Message::ViewChange { statement, body: Arc::new(less) })
            }
            Message::NewView { statement, body } => {
                let mut less = NewView::clone(body);
                less.pre_prepares.pop();
                let statement = self.instead(statement, less.digest(self.mask.constants.window))?;
                Some(Message::NewView { statement, body: Arc::new(less) })
            }
            _ => None,
        }
    }

    /// A word that may be let in unchecked, under a signature that does not fit.
    fn unsigned(&self, message: &Message) -> Option<Message> {
        let of = |signed: &Signed| {
            self.has(signed).then_some(Signed { signature: quorate_pbft::Signature([7; 64]), ..*signed })
        };
        match message {
            Message::Commit(signed) => of(signed).map(Message::Commit),
            Message::Ack(signed) => of(signed).map(Message::Ack),
            Message::Checkpoint(signed) => of(signed).map(Message::Checkpoint),
            _ => None,
        }
    }

    /// The bundle with a read mark more.
    fn bundle(&self, bundle: &Bundle) -> Option<Message> {
        let mut items = bundle.items.clone();
        items.push(Item { kind: ItemKind::ReadMark, bytes: vec![7; 32] });
        let header = BundleHeader {
            items: items.len() as u32,
            bytes: bundle.header.bytes + 32,
            lane_bytes: bundle.header.lane_bytes + 32,
            items_root: items_root(&items),
            ..bundle.header.clone()
        };
        let statement = self.instead(&bundle.statement, header.digest())?;
        Some(Message::Bundle(Arc::new(Bundle { header, statement, items })))
    }

    fn twist(&self, signed: &Signed) -> Option<Signed> {
        self.has(signed).then(|| self.mask.twist(signed))
    }

    fn instead(&self, signed: &Signed, digest: quorate_pbft::Digest) -> Option<Signed> {
        self.has(signed).then(|| self.mask.sign(Statement { digest, ..signed.statement }))
    }

    fn has(&self, signed: &Signed) -> bool {
        signed.signer == self.mask.me && self.kinds.contains(&signed.statement.kind)
    }
}

impl Attacker for TwoFaced {
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let unsigned = self.unsigned(message).map(Arc::new);
        let even = to.get().is_multiple_of(2);
        let said = if even { message.clone() } else { self.other(message).map_or_else(|| message.clone(), Arc::new) };
        unsigned.into_iter().chain([said]).collect()
    }

    fn delay(&self, message: &Message) -> Micros {
        match message {
            Message::Ack(signed) | Message::Commit(signed) | Message::Checkpoint(signed) if self.has(signed) => {
                self.late
            }
            _ => 0,
        }
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !super::speaks_of(message, self.mask.me)
    }
}
