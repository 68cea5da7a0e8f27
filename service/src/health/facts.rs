//! Facts from which issues and score are made, and the bounds that both know.

use super::vitals::Vitals;
use crate::engine::Report;

/// Slots behind the others that are not worth a word: what a busy group is apart for a moment.
pub const BEHIND_SLOTS_USUAL: u64 = 4;
/// Slots behind the others from which a replica is not ready.
pub const BEHIND_SLOTS_MAX: u64 = 64;
/// Share of conflicts, in hundredths, that is high.
const CONFLICT_PERCENT_MAX: u64 = 20;

/// Reason for which the core's thread stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standstill {
    /// The disk is full, and a write waits for room.
    Room,
    /// A write of the journal has waited for the disk for so many seconds.
    Disk(u64),
    /// A step has taken so many seconds without a write of the journal. It may wait for a read.
    Step(u64),
}

impl Standstill {
    /// The reason in words.
    pub fn words(self) -> String {
        match self {
            Self::Room => "the disk is full, and a write waits for room".to_owned(),
            Self::Disk(seconds) => {
                format!("a write has waited for {seconds} s: the disk gives no answer, or is far too slow")
            }
            Self::Step(seconds) => format!("its core has been at one step for {seconds} s, and no write waits"),
        }
    }

    /// Next step.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Room => "make room on the disk; it goes on by itself",
            Self::Disk(_) => "see with the system's tools why the disk does not answer; it goes on by itself",
            Self::Step(_) => {
                "wait: a dear change on a busy machine takes long; if it does not end, look at the machine's load and reads"
            }
        }
    }
}

/// Facts from which issues and score are made.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The core's report.
    pub report: &'a Report,
    /// Measurements of the watch.
    pub vitals: &'a Vitals,
    /// The first damage that was met on the disk, in words.
    pub damage: Option<&'a str>,
    /// Why the core's thread stands still; none while it works.
    pub standstill: Option<Standstill>,
    /// Whether one command has held all keys of the group.
    pub has_test_keys: bool,
}

impl Facts<'_> {
    /// Whether the share of conflicts is high.
    pub fn has_many_conflicts(&self) -> bool {
        self.vitals.conflicts.percent() > CONFLICT_PERCENT_MAX
    }

    /// Damage of the disk in words, as a reader, the core or the scrub has met it.
    pub fn damage_in_words(&self) -> Option<String> {
        let met = self.damage.or(self.report.damage.as_deref()).map(str::to_owned);
        met.or_else(|| self.vitals.scrub.state.in_words())
    }
}
