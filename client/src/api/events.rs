//! `GET /v1/events`: what happens, as it happens.

use super::{ConflictNews, EvidenceEntry, Healing, LockNews};
use quorate_ledger::Receipt;
use serde::{Deserialize, Serialize};

/// Event of the stream; its position is the `id` of the server-sent event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// A verdict on an envelope.
    Receipt(Receipt),
    /// A replica was proved to be at fault.
    Evidence(EvidenceEntry),
    /// News of a conflict: opened, joined, voted on, settled …
    Conflict(ConflictNews),
    /// News of a request for a lock: granted, waiting, released, over …
    Lock(LockNews),
    /// An outage is over, as this replica saw it. It has no position and is told once, to those who listen.
    Healed(Healing),
}
