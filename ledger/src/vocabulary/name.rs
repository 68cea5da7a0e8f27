//! Names of organisations, domains and groups, and who a rule speaks of.

use crate::vocabulary::hexed;
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use core::str::FromStr;
use quorate_pbft::PublicKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of an organisation's or a domain's name.
pub const NAME_BYTES_MAX: usize = 100;

/// Whether this may name an organisation or a domain: 1 to 100 of `a-z A-Z 0-9 . _ -`, the first a letter or digit.
pub fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    first && text.len() <= NAME_BYTES_MAX && text.bytes().all(legal)
}

/// Principal of a rule: written `*`, `org:NAME` or `key:HEX`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Principal {
    /// Every enrolled author.
    Everyone,
    /// Every author of an organisation.
    Organisation(String),
    /// Author with this key.
    Author(PublicKey),
}

/// Text that names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("somebody is written *, org:NAME or key:HEX")]
pub struct NotAPrincipal;

impl Principal {
    /// Whether this speaks of that author.
    pub fn covers(&self, key: &PublicKey, organisation: &str) -> bool {
        match self {
            Self::Everyone => true,
            Self::Organisation(name) => name == organisation,
            Self::Author(author) => author == key,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("*"),
            Self::Organisation(name) => write!(f, "org:{name}"),
            Self::Author(key) => write!(f, "key:{key}"),
        }
    }
}

impl FromStr for Principal {
    type Err = NotAPrincipal;

    fn from_str(text: &str) -> Result<Self, NotAPrincipal> {
        match text.split_once(':') {
            None if text == "*" => Ok(Self::Everyone),
            Some(("org", name)) if is_name(name) => Ok(Self::Organisation(name.into())),
            Some(("key", key)) => hexed::parse(key).map(Self::Author).map_err(|_| NotAPrincipal),
            _ => Err(NotAPrincipal),
        }
    }
}

impl Serialize for Principal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Principal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for name in ["main", "org-0", "A.b_c", "7"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-a", ".a", "a/b", "a b", "ü", &"a".repeat(101)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_principal_is_spelled_in_one_way() {
        let key = PublicKey([7; 32]);
        for who in [Principal::Everyone, Principal::Organisation("org-0".into()), Principal::Author(key)] {
            assert_eq!(who.to_string().parse(), Ok(who));
        }
        assert_eq!("org:".parse::<Principal>(), Err(NotAPrincipal));
        assert_eq!("everyone".parse::<Principal>(), Err(NotAPrincipal));
    }
}
