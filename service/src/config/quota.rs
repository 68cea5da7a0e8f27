//! Quota of a database's space.

use crate::engine::History;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Bytes that the database of a replica may take, as in `20GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quota(pub u64);

/// Text that is no quota.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("space_quota {0:?}: expected a size as 500MiB or 20GiB")]
pub struct NoQuota(String);

impl FromStr for Quota {
    type Err = NoQuota;

    fn from_str(text: &str) -> Result<Self, NoQuota> {
        match text.parse::<History>() {
            Ok(History::Bytes(bytes)) => Ok(Self(bytes)),
            Ok(_) | Err(_) => Err(NoQuota(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Quota {
    type Error = NoQuota;

    fn try_from(text: String) -> Result<Self, NoQuota> {
        text.parse()
    }
}

impl From<Quota> for String {
    fn from(quota: Quota) -> Self {
        History::Bytes(quota.0).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_a_size_and_nothing_else() {
        assert_eq!("20GiB".parse(), Ok(Quota(20 << 30)));
        assert_eq!(String::from(Quota(500 << 20)), "500MiB");
        for text in ["all", "90d", "20GB", "0MiB", ""] {
            assert!(text.parse::<Quota>().is_err(), "{text}");
        }
    }
}
