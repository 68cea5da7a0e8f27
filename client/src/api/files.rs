//! Domains, their files and authors.

use super::{Pending, Standing};
use quorate_ledger::policy::Rate;
use quorate_ledger::{ConflictId, EnvelopeId, Mode, PathChange, Revision, hexed};
use quorate_pbft::{Digest, PublicKey};
use serde::{Deserialize, Serialize};

/// A domain: an item of `GET /v1/domains`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// Root of its tree.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub root: Digest,
    /// The newest revision that changed it; `0` if none did.
    pub revision: Revision,
}

/// File or link at a path: an item of `GET /v1/domains/{d}/tree`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TreeEntry {
    /// Full path in the domain.
    pub path: String,
    /// File, executable or link.
    pub mode: Mode,
    /// SHA-256 of the content (of a link's target).
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub hash: Digest,
    /// Bytes of the content.
    pub size: u64,
    /// The revision that made it so.
    pub revision: Revision,
    /// The open conflict at this path, if there is one.
    pub conflict: Option<ConflictId>,
}

/// Page of the log of a domain: `GET /v1/domains/{d}/log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogPage {
    /// The entries, newest first.
    pub items: Vec<LogEntry>,
    /// Cursor of the next page; null at the end.
    pub next: Option<String>,
    /// The oldest slot of which the node tells, at the end of a log whose older entries it has forgotten; else left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<u64>,
    /// Whether entries are left out here, whose receipts a repair of the node has dropped; else left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gaps: bool,
}

/// Path that was changed: an item of `GET /v1/domains/{d}/changes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangedPath {
    /// Full path in the domain.
    pub path: String,
    /// The revision that changed it last.
    pub revision: Revision,
    /// The envelope, or the conflict that was settled there without one.
    pub id: EnvelopeId,
    /// File that is there now; null where nothing is.
    pub file: Option<ChangedFile>,
}

/// File at a path that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangedFile {
    /// File, executable or link.
    pub mode: Mode,
    /// SHA-256 of the content (of a link's target).
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub hash: Digest,
    /// Bytes of the content.
    pub size: u64,
}

/// An accepted envelope: an item of `GET /v1/domains/{d}/log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogEntry {
    /// The envelope.
    pub id: EnvelopeId,
    /// The revision that it made.
    pub revision: Revision,
    /// Author of the change.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub author: PublicKey,
    /// Message of the author.
    pub message: String,
    /// Ledger time.
    pub time: u64,
    /// Effects on paths, as in the receipt.
    pub changes: Vec<PathChange>,
}

/// An author in a domain: `GET /v1/domains/{d}/authors/{key}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthorInfo {
    /// The group of the answering node: what its authors' signatures are for.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub group: Digest,
    /// The author.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub key: PublicKey,
    /// The number of its next envelope, as executed.
    pub next_seq: u64,
    /// The highest attempt that had a verdict for `next_seq`; 0 if none had.
    pub attempt: u64,
    /// Its envelopes that this node holds without a verdict, by number.
    pub pending: Vec<Pending>,
    /// Standing of the author.
    pub standing: Standing,
    /// The figure by deeds in this domain alone: what its rates may go by.
    #[serde(default)]
    pub figure_here: u32,
    /// Rate at which the domain takes the author's changes now; null: as fast as they come.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// Numbers that this author used twice.
    pub repeated: Vec<u64>,
    /// The revision of this answer: the newest that the node has executed. A change made now is based on it.
    pub revision: Revision,
}
