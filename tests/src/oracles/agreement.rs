//! Agreement: no two honest replicas execute different things at a slot, nor reach different states.

use super::{Oracle, Verdict};
use crate::scene::{Fact, Scene};
use quorate_pbft::{Decided, Digest, Executed, ReplicaId, SeqNum, Time};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Agreement(BTreeMap<SeqNum, (ReplicaId, Outcome)>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    content: Digest,
    time: Time,
    bundles: Vec<Digest>,
    lane_hash: Digest,
    state_root: Digest,
}

impl Outcome {
    fn of(decided: &Decided, executed: &Executed) -> Self {
        Self {
            content: decided.content.digest(),
            time: decided.time,
            bundles: decided.bundles.iter().map(|bundle| bundle.header.digest()).collect(),
            lane_hash: decided.lane_hash,
            state_root: executed.state_root,
        }
    }
}

impl Oracle for Agreement {
    fn name(&self) -> &'static str {
        "agreement"
    }

    fn watch(&mut self, fact: &Fact<'_>, _scene: &Scene<'_>) -> Verdict {
        let Fact::Executed { by, decided, executed } = fact else { return Ok(()) };
        let outcome = Outcome::of(decided, executed);
        let (first, known) = self.0.entry(decided.seq).or_insert_with(|| (*by, outcome.clone()));
        if *known == outcome {
            return Ok(());
        }
        Err(format!("slot {}: replica {first} executed {known:?}, replica {by} {outcome:?}", decided.seq))
    }
}
