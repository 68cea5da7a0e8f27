//! Lies of members that serve a follower. Each is a message that somebody could send: the follower survives it by proof.

use crate::dice::Dice;
use crate::keys::Keys;
use crate::plan::{Onlooker, ServingLie};
use quorate_pbft::{
    Bundle, Content, Epoch, Item, ItemKind, Kind, Message, ReplicaId, SeqNum, Signer, Statement, StatusBody, Time,
    View, Wanted, items_root,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Slots that a boaster claims beyond what it has.
const BOAST: u64 = 1_000;

/// Liars of one follower, with the keys that they sign with.
pub(super) struct Serving {
    liars: BTreeMap<ReplicaId, ServingLie>,
    signers: Vec<Arc<dyn Signer>>,
    group: quorate_pbft::Digest,
}

impl Serving {
    pub(super) fn new(onlooker: &Onlooker, keys: &Keys) -> Self {
        let liars = onlooker.liars.iter().copied().collect();
        Self { liars, signers: keys.signers.clone(), group: keys.committee.group() }
    }

    /// The answer that leaves in place of this one.
    pub(super) fn bend(&self, by: ReplicaId, wanted: &Wanted, answer: Vec<Message>, dice: &mut Dice) -> Vec<Message> {
        match self.liars.get(&by) {
            None => answer,
            Some(ServingLie::Withhold | ServingLie::Boast) => Vec::new(),
            Some(ServingLie::Stale) if dice.chance(50) => Vec::new(),
            Some(ServingLie::Stale) => {
                answer.into_iter().take(1).flat_map(|message| [message.clone(), message]).collect()
            }
            Some(ServingLie::Forge) => answer.iter().map(forged).collect(),
            Some(ServingLie::Fork) => answer.into_iter().map(|message| self.forked(by, message)).collect(),
            Some(ServingLie::Shuffle) => shuffled(wanted, answer, dice),
        }
    }

    /// News that leaves in place of this one.
    pub(super) fn tell(&self, by: ReplicaId, message: &Message, dice: &mut Dice) -> Option<Message> {
        match (self.liars.get(&by), message) {
            (Some(ServingLie::Withhold), _) => dice.chance(50).then(|| message.clone()),
            (Some(ServingLie::Boast), Message::Status { statement, body }) => {
                let executed = body.executed.plus(BOAST);
                let body = StatusBody { executed, stable: executed, oldest: SeqNum::new(1), ..body.clone() };
                let counter = statement.statement.seq;
                let digest = body.digest();
                let statement = self.statement(Kind::Status, counter, digest).sign(by, &*self.signers[by.index()]);
                Some(Message::Status { statement, body })
            }
            (Some(ServingLie::Forge), Message::Decided { .. } | Message::StableCheckpoint(_)) => Some(forged(message)),
            _ => Some(message.clone()),
        }
    }

    fn statement(&self, kind: Kind, seq: SeqNum, digest: quorate_pbft::Digest) -> Statement {
        Statement { group: self.group, epoch: Epoch::default(), kind, view: View::new(0), seq, digest }
    }

    /// A bundle at the same place of the liar's own lane, signed by its owner as it should be: only no chain names it.
    fn forked(&self, by: ReplicaId, message: Message) -> Message {
        match message {
            Message::Bundle(bundle) if bundle.header.lane == by => {
                let mut forked = Bundle::clone(&bundle);
                forked.items = vec![Item { kind: ItemKind::ReadMark, bytes: vec![9; 32] }];
                (forked.header.items, forked.header.bytes) = (1, 32);
                forked.header.items_root = items_root(&forked.items);
                let seq = SeqNum::new(forked.header.position.get());
                let statement = self.statement(Kind::Bundle, seq, forked.header.digest());
                forked.statement = statement.sign(by, &*self.signers[by.index()]);
                Message::Bundle(Arc::new(forked))
            }
            other => other,
        }
    }
}

/// Another content under the same signatures, a certificate of q − 1, a bundle without its last item.
pub(crate) fn forged(message: &Message) -> Message {
    match message.clone() {
        Message::Decided { mut certificate, content } => {
            let content = Content { time: Some(Time::new(1)), mark: true, ..content };
            certificate.digest = content.digest();
            Message::Decided { certificate, content }
        }
        Message::StableCheckpoint(mut certificate) => {
            certificate.signatures.pop();
            Message::StableCheckpoint(certificate)
        }
        Message::Bundle(bundle) => {
            let mut bundle = Bundle::clone(&bundle);
            bundle.items.pop();
            Message::Bundle(Arc::new(bundle))
        }
        other => other,
    }
}

/// True things in another order, without the first that was asked for.
fn shuffled(wanted: &Wanted, mut answer: Vec<Message>, dice: &mut Dice) -> Vec<Message> {
    answer.reverse();
    if matches!(wanted, Wanted::Slots { .. }) && dice.chance(70) {
        answer.pop();
    }
    answer
}
