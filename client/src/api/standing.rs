//! Standing: the record of authors and replicas.

use serde::{Deserialize, Serialize};

/// What somebody stands at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// `good`, `not enrolled`, `revoked at` a revision, or of a replica `accused`: there is evidence against it.
    pub state: String,
    /// 0 to 1,000 by ordered deeds; 500 at the start.
    pub figure: u32,
    /// What counts, in words; empty for somebody new.
    pub reasons: Vec<String>,
}
