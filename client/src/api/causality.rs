//! Causal order of changes (A4).

use quorate_ledger::EnvelopeId;
use serde::{Deserialize, Serialize};

/// Causal relation of two changes: `GET /v1/domains/{d}/causality`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Causality {
    /// The first change's envelope.
    pub first: EnvelopeId,
    /// The second change's envelope.
    pub second: EnvelopeId,
    /// The first to the second: `before`, `after`, `concurrent`, or `same` where they are one envelope.
    pub order: String,
    /// Why, for people.
    pub why: String,
}
