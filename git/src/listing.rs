//! Entries of one folder of git's tree, in git's order.

use std::collections::VecDeque;

use gix::objs::tree::EntryRef;
use gix::objs::{TreeRefIter, tree::EntryKind};
use gix::{ObjectId, bstr::ByteSlice};

use super::GitError;

/// The entries of one folder, each name once and none that is no name, sorted as git sorts them: a folder's name as if it ended in `/`.
pub(super) struct Listing<'a> {
    pub entries: Vec<EntryRef<'a>>,
    /// Entries that only a broken tree has: names that it lists a second time (the first of a name stands), empty ones, and
    /// those with a slash, which would stand at another entry's path.
    pub broken: Vec<EntryRef<'a>>,
}

impl<'a> Listing<'a> {
    /// Reads the folder `id` from its object's bytes.
    pub fn read(id: ObjectId, data: &'a [u8]) -> Result<Self, GitError> {
        let mut entries =
            TreeRefIter::from_bytes(data, id.kind()).entries().map_err(|cause| GitError::Unreadable { id, cause })?;
        if !entries.is_sorted() {
            entries.sort();
        }
        let is_broken = |at: usize| !is_name(&entries[at]) || is_double(&entries[..at], &entries[at]);
        let mut are_broken: VecDeque<bool> = (0..entries.len()).map(is_broken).collect();
        let (broken, entries) = entries.into_iter().partition(|_| are_broken.pop_front() == Some(true));
        Ok(Self { entries, broken })
    }
}

/// Whether the entry has the name of a file or folder.
fn is_name(entry: &EntryRef<'_>) -> bool {
    !entry.filename.is_empty() && !entry.filename.contains(&b'/')
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
