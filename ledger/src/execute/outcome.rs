//! Outcome of executing a slot.

use crate::format::receipt::Receipt;
use crate::state::abort::Deferred;
use crate::vocabulary::event::Event;
use core::time::Duration;
use quorate_pbft::{Digest, EvidenceKey, PublicKey, Time};
use std::collections::BTreeMap;

/// The outcome of one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Root of the state after it.
    pub state_root: Digest,
    /// Evidence in it that is recorded, there or in an earlier slot (E5).
    pub recorded: Vec<EvidenceKey>,
    /// The earliest deadline in ledger time that something waits for (T3).
    pub deadline: Option<Time>,
    /// Receipts, one for each verdict, in execution order.
    pub receipts: Vec<Receipt>,
    /// Envelopes without a verdict, in execution order (A2).
    pub deferred: Vec<Deferred>,
    /// Events for observers beside the receipts.
    pub events: Vec<Event>,
    /// Author and domain of each number that a transaction used in another domain than its receipt's.
    pub moved: Vec<(PublicKey, String)>,
    /// Time that the work beyond the operations takes at the worst, by what each author's envelopes used of their budgets: those
    /// that were refused, too, and those that waited.
    pub work: BTreeMap<PublicKey, Duration>,
}
