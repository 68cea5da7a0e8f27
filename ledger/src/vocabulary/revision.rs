//! Revisions: points in the agreed order, written `S` or `S.i`.

use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use core::str::FromStr;
use quorate_pbft::SeqNum;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The state after slot S (`S`), or after the i-th verdict of slot S (`S.i`, from 1 in execution order); `0` is genesis.
///
/// Ordered as the order is: `S.1 < S.2 < … < S < (S+1).1`. Every revision has one spelling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Revision {
    slot: u64,
    /// [`Revision::WHOLE`] for the whole slot, else from 1.
    item: u32,
}

/// Text that is no revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a revision is written S or S.i, as 12 or 12.3")]
pub struct NotARevision;

impl Revision {
    const WHOLE: u32 = u32::MAX;

    /// The state that the genesis made.
    pub const GENESIS: Self = Self { slot: 0, item: Self::WHOLE };

    /// After all of a slot.
    pub const fn slot(seq: SeqNum) -> Self {
        Self { slot: seq.get(), item: Self::WHOLE }
    }

    /// After the `item`-th verdict of a slot; none for 0, for the genesis slot, and where the numbers end.
    pub const fn item(seq: SeqNum, item: u32) -> Option<Self> {
        match item {
            0 | Self::WHOLE => None,
            _ if seq.get() == 0 => None,
            _ => Some(Self { slot: seq.get(), item }),
        }
    }

    /// The slot.
    pub const fn seq(self) -> SeqNum {
        SeqNum::new(self.slot)
    }

    /// The place in the slot; none for all of it.
    pub const fn place(self) -> Option<u32> {
        if self.item == Self::WHOLE { None } else { Some(self.item) }
    }

    /// Twelve bytes whose order is the revisions' order: keys of tables.
    pub fn key(self) -> [u8; 12] {
        let mut key = [0; 12];
        key[..8].copy_from_slice(&self.slot.to_be_bytes());
        key[8..].copy_from_slice(&self.item.to_be_bytes());
        key
    }

    /// The inverse of [`Revision::key`].
    pub(crate) fn from_key(key: &[u8]) -> Option<Self> {
        let (slot, item) = key.split_at_checked(8)?;
        let (slot, item) = (u64::from_be_bytes(slot.try_into().ok()?), u32::from_be_bytes(item.try_into().ok()?));
        let revision = Self { slot, item };
        revision.is_well_formed().then_some(revision)
    }

    /// Whether this is a value that [`Revision::slot`] or [`Revision::item`] makes: decoding can bring others.
    pub const fn is_well_formed(self) -> bool {
        self.item == Self::WHOLE || (self.item > 0 && self.slot > 0)
    }
}

impl Default for Revision {
    fn default() -> Self {
        Self::GENESIS
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place() {
            None => write!(f, "{}", self.slot),
            Some(item) => write!(f, "{}.{item}", self.slot),
        }
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Revision {
    type Err = NotARevision;

    fn from_str(text: &str) -> Result<Self, NotARevision> {
        let parsed = match text.split_once('.') {
            None => text.parse().ok().map(|slot| Self::slot(SeqNum::new(slot))),
            Some((slot, item)) => {
                slot.parse().ok().zip(item.parse().ok()).and_then(|(s, i)| Self::item(SeqNum::new(s), i))
            }
        };
        parsed.filter(|revision| revision.to_string() == text).ok_or(NotARevision)
    }
}

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Revision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(text: &str) -> Revision {
        text.parse().unwrap_or_else(|_| panic!("{text} is a revision"))
    }

    #[test]
    fn revisions_are_ordered_as_the_order_is() {
        let ascending = ["0", "1.1", "1.2", "1.10", "1", "2.1", "2", "10"].map(revision);
        assert!(ascending.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ascending.windows(2).all(|pair| pair[0].key() < pair[1].key()));
    }

    #[test]
    fn a_revision_has_one_spelling() {
        for text in ["", "01", "1.", "1.0", "0.1", "+1", "1.01", "1.2.3", "-1", " 1", "1.4294967295"] {
            assert_eq!(text.parse::<Revision>(), Err(NotARevision), "{text:?}");
        }
        for text in ["0", "7", "7.1", "18446744073709551615"] {
            assert_eq!(revision(text).to_string(), text);
        }
    }

    #[test]
    fn a_key_leads_back_to_its_revision() {
        for text in ["0", "7", "7.300"] {
            assert_eq!(Revision::from_key(&revision(text).key()), Some(revision(text)));
        }
    }
}
