//! Rates: how much of something in how much ledger time.
//!
//! A leaky bucket with one number for what is left (the generic cell rate algorithm): the ledger time at which all that
//! was taken will have leaked out. The bucket is state under the root, moved by accepted envelopes only.

use crate::policy::reputation;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::Time;
use serde::{Deserialize, Serialize};

/// Of a millisecond, in which buckets leak: so that a thousand changes a millisecond still differ from none.
const PARTS: u64 = 1_000;

/// Rates of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// For each author.
    pub author: Option<Rate>,
    /// For each organisation, summed over its authors.
    pub organisation: Option<Rate>,
    /// Whether an author's rate grows and shrinks with what the author stands at by deeds in this domain: as it is at 500,
    /// twice that at 1,000, and at least one change or byte. Deeds elsewhere do not count: whoever has a domain of their
    /// own could do there what they like.
    pub by_standing: bool,
}

/// Rate of acceptance in any stretch of ledger time; twice as much at the most where one stretch meets the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The stretch, in milliseconds.
    pub per_ms: u64,
    /// Changes in it.
    #[serde(default)]
    pub changes: Option<u32>,
    /// Bytes of envelopes in it.
    #[serde(default)]
    pub bytes: Option<u64>,
}

/// Fill of the buckets: ledger time, in thousandths of a millisecond, at which they will have leaked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Taken {
    changes: u64,
    bytes: u64,
}

/// Load of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) changes: u64,
    pub(crate) bytes: u64,
}

/// More than the rate allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMuch {
    /// Of what.
    pub(crate) what: &'static str,
    /// Bound of the rate.
    pub(crate) max: u64,
    /// In how many milliseconds.
    pub(crate) per_ms: u64,
    /// Milliseconds until it would be allowed; none: it never would.
    pub(crate) wait_ms: Option<u64>,
}

impl Rates {
    /// Whether they limit nothing.
    pub(crate) fn are_none(&self) -> bool {
        self.author.is_none() && self.organisation.is_none()
    }

    /// An author's rate at this figure of [`crate::policy::reputation`].
    pub fn of_author(&self, score: u32) -> Option<Rate> {
        self.author.map(|rate| if self.by_standing { rate.at(score) } else { rate })
    }
}

impl Rate {
    fn at(&self, score: u32) -> Self {
        let changes = self.changes.map(|changes| {
            let scaled = reputation::scaled(u64::from(changes), score);
            u32::try_from(scaled).unwrap_or(u32::MAX)
        });
        Self { changes, bytes: self.bytes.map(|bytes| reputation::scaled(bytes, score)), ..*self }
    }

    /// Fill after this load, or why it is too much now.
    pub(crate) fn take(&self, taken: &Taken, load: Load, now: Time) -> Result<Taken, TooMuch> {
        let bucket = |what, max: Option<u64>, taken, load| match max {
            Some(max) => self.bucket(taken, load, max, now).map_err(|wait_ms| TooMuch {
                what,
                max,
                per_ms: self.per_ms,
                wait_ms,
            }),
            None => Ok(taken),
        };
        let changes = bucket("changes", self.changes.map(u64::from), taken.changes, load.changes)?;
        let bytes = bucket("bytes", self.bytes, taken.bytes, load.bytes)?;
        Ok(Taken { changes, bytes })
    }

    fn bucket(&self, taken: u64, load: u64, max: u64, now: Time) -> Result<u64, Option<u64>> {
        if load > max {
            return Err(None);
        }
        let (now, period) = (u128::from(now.get()) * u128::from(PARTS), u128::from(self.per_ms * PARTS));
        let after = u128::from(taken).max(now) + (period * u128::from(load)).div_ceil(u128::from(max));
        match after.checked_sub(now + period).filter(|over| *over > 0) {
            None => u64::try_from(after).map_err(|_| None),
            Some(over) => Err(u64::try_from(over.div_ceil(u128::from(PARTS))).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_ms: 1_000, changes: Some(10), bytes: None };

    fn changes(changes: u64) -> Load {
        Load { changes, bytes: 0 }
    }

    #[test]
    fn a_full_bucket_takes_more_as_it_leaks() {
        let mut taken = Taken::default();
        for _ in 0..10 {
            taken = RATE.take(&taken, changes(1), Time::new(5_000)).expect("ten at once");
        }
        let over = RATE.take(&taken, changes(1), Time::new(5_000)).expect_err("the eleventh");
        assert_eq!((over.what, over.wait_ms), ("changes", Some(100)));
        assert!(RATE.take(&taken, changes(1), Time::new(5_099)).is_err());
        assert!(RATE.take(&taken, changes(1), Time::new(5_100)).is_ok());
        assert!(RATE.take(&taken, changes(10), Time::new(5_999)).is_err());
        assert!(RATE.take(&taken, changes(10), Time::new(6_000)).is_ok());
    }

    #[test]
    fn what_is_more_than_all_never_fits() {
        let over = RATE.take(&Taken::default(), changes(11), Time::new(5_000)).expect_err("eleven of ten");
        assert_eq!(over.wait_ms, None);
        assert!(RATE.take(&Taken::default(), changes(10), Time::new(0)).is_ok());
    }

    #[test]
    fn no_time_and_no_load_overflows() {
        let rate = Rate { per_ms: 86_400_000, changes: None, bytes: Some(u64::MAX) };
        let load = Load { changes: u64::MAX, bytes: u64::MAX };
        assert_eq!(rate.take(&Taken::default(), load, Time::new(u64::MAX)).map_err(|over| over.wait_ms), Err(None));
    }
}
