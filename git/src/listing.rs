//! Entries of one folder of git's tree, in git's order.

use gix::objs::tree::EntryRef;
use gix::objs::{TreeRefIter, tree::EntryKind};
use gix::{ObjectId, bstr::ByteSlice};

use super::GitError;

/// The entries of one folder, each name once, sorted as git sorts them: a folder's name as if it ended in `/`.
pub(super) struct Listing<'a> {
    pub entries: Vec<EntryRef<'a>>,
    /// Names that the folder lists a second time. Only a broken tree does; the first of a name stands.
    pub doubles: Vec<EntryRef<'a>>,
}

impl<'a> Listing<'a> {
    /// Reads the folder `id` from its object's bytes.
    pub fn read(id: ObjectId, data: &'a [u8]) -> Result<Self, GitError> {
        let mut entries =
            TreeRefIter::from_bytes(data, id.kind()).entries().map_err(|cause| GitError::Unreadable { id, cause })?;
        if !entries.is_sorted() {
            entries.sort();
        }
        let doubles: Vec<usize> = (1..entries.len()).filter(|&at| is_double(&entries[..at], &entries[at])).collect();
        let doubles = doubles.into_iter().rev().map(|at| entries.remove(at)).collect();
        Ok(Self { entries, doubles })
    }
}

/// Whether `entry` has the name of one of those `before` it, which git's order puts close by.
fn is_double(before: &[EntryRef<'_>], entry: &EntryRef<'_>) -> bool {
    let close = before.iter().rev().take_while(|other| other.filename.starts_with_str(entry.filename));
    close.into_iter().any(|other| other.filename == entry.filename)
}

/// Whether the entry is a folder.
pub(super) fn is_folder(entry: &EntryRef<'_>) -> bool {
    entry.mode.kind() == EntryKind::Tree
}
