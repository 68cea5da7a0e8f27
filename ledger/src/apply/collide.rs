//! A path cannot be both a file and a folder.

use super::Applier;
use super::dispute::side_of;
use super::merge::Disagreement;
use crate::format::rules::POLICIES_BIND_SINCE;
use crate::state::abort::Abort;
use crate::state::author_view::AuthorView;
use crate::state::store::StoreError;
use crate::vocabulary::file::File;
use crate::vocabulary::path;
use crate::vocabulary::verdict::Code;

/// Files below a path of which it is asked whether the author saw them. The first of a folder that the author saw is
/// nearly always one that the author saw.
const CHILDREN_ASKED_MAX: usize = 256;

impl Applier<'_, '_> {
    /// Whether a file may come to stand at `path`. If the author could see what is in the way, that is a refusal; if
    /// somebody else put it there meanwhile, a structural conflict at the file's path, and the answer is no.
    pub(super) fn has_room(&mut self, path: &str, made: File, view: &AuthorView) -> Result<bool, Abort> {
        Ok(self.has_folder(path, made, view)? && self.is_no_folder(path, made, view)?)
    }

    /// Whether nothing stands or is in dispute at `path`, on the way to it or below it, and nothing is promised below it.
    pub(super) fn is_free(&self, path: &str) -> Result<bool, StoreError> {
        for folder in path::folders(path) {
            if self.overlay.is_listed(self.domain, folder)? {
                return Ok(false);
            }
        }
        let is_gone = self.record(path)?.is_none_or(|record| record.is_gone());
        let is_promised = self.overlay.promise_below(self.domain, path)?.is_some();
        Ok(is_gone && !is_promised && !self.overlay.has_below(self.domain, path)?)
    }

    /// Refuses a file where a transaction over several groups needs a folder.
    pub(super) fn has_no_promise_below(&self, path: &str) -> Result<(), Abort> {
        let Some(id) = self.overlay.promise_below(self.domain, path)? else { return Ok(()) };
        Err(Abort::at(
            Code::PathIsFolder,
            path,
            &format!("the transaction {id}, which is not decided, writes below it"),
        ))
    }

    /// Whether no folder on the way to `path` is a file.
    fn has_folder(&mut self, path: &str, made: File, view: &AuthorView) -> Result<bool, Abort> {
        for folder in path::folders(path) {
            if !self.overlay.is_listed(self.domain, folder)? {
                continue;
            }
            let Some(record) = self.record(folder)?.filter(|record| record.file.is_some()) else {
                continue;
            };
            if view.file(self.overlay, self.domain, folder)?.is_some() {
                return Err(Abort::at(Code::PathIsFile, folder, "a file stands where a folder is needed"));
            }
            if self.place.rules >= POLICIES_BIND_SINCE && !self.may_dispute(folder)? {
                let why = "a file stands where a folder is needed, and its rule leaves it to others";
                return Err(Abort::at(Code::PathIsFile, folder, why));
            }
            let there = side_of(folder, &record);
            let why = Disagreement::structural("one side made a file where the other made a folder");
            self.dispute(folder, None, there, (path, Some(made)), why)?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Whether no file stands below `path`, or is to come there by a transaction over several groups.
    fn is_no_folder(&mut self, path: &str, made: File, view: &AuthorView) -> Result<bool, Abort> {
        self.has_no_promise_below(path)?;
        let children = self.overlay.below(self.domain, path, CHILDREN_ASKED_MAX)?;
        for child in &children {
            if view.file(self.overlay, self.domain, child)?.is_some() {
                return Err(Abort::at(Code::PathIsFolder, path, "a folder stands where a file is to be"));
            }
        }
        let Some(child) = children.first() else {
            return Ok(true);
        };
        let record = self.record(child)?.unwrap_or_else(|| self.fresh());
        let there = side_of(child, &record);
        let why = Disagreement::structural("one side made a folder where the other made a file");
        self.dispute(path, None, there, (path, Some(made)), why)?;
        Ok(false)
    }
}
