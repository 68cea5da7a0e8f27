//! The files of one commit.

use std::collections::BTreeMap;

use super::{Entry, Operation, Skipped};

/// Files of one commit that a domain can hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    /// The files, by path.
    pub files: BTreeMap<String, Entry>,
    /// Entries that were left out, by path.
    pub skipped: Vec<Skipped>,
}

impl Tree {
    /// Applies one operation.
    pub fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Put { path, entry } => self.files.insert(path.clone(), *entry),
            Operation::Delete { path } => self.files.remove(path),
        };
    }
}
