//! Every order of deliveries: the real core, n = 4, the first primary lies, one slot, two views.
//!
//! The liar is no replica but a set of messages: two proposals for slot 1, both votes for each, any of which anybody
//! may hear at any time or never. Honest messages are delivered once, in any order, or never; each honest replica's
//! time-out may run out once. A state is what each replica has heard, in order; two orders that differ only in what
//! happens at different replicas are one state. The search is depth-first and ends when all is seen, or the time is over.

use crate::clients::Clients;
use crate::dice::Dice;
use crate::small::{Group, Node, disagreement};
use quorate_pbft::{
    Constants, Content, Digest, Input, Kind, Message, ReplicaId, Signed, Statement, Time, Verified, View, hash_parts,
};
use serde::Serialize;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// States remembered: 16 bytes each and the table's room.
const STATES_MAX: usize = 60_000_000;
/// Milliseconds at which a time-out has run out.
const LATE: u64 = 100_000;

/// Counts of a search.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Explored {
    /// Different states.
    pub states: u64,
    /// Ends: nothing left to deliver.
    pub ends: u64,
    /// Ends in which an honest replica executed something.
    pub deciding_ends: u64,
    /// States in which an honest replica had entered a later view.
    pub later_views: u64,
    /// The longest path.
    pub depth: usize,
    /// Whether every state was seen.
    pub complete: bool,
    /// Failures, each with the path to it.
    pub failures: Vec<String>,
    /// Real seconds.
    pub seconds: f64,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, ends, deciding_ends, later_views, depth, seconds, .. } = self;
        let end = if self.complete { "all of them" } else { "the time was over first" };
        writeln!(f, "{states} states in {seconds:.1} s, {end}; the longest path has {depth} steps")?;
        writeln!(f, "{ends} ends, {deciding_ends} of them decided; {later_views} states in later views")?;
        self.failures.iter().take(10).try_for_each(|what| writeln!(f, "FAILED {what}"))?;
        write!(f, "{} failures", self.failures.len())
    }
}

/// A delivery that may happen: to whom, what.
#[derive(Clone)]
struct Pending {
    to: usize,
    heard: Arc<Verified<Message>>,
    name: Digest,
}

#[derive(Clone)]
struct State {
    nodes: Vec<Node>,
    /// Hash for each replica of the messages that it has heard, in order.
    heard: Vec<Digest>,
    late: Vec<bool>,
    pending: Vec<Pending>,
}

struct Search {
    group: Group,
    seen: HashSet<[u8; 16]>,
    found: Explored,
    deadline: Instant,
    dice: Dice,
}

/// Searches until the time is over.
pub fn explore(patience: Duration) -> Explored {
    let begin = Instant::now();
    let constants = Constants { base_timeout_ms: 1_000, ..Constants::default() };
    let group = Group::new(4, constants);
    let mut search = Search {
        group,
        seen: HashSet::new(),
        found: Explored { complete: true, ..Explored::default() },
        deadline: begin + patience,
        dice: Dice::new(1),
    };
    let start = search.start();
    search.visit(start);
    search.found.seconds = begin.elapsed().as_secs_f64();
    search.found
}

impl Search {
    /// A bundle of replica 1 is certified everywhere; the liar may propose it with either of two times.
    fn start(&mut self) -> State {
        let ids: Vec<ReplicaId> = self.group.keys.committee.replicas().collect();
        let nodes: Vec<Node> = ids.iter().zip(1..).map(|(id, start)| self.group.node(*id, start)).collect();
        let (heard, late) = (vec![Digest::ZERO; 4], vec![false; 4]);
        let mut state = State { nodes, heard, late, pending: Vec::new() };
        for at in 0..4 {
            let sent = self.group.tick(&mut state.nodes[at], 1_000);
            self.post(&mut state, at, sent, true);
        }
        let (_, item) = Clients::default().write(0, 1);
        let sent = self.group.submit(&mut state.nodes[1], item);
        self.post(&mut state, 1, sent, true);
        let proposal = self.settle_lanes(&mut state);
        self.lie(&mut state, &proposal);
        state
    }

    /// Delivers all that comes before the first proposal, in order; the proposal, which the liar keeps to itself.
    fn settle_lanes(&mut self, state: &mut State) -> Message {
        let mut proposal = None;
        while !state.pending.is_empty() {
            let next = state.pending.remove(0);
            if let Message::PrePrepare { .. } = next.heard.message() {
                proposal = Some(next.heard.message().clone());
                continue;
            }
            let vote = matches!(next.heard.message(), Message::Prepare { .. } | Message::Commit(_));
            if !vote {
                let sent = self.group.step(&mut state.nodes[next.to], Input::Message((*next.heard).clone()));
                self.post(state, next.to, sent, true);
            }
        }
        proposal.expect("the primary proposes a certified bundle")
    }

    /// The liar's words, each for each honest replica.
    fn lie(&self, state: &mut State, proposal: &Message) {
        let Message::PrePrepare { statement, content, certificates } = proposal else { return };
        let liar = statement.signer;
        let sign = |kind, digest| {
            let statement = Statement { kind, digest, ..statement.statement };
            statement.sign(liar, &*self.group.keys.signers[liar.index()])
        };
        let second = Content { time: content.time.map(|time| Time::new(time.get() + 1)), ..content.clone() };
        for content in [content.clone(), second] {
            let digest = content.digest();
            let pre_prepare: Signed = sign(Kind::PrePrepare, digest);
            let words = [
                Message::PrePrepare { statement: pre_prepare, content, certificates: certificates.clone() },
                Message::Prepare { statement: sign(Kind::Prepare, digest), pre_prepare },
                Message::Commit(sign(Kind::Commit, digest)),
            ];
            for message in words {
                for to in 1..4 {
                    self.offer(state, 0, to, &message);
                }
            }
        }
    }

    fn offer(&self, state: &mut State, from: usize, to: usize, message: &Message) {
        let Some(heard) = self.group.verified(state.nodes[from].id, message) else { return };
        let bytes = borsh::to_vec(message).expect("writing into memory cannot fail");
        let name = hash_parts("quorate/tests/explore", &[&[from as u8, to as u8], &bytes]);
        if !state.pending.iter().any(|other| other.name == name) {
            state.pending.push(Pending { to, heard: Arc::new(heard), name });
        }
    }

    /// Queues messages for delivery. During the search only what decides: votes, demands and starts.
    fn post(&self, state: &mut State, from: usize, sent: Vec<(Option<ReplicaId>, Arc<Message>)>, all: bool) {
        for (to, message) in sent {
            let decides = matches!(
                *message,
                Message::PrePrepare { .. }
                    | Message::Prepare { .. }
                    | Message::Commit(_)
                    | Message::ViewChange { .. }
                    | Message::NewView { .. }
            );
            if !decides && !all {
                continue;
            }
            let others = (0..4).filter(|at| to.map_or(*at != from, |to| to.index() == *at));
            // The replica inside the liar hears nothing any more once the search begins.
            for at in others.filter(|at| all || *at != 0).collect::<Vec<_>>() {
                self.offer(state, from, at, &message);
            }
        }
    }

    fn visit(&mut self, start: State) {
        let mut stack = vec![(start, 0_usize)];
        while let Some((state, depth)) = stack.pop() {
            if Instant::now() >= self.deadline || self.seen.len() >= STATES_MAX {
                self.found.complete = false;
                return;
            }
            if !self.seen.insert(key(&state)) {
                continue;
            }
            self.judge(&state, depth);
            let next = self.successors(&state);
            if next.is_empty() {
                self.found.ends += 1;
                let decided = state.nodes[1..].iter().any(|node| !node.executed.is_empty());
                self.found.deciding_ends += u64::from(decided);
            }
            stack.extend(next.into_iter().map(|state| (state, depth + 1)));
        }
    }

    fn judge(&mut self, state: &State, depth: usize) {
        self.found.states += 1;
        self.found.depth = self.found.depth.max(depth);
        let honest = &state.nodes[1..];
        let later = honest.iter().any(|node| node.view() > View::new(0));
        self.found.later_views += u64::from(later);
        let broken = honest.iter().find_map(|node| Some(format!("{} broke: {}", node.id, node.broken.as_ref()?)));
        self.found.failures.extend(disagreement(honest.iter()).or(broken));
    }

    fn successors(&mut self, state: &State) -> Vec<State> {
        let mut next = Vec::new();
        for index in 0..state.pending.len() {
            let mut after = state.clone();
            let delivery = after.pending.remove(index);
            let sent = self.group.step(&mut after.nodes[delivery.to], Input::Message((*delivery.heard).clone()));
            remember(&mut after.heard[delivery.to], &delivery.name);
            self.post(&mut after, delivery.to, sent, false);
            next.push(after);
        }
        for at in (1..4).filter(|at| !state.late[*at]) {
            let mut after = state.clone();
            after.late[at] = true;
            let sent = self.group.tick(&mut after.nodes[at], LATE);
            remember(&mut after.heard[at], &Digest::ZERO);
            self.post(&mut after, at, sent, false);
            next.push(after);
        }
        // Depth first, each time in another order, so that a search that ends early has not only seen one corner.
        for at in (1..next.len()).rev() {
            next.swap(at, self.dice.below(at as u64 + 1) as usize);
        }
        next
    }
}

fn remember(heard: &mut Digest, what: &Digest) {
    *heard = hash_parts("quorate/tests/heard", &[&heard.0, &what.0]);
}

fn key(state: &State) -> [u8; 16] {
    let parts: Vec<&[u8]> = state.heard.iter().map(|heard| heard.0.as_slice()).collect();
    let whole = hash_parts("quorate/tests/state", &parts);
    whole.0[..16].try_into().expect("16 of 32 bytes")
}
