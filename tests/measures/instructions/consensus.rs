//! Slots of a healthy group of four, as the cores see them: what each took in is recorded while the group plays, and the
//! work that counts is that of fresh replicas that take in the same.

use quorate_pbft::{
    Constants, Effect, Effects, Input, Message, Now, Replica, ReplicaConfig, ReplicaId, Ticks, Time, Unverified,
    VerifyContext,
};
use quorate_tests::clients::{Clients, ItemCheck};
use quorate_tests::keys::{Keys, Signatures};
use quorate_tests::machine::Book;
use std::hint::black_box;
use std::mem::{forget, take};
use std::sync::Arc;

const REPLICAS: u16 = 4;
/// Changes that come at each replica for a slot.
const CHANGES: u16 = 4;
/// Bytes of a change's text.
const TEXT_BYTES: u32 = 256;
/// The wall clock at the beginning.
const WALL: u64 = 1_700_000_000_000;

/// Inputs that a replica took in together, in a round of its engine.
struct Round {
    at: usize,
    inputs: Vec<Input>,
}

/// Message on its way, to one replica or to all others.
type Leaving = (usize, Option<ReplicaId>, Arc<Message>);

/// Lets fresh replicas take in what the cores of a group took in for so many slots.
pub fn slots(prepared: usize, times: usize) {
    let mut group = Group::new();
    let mut replicas = group.replicas.clone();
    let ends: Vec<usize> = (0..prepared).map(|_| group.slot()).collect();
    let mut rounds = take(&mut group.rounds).into_iter();
    for Round { at, inputs } in rounds.by_ref().take(ends[times - 1]) {
        black_box(work(&mut replicas[at], inputs));
    }
    forget((group, replicas, rounds));
}

/// A round of a replica: inputs are taken in, then counted.
fn work(replica: &mut Replica, inputs: Vec<Input>) -> Vec<Effect> {
    let mut effects = Effects::new();
    inputs.into_iter().for_each(|input| replica.take_in(input, &mut effects));
    replica.advance(&mut effects);
    effects.take()
}

/// Group whose messages arrive at once, and whose clock goes on by a millisecond when all have.
struct Group {
    keys: Keys,
    constants: Constants,
    replicas: Vec<Replica>,
    books: Vec<Book>,
    inboxes: Vec<Vec<Input>>,
    clients: Clients,
    ticks: u64,
    rounds: Vec<Round>,
}

impl Group {
    fn new() -> Self {
        let (keys, constants) = (Keys::new(REPLICAS.into(), Signatures::Keyed), Constants::STANDARD);
        let replicas = (0..REPLICAS).map(|me| replica(ReplicaId::new(me), &keys, &constants)).collect();
        let (books, inboxes) = (vec![Book::default(); REPLICAS.into()], vec![Vec::new(); REPLICAS.into()]);
        Self { keys, constants, replicas, books, inboxes, clients: Clients::default(), ticks: 0, rounds: Vec::new() }
    }

    /// Plays until all have executed new changes; rounds so far.
    fn slot(&mut self) -> usize {
        for author in 0..REPLICAS * CHANGES {
            let (_, item) = self.clients.write(author, TEXT_BYTES);
            self.inboxes[usize::from(author % REPLICAS)].push(Input::Submit(item));
        }
        let asked = self.clients.asked().count();
        while self.books.iter().any(|book| book.envelopes().len() < asked) {
            self.millisecond();
        }
        self.rounds.len()
    }

    fn millisecond(&mut self) {
        self.ticks += 1;
        let now = Now { ticks: Ticks::new(self.ticks), wall: Time::new(WALL + self.ticks) };
        let mut leaving = Vec::new();
        for at in 0..self.replicas.len() {
            let inbox = take(&mut self.inboxes[at]);
            let is_due = self.replicas[at].next_wakeup().is_none_or(|due| due <= now.ticks);
            if is_due || !inbox.is_empty() {
                self.round(at, [vec![Input::Tick(now)], inbox].concat(), &mut leaving);
            }
        }
        leaving.into_iter().for_each(|(from, to, message)| self.arrive(from, to, &message));
    }

    fn round(&mut self, at: usize, inputs: Vec<Input>, leaving: &mut Vec<Leaving>) {
        self.rounds.push(Round { at, inputs: inputs.clone() });
        let mut executed = Vec::new();
        for effect in work(&mut self.replicas[at], inputs) {
            match effect {
                Effect::Send { to, message } => leaving.push((at, Some(to), message)),
                Effect::Broadcast(message) => leaving.push((at, None, message)),
                Effect::Execute(decided) => {
                    let context = context(&self.keys, &self.constants);
                    executed.push(Input::Executed(self.books[at].execute(&decided, &context)));
                }
                Effect::Broken(broken) => panic!("a healthy group breaks: {broken}"),
                _ => (),
            }
        }
        if !executed.is_empty() {
            self.round(at, executed, leaving);
        }
    }

    fn arrive(&mut self, from: usize, to: Option<ReplicaId>, message: &Message) {
        let context = context(&self.keys, &self.constants);
        let others = (0..self.replicas.len()).filter(|at| *at != from && to.is_none_or(|to| to.index() == *at));
        for at in others {
            let message = Unverified::new(ReplicaId::new(from as u16), message.clone());
            let admitted = message.admit(&context, self.replicas[at].certified());
            self.inboxes[at].push(Input::from(admitted.expect("an honest replica's message is valid")));
        }
    }
}

fn context<'a>(keys: &'a Keys, constants: &'a Constants) -> VerifyContext<'a> {
    VerifyContext { committee: &keys.committee, verify: &*keys.verify, payload: &ItemCheck, constants }
}

fn replica(me: ReplicaId, keys: &Keys, constants: &Constants) -> Replica {
    Replica::new(ReplicaConfig {
        me,
        committee: keys.committee.clone(),
        constants: constants.clone(),
        signer: keys.signers[me.index()].clone(),
        verify: keys.verify.clone(),
        incarnation: 1,
        die: 1,
        program: quorate_pbft::Program::default(),
    })
}
