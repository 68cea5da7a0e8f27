//! Shapes that many answers share: pages, problems, tickets.

use quorate_ledger::{ConflictId, EnvelopeId, Receipt, State};
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use serde::{Deserialize, Serialize};

/// Page of a list. The next one is asked for with `?from=` and the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "{T}Page"))]
pub struct Page<T> {
    /// The entries, in the list's order.
    pub items: Vec<T>,
    /// Cursor of the next page; null at the end.
    pub next: Option<String>,
}

/// Code of a problem with history that a node does not keep.
pub const HISTORY_PRUNED: &str = "history-pruned";

/// Code of a problem with a domain that not everyone may read, at a node that guards reads.
pub const CLOSED_DOMAIN: &str = "closed-domain";

/// Verdict that a node does not keep, of an envelope that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Forgotten {
    /// Receipt of this envelope: the envelope had its verdict.
    Receipt,
    /// Envelope that used the number: this one or another.
    Number,
}

/// An error's body: `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[error("{code}: {detail}")]
pub struct Problem {
    /// The HTTP status again, for a reader who only has the body.
    pub status: u16,
    /// The validation stage that refused; null where it is none of them.
    pub stage: Option<String>,
    /// A stable name, e.g. `sequence-taken`.
    pub code: String,
    /// Description for people.
    pub detail: String,
    /// With `no-quorum` and a node that is not ready: the words of the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// With a node that is not ready: its mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<super::Mode>,
    /// With `history-pruned`: numbers of other members, who may keep it; left out where a node does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<u16>>,
    /// With `history-pruned` about an envelope that came again: whether its receipt is forgotten, or which envelope used its
    /// number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgotten: Option<Forgotten>,
    /// With `sequence-taken` and `overlap`: the first number of this author and domain that is free here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_seq: Option<u64>,
    /// With `missing-path`: the open conflict of the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<ConflictId>,
}

impl Problem {
    /// A problem that no validation stage found.
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        let (stage, why, mode, members, forgotten, next_seq, conflict) = Default::default();
        let (code, detail) = (code.into(), detail.into());
        Self { status, stage, code, detail, why, mode, members, forgotten, next_seq, conflict }
    }

    /// A refusal by the admission gate: stage and code of the table of stages.
    pub fn refused(status: u16, stage: &str, code: &str, detail: impl Into<String>) -> Self {
        Self { stage: Some(stage.into()), ..Self::new(status, code, detail) }
    }

    /// Whether the node does not keep the history that the answer would come from. Another node may.
    pub fn is_of_pruned_history(&self) -> bool {
        self.status == 410 && self.code == HISTORY_PRUNED
    }

    /// Whether the node knows nothing of what was asked for, and has forgotten nothing: where history is pruned, other members are
    /// named.
    pub fn is_unknown(&self) -> bool {
        self.status == 404 && self.members.is_none()
    }

    /// Whether it leaves open what became of an envelope: another node may have taken it, or know its verdict.
    pub fn settles_nothing(&self) -> bool {
        self.is_of_size_here() || self.is_of_pruned_history()
    }

    /// Whether the node takes no envelope of this size, as an observer does that would have to hand it on. Another node may have
    /// taken it before.
    pub fn is_of_size_here(&self) -> bool {
        self.status == 413 && self.code == "too-large" && self.stage.is_none()
    }
}

/// The promise to try: the body of 202 for an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ticket {
    /// Receipt so far: state `waiting`, `queued` or `expired`, no revision, no lane.
    #[serde(flatten)]
    pub receipt: Receipt,
    /// With a gap before it: the number that must come first.
    pub waits_for: Option<u64>,
    /// While the node cannot have anything ordered, the words of its status; else the input that the envelope lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Ticket {
    /// Reason in words why the envelope waits.
    pub fn words(&self) -> String {
        if self.receipt.state == State::Expired {
            return "its wait for an earlier number of the author took too long, and is over; sent again, it waits anew"
                .into();
        }
        match (self.waits_for, &self.why) {
            (Some(number), _) => format!("it waits for the author's number {number}"),
            (None, Some(why)) => format!("it was taken and waits: {why}"),
            (None, None) => "it was taken and has no verdict yet".into(),
        }
    }
}

/// An envelope without a verdict, in short, as an author's `pending` lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pending {
    /// The envelope.
    pub id: EnvelopeId,
    /// Its first number.
    pub from_seq: u64,
    /// Its last number.
    pub to_seq: u64,
    /// Its attempt for the first number.
    pub attempt: u64,
    /// Whether it lacks something else than a number: another one under its first number with a higher attempt takes its
    /// place. Else left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parked: bool,
}

/// Value whose name in JSON this is.
pub fn named<T: DeserializeOwned>(name: &str) -> Option<T> {
    let name: StrDeserializer<'_, Error> = name.into_deserializer();
    T::deserialize(name).ok()
}
