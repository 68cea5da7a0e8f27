//! Faults of the world: they break and mend links, disks and processes.

use super::World;
use crate::plan::FaultKind;
use crate::weather::Cuts;
use quorate_pbft::ReplicaId;

impl World<'_> {
    pub(super) fn break_(&mut self, index: usize) {
        let fault = &self.plan.faults[index];
        self.trace.line(self.now, || format!("breaks: {:?}", fault.kind));
        match &fault.kind {
            FaultKind::Crash(replica) => self.kill(*replica),
            FaultKind::Blackout => self.plan.honest().for_each(|replica| self.kill(replica)),
            FaultKind::Partition(side) => self.between(side, Cuts::cut),
            FaultKind::OneWay { from, to } => self.cuts.cut(*from, *to),
            FaultKind::Clock(replica, millis) => self.seats[replica.index()].jump(*millis),
        }
    }

    pub(super) fn mend(&mut self, index: usize) {
        let fault = &self.plan.faults[index];
        self.trace.line(self.now, || format!("mended: {:?}", fault.kind));
        match &fault.kind {
            FaultKind::Crash(replica) => self.revive(*replica),
            FaultKind::Blackout => self.plan.honest().for_each(|replica| self.revive(replica)),
            FaultKind::Partition(side) => self.between(side, Cuts::mend),
            FaultKind::OneWay { from, to } => self.cuts.mend(*from, *to),
            FaultKind::Clock(replica, millis) => self.seats[replica.index()].jump(-millis),
        }
    }

    fn between(&mut self, side: &[ReplicaId], change: fn(&mut Cuts, ReplicaId, ReplicaId)) {
        for a in self.plan.replicas().filter(|a| side.contains(a)) {
            for b in self.plan.replicas().filter(|b| !side.contains(b)) {
                change(&mut self.cuts, a, b);
                change(&mut self.cuts, b, a);
            }
        }
    }
}
