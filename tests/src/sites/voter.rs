//! A voter at its door: it feeds followers from what the group's run wrote down.

use super::archive::{Archive, Did};
use super::frames::{Frame, Outbox};
use super::site::Place;
use crate::clients::ItemCheck;
use quorate_pbft::{Digest, Message, PublicKey, ReplicaId, SeqNum, Ticks, Unverified, VerifyContext};
use quorate_spread::{Effect, Input, Interest, Shape, Spread, Way};

/// A voter and what it has so far.
pub(super) struct Voter {
    pub(super) spread: Spread,
    decided: SeqNum,
    executed: SeqNum,
    stable: SeqNum,
}

impl Voter {
    pub(super) fn new(key: PublicKey) -> Self {
        let seed = u64::from(key.0[3]) + 1;
        let (decided, executed, stable) = Default::default();
        Self { spread: Spread::new(key, Shape::VOTER, Interest::Nothing, seed), decided, executed, stable }
    }

    /// The next step of its part in the group.
    pub(super) fn did(&mut self, did: Did, archive: &Archive, place: Place<'_>, out: &mut Outbox) {
        match did {
            Did::Decided(seq) => {
                self.decided = self.decided.max(seq);
                self.tell(archive.decision(seq), place, out);
            }
            Did::Executed(seq) => {
                self.executed = seq;
                self.hold(archive, place, out);
            }
            Did::Stable(seq) => {
                self.stable = seq;
                archive.checkpoint(seq).into_iter().for_each(|message| self.tell(message, place, out));
                self.hold(archive, place, out);
            }
        }
    }

    fn tell(&mut self, message: &Message, place: Place<'_>, out: &mut Outbox) {
        let context = VerifyContext {
            committee: &place.keys.committee,
            verify: &*place.keys.verify,
            payload: &ItemCheck,
            constants: place.constants,
        };
        let verified = Unverified::new(ReplicaId::new(0), message.clone()).verify(&context);
        let message = verified.expect("the group's own certificate is valid");
        self.spread(Input::Verified { message, way: Way::Own, changed: Vec::new() }, place, out);
    }

    fn hold(&mut self, archive: &Archive, place: Place<'_>, out: &mut Outbox) {
        let root = match archive.checkpoint(self.stable) {
            Some(message) => match &**message {
                Message::StableCheckpoint(claimed) => claimed.digest,
                other => panic!("{other:?} among the checkpoints"),
            },
            None => Digest::ZERO,
        };
        let holds = Input::Holds { executed: self.executed, oldest: SeqNum::new(1), stable: self.stable, root };
        self.spread(holds, place, out);
    }

    pub(super) fn spread(&mut self, input: Input, place: Place<'_>, out: &mut Outbox) {
        let mut effects = Vec::new();
        self.spread.take_in(Input::Tick(Ticks::new(place.now / 1_000)), &mut effects);
        self.spread.take_in(input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Send { to, word } => out.frames.push((to, Frame::Word(word))),
                Effect::Drop(key, _) => out.drops.push(key),
                Effect::Check { .. } | Effect::Claims { .. } | Effect::Gone(_) | Effect::Dial(_) => (),
            }
        }
    }

    /// A frame of a follower.
    pub(super) fn hear(
        &mut self,
        from: PublicKey,
        frame: &Frame,
        archive: &Archive,
        place: Place<'_>,
        out: &mut Outbox,
    ) {
        match frame {
            Frame::Word(word) => self.spread(Input::Heard { from, word: word.clone() }, place, out),
            Frame::Ask(question) => {
                let answer = archive.answer(&question.wanted, self.decided, self.stable);
                out.frames.extend(answer.into_iter().map(|message| (from, Frame::Answer(message))));
            }
            Frame::Answer(_) => (),
        }
    }
}
