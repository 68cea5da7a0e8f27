//! Agreement: no two honest replicas execute different things at a slot, nor reach different states.

use super::{Oracle, Verdict};
use crate::scene::{Fact, Scene};
use quorate_pbft::{Decided, Digest, Executed, ExecutedPoint, ReplicaId, SeqNum, Time};
use std::collections::BTreeMap;
use std::fmt::Debug;

#[derive(Default)]
pub(super) struct Agreement {
    slots: BTreeMap<SeqNum, (ReplicaId, Outcome)>,
    points: BTreeMap<SeqNum, (ReplicaId, ExecutedPoint)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    content: Digest,
    time: Time,
    bundles: Vec<Digest>,
    lane_hash: Digest,
    state_root: Digest,
    members_after: Digest,
}

impl Outcome {
    fn of(decided: &Decided, executed: &Executed) -> Self {
        Self {
            content: decided.content.digest(),
            time: decided.time,
            bundles: decided.bundles.iter().map(|bundle| bundle.header.digest()).collect(),
            lane_hash: decided.lane_hash,
            state_root: executed.state_root,
            members_after: executed.members_after,
        }
    }
}

impl Oracle for Agreement {
    fn name(&self) -> &'static str {
        "agreement"
    }

    fn watch(&mut self, fact: &Fact<'_>, _scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Executed { by, decided, executed, .. } => {
                same(&mut self.slots, *by, decided.seq, &Outcome::of(decided, executed))
            }
            Fact::Reached { by, point, .. } => same(&mut self.points, *by, point.seq, point),
            _ => Ok(()),
        }
    }
}

fn same<T: Clone + Debug + PartialEq>(
    known: &mut BTreeMap<SeqNum, (ReplicaId, T)>,
    by: ReplicaId,
    seq: SeqNum,
    reached: &T,
) -> Verdict {
    let (first, other) = known.entry(seq).or_insert_with(|| (by, reached.clone()));
    if other == reached { Ok(()) } else { Err(format!("slot {seq}: {first} has {other:?}, {by} has {reached:?}")) }
}
