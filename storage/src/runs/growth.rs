//! Growth of the runs: each fold adds one, and merges keep them few.

use super::cursor::Cursor;
use super::folder::{Folder, Reserve};
use super::heads::Heads;
use super::list::{Runs, takes};
use super::mark::{Manifest, Mark};
use super::merge::{Merge, READ_BYTES, Stopped};
use super::row::{Kind, kind_of};
use super::run::Run;
use super::sizes::Sizes;
use super::writer::Writer;
use crate::memory::MemTable;
use crate::tables::Name;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// Runs that are merged, at least.
const FAN: usize = 4;

/// Rows of a table for each removed one below which all runs are merged, whatever their sizes; and where room is short.
const ROWS_FOR_REMOVED: u64 = 5;
const ROWS_FOR_REMOVED_IF_SHORT: u64 = 16;

/// Bytes of all tables for each byte of removed rows of one below which these are worth a merge of all.
const BYTES_FOR_REMOVED: u64 = 64;

/// Merges in steps at a time: each one has at most a quarter of the bytes of the one begun before it.
const MAJORS_MAX: usize = 4;

/// Bytes that merges in steps go on by together, for each byte of the fold before them. A row is merged so about once for each
/// time that the runs become four times as large: four times up to 8 GiB. With no more than that merges would never be ahead.
const STEPS_FOR_FOLDED: u64 = 8;

/// The same at most, in least steps: a stop waits for it.
const STEPS_MAX: u64 = 32;

/// Folds until a merge that found no room, or that the disk failed, is tried again.
const FOLDS_TO_NEXT_TRY: u64 = 32;

/// Errors of a merge that the disk does not take.
const NO_ROOM: &str = "No space left on device for a file as large as all runs together";
const NOT_WRITTEN: &str = "the file that they are merged into cannot be written";

/// Writer of runs: one fold at a time.
pub(crate) struct Growth {
    folder: Arc<dyn Folder>,
    heads: Arc<Heads>,
    sizes: Sizes,
    next: u64,
    /// The newest first: those in force, but for merges that have ended since the last fold.
    list: Vec<Arc<Run>>,
    in_force: Runs,
    /// Merges in steps, of older and older and larger and larger runs.
    majors: Vec<Merge>,
    /// Runs that others have taken the place of, until nobody reads them.
    retired: Vec<Arc<Run>>,
    /// Folds until merges of so many bytes are tried again.
    pause: (u64, u64),
    /// Whether files that no run in force has were removed since the start.
    is_swept: bool,
    /// Whether the next fold lists the runs, changed or not.
    is_told_anew: bool,
}

impl Growth {
    /// Opens the runs of a manifest; see [`Runs::fault`].
    pub(crate) fn open(manifest: Manifest, folder: Arc<dyn Folder>, sizes: Sizes) -> Self {
        let heads = Arc::new(Heads::new(sizes.heads));
        let open = |mark| Arc::new(Run::open(mark, &folder, &heads));
        let list: Vec<_> = manifest.runs.into_iter().map(open).collect();
        let in_force = Runs { list: list.clone().into() };
        let (majors, retired, pause, is_swept, is_told_anew) = Default::default();
        let next = list.iter().map(|run| run.mark.number + 1).fold(manifest.next, u64::max);
        Self { folder, heads, sizes, next, list, in_force, majors, retired, pause, is_swept, is_told_anew }
    }

    /// The same in a database of an older format, which the next fold makes one of this format.
    pub(crate) fn told_anew(mut self) -> Self {
        self.is_told_anew = true;
        self
    }

    /// The runs in force.
    pub(crate) fn in_force(&self) -> Runs {
        self.in_force.clone()
    }

    /// Writes the rows of a fold that belong into runs; the list that comes into force with the fold's commit, none
    /// where it is the one in force.
    pub(crate) fn fold(&mut self, rows: &MemTable) -> io::Result<Option<Manifest>> {
        self.sweep();
        if let Some(run) = self.write(rows)? {
            self.list.insert(0, run);
        }
        let is_same =
            self.list.iter().map(|run| run.mark.number).eq(self.in_force.list.iter().map(|run| run.mark.number));
        if is_same && !self.is_told_anew {
            return Ok(None);
        }
        self.folder.sync()?;
        Ok(Some(Manifest { next: self.next, runs: self.list.iter().map(|run| run.mark.clone()).collect() }))
    }

    /// The commit of the fold is durable.
    pub(crate) fn committed(&mut self) -> Runs {
        let before = std::mem::replace(&mut self.in_force, Runs { list: self.list.clone().into() });
        let replaced = before.list.iter().filter(|run| !listed(&self.list, run)).cloned();
        self.retired.extend(replaced);
        self.is_told_anew = false;
        self.in_force.clone()
    }

    /// Merges what is due after a fold of so many bytes. A merge that cannot go on is left: its runs stay in force.
    pub(crate) fn merge(&mut self, folded: u64, is_short: bool) {
        self.remove_retired();
        self.pause.0 = self.pause.0.saturating_sub(1);
        while let Some(merge) = self.next_merge(is_short) {
            match self.is_major(merge.inputs()) {
                true => self.majors.push(merge),
                false => drop(self.go_on(merge, u64::MAX)),
            }
        }
        let step = self.sizes.step;
        let majors = std::mem::take(&mut self.majors);
        let share = (STEPS_FOR_FOLDED * folded).clamp(step, STEPS_MAX * step) / majors.len().max(1) as u64;
        for merge in majors {
            let merge = self.go_on(merge, share);
            self.majors.extend(merge);
        }
    }

    /// Whether another fold, of no rows, would go on with merges or give space back, where room is short. A merge that is due
    /// and has room counts before its pause is over, too: folds alone end it.
    pub(crate) fn has_work(&self) -> bool {
        let is_in_force =
            self.list.len() == self.in_force.list.len() && self.list.iter().all(|run| listed(&self.in_force.list, run));
        !self.majors.is_empty()
            || !is_in_force
            || self.retired.iter().any(|run| Arc::strong_count(run) == 1)
            || self.due(true, |inputs| self.may_begin(inputs)).is_some()
    }

    /// Damage that keeps runs from being merged.
    pub(crate) fn damage(&self) -> Option<String> {
        let run = self.list.iter().find(|run| run.is_left_unmerged())?;
        Some(format!(
            "{}: a row is not the one that was written, or cannot be read, so that the file cannot be merged",
            run.mark.file_name()
        ))
    }

    /// Rows of a table that are not as they were written, whether a newer one hides them or not.
    pub(crate) fn unsound(&self, name: Name) -> u64 {
        let count = |run| {
            let (mut rows, mut unsound) = (Cursor::through(run, name, READ_BYTES)?, 0);
            while let Some(row) = rows.row() {
                unsound += u64::from(!row.is_sound());
                rows.advance()?;
            }
            Ok::<_, io::Error>(unsound)
        };
        self.list.iter().map(|run| count(run).unwrap_or(1)).sum() // those behind one without its length are not known
    }

    /// Makes one run of all, without the rows that are not as they were written. The next fold puts it into force.
    pub(crate) fn leave_out_unsound(&mut self) -> io::Result<()> {
        self.sweep(); // while the list is the one in force
        self.give_up_majors();
        let inputs = self.list.clone();
        if !self.folder.has_room_for(bytes_of(&inputs), Reserve::MayBeUsed) {
            return Err(io::Error::new(ErrorKind::StorageFull, NO_ROOM));
        }
        let mut merge = self.begin(inputs.clone())?.of_sound();
        let number = merge.number();
        let stopped = |Stopped { run, .. }| {
            io::Error::other(run.map_or_else(|| NOT_WRITTEN.to_owned(), |run| run.mark.file_name() + " cannot be read"))
        };
        let ended = merge.go_on(u64::MAX).map_err(stopped).and_then(|_| merge.end(&self.heads));
        let run = ended.inspect_err(|_| self.give_up(number))?;
        self.put_in_place(&inputs, run);
        Ok(())
    }

    /// Goes on with a merge; gives it back if it has not ended.
    fn go_on(&mut self, mut merge: Merge, bytes: u64) -> Option<Merge> {
        let (number, inputs) = (merge.number(), merge.inputs().to_vec());
        let has_room = self.folder.has_room_for(bytes.min(merge.left()), Reserve::MayBeUsed);
        let no_room = || io::Error::from(ErrorKind::StorageFull).into();
        let merged = match if has_room { merge.go_on(bytes) } else { Err(no_room()) } {
            Ok(false) => return Some(merge),
            Ok(true) => merge.end(&self.heads).map_err(Stopped::from),
            Err(stopped) => Err(stopped),
        };
        match merged {
            Ok(run) => self.put_in_place(&inputs, run),
            Err(Stopped { run, error }) => {
                self.give_up(number);
                let meets_it_again = run.is_some(); // a smaller merge may read the same run
                if !run.is_some_and(|run| run.is_lost_by(&error)) {
                    self.pause = (FOLDS_TO_NEXT_TRY, if meets_it_again { 0 } else { bytes_of(&inputs) });
                }
            }
        }
        None
    }

    fn put_in_place(&mut self, inputs: &[Arc<Run>], run: Arc<Run>) {
        let at = self.list.iter().position(|listed| Arc::ptr_eq(listed, &inputs[0])).expect("its inputs are listed");
        self.list.splice(at..at + inputs.len(), [run]);
        let was_never_in_force = |input: &&Arc<Run>| !listed(&self.in_force.list, input);
        self.retired.extend(inputs.iter().filter(was_never_in_force).cloned());
    }

    /// Inputs of the next merge, if one is due: all runs, where many rows are removed; else as many of the newest as are of
    /// like size, and may begin.
    fn due(&self, is_short: bool, may_begin: impl Fn(&[Arc<Run>]) -> bool) -> Option<&[Arc<Run>]> {
        let free = self.list.iter().take_while(|run| !run.is_left_unmerged() && !self.is_merged(run)).count();
        let (free, is_all) = (&self.list[..free], free == self.list.len());
        let rows = if is_short { ROWS_FOR_REMOVED_IF_SHORT } else { ROWS_FOR_REMOVED };
        let of_all = (is_all && is_full_of_removed(free, rows) && may_begin(free)).then_some(free.len());
        let of_like_size = || (FAN..=alike(free)).rev().find(|count| may_begin(&free[..*count]));
        Some(&free[..of_all.or_else(of_like_size)?])
    }

    /// The next merge, if one is due, has room and was not given up lately.
    fn next_merge(&mut self, is_short: bool) -> Option<Merge> {
        let (folds, bytes) = self.pause;
        let is_paused = |inputs: &[Arc<Run>]| folds > 0 && bytes_of(inputs) >= bytes;
        let inputs = self.due(is_short, |inputs| !is_paused(inputs) && self.may_begin(inputs))?.to_vec();
        self.begin(inputs).inspect_err(|_| self.pause = (FOLDS_TO_NEXT_TRY, 0)).ok()
    }

    /// A merge of these runs, whose file is made.
    fn begin(&mut self, inputs: Vec<Arc<Run>>) -> io::Result<Merge> {
        let (number, is_lowest) = (self.next, inputs.len() == self.list.len());
        let file = self.folder.make(&Mark::name_of(number), false)?;
        self.next += 1;
        Ok(Merge::new(inputs, is_lowest, Writer::new(number, file, self.sizes)))
    }

    fn may_begin(&self, inputs: &[Arc<Run>]) -> bool {
        let bytes = bytes_of(inputs);
        if !self.is_major(inputs) {
            // What is small is merged on a full disk, too: files would become too many, and each is asked for a key.
            return self.folder.has_room_for(bytes, Reserve::MayBeUsed);
        }
        let has_turn = self.majors.len() < MAJORS_MAX
            && self.majors.last().is_none_or(|before| bytes <= bytes_of(before.inputs()) / FAN as u64);
        let under_way: u64 = self.majors.iter().map(Merge::left).sum();
        has_turn && self.folder.has_room_for(bytes + under_way, Reserve::Stays)
    }

    fn write(&mut self, rows: &MemTable) -> io::Result<Option<Arc<Run>>> {
        let mut writer = None;
        for name in Name::ALL.into_iter().filter(|name| name.table().is_some()) {
            rows.newest(name, None, |key, value| {
                if takes(name, key) {
                    let writer = match &mut writer {
                        Some(writer) => writer,
                        none => none.insert(self.writer()?),
                    };
                    let kind = kind_of(value);
                    let value = value.filter(|_| kind == Kind::Value).unwrap_or_default();
                    writer.put(name, key, kind, value)?;
                }
                Ok::<_, io::Error>(true)
            })?;
        }
        let Some(writer) = writer else { return Ok(None) };
        Ok(Some(Run::written(writer.end()?, &self.heads)?))
    }

    fn writer(&mut self) -> io::Result<Writer> {
        let number = self.next;
        self.next += 1;
        Ok(Writer::new(number, self.folder.make(&Mark::name_of(number), true)?, self.sizes))
    }

    /// Removes files of runs that are not in force: what a crash left. One that cannot be removed stays until the next start.
    fn sweep(&mut self) {
        if !std::mem::replace(&mut self.is_swept, true) {
            let known: Vec<u64> = self.list.iter().map(|run| run.mark.number).collect();
            let numbers = self.folder.names().unwrap_or_default().into_iter().filter_map(|name| Mark::number_in(&name));
            for number in numbers.filter(|number| !known.contains(number)) {
                let _ = self.folder.remove(&Mark::name_of(number));
            }
        }
    }

    /// Removes files of runs that nobody reads any more.
    fn remove_retired(&mut self) {
        let (read, unread) = std::mem::take(&mut self.retired).into_iter().partition(|run| Arc::strong_count(run) > 1);
        self.retired = read;
        for run in Vec::into_iter(unread) {
            let _ = self.folder.remove(&run.mark.file_name()); // else the next start's first fold removes it
        }
    }

    /// Removes the file of a merge that did not end.
    fn give_up(&self, number: u64) {
        let _ = self.folder.remove(&Mark::name_of(number)); // else the next start's first fold removes it
    }

    fn give_up_majors(&mut self) {
        std::mem::take(&mut self.majors).iter().for_each(|merge| self.give_up(merge.number()));
    }

    /// Whether a merge is done in steps.
    fn is_major(&self, inputs: &[Arc<Run>]) -> bool {
        bytes_of(inputs) > self.sizes.minor
    }

    fn is_merged(&self, run: &Arc<Run>) -> bool {
        self.majors.iter().any(|merge| listed(merge.inputs(), run))
    }
}

fn listed(list: &[Arc<Run>], run: &Arc<Run>) -> bool {
    list.iter().any(|listed| Arc::ptr_eq(listed, run))
}

fn bytes_of(runs: &[Arc<Run>]) -> u64 {
    runs.iter().map(|run| run.mark.bytes).sum()
}

impl Drop for Growth {
    /// A merge under way is begun anew after the next start: its file would lie there until the first fold.
    fn drop(&mut self) {
        self.give_up_majors();
    }
}

impl fmt::Debug for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Growth").field("runs", &self.list.len()).finish_non_exhaustive()
    }
}

/// How many of the newest runs are of like size: each is no larger than all newer ones together. So a merge at least doubles
/// the run that a row is in, and rows are copied by the logarithm of their number.
fn alike(runs: &[Arc<Run>]) -> usize {
    let is_alike = |count: &usize| *count == 0 || runs[*count].mark.bytes <= bytes_of(&runs[..*count]);
    (0..runs.len()).take_while(is_alike).count()
}

/// Whether so many rows of a table are removed, and so much of all tables is in them, that space is worth a merge of all: each
/// merge is paid for by what was removed since the one before, whatever table that was in.
fn is_full_of_removed(runs: &[Arc<Run>], rows_for_removed: u64) -> bool {
    let all = bytes_of(runs);
    let is_full = |name: &Name| {
        let sizes = runs.iter().map(|run| run.size(*name));
        let (rows, removed, bytes) = sizes.fold((0, 0, 0), |(a, b, c), (d, e, f)| (a + d, b + e, c + f));
        let removed_bytes = removed * (bytes / rows.max(1));
        removed * rows_for_removed > rows && removed_bytes * BYTES_FOR_REMOVED > all
    };
    runs.len() > 1 && Name::ALL.iter().any(is_full)
}
