//! Splits: says two different things at hundreds of positions, headers and acknowledgements of its lane, proposals and
//! votes, or checkpoints: one half to members with even numbers and the other to those with odd ones, or both to all, so
//! that everybody knows of as many positions at once as there is room for.
//! Must survive: bounded memory and disk (B, E2), the proof of its lies and of everybody else's, and progress.

use super::{Attacker, Mask, another};
use crate::dice::Dice;
use crate::scene::statements;
use quorate_pbft::{Digest, Kind, Message, ReplicaId, SeqNum, Signed, View, hash};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Positions with each status: more in a second than are sent on (E2).
const PIECES: u64 = 60;

/// Positions above the own lane's newest bundle at which it lies: nearly as far as anybody listens.
const AHEAD: u64 = 400;

/// Subject of its contradictions.
#[derive(Clone, Copy)]
enum About {
    Lane,
    Slots,
    Checkpoints,
}

pub(super) struct Splits {
    mask: Mask,
    about: About,
    /// Whether everybody hears both.
    both: bool,
    /// Pieces that each member has had.
    counts: BTreeMap<ReplicaId, u64>,
    /// The newest of the own lane, of all slots, and of all views, as far as it has seen.
    position: u64,
    slot: u64,
    view: View,
}

impl Splits {
    pub(super) fn new(mask: Mask, mut dice: Dice) -> Self {
        let about = *dice.pick(&[About::Lane, About::Slots, About::Checkpoints]);
        let (counts, position, slot, view) = Default::default();
        Self { mask, about, both: dice.chance(50), counts, position, slot, view }
    }

    fn see(&mut self, message: &Message) {
        for Signed { statement, signer, .. } in statements(message) {
            match statement.kind {
                Kind::Bundle if signer == self.mask.me => self.position = self.position.max(statement.seq.get()),
                Kind::PrePrepare | Kind::Prepare | Kind::Commit => {
                    self.slot = self.slot.max(statement.seq.get());
                    self.view = self.view.max(statement.view);
                }
                _ => (),
            }
        }
    }

    /// Contradicting statements about one position, as a member gets them.
    fn pieces(&mut self, to: ReplicaId) -> Vec<Message> {
        let counted = self.counts.entry(to).or_default();
        *counted += 1;
        let (count, zero, window) = (*counted, View::new(0), self.mask.constants.window);
        let slot = (self.slot + window).saturating_sub(count % (2 * window)).max(1);
        match self.about {
            About::Lane => {
                let (lane, at) = (View::new(u64::from(self.mask.me.get())), self.position + 1 + count % AHEAD);
                [self.halves(Kind::Bundle, zero, at, to), self.halves(Kind::Ack, lane, at, to)].concat()
            }
            About::Slots => {
                let view = View::new(self.view.get().saturating_sub(count % 3));
                let proposes = self.mask.committee.primary(view) == self.mask.me;
                self.halves(if proposes { Kind::PrePrepare } else { Kind::Commit }, view, slot, to)
            }
            About::Checkpoints => self.halves(Kind::Checkpoint, zero, slot, to),
        }
    }

    fn halves(&self, kind: Kind, view: View, seq: u64, to: ReplicaId) -> Vec<Message> {
        let one: Digest = hash("quorate/tests/splits", &(view, seq));
        let halves = [one, another(&one)];
        let at = usize::from(to.get() % 2);
        let heard = if self.both { &halves[..] } else { &halves[at..=at] };
        heard
            .iter()
            .map(|digest| Message::Contradiction(self.mask.say(kind, view, SeqNum::new(seq), *digest)))
            .collect()
    }
}

impl Attacker for Splits {
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        self.see(message);
        let mut leaving = vec![message.clone()];
        if matches!(**message, Message::Status { .. }) {
            let pieces = (0..PIECES).flat_map(|_| self.pieces(to)).map(Arc::new);
            leaving.extend(pieces);
        }
        leaving
    }

    fn overhear(&mut self, message: &Arc<Message>) {
        self.see(message);
    }

    /// The replica inside must not find out what is signed in its name.
    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !super::speaks_of(message, self.mask.me)
    }
}
