//! Conflicts: what stands against each other, what is proposed, who decides, and what happened.

use super::maybe_hex;
use quorate_ledger::policy::Step;
use quorate_ledger::{ConflictId, Ending, EnvelopeId, Mode, Principal, Revision, Rung, hexed};
use quorate_pbft::{Digest, PublicKey};
use serde::{Deserialize, Serialize};

/// Two or more sides that could not be made one: an item of `GET /v1/conflicts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConflictEntry {
    /// Names the conflict.
    pub id: ConflictId,
    /// Domain of the path.
    pub domain: String,
    /// Path in conflict.
    pub path: String,
    /// `value`, `structural` or `semantic`.
    pub class: String,
    /// The revision that made it.
    pub since: Revision,
    /// Ledger time of that revision.
    pub opened: u64,
    /// Why no rung of the merge ladder answered.
    pub reason: String,
    /// The last rung that tried.
    pub rung: Rung,
    /// The check that refused a merge which was otherwise clean.
    pub check: Option<String>,
    /// Common base of the first two sides; null where there was no file.
    pub base: Option<ConflictFile>,
    /// Contradicting versions, in the agreed order; the first of at most 256.
    pub sides: Vec<ConflictSide>,
    /// Resolutions that people and the replicas' analysers propose beside the sides.
    pub proposals: Vec<ConflictProposal>,
    /// Authority that decides, and its deadline; null once the conflict is settled.
    pub decider: Option<ConflictDecider>,
    /// Votes of the organisations; of each its last.
    pub votes: Vec<ConflictVote>,
    /// Ledger time at which a lock that keeps the decided end from taking effect is over; null where none does, or where the decision of a
    /// transaction over several groups ends it.
    #[serde(default)]
    pub waits_until: Option<u64>,
    /// `open` or `settled`.
    pub state: String,
    /// Outcome; null while the conflict is open.
    pub settled: Option<ConflictEnd>,
}

/// A conflict with all that happened to it: `GET /v1/conflicts/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConflictStory {
    /// The conflict.
    #[serde(flatten)]
    pub conflict: ConflictEntry,
    /// Log of the conflict, in the agreed order.
    pub story: Vec<ConflictHappening>,
}

/// A content that somebody wants at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConflictFile {
    /// File, executable or link.
    pub mode: Mode,
    /// SHA-256 of the content.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub hash: Digest,
    /// Bytes of the content.
    pub size: u64,
}

/// Side of a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConflictSide {
    /// Its number, from 1: what `quorate conflicts vote` takes.
    pub number: u32,
    /// Author of the change.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub author: PublicKey,
    /// The author's organisation.
    pub organisation: Option<String>,
    /// The revision of that side's change.
    pub revision: Revision,
    /// SHA-256 of the content that it wants; null where it wants the path gone.
    #[serde(with = "maybe_hex")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<quorate_ledger::shape::Hex<32>>"))]
    pub hash: Option<Digest>,
    /// File, executable or link; null where it wants the path gone.
    pub mode: Option<Mode>,
    /// Bytes of the content.
    pub size: Option<u64>,
    /// Path that the author gave it: another than the conflict's where renames, or a file and a folder, collide.
    pub path: String,
    /// The envelope that brought it, while its log is kept.
    pub envelope: Option<EnvelopeId>,
    /// Message of the author's envelope.
    pub message: Option<String>,
    /// Ledger time of that change.
    pub time: Option<u64>,
    /// Analysers, and people beside its author, who propose that it stand.
    pub supporters: Vec<Speaker>,
}

/// Proposed resolution of a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConflictProposal {
    /// Its number among the sides, from 1: what `quorate conflicts vote` takes.
    pub number: u32,
    /// The revision that brought it.
    pub revision: Revision,
    /// SHA-256 of the content; null for nothing at the path.
    #[serde(with = "maybe_hex")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<quorate_ledger::shape::Hex<32>>"))]
    pub hash: Option<Digest>,
    /// File, executable or link.
    pub mode: Option<Mode>,
    /// Bytes of the content.
    pub size: Option<u64>,
    /// Why, in the words of whoever came first.
    pub reason: String,
    /// Authors and analysers who propose it.
    pub supporters: Vec<Speaker>,
}

/// Speaker in a conflict: an author, or a replica's analyser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "speaker", rename_all = "kebab-case")]
pub enum Speaker {
    /// Signer of an envelope.
    Author {
        /// The key.
        #[serde(with = "hexed")]
        #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
        author: PublicKey,
        /// Organisation that enrolled the author.
        organisation: Option<String>,
    },
    /// A replica's analyser.
    Replica {
        /// The replica's number.
        replica: u16,
    },
    /// A deadline in ledger time.
    Deadline,
}

/// Authority that may end a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConflictDecider {
    /// The arbiter, and nobody else; null: any writer who has seen all sides, and the organisations by their votes.
    pub arbiter: Option<Principal>,
    /// Organisations that must vote for one side; null where an arbiter decides.
    pub needed: Option<u32>,
    /// Organisations of which `needed` must vote.
    pub organisations: u32,
    /// Ledger time, in milliseconds, until which; null: for good.
    pub deadline: Option<u64>,
    /// Steps of the path's policy that follow.
    pub then: Vec<Step>,
}

/// An organisation's vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConflictVote {
    /// Organisation that voted.
    pub organisation: String,
    /// For which side or proposal.
    pub number: u32,
}

/// Outcome of a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConflictEnd {
    /// The revision that ended it.
    pub revision: Revision,
    /// Ledger time of that revision.
    pub time: u64,
    /// Author of the content that stands.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub author: PublicKey,
    /// Organisation of the author.
    pub organisation: Option<String>,
    /// `change`, `vote`, `last-writer` or `first-stands`.
    pub how: Ending,
    /// The side or proposal that stands, by its number; null where somebody wrote something of their own.
    pub number: Option<u32>,
    /// SHA-256 of what stands there since; null for nothing.
    #[serde(with = "maybe_hex")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<quorate_ledger::shape::Hex<32>>"))]
    pub hash: Option<Digest>,
    /// Its receipt: the envelope that ended it, or the conflict's own id where no envelope did.
    pub receipt: EnvelopeId,
}

/// Entry of a conflict's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConflictHappening {
    /// Position in the order.
    pub revision: Revision,
    /// Ledger time.
    pub time: u64,
    /// Speaker whose act it is.
    pub by: Speaker,
    /// Act, with its details.
    #[serde(flatten)]
    pub what: ConflictDeed,
}

/// Act in a conflict. Sides and proposals are named by their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum ConflictDeed {
    /// Two sides met.
    Opened,
    /// Side of an author who had not seen the conflict.
    Joined {
        /// Its number.
        number: u32,
    },
    /// Resolution put forward, or supported once more.
    Proposed {
        /// Its number.
        number: u32,
        /// Why.
        reason: String,
    },
    /// An organisation voted.
    Voted {
        /// Organisation that voted.
        organisation: String,
        /// For which side or proposal.
        number: u32,
    },
    /// A deadline passed; somebody else decides now.
    Passed {
        /// The arbiter; null: writers and votes.
        arbiter: Option<Principal>,
        /// Until when; null: for good.
        deadline: Option<u64>,
    },
    /// Conflict settled.
    Settled {
        /// By what.
        how: Ending,
        /// Which side or proposal stands; null for something new.
        number: Option<u32>,
    },
    /// Decision reached; a lock holds it up.
    HeldUp {
        /// Ledger time at which the lease is over; null where it is promised to a transaction over several groups, up to its decision.
        until: Option<u64>,
        /// The path that is locked.
        locked: String,
    },
}

/// News of a conflict: an event of `GET /v1/events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConflictNews {
    /// The conflict.
    pub conflict: ConflictId,
    /// Domain of the path.
    pub domain: String,
    /// Path in conflict.
    pub path: String,
    /// Entry of the conflict's log.
    #[serde(flatten)]
    pub happening: ConflictHappening,
}
