//! Index: rows that only say in another order what entries say, and what rows of numbers say of chains.
//!
//! [`Overlay::put_indexed`](crate::state::overlay::Overlay::put_indexed) writes them with their entry, so that no
//! writer keeps them by hand; a copy makes them again from the entries.

use crate::format::governance::Proposal;
use crate::policy::attestation::PendingChange;
use crate::state::branch::{BranchRecord, Promise};
use crate::state::record::{ConflictRecord, FileRecord, RefusedChange};
use crate::state::store::Live;
use crate::state::tree::{TreeNumber, key_of};
use crate::state::{name, rows};
use crate::vocabulary::ids::{ConflictId, EnvelopeId, TransactionId};
use crate::vocabulary::revision::Revision;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::Digest;

/// Row of an index: table, key, value.
pub(crate) type IndexRow = (Live, Vec<u8>, Vec<u8>);

/// Value of an entry that has rows in an index.
pub(crate) trait Indexed: BorshSerialize + BorshDeserialize {
    /// First byte of the names of such entries.
    const KIND: u8;

    /// Rows of an entry in a tree, by the rest of its name; none for a name that no such entry has.
    fn index(&self, tree: TreeNumber, name: &[u8]) -> Option<Vec<IndexRow>>;

    /// Whether another value at the same name has the same rows, as far as that is cheap to say.
    fn has_rows_of(&self, _other: &Self) -> bool {
        false
    }
}

/// Kinds of names whose entries have rows in an index.
pub(crate) const KINDS: [u8; 8] = [
    FileRecord::KIND,
    ConflictRecord::KIND,
    PendingChange::KIND,
    LOCK,
    Proposal::KIND,
    RefusedChange::KIND,
    BranchRecord::KIND,
    Promise::KIND,
];

/// Kind of the names of locks.
pub(crate) const LOCK: u8 = b'k';

impl Indexed for FileRecord {
    const KIND: u8 = b'f';

    fn index(&self, tree: TreeNumber, name: &[u8]) -> Option<Vec<IndexRow>> {
        let path = core::str::from_utf8(name).ok()?;
        let listed = rows::listed(tree, path);
        let mut found = match self.file {
            Some(_) => vec![(Live::Names, listed, Vec::new())],
            None => vec![(Live::Index, rows::fileless(&listed), Vec::new())],
        };
        if self.is_gone() {
            let key = key_of(&name::file(path));
            found.push((Live::Index, rows::deleted(self.since, tree, &key), name.to_vec()));
        }
        Some(found)
    }

    fn has_rows_of(&self, other: &Self) -> bool {
        self.file.is_some() && other.file.is_some()
    }
}

impl Indexed for ConflictRecord {
    const KIND: u8 = b'c';

    fn index(&self, tree: TreeNumber, name: &[u8]) -> Option<Vec<IndexRow>> {
        let id = ConflictId(Digest(name.try_into().ok()?));
        if let Some(settled) = &self.settled {
            return Some(vec![over::<Self>(settled.revision, tree, name)]);
        }
        let domain = tree.to_be_bytes().to_vec();
        let mut found = vec![
            (Live::Index, rows::open_conflict(self.since, &id), domain.clone()),
            (Live::Index, rows::conflict_domain(&id), domain.clone()),
        ];
        let times = self.held_up.iter().map(|hold| hold.until).chain(self.next_deadline());
        found.extend(times.map(|at| (Live::Index, rows::deadline(at, &id), domain.clone())));
        let awaited = self.held_up.iter().flat_map(|hold| &hold.paths);
        found.extend(awaited.map(|path| (Live::Index, rows::held_up(tree, path, &id), Vec::new())));
        Some(found)
    }
}

impl Indexed for PendingChange {
    const KIND: u8 = b'w';

    fn index(&self, tree: TreeNumber, name: &[u8]) -> Option<Vec<IndexRow>> {
        let id = EnvelopeId(Digest(name.try_into().ok()?));
        Some(vec![(Live::Index, rows::waiting(tree, self.since, &id), Vec::new())])
    }

    fn has_rows_of(&self, other: &Self) -> bool {
        self.since == other.since
    }
}

impl Indexed for Proposal {
    const KIND: u8 = b'p';

    fn index(&self, tree: TreeNumber, name: &[u8]) -> Option<Vec<IndexRow>> {
        Some(self.end.iter().map(|end| over::<Self>(end.revision, tree, name)).collect())
    }
}

impl Indexed for RefusedChange {
    const KIND: u8 = b'z';

    fn index(&self, tree: TreeNumber, name: &[u8]) -> Option<Vec<IndexRow>> {
        Some(vec![over::<Self>(self.revision, tree, name)])
    }
}

impl Indexed for BranchRecord {
    const KIND: u8 = b'g';

    fn index(&self, _tree: TreeNumber, name: &[u8]) -> Option<Vec<IndexRow>> {
        let id = TransactionId(Digest(name.try_into().ok()?));
        Some(self.is_open().then(|| (Live::Index, rows::undecided(&id), Vec::new())).into_iter().collect())
    }
}

impl Indexed for Promise {
    const KIND: u8 = b'l';

    fn index(&self, tree: TreeNumber, name: &[u8]) -> Option<Vec<IndexRow>> {
        let id = TransactionId(Digest(name.try_into().ok()?));
        let row = |(path, _): &(String, _)| (Live::Index, rows::promised(tree, path, &id), Vec::new());
        Some(self.writes.iter().map(row).collect())
    }
}

/// Row of an entry that leaves the state once a revision lies beyond the horizon.
fn over<T: Indexed>(ended: Revision, tree: TreeNumber, name: &[u8]) -> IndexRow {
    (Live::Index, rows::over(ended, tree, T::KIND, name), Vec::new())
}
