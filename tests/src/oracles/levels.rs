//! Levels: what clients with sessions saw is linearizable, sequential, causal and in the end one, each at its level (R).

use super::{Oracle, Verdict};
use crate::levels::{self, History, Operation, Place, Shelf};
use crate::machine::Machine;
use crate::plan::{FILES_EACH, WRITERS};
use crate::scene::{Fact, Scene, Survey};
use quorate_ledger::{EnvelopeId, State};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Levels {
    operations: BTreeMap<usize, Operation>,
    /// Envelopes of the versions, which are numbered in the order in which they were signed.
    envelopes: Vec<EnvelopeId>,
    tallies: BTreeMap<&'static str, u64>,
}

impl Levels {
    /// Places of the versions on a disk: that all disks have one order is for others to judge.
    fn places(&self, machine: &dyn Machine) -> BTreeMap<u64, Place> {
        let place = |id| {
            let receipt = machine.verdict(id).filter(|receipt| receipt.state == State::Applied)?;
            let at = receipt.revision?;
            Some((at.seq().get(), at.place().unwrap_or_default()))
        };
        let numbered = self.envelopes.iter().zip(1..);
        numbered.filter_map(|(id, version)| Some((version, place(id)?))).collect()
    }
}

fn shelf(machine: &dyn Machine) -> Shelf {
    let files = 0..WRITERS * FILES_EACH;
    files.filter_map(|file| Some((file, levels::version(&machine.file(&levels::path(file))?)))).collect()
}

impl Oracle for Levels {
    fn name(&self) -> &'static str {
        "levels"
    }

    fn watch(&mut self, fact: &Fact<'_>, _scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Operated { number, operation } => drop(self.operations.insert(*number, (*operation).clone())),
            Fact::Signed(claim) if usize::from(claim.author) < WRITERS => self.envelopes.push(claim.id),
            _ => (),
        }
        Ok(())
    }

    fn look_back(&mut self, survey: &Survey<'_>, _scene: &Scene<'_>) -> Verdict {
        if self.operations.is_empty() {
            return Ok(());
        }
        let Some(first) = survey.standings.first() else { return Ok(()) };
        let shelves = survey.standings.iter().map(|standing| (standing.replica.index(), shelf(standing.machine)));
        let operations = std::mem::take(&mut self.operations).into_values().collect();
        let history = History { operations, places: self.places(first.machine), shelves: shelves.collect() };
        self.tallies = history.counts();
        levels::check(&history)
    }

    fn tallies(&self) -> BTreeMap<&'static str, u64> {
        self.tallies.clone()
    }
}

#[cfg(test)]
mod tests {
    use crate::campaign::simulate;
    use crate::presets::Preset;

    #[test]
    fn sessions_are_answered_at_every_level_in_the_middle_of_trouble() {
        let summary = simulate(0..20, Some(Preset::Levels), |_, _| ());
        assert!(summary.failures.is_empty(), "{:?}", summary.failures);
        let levels = ["eventual", "causal", "sequential", "strong"];
        let each = levels.iter().flat_map(|level| [format!("{level} reads"), format!("{level} writes")]);
        for what in each.chain(["tokens handed".to_owned()]) {
            assert!(summary.tallies.contains_key(&what), "no {what}: {:?}", summary.tallies);
        }
    }
}
