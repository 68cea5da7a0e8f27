//! `/v1/domains/{d}/facts`: what a node knows that the choice of a consistency level rests on.

use serde::{Deserialize, Serialize};

/// Facts about a path, by the state that the node has executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LevelFacts {
    /// Reason why the path is critical, from the domain's policy; none where it is not.
    pub critical: Option<String>,
    /// Median time from a proposal to its execution, in milliseconds; none where nothing was ordered lately.
    pub order_ms: Option<u64>,
    /// Reason why nothing can be ordered now; none where all is well.
    pub stalled: Option<String>,
    /// Authors who changed files of the path's folder within [`TOGETHER_MS`] of ledger time.
    pub authors: u32,
}

/// Time in which authors who change files of one folder work together: ten minutes, in milliseconds.
pub const TOGETHER_MS: u64 = 600_000;
