//! Twins over the end of an epoch: a member joins, has another key or leaves while the schedule runs, and who runs twice is a
//! member that stays, the one that leaves, or the one that joins.
//!
//! Five replicas sit at the table, and the twin. Before its list begins a joiner follows, and after its end a leaver does: members
//! show followers what they show each other of themselves, and answer their questions from the disk. In a round there are some
//! ticks, so that the primary can fill the epoch up to its end.

use super::{Outcome, words};
use crate::clients::ItemCheck;
use crate::clients::{CHANGER, Clients};
use crate::keys::{Keys, Signatures};
use crate::machine::{CoreMachine, Machine, News, Outgoing};
use crate::mutation::Mutation;
use crate::plan::Plan;
use crate::presets::Preset;
use quorate_pbft::{
    Committee, Constants, Digest, Epoch, Input, Kind, Message, Now, Question, ReplicaId, SeqNum, Ticks, Time,
    Unverified, Verified, VerifyContext, Wanted,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Replicas at the table.
const PEOPLE: usize = 5;
/// Ways to divide six nodes into two sides, either of which may be empty.
const DIVISIONS: u64 = 32;
/// Rounds before the network heals.
const ROUNDS: u32 = 5;
/// Rounds in which everybody hears everybody, at most.
const HEALED_ROUNDS: u64 = 6;
/// Ticks of a round, and milliseconds from one to the next: half of the base time-out in all.
const TICKS: u64 = 5;
const TICK_MS: u64 = 10;
/// Messages from one tick to the next; a schedule that needs more is cut off there.
const MESSAGES_MAX: usize = 20_000;
/// Wall clocks begin here: milliseconds since 1970.
const WALL: u64 = 1_700_000_000_000;

/// Founders, the places of the next members, and the place that runs twice.
const CASES: [(usize, &[u16], u16); 8] = [
    (4, &[0, 1, 2, 3, 4], 0),
    (4, &[0, 1, 2, 3, 4], 2),
    (4, &[0, 1, 2, 3, 4], 4), // joins
    (4, &[0, 1, 2, 4], 1),
    (4, &[0, 1, 2, 4], 3), // leaves
    (4, &[0, 1, 2, 4], 4), // joins under the number of the leaver
    (5, &[0, 1, 2, 4], 3), // leaves
    (5, &[0, 1, 2, 4], 4), // stays under another number
];

/// Count of the schedules.
pub(super) const SCHEDULES: u64 = CASES.len() as u64 * DIVISIONS.pow(ROUNDS) * super::MUTATIONS * super::MUTATIONS;

/// Outcome of a slot: its content, the state and the members after it.
type Slot = (Digest, Digest, Digest);

/// A replica, or its twin.
struct Node {
    place: ReplicaId,
    machine: CoreMachine,
    executed: BTreeMap<SeqNum, Slot>,
}

/// A message or a question on its way between two nodes.
enum Parcel {
    Message { committee: Arc<Committee>, message: Arc<Message>, verified: Option<Box<Verified<Message>>> },
    Question(Question),
}

struct Run {
    plan: Plan,
    keys: Keys,
    /// Those at the table, and last the twin.
    nodes: Vec<Node>,
    doubled: ReplicaId,
    /// Lies in the messages of the doubled replica and of its twin.
    lies: [Mutation; 2],
    queue: VecDeque<(usize, usize, Arc<Parcel>)>,
    outcome: Outcome,
}

pub(super) fn play(schedule: u64) -> Outcome {
    let mut run = Run::new(schedule);
    let mut rest = schedule / CASES.len() as u64;
    let mut clients = Clients::default();
    for round in 0..u64::from(ROUNDS) + HEALED_ROUNDS {
        let side = if round < u64::from(ROUNDS) { rest % DIVISIONS } else { 0 };
        rest /= DIVISIONS;
        let now = 1_000 + round * TICKS * TICK_MS;
        if round == 0 {
            run.input(1, now, Some(Input::Submit(clients.write(CHANGER, 1).1)));
        }
        if round < 3 {
            run.input((round as usize + 2) % PEOPLE, now, Some(Input::Submit(clients.write(0, 4).1)));
        }
        (0..TICKS).for_each(|tick| run.tick(now + tick * TICK_MS, side));
        run.outcome.crossed = run.has_crossed();
        run.outcome.crossed_apart |= run.outcome.crossed && round < u64::from(ROUNDS);
        if round > u64::from(ROUNDS) && run.is_settled() {
            break;
        }
    }
    let decided = run.honest().any(|node| !node.executed.is_empty());
    Outcome { decided, ..run.outcome }
}

impl Run {
    fn new(schedule: u64) -> Self {
        let (n, next, doubled) = CASES[(schedule % CASES.len() as u64) as usize];
        let timeout = 2 * TICKS * TICK_MS;
        let constants = Constants { base_timeout_ms: timeout, timeout_cap_ms: 1_000, ..Constants::default() };
        let constants = Constants { checkpoint_period: 2, window: 4, ..constants };
        let (lists, attackers) = (vec![next.iter().map(|place| ReplicaId::new(*place)).collect()], Vec::new());
        let plan = Plan { n, lists, constants, attackers, ..Plan::of(0, Some(Preset::Epochs)) };
        let (keys, doubled) = (Keys::with_joiners(n, PEOPLE, Signatures::Keyed), ReplicaId::new(doubled));
        let places = (0..PEOPLE as u16).map(ReplicaId::new).chain([doubled]);
        let node = |(place, incarnation)| {
            let machine = CoreMachine::twin(place, incarnation, &plan, &keys);
            Node { place, machine, executed: BTreeMap::new() }
        };
        let nodes = places.zip(1..).map(node).collect();
        let lies = schedule / (CASES.len() as u64 * DIVISIONS.pow(ROUNDS));
        let lies = [lies / super::MUTATIONS, lies % super::MUTATIONS].map(|lie| Mutation::ALL[lie as usize]);
        Self { plan, keys, nodes, doubled, lies, queue: VecDeque::new(), outcome: Outcome::default() }
    }

    fn honest(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.place != self.doubled)
    }

    fn has_crossed(&self) -> bool {
        self.honest().any(|node| node.machine.progress().is_some_and(|progress| progress.epoch > Epoch::new(0)))
    }

    /// Whether everybody honest has executed a slot of the next epoch: the rest is as in one epoch.
    fn is_settled(&self) -> bool {
        let later = |node: &Node| {
            let (progress, next) = (node.machine.progress()?, node.machine.committee(Epoch::new(1))?);
            Some(progress.executed > next.base())
        };
        self.honest().all(|node| later(node) == Some(true))
    }

    /// Lets time come, and delivers everything between nodes on one side; `side` has a bit for each node but the twin.
    fn tick(&mut self, millis: u64, side: u64) {
        (0..self.nodes.len()).for_each(|at| self.input(at, millis, None));
        for _ in 0..MESSAGES_MAX {
            let Some((from, to, parcel)) = self.queue.pop_front() else { return };
            if (side >> from) & 1 == (side >> to) & 1 {
                self.deliver(from, to, &parcel, millis);
            }
        }
        self.outcome.cut |= !self.queue.is_empty();
        self.queue.clear();
    }

    fn deliver(&mut self, from: usize, to: usize, parcel: &Parcel, millis: u64) {
        match parcel {
            Parcel::Question(question) => {
                let Some(committee) = self.nodes[to].machine.committee(question.epoch) else { return };
                let answer = self.nodes[to].machine.supplied_in(question.epoch, &question.wanted);
                answer.into_iter().for_each(|message| self.send(to, from, &committee, Arc::new(message)));
            }
            Parcel::Message { committee, message, verified } => {
                let lied = self.lied(from, to, committee, message);
                if let Some(heard) = lied.or_else(|| verified.as_deref().cloned()) {
                    self.input(to, millis, Some(Input::Message(heard)));
                }
            }
        }
    }

    /// Message that reaches `to` where the sender lies.
    fn lied(&mut self, from: usize, to: usize, committee: &Committee, message: &Message) -> Option<Verified<Message>> {
        let lies = self.nodes[from].place == self.doubled && self.nodes[to].place.get().is_multiple_of(2);
        let lie = self.lies[usize::from(from == PEOPLE)];
        let number = self.number(self.doubled, committee).filter(|_| lies)?;
        let told = lie.of(message, number, &*self.keys.signers[self.doubled.index()], self.plan.constants.window)?;
        self.outcome.mutated = true;
        self.verified(number, committee, &told)
    }

    /// The number that a place has in a member list.
    fn number(&self, place: ReplicaId, committee: &Committee) -> Option<ReplicaId> {
        committee.replica_of(&self.keys.signers[place.index()].public_key())
    }

    fn verified(&self, from: ReplicaId, committee: &Committee, message: &Message) -> Option<Verified<Message>> {
        let (verify, constants) = (&*self.keys.verify, &self.plan.constants);
        let context = VerifyContext { committee, verify, payload: &ItemCheck, constants };
        Unverified::new(from, message.clone()).verify(&context).ok()
    }

    /// Hands something to a node, and works off all that follows.
    fn input(&mut self, at: usize, millis: u64, input: Option<Input>) {
        let now = Now { ticks: Ticks::new(millis), wall: Time::new(WALL + millis) };
        let mut news = Vec::new();
        self.nodes[at].machine.input(now, input, &mut news);
        while self.nodes[at].machine.is_busy() {
            let leaving = self.nodes[at].machine.commit(now, &mut news);
            leaving.into_iter().for_each(|outgoing| self.post(at, outgoing));
        }
        news.into_iter().for_each(|news| self.judge(at, news));
    }

    fn post(&mut self, from: usize, Outgoing { committee, to, message }: Outgoing) {
        let own = self.nodes[from].place;
        if let (Message::Ask(question), None, Some(of)) = (&*message, self.number(own, &committee), to) {
            let parcel = Arc::new(Parcel::Question(question.clone()));
            return self.enqueue(from, |node| node.place == of, &parcel);
        }
        let members = self.plan.list(committee.epoch());
        if let (Message::Status { .. }, None) = (&*message, to) {
            self.show_followers(from, &committee, &message);
        }
        self.outcome.changed_view |= own != self.doubled && matches!(*message, Message::NewView { .. });
        let parcel = self.parcel(from, &committee, message);
        let addressed =
            |node: &Node| to.map_or(node.place != own && members.contains(&node.place), |to| node.place == to);
        self.enqueue(from, addressed, &parcel);
    }

    fn parcel(&self, from: usize, committee: &Arc<Committee>, message: Arc<Message>) -> Arc<Parcel> {
        let number = self.number(self.nodes[from].place, committee).expect("only members speak");
        let verified = self.verified(number, committee, &message).map(Box::new);
        Arc::new(Parcel::Message { committee: committee.clone(), message, verified })
    }

    fn enqueue(&mut self, from: usize, addressed: impl Fn(&Node) -> bool, parcel: &Arc<Parcel>) {
        let places = self.nodes.iter().enumerate().filter(|(at, node)| *at != from && addressed(node));
        self.queue.extend(places.map(|(to, _)| (from, to, parcel.clone())));
    }

    fn send(&mut self, from: usize, to: usize, committee: &Arc<Committee>, message: Arc<Message>) {
        if self.number(self.nodes[from].place, committee).is_some() {
            let parcel = self.parcel(from, committee, message);
            self.queue.push_back((from, to, parcel));
        }
    }

    /// Nodes that follow, with the members of their epoch.
    fn followers(&self) -> Vec<(usize, Arc<Committee>)> {
        let follows = self.nodes.iter().enumerate().filter_map(|(at, node)| {
            let progress = node.machine.progress().filter(|progress| !progress.is_member)?;
            Some((at, node.machine.committee(progress.epoch)?))
        });
        follows.collect()
    }

    /// A member's status, or its last words in the epoch of the one who hears it.
    fn show_followers(&mut self, from: usize, committee: &Arc<Committee>, message: &Arc<Message>) {
        for (to, theirs) in self.followers() {
            if theirs.epoch() == committee.epoch() {
                self.send(from, to, committee, message.clone());
            } else {
                let farewell = self.nodes[from].machine.farewell(theirs.epoch());
                farewell.into_iter().for_each(|message| self.send(from, to, &theirs, Arc::new(message)));
            }
        }
    }

    /// Members push the newest slot that they executed, and the newest checkpoint.
    fn push(&mut self, from: usize, wanted: &Wanted) {
        let Some(progress) = self.nodes[from].machine.progress().filter(|progress| progress.is_member) else { return };
        for (to, theirs) in self.followers().into_iter().filter(|(_, theirs)| theirs.epoch() == progress.epoch) {
            let messages = self.nodes[from].machine.supplied_in(progress.epoch, wanted);
            messages.into_iter().for_each(|message| self.send(from, to, &theirs, Arc::new(message)));
        }
    }

    fn judge(&mut self, at: usize, news: News) {
        let place = self.nodes[at].place;
        let honest = place != self.doubled;
        match news {
            News::Executed(decided, executed) => {
                let slot = (decided.content.digest(), executed.state_root, executed.members_after);
                self.nodes[at].executed.insert(decided.seq, slot);
                let others = |node: &&Node| node.executed.get(&decided.seq).is_some_and(|other| *other != slot);
                let other = self.honest().find(others).map(|node| node.place);
                if let Some(other) = other.filter(|_| honest) {
                    self.fail(format!("slot {}: {place} and {other} have executed different things", decided.seq));
                }
                self.push(at, &Wanted::Slots { from: decided.seq, to: decided.seq });
            }
            News::Stored { certificate, .. } if certificate.kind == Kind::Checkpoint => {
                self.push(at, &Wanted::StableCheckpoint);
            }
            News::Broke(broken) if honest => self.fail(format!("{place} broke: {}", words(&broken))),
            News::Accused(evidence) if honest => {
                let key = evidence.key();
                self.outcome.caught = true;
                if self.plan.seat(key.epoch, key.signer) != Some(self.doubled) {
                    self.fail(format!("{} of epoch {} is honest and accused", key.signer, key.epoch));
                }
            }
            _ => (),
        }
    }

    fn fail(&mut self, what: String) {
        self.outcome.wrong.get_or_insert(what);
    }
}
