//! Paths as records: reading them, and writing a new version.

use super::Applier;
use crate::state::record::FileRecord;
use crate::state::store::StoreError;
use crate::state::{name, versions};
use crate::vocabulary::file::File;
use quorate_pbft::Digest;
use std::borrow::Cow;

/// Bytes of the horizon's budget that a version costs at least: its row has to be kept, and copied, like its content.
const VERSION_BYTES_MIN: u64 = 512;

impl Applier<'_, '_> {
    /// The record of a path; none where nothing stood within the horizon.
    pub(super) fn record(&self, path: &str) -> Result<Option<FileRecord>, StoreError> {
        self.overlay.get(self.domain, &name::file(path))
    }

    /// Writes a new version of a path. An open conflict stays open.
    pub(super) fn set(&mut self, path: &str, file: Option<File>, moved_to: Option<&str>) -> Result<(), StoreError> {
        let before = self.record(path)?;
        self.set_over(path, before.as_ref(), file, moved_to)
    }

    /// As [`Applier::set`], over the record of the path.
    pub(super) fn set_over(
        &mut self,
        path: &str,
        before: Option<&FileRecord>,
        file: Option<File>,
        moved_to: Option<&str>,
    ) -> Result<(), StoreError> {
        debug_assert_eq!(self.record(path)?.as_ref(), before, "it was read before: {path}");
        let record = before.map_or_else(|| Cow::Owned(self.fresh()), Cow::Borrowed);
        self.supersede(&record, file);
        let record = FileRecord {
            file,
            since: self.revision,
            author: self.author(),
            moved_to: moved_to.map(str::to_owned),
            conflict: record.conflict,
            envelope: Some(self.id),
            before: self.keep(path, &record),
        };
        self.overlay.put_over(self.domain, name::file(path), before, Some(&record))
    }

    /// A path where nothing ever stood.
    pub(super) fn fresh(&self) -> FileRecord {
        FileRecord {
            file: None,
            since: self.revision,
            author: self.author(),
            moved_to: None,
            conflict: None,
            envelope: None,
            before: Digest::ZERO,
        }
    }

    /// Makes what stands at a path an earlier version of it; the running hash over all of those. An envelope's own
    /// versions of a path replace each other.
    fn keep(&mut self, path: &str, record: &FileRecord) -> Digest {
        match record.version().filter(|_| record.since < self.revision) {
            Some(version) => {
                versions::put(self.overlay, (self.domain, path), record.since, &version);
                versions::hash_of(record.since, &version)
            }
            None => record.before,
        }
    }

    fn supersede(&mut self, record: &FileRecord, new: Option<File>) {
        let (old, bytes) = (record.file, |file: Option<File>| file.map_or(0, |file| file.size as i64)); // far below 2^63: see the limits
        self.applied.files += i64::from(new.is_some()) - i64::from(old.is_some());
        self.applied.bytes += bytes(new) - bytes(old);
        let replaced = old.filter(|old| new.map(|new| new.content) != Some(old.content)).map_or(0, |old| old.size);
        let keeps_version = record.envelope.is_some() && record.since < self.revision;
        let least = if keeps_version { VERSION_BYTES_MIN } else { 0 };
        self.applied.superseded_bytes = self.applied.superseded_bytes.saturating_add(replaced.max(least));
    }
}
