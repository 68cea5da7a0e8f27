//! Rules of execution by their number: those that a program knows, and those that a group is in.
//!
//! A group executes by the rules that the entry of its epoch names. Another number comes into force at the end of an epoch,
//! as another member list does, so that members can start a newer program one after the other before it.

use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Rules of a group whose genesis names none.
pub const RULES_FIRST: u32 = 8;

/// Rules that this program can execute: 8; 9, which enrol observers and go up by one number at a time; 10, which merge by
/// rules 22 and count all steps of merging; 11, whose authors' signatures can be checked many at once; 12, which merge by
/// rules 23; and 13, which merge by rules 24.
pub const RULES: RulesRange = RulesRange { oldest: RULES_FIRST, newest: 13 };

/// Rules from which on a proposal names no rules but those of the next number.
pub(crate) const NEXT_SINCE: u32 = 9;

/// Rules from which on a merge by a principle counts among the steps of its envelope.
pub(crate) const PRINCIPLES_COUNT_SINCE: u32 = 10;

/// Rules from which on a genesis has authors' signatures checked by the cofactored equation.
pub(crate) const BATCHES_SINCE: u32 = 11;

/// Rules that a program can execute, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RulesRange {
    /// The lowest number.
    pub oldest: u32,
    /// The highest number.
    pub newest: u32,
}

impl RulesRange {
    /// Whether it can execute these.
    pub fn contains(self, rules: u32) -> bool {
        (self.oldest..=self.newest).contains(&rules)
    }
}

impl fmt::Display for RulesRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.oldest, self.newest) {
            (oldest, newest) if oldest == newest => write!(f, "rules {newest}"),
            (oldest, newest) => write!(f, "rules {oldest} to {newest}"),
        }
    }
}
