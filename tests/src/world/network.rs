//! Messages on their way: verified once for all who get them, late, lost or doubled as the weather has it.

use super::World;
use super::queue::Event;
use crate::machine::Outgoing;
use crate::scene::{Fact, statements};
use crate::trace::words;
use crate::weather::Micros;
use quorate_pbft::{
    Certified, Committee, Input, Invalid, Message, ReplicaId, Unverified, Verified, VerifyContext, Word,
};
use quorate_service::pool::CachedPayload;
use std::rc::Rc;
use std::sync::Arc;

/// Messages that a replica hears between two looks at how full it is.
const LOOK_AT_HOLDINGS_EVERY: u64 = 256;

/// A message on its way.
pub(super) struct Parcel {
    /// Place of its sender at the table.
    pub(super) from: ReplicaId,
    /// The sender's number among the members of its epoch.
    number: ReplicaId,
    /// Members of its epoch.
    committee: Arc<Committee>,
    message: Arc<Message>,
    pub(super) verified: Result<Verified<Message>, Invalid>,
}

/// Judgement of a message: refused, let in, or let in as the proof of a lie.
#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    Refused,
    LetIn,
    Proved,
}

impl Judgement {
    fn of(verified: &Result<Verified<Message>, Invalid>) -> Self {
        match verified.as_ref().map(Verified::message) {
            Err(_) => Self::Refused,
            Ok(Message::Evidence(_)) => Self::Proved,
            Ok(_) => Self::LetIn,
        }
    }
}

impl Parcel {
    /// Verdict of a receiver that has a check of items of its own on a bundle.
    fn verified_by(
        &self,
        payload: &CachedPayload,
        context: &VerifyContext<'_>,
    ) -> Option<Result<Verified<Message>, Invalid>> {
        let is_bundle = matches!(*self.message, Message::Bundle(_));
        let unverified = is_bundle.then(|| Unverified::new(self.number, Message::clone(&self.message)))?;
        Some(unverified.verify(&VerifyContext { payload, ..*context }))
    }

    /// The word that a replica's door need not check, which knows these digests certified.
    fn word(&self, context: &VerifyContext<'_>, certified: &Certified) -> Option<Word> {
        let may_be = matches!(*self.message, Message::Commit(_) | Message::Ack(_) | Message::Checkpoint(_));
        let unverified = may_be.then(|| Unverified::new(self.number, Message::clone(&self.message)))?;
        unverified.into_word(context, certified).ok()
    }
}

impl World<'_> {
    pub(super) fn deliver(&mut self, to: ReplicaId, parcel: &Parcel) {
        let seat = &mut self.seats[to.index()];
        if let Some(attacker) = &mut seat.attacker {
            attacker.overhear(&parcel.message);
        }
        if !seat.machine.is_up() {
            return;
        }
        let context = VerifyContext {
            committee: &parcel.committee,
            verify: &*self.keys.verify,
            payload: &*self.payload,
            constants: &self.plan.constants,
        };
        let own = seat.payload.as_ref().and_then(|payload| parcel.verified_by(payload, &context));
        let verified = own.as_ref().unwrap_or(&parcel.verified);
        let judged = [&parcel.verified, verified].map(Judgement::of);
        if judged[0] != judged[1] {
            let said = words(&parcel.message);
            self.fail("valid", format!("checked by itself, and by {to} beside what it remembers: {judged:?}: {said}"));
            return;
        }
        let replica = seat.machine.replica();
        let of_epoch = replica.filter(|replica| replica.executed_point().epoch == parcel.committee.epoch());
        let input = match (of_epoch.and_then(|core| parcel.word(&context, core.certified())), verified) {
            (_, Err(invalid)) if self.plan.is_honest(parcel.from) => {
                let said = words(&parcel.message);
                self.fail("valid", format!("the honest {} sent something invalid, {invalid}: {said}", parcel.from));
                return;
            }
            (Some(word), _) => Input::Word(word),
            (None, Ok(verified)) => Input::Message(verified.clone()),
            (None, Err(_)) => return,
        };
        let (view, stable) = replica.map_or_else(Default::default, |replica| {
            (replica.view(), replica.stable().map(|cert| cert.seq()).unwrap_or_default())
        });
        let hears = of_epoch.is_some();
        if seat.attacker.as_mut().is_some_and(|attacker| !attacker.may_hear(&parcel.message)) {
            return;
        }
        seat.heard += 1;
        let look = seat.heard.is_multiple_of(LOOK_AT_HOLDINGS_EVERY);
        self.trace.line(self.now, || format!("{to} <- {}: {}", parcel.from, words(&parcel.message)));
        self.stats.messages += 1;
        if let Some(verified) = verified.as_ref().ok().filter(|_| hears && self.plan.is_honest(to)) {
            self.judge(&Fact::Heard { by: to, epoch: verified.epoch(), message: verified.message(), view, stable });
        }
        self.input(to, Some(input));
        if look {
            self.look_at_holdings(to);
        }
    }

    pub(super) fn transmit(&mut self, from: ReplicaId, leaving: Vec<Outgoing>) {
        for Outgoing { committee, to, message } in leaving {
            if let (Message::Ask(question), None) = (&*message, self.number(from, &committee)) {
                to.into_iter().for_each(|of| self.ask_member(from, of, question));
                continue;
            }
            match to {
                Some(to) => self.transmit_to(from, &[to], &committee, &message),
                None => {
                    if matches!(*message, Message::Status { .. }) {
                        self.show_onlookers(from, &message);
                        self.show_joiners(from, &committee, &message);
                    }
                    let members = self.plan.list(committee.epoch());
                    let others: Vec<ReplicaId> = members.into_iter().filter(|to| *to != from).collect();
                    self.transmit_to(from, &others, &committee, &message);
                }
            }
        }
    }

    fn transmit_to(&mut self, from: ReplicaId, to: &[ReplicaId], committee: &Arc<Committee>, message: &Arc<Message>) {
        if self.plan.is_honest(from) {
            self.judge(&Fact::Sent { from, epoch: committee.epoch(), message });
            let parcel = Rc::new(self.parcel(from, committee, message.clone()));
            to.iter().for_each(|to| self.post(*to, &parcel, 0));
            return;
        }
        for to in to {
            let Some(attacker) = &mut self.seats[from.index()].attacker else { continue };
            let delay = attacker.delay(message);
            for message in attacker.outgoing(*to, message) {
                let committee = self.list_of(from, &message, committee);
                let parcel = Rc::new(self.parcel(from, &committee, message));
                self.post(*to, &parcel, delay);
            }
        }
    }

    /// The members of the epoch that an attacker's message is of, if it is one of them and knows them; its own ones otherwise.
    fn list_of(&self, from: ReplicaId, message: &Message, own: &Arc<Committee>) -> Arc<Committee> {
        let epoch = statements(message).first().map_or(own.epoch(), |signed| signed.statement.epoch);
        let other = Some(epoch).filter(|epoch| *epoch != own.epoch());
        let list = other.and_then(|epoch| self.seats[from.index()].machine.committee(epoch));
        list.filter(|list| self.number(from, list).is_some()).unwrap_or_else(|| own.clone())
    }

    /// The number that a replica has in a member list.
    pub(super) fn number(&self, replica: ReplicaId, committee: &Committee) -> Option<ReplicaId> {
        committee.replica_of(&self.keys.signers[replica.index()].public_key())
    }

    pub(super) fn parcel(&self, from: ReplicaId, committee: &Arc<Committee>, message: Arc<Message>) -> Parcel {
        let context = VerifyContext {
            committee,
            verify: &*self.keys.verify,
            payload: &*self.payload,
            constants: &self.plan.constants,
        };
        let number = self.number(from, committee).expect("only members speak");
        let verified = Unverified::new(number, Message::clone(&message)).verify(&context);
        Parcel { from, number, committee: committee.clone(), message, verified }
    }

    pub(super) fn post(&mut self, to: ReplicaId, parcel: &Rc<Parcel>, held_back: Micros) {
        if self.cuts.is_cut(parcel.from, to) {
            return;
        }
        for delay in self.weather.arrivals(parcel.from, to, &mut self.dice) {
            self.queue.push(self.now + held_back + delay, Event::Deliver { to, parcel: parcel.clone() });
        }
    }
}
