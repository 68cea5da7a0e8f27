//! After the network calms everything asked for is executed everywhere, nobody is behind, and a checkpoint covers it.

use super::{Oracle, Verdict};
use crate::scene::{Fact, Scene, Survey};

pub(super) struct Progress;

impl Oracle for Progress {
    fn name(&self) -> &'static str {
        "progress"
    }

    fn watch(&mut self, _fact: &Fact<'_>, _scene: &Scene<'_>) -> Verdict {
        Ok(())
    }

    fn waits_for(&self, survey: &Survey<'_>, _scene: &Scene<'_>) -> Option<String> {
        let highest = survey.standings.iter().map(|standing| standing.executed).max()?;
        survey.standings.iter().find_map(|standing| {
            let replica = standing.replica;
            let missing = survey.asked.difference(standing.envelopes).count();
            if missing > 0 {
                return Some(format!("{replica} has not executed {missing} of {} envelopes", survey.asked.len()));
            }
            if standing.executed < highest {
                return Some(format!("{replica} has executed {} of {highest} slots", standing.executed));
            }
            let stable = standing.stable;
            (stable < highest).then(|| format!("{replica} has a checkpoint at {stable}, executed are {highest}"))
        })
    }
}
