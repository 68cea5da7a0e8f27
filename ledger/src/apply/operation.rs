//! Operations against the current files: applied, merged, or kept as a side of a conflict.

use super::Applier;
use super::dispute::side_of;
use super::merge::{Disagreement, ThreeWay};
use super::strategy::Answer;
use crate::format::change::Op;
use crate::format::constants::GROUP;
use crate::format::receipt::{PathOutcome, Rung};
use crate::format::rules::{MOVES_STAY_WHOLE_SINCE, UNSEEN_STAYS_SINCE};
use crate::state::abort::Abort;
use crate::state::author_view::AuthorView;
use crate::state::record::FileRecord;
use crate::state::store::StoreError;
use crate::vocabulary::conflict::Ending;
use crate::vocabulary::file::File;
use crate::vocabulary::path;
use crate::vocabulary::verdict::Code;
use std::borrow::Cow;

/// Renames of others that an edit follows. A longer row of them is a conflict.
const MOVES_FOLLOWED_MAX: usize = 16;

impl Applier<'_, '_> {
    /// Applies an operation; afterwards it is part of the author's view.
    pub(super) fn operation(&mut self, op: &Op, view: &mut AuthorView) -> Result<(), Abort> {
        match op {
            _ if self.domain == GROUP => self.govern(op)?,
            Op::Put { path, mode, content } => {
                let made = self.named(path, *mode, *content, view)?;
                self.guard(path, Some(&made), view)?;
                let base = view.file(self.overlay, self.domain, path)?;
                self.edit(path, base, Some(made), view)?;
                view.write(path, Some(made));
            }
            Op::Delete { path } => {
                let base = match view.file(self.overlay, self.domain, path)? {
                    None if self.sees_conflict(path, view)? => None,
                    _ => Some(self.seen(path, view)?),
                };
                self.guard(path, None, view)?;
                self.edit(path, base, None, view)?;
                view.write(path, None);
            }
            Op::Rename { from, to } => {
                let base = self.seen(from, view)?;
                if view.file(self.overlay, self.domain, to)?.is_some() {
                    return Err(Abort::at(Code::PathIsFile, to, "a file stands where another is to be moved"));
                }
                self.guard(from, None, view)?;
                self.guard(to, Some(&base), view)?;
                view.write(from, None);
                self.rename(from, to, base, view)?;
                view.write(to, Some(base));
            }
            Op::Acquire { path, mode, lease_ms, wait_ms } => self.acquire(path, *mode, *lease_ms, *wait_ms)?,
            Op::Release { path } => self.release(path)?,
            Op::Fence { token } => self.fence(*token)?,
            Op::Anchor { revision } => self.anchored(*revision),
            Op::Enter { .. } => (),   // validation has brought the change here
            Op::Prepare { .. } => (), // for the whole change
            Op::Decide { transaction, commit, proofs } => self.decide_branch((transaction, *commit, proofs), view)?,
            Op::Enrol { .. } | Op::Revoke { .. } | Op::Rotate { .. } => self.govern(op)?,
            Op::Propose { .. } | Op::Suggest { .. } => self.govern(op)?,
            Op::Approve { .. } | Op::Attest { .. } | Op::Vote { .. } | Op::Withdraw { .. } => self.govern(op)?,
            Op::Ready { .. } => self.govern(op)?,
        }
        Ok(())
    }

    /// Whether the author sees a conflict at a path, so that there is something to settle where nothing is served.
    fn sees_conflict(&self, path: &str, view: &AuthorView) -> Result<bool, Abort> {
        match self.record(path)?.and_then(|record| record.conflict) {
            Some(id) => Ok(self.may_settle(&id, view.first())?),
            None => Ok(false),
        }
    }

    /// File that the author sees at a path; there must be one.
    fn seen(&self, path: &str, view: &AuthorView) -> Result<File, Abort> {
        let file = view.file(self.overlay, self.domain, path)?;
        file.ok_or_else(|| Abort::at(Code::MissingPath, path, "no such file in the base of the change"))
    }

    /// Makes `made` of what was `base` in the author's view.
    fn edit(&mut self, path: &str, base: Option<File>, made: Option<File>, view: &AuthorView) -> Result<(), Abort> {
        let record = self.record(path)?;
        if base.is_some() {
            self.renamed.clear(); // it is no new file: what is known of folders may change
        }
        if made.is_none() && self.leaves_unseen(path, base, view)?
            || self.meets_conflict(path, &record, (path, made), view)?
        {
            return Ok(());
        }
        if let (Some(base), Some(FileRecord { file: None, moved_to: Some(to), since, .. })) = (base, &record)
            && *since > view.first()
        {
            return self.edit_moved(path, to, base, made, view);
        }
        if base.is_none()
            && record.as_ref().is_none_or(|record| record.file.is_none())
            && let (Some(file), Some(to)) = (made, self.renamed_folder(path, view)?)
            && (self.place.rules < MOVES_STAY_WHOLE_SINCE || path::check_new(&to).is_ok() && self.is_free(&to)?)
            && self.admits(path, &to, Some(&file))?
        {
            return self.add_moved(path, &to, made, view);
        }
        self.lay(path, base, record, made, view)
    }

    /// A new file of a folder that somebody renamed meanwhile comes to where the folder went; the author's own chain
    /// finds it there.
    fn add_moved(&mut self, path: &str, to: &str, made: Option<File>, view: &AuthorView) -> Result<(), Abort> {
        self.is_unlocked(to)?;
        let record = self.record(to)?;
        if self.meets_conflict(to, &record, (to, made), view)? {
            return Ok(());
        }
        self.set(path, None, Some(to))?;
        self.lay(to, None, record, made, view)?;
        self.applied.note(to, PathOutcome::Merged, Rung::OneSided);
        Ok(())
    }

    /// Handles a path in conflict: settles it if the author has seen it, else joins. Says whether it was.
    fn meets_conflict(
        &mut self,
        path: &str,
        record: &Option<FileRecord>,
        made: (&str, Option<File>),
        view: &AuthorView,
    ) -> Result<bool, Abort> {
        let Some((record, id)) = record.as_ref().and_then(|record| Some((record, record.conflict?))) else {
            return Ok(false);
        };
        if !self.may_settle(&id, view.first())? {
            let why = Disagreement::structural("the path is in conflict");
            self.dispute(path, None, side_of(path, record), made, why)?;
            return Ok(true);
        }
        let file = made.1.filter(|_| made.0 == path);
        let has_room = match file {
            Some(file) if record.file.is_none() => self.has_room(path, file, view)?,
            _ => true,
        };
        if has_room {
            let moved_to = (made.0 != path).then_some(made.0);
            self.settle(path, &id, file, moved_to, (Ending::Change, None))?;
        }
        Ok(true)
    }

    /// The edit of a file that somebody moved meanwhile goes to where the file went, if its author may edit it there.
    fn edit_moved(
        &mut self,
        path: &str,
        to: &str,
        base: File,
        made: Option<File>,
        view: &AuthorView,
    ) -> Result<(), Abort> {
        let mut place = to.to_owned();
        for _ in 0..MOVES_FOLLOWED_MAX {
            let record = self.record(&place)?;
            if let Some(FileRecord { file: None, conflict: None, moved_to: Some(next), since, .. }) = &record
                && *since > view.first()
            {
                place = next.clone();
                continue;
            }
            if made.is_none() && record.as_ref().is_some_and(FileRecord::is_gone) {
                self.applied.note(&place, PathOutcome::Merged, Rung::OneSided);
                return Ok(());
            }
            if !self.admits(path, &place, made.as_ref())? {
                let there = side_of(&place, &record.unwrap_or_else(|| self.fresh()));
                let why = Disagreement::of_rule("the file was moved to where its editor may not do this");
                return self.dispute(path, Some(base), there, (path, made), why);
            }
            self.is_unlocked(&place)?;
            if self.meets_conflict(&place, &record, (&place, made), view)? {
                return Ok(());
            }
            match record {
                Some(FileRecord { file: Some(_), .. }) if made.is_some() => {
                    self.lay(&place, Some(base), record, made, view)?;
                    self.applied.note(&place, PathOutcome::Merged, Rung::OneSided);
                    return Ok(());
                }
                record => {
                    let there = side_of(&place, &record.unwrap_or_else(|| self.fresh()));
                    let why = Disagreement::structural("one side moved the file, the other deleted it");
                    return self.dispute(&place, Some(base), there, (&place, made), why);
                }
            }
        }
        let there = side_of(path, &self.fresh());
        let why = Disagreement::structural("the file was moved too often to follow");
        self.dispute(path, Some(base), there, (path, made), why)
    }

    /// Lays an edit over what stands at a path that is not in conflict.
    fn lay(
        &mut self,
        path: &str,
        base: Option<File>,
        record: Option<FileRecord>,
        made: Option<File>,
        view: &AuthorView,
    ) -> Result<(), Abort> {
        let before = record.as_ref();
        let record = before.map_or_else(|| Cow::Owned(self.fresh()), Cow::Borrowed);
        let current = record.file;
        match self.answer(path, &record, ThreeWay { base, current, made })? {
            Answer::Set(file, outcome, rung) => {
                if let (None, Some(file)) = (current, file)
                    && !self.has_room(path, file, view)?
                {
                    return Ok(());
                }
                if file != current {
                    self.set_over(path, before, file, None)?;
                } else if file != made && self.place.rules >= MOVES_STAY_WHOLE_SINCE {
                    self.applied.unserved += 1;
                }
                self.applied.note(path, outcome, rung);
                Ok(())
            }
            Answer::Dispute(why) => self.dispute(path, base, side_of(path, &record), (path, made), why),
        }
    }

    /// Moves a file; what others did to it meanwhile goes along.
    fn rename(&mut self, from: &str, to: &str, base: File, view: &AuthorView) -> Result<(), Abort> {
        let record = self.record(from)?;
        self.renamed.clear();
        if self.leaves_unseen(from, Some(base), view)? {
            return self.arrive(to, base, base, view);
        }
        let seen_conflict = record.as_ref().and_then(|record| record.conflict);
        let current = record.as_ref().and_then(|record| record.file);
        if let Some(others) = current.filter(|current| *current != base)
            && !self.takes_in(to, Some(&others))?
        {
            let there = side_of(from, &record.unwrap_or_else(|| self.fresh()));
            let why = Disagreement::of_rule("what others made of the file may not come to its new path unseen");
            return self.dispute(from, Some(base), there, (to, Some(base)), why);
        }
        if self.meets_conflict(from, &record, (to, Some(base)), view)? {
            // Joined: nothing moves before somebody settles it. Settled: what is served moves, or else what the author saw.
            return match seen_conflict {
                Some(id) if self.applied.conflicts.contains(&id) => Ok(()),
                _ => self.arrive_or_stay((from, to), base, record.as_ref(), view).map(drop),
            };
        }
        match current {
            Some(current) => {
                self.set(from, None, Some(to))?;
                let outcome = if current == base { PathOutcome::Applied } else { PathOutcome::Merged };
                if !self.arrive_or_stay((from, to), base, record.as_ref(), view)? {
                    self.applied.note(from, outcome, Rung::OneSided);
                }
                Ok(())
            }
            None => self.rename_gone(from, to, base, record.unwrap_or_else(|| self.fresh())),
        }
    }

    /// The moved file comes to its new place. Where it meets there what its author has not seen, and does not stand in the end,
    /// it is back where it was as well. Whether it is.
    fn arrive_or_stay(
        &mut self,
        (from, to): (&str, &str),
        base: File,
        before: Option<&FileRecord>,
        view: &AuthorView,
    ) -> Result<bool, Abort> {
        let (current, unserved) = (before.and_then(|before| before.file), self.applied.unserved);
        let moved = current.unwrap_or(base);
        self.arrive(to, base, moved, view)?;
        if current.is_none() || self.place.rules < UNSEEN_STAYS_SINCE {
            return Ok(false);
        }
        let is_lost = self.applied.unserved > unserved
            || self.place.rules < MOVES_STAY_WHOLE_SINCE && self.is_overruled(to, moved)?;
        let stays = is_lost && self.is_free(from)?;
        if let Some(before) = before.filter(|_| stays) {
            let mover = core::mem::replace(&mut self.author, before.author);
            self.set(from, current, None)?;
            self.author = mover;
            self.applied.stayed.insert(from.to_owned());
        }
        Ok(stays)
    }

    /// Whether a moved file does not stand where it came to, which its folder may have been renamed to: there is what was before.
    /// By rules 14, which take a file that was put back there for the moved one.
    fn is_overruled(&self, to: &str, moved: File) -> Result<bool, StoreError> {
        let record = self.record(to)?;
        let further = record.as_ref().filter(|record| record.file.is_none() && record.since == self.revision);
        let record = match further.and_then(|record| record.moved_to.as_deref()) {
            Some(further) => self.record(further)?,
            None => record,
        };
        Ok(record.is_some_and(|record| record.file != Some(moved) && record.since != self.revision))
    }

    /// The moved file comes to its new place.
    fn arrive(&mut self, to: &str, base: File, moved: File, view: &AuthorView) -> Result<(), Abort> {
        self.edit(to, None, Some(moved), view)?;
        if moved != base {
            self.applied.note(to, PathOutcome::Merged, Rung::OneSided);
        }
        Ok(())
    }

    /// The file to be moved is not there any more.
    fn rename_gone(&mut self, from: &str, to: &str, base: File, record: FileRecord) -> Result<(), Abort> {
        let there = self.record(to)?.filter(|there| there.file.is_some());
        let is_same = there.as_ref().is_some_and(|there| there.file == Some(base) && there.conflict.is_none());
        let is_there = record.moved_to.as_deref() == Some(to) || is_same && self.place.rules >= MOVES_STAY_WHOLE_SINCE;
        let unseen = there.filter(|there| there.file != Some(base));
        let is_unseen = unseen.is_some() && self.place.rules >= MOVES_STAY_WHOLE_SINCE;
        let (there, why) = match (&record.moved_to, unseen) {
            _ if is_there => {
                self.applied.note(to, PathOutcome::Merged, Rung::OneSided);
                return Ok(());
            }
            (_, Some(unseen)) if self.place.rules >= UNSEEN_STAYS_SINCE => {
                (side_of(to, &unseen), "one side moved a file, the other deleted it and made one in its new place")
            }
            (Some(other), _) => {
                let moved = self.record(other)?.unwrap_or_else(|| self.fresh());
                (side_of(other, &moved), "the sides moved it to different places")
            }
            (None, _) => (side_of(from, &record), "one side moved the file, the other deleted it"),
        };
        let common = Some(base).filter(|_| !is_unseen);
        self.dispute(to, common, there, (to, Some(base)), Disagreement::structural(why))
    }
}
