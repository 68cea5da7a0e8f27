//! Mutator: beside its messages it sends copies with one thing changed, under a new signature of its own: another kind,
//! view, slot, group or digest; a status that boasts; demands and starts with entries doubled, moved or left out;
//! certificates with signers missing or doubled.
//! Must survive: everything (ByzzFuzz, OOPSLA 2023: small changes to real messages find what noise does not).

use super::{Attacker, Mask, another};
use crate::dice::Dice;
use quorate_pbft::{
    ClaimedCert, Digest, Kind, Message, NewView, Position, ReplicaId, SeqNum, Signed, Statement, StatusBody, View,
    ViewChange,
};
use std::sync::Arc;

/// Messages of 100 beside which a changed one goes out.
const PERCENT: u64 = 25;

const KINDS: &[Kind] = &[
    Kind::Bundle,
    Kind::Ack,
    Kind::PrePrepare,
    Kind::Prepare,
    Kind::Commit,
    Kind::Checkpoint,
    Kind::ViewChange,
    Kind::NewView,
    Kind::Status,
];

pub(super) struct Mutator {
    mask: Mask,
    dice: Dice,
}

impl Mutator {
    pub(super) fn new(mask: Mask, dice: Dice) -> Self {
        Self { mask, dice }
    }

    fn mutate(&mut self, message: &Message) -> Option<Message> {
        Some(match message {
            Message::PrePrepare { statement, content, certificates } => {
                let mut certificates = certificates.clone();
                self.certificates(&mut certificates);
                Message::PrePrepare { statement: self.signed(statement), content: content.clone(), certificates }
            }
            Message::Prepare { statement, pre_prepare } => {
                Message::Prepare { statement: self.signed(statement), pre_prepare: self.signed(pre_prepare) }
            }
            Message::Commit(signed) => Message::Commit(self.signed(signed)),
            Message::Ack(signed) => Message::Ack(self.signed(signed)),
            Message::Checkpoint(signed) => Message::Checkpoint(self.signed(signed)),
            Message::Contradiction(signed) => Message::Contradiction(self.signed(signed)),
            Message::LaneCert(claimed) => Message::LaneCert(self.certificate(claimed)),
            Message::StableCheckpoint(claimed) => Message::StableCheckpoint(self.certificate(claimed)),
            Message::Decided { certificate, content } => {
                Message::Decided { certificate: self.certificate(certificate), content: content.clone() }
            }
            Message::Status { statement, body } => {
                let body = self.boast(body);
                let statement = self.mask.sign(Statement { digest: body.digest(), ..statement.statement });
                Message::Status { statement, body }
            }
            Message::ViewChange { statement, body } => {
                let mut body = ViewChange::clone(body);
                self.demand(&mut body);
                let digest = body.digest(self.mask.constants.window);
                let statement = self.mask.sign(Statement { digest, view: body.view, ..statement.statement });
                Message::ViewChange { statement, body: Arc::new(body) }
            }
            Message::NewView { statement, body } => {
                let mut body = NewView::clone(body);
                self.start(&mut body);
                let digest = body.digest(self.mask.constants.window);
                let statement = self.mask.sign(Statement { digest, view: body.view, ..statement.statement });
                Message::NewView { statement, body: Arc::new(body) }
            }
            _ => return None,
        })
    }

    /// Changes one field of a statement, and signs anew for any signer.
    fn signed(&mut self, signed: &Signed) -> Signed {
        let mut statement = signed.statement;
        let (up, number) = (self.dice.chance(50), self.number());
        match self.dice.below(8) {
            0 => statement.kind = *self.dice.pick(KINDS),
            1 => statement.view = View::new(near(statement.view.get(), up)),
            2 => statement.view = View::new(number),
            3 => statement.seq = SeqNum::new(near(statement.seq.get(), up)),
            4 => statement.seq = SeqNum::new(number),
            5 => statement.digest = Digest::ZERO,
            6 => statement.digest = another(&statement.digest),
            _ => statement.group = another(&statement.group),
        }
        self.mask.sign(statement)
    }

    fn number(&mut self) -> u64 {
        let some = self.dice.below(1_000);
        *self.dice.pick(&[0, 1, some, u64::MAX - 1, u64::MAX])
    }

    fn certificates(&mut self, all: &mut Vec<ClaimedCert>) {
        if all.is_empty() {
            return;
        }
        let at = self.dice.below(all.len() as u64) as usize;
        match self.dice.below(3) {
            0 => drop(all.remove(at)),
            1 => all.push(all[at].clone()),
            _ => all[at] = self.certificate(&all[at].clone()),
        }
    }

    fn certificate(&mut self, claimed: &ClaimedCert) -> ClaimedCert {
        let mut changed = claimed.clone();
        let at = self.dice.below(changed.signatures.len().max(1) as u64) as usize;
        match self.dice.below(6) {
            0 if !changed.signatures.is_empty() => drop(changed.signatures.remove(at)),
            1 if !changed.signatures.is_empty() => changed.signatures.push(changed.signatures[at]),
            2 => changed.seq = changed.seq.next(),
            3 => changed.view = changed.view.next(),
            4 => changed.epoch = changed.epoch.next(),
            _ => changed.digest = another(&changed.digest),
        }
        changed
    }

    fn boast(&mut self, body: &StatusBody) -> StatusBody {
        let mut body = body.clone();
        let number = self.number();
        match self.dice.below(11) {
            0 => body.executed = SeqNum::new(number),
            1 => body.stable = SeqNum::new(number),
            2 => body.view = View::new(number),
            3 => body.changing = !body.changing,
            4 => body.new_view = another(&body.new_view),
            5 => body.view_changes.clear(),
            6 => body.incarnation = number,
            7 => body.slots.reverse(),
            8 => body.oldest = SeqNum::new(number),
            9 => body.heard.clear(),
            _ => {
                for (_, lane) in &mut body.lanes {
                    lane.acknowledged.position = Position::new(number);
                    lane.certified.position = Position::new(number);
                }
            }
        }
        body
    }

    fn demand(&mut self, body: &mut ViewChange) {
        match self.dice.below(8) {
            0 => body.view = body.view.next(),
            1 => body.checkpoint = None,
            2 => body.prepared.clear(),
            3 => body.voted.clear(),
            4 => body.voted.extend(body.voted.last().cloned()),
            5 => body.prepared.reverse(),
            6 => body.voted.iter_mut().for_each(|entry| entry.new_view = another(&entry.new_view)),
            _ => {
                let changed = body.prepared.first().map(|entry| self.certificate(&entry.certificate));
                if let (Some(entry), Some(changed)) = (body.prepared.first_mut(), changed) {
                    entry.certificate = changed;
                }
            }
        }
    }

    fn start(&mut self, body: &mut NewView) {
        match self.dice.below(6) {
            0 => drop(body.view_changes.pop()),
            1 => body.view_changes.extend(body.view_changes.last().cloned()),
            2 => body.view_changes.reverse(),
            3 => drop(body.pre_prepares.pop()),
            4 => body.pre_prepares.reverse(),
            _ => {
                let changed = body.pre_prepares.last().map(|last| self.mask.twist(last));
                if let (Some(last), Some(changed)) = (body.pre_prepares.last_mut(), changed) {
                    *last = changed;
                }
            }
        }
    }
}

fn near(number: u64, up: bool) -> u64 {
    if up { number.saturating_add(1) } else { number.saturating_sub(1) }
}

impl Attacker for Mutator {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let changed = if self.dice.chance(PERCENT) { self.mutate(message) } else { None };
        [Some(message.clone()), changed.map(Arc::new)].into_iter().flatten().collect()
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !super::speaks_of(message, self.mask.me)
    }
}
