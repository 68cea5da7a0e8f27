//! Files that leave a path at which their author has not seen what stands there.

use super::Applier;
use super::dispute::side_of;
use crate::format::receipt::{PathOutcome, Rung};
use crate::format::rules::{FILES_KEEP_AUTHORS_SINCE, MOVES_STAY_WHOLE_SINCE};
use crate::state::author_view::AuthorView;
use crate::state::record::{FileRecord, Sequence};
use crate::state::store::{Live, StoreError};
use crate::state::{name, numbers, rows, tree, versions};
use crate::vocabulary::file::File;
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::path;
use crate::vocabulary::revision::Revision;
use core::ops::ControlFlow;
use quorate_pbft::PublicKey;

impl Applier<'_, '_> {
    /// Whether the file that its author moves away from a path, or deletes there, never stood there, and another does, there or
    /// on the way, or did before others moved it. The other stays, and is the newest side of its conflict.
    pub(super) fn leaves_unseen(
        &mut self,
        path: &str,
        leaving: Option<File>,
        view: &AuthorView,
    ) -> Result<bool, StoreError> {
        let Some(leaving) = leaving.filter(|_| self.place.rules >= MOVES_STAY_WHOLE_SINCE) else { return Ok(false) };
        let Some((place, there)) = self.on_the_way(path)? else { return Ok(false) };
        let is_elsewhere = there.file.is_none() && (there.conflict.is_some() || there.author == self.author());
        if is_elsewhere || self.is_of_author(&there)? || self.has_stood(path, leaving, view.first())? {
            return Ok(false);
        }
        match there.conflict {
            Some(id) => self.rejoin(&id, side_of(place, &there))?,
            None => self.applied.note(path, PathOutcome::Merged, Rung::OneSided),
        }
        Ok(true)
    }

    /// File that stands at a path, or was moved away from it, or else stands where a folder of it would be; with its path.
    fn on_the_way<'p>(&self, path: &'p str) -> Result<Option<(&'p str, FileRecord)>, StoreError> {
        let here = self.record(path)?.filter(|record| record.file.is_some() || record.moved_to.is_some());
        if let Some(here) = here {
            return Ok(Some((path, here)));
        }
        for folder in path::folders(path) {
            if self.overlay.is_listed(self.domain, folder)? {
                return Ok(self.record(folder)?.map(|record| (folder, record)));
            }
        }
        Ok(None)
    }

    /// Whether the author made what stands there, or where others moved it: it holds what became of the author's file. From
    /// rules 16 on the author's file that others brought there unseen is none.
    fn is_of_author(&mut self, there: &FileRecord) -> Result<bool, StoreError> {
        let further = there.moved_to.as_ref().map(|to| self.record(to)).transpose()?.flatten();
        for record in [Some(there), further.as_ref()].into_iter().flatten() {
            if record.author == self.author() && self.is_by_author(record)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether an envelope of the author made a path what it is, as far as execution may know. Its row is read once: what it wrote is
    /// in it, and files that leave are often those of one envelope.
    fn is_by_author(&mut self, record: &FileRecord) -> Result<bool, StoreError> {
        if self.place.rules < FILES_KEEP_AUTHORS_SINCE || record.envelope == Some(self.id) {
            return Ok(true);
        }
        let Some(envelope) = record.envelope else { return Ok(false) };
        let author = self.author();
        if let Some(is_own) = self.own.get(&(envelope, author)) {
            return Ok(*is_own);
        }
        let is_own = self.is_known_of(&author, &envelope)?;
        self.own.insert((envelope, author), is_own);
        Ok(is_own)
    }

    /// A row that execution may not know says no, and so does one that is not there: replicas forget such rows, or keep them. Of
    /// the row nothing is decoded but its place, for it has all that its envelope wrote.
    fn is_known_of(&self, author: &PublicKey, envelope: &EnvelopeId) -> Result<bool, StoreError> {
        let key = numbers::key_of_envelope(self.overlay, envelope)?;
        let Some(key) = key.filter(|key| rows::is_number_of(key, self.domain, author)) else { return Ok(false) };
        let Some(row) = self.overlay.bytes(Live::Past, &key)? else { return Ok(false) };
        let (ordinal, slot) = numbers::place_of(&row)?;
        let sequence: Option<Sequence> = self.overlay.get(self.domain, &name::sequence(author))?;
        Ok(sequence.is_some_and(|sequence| numbers::is_known(ordinal, slot, &sequence, self.place.floor)))
    }

    /// Whether this file has stood at a path since a revision, or any file in that revision. Each later version is a look; out
    /// of looks, it has. The version of that revision is none, as a replica may have forgotten that nothing was there.
    fn has_stood(&mut self, path: &str, file: File, since: Revision) -> Result<bool, StoreError> {
        let (record, mut has_stood) = (self.record(path)?, false);
        let (of, budget) = ((self.domain, &tree::key_of(&name::file(path))), &mut self.budget);
        versions::back_from(self.overlay, of, record.as_ref(), self.revision, &mut |at, version| {
            let is_seen = at <= since;
            let is_known = version.file == Some(file) || is_seen && version.file.is_some();
            has_stood = is_known || !is_seen && !budget.take_looks(1);
            if has_stood || is_seen { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(has_stood)
    }
}
