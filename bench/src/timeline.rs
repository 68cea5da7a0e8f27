//! Commits over time, around one moment.

use crate::author::Asked;
use crate::times::percentile_ms;
use serde::Serialize;
use std::fmt;
use std::time::{Duration, Instant};

/// Width of a step around a fault, and the least of any.
pub const STEP: Duration = Duration::from_millis(100);

/// Steps of a whole run, at most.
const STEPS_MAX: u32 = 100;

/// Characters of the longest bar.
const BAR: u64 = 60;

/// Commits in one step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// Begin of the step: milliseconds after the moment, negative before it.
    pub from_ms: i64,
    /// Envelopes that were confirmed to their authors in it.
    pub commits: u64,
    /// Time within which 99 of 100 of them were; none where there are none.
    pub p99_ms: Option<f64>,
}

/// Width of the steps of a whole run: few enough to draw.
pub fn width(run: Duration) -> Duration {
    STEP * (run / STEPS_MAX).as_millis().div_ceil(STEP.as_millis()).max(1) as u32
}

/// Part of a run around one of its moments.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Moment from which steps count.
    pub moment: Instant,
    /// Time before it.
    pub before: Duration,
    /// Time after it.
    pub after: Duration,
    /// Width of a step.
    pub width: Duration,
}

/// Steps of a span, empty ones too; the times before and after are rounded down to whole steps.
pub fn steps(asked: &[Asked], span: &Span) -> Vec<Step> {
    let (first, last) = (-whole(span.before, span.width), whole(span.after, span.width));
    let mut times = vec![Vec::new(); (last - first).unsigned_abs() as usize];
    for Asked { due, at, .. } in asked.iter().filter(|asked| asked.state.is_some()) {
        let index = index(*at, span) - first;
        if let Some(times) = usize::try_from(index).ok().and_then(|index| times.get_mut(index)) {
            times.push(*at - *due);
        }
    }
    let width = span.width.as_millis() as i64;
    (first..last).zip(times).map(|(step, times)| Step::of(step * width, times)).collect()
}

impl Step {
    fn of(from_ms: i64, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let p99_ms = (!times.is_empty()).then(|| percentile_ms(&times, 99.0));
        Self { from_ms, commits: times.len() as u64, p99_ms }
    }
}

/// The longest time without a commit that touches what comes after the moment: its begin and its end. One shorter than a
/// step of the picture is no silence: if all are, the one about the moment.
///
/// None if there was no commit before or none after the moment, so that the silence has no bounds.
pub fn silence(commits: &[Instant], moment: Instant) -> Option<(Instant, Instant)> {
    let mut commits = commits.to_vec();
    commits.sort_unstable();
    let before = commits.iter().rposition(|commit| *commit <= moment)?;
    let gaps = commits[before..].windows(2).map(|pair| (pair[0], pair[1]));
    gaps.rev().max_by_key(|(begin, end)| Some(*end - *begin).filter(|gap| *gap >= STEP))
}

fn whole(time: Duration, width: Duration) -> i64 {
    (time.as_nanos() / width.as_nanos()) as i64
}

/// Number of the step that holds `at`, 0 for the one that begins with the moment.
fn index(at: Instant, span: &Span) -> i64 {
    match at.checked_duration_since(span.moment) {
        Some(after) => whole(after, span.width),
        None => -1 - whole((span.moment - at).saturating_sub(Duration::from_nanos(1)), span.width),
    }
}

/// Draws the steps as bars, a line for each.
pub fn draw(steps: &[Step], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let most = steps.iter().map(|step| step.commits).max().unwrap_or(0).max(1);
    for Step { from_ms, commits, .. } in steps {
        let bar = "#".repeat((commits * BAR).div_ceil(most) as usize);
        writeln!(f, "{from_ms:>7} ms {commits:>6}  {bar}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_ledger::State;

    fn at(moment: Instant, ms: i64) -> Instant {
        let distance = Duration::from_millis(ms.unsigned_abs());
        if ms < 0 { moment - distance } else { moment + distance }
    }

    fn answered(at: Instant) -> Asked {
        Asked { due: at - Duration::from_millis(7), at, state: Some(State::Applied) }
    }

    #[test]
    fn a_commit_counts_in_the_step_that_holds_it() {
        let moment = Instant::now() + Duration::from_secs(10);
        let commits = [-201, -200, -100, -1, 0, 99, 100].map(|ms| answered(at(moment, ms)));
        let side = Duration::from_millis(200);

        let steps = steps(&commits, &Span { moment, before: side, after: side, width: STEP });

        let found: Vec<_> = steps.iter().map(|step| (step.from_ms, step.commits)).collect();
        assert_eq!(found, [(-200, 1), (-100, 2), (0, 2), (100, 1)]);
        assert!(steps.iter().all(|step| step.p99_ms == Some(7.0)), "{steps:?}");
    }

    #[test]
    fn a_step_without_a_commit_has_no_p99() {
        let moment = Instant::now() + Duration::from_secs(10);
        let span = Span { moment, before: Duration::ZERO, after: 2 * STEP, width: STEP };

        let p99_ms: Vec<_> = steps(&[answered(at(moment, 150))], &span).iter().map(|step| step.p99_ms).collect();

        assert_eq!(p99_ms, [None, Some(7.0)]);
    }

    #[test]
    fn a_run_of_any_length_has_at_most_a_hundred_steps() {
        for seconds in [1, 9, 15, 60, 2_700] {
            let (run, width) = (Duration::from_secs(seconds), width(Duration::from_secs(seconds)));
            assert!(width >= STEP && width * STEPS_MAX >= run, "{seconds} s in steps of {width:?}");
        }
    }

    #[test]
    fn the_silence_begins_with_the_last_commit_before_its_moment_or_with_a_later_one() {
        let moment = Instant::now() + Duration::from_secs(10);
        let commits = [-5_000, -10, 40, 900, 1_000].map(|ms| at(moment, ms));

        assert_eq!(silence(&commits, moment), Some((at(moment, 40), at(moment, 900))));
    }

    #[test]
    fn without_a_silence_the_commits_about_the_moment_are_told_and_no_later_ones() {
        let moment = Instant::now() + Duration::from_secs(10);
        let commits = [-10, 20, 60, 95, 190].map(|ms| at(moment, ms));

        assert_eq!(silence(&commits, moment), Some((at(moment, -10), at(moment, 20))));
    }

    #[test]
    fn a_silence_without_end_is_none() {
        let moment = Instant::now() + Duration::from_secs(10);

        assert_eq!(silence(&[at(moment, -10)], moment), None);
        assert_eq!(silence(&[at(moment, 10)], moment), None);
    }
}
