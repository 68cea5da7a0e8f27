//! Marks of runs, as redb keeps them.

use borsh::{BorshDeserialize, BorshSerialize};

/// A run: which file, and what makes sure that it is this one.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Mark {
    pub(crate) number: u64,
    /// Bytes of the file.
    pub(crate) bytes: u64,
    /// Where the list of sections begins, which ends with the file, and its checksum.
    pub(crate) top_at: u64,
    pub(crate) top_check: u32,
}

/// Before the number of a run in the name of its file.
const FILE_PREFIX: &str = "run-";

impl Mark {
    pub(crate) fn file_name(&self) -> String {
        Self::name_of(self.number)
    }

    /// Name of the file of the run with a number.
    pub(crate) fn name_of(number: u64) -> String {
        format!("{FILE_PREFIX}{number}")
    }

    /// Number of the run whose file has a name.
    pub(crate) fn number_in(name: &str) -> Option<u64> {
        name.strip_prefix(FILE_PREFIX)?.parse().ok().filter(|number| Self::name_of(*number) == name)
    }
}

/// The runs of a database, as redb keeps the list.
#[derive(Debug, Clone, Default, BorshSerialize, BorshDeserialize)]
pub(crate) struct Manifest {
    /// Number of the next run.
    pub(crate) next: u64,
    /// The newest first.
    pub(crate) runs: Vec<Mark>,
}
