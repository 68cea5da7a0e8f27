//! A follower: the real core over its journal, and its part in spreading.

use super::frames::{Frame, Outbox};
use super::lies::Lie;
use crate::clients::ItemCheck;
use crate::keys::Keys;
use crate::machine::{FollowerMachine, FollowerNews};
use crate::weather::Micros;
use crate::world::forged;
use quorate_pbft::{
    Constants, FollowerConfig, Input as CoreInput, Message, Now, PublicKey, Question, ReplicaId, SeqNum, Ticks, Time,
    Unverified, Verified, VerifyContext,
};
use quorate_spread::{Effect, Input, Interest, Shape, Spread, Way};
use std::sync::Arc;

/// A follower among the sites.
pub(super) struct Site {
    pub(super) spread: Spread,
    machine: FollowerMachine,
    pub(super) lie: Option<Lie>,
    /// The first decision that it saw: what a stale newsman tells for ever.
    first: Option<Arc<Message>>,
    /// Slots executed since they were last asked for, with the hops of the news that showed it if it came by a push.
    pub(super) executed: Vec<SeqNum>,
    /// Hops of each item of news that was newer than all before.
    pub(super) hops: Vec<u8>,
}

/// Context of a site's step.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) keys: &'a Keys,
    pub(super) constants: &'a Constants,
    pub(super) now: Micros,
}

impl Site {
    pub(super) fn new(key: PublicKey, place: Place<'_>, lie: Option<Lie>, seed: u64) -> Self {
        let config = FollowerConfig {
            committee: place.keys.committee.clone(),
            constants: place.constants.clone(),
            verify: place.keys.verify.clone(),
        };
        let mut machine = FollowerMachine::new(config, None);
        machine.start();
        let spread = Spread::new(key, Shape::FOLLOWER, Interest::Everything, seed);
        Self { spread, machine, lie, first: None, executed: Vec::new(), hops: Vec::new() }
    }

    /// When it wants to wake.
    pub(super) fn next_wakeup(&self) -> Micros {
        let core = self.machine.next_wakeup().unwrap_or(Ticks::new(u64::MAX / 1_000));
        core.min(self.spread.next_wakeup()).get() * 1_000
    }

    /// Hands an input to its part in spreading, and works off what follows.
    pub(super) fn spread(&mut self, input: Input, place: Place<'_>, out: &mut Outbox) {
        let mut effects = Vec::new();
        self.spread.take_in(Input::Tick(Ticks::new(place.now / 1_000)), &mut effects);
        self.spread.take_in(input, &mut effects);
        effects.into_iter().for_each(|effect| self.work_off(effect, place, out));
        self.core(None, place, out);
    }

    /// A frame of a neighbour.
    pub(super) fn hear(&mut self, from: PublicKey, frame: &Frame, place: Place<'_>, out: &mut Outbox) {
        match frame {
            Frame::Word(word) => self.spread(Input::Heard { from, word: word.clone() }, place, out),
            Frame::Ask(question) => {
                let answer = self.machine.supplied(&question.wanted);
                let answer = match self.lie {
                    None | Some(Lie::HopAbuser) => answer,
                    Some(Lie::Withholder) => Vec::new(),
                    Some(Lie::StaleNewsman) => self.first.iter().map(|first| Message::clone(first)).collect(),
                    Some(Lie::WrongAnswerer) => answer.iter().map(forged).collect(),
                };
                out.frames.extend(answer.into_iter().map(|message| (from, Frame::Answer(Arc::new(message)))));
            }
            Frame::Answer(message) => match self.verified(from, message, place) {
                Some(verified) => self.take(verified, Way::Fetched, place, out),
                None => self.spread(Input::Forged(from), place, out),
            },
        }
    }

    fn verified(&self, from: PublicKey, message: &Message, place: Place<'_>) -> Option<Verified<Message>> {
        let number = place.keys.committee.len() as u16 + self.spread.place_of(&from)?;
        let context = VerifyContext {
            committee: &place.keys.committee,
            verify: &*place.keys.verify,
            payload: &ItemCheck,
            constants: place.constants,
        };
        Unverified::new(ReplicaId::new(number), message.clone()).verify(&context).ok()
    }

    fn take(&mut self, message: Verified<Message>, way: Way, place: Place<'_>, out: &mut Outbox) {
        if let Message::Decided { .. } = message.message() {
            self.first.get_or_insert_with(|| Arc::new(message.message().clone()));
        }
        self.spread(Input::Verified { message: message.clone(), way, changed: Vec::new() }, place, out);
        self.core(Some(CoreInput::Message(message)), place, out);
    }

    fn work_off(&mut self, effect: Effect, place: Place<'_>, out: &mut Outbox) {
        let number = |at: u16| ReplicaId::new(place.keys.committee.len() as u16 + at);
        match effect {
            Effect::Send { to, word } => {
                let word = match self.lie {
                    Some(lie) => lie.bend(word, self.first.as_ref()),
                    None => Some(word),
                };
                out.frames.extend(word.map(|word| (to, Frame::Word(word))));
            }
            Effect::Check { from, hops, items } => {
                for item in items {
                    match self.verified(from, &item, place) {
                        Some(verified) => {
                            if matches!(*item, Message::Decided { .. }) {
                                self.hops.push(hops.saturating_add(1));
                            }
                            self.take(verified, Way::Pushed(from, hops), place, out);
                        }
                        None => self.spread(Input::Forged(from), place, out),
                    }
                }
            }
            Effect::Claims { place, claims } => self.machine.take_claims(number(place), claims),
            Effect::Gone(place) => self.machine.forget(number(place)),
            Effect::Dial(contact) => out.dials.push(contact.key),
            Effect::Drop(key, _) => out.drops.push(key),
        }
    }

    /// Steps the core; what it executed is told to the neighbours.
    fn core(&mut self, input: Option<CoreInput>, place: Place<'_>, out: &mut Outbox) {
        let ticks = place.now / 1_000;
        let news = self.machine.input(Now { ticks: Ticks::new(ticks), wall: Time::new(ticks) }, input);
        for news in news {
            match news {
                FollowerNews::Asks(whom, wanted) => {
                    let at = whom.index().checked_sub(place.keys.committee.len());
                    let key = at.and_then(|at| self.spread.at_place(at as u16));
                    let question = Question { epoch: place.keys.committee.epoch(), wanted };
                    out.frames.extend(key.map(|key| (key, Frame::Ask(question))));
                }
                FollowerNews::Executed(decided, _) => self.executed.push(decided.seq),
                FollowerNews::Broke(why) => panic!("a follower breaks: {why}"),
                FollowerNews::Forbidden(what) => panic!("a follower {what}"),
            }
        }
        self.show(place, out);
    }

    fn show(&mut self, place: Place<'_>, out: &mut Outbox) {
        let executed = self.machine.executed();
        let stable = self.machine.follower().and_then(|follower| follower.stable());
        let (stable, root) = stable.map(|cert| (cert.seq(), cert.digest())).unwrap_or_default();
        let own = self.spread.inventory();
        if (own.executed, own.stable) != (executed, stable) {
            let holds = Input::Holds { executed, oldest: SeqNum::new(1), stable, root };
            self.spread(holds, place, out);
        }
    }
}
