//! Names of kinds. All of a counter are there from the start on: Prometheus sees no increase where a series begins at 1.

use crate::every::every;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use quorate_ledger::Code;
use quorate_pbft::{Cause, Rejected, ReplicaId, SeqNum};

/// Label that says which kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Kind {
    /// The word.
    pub kind: String,
}

impl Kind {
    /// The kind that is called this.
    pub fn of(name: impl ToString) -> Self {
        Self { kind: name.to_string() }
    }
}

/// Kind of the view changes that others began.
pub const UNASKED: &str = "unasked";
/// Classes of the status of HTTP answers.
pub const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
/// Lets a counter begin at 0 for each of these kinds.
pub fn begin<K: ToString>(counter: &Family<Kind, Counter>, kinds: impl IntoIterator<Item = K>) {
    kinds.into_iter().for_each(|kind| drop(counter.get_or_create(&Kind::of(kind))));
}

/// Codes with which the gate may refuse an envelope: as many as there are.
pub fn codes() -> impl Iterator<Item = Code> {
    (0..=u8::MAX).filter_map(|byte| borsh::from_slice(&[byte]).ok())
}

/// Causes for which this replica asks for another view.
pub fn causes() -> impl Iterator<Item = &'static str> {
    every!(
        Cause: Lane(ReplicaId::new(0)), Slot(SeqNum::default()), Checkpoint, EpochEnd, FirstSlot, Deadline, Time, Slow,
        NewView, Equivocation, Resigned, Others,
    )
    .into_iter()
    .map(Cause::name)
}

/// Names each reason once, for its refusals and for the list of all.
macro_rules! reasons {
    ($($variant:ident: $name:literal),+ $(,)?) => {
        /// Reasons for which the core refuses an input, as [`reason_name`] calls them.
        pub const REASONS: &[&str] = &[$($name),+];

        /// Reason of a refusal for metrics.
        pub fn reason_name(rejected: &Rejected) -> &'static str {
            match rejected { $(Rejected::$variant { .. } => $name),+ }
        }
    };
}

reasons! {
    OtherEpoch: "other-epoch",
    OtherView: "other-view",
    NotPrimary: "not-primary",
    OutsideWindow: "outside-window",
    Equivocation: "equivocation",
    Clock: "clock",
    Bundle: "bundle",
    TooOften: "too-often",
    LaneFull: "lane-full",
    Unknown: "unknown",
    Unfit: "unfit",
    WrongNewView: "wrong-new-view",
    Read: "read",
}
