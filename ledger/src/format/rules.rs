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
/// rules 23; 13, which merge by rules 24; 14, by which no file goes with a move that met an unseen one, and policies bind
/// what waits and what is written beneath a file; 15, by which no file goes with the operations beside such a move, new paths,
/// policies and deadlines have bounds of the work that they cause, and which merge by rules 25; and 16, by which one member
/// costs the others no unbounded work, and which merge by rules 26.
pub const RULES: RulesRange = RulesRange { oldest: RULES_FIRST, newest: 16 };

/// Rules from which on a proposal names no rules but those of the next number.
pub(crate) const NEXT_SINCE: u32 = 9;

/// Rules from which on a merge by a principle counts among the steps of its envelope.
pub(crate) const PRINCIPLES_COUNT_SINCE: u32 = 10;

/// Rules from which on a genesis has authors' signatures checked by the cofactored equation.
pub(crate) const BATCHES_SINCE: u32 = 11;

/// Rules from which on a file stays where a move of it meets one that its author has not seen, and a side of a conflict that has
/// no place cannot win.
pub(crate) const UNSEEN_STAYS_SINCE: u32 = 14;

/// Rules from which on no file goes with the operations beside a move that met an unseen one, a new file of a renamed folder
/// comes to no place where something is, and what was overruled is told so.
pub(crate) const MOVES_STAY_WHOLE_SINCE: u32 = 15;

/// Rules from which on a file that goes along with a renamed folder stays its author's.
pub(crate) const FILES_KEEP_AUTHORS_SINCE: u32 = 16;

/// Rules from which on one organisation has bounds of what it proposes, and waits for, in a domain, and nothing that was proposed or
/// locked under another policy than the one in force outlives that.
pub(crate) const ROOM_IS_SHARED_SINCE: u32 = 16;

/// Rules from which on policies bind a change that waited, what is written beneath a file and all domains of a transaction
/// together, and have a bound of regular expressions.
pub(crate) const POLICIES_BIND_SINCE: u32 = 14;

/// Rules from which on the bounds of schemas count equal expressions once, a policy may be as dear as the one in force, new
/// paths have a bound of folders, and deadlines one of looks.
pub(crate) const WORK_IS_BOUNDED_SINCE: u32 = 15;

/// Rules from which on an organisation has a bound of sides in a conflict, proposals have places of their own, votes count for
/// the step of the policy that comes next, and neither proposals nor votes put at a path what its rule does not take.
pub(crate) const DISPUTES_ARE_BOUNDED_SINCE: u32 = 16;

/// Rules from which on looks for the rules of paths, searches for forbidden texts and looks for circles of locks have bounds in
/// one envelope, those of the changes that it lets take effect included, and the patterns of a new policy have one.
pub(crate) const WORK_OF_ONE_SINCE: u32 = 16;

/// Rules from which on a group knows other groups, and takes part in transactions with them.
pub const BRANCHES_SINCE: u32 = 16;

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
