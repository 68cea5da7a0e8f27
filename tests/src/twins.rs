//! Twins (Bano et al., OPODIS 2021): one member runs twice, two honest copies with one key that know nothing of each
//! other, and the network is cut anew in every round. Schedules of a few rounds are played, each once.
//!
//! A schedule is a number: which member is doubled, for each round which of the five nodes stand together, and how what
//! either copy says is changed on its way to members with an even number ([`Mutation`]). In a round what is sent between
//! nodes that stand together arrives, and half a time-out passes. [`boundary`] plays the same over the end of an epoch.

mod boundary;

use crate::clients::Clients;
use crate::mutation::Mutation;
use crate::run::catch;
use crate::small::{Group, Node, disagreement};
use quorate_pbft::{Broken, Constants, Input, Message, ReplicaId};
use serde::Serialize;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Members of the group; one of them runs twice.
const MEMBERS: u16 = 4;
/// Ways to divide five nodes into two sides, either of which may be empty.
const DIVISIONS: u64 = 16;
/// Rounds before the network heals.
const ROUNDS: u32 = 5;
/// Rounds in which everybody hears everybody, so that what was begun is finished.
const HEALED_ROUNDS: u64 = 6;
/// Milliseconds of a round: half of the base time-out.
const ROUND_MS: u64 = 50;
/// Messages of a run; a schedule that needs more is cut off there.
const MESSAGES_MAX: usize = 20_000;

/// Count of the schedules of one epoch.
const SCHEDULES: u64 = MEMBERS as u64 * DIVISIONS.pow(ROUNDS) * MUTATIONS * MUTATIONS;
/// Lies of one copy.
const MUTATIONS: u64 = Mutation::ALL.len() as u64;

/// Place of the schedules in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Game {
    /// All in the first epoch.
    #[default]
    OneEpoch,
    /// Over the end of the first epoch.
    Boundary,
}

impl Game {
    /// Count of its schedules.
    pub const fn schedules(self) -> u64 {
        match self {
            Self::OneEpoch => SCHEDULES,
            Self::Boundary => boundary::SCHEDULES,
        }
    }

    /// The schedules in an order in which neighbours have little in common: an odd factor permutes a power of two.
    fn nth(self, number: u64) -> u64 {
        const { assert!(SCHEDULES.is_power_of_two() && boundary::SCHEDULES.is_power_of_two()) };
        number.wrapping_mul(0x9e37_79b1) % self.schedules()
    }

    fn play(self, schedule: u64) -> Outcome {
        match self {
            Self::OneEpoch => play(schedule),
            Self::Boundary => boundary::play(schedule),
        }
    }
}

/// Results of a campaign of schedules.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TwinsSummary {
    /// Place of the schedules in time.
    pub game: Game,
    /// Schedules played, of [`Game::schedules`].
    pub schedules: u64,
    /// Schedules in which an honest replica executed something.
    pub deciding: u64,
    /// Schedules in which an honest replica left view 0.
    pub view_changes: u64,
    /// Schedules in which an honest replica went into the next epoch, and those in which one did so before the network healed.
    pub crossed: [u64; 2],
    /// Schedules in which a message was changed on its way.
    pub mutated: u64,
    /// Schedules in which an honest replica held proof against the doubled member.
    pub caught: u64,
    /// Schedules that needed more messages than one may, and were cut off.
    pub cut: u64,
    /// Failures: the number by which `--from` finds the schedule, and the fault.
    pub failures: Vec<(u64, String)>,
    /// Real seconds.
    pub seconds: f64,
}

impl fmt::Display for TwinsSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { game, schedules, deciding, view_changes, crossed: [crossed, apart], mutated, caught, cut, .. } =
            self;
        let rate = *schedules as f64 / self.seconds;
        writeln!(f, "{schedules} of {} schedules in {:.1} s, {rate:.0} a second", game.schedules(), self.seconds)?;
        writeln!(f, "{deciding} decided something, {view_changes} left the first view")?;
        if *game == Game::Boundary {
            writeln!(f, "{crossed} went into the next epoch, {apart} of them before the network healed")?;
        }
        writeln!(f, "{mutated} with changed messages, {caught} with proof of it")?;
        writeln!(f, "{cut} cut off at {MESSAGES_MAX} messages between two ticks")?;
        let boundary = if *game == Game::Boundary { " --boundary" } else { "" };
        for (number, what) in &self.failures {
            writeln!(f, "FAILED schedule {}: {what}", game.nth(*number))?;
            writeln!(f, "  cargo run --release -p quorate-tests -- twins{boundary} --from {number} --schedules 1")?;
        }
        write!(f, "{} failures", self.failures.len())
    }
}

/// Plays the schedules with these numbers, all different and spread over all of them, on two threads.
pub fn twins(numbers: Range<u64>, game: Game) -> TwinsSummary {
    let begin = Instant::now();
    let end = numbers.end.min(game.schedules());
    let (next, summary) = (AtomicU64::new(numbers.start), Mutex::new(TwinsSummary { game, ..TwinsSummary::default() }));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return;
                    }
                    let mut outcome = Outcome::default();
                    let panicked = catch(|| outcome = game.play(game.nth(number))).err();
                    summary.lock().expect("nobody panics with the summary in hand").add(number, outcome, panicked);
                }
            });
        }
    });
    let mut summary = summary.into_inner().expect("nobody panics with the summary in hand");
    summary.failures.sort();
    summary.seconds = begin.elapsed().as_secs_f64();
    summary
}

impl TwinsSummary {
    fn add(&mut self, number: u64, outcome: Outcome, panicked: Option<String>) {
        self.schedules += 1;
        self.deciding += u64::from(outcome.decided);
        self.view_changes += u64::from(outcome.changed_view);
        self.crossed[0] += u64::from(outcome.crossed);
        self.crossed[1] += u64::from(outcome.crossed_apart);
        self.mutated += u64::from(outcome.mutated);
        self.caught += u64::from(outcome.caught);
        self.cut += u64::from(outcome.cut);
        self.failures.extend(panicked.or(outcome.wrong).map(|what| (number, what)));
    }
}

#[derive(Debug, Default)]
struct Outcome {
    decided: bool,
    changed_view: bool,
    crossed: bool,
    crossed_apart: bool,
    mutated: bool,
    caught: bool,
    cut: bool,
    wrong: Option<String>,
}

struct Run {
    group: Group,
    /// The members, and last the twin.
    nodes: Vec<Node>,
    doubled: ReplicaId,
    /// Lies in the messages of the doubled member and of its twin.
    lies: [Mutation; 2],
    changed_view: bool,
    mutated: bool,
    cut: bool,
    queue: VecDeque<(usize, usize, Arc<Message>)>,
}

fn play(schedule: u64) -> Outcome {
    let mut run = Run::new(schedule);
    let mut rest = schedule / u64::from(MEMBERS);
    let mut clients = Clients::default();
    for round in 0..u64::from(ROUNDS) + HEALED_ROUNDS {
        let side = if round < u64::from(ROUNDS) { rest % DIVISIONS } else { 0 };
        rest /= DIVISIONS;
        if round < 3 {
            let at = (round as usize + 1) % run.nodes.len();
            let (_, item) = clients.write(0, 4);
            let sent = run.group.submit(&mut run.nodes[at], item);
            run.post(at, sent);
        }
        run.round(1_000 + round * ROUND_MS, side);
    }
    run.outcome()
}

impl Run {
    fn new(schedule: u64) -> Self {
        let constants = Constants { base_timeout_ms: 2 * ROUND_MS, timeout_cap_ms: 1_000, ..Constants::default() };
        let group = Group::new(usize::from(MEMBERS), constants);
        let doubled = ReplicaId::new((schedule % u64::from(MEMBERS)) as u16);
        let members = (0..MEMBERS).map(ReplicaId::new).chain([doubled]);
        let nodes = members.zip(1..).map(|(id, incarnation)| group.node(id, incarnation)).collect();
        let lies = schedule / (u64::from(MEMBERS) * DIVISIONS.pow(ROUNDS));
        let lies = [lies / MUTATIONS, lies % MUTATIONS].map(|lie| Mutation::ALL[lie as usize]);
        Self { group, nodes, doubled, lies, changed_view: false, mutated: false, cut: false, queue: VecDeque::new() }
    }

    /// Delivers everything between nodes on one side; `side` has a bit for each node but the twin.
    fn round(&mut self, millis: u64, side: u64) {
        for at in 0..self.nodes.len() {
            let sent = self.group.tick(&mut self.nodes[at], millis);
            self.post(at, sent);
        }
        for _ in 0..MESSAGES_MAX {
            let Some((from, to, message)) = self.queue.pop_front() else { return };
            let together = (side >> from) & 1 == (side >> to) & 1;
            if !together {
                continue;
            }
            let told = self.told(from, to, &message);
            let heard = self.group.verified(self.nodes[from].id, told.as_ref().unwrap_or(&message));
            if let Some(heard) = heard {
                let sent = self.group.step(&mut self.nodes[to], Input::Message(heard));
                self.post(to, sent);
            }
        }
        self.cut |= !self.queue.is_empty();
        self.queue.clear();
    }

    /// Message that reaches `to` where the sender lies.
    fn told(&mut self, from: usize, to: usize, message: &Message) -> Option<Message> {
        let copy = if from == usize::from(MEMBERS) { 1 } else { 0 };
        let lies = self.nodes[from].id == self.doubled && self.nodes[to].id.get().is_multiple_of(2);
        let lie = Some(self.lies[copy]).filter(|_| lies)?;
        let told = lie.of(
            message,
            self.doubled,
            &*self.group.keys.signers[self.doubled.index()],
            self.group.constants.window,
        )?;
        self.mutated = true;
        Some(told)
    }

    fn post(&mut self, from: usize, sent: Vec<(Option<ReplicaId>, Arc<Message>)>) {
        let own = self.nodes[from].id;
        for (to, message) in sent {
            if let Message::NewView { .. } = *message {
                self.changed_view |= own != self.doubled;
            }
            let addressed = |node: &Node| to.map_or(node.id != own, |to| node.id == to);
            let places = self.nodes.iter().enumerate().filter(|(_, node)| addressed(node)).map(|(at, _)| at);
            self.queue.extend(places.map(|at| (from, at, message.clone())));
        }
    }

    fn outcome(self) -> Outcome {
        let honest = || self.nodes.iter().filter(|node| node.id != self.doubled);
        let broken = honest().find_map(|node| Some(format!("{} broke: {}", node.id, words(node.broken.as_ref()?))));
        let accused = || honest().flat_map(|node| node.accused.iter());
        let framed = accused().find(|who| **who != self.doubled).map(|who| format!("{who} is honest and accused"));
        Outcome {
            decided: honest().any(|node| !node.executed.is_empty()),
            changed_view: self.changed_view,
            crossed: false,
            crossed_apart: false,
            mutated: self.mutated,
            caught: accused().next().is_some(),
            cut: self.cut,
            wrong: disagreement(honest()).or(broken).or(framed),
        }
    }
}

fn words(broken: &Broken) -> String {
    broken.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_without_repeats_decide_and_agree() {
        let summary = twins(0..200, Game::OneEpoch);
        assert_eq!(summary.schedules, 200);
        assert!(summary.deciding > 150, "{summary:?}");
        assert!(summary.mutated > 80 && summary.caught > 50, "{summary:?}");
        assert!(summary.failures.is_empty(), "{:?}", summary.failures);
    }

    #[test]
    fn a_schedule_that_failed_is_played_again_by_the_command_that_stands_beside_it() {
        for (game, flag) in [(Game::OneEpoch, ""), (Game::Boundary, "--boundary ")] {
            let mut summary = TwinsSummary { game, ..TwinsSummary::default() };
            summary.add(7, Outcome::default(), Some("broke".to_owned()));

            let told = summary.to_string();

            assert!(told.contains(&format!("twins {flag}--from 7 --schedules 1\n")), "{told}");
            assert!(told.contains(&format!("FAILED schedule {}: broke", game.nth(7))), "{told}");
        }
    }

    #[test]
    fn schedules_over_the_end_of_an_epoch_cross_it_and_agree() {
        let summary = twins(0..96, Game::Boundary);
        assert_eq!(summary.schedules, 96);
        assert!(summary.deciding > 60 && summary.crossed[0] > 40 && summary.crossed[1] > 5, "{summary:?}");
        assert!(summary.mutated > 30 && summary.caught > 10, "{summary:?}");
        assert!(summary.failures.is_empty(), "{:?}", summary.failures);
    }
}
