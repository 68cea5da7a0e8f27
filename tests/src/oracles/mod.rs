//! Judges, one question a file. They see facts only, and share no code with what they judge.

mod agreement;
mod evidence;
mod innocence;
mod integrity;
mod no_gaps;
mod progress;
mod reads;
mod receipts;
mod standing;
mod write_once;

use crate::scene::{Fact, Scene, Survey};

/// What a judge says of a fact: nothing, or what is wrong.
pub type Verdict = Result<(), String>;

/// One judge.
pub trait Oracle {
    /// Its name in summaries.
    fn name(&self) -> &'static str;

    /// Something happened.
    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict;

    /// What has still to happen, the network being calm; an answer at the deadline is a failure.
    fn waits_for(&self, _survey: &Survey<'_>, _scene: &Scene<'_>) -> Option<String> {
        None
    }

    /// A last look when nothing is waited for any more.
    fn look_back(&mut self, _survey: &Survey<'_>, _scene: &Scene<'_>) -> Verdict {
        Ok(())
    }
}

/// One of each.
pub fn all() -> Vec<Box<dyn Oracle>> {
    vec![
        Box::<agreement::Agreement>::default(),
        Box::<integrity::Integrity>::default(),
        Box::<no_gaps::NoGaps>::default(),
        Box::<write_once::WriteOnce>::default(),
        Box::new(innocence::Innocence),
        Box::new(standing::Standing),
        Box::<reads::Reads>::default(),
        Box::<receipts::Receipts>::default(),
        Box::new(progress::Progress),
        Box::<evidence::Evidenced>::default(),
    ]
}
