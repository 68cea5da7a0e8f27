//! Flooder: with each status sends pieces of one sort by the hundred, votes, acknowledgements, bundles' headers or
//! questions, inside the windows and far outside them, each validly signed.
//! Must survive: bounded memory (B), and everybody's progress.

use super::{Attacker, Mask};
use crate::dice::Dice;
use quorate_pbft::{Digest, Kind, Message, Position, Question, ReplicaId, SeqNum, View, Wanted, hash};
use std::sync::Arc;

/// Pieces with each status: in a few seconds more than any limit that counts statements of one signer.
const PIECES: u64 = 120;

/// Kind of statement that it floods with.
#[derive(Clone, Copy)]
enum Sort {
    Commits,
    Acks,
    Checkpoints,
    Headers,
    Starts,
    Demands,
    Questions,
}

const SORTS: &[Sort] =
    &[Sort::Commits, Sort::Acks, Sort::Checkpoints, Sort::Headers, Sort::Starts, Sort::Demands, Sort::Questions];

pub(super) struct Flooder {
    mask: Mask,
    sort: Sort,
    /// Whether numbers go far beyond all windows.
    far: bool,
    count: u64,
}

impl Flooder {
    pub(super) fn new(mask: Mask, mut dice: Dice) -> Self {
        Self { mask, sort: *dice.pick(SORTS), far: dice.chance(50), count: 0 }
    }

    fn piece(&mut self) -> Message {
        self.count += 1;
        let (count, mask) = (self.count, &self.mask);
        let digest: Digest = hash("quorate/tests/flood", &count);
        let (view, zero) = (View::new(count % 5 * 1_000), SeqNum::new(0));
        let lane = View::new(count % mask.committee.len() as u64);
        let seq = SeqNum::new(if self.far { count << 32 } else { count });
        match self.sort {
            Sort::Commits => Message::Commit(mask.say(Kind::Commit, View::new(count % 3), seq, digest)),
            Sort::Acks if self.far => {
                Message::Contradiction(mask.say(Kind::Ack, View::new(count), SeqNum::new(1), digest))
            }
            Sort::Acks => Message::Ack(mask.say(Kind::Ack, lane, seq, digest)),
            Sort::Checkpoints => Message::Checkpoint(mask.say(Kind::Checkpoint, View::new(0), seq, digest)),
            Sort::Headers => Message::Contradiction(mask.say(Kind::Bundle, View::new(0), seq, digest)),
            Sort::Starts => Message::Contradiction(mask.say(Kind::NewView, View::new(seq.get()), zero, digest)),
            Sort::Demands => Message::Contradiction(mask.say(Kind::ViewChange, View::new(seq.get()), zero, digest)),
            Sort::Questions => Message::Ask(self.question(view, seq, digest)),
        }
    }

    fn question(&self, view: View, seq: SeqNum, digest: Digest) -> Question {
        let (epoch, lane) = (self.mask.committee.epoch(), self.mask.victim);
        let wanted = match self.count % 5 {
            0 => Wanted::Slots { from: SeqNum::new(1), to: SeqNum::new(u64::MAX) },
            1 => Wanted::Bundles { lane, from: Position::new(0), to: Position::new(u64::MAX) },
            2 => Wanted::Content { seq, digest },
            3 => Wanted::Recall { incarnation: self.count },
            _ => Wanted::NewView { view, digest },
        };
        Question { epoch, wanted }
    }
}

impl Attacker for Flooder {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let mut leaving = vec![message.clone()];
        if matches!(**message, Message::Status { .. }) {
            leaving.extend((0..PIECES).map(|_| Arc::new(self.piece())));
        }
        leaving
    }

    /// The replica inside must not find out what is signed in its name.
    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !super::speaks_of(message, self.mask.me)
    }
}
