//! Strategies for two changes that meet at a path: an ordered list, the first that answers wins.

use crate::vocabulary::conflict::{Class, Decider};
use crate::vocabulary::name::Principal;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::Time;
use serde::{Deserialize, Serialize};

/// Entry of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Only for conflicts of this class; none: for all, and before anything is merged.
    #[serde(default)]
    pub class: Option<Class>,
    /// Strategy to follow.
    pub strategy: Strategy,
    /// For a vote or an arbiter: after so many milliseconds of ledger time the next entry decides; none: never.
    #[serde(default)]
    pub deadline_ms: Option<u64>,
}

/// A way to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Strategy {
    /// The merge ladder, where it is clean.
    Merge = 1,
    /// The side of the named owner wins, where one side is theirs and the other is not.
    Authoritative(Principal) = 2,
    /// A principle decides, where it applies.
    Rule(Principle) = 3,
    /// Organisations vote: so many, or ⌊2n/3⌋ + 1.
    Vote(Option<u32>) = 4,
    /// A named principal decides, and nobody else.
    Arbitrate(Principal) = 5,
    /// The later in the order wins.
    LastWriterWins = 6,
    /// The first stands, the later one is refused.
    Reject = 7,
}

/// A principle that decides between two contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Principle {
    /// Both are decimal numbers: the larger one.
    LargerNumber = 1,
    /// Both are lists, one item a line: what both kept of the base in its order, then what either added, sorted.
    UnionOfLines = 2,
    /// Both sides bumped versions: the newer ones (Semantic Versioning 2.0, §11), the rest merged.
    NewestVersion = 3,
    /// Both sides added to lists of a JSON, TOML or YAML file, each item on a line of its own: all of it, the rest merged.
    UnionOfLists = 4,
    /// The file is made from others: nothing is merged, and this owner, who has seen all sides, makes it anew.
    Regenerate(Principal) = 5,
}

/// Effect of a strategy on a conflict that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Takeover {
    /// The side that came last wins.
    LastWins,
    /// The file that stands stays.
    FirstStands,
    /// This authority decides from now on.
    Decides(Decider),
}

impl Strategy {
    /// Owner or arbiter that it names.
    pub(crate) fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Authoritative(who) | Self::Arbitrate(who) | Self::Rule(Principle::Regenerate(who)) => Some(who),
            Self::Merge | Self::Rule(_) | Self::Vote(_) | Self::LastWriterWins | Self::Reject => None,
        }
    }

    /// Effect on an open conflict; none: the next entry of the policy is asked.
    pub fn takeover(&self) -> Option<Takeover> {
        match self {
            Self::Vote(organisations) => Some(Takeover::Decides(Decider::Writers(*organisations))),
            Self::Arbitrate(who) | Self::Rule(Principle::Regenerate(who)) => {
                Some(Takeover::Decides(Decider::Arbiter(who.clone())))
            }
            Self::LastWriterWins => Some(Takeover::LastWins),
            Self::Reject => Some(Takeover::FirstStands),
            Self::Merge | Self::Authoritative(_) | Self::Rule(_) => None,
        }
    }
}

impl Step {
    /// Ledger time until which an authority that decides from `now` on may do so; none: for good.
    pub(crate) fn deadline(&self, now: Time) -> Option<Time> {
        self.deadline_ms.map(|after| Time::new(now.get().saturating_add(after)))
    }
}
