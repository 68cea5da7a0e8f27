//! Conduct of peers.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Conduct of a peer: garbage that it sent, and what followed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Conduct {
    /// Treatment of the peer.
    pub state: ConductState,
    /// The most frequent offence when that began; null if it is normal.
    pub reason: Option<String>,
    /// Milliseconds since 1970 at which it began; null if it is normal.
    pub since: Option<u64>,
    /// When it ends by itself; null if it is normal.
    pub until: Option<u64>,
    /// Count of each of its offences, by name.
    pub offences: BTreeMap<String, u64>,
}

/// Treatment of a peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ConductState {
    /// As any other.
    #[default]
    Normal,
    /// Lower rates and smaller buffers.
    Strict,
    /// No connection; of a member, its votes and a trickle of the rest.
    Suspended,
}

impl fmt::Display for ConductState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Normal => "normal",
            Self::Strict => "strict",
            Self::Suspended => "suspended",
        })
    }
}
