//! Pace of a healthy group in virtual time: changes a second, messages for each change, hops and syncs until a decision,
//! signatures made and verified, rows. Processors cost nothing here, so the figures are the protocol's own and repeat exactly.

mod counting;
mod group;

use crate::weather::Micros;
use counting::Counted;
use group::{Delays, Group};
use serde::Serialize;
use std::fmt;

const MILLI: Micros = 1_000;
const SECOND: Micros = 1_000 * MILLI;

/// Authors who each write their next change when the last is executed and durable at their replica.
const AUTHORS: u16 = 64;
/// Time before anything counts.
const WARM_UP: Micros = 2 * SECOND;
/// Time that counts.
const MEASURED: Micros = 10 * SECOND;
/// Changes one after another in a quiet group.
const QUIET_CHANGES: u16 = 40;
/// Pause between them: longer than a checkpoint mark may wait.
const PAUSE: Micros = SECOND;
/// Time of a hop or a sync of a quiet group, where the other costs nothing.
const STEP: Micros = 8 * MILLI;

/// Pace of a group of four.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pace {
    /// Many authors, hops of 1 to 5 ms, commits of 1 to 2 ms.
    pub load: Load,
    /// A change each second.
    pub quiet: Quiet,
}

/// Many authors at once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Load {
    /// Count of authors.
    pub authors: u16,
    /// Virtual seconds.
    pub seconds: u64,
    /// Changes executed and durable at their author's replica in a second.
    pub changes_a_second: f64,
    /// Messages that left any replica, for each of these.
    pub messages_a_change: f64,
    /// Signatures that replicas made, for each change, those of statuses apart.
    pub signatures_a_change: f64,
    /// Rows of agreement put into journals over the group, for each change.
    pub rows_a_change: f64,
    /// Changes that share a bundle.
    pub changes_a_bundle: f64,
    /// Slots in a second.
    pub slots_a_second: f64,
    /// Commits to disk over the group, for each change.
    pub commits_a_change: f64,
    /// Median of the time from a change to its answer.
    pub millis_p50: f64,
}

/// Changes one at a time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quiet {
    /// Count of changes.
    pub changes: u16,
    /// Median of the hops that follow each other from a change to its answer.
    pub hops: f64,
    /// Median of the commits to disk that follow each other.
    pub syncs: f64,
    /// Messages of the group for each change, statuses apart.
    pub messages_a_change: f64,
    /// Signatures that replicas made, for each change, those of statuses apart.
    pub signatures_a_change: f64,
    /// Rows of agreement put into journals over the group, for each change.
    pub rows_a_change: f64,
    /// Signatures about lanes that replicas verified for the first time, for each bundle.
    pub verifications_a_bundle: f64,
    /// Signatures of votes that replicas verified for the first time, for each slot.
    pub verifications_a_slot: f64,
}

/// Measures both.
pub fn pace() -> Pace {
    Pace { load: load(), quiet: quiet() }
}

fn load() -> Load {
    let mut group = Group::new(Delays { hop: (MILLI, 5 * MILLI), commit: (MILLI, 2 * MILLI) });
    (0..AUTHORS).for_each(|author| group.write_on(author));
    group.play_until(WARM_UP);
    let (before, made) = (group.counts(), group.verified().made);
    group.forget_waits();
    group.play_until(WARM_UP + MEASURED);
    let counts = group.counts().since(&before);
    let seconds = MEASURED / SECOND;
    let each = |count: u64| count as f64 / counts.changes as f64;
    Load {
        authors: AUTHORS,
        seconds,
        changes_a_second: counts.changes as f64 / seconds as f64,
        messages_a_change: each(counts.messages + counts.statuses),
        signatures_a_change: each(group.verified().made - made),
        rows_a_change: each(counts.rows),
        changes_a_bundle: counts.changes as f64 / counts.bundles as f64,
        slots_a_second: counts.slots as f64 / seconds as f64,
        commits_a_change: each(counts.commits),
        millis_p50: median(group.waits()) / MILLI as f64,
    }
}

fn quiet() -> Quiet {
    let (hops, counts, verified) = one_by_one(Delays { hop: (STEP, STEP), commit: (0, 0) });
    let (syncs, ..) = one_by_one(Delays { hop: (0, 0), commit: (STEP, STEP) });
    Quiet {
        changes: QUIET_CHANGES,
        hops,
        syncs,
        messages_a_change: counts.messages as f64 / counts.changes as f64,
        signatures_a_change: verified.made as f64 / counts.changes as f64,
        rows_a_change: counts.rows as f64 / counts.changes as f64,
        verifications_a_bundle: verified.lanes as f64 / counts.bundles as f64,
        verifications_a_slot: verified.votes as f64 / counts.slots as f64,
    }
}

/// Steps from a change to its answer, and what the group did for all of them.
fn one_by_one(delays: Delays) -> (f64, group::Counts, Counted) {
    let mut group = Group::new(delays);
    group.play_until(WARM_UP);
    let (before, verified) = (group.counts(), group.verified());
    for change in 0..QUIET_CHANGES {
        group.write(change);
        group.play_until(WARM_UP + PAUSE * (Micros::from(change) + 1));
    }
    let counts = group.counts().since(&before);
    assert!(counts.changes == u64::from(QUIET_CHANGES), "a quiet group executes each change within the pause");
    (median(group.waits()) / STEP as f64, counts, group.verified().since(&verified))
}

fn median(waits: &[Micros]) -> f64 {
    let mut waits = waits.to_vec();
    waits.sort_unstable();
    waits.get(waits.len() / 2).map_or(f64::NAN, |wait| *wait as f64)
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { load, quiet } = self;
        writeln!(
            f,
            "{} authors: {:.0} changes a second, {:.2} messages, {:.2} signatures, {:.2} rows, {:.2} commits each; {:.1} changes a \
             bundle, {:.0} slots a second, p50 {:.1} ms",
            load.authors,
            load.changes_a_second,
            load.messages_a_change,
            load.signatures_a_change,
            load.rows_a_change,
            load.commits_a_change,
            load.changes_a_bundle,
            load.slots_a_second,
            load.millis_p50
        )?;
        write!(
            f,
            "one at a time: {:.1} hops, {:.1} syncs, {:.1} messages, {:.1} signatures, {:.1} rows; {:.1} verifications a bundle, \
             {:.1} a slot",
            quiet.hops,
            quiet.syncs,
            quiet.messages_a_change,
            quiet.signatures_a_change,
            quiet.rows_a_change,
            quiet.verifications_a_bundle,
            quiet.verifications_a_slot
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_changes_share_the_signatures_and_rows_that_one_alone_takes() {
        let Pace { load, quiet } = pace();

        assert!(quiet.signatures_a_change > load.signatures_a_change && load.signatures_a_change > 0.0, "{load:?}");
        assert!(quiet.rows_a_change > load.rows_a_change && load.rows_a_change > 0.0, "{load:?}");
    }
}
