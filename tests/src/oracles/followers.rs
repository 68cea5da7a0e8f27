//! Followers execute what the group does, slot by slot, whoever lies to them; they stop only where their own execution is
//! wrong, and then they do.

use super::{Oracle, Verdict};
use crate::scene::{Fact, Following, Scene, Survey};
use quorate_pbft::{Broken, Decided, Digest, Executed, SeqNum};
use std::collections::BTreeMap;

/// Bytes of bundles that a follower may hold for each lane, whatever it is sent: what it fetches ahead, and a slot.
const LANE_BYTES_MAX: u64 = 32 << 20;

#[derive(Default)]
pub(super) struct Followers {
    slots: BTreeMap<SeqNum, (String, Outcome)>,
    executed: u64,
    broke: BTreeMap<usize, SeqNum>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    content: Digest,
    lane_hash: Digest,
    state_root: Digest,
}

impl Followers {
    fn compare(&mut self, by: String, decided: &Decided, executed: &Executed) -> Verdict {
        let outcome = Outcome {
            content: decided.content.digest(),
            lane_hash: decided.lane_hash,
            state_root: executed.state_root,
        };
        let (first, known) = self.slots.entry(decided.seq).or_insert_with(|| (by.clone(), outcome.clone()));
        if *known == outcome {
            return Ok(());
        }
        Err(format!("slot {}: {first} has {known:?}, {by} has {outcome:?}", decided.seq))
    }
}

impl Oracle for Followers {
    fn name(&self) -> &'static str {
        "followers"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        let spoiled_at = |by: usize| scene.plan.onlookers[by].spoiled_at;
        match fact {
            Fact::Executed { by, decided, executed, .. } if !scene.plan.onlookers.is_empty() => {
                self.compare(format!("replica {by}"), decided, executed)
            }
            Fact::Followed { by, decided, executed } => {
                self.executed += 1;
                match spoiled_at(*by).is_some_and(|at| at <= decided.seq) {
                    true => Ok(()),
                    false => self.compare(format!("follower {by}"), decided, executed),
                }
            }
            Fact::FollowerBroke { by, why: Broken::Diverged { seq, .. } } => {
                self.broke.insert(*by, *seq);
                let expected = spoiled_at(*by).is_some_and(|at| at <= *seq);
                if expected { Ok(()) } else { Err(format!("follower {by} took {seq} for another state")) }
            }
            Fact::FollowerBroke { by, why } => Err(format!("follower {by} stopped: {why}")),
            _ => Ok(()),
        }
    }

    fn waits_for(&self, survey: &Survey<'_>, _scene: &Scene<'_>) -> Option<String> {
        let highest = survey.standings.iter().map(|standing| standing.executed).max()?;
        survey.following.iter().enumerate().find_map(|(number, Following { executed, stable, .. })| {
            let following = &survey.following[number];
            if following.held_bytes > LANE_BYTES_MAX * survey.standings.len() as u64 {
                return Some(format!("follower {number} holds {} bytes", following.held_bytes));
            }
            if following.spoiled_at.is_some_and(|at| at <= highest) {
                return (!following.is_broken).then(|| format!("follower {number} goes on with a wrong state"));
            }
            let reached = *executed >= highest && *stable >= highest;
            (!reached).then(|| format!("follower {number} is at {executed}, certified {stable}, of {highest}"))
        })
    }

    fn tallies(&self) -> BTreeMap<&'static str, u64> {
        let counts =
            [("slots that followers executed", self.executed), ("followers that stopped", self.broke.len() as u64)];
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}
