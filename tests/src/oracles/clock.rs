//! Clock: ledger time is never further ahead of every honest clock than the bound (T2).

use super::{Oracle, Verdict};
use crate::scene::{Fact, Scene};
use quorate_pbft::{ReplicaId, SeqNum, Time};

pub(super) struct Clock;

impl Oracle for Clock {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Executed { by, decided, .. } => in_bounds(*by, decided.seq, decided.time, scene),
            Fact::Reached { by, point, .. } => in_bounds(*by, point.seq, point.time, scene),
            _ => Ok(()),
        }
    }
}

fn in_bounds(by: ReplicaId, seq: SeqNum, time: Time, scene: &Scene<'_>) -> Verdict {
    let latest = scene.clock.get().saturating_add(scene.plan.constants.clock_ahead_ms);
    if time.get() <= latest {
        return Ok(());
    }
    Err(format!("{by} executed slot {seq} of {time}; no honest clock had shown more than {}", scene.clock))
}
