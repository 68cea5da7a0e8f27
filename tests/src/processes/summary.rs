//! Summary of a run, for people and for scripts.

use super::faults::Fault;
use super::history::{Action, History, Written};
use super::switch::Packets;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Fault, and how long clients felt it.
#[derive(Debug, Clone, Serialize)]
pub struct Episode {
    /// Fault that was played.
    pub fault: Fault,
    /// To whom; null if not to one replica.
    pub victim: Option<usize>,
    /// The view of most replicas when it began.
    pub view_before: u64,
    /// Their view when nobody felt it any more.
    pub view_after: u64,
    /// From its beginning until a write that was called later was confirmed; null if the fault left no quorum.
    pub resumed_ms: Option<u64>,
    /// From its end until every replica had caught up, could vote and had confirmed a write called later.
    pub recovered_ms: Option<u64>,
    /// Notes on the way.
    pub notes: Vec<String>,
}

impl Episode {
    /// A fault that begins.
    pub fn new(fault: Fault, victim: Option<usize>, view: u64) -> Self {
        let (view_before, view_after) = (view, view);
        Self { fault, victim, view_before, view_after, resumed_ms: None, recovered_ms: None, notes: Vec::new() }
    }
}

/// Counts of the clients' operations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Operations {
    /// Strong reads that were answered.
    pub reads: u64,
    /// Writes that took effect.
    pub applied: u64,
    /// Writes that came into conflict, because somebody else was first.
    pub disputed: u64,
    /// Writes without a verdict at the end.
    pub unknown: u64,
    /// Writes that were refused, by code.
    pub refused: BTreeMap<String, u64>,
}

impl Operations {
    /// Counts a history.
    pub fn of(history: &History, refused: BTreeMap<String, u64>) -> Self {
        let mut counts = Self { refused, ..Self::default() };
        for operation in history.registers().values().flatten() {
            *match operation.action {
                Action::Read(_) => &mut counts.reads,
                Action::Write { outcome: Written::Applied, .. } => &mut counts.applied,
                Action::Write { outcome: Written::Disputed, .. } => &mut counts.disputed,
                Action::Write { outcome: Written::Unknown, .. } => &mut counts.unknown,
            } += 1;
        }
        counts
    }
}

/// Summary of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Seed of the dice.
    pub seed: u64,
    /// Faults, in their order.
    pub episodes: Vec<Episode>,
    /// Operations of the clients.
    pub operations: Operations,
    /// Registers whose history has one order that explains it.
    pub linearizable: usize,
    /// Changes that were confirmed and stand where they did, at every replica.
    pub confirmed: usize,
    /// The slot at which all replicas stand.
    pub executed_seq: Option<u64>,
    /// Their one state there.
    pub state_root: Option<String>,
    /// The view at the end.
    pub view: Option<u64>,
    /// Accusations of replicas, which are all honest.
    pub accusations: usize,
    /// Packets in the switch.
    pub packets: Packets,
    /// Skipped parts: the whole run is one, each kind of fault is one.
    pub skipped: usize,
    /// Why not.
    pub skip_reasons: Vec<String>,
    /// Failures found.
    pub failures: Vec<String>,
    /// By the clock.
    pub seconds: f64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Episode { fault, victim, view_before, view_after, resumed_ms, recovered_ms, notes } in &self.episodes {
            let victim = victim.map_or_else(|| "all".to_owned(), |victim| victim.to_string());
            let (resumed, recovered) = (time(resumed_ms), time(recovered_ms));
            write!(f, "{fault:<20} {victim:>3}: writes again after {resumed}, all back after {recovered}, ")?;
            writeln!(f, "views {view_before} to {view_after}")?;
            notes.iter().filter(|note| !note.is_empty()).try_for_each(|note| writeln!(f, "    {note}"))?;
        }
        let Operations { reads, applied, disputed, unknown, refused } = &self.operations;
        writeln!(
            f,
            "{reads} reads, {applied} writes applied, {disputed} disputed, {unknown} unknown, refused {refused:?}"
        )?;
        writeln!(f, "{} registers linearizable, {} changes confirmed and kept", self.linearizable, self.confirmed)?;
        let Packets { delivered, lost, cut } = self.packets;
        writeln!(f, "{delivered} packets delivered, {lost} lost, {cut} cut")?;
        if let (Some(seq), Some(root), Some(view)) = (self.executed_seq, &self.state_root, self.view) {
            writeln!(f, "all replicas at slot {seq} in view {view} with state {root}")?;
        }
        self.skip_reasons.iter().try_for_each(|why| writeln!(f, "SKIPPED {why}"))?;
        self.failures.iter().try_for_each(|what| writeln!(f, "FAILED {what}"))?;
        let (failures, seconds) = (self.failures.len(), self.seconds);
        write!(f, "{} accusations, {failures} failures, {} skipped, {seconds:.0} s", self.accusations, self.skipped)
    }
}

fn time(ms: &Option<u64>) -> String {
    ms.map_or_else(|| "     -".to_owned(), |ms| format!("{ms:>6} ms"))
}
