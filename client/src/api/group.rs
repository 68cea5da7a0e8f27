//! Members, peers, checkpoints and evidence.

use super::{Conduct, Standing};
use quorate_ledger::{Revision, RulesRange, hexed};
use quorate_pbft::{Digest, PublicKey};
use serde::{Deserialize, Serialize};

/// A voter: an item of `GET /v1/members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Member {
    /// Its place in the member list.
    pub replica: u16,
    /// Its key.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub key: PublicKey,
    /// Its libp2p name, derived from the key.
    pub peer_id: String,
    /// Organisation that runs the replica.
    pub organisation: String,
    /// Standing of the organisation.
    pub standing: Standing,
    /// Its program; null while the member is not heard.
    pub program: Option<MemberProgram>,
}

/// Program of a member, as its status tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemberProgram {
    /// Its version.
    pub version: String,
    /// Rules by which it can execute.
    pub rules: RulesRange,
    /// Version of its messages to other members.
    pub wire: u16,
}

/// Limits that the genesis sets to a change: the answer of `GET /v1/limits`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupLimits {
    /// Bytes of one file.
    pub file_bytes_max: u64,
    /// Bytes of one envelope, contents included.
    pub envelope_bytes_max: u64,
    /// Changes of one envelope.
    pub changes_max: u32,
    /// Operations of one envelope, over all its changes.
    pub operations_max: u32,
    /// Milliseconds of ledger time that a base may be old; null where a node does not say.
    #[serde(default)]
    pub base_horizon_ms: Option<u64>,
}

/// Period of one member list: an item of `GET /v1/epochs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EpochEntry {
    /// Its number, from 0.
    pub epoch: u64,
    /// The last slot of the epoch before; 0 for the first epoch.
    pub after: u64,
    /// Its last slot; null while that is open.
    pub until: Option<u64>,
    /// Rules by which its slots are executed.
    pub rules: u32,
    /// The voters, in the order of their numbers.
    pub members: Vec<EpochMember>,
}

/// Voter of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EpochMember {
    /// Its place in the member list.
    pub replica: u16,
    /// Its key.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub key: PublicKey,
    /// Organisation that runs the replica.
    pub organisation: String,
}

/// Author enrolled in the group: an item of `GET /v1/identities`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Identity {
    /// The author's key.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub key: PublicKey,
    /// Organisation that enrolled the author.
    pub organisation: String,
    /// Standing of the author.
    pub standing: Standing,
}

/// Enrolled observer: an item of `GET /v1/observers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EnrolledObserver {
    /// Key of the node.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub key: PublicKey,
    /// Organisation that runs it.
    pub organisation: String,
    /// Domains that it follows; empty: all.
    pub domains: Vec<String>,
    /// The revision that enrolled it, or changed its enrolment.
    pub since: Revision,
    /// Ledger time at which the enrolment ends, milliseconds since the Unix epoch.
    pub until: u64,
    /// Whether that time has come.
    pub is_over: bool,
}

/// Another member as this node hears it: an item of `GET /v1/peers`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Peer {
    /// Its place in the member list; null for an observer, and for a key that has left or whose place another one has still.
    pub replica: Option<u16>,
    /// Its libp2p name; empty for an address that has shown no key.
    pub peer_id: String,
    /// Address at which it is connected or looked for; null if unknown.
    pub address: Option<String>,
    /// Origin of the address: `config`, `record`, `mdns`, `relay`, or `copy`, if it lied to a copy of this node; null if unknown.
    pub source: Option<String>,
    /// Milliseconds since the address was told; null if it was not told by others.
    pub told_ms: Option<u64>,
    /// Whether a connection stands.
    pub connected: bool,
    /// Milliseconds since its last valid message; null if there was none.
    pub heard_ms: Option<u64>,
    /// The newest slot that it says it executed.
    pub executed_seq: Option<u64>,
    /// The view that it says it is in.
    pub view: Option<u64>,
    /// Its lie to a copy of this node, in words; null if it told none.
    #[serde(default)]
    pub lie: Option<String>,
    /// Its conduct, as this node has met it.
    #[serde(default)]
    pub conduct: Conduct,
}

/// A certified checkpoint: an item of `GET /v1/checkpoints`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckpointEntry {
    /// Epoch of the signers.
    pub epoch: u64,
    /// The slot after which it was made.
    pub seq: u64,
    /// Root of the state after that slot.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub state_root: Digest,
    /// Hash of all that was executed up to it.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub lane_hash: Digest,
    /// Replicas that signed the evidence, ascending.
    pub signers: Vec<u16>,
}

/// State that a node can give whole: an item of `GET /v1/snapshots`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SnapshotEntry {
    /// Epoch of the members that signed it.
    pub epoch: u64,
    /// The slot after which it stood.
    pub seq: u64,
    /// Ledger time after that slot.
    pub time: u64,
    /// Root of the state.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub state_root: Digest,
    /// Entries under the root, without those of history.
    pub entries: u64,
}

/// Proof of a replica's fault: an item of `GET /v1/evidence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EvidenceEntry {
    /// Names the proof; `GET /v1/evidence/{id}` answers with its file.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub id: Digest,
    /// The offender's number.
    pub signer: u16,
    /// The offender's key.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub key: PublicKey,
    /// `bundle`, `ack`, `invalid-bundle`, `proposal`, `checkpoint`, `view-change`, `new-view`, `omission`,
    /// `invalid-view-change` or `invalid-new-view`.
    pub kind: String,
    /// Epoch in which the offender has that number.
    pub epoch: u64,
    /// View of the offence, or the lane of an acknowledgement.
    pub view: u64,
    /// Slot of the offence, or the position in a lane.
    pub seq: u64,
    /// The slot in which it was recorded.
    pub recorded_at: u64,
}

/// The voters of the epoch, and the next ones: `GET /v1/members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Members {
    /// The voters, by number.
    pub items: Vec<Member>,
    /// Always null: all are in one page.
    pub next: Option<String>,
    /// The epoch in which they vote.
    pub epoch: u64,
    /// Rules by which its slots are executed.
    pub rules: u32,
    /// The next epoch, while a reconfiguration is pending; null otherwise.
    pub pending: Option<PendingEpoch>,
}

/// Epoch that is named and has not begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PendingEpoch {
    /// Its number.
    pub epoch: u64,
    /// The last slot before it.
    pub after: u64,
    /// Its voters, by number.
    pub members: Vec<EpochMember>,
    /// Rules by which its slots will be executed.
    pub rules: u32,
}

/// Plan of a reconfiguration: `POST /v1/members/plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemberPlan {
    /// Count of members.
    pub n: Step,
    /// Count of members that may fail or lie.
    pub f: Step,
    /// Count of members that decide.
    pub q: Step,
    /// Members that must be up once the next epoch has begun; null where the change makes no member list.
    pub must_be_up: Option<MustBeUp>,
    /// Why it could not take effect now; null if it could.
    pub refused: Option<String>,
    /// Members that are not known to execute by the rules that the change names, by number.
    pub unready_for_rules: Vec<u16>,
}

/// Number before and after a reconfiguration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Step {
    /// Now.
    pub before: usize,
    /// In the next epoch; null where there would be none.
    pub after: Option<usize>,
}

/// Members of whom so many must be up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MustBeUp {
    /// So many.
    pub count: usize,
    /// Of these, by number.
    #[serde(with = "hexed::list")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<quorate_ledger::shape::Hex<32>>"))]
    pub of: Vec<PublicKey>,
}
