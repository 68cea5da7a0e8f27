//! Contents: which ones an operation may name, and their bytes.

use super::Applier;
use crate::state::abort::{Abort, DeferReason};
use crate::state::author_view::AuthorView;
use crate::state::record::{FileRecord, Side};
use crate::state::store::{Live, StoreError, Table};
use crate::state::tree::key_of;
use crate::state::{entry, name, rows, versions};
use crate::vocabulary::file::{File, Mode};
use crate::vocabulary::verdict::Code;
use core::ops::ControlFlow;
use quorate_pbft::Digest;
use sha2::{Digest as _, Sha256};

/// Versions of a path, newest first, among which a content that does not travel along is looked for.
const VERSIONS_SEARCHED_MAX: usize = 64;

/// Sides of a conflict, oldest first, among which it is looked for.
const SIDES_SEARCHED_MAX: u32 = 256;

impl Applier<'_, '_> {
    /// The file that a put makes, its content stored.
    ///
    /// A content travels along, or the path has it: in the author's view, now, as a side of its conflict, or among its
    /// newest versions within the horizon. Whether some other path has it is not asked, so that no index of contents is
    /// state.
    pub(super) fn named(&mut self, path: &str, mode: Mode, content: Digest, view: &AuthorView) -> Result<File, Abort> {
        if let Some(bytes) = self.envelope.and_then(|envelope| envelope.content(&content)) {
            let file = File { mode, content, size: bytes.len() as u64 };
            self.overlay.put_content(&content, || bytes.to_vec());
            return Ok(file);
        }
        let seen = view.file(self.overlay, self.domain, path)?;
        let known = match seen.filter(|file| file.content == content) {
            Some(file) => Some(file),
            None if self.budget.take_search() => self.known(path, content)?,
            None => None,
        };
        match known {
            Some(file) => Ok(File { mode, ..file }),
            None => Err(Abort::Deferred(DeferReason::Content(content))),
        }
    }

    fn known(&self, path: &str, content: Digest) -> Result<Option<File>, StoreError> {
        let Some(record) = self.record(path)? else {
            return Ok(None); // what stood there before the horizon is no longer the path's
        };
        if let Some(id) = record.conflict {
            for index in 0..SIDES_SEARCHED_MAX {
                let Some(side) = self.overlay.row::<Side>(Live::Past, &rows::side(self.domain, &id, index))? else {
                    break;
                };
                if side.file.is_some_and(|file| file.content == content) {
                    return Ok(side.file);
                }
            }
        }
        self.among_versions(path, &record, content)
    }

    /// The last one looked at is what stood there where the horizon begins: earlier ones may be gone on some replicas.
    fn among_versions(&self, path: &str, record: &FileRecord, content: Digest) -> Result<Option<File>, StoreError> {
        let (key, floor) = (key_of(&name::file(path)), self.place.floor);
        let (mut found, mut searched) = (None, 0);
        versions::back_from(
            &*self.overlay,
            (self.domain, &key),
            Some(record),
            self.revision,
            &mut |since, version| {
                searched += 1;
                found = version.file.filter(|file| file.content == content);
                let is_over = found.is_some() || searched == VERSIONS_SEARCHED_MAX || since.seq() < floor;
                if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        )?;
        Ok(found)
    }

    /// The bytes of a file that the state names.
    pub(super) fn bytes(&self, file: &File) -> Result<Vec<u8>, StoreError> {
        let bytes = self.overlay.bytes(Live::Contents, &file.content.0)?;
        let bytes = bytes.ok_or_else(|| StoreError(format!("content {} is missing", file.content)))?;
        entry::sound_content(&file.content, bytes)
    }

    /// Stores what a merge made; refuses it where it is larger than a file may be.
    pub(super) fn store(&mut self, path: &str, mode: Mode, bytes: Vec<u8>) -> Result<File, Abort> {
        let (content, size) = (Digest(Sha256::digest(&bytes).into()), bytes.len() as u64);
        if size > self.limits.file_bytes_max {
            let why = format!("merged it has {size} bytes, at most {}", self.limits.file_bytes_max);
            return Err(Abort::at(Code::Validator, path, &why));
        }
        self.overlay.put_row(Table::Contents, content.0.to_vec(), bytes);
        Ok(File { mode, content, size })
    }
}
