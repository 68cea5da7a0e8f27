//! The five modes, and which of them fit together.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Mode of a lock, by the guarantee that its holder has.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, BorshSerialize, BorshDeserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum LockMode {
    /// Intends to lock something below for reading.
    Is = 1,
    /// Intends to lock something below for writing.
    Ix = 2,
    /// Shared: nobody else changes anything here or below.
    S = 3,
    /// As `S`, and intends to lock something below for writing.
    Six = 4,
    /// Exclusive: nobody else locks or changes anything here or below.
    X = 5,
}

impl LockMode {
    /// Modes, the weakest first.
    pub const ALL: [Self; 5] = [Self::Is, Self::Ix, Self::S, Self::Six, Self::X];

    /// Whether two authors may hold these on one path.
    pub fn fits(self, other: Self) -> bool {
        match (self.min(other), self.max(other)) {
            (Self::Is, stronger) => stronger != Self::X,
            (Self::Ix, stronger) => stronger == Self::Ix,
            (Self::S, stronger) => stronger == Self::S,
            (Self::Six | Self::X, _) => false,
        }
    }

    /// The weakest mode that gives all that both give.
    pub fn join(self, other: Self) -> Self {
        match (self.min(other), self.max(other)) {
            (Self::Ix, Self::S) => Self::Six,
            (_, stronger) => stronger,
        }
    }

    /// Intention that a holder has on every folder above.
    pub fn intention(self) -> Self {
        match self {
            Self::Is | Self::S => Self::Is,
            Self::Ix | Self::Six | Self::X => Self::Ix,
        }
    }

    /// Whether it keeps the writes of others away.
    pub fn keeps_writers_out(self) -> bool {
        matches!(self, Self::S | Self::Six | Self::X)
    }
}

/// Step in the life of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum LockStep {
    /// Granted, with this token.
    Granted(u64) = 1,
    /// Put in line.
    Waits = 2,
    /// Its author gave it back.
    Released = 3,
    /// Gone, by this end.
    Left(LockEnd) = 4,
}

/// Why a request is gone that its author did not take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum LockEnd {
    /// The request stood in line for as long as it wanted to.
    Waited = 1,
    /// The request was the youngest of a circle of requests that waited for each other.
    Deadlock = 2,
    /// The lease was over.
    Lease = 3,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of Gray et al., row by row: IS, IX, S, SIX, X.
    #[test]
    fn modes_fit_as_the_paper_says() {
        let table = [
            [true, true, true, true, false],
            [true, true, false, false, false],
            [true, false, true, false, false],
            [true, false, false, false, false],
            [false, false, false, false, false],
        ];
        for (row, a) in table.iter().zip(LockMode::ALL) {
            for (fits, b) in row.iter().zip(LockMode::ALL) {
                assert_eq!(a.fits(b), *fits, "{a:?} with {b:?}");
            }
        }
    }

    #[test]
    fn a_join_keeps_away_whoever_either_of_its_parts_keeps_away_and_nobody_else_where_that_is_possible() {
        for a in LockMode::ALL {
            for b in LockMode::ALL {
                let joined = a.join(b);
                assert_eq!(joined, b.join(a));
                let fitting = LockMode::ALL.iter().filter(|other| a.fits(**other) && b.fits(**other)).count();
                assert_eq!(LockMode::ALL.iter().filter(|other| joined.fits(**other)).count(), fitting, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn modes_are_spelled_in_capitals() {
        let names = LockMode::ALL.map(|mode| serde_json::to_value(mode).expect("a mode is a string"));
        assert_eq!(names, ["IS", "IX", "S", "SIX", "X"]);
    }
}
