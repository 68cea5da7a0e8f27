//! Domains, their files, conflicts and authors.

use super::{Pending, hexed};
use quorate_pbft::{Digest, PublicKey};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A domain: an item of `GET /v1/domains`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// Root of its tree.
    #[serde(with = "hexed")]
    pub root: Digest,
    /// The newest revision that changed it; `0` if none did.
    pub revision: String,
}

/// What stands at a path: an item of `GET /v1/domains/{d}/tree`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeEntry {
    /// Full path in the domain.
    pub path: String,
    /// File, executable or link.
    pub mode: EntryMode,
    /// SHA-256 of the content (of a link's target).
    #[serde(with = "hexed")]
    pub hash: Digest,
    /// Bytes of the content.
    pub size: u64,
    /// The revision that made it so.
    pub revision: String,
    /// The open conflict at this path, if there is one.
    #[serde(with = "hexed::option")]
    pub conflict: Option<Digest>,
}

/// The nature of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryMode {
    /// An ordinary file.
    File,
    /// A file with the executable bit.
    Exec,
    /// A symbolic link; its content is the target.
    Link,
}

/// Not `file`, `exec` or `link`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no mode: file, exec or link")]
pub struct UnknownMode(String);

impl fmt::Display for EntryMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::File => "file",
            Self::Exec => "exec",
            Self::Link => "link",
        })
    }
}

impl FromStr for EntryMode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text {
            "file" => Ok(Self::File),
            "exec" => Ok(Self::Exec),
            "link" => Ok(Self::Link),
            other => Err(UnknownMode(other.into())),
        }
    }
}

/// Two or more sides that could not be made one: an item of `GET /v1/conflicts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictEntry {
    /// Names the conflict.
    #[serde(with = "hexed")]
    pub id: Digest,
    /// Where it is.
    pub domain: String,
    /// Where it is.
    pub path: String,
    /// `value`, `structural` or `semantic`.
    pub class: String,
    /// The revision that made it.
    pub since: String,
    /// What stands against each other, in the agreed order.
    pub sides: Vec<ConflictSide>,
    /// `open` or `settled`.
    pub state: String,
}

/// One side of a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictSide {
    /// Who wants it so.
    #[serde(with = "hexed")]
    pub author: PublicKey,
    /// The revision of that side's change.
    pub revision: String,
    /// SHA-256 of the content that it wants; null where it wants the path gone.
    #[serde(with = "hexed::option")]
    pub hash: Option<Digest>,
}

/// An author in a domain: `GET /v1/domains/{d}/authors/{key}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorInfo {
    /// The author.
    #[serde(with = "hexed")]
    pub key: PublicKey,
    /// The number of its next envelope, as executed.
    pub next_seq: u64,
    /// The highest attempt that had a verdict for `next_seq`; 0 if none had.
    pub attempt: u64,
    /// Its envelopes that this node holds without a verdict, by number.
    pub pending: Vec<Pending>,
    /// `good`, or what is held against it.
    pub standing: String,
    /// Numbers that this author used twice.
    pub repeated: Vec<u64>,
    /// The revision of this answer: the newest that the node has executed. A change made now is based on it.
    pub revision: String,
}
