//! Verdict over all runs of a plan, against the bounds of `docs/scale.md`.

use super::Plan;
use super::measure::{HEALED_WITHIN, News, VoterLoad, rounds, words};
use super::sides::Shape;
use serde::Serialize;
use std::fmt;

/// Rounds of anti-entropy within which 99 of a hundred followers, and all, have a slot.
const MOST_WITHIN_ROUNDS: u64 = 3;
const ALL_WITHIN_ROUNDS: u64 = 8;
/// Percent by which twice the audience may cost all voters more where all doors were full, and by which liars may slow p99.
const LOAD_GROWS_PERCENT: u64 = 10;
const LIARS_SLOW_PERCENT: u64 = 50;
/// Bytes that a voter sends to each of eight followers, in times of the slots' own.
const FEEDS_TIMES_MAX: u64 = 3;
/// Followers of a voter with a full door.
const FULL: usize = 8;

/// Strangers at two doors.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sybils {
    /// Keys that nobody enrolled.
    pub sybils: usize,
    /// Those with a place when the audience has come.
    pub inside_early: usize,
    /// Those with a place in the end.
    pub inside_late: usize,
    /// Times that a door refused an enrolled follower while a stranger had a place there.
    pub kept_out: u64,
}

/// A partition and its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Healed {
    /// Its shape.
    #[serde(serialize_with = "in_words")]
    pub shape: Shape,
    /// Slots that were decided before it healed.
    pub slots: u64,
    /// Followers that lacked the newest of them then.
    pub behind: usize,
    /// Those that still lacked it after three times the bound.
    pub still_behind: usize,
    /// Whether nothing was decided in the second half of the time that it lasted.
    pub stood_still: bool,
    /// Milliseconds until everybody had the newest slot from before the healing.
    pub ms: u64,
    /// Milliseconds until everybody had the first slot from after it; none where somebody never did.
    pub next_ms: Option<u64>,
}

impl Healed {
    /// Bound that was not held: what was decided before and after the healing comes to all in time, and the partition parted something.
    fn failure(&self) -> Option<String> {
        let Self { shape, behind, still_behind, stood_still, ms, next_ms, .. } = self;
        let in_time = |ms: u64| ms * 1_000 <= HEALED_WITHIN;
        let next = next_ms.map_or("never".to_owned(), words);
        let healed = format!("{shape}: healed after {ms} ms, {still_behind} never; the first slot after it: {next}");
        let parted_nobody = || Some(format!("{shape}: parted nobody")).filter(|_| *behind == 0 && !stood_still);
        let is_healed = *still_behind == 0 && in_time(*ms) && next_ms.is_some_and(in_time);
        if is_healed { parted_nobody() } else { Some(healed) }
    }
}

fn in_words<S: serde::Serializer>(shape: &Shape, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(shape)
}

/// Outcome of all runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Replicas.
    pub voters: usize,
    /// Followers.
    pub observers: usize,
    /// Whether nodes stand in five regions.
    pub regions: bool,
    /// Followers in a hundred that lie in the run with liars.
    pub liars_percent: u64,
    /// Seed of everything.
    pub seed: u64,
    /// Virtual seconds that count.
    pub window_seconds: u64,
    /// An honest audience.
    pub calm: News,
    /// An audience with liars.
    pub lied: News,
    /// Load of each voter.
    pub loads: Vec<VoterLoad>,
    /// The same with half of the audience.
    pub loads_of_half: Vec<VoterLoad>,
    /// Strangers.
    pub sybils: Sybils,
    /// Partitions.
    pub healed: Vec<Healed>,
    /// Bounds that were not held.
    pub failures: Vec<String>,
    /// Time that it took.
    pub seconds: f64,
}

impl Summary {
    pub(super) fn of(
        plan: &Plan,
        calm: News,
        lied: News,
        (loads, loads_of_half): (Vec<VoterLoad>, Vec<VoterLoad>),
        sybils: Sybils,
        healed: Vec<Healed>,
        seconds: f64,
    ) -> Self {
        let Plan { voters, observers, regions, liars, seed, .. } = *plan;
        let failures = Vec::new();
        let (liars_percent, window_seconds) = (liars, plan.seconds);
        let mut summary = Self {
            voters,
            observers,
            regions,
            liars_percent,
            seed,
            window_seconds,
            calm,
            lied,
            loads,
            loads_of_half,
            sybils,
            healed,
            failures,
            seconds,
        };
        summary.failures = summary.judge();
        summary
    }

    fn judge(&self) -> Vec<String> {
        let mut failures = Vec::new();
        let mut hold = |holds: bool, what: String| failures.extend(Some(what).filter(|_| !holds));
        for (name, news) in [("calm", &self.calm), ("with liars", &self.lied)] {
            let (most, all) = (rounds(news.most_ms.1), rounds(news.all_ms.1));
            hold(news.slots > 0, format!("{name}: no slot counts"));
            hold(most <= MOST_WITHIN_ROUNDS, format!("{name}: 99 % have a slot: {}", words(news.most_ms.1)));
            hold(
                all <= ALL_WITHIN_ROUNDS && news.missing == 0,
                format!("{name}: all have a slot: {}", words(news.all_ms.1)),
            );
        }
        let (calm, lied) = (self.calm.p99_ms, self.lied.p99_ms);
        let slowest = calm + calm * LIARS_SLOW_PERCENT / 100;
        hold(lied <= slowest, format!("liars: p99 goes from {calm} to {lied} ms"));
        let sum = |loads: &[VoterLoad]| loads.iter().map(|load| load.bytes_out).sum::<u64>();
        let (load, half) = (sum(&self.loads), sum(&self.loads_of_half));
        // In a small audience a follower has several voters, and takes data from one of them.
        let was_full = self.observers / 2 >= 2 * FULL * self.voters;
        let grows = was_full && load > half + half * LOAD_GROWS_PERCENT / 100;
        hold(!grows, format!("all voters: {load} bytes a second, {half} with half of the audience"));
        let fed = self.loads.iter().map(|load| load.fed).max().unwrap_or_default();
        hold(fed <= FULL, format!("a voter feeds {fed} followers"));
        let most =
            FULL as u64 * self.calm.bytes_of_slot * FEEDS_TIMES_MAX * self.calm.slots as u64 / self.window_seconds;
        let busiest = self.loads.iter().map(|load| load.bytes_out).max().unwrap_or_default();
        hold(busiest <= most, format!("a voter sends {busiest} bytes a second, {most} may be"));
        let kept_out = self.sybils.kept_out;
        hold(kept_out == 0, format!("sybils: an enrolled follower was kept out {kept_out} times"));
        failures.extend(self.healed.iter().filter_map(Healed::failure));
        failures
    }
}

impl fmt::Display for Sybils {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sybils, inside_early, inside_late, kept_out } = self;
        write!(f, "{sybils} strangers at two doors, {inside_early} with a place early and {inside_late} late; ")?;
        write!(f, "enrolled followers were kept out {kept_out} times")
    }
}

impl fmt::Display for Healed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shape, slots, behind, still_behind, stood_still, ms, next_ms } = self;
        let halt = if *stood_still { ", nothing was decided meanwhile" } else { "" };
        write!(f, "partition into {shape}{halt}: {behind} followers lacked slot {slots}, all had it after {ms} ms")?;
        if *still_behind > 0 {
            write!(f, " but {still_behind}")?;
        }
        write!(f, "; the first slot after it: {}", next_ms.map_or("never".to_owned(), words))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { voters, observers, seed, seconds, liars_percent, .. } = self;
        writeln!(f, "{voters} voters, {observers} followers, seed {seed}, in {seconds:.0} s")?;
        writeln!(f, "calm: {}", self.calm)?;
        writeln!(f, "{liars_percent} % liars: {}", self.lied)?;
        for (voter, (load, half)) in self.loads.iter().zip(&self.loads_of_half).enumerate() {
            let VoterLoad { fed, messages_out, bytes_out, bytes_in } = load;
            write!(f, "voter {voter} feeds {fed}: {messages_out} messages and {bytes_out} bytes a second out, ")?;
            writeln!(f, "{bytes_in} in; with half of the audience it feeds {} for {}", half.fed, half.bytes_out)?;
        }
        writeln!(f, "{}", self.sybils)?;
        self.healed.iter().try_for_each(|healed| writeln!(f, "{healed}"))?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "FAILED {failure}"))?;
        write!(f, "{} failures", self.failures.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healed() -> Healed {
        let (shape, stood_still, next_ms) = (Shape::Regions, true, Some(2_500));
        Healed { shape, slots: 29, behind: 0, still_behind: 0, stood_still, ms: 0, next_ms }
    }

    #[test]
    fn a_group_that_stood_still_has_healed_when_all_have_the_first_slot_after_it() {
        assert_eq!(healed().failure(), None);
        for next_ms in [None, Some(10_001)] {
            assert!(Healed { next_ms, ..healed() }.failure().is_some(), "{next_ms:?}");
        }
    }

    #[test]
    fn a_partition_that_parted_nobody_tested_nothing() {
        let went_on = Healed { stood_still: false, ..healed() };
        assert_eq!(went_on.failure().as_deref(), Some("regions: parted nobody"));
        assert_eq!(Healed { behind: 1, ..went_on }.failure(), None);
    }
}
