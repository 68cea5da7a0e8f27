//! The liar of the demo and of the simulator: closures that bend the messages of a real replica on their way out.
//!
//! The victim is told one thing and everybody else another, and no replica both: only replicas that compare what they
//! heard can prove the lie. No configuration of a replica leads here.

use quorate_pbft::{
    Bundle, BundleHeader, Content, Digest, Epoch, Item, ItemKind, Message, ReplicaId, SeqNum, Signed, Signer,
    Statement, Time, View, hash_parts, items_root,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Divisor of the slots to lie about: those whose number leaves [`LIE_REST`].
pub const LIE_EVERY: u64 = 7;
/// Rest of the slots to lie about.
pub const LIE_REST: u64 = 3;

/// The position at which a lane is forked: the second, so that an honest beginning goes before.
const FORK_AT: u64 = 2;

/// Lies of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Votes for one digest towards the victim and for another towards the rest; as a primary it proposes two
    /// contents; forks its lane once.
    Equivocate,
    /// Hears everything and says nothing.
    Silent,
}

/// Bends what an honest replica sends.
pub struct Liar {
    lie: Lie,
    me: ReplicaId,
    victim: ReplicaId,
    signer: Arc<dyn Signer>,
    fork: Option<Arc<Bundle>>,
    second_proposals: BTreeMap<(Epoch, View, SeqNum), Signed>,
}

impl Liar {
    /// A liar that signs as `me` and deceives `victim`.
    pub fn new(lie: Lie, me: ReplicaId, victim: ReplicaId, signer: Arc<dyn Signer>) -> Self {
        Self { lie, me, victim, signer, fork: None, second_proposals: BTreeMap::new() }
    }

    /// Message that leaves for `to` in place of `message`.
    pub fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Option<Arc<Message>> {
        match self.lie {
            Lie::Silent => None,
            Lie::Equivocate if to == self.victim => Some(self.bend(message)),
            Lie::Equivocate => Some(message.clone()),
        }
    }

    /// Answers true for messages that the replica inside may hear: a statement about its own lies would make it stop,
    /// as an honest one must.
    pub fn hearing(&self) -> impl Fn(&Message) -> bool + use<> {
        let me = self.me;
        move |message| match message {
            Message::Contradiction(signed) => signed.signer != me,
            Message::Evidence(evidence) => evidence.key().signer != me,
            _ => true,
        }
    }

    fn bend(&mut self, message: &Arc<Message>) -> Arc<Message> {
        match &**message {
            Message::PrePrepare { statement, content, certificates } if self.lies_about(statement) => {
                let (statement, content) = self.second_proposal(statement, content);
                Arc::new(Message::PrePrepare { statement, content, certificates: certificates.clone() })
            }
            Message::Prepare { statement, pre_prepare } if self.lies_about(statement) => {
                let pre_prepare = *self.second_proposals.get(&place(pre_prepare)).unwrap_or(pre_prepare);
                Arc::new(Message::Prepare { statement: self.other_vote(statement), pre_prepare })
            }
            Message::Commit(signed) if self.lies_about(signed) => Arc::new(Message::Commit(self.other_vote(signed))),
            Message::Bundle(bundle) if self.forks(bundle) => Arc::new(Message::Bundle(self.forked(bundle))),
            _ => message.clone(),
        }
    }

    fn lies_about(&self, signed: &Signed) -> bool {
        signed.signer == self.me && signed.statement.seq.get() % LIE_EVERY == LIE_REST
    }

    fn forks(&self, bundle: &Bundle) -> bool {
        bundle.header.lane == self.me && bundle.header.position.get() == FORK_AT
    }

    /// The content that the victim gets: a millisecond later than everybody else's.
    fn second_proposal(&mut self, statement: &Signed, content: &Content) -> (Signed, Content) {
        let time = content.time.map(|time| Time::new(time.get() + 1));
        let content = Content { time, ..content.clone() };
        let second = self.sign(Statement { digest: content.digest(), ..statement.statement });
        self.second_proposals.insert(place(statement), second);
        (second, content)
    }

    /// The same vote with the digest that the victim was told, or with one of no content at all.
    fn other_vote(&self, vote: &Signed) -> Signed {
        let told = self.second_proposals.get(&place(vote)).map(|second| second.statement.digest);
        let digest = told.unwrap_or_else(|| another(&vote.statement.digest));
        self.sign(Statement { digest, ..vote.statement })
    }

    /// The bundle that the victim gets: the same items and a read mark that nobody asked for.
    fn forked(&mut self, bundle: &Arc<Bundle>) -> Arc<Bundle> {
        let fork = self.fork.take().unwrap_or_else(|| Arc::new(self.second_bundle(bundle)));
        self.fork = Some(fork.clone());
        fork
    }

    fn second_bundle(&self, bundle: &Bundle) -> Bundle {
        let mark = another(&bundle.header.items_root).0.to_vec();
        let mut items = bundle.items.clone();
        items.push(Item { kind: ItemKind::ReadMark, bytes: mark });
        let bytes = items.iter().map(|item| item.bytes.len() as u64).sum();
        let lane_bytes = bundle.header.lane_bytes - bundle.header.bytes + bytes;
        let root = items_root(&items);
        let count = items.len() as u32;
        let header = BundleHeader { items: count, bytes, items_root: root, lane_bytes, ..bundle.header.clone() };
        let statement = self.sign(Statement { digest: header.digest(), ..bundle.statement.statement });
        Bundle { header, statement, items }
    }

    fn sign(&self, statement: Statement) -> Signed {
        statement.sign(self.me, &*self.signer)
    }
}

fn place(signed: &Signed) -> (Epoch, View, SeqNum) {
    (signed.statement.epoch, signed.statement.view, signed.statement.seq)
}

/// A digest that nothing has.
fn another(digest: &Digest) -> Digest {
    hash_parts("quorate/v1/demo/lie", &[&digest.0])
}
