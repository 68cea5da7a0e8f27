//! No gaps: each replica executes slot after slot; time never goes back; what was durable is there after a crash.

use super::{Oracle, Verdict};
use crate::scene::{Fact, Scene};
use quorate_pbft::{ReplicaId, SeqNum, Time};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct NoGaps {
    executed: BTreeMap<ReplicaId, (SeqNum, Time)>,
}

impl Oracle for NoGaps {
    fn name(&self) -> &'static str {
        "no-gaps"
    }

    fn watch(&mut self, fact: &Fact<'_>, _scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Executed { by, decided, .. } => {
                let (last, time) = self.executed.entry(*by).or_default();
                if decided.seq != last.next() {
                    return Err(format!("{by} executed {} after {last}", decided.seq));
                }
                if decided.time < *time {
                    return Err(format!("{by}: ledger time went back to {} at slot {}", decided.time, decided.seq));
                }
                (*last, *time) = (decided.seq, decided.time);
            }
            Fact::Reached { by, point, slots, .. } => {
                let (last, time) = self.executed.entry(*by).or_default();
                if point.seq != last.plus(*slots) {
                    return Err(format!("{by} executed {slots} slots after {last} and stands at {}", point.seq));
                }
                if point.time < *time {
                    return Err(format!("{by}: ledger time went back to {} at slot {}", point.time, point.seq));
                }
                (*last, *time) = (point.seq, point.time);
            }
            Fact::Started { replica, executed, .. } => {
                let (durable, _) = self.executed.entry(*replica).or_default();
                if *executed < *durable {
                    return Err(format!("{replica} had {durable} on its disk and starts from {executed}"));
                }
                // A commit that was cut off may have reached the disk, unknown to anybody.
                *durable = *executed;
            }
            _ => (),
        }
        Ok(())
    }
}
