//! A group without a network: somebody else decides what is delivered to whom, and when. Disks lose nothing.

use crate::clients::ItemCheck;
use crate::keys::{Keys, Signatures};
use crate::machine::Book;
use quorate_pbft::{
    Broken, Constants, Digest, Effect, Effects, Executed, Input, Item, Journal, Message, Now, Remains, Replica,
    ReplicaConfig, ReplicaId, SeqNum, Ticks, Time, Unverified, Verified, VerifyContext, View,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Wall clocks begin here: milliseconds since 1970.
const WALL: u64 = 1_700_000_000_000;

/// Replica as a value: a clone forks its future.
#[derive(Clone)]
pub struct Node {
    /// Its place; two nodes may have the same one.
    pub id: ReplicaId,
    replica: Replica,
    journal: Journal,
    book: Book,
    /// Executed slots: content and state after each.
    pub executed: BTreeMap<SeqNum, (Digest, Digest)>,
    /// Why it takes no part any more.
    pub broken: Option<Broken>,
    /// Members against which it holds proof.
    pub accused: BTreeSet<ReplicaId>,
}

/// Message of a node with its addressee; none for all others.
pub type Sent = (Option<ReplicaId>, Arc<Message>);

/// The keys and numbers of a small group.
pub struct Group {
    /// Keyed hashes.
    pub keys: Keys,
    /// As given.
    pub constants: Constants,
}

impl Group {
    /// A group of `n` with these numbers.
    pub fn new(n: usize, constants: Constants) -> Self {
        Self { keys: Keys::new(n, Signatures::Keyed), constants }
    }

    /// A replica before anything happened.
    pub fn node(&self, id: ReplicaId, incarnation: u64) -> Node {
        let replica = Replica::new(ReplicaConfig {
            me: id,
            committee: self.keys.committee.clone(),
            constants: self.constants.clone(),
            signer: self.keys.signers[id.index()].clone(),
            verify: self.keys.verify.clone(),
            incarnation,
            die: incarnation,
            program: quorate_pbft::Program::default(),
        });
        let journal = Journal::new(self.keys.committee.len());
        Node {
            id,
            replica,
            journal,
            book: Book::default(),
            executed: BTreeMap::new(),
            broken: None,
            accused: BTreeSet::new(),
        }
    }

    /// A message that passed the core's door; none if it did not.
    pub fn verified(&self, from: ReplicaId, message: &Message) -> Option<Verified<Message>> {
        Unverified::new(from, message.clone()).verify(&self.context()).ok()
    }

    /// Context for checking messages.
    pub fn context(&self) -> VerifyContext<'_> {
        VerifyContext {
            committee: &self.keys.committee,
            verify: &*self.keys.verify,
            payload: &ItemCheck,
            constants: &self.constants,
        }
    }

    /// Lets time come.
    pub fn tick(&self, node: &mut Node, millis: u64) -> Vec<Sent> {
        let now = Now { ticks: Ticks::new(millis), wall: Time::new(WALL + millis) };
        self.step(node, Input::Tick(now))
    }

    /// Hands in an item.
    pub fn submit(&self, node: &mut Node, item: Item) -> Vec<Sent> {
        self.step(node, Input::Submit(item))
    }

    /// Steps through an input, and works off its effects.
    pub fn step(&self, node: &mut Node, input: Input) -> Vec<Sent> {
        let (mut inputs, mut effects, mut sent) = (VecDeque::from([input]), Effects::new(), Vec::new());
        while let Some(input) = inputs.pop_front() {
            node.replica.step(input, &mut effects);
            for effect in effects.take() {
                match effect {
                    Effect::Send { to, message } => sent.push((Some(to), message)),
                    Effect::Broadcast(message) => sent.push((None, message)),
                    Effect::Persist(record) => node.journal.record(&record),
                    Effect::Supply { to, question } => {
                        let answer = node.journal.supply(&question.wanted);
                        sent.extend(answer.into_iter().map(|message| (Some(to), Arc::new(message))));
                    }
                    Effect::Broken(broken) => node.broken = Some(broken),
                    Effect::Accuse(evidence) => drop(node.accused.insert(evidence.key().signer)),
                    Effect::Execute(decided) => {
                        let executed: Executed = node.book.execute(&decided, &self.context());
                        let outcome = (decided.content.digest(), executed.state_root);
                        node.journal.execute(&decided, &executed);
                        node.executed.insert(decided.seq, outcome);
                        inputs.push_back(Input::Executed(executed));
                    }
                    _ => (),
                }
            }
        }
        sent
    }
}

impl Node {
    /// The view that it is in or asks for.
    pub fn view(&self) -> View {
        self.replica.view()
    }

    /// Statements on its disk that help to tell who lied.
    pub fn remains(&self) -> Remains {
        self.journal.remains()
    }

    /// Slots with a certificate, executed or not.
    pub fn decisions(&self) -> impl Iterator<Item = (SeqNum, Digest)> {
        let slots = self.journal.remains().certificates.into_iter().map(|certificate| certificate.seq);
        let slots: BTreeSet<SeqNum> = slots.collect();
        slots.into_iter().filter_map(|seq| Some((seq, self.journal.decision(seq)?.0.digest)))
    }
}

/// A slot that two nodes executed differently.
pub fn disagreement<'a>(nodes: impl Iterator<Item = &'a Node>) -> Option<String> {
    let mut first: BTreeMap<SeqNum, (ReplicaId, (Digest, Digest))> = BTreeMap::new();
    for node in nodes {
        for (seq, outcome) in &node.executed {
            let (by, known) = first.entry(*seq).or_insert((node.id, *outcome));
            if known != outcome {
                return Some(format!("slot {seq}: {by} has {known:?}, {} has {outcome:?}", node.id));
            }
        }
    }
    None
}
