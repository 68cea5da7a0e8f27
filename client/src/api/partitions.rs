//! `GET /v1/partitions`.

use quorate_ledger::EnvelopeId;
use serde::{Deserialize, Serialize};

/// Connections between the members as a replica knows them, what waits there, and what earlier outages have cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Partitions {
    /// Number of the replica that answers.
    pub replica: u16,
    /// Members that it takes to order changes.
    pub quorum: u64,
    /// True if changes can be ordered at this replica now.
    pub can_order: bool,
    /// Beginning of the outage that lasts; null while all members hear each other.
    pub since: Option<u64>,
    /// Members that hear each other, by their first member: one while the group is whole.
    pub components: Vec<Component>,
    /// Members that each member hears, by its own word.
    pub hears: Vec<Hears>,
    /// Envelopes without a verdict at this replica.
    pub waiting: Backlog,
    /// End of the outage that lasts; null while everything is ordered.
    pub estimate: Option<Estimate>,
    /// Reports of outages that are over, the newest first; `recovery_ms` of the first is null while it goes on.
    pub healed: Vec<Healing>,
}

/// Members that hear each other, if need be through others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Component {
    /// Numbers, ascending.
    pub members: Vec<u16>,
    /// True for the component of the replica that answers.
    pub ours: bool,
    /// True if it has a quorum.
    pub can_order: bool,
    /// True if its members are not heard: that they are together is their last word.
    pub assumed: bool,
}

/// Word of a member about whom it hears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hears {
    /// The member.
    pub replica: u16,
    /// Other members that it hears; null if it never said anything.
    pub hears: Option<Vec<u16>>,
    /// Milliseconds since anything was heard from it; 0 for the replica that answers, null if never.
    pub age_ms: Option<u64>,
}

/// Envelopes without a verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Backlog {
    /// All of them.
    pub envelopes: u64,
    /// Those in the durable queue.
    pub queued: u64,
    /// Bytes of all.
    pub bytes: u64,
    /// Milliseconds that the oldest has waited; null if none waits.
    pub oldest_ms: Option<u64>,
    /// Oldest of them; null if none waits.
    #[serde(default)]
    pub oldest: Option<Oldest>,
}

/// Envelope that has waited longest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Oldest {
    /// The envelope.
    pub id: EnvelopeId,
    /// Its domain.
    pub domain: String,
    /// With a gap before it: the number that must come first.
    pub waits_for: Option<u64>,
    /// Reason, as its ticket says it.
    pub why: Option<String>,
}

/// Estimated end of an outage that stopped the replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Estimate {
    /// Milliseconds until changes can be ordered again; null if nothing is known.
    pub left_ms: Option<u64>,
    /// Grounds in words.
    pub rests_on: String,
}

/// Report of an outage: what was paused at this replica, and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Healing {
    /// Beginning, or when the oldest of what was paused came.
    pub began: u64,
    /// End: a quorum was heard again, or all members were.
    pub ended: u64,
    /// True if nothing could be ordered at this replica meanwhile.
    pub stopped: bool,
    /// When that began; null where everything was ordered.
    #[serde(default)]
    pub stopped_at: Option<u64>,
    /// Members that heard each other at the end of it.
    pub components: Vec<Vec<u16>>,
    /// Envelopes without a verdict when it ended, the queued ones included.
    pub paused: u64,
    /// Those of them that have their verdict.
    pub resumed: u64,
    /// Verdicts `applied`.
    pub applied: u64,
    /// Verdicts `merged`.
    pub merged: u64,
    /// Verdicts `conflict`.
    pub conflicted: u64,
    /// Verdicts `refused`.
    pub refused: u64,
    /// Verdicts `pending`: they wait for approvals.
    pub pending: u64,
    /// Paused envelopes that will have no verdict: their number was taken, or the one before never came.
    pub given_up: u64,
    /// Milliseconds from the end until all that was paused had its verdict and nothing was missing; null if another outage
    /// came before.
    pub recovery_ms: Option<u64>,
}
