//! Renamed folders: what others added to a folder goes where its files went.
//!
//! The rule is the merge layer's ([`Renames`]): a folder was renamed where every file that it had went to one other
//! folder and nothing was left. Its trees are those of one folder, so that a rename costs what it touches.

use super::Applier;
use crate::format::receipt::{PathOutcome, Rung};
use crate::format::rules::FILES_KEEP_AUTHORS_SINCE;
use crate::state::abort::Abort;
use crate::state::author_view::AuthorView;
use crate::state::overlay::path_of;
use crate::state::record::FileRecord;
use crate::state::rows;
use crate::state::store::{Live, ReadLive, StoreError};
use crate::vocabulary::file::File;
use crate::vocabulary::path;
use crate::vocabulary::shelter::sheltered;
use core::ops::ControlFlow;
use quorate_pbft::Digest;
use quorate_semantic::Renames;
use std::collections::{BTreeMap, BTreeSet};

/// Files of a folder that are looked through, those that were there within the horizon included. A new file of a larger folder stays
/// where its author put it.
const FILES_MAX: usize = 256;
/// Rows that are read of a folder that has more files than that.
const KNOWN_READ_MAX: usize = 2 * (FILES_MAX + 1);
/// Renames of others that one file is followed through.
const MOVES_MAX: usize = 16;

impl Applier<'_, '_> {
    /// Folder to which a file that its author adds belongs, if others renamed its folder meanwhile.
    pub(super) fn renamed_folder(&mut self, path: &str, view: &AuthorView) -> Result<Option<String>, StoreError> {
        let Some(folder) = self.empty_folder(path)? else { return Ok(None) };
        if !self.renamed.contains_key(folder) {
            let renames = self.renames_of_others(folder, view)?;
            self.renamed.insert(folder.to_owned(), renames);
        }
        let renames = self.renamed.get(folder).and_then(Option::as_ref);
        Ok(renames.and_then(|renames| follow(renames, path)))
    }

    /// The highest folder above a path with no file in it. The lowest is asked first: if it has one, so have all above it.
    fn empty_folder<'p>(&self, path: &'p str) -> Result<Option<&'p str>, StoreError> {
        let folders: Vec<&str> = path::folders(path).collect();
        let is_full = |folder: &str| self.overlay.has_below(self.domain, folder);
        match folders.last() {
            Some(lowest) if !is_full(lowest)? => (),
            _ => return Ok(None),
        }
        let (mut full, mut empty) = (0, folders.len() - 1); // those before `full` have files, those from `empty` on none
        while full < empty {
            let middle = (full + empty) / 2;
            (full, empty) = if is_full(folders[middle])? { (middle + 1, empty) } else { (full, middle) };
        }
        Ok(Some(folders[empty]))
    }

    /// Renames of a folder of which nothing is left: the new places of the files that the author saw there. New files
    /// of one folder ask once.
    fn renames_of_others(&mut self, folder: &str, view: &AuthorView) -> Result<Option<Renames>, StoreError> {
        if self.is_out_of_looks() {
            return Ok(None);
        }
        let Some(known) = self.known_below(folder)? else {
            self.has_looked_at(KNOWN_READ_MAX);
            return Ok(None);
        };
        if !self.budget.take_looks(known.len()) {
            self.has_looked_at(known.len()); // none is left
            return Ok(None);
        }
        let (mut seen, mut there, mut told) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for old in &known {
            let Some(file) = view.file(self.overlay, self.domain, old)? else { continue };
            seen.insert(old.clone(), file.content);
            if let Some((to, file)) = self.went(old, view)? {
                there.insert(to.clone(), file.content);
                told.push((old.clone(), to));
            }
        }
        let told: Vec<(&str, &str)> = told.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
        let renames = || sheltered(|| Renames::of(&tree(&seen), &tree(&there), &told));
        Ok((!seen.is_empty()).then(renames).flatten())
    }

    /// New path of a file that others moved since the author looked, and the file there now.
    fn went(&self, path: &str, view: &AuthorView) -> Result<Option<(String, File)>, StoreError> {
        let mut place = path.to_owned();
        for _ in 0..MOVES_MAX {
            match self.record(&place)? {
                Some(FileRecord { file: None, moved_to: Some(to), since, .. }) if since > view.first() => place = to,
                Some(FileRecord { file: Some(file), .. }) if place != path => return Ok(Some((place, file))),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// After a change that renamed whole folders: what others added to them, unseen by the author, goes along.
    pub(super) fn take_along(&mut self, moves: &BTreeMap<String, String>, view: &AuthorView) -> Result<(), Abort> {
        let folders: BTreeSet<&str> = moves.keys().flat_map(|from| path::folders(from)).collect();
        for folder in folders {
            if self.has_stayed(folder) {
                continue; // it was not renamed as a whole
            }
            for (from, to) in self.left_behind(folder, moves, view)? {
                self.move_along(&from, &to)?;
            }
        }
        Ok(())
    }

    /// Whether a file of a folder that was to be moved is where it was.
    fn has_stayed(&self, folder: &str) -> bool {
        let folder = format!("{folder}/");
        self.applied.stayed.range(folder.clone()..).next().is_some_and(|path| path.starts_with(&folder))
    }

    /// Files that stand in a folder whose files the author all moved to one other, with where they belong.
    fn left_behind(
        &mut self,
        folder: &str,
        moves: &BTreeMap<String, String>,
        view: &AuthorView,
    ) -> Result<Vec<(String, String)>, StoreError> {
        if self.is_out_of_looks() {
            return Ok(Vec::new());
        }
        self.has_looked_at(1);
        let left = self.overlay.below(self.domain, folder, FILES_MAX)?;
        if left.is_empty() {
            return Ok(Vec::new());
        }
        let Some(known) = self.known_below(folder)? else {
            self.has_looked_at(left.len() + KNOWN_READ_MAX);
            return Ok(Vec::new());
        };
        let looks = left.len() + known.len();
        if !self.budget.take_looks(looks) {
            self.has_looked_at(looks);
            return Ok(Vec::new());
        }
        for path in &left {
            let is_news =
                self.record(path)?.is_some_and(|record| record.since > view.first() && record.conflict.is_none());
            if !is_news || view.file(self.overlay, self.domain, path)?.is_some() {
                return Ok(Vec::new());
            }
        }
        let (mut seen, mut there) = (BTreeMap::new(), BTreeMap::new());
        let before = AuthorView::of_revision(view.first());
        for path in known {
            if let Some(file) = before.file(self.overlay, self.domain, &path)? {
                seen.insert(path, file.content);
            }
        }
        if seen.is_empty() {
            return Ok(Vec::new());
        }
        let told: Vec<(&str, &str)> = below(moves, folder).collect();
        for (from, to) in &told {
            there.extend(seen.get(*from).map(|content| ((*to).to_owned(), *content)));
        }
        let Some(renames) = sheltered(|| Renames::of(&tree(&seen), &tree(&there), &told)) else {
            return Ok(Vec::new());
        };
        Ok(left.into_iter().filter_map(|path| Some((path.clone(), follow(&renames, &path)?))).collect())
    }

    /// Moves a file that the author of the rename has not seen: it stays its own author's (rules 16).
    fn move_along(&mut self, from: &str, to: &str) -> Result<(), Abort> {
        let Some(record) = self.record(from)? else { return Ok(()) };
        let Some(file) = record.file else { return Ok(()) };
        if self.is_locked(from)? || self.is_locked(to)? {
            return Ok(()); // somebody keeps it where it is
        }
        if !self.takes_in(from, None)? || !self.takes_in(to, Some(&file))? || !self.is_free(to)? {
            return Ok(()); // it stays where its author put it
        }
        self.set(from, None, Some(to))?;
        let mover = self.author;
        if self.place.rules >= FILES_KEEP_AUTHORS_SINCE {
            self.author = record.author;
        }
        self.set(to, Some(file), None)?;
        self.author = mover;
        self.applied.note(from, PathOutcome::Merged, Rung::OneSided);
        self.applied.note(to, PathOutcome::Merged, Rung::OneSided);
        Ok(())
    }

    /// Every path below a folder where a file stands or stood within the horizon; none where there are too many.
    fn known_below(&self, folder: &str) -> Result<Option<Vec<String>>, StoreError> {
        let (from, to) = rows::below_path(&rows::listed(self.domain, &format!("{folder}/")));
        let mut found = self.first_paths(Live::Names, (&from, &to), 0)?;
        found.extend(self.first_paths(Live::Index, (&rows::fileless(&from), &rows::fileless(&to)), 1)?);
        Ok((found.len() <= FILES_MAX).then(|| found.into_iter().collect()))
    }

    /// The first paths in a range of a table, one more than are looked through; a key begins with `kind` bytes of its kind.
    fn first_paths(
        &self,
        table: Live,
        (from, to): (&[u8], &[u8]),
        kind: usize,
    ) -> Result<BTreeSet<String>, StoreError> {
        let mut found = Vec::new();
        self.overlay.stored().scan(table, from, to, &mut |key, _| {
            found.push(path_of(&key[kind..]));
            if found.len() <= FILES_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        found.into_iter().collect()
    }
}

/// Path at which the merge layer puts a new file; none where it stays.
fn follow(renames: &Renames, path: &str) -> Option<String> {
    let to = renames.follow(path);
    (to != path).then_some(to)
}

/// The moves of files below a folder.
fn below<'m>(moves: &'m BTreeMap<String, String>, folder: &str) -> impl Iterator<Item = (&'m str, &'m str)> {
    let folder = format!("{folder}/");
    let from = moves.range(folder.clone()..).map(|(from, to)| (from.as_str(), to.as_str()));
    from.take_while(move |(from, _)| from.starts_with(&folder))
}

fn tree(files: &BTreeMap<String, Digest>) -> BTreeMap<&str, Digest> {
    files.iter().map(|(path, content)| (path.as_str(), *content)).collect()
}
