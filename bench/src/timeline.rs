//! Commits over time, around one moment.

use serde::Serialize;
use std::fmt;
use std::time::{Duration, Instant};

/// Width of a step.
pub const STEP: Duration = Duration::from_millis(100);

/// Characters of the longest bar.
const BAR: u64 = 60;

/// Commits in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Begin of the step: milliseconds after the moment, negative before it.
    pub from_ms: i64,
    /// Envelopes that were confirmed to their authors in it.
    pub commits: u64,
}

/// Steps from `before` the moment until `after` it, empty ones too; both are rounded down to whole steps.
pub fn steps(commits: &[Instant], moment: Instant, before: Duration, after: Duration) -> Vec<Step> {
    let (first, last) = (-whole(before), whole(after));
    let mut counts = vec![0; (last - first).unsigned_abs() as usize];
    for commit in commits {
        let index = index(*commit, moment) - first;
        if let Some(count) = usize::try_from(index).ok().and_then(|index| counts.get_mut(index)) {
            *count += 1;
        }
    }
    let width = STEP.as_millis() as i64;
    (first..last).zip(counts).map(|(step, commits)| Step { from_ms: step * width, commits }).collect()
}

/// The longest time without a commit that touches what comes after the moment: its begin and its end.
///
/// None if there was no commit before or none after the moment, so that the silence has no bounds.
pub fn silence(commits: &[Instant], moment: Instant) -> Option<(Instant, Instant)> {
    let mut commits = commits.to_vec();
    commits.sort_unstable();
    let before = commits.iter().rposition(|commit| *commit <= moment)?;
    let gaps = commits[before..].windows(2).map(|pair| (pair[0], pair[1]));
    gaps.max_by_key(|(begin, end)| *end - *begin)
}

fn whole(time: Duration) -> i64 {
    (time.as_millis() / STEP.as_millis()) as i64
}

/// Number of the step that holds `at`, 0 for the one that begins with the moment.
fn index(at: Instant, moment: Instant) -> i64 {
    match at.checked_duration_since(moment) {
        Some(after) => whole(after),
        None => -1 - whole((moment - at).saturating_sub(Duration::from_nanos(1))),
    }
}

/// Draws the steps as bars, a line for each.
pub fn draw(steps: &[Step], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let most = steps.iter().map(|step| step.commits).max().unwrap_or(0).max(1);
    for Step { from_ms, commits } in steps {
        let bar = "#".repeat((commits * BAR).div_ceil(most) as usize);
        writeln!(f, "{from_ms:>7} ms {commits:>6}  {bar}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(moment: Instant, ms: i64) -> Instant {
        let distance = Duration::from_millis(ms.unsigned_abs());
        if ms < 0 { moment - distance } else { moment + distance }
    }

    #[test]
    fn a_commit_counts_in_the_step_that_holds_it() {
        let moment = Instant::now() + Duration::from_secs(10);
        let commits = [-201, -200, -100, -1, 0, 99, 100].map(|ms| at(moment, ms));

        let steps = steps(&commits, moment, Duration::from_millis(200), Duration::from_millis(200));

        let found: Vec<_> = steps.iter().map(|step| (step.from_ms, step.commits)).collect();
        assert_eq!(found, [(-200, 1), (-100, 2), (0, 2), (100, 1)]);
    }

    #[test]
    fn the_silence_begins_with_the_last_commit_before_its_moment_or_with_a_later_one() {
        let moment = Instant::now() + Duration::from_secs(10);
        let commits = [-5_000, -10, 40, 900, 1_000].map(|ms| at(moment, ms));

        assert_eq!(silence(&commits, moment), Some((at(moment, 40), at(moment, 900))));
    }

    #[test]
    fn a_silence_without_end_is_none() {
        let moment = Instant::now() + Duration::from_secs(10);

        assert_eq!(silence(&[at(moment, -10)], moment), None);
        assert_eq!(silence(&[at(moment, 10)], moment), None);
    }
}
