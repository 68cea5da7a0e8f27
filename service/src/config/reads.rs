//! Reads of the API.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Readers of what the API tells of domains that not everyone may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reads {
    /// Every client.
    #[default]
    Open,
    /// Clients with a token of the role `read`, and whoever may read what is for operators.
    Guarded,
}

impl Reads {
    /// Names of the choices, as flags and the environment write them.
    pub const NAMES: [&str; 2] = ["open", "guarded"];

    /// Whether every client reads all.
    pub fn is_open(&self) -> bool {
        *self == Self::Open
    }
}

impl FromStr for Reads {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "open" => Ok(Self::Open),
            "guarded" => Ok(Self::Guarded),
            _ => Err(format!("{text:?}: reads are open or guarded")),
        }
    }
}
