//! Standing: the record of authors and replicas.

use serde::{Deserialize, Serialize};

/// Standing of an author or organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Standing {
    /// `good`, `not enrolled`, `revoked at` a revision, or of a replica `accused`: there is evidence against it.
    pub state: String,
    /// 0 to 1,000 by ordered deeds; 500 at the start.
    pub figure: u32,
    /// Reasons in words; empty for a newcomer.
    pub reasons: Vec<String>,
}
