//! Forks: f + 1 members lie together, which no protocol of this kind survives, and are named afterwards (E4).
//!
//! The honest are parted into two halves that do not hear each other, and each liar goes on as two copies that know
//! nothing of each other, one on each side: both sides have a quorum and go their own ways, in one view or through
//! several. The copies of one side lie about what they promised besides. A reader of the honest disks alone must then
//! find at least f + 1 liars, and nobody else, with proofs that hold by themselves.

use crate::campaign::counts;
use crate::clients::Clients;
use crate::dice::Dice;
use crate::mutation::Mutation;
use crate::run::catch;
use crate::small::{Group, Node};
use quorate_pbft::{Conflict, Constants, Digest, Evidence, Findings, Input, Kind, Message, Remains, ReplicaId, SeqNum};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// Milliseconds of a round: half of the base time-out.
const ROUND_MS: u64 = 50;
/// Messages of a round; what a group says beyond that is lost.
const MESSAGES_MAX: usize = 20_000;

/// Results of a campaign.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ForksSummary {
    /// Seeds played.
    pub seeds: u64,
    /// Seeds in which two honest replicas decided different things for one slot.
    pub forked: u64,
    /// Of these: the first slot that is disputed was decided twice in one view.
    pub in_one_view: u64,
    /// Of these: in different views.
    pub across_views: u64,
    /// Proofs found, by kind.
    pub evidence: BTreeMap<String, u64>,
    /// Failures: seed, and the fault.
    pub failures: Vec<(u64, String)>,
    /// Real seconds.
    pub seconds: f64,
}

impl fmt::Display for ForksSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, forked, in_one_view, across_views, seconds, .. } = self;
        write!(f, "{seeds} seeds in {seconds:.1} s, {forked} forked: ")?;
        writeln!(f, "{in_one_view} in one view, {across_views} across views")?;
        writeln!(f, "evidence: {}", counts(&self.evidence))?;
        self.failures.iter().try_for_each(|(seed, what)| writeln!(f, "FAILED seed {seed}: {what}"))?;
        write!(f, "{} failures", self.failures.len())
    }
}

/// Plays seeds one after the other.
pub fn forks(seeds: Range<u64>) -> ForksSummary {
    let begin = Instant::now();
    let mut summary = ForksSummary::default();
    for seed in seeds {
        let mut outcome = Outcome::default();
        let panicked = catch(|| outcome = play(seed)).err();
        summary.seeds += 1;
        summary.forked += u64::from(outcome.forked);
        match outcome.views {
            Some((first, second)) if first == second => summary.in_one_view += 1,
            Some(_) => summary.across_views += 1,
            None => (),
        }
        for kind in outcome.kinds {
            *summary.evidence.entry(kind).or_default() += 1;
        }
        summary.failures.extend(panicked.or(outcome.wrong).map(|what| (seed, what)));
    }
    summary.seconds = begin.elapsed().as_secs_f64();
    summary
}

#[derive(Debug, Default)]
struct Outcome {
    forked: bool,
    /// Views of the certificates that contradict each other first.
    views: Option<(u64, u64)>,
    kinds: Vec<String>,
    wrong: Option<String>,
}

/// Process of an honest replica, or of one copy of a liar.
#[derive(Clone)]
struct Place {
    node: Node,
    /// 0 and 1 are the sides; before the split and after it everybody hears everybody.
    side: u8,
    lie: Mutation,
    /// Rounds in which it sends nothing.
    mute: Range<u64>,
}

struct Run {
    group: Group,
    places: Vec<Place>,
    liars: BTreeSet<ReplicaId>,
    parted: bool,
    round: u64,
    queue: VecDeque<(usize, usize, Arc<Message>)>,
}

fn play(seed: u64) -> Outcome {
    let mut dice = Dice::new(seed).fork(0x666f_726b);
    let mut run = Run::new(&mut dice);
    let mut clients = Clients::default();
    let (together, apart, healed) = (dice.below(4), dice.between(8, 30), dice.below(6));
    for _ in 0..together {
        run.play_round(&mut dice, &mut clients);
    }
    run.part(&mut dice);
    for _ in 0..apart {
        run.play_round(&mut dice, &mut clients);
    }
    run.parted = false;
    for _ in 0..healed {
        run.play_round(&mut dice, &mut clients);
    }
    run.outcome()
}

impl Run {
    fn new(dice: &mut Dice) -> Self {
        let n: u16 = *dice.weighted(&[(6, 4), (2, 7), (1, 10)]);
        let constants = Constants {
            base_timeout_ms: 2 * ROUND_MS,
            timeout_cap_ms: 1_000,
            checkpoint_period: *dice.pick(&[4, 128]),
            window: 256,
            ..Constants::default()
        };
        let group = Group::new(usize::from(n), constants);
        let mut members: Vec<ReplicaId> = (0..n).map(ReplicaId::new).collect();
        let mut liars = BTreeSet::new();
        while liars.len() < group.keys.committee.weak() {
            liars.insert(members.remove(dice.below(members.len() as u64) as usize));
        }
        let place = |id: ReplicaId| Place {
            node: group.node(id, u64::from(id.get()) + 1),
            side: 0,
            lie: Mutation::Honest,
            mute: 0..0,
        };
        let places = (0..n).map(|id| place(ReplicaId::new(id))).collect();
        Self { group, places, liars, parted: false, round: 0, queue: VecDeque::new() }
    }

    /// The honest stand on two sides, the liars on both.
    fn part(&mut self, dice: &mut Dice) {
        self.parted = true;
        self.queue.clear();
        let honest = self.places.iter_mut().filter(|place| !self.liars.contains(&place.node.id));
        let mut turn = dice.below(2) as u8;
        for place in honest {
            place.side = turn;
            turn = 1 - turn;
        }
        let lies = [Mutation::Honest, Mutation::Prepared, Mutation::Voted, Mutation::Proposal, Mutation::Ack];
        let (lie, until) = (*dice.pick(&lies), self.round + dice.below(6));
        let copies: Vec<Place> =
            self.places.iter().filter(|place| self.liars.contains(&place.node.id)).cloned().collect();
        for mut copy in copies {
            (copy.side, copy.lie) = (1, lie);
            if dice.chance(50) {
                copy.mute = self.round..until; // the other side waits for its primary and changes view
            }
            self.places.push(copy);
        }
    }

    fn play_round(&mut self, dice: &mut Dice, clients: &mut Clients) {
        let millis = 1_000 + self.round * ROUND_MS;
        for at in 0..self.places.len() {
            let sent = self.group.tick(&mut self.places[at].node, millis);
            self.post(at, sent);
        }
        if dice.chance(60) {
            let at = dice.below(self.places.len() as u64) as usize;
            let (_, item) = clients.write(0, 4);
            let sent = self.group.submit(&mut self.places[at].node, item);
            self.post(at, sent);
        }
        for _ in 0..MESSAGES_MAX {
            let Some((from, to, message)) = self.queue.pop_front() else { break };
            let from = self.places[from].node.id;
            let Some(heard) = self.group.verified(from, &message) else { continue };
            let sent = self.group.step(&mut self.places[to].node, Input::Message(heard));
            self.post(to, sent);
        }
        self.queue.clear();
        self.round += 1;
    }

    fn post(&mut self, from: usize, sent: Vec<(Option<ReplicaId>, Arc<Message>)>) {
        let Place { node, side, lie, mute } = &self.places[from];
        if mute.contains(&self.round) {
            return;
        }
        for (to, message) in sent {
            let lied =
                lie.of(&message, node.id, &*self.group.keys.signers[node.id.index()], self.group.constants.window);
            let message = lied.map_or(message, Arc::new);
            let hears = |place: &Place| {
                let addressed = to.map_or(place.node.id != node.id, |to| place.node.id == to);
                addressed && (!self.parted || place.side == *side)
            };
            let places = self.places.iter().enumerate().filter(|(_, place)| hears(place)).map(|(at, _)| at);
            self.queue.extend(places.map(|at| (from, at, message.clone())));
        }
    }

    fn honest(&self) -> impl Iterator<Item = &Node> {
        self.places.iter().map(|place| &place.node).filter(|node| !self.liars.contains(&node.id))
    }

    /// A slot for which two honest replicas hold different decisions.
    fn fork(&self) -> Option<SeqNum> {
        let mut first: BTreeMap<SeqNum, Digest> = BTreeMap::new();
        let mut decided = self.honest().flat_map(Node::decisions);
        decided.find_map(|(seq, digest)| (*first.entry(seq).or_insert(digest) != digest).then_some(seq))
    }

    fn outcome(self) -> Outcome {
        let mut remains = Remains::default();
        self.honest().for_each(|node| remains.extend(node.remains()));
        let findings = remains.investigate(&self.group.context());
        let fork = self.fork();
        let is_decision = |of: &&Conflict| !matches!(of.first.kind(), Kind::Ack | Kind::Checkpoint);
        let first = findings.conflicts.iter().find(is_decision);
        Outcome {
            forked: fork.is_some(),
            views: first.filter(|_| fork.is_some()).map(|of| (of.first.view().get(), of.second.view().get())),
            kinds: findings.proofs.iter().map(|proof| format!("{:?}", proof.key().kind)).collect(),
            wrong: self.judge(fork, &findings),
        }
    }

    fn judge(&self, fork: Option<SeqNum>, findings: &Findings) -> Option<String> {
        let culprits = findings.culprits();
        let accused: BTreeSet<ReplicaId> = self.honest().flat_map(|node| node.accused.iter().copied()).collect();
        if let Some(honest) = culprits.union(&accused).find(|culprit| !self.liars.contains(culprit)) {
            return Some(format!("the honest {honest} is named: {:?}", findings.proofs));
        }
        if let Some(proof) = findings.proofs.iter().find(|proof| !self.holds(proof)) {
            return Some(format!("a proof that does not hold: {proof:?}"));
        }
        let seq = fork?;
        let needed = self.group.keys.committee.weak();
        if findings.conflicts.is_empty() {
            return Some(format!("slot {seq} is decided twice, and no two certificates contradict each other"));
        }
        let named = culprits.len();
        (named < needed).then(|| format!("slot {seq} is decided twice, and {culprits:?} of {:?} are named", self.liars))
    }

    /// Offline: from its bytes and the genesis alone.
    fn holds(&self, proof: &Evidence) -> bool {
        let bytes = borsh::to_vec(proof).expect("memory");
        borsh::from_slice::<Evidence>(&bytes).is_ok_and(|read| read.is_valid(&self.group.context()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fork_names_f_plus_one_liars_and_nobody_else() {
        let summary = forks(0..120);
        assert!(summary.failures.is_empty(), "{:?}", summary.failures);
        assert!(summary.forked >= 20, "{summary:?}");
    }
}
