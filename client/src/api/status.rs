//! `GET /v1/status` and `/v1/health`.

use quorate_ledger::{Genesis, Restart, hexed};
use quorate_pbft::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Status of a node. `state_root` and `lane_hash` are those after exactly `executed_seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Status {
    /// Hash of the genesis.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub group: Digest,
    /// The group's name in the genesis.
    pub name: String,
    /// The own number; null for an observer.
    pub replica: Option<u16>,
    /// The number of the current view's primary; null for an observer.
    pub primary: Option<u16>,
    /// Voter or follower.
    pub role: Role,
    /// Version of the program.
    pub version: String,
    /// The period with the current member list.
    pub epoch: u64,
    /// The current view.
    pub view: u64,
    /// The newest slot that is executed and durable.
    pub executed_seq: u64,
    /// Envelopes that were taken here and have no verdict yet.
    pub pending: u64,
    /// Root of the state.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub state_root: Digest,
    /// Hash of all that was executed, in its order.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub lane_hash: Digest,
    /// The newest certified checkpoint; seq 0 is genesis.
    pub stable_checkpoint: StableCheckpoint,
    /// Whether it can vote, and if not, what it does instead.
    pub mode: Mode,
    /// Empty, or words: `hears 2 of 4, needs 3; silent: 2, 3`.
    pub why: String,
    /// Numbers of the other replicas heard in the last 2 s.
    pub peers: Vec<u16>,
    /// Members that must be heard so that anything can be ordered, this one included; 0 where a node does not say.
    #[serde(default)]
    pub quorum: u64,
    /// Slots that others have executed and this node has not.
    #[serde(default)]
    pub behind: u64,
    /// Catching up with the others; null where the node has executed all that it knows of.
    #[serde(default)]
    pub sync: Option<Sync>,
    /// Milliseconds from ledger time, after what is executed, to the node's own clock; it grows while nothing is
    /// ordered, and is 0 before anything was.
    #[serde(default)]
    pub lag_ms: u64,
    /// Slots that this node decided on the fast path, by the votes of all, since it started.
    #[serde(default)]
    pub fast_commits: u64,
    /// When this node last had executed all that it knew to be committed; null if not since it started.
    pub last_sync: Option<u64>,
    /// Domains that an observer follows alone; left out where it follows all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// Whether an observer checks the signature of every author, as members do.
    #[serde(default)]
    pub checked: bool,
    /// Group from whose last certified state this one goes on; left out of a group that began with nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_from: Option<RestartedFrom>,
    /// The node's opinion of itself.
    pub health: Health,
}

/// Way of a node to what others have executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sync {
    /// Form in which it comes.
    pub kind: SyncKind,
    /// Bytes that are left; null where that is not known.
    pub left_bytes: Option<u64>,
    /// Number of the one member that gives it; null where several are asked.
    pub from: Option<u16>,
}

/// Form in which a node that catches up takes what others have executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SyncKind {
    /// Decided slots with their bundles, which it executes itself.
    Bundles,
    /// Differences of the certified state, as an observer of some domains takes them.
    State,
}

/// Group that lost more than f disks, and the state that another one goes on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RestartedFrom {
    /// Hash of its genesis.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub group: Digest,
    /// Its name.
    pub name: String,
    /// Epoch of the state.
    pub epoch: u64,
    /// Slot of the state: what that group decided above it is not in this one.
    pub seq: u64,
    /// Ledger time of the state.
    pub time: u64,
    /// Root of the state.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub state_root: Digest,
}

impl RestartedFrom {
    /// Restart by which the group of a genesis began, if it did.
    pub fn of(genesis: &Genesis) -> Option<Self> {
        let (Restart { group, epoch, seq, time, state_root, .. }, before) = genesis.restarted()?;
        let (group, epoch, seq, time, state_root) = (*group, *epoch, *seq, *time, *state_root);
        Some(Self { group, name: before.name().to_owned(), epoch, seq, time, state_root })
    }
}

/// A certified checkpoint in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StableCheckpoint {
    /// The slot after which it was made.
    pub seq: u64,
    /// Root of the state after that slot.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub state_root: Digest,
}

/// A node's opinion of itself, also the body of `GET /v1/health`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Health {
    /// From 1 (nothing to say) down to 0; below [`HEALTH_MIN`] somebody should look. The weighted geometric mean of the
    /// parts, so that one part at 0 makes it 0.
    pub score: f64,
    /// Its parts.
    #[serde(default)]
    pub parts: Vec<HealthPart>,
    /// Issues in words; `GET /v1/issues` has them with evidence and advice.
    pub reasons: Vec<String>,
    /// Actions that the node has taken against it by itself since its start, the newest first.
    #[serde(default)]
    pub actions: Vec<HealthAction>,
}

/// Action of a node against what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HealthAction {
    /// `ask`, `transfer`, `redial`, `recall`, `queue`, `refuse`, `suspend` or `propose`.
    pub name: String,
    /// The action in words.
    pub what: String,
    /// How often it began.
    pub count: u64,
    /// When it was last seen at it, in milliseconds since 1970.
    pub last: u64,
    /// Whether it was at the last look.
    pub lasts: bool,
}

/// Score below which a node calls for somebody.
pub const HEALTH_MIN: f64 = 0.7;

/// Part of a node's health.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HealthPart {
    /// `sync_lag`, `partition_status`, `conflict_rate`, `consensus_time` or `node_health`.
    pub name: String,
    /// From 1 down to 0.
    pub score: f64,
    /// Share in the whole; the weights add up to 1.
    pub weight: f64,
}

/// Trouble: an item of `GET /v1/issues`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Issue {
    /// Stable name, as in `no-quorum`.
    pub id: String,
    /// `critical`, `warning` or `notice`.
    pub severity: String,
    /// When it began.
    pub since: u64,
    /// The issue in a sentence.
    pub what: String,
    /// Measured facts.
    pub evidence: String,
    /// Next step.
    pub advice: String,
    /// Page of the documentation that helps.
    pub runbook: String,
}

/// Role of a node in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A voter.
    Replica,
    /// A follower that verifies and serves but never votes.
    Observer,
}

/// Whether a node can vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The node votes.
    Active,
    /// A request has waited 3 s, and fewer than q members are heard.
    ReadOnly,
    /// A restarted node that does not yet know what it may have promised (E7).
    Recovering,
    /// An observer, or a disk that is older than its promises.
    Following,
    /// Its state is not the one that a quorum certified (C3).
    Diverged,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::ReadOnly => "read-only",
            Self::Recovering => "recovering",
            Self::Following => "following",
            Self::Diverged => "diverged",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_written_as_the_contract_names_them() {
        let names = ["active", "read-only", "recovering", "following", "diverged"];
        let modes = [Mode::Active, Mode::ReadOnly, Mode::Recovering, Mode::Following, Mode::Diverged];
        for (mode, name) in modes.iter().zip(names) {
            assert_eq!(serde_json::to_value(mode).expect("a mode is a string"), name);
            assert_eq!(mode.to_string(), name);
        }
    }

    #[test]
    fn digests_are_lower_case_hex_both_ways() {
        let checkpoint = StableCheckpoint { seq: 7, state_root: Digest([0xab; 32]) };
        let json = serde_json::to_string(&checkpoint).expect("plain data");
        assert_eq!(json, format!(r#"{{"seq":7,"state_root":"{}"}}"#, "ab".repeat(32)));
        assert_eq!(serde_json::from_str::<StableCheckpoint>(&json).expect("what was written"), checkpoint);
        assert!(serde_json::from_str::<StableCheckpoint>(&json.replace('b', "B")).is_err());
    }
}
