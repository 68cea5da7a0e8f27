//! Levels of consistency (R): a history of what clients with sessions did and were shown, and a checker for each level.
//!
//! A history comes from a run in virtual time or from processes; checkers share no code with what they judge. Files have one
//! writer each, so the group's order of its changes is the order of a file's versions.

mod causal;
mod eventual;
mod linearizable;
mod sequential;
#[cfg(test)]
mod tests;
mod versions;

use quorate_ledger::Level;
use std::collections::BTreeMap;
use std::fmt;
use versions::Versions;

/// Microseconds since the run began, virtual or by the wall.
pub type Moment = u64;

/// Place of a change in the group's order.
pub type Place = (u64, u32);

/// Operation of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Session that it is of; operations of a session follow each other.
    pub session: usize,
    /// Level that was asked for.
    pub level: Level,
    /// Replica that was asked.
    pub replica: usize,
    /// When it was asked.
    pub begun: Moment,
    /// When it was answered; none without an answer.
    pub ended: Option<Moment>,
    /// Deed of the client, and the answer.
    pub act: Act,
}

/// Deed of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Wrote a version of a file; the number is unique in the history.
    Write {
        /// File.
        file: usize,
        /// Names the version.
        version: u64,
    },
    /// Read a file.
    Read {
        /// File.
        file: usize,
        /// Version that was shown; none where nothing stood.
        shown: Option<u64>,
        /// Slot after which the shown state stood.
        slot: u64,
    },
    /// Gave its token to another session.
    Hand {
        /// Session that took it.
        to: usize,
    },
}

/// Path of a file.
pub fn path(file: usize) -> String {
    format!("level-{file}")
}

/// Content of a version.
pub fn text(version: u64) -> Vec<u8> {
    format!("version {version}\n").into_bytes()
}

/// The version that a content is; one that nobody wrote has the highest number.
pub fn version(text: &[u8]) -> u64 {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.strip_prefix("version ")?.trim_end().parse().ok());
    number.unwrap_or(u64::MAX)
}

/// Files of a replica at the end, each with the version that it shows.
pub type Shelf = BTreeMap<usize, u64>;

/// Record of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Operations in any order.
    pub operations: Vec<Operation>,
    /// Places of the versions that the group ordered and applied.
    pub places: BTreeMap<u64, Place>,
    /// Files of each replica after the calm.
    pub shelves: BTreeMap<usize, Shelf>,
}

/// Sight that a level forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anomaly {
    /// A strong read shows less than what was confirmed before it began.
    StaleRead,
    /// A read shows a version before it was written, or one that nobody wrote.
    FromTheFuture,
    /// A later read shows less than an earlier one.
    GoingBack,
    /// A change that was called after another was confirmed stands before it.
    OrderReversed,
    /// A session does not see its own change.
    OwnWriteUnseen,
    /// A change is seen, and what its author had seen before it is not.
    CausalReversal,
    /// A session that was handed a token does not see what that token had seen.
    TokenUnseen,
    /// A confirmed change has no place, or is not there at the end.
    LostUpdate,
    /// Replicas show different things at the end.
    Divergence,
    /// An answer does not show the state after the slot that it names.
    AnotherState,
}

/// Breach of a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Kind.
    pub anomaly: Anomaly,
    /// Operation and fact, in words.
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.anomaly, self.what)
    }
}

/// Verdict of a checker.
pub type Verdict = Result<(), Breach>;

fn breach(anomaly: Anomaly, what: impl Into<String>) -> Verdict {
    Err(Breach { anomaly, what: what.into() })
}

/// A checker, and the name of what it checks.
pub type Checker = (&'static str, fn(&History) -> Verdict);

/// Checkers, the strongest level first.
pub const CHECKERS: [Checker; 4] = [
    ("linearizable", linearizable::check),
    ("sequential", sequential::check),
    ("causal", causal::check),
    ("eventual", eventual::check),
];

/// Judges a history by every level; the first breach, with the checker's name.
pub fn check(history: &History) -> Result<(), String> {
    CHECKERS.iter().try_for_each(|(name, check)| check(history).map_err(|breach| format!("{name}: {breach}")))
}

impl Operation {
    /// Level and kind, in words.
    fn kind(&self) -> &'static str {
        match (&self.act, self.level) {
            (Act::Hand { .. }, _) => "tokens handed",
            (Act::Read { .. }, Level::Strong) => "strong reads",
            (Act::Read { .. }, Level::Sequential) => "sequential reads",
            (Act::Read { .. }, Level::Causal) => "causal reads",
            (Act::Read { .. }, Level::Eventual) => "eventual reads",
            (Act::Write { .. }, Level::Strong) => "strong writes",
            (Act::Write { .. }, Level::Sequential) => "sequential writes",
            (Act::Write { .. }, Level::Causal) => "causal writes",
            (Act::Write { .. }, Level::Eventual) => "eventual writes",
        }
    }

    /// Whether a change was answered with its verdict.
    fn is_confirmed(&self) -> bool {
        self.ended.is_some() && self.level != Level::Eventual
    }
}

impl History {
    /// Answered operations, by the moment of their answer.
    fn answered(&self) -> Vec<&Operation> {
        let mut answered: Vec<_> = self.operations.iter().filter(|one| one.ended.is_some()).collect();
        answered.sort_by_key(|one| one.ended);
        answered
    }

    /// Operations by the moment of their call.
    fn called(&self) -> Vec<&Operation> {
        let mut called: Vec<_> = self.operations.iter().collect();
        called.sort_by_key(|one| one.begun);
        called
    }

    /// Counts of answered reads and writes, by level.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        let answered = self.operations.iter().filter(|one| one.ended.is_some());
        answered.for_each(|one| *counts.entry(one.kind()).or_default() += 1);
        counts
    }
}
