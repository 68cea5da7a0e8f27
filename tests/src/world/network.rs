//! Messages on their way: verified once for all who get them, late, lost or doubled as the weather has it.

use super::World;
use super::queue::Event;
use crate::machine::Outgoing;
use crate::scene::Fact;
use crate::trace::words;
use crate::weather::Micros;
use quorate_pbft::{Certified, Input, Invalid, Message, ReplicaId, Unverified, Verified, VerifyContext, Word};
use std::rc::Rc;
use std::sync::Arc;

/// Messages that a replica hears between two looks at how full it is.
const LOOK_AT_HOLDINGS_EVERY: u64 = 256;

/// A message on its way.
pub(super) struct Parcel {
    pub(super) from: ReplicaId,
    message: Arc<Message>,
    pub(super) verified: Result<Verified<Message>, Invalid>,
}

impl Parcel {
    /// The word that a replica's door need not check, which knows these digests certified.
    fn word(&self, context: &VerifyContext<'_>, certified: &Certified) -> Option<Word> {
        let may_be = matches!(*self.message, Message::Commit(_) | Message::Ack(_) | Message::Checkpoint(_));
        let unverified = may_be.then(|| Unverified::new(self.from, Message::clone(&self.message)))?;
        unverified.into_word(context, certified).ok()
    }
}

impl World<'_> {
    pub(super) fn deliver(&mut self, to: ReplicaId, parcel: &Parcel) {
        let seat = &mut self.seats[to.index()];
        if let Some(attacker) = &mut seat.attacker {
            attacker.overhear(&parcel.message);
        }
        let Some(replica) = seat.machine.replica() else { return };
        let context = VerifyContext {
            committee: &self.keys.committee,
            verify: &*self.keys.verify,
            payload: &*self.payload,
            constants: &self.plan.constants,
        };
        let input = match (parcel.word(&context, replica.certified()), &parcel.verified) {
            (_, Err(invalid)) if self.plan.is_honest(parcel.from) => {
                let said = words(&parcel.message);
                self.fail("valid", format!("the honest {} sent something invalid, {invalid}: {said}", parcel.from));
                return;
            }
            (Some(word), _) => Input::Word(word),
            (None, Ok(verified)) => Input::Message(verified.clone()),
            (None, Err(_)) => return,
        };
        let (view, stable) = (replica.view(), replica.stable().map(|cert| cert.seq()).unwrap_or_default());
        if seat.attacker.as_mut().is_some_and(|attacker| !attacker.may_hear(&parcel.message)) {
            return;
        }
        seat.heard += 1;
        let look = seat.heard.is_multiple_of(LOOK_AT_HOLDINGS_EVERY);
        self.trace.line(self.now, || format!("{to} <- {}: {}", parcel.from, words(&parcel.message)));
        self.stats.messages += 1;
        if let Some(verified) = parcel.verified.as_ref().ok().filter(|_| self.plan.is_honest(to)) {
            self.judge(&Fact::Heard { by: to, message: verified.message(), view, stable });
        }
        self.input(to, Some(input));
        if look {
            self.look_at_holdings(to);
        }
    }

    pub(super) fn transmit(&mut self, from: ReplicaId, leaving: Vec<Outgoing>) {
        for outgoing in leaving {
            match outgoing {
                Outgoing::To(to, message) => self.transmit_to(from, &[to], &message),
                Outgoing::All(message) => {
                    if matches!(*message, Message::Status { .. }) {
                        self.show_onlookers(from, &message);
                    }
                    let others: Vec<ReplicaId> = self.plan.replicas().filter(|to| *to != from).collect();
                    self.transmit_to(from, &others, &message);
                }
            }
        }
    }

    fn transmit_to(&mut self, from: ReplicaId, to: &[ReplicaId], message: &Arc<Message>) {
        if self.plan.is_honest(from) {
            self.judge(&Fact::Sent { from, message });
            let parcel = Rc::new(self.parcel(from, message.clone()));
            to.iter().for_each(|to| self.post(*to, &parcel, 0));
            return;
        }
        for to in to {
            let Some(attacker) = &mut self.seats[from.index()].attacker else { continue };
            let delay = attacker.delay(message);
            for message in attacker.outgoing(*to, message) {
                let parcel = Rc::new(self.parcel(from, message));
                self.post(*to, &parcel, delay);
            }
        }
    }

    pub(super) fn parcel(&self, from: ReplicaId, message: Arc<Message>) -> Parcel {
        let context = VerifyContext {
            committee: &self.keys.committee,
            verify: &*self.keys.verify,
            payload: &*self.payload,
            constants: &self.plan.constants,
        };
        let verified = Unverified::new(from, Message::clone(&message)).verify(&context);
        Parcel { from, message, verified }
    }

    fn post(&mut self, to: ReplicaId, parcel: &Rc<Parcel>, held_back: Micros) {
        if self.cuts.is_cut(parcel.from, to) {
            return;
        }
        for delay in self.weather.arrivals(parcel.from, to, &mut self.dice) {
            self.queue.push(self.now + held_back + delay, Event::Deliver { to, parcel: parcel.clone() });
        }
    }
}
