//! Judges, one question a file. They see facts only, and share no code with what they judge.

mod agreement;
mod authors;
mod bounds;
mod certificates;
mod clock;
mod confirmed;
mod data;
mod epochs;
mod evidence;
mod fairness;
mod first_commit;
mod followers;
mod innocence;
mod integrity;
mod joined;
mod levels;
mod no_gaps;
mod progress;
mod reads;
mod receipts;
mod second_history;
mod standing;
mod views;
mod write_once;

use crate::scene::{Fact, Scene, Survey};
use std::collections::BTreeMap;

/// Verdict of a judge on a fact: nothing, or the fault in words.
pub type Verdict = Result<(), String>;

/// The largest value that something with a limit had in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extreme {
    /// Name of the limit.
    pub what: &'static str,
    /// Value in the run.
    pub value: u64,
    /// Value that it may have.
    pub limit: u64,
}

/// Judge of a run.
pub trait Oracle {
    /// Its name in summaries.
    fn name(&self) -> &'static str;

    /// Judges the next fact.
    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict;

    /// Event that has still to come, the network being calm; an answer at the deadline is a failure.
    fn waits_for(&self, _survey: &Survey<'_>, _scene: &Scene<'_>) -> Option<String> {
        None
    }

    /// Distances to the limits that it watches.
    fn extremes(&self) -> Vec<Extreme> {
        Vec::new()
    }

    /// Counts of the events that it is there for.
    fn tallies(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }

    /// A last look when nothing is waited for any more.
    fn look_back(&mut self, _survey: &Survey<'_>, _scene: &Scene<'_>) -> Verdict {
        Ok(())
    }
}

/// Set of oracles with one of each.
pub fn all() -> Vec<Box<dyn Oracle>> {
    vec![
        Box::<agreement::Agreement>::default(),
        Box::<integrity::Integrity>::default(),
        Box::<no_gaps::NoGaps>::default(),
        Box::new(clock::Clock),
        Box::<write_once::WriteOnce>::default(),
        Box::new(innocence::Innocence),
        Box::new(standing::Standing),
        Box::<views::Views>::default(),
        Box::<reads::Reads>::default(),
        Box::<receipts::Receipts>::default(),
        Box::<authors::Authors>::default(),
        Box::new(progress::Progress),
        Box::<evidence::Evidenced>::default(),
        Box::<certificates::Certificates>::default(),
        Box::<confirmed::Confirmed>::default(),
        Box::<data::Data>::default(),
        Box::<bounds::Bounds>::default(),
        Box::<first_commit::FirstCommit>::default(),
        Box::<fairness::Fairness>::default(),
        Box::<followers::Followers>::default(),
        Box::<epochs::Epochs>::default(),
        Box::<joined::Joined>::default(),
        Box::<second_history::SecondHistory>::default(),
        Box::<levels::Levels>::default(),
    ]
}
