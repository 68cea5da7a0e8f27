//! Bounded disks (B, E2): of each signer no more of what others said is kept apart on a disk than the rule lets a replica
//! keep apart at all, the newest window; looked at when a process starts and at the end.

use super::{Extreme, Oracle, Verdict};
use crate::machine::Machine;
use crate::scene::{Fact, Scene, Survey};
use quorate_pbft::ReplicaId;

#[derive(Default)]
pub(super) struct Kept {
    most: u64,
    limit: u64,
}

impl Kept {
    fn look(&mut self, by: ReplicaId, machine: &dyn Machine, scene: &Scene<'_>) -> Verdict {
        self.limit = scene.plan.constants.window;
        for (signer, rows) in machine.kept() {
            self.most = self.most.max(rows);
            if rows > self.limit {
                let limit = self.limit;
                return Err(format!("{by} keeps {rows} statements of {signer} apart on its disk, {limit} are enough"));
            }
        }
        Ok(())
    }
}

impl Oracle for Kept {
    fn name(&self) -> &'static str {
        "kept"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Started { replica, machine, .. } => self.look(*replica, *machine, scene),
            _ => Ok(()),
        }
    }

    fn look_back(&mut self, survey: &Survey<'_>, scene: &Scene<'_>) -> Verdict {
        survey.standings.iter().try_for_each(|standing| self.look(standing.replica, standing.machine, scene))
    }

    fn extremes(&self) -> Vec<Extreme> {
        let looked = self.limit > 0;
        let rows = Extreme { what: "rows kept of a signer", value: self.most, limit: self.limit };
        looked.then_some(rows).into_iter().collect()
    }
}
