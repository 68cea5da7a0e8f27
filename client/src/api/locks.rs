//! Locks on paths.

use quorate_ledger::{LockEnd, LockMode, Revision, hexed};
use quorate_pbft::PublicKey;
use serde::{Deserialize, Serialize};

/// An author's request for one path: an item of `GET /v1/domains/{d}/locks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LockEntry {
    /// Domain of the lock.
    pub domain: String,
    /// A file or folder; `.` is the root.
    pub path: String,
    /// Author of the lock.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub author: PublicKey,
    /// The author's organisation.
    pub organisation: String,
    /// `held`, `waiting`, or `converting`: held, and more is asked for.
    pub state: String,
    /// Mode in which it is held; null while it only waits.
    pub mode: Option<LockMode>,
    /// The fencing token; null while it only waits.
    pub token: Option<u64>,
    /// The revision that granted it; null while it only waits.
    pub since: Option<Revision>,
    /// Ledger time at which the lease is over; null while it only waits, and where the decision of a transaction over several groups ends it.
    pub until: Option<u64>,
    /// Mode that it waits for; null once it is granted.
    pub wants: Option<LockMode>,
    /// Place in line, from 1; null where it does not wait.
    pub place: Option<u32>,
    /// Ledger time at which it leaves the line; null where it does not wait.
    pub waits_until: Option<u64>,
    /// Authors that it waits for; the first of at most 64.
    #[serde(with = "keys")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<quorate_ledger::shape::Hex<32>>"))]
    pub waits_for: Vec<PublicKey>,
}

/// A request that is gone without its author's doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LockLeft {
    /// A file or folder; `.` is the root.
    pub path: String,
    /// `waited`, `deadlock` or `lease`.
    pub why: LockEnd,
    /// Ledger time.
    pub at: u64,
}

/// News of a request for a lock: an event of `GET /v1/events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LockNews {
    /// Domain of the lock.
    pub domain: String,
    /// A file or folder; `.` is the root.
    pub path: String,
    /// Author of the request.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub author: PublicKey,
    /// The author's organisation.
    pub organisation: Option<String>,
    /// `granted`, `waiting`, `released`; or gone without its author's doing: `expired` (the lease), `waited` (for as long as
    /// it wanted to) or `deadlock`.
    pub what: String,
    /// The fencing token of a grant.
    pub token: Option<u64>,
    /// The revision that did it; the end of the slot where no envelope did.
    pub revision: Revision,
    /// Ledger time.
    pub time: u64,
}

/// An author's locks in a domain: `GET /v1/domains/{d}/authors/{key}/locks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthorLocks {
    /// Held or waiting, by path.
    pub locks: Vec<LockEntry>,
    /// The last that are gone, oldest first.
    pub left: Vec<LockLeft>,
}

/// Lists of keys in lower-case hex.
mod keys {
    use quorate_ledger::hexed;
    use quorate_pbft::PublicKey;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(keys: &[PublicKey], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(keys.iter().map(ToString::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<PublicKey>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts.iter().map(|text| hexed::parse(text).map_err(D::Error::custom)).collect()
    }
}
