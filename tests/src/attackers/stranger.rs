//! Stranger: replays across groups and epochs. The members' keys have signed other things in another group, and
//! would in an epoch that never comes; it hands those around as votes, halves, recollections and proofs.
//! Must survive: everything; a statement of another group or epoch is no statement here, and accuses nobody (E).

use super::{Attacker, Mask, another};
use crate::dice::Dice;
use crate::keys::Keys;
use quorate_pbft::{Digest, Epoch, Evidence, Kind, Message, Question, ReplicaId, Signed, Signer, Statement, Wanted};
use std::sync::Arc;

/// Epochs up to one that no group here reaches: in those that begin, an honest key never signs this.
const FAR: u64 = 1_000;

/// Messages of 100 beside which a foreign one goes out.
const PERCENT: u64 = 30;

pub(super) struct Stranger {
    mask: Mask,
    dice: Dice,
    /// Signers of every member's key that sign elsewhere.
    elsewhere: Vec<Arc<dyn Signer>>,
    /// The number in the victim's last question for what it promised.
    asked: u64,
}

impl Stranger {
    pub(super) fn new(mask: Mask, keys: &Keys, dice: Dice) -> Self {
        Self { mask, dice, elsewhere: keys.signers.clone(), asked: 0 }
    }

    /// Statement of a member about another digest at the same place, in another group or in a far epoch.
    fn foreign(&mut self, of: &Signed) -> Signed {
        let digest = another(&of.statement.digest);
        let there = match self.dice.chance(50) {
            true => Statement { group: Digest([9; 32]), digest, ..of.statement },
            false => Statement { epoch: Epoch::new(of.statement.epoch.get() + FAR), digest, ..of.statement },
        };
        there.sign(of.signer, &*self.elsewhere[of.signer.index()])
    }

    fn hand_around(&mut self, known: &Signed) -> Message {
        let foreign = self.foreign(known);
        let pair = (foreign.min(*known), foreign.max(*known));
        match (self.dice.below(4), known.statement.kind) {
            (0, _) => Message::Contradiction(foreign),
            (1, _) => Message::Evidence(Evidence::Equivocation(pair.0, pair.1)),
            (2, _) => Message::Recalled { incarnation: self.asked, statements: vec![foreign] },
            (_, Kind::Ack) => Message::Ack(foreign),
            (_, Kind::Checkpoint) => Message::Checkpoint(foreign),
            (_, Kind::Prepare) => Message::Prepare { statement: foreign, pre_prepare: *known },
            (_, _) => {
                Message::Commit(Signed { statement: Statement { kind: Kind::Commit, ..foreign.statement }, ..foreign })
            }
        }
    }
}

impl Attacker for Stranger {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let mut leaving = vec![message.clone()];
        let known = crate::scene::statements(message);
        if !known.is_empty() && self.dice.chance(PERCENT) {
            let own = *self.dice.pick(&known);
            leaving.push(Arc::new(self.hand_around(&own)));
            let victim = Signed { signer: self.mask.victim, ..own };
            let victims = self.foreign(&victim);
            leaving.push(Arc::new(Message::Contradiction(victims)));
            leaving.push(Arc::new(Message::Recalled { incarnation: self.asked, statements: vec![victims] }));
        }
        leaving
    }

    fn overhear(&mut self, message: &Arc<Message>) {
        if let Message::Ask(Question { wanted: Wanted::Recall { incarnation }, .. }) = &**message {
            self.asked = *incarnation;
        }
    }
}
