//! Flooder: with each status sends votes, acknowledgements, bundles' headers and questions by the dozen, inside the
//! windows and far outside them, each validly signed.
//! Must survive: bounded memory (B), and everybody's progress.

use super::{Attacker, Mask};
use quorate_pbft::{Digest, Kind, Message, Position, ReplicaId, SeqNum, View, Wanted, hash};
use std::sync::Arc;

/// Pieces with each status, of each sort.
const PIECES: u64 = 12;

pub(super) struct Flooder {
    mask: Mask,
    count: u64,
}

impl Flooder {
    pub(super) fn new(mask: Mask) -> Self {
        Self { mask, count: 0 }
    }

    fn piece(&mut self) -> Vec<Message> {
        self.count += 1;
        let (count, mask) = (self.count, &self.mask);
        let digest: Digest = hash("quorate/tests/flood", &count);
        let (view, lane) = (View::new(count % 5 * 1_000), View::new(count % mask.committee.len() as u64));
        let seq = SeqNum::new(if count.is_multiple_of(2) { count } else { count << 32 });
        let (from, to) = (SeqNum::new(1), SeqNum::new(u64::MAX));
        vec![
            Message::Commit(mask.say(Kind::Commit, view, seq, digest)),
            Message::Ack(mask.say(Kind::Ack, lane, seq, digest)),
            Message::Checkpoint(mask.say(Kind::Checkpoint, View::new(0), seq, digest)),
            Message::Half(mask.say(Kind::Bundle, View::new(0), seq, digest)),
            Message::Half(mask.say(Kind::NewView, view, SeqNum::new(0), digest)),
            Message::Ask(Wanted::Slots { from, to }),
            Message::Ask(Wanted::Bundles { lane: mask.victim, from: Position::new(0), to: Position::new(u64::MAX) }),
            Message::Ask(Wanted::Content { seq, digest }),
            Message::Ask(Wanted::Recall {
                incarnation: count,
                stable: SeqNum::new(0),
                tips: Vec::new(),
                known: Default::default(),
            }),
            Message::Ask(Wanted::NewView { view, digest }),
        ]
    }
}

impl Attacker for Flooder {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let mut leaving = vec![message.clone()];
        if matches!(**message, Message::Status { .. }) {
            for _ in 0..PIECES {
                leaving.extend(self.piece().into_iter().map(Arc::new));
            }
        }
        leaving
    }

    /// The replica inside must not find out what is signed in its name.
    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !super::speaks_of(message, self.mask.me)
    }
}
