//! A run on the disk: opened from its mark, read by key and by range.

use super::filter;
use super::folder::Folder;
use super::heads::Heads;
use super::mark::Mark;
use super::row::{Damage, Kind, NOT_AS_WRITTEN, rows};
use super::section::{Head, Section};
use crate::tables::Name;
use redb::StorageBackend;
use std::fmt;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Merges that the disk may fail before their run counts as damaged.
const TRIES: usize = 3;

/// Rows of some tables, sorted: a file that never changes.
pub(crate) struct Run {
    pub(crate) mark: Mark,
    /// None where it is missing.
    file: Option<Box<dyn StorageBackend>>,
    /// Sections by table and key; why there are none where the top cannot be read.
    top: Result<Vec<Section>, Fault>,
    heads: Arc<Heads>,
    /// Merges that could not read it, as far as they count.
    failures: AtomicUsize,
}

/// Kind and words of an error.
type Fault = (ErrorKind, String);

/// Answer of a run to a question for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Value(Vec<u8>),
    Removed,
    InTree,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.heads.forget(self.mark.number);
    }
}

impl Run {
    /// Opens a run. One that is missing, or whose top is damaged, opens too, for others can be read: it has no sections.
    pub(crate) fn open(mark: Mark, folder: &Arc<dyn Folder>, heads: &Arc<Heads>) -> Self {
        match folder.open(&mark.file_name()) {
            Ok(file) => Self::over(mark, file, heads),
            Err(error) => Self::with(mark, None, Err(error), heads),
        }
    }

    /// A run over its file.
    fn over(mark: Mark, file: Box<dyn StorageBackend>, heads: &Arc<Heads>) -> Self {
        let top = top_of(&*file, &mark);
        Self::with(mark, Some(file), top, heads)
    }

    /// A run that was just written; an error where it cannot be read back.
    pub(crate) fn written((mark, file): (Mark, Box<dyn StorageBackend>), heads: &Arc<Heads>) -> io::Result<Arc<Self>> {
        let run = Self::over(mark, file, heads);
        run.sections()?;
        Ok(Arc::new(run))
    }

    fn with(
        mark: Mark,
        file: Option<Box<dyn StorageBackend>>,
        top: io::Result<Vec<Section>>,
        heads: &Arc<Heads>,
    ) -> Self {
        let top = top.map_err(|error| (error.kind(), format!("{}: {error}", mark.file_name())));
        Self { mark, file, top, heads: heads.clone(), failures: 0.into() }
    }

    /// All sections, by table and key.
    pub(crate) fn sections(&self) -> io::Result<&[Section]> {
        self.top.as_deref().map_err(|(kind, why)| io::Error::new(*kind, why.clone()))
    }

    /// Places of the sections of a table.
    pub(crate) fn of(&self, name: Name) -> io::Result<Range<usize>> {
        let sections = self.sections()?;
        let begin = sections.partition_point(|section| section.table < name as u8);
        Ok(begin..sections.partition_point(|section| section.table <= name as u8))
    }

    /// The row of a key.
    pub(crate) fn get(&self, name: Name, key: &[u8], print: u64) -> io::Result<Option<Found>> {
        let Some((at, section)) = self.first_section(name, (key, key))? else { return Ok(None) };
        let head = self.head(at)?;
        if !head.may_hold(print) {
            return Ok(None);
        }
        let block = self.block(section, &head, head.block_of(key))?;
        let mut is_sound = true;
        for row in rows(&block) {
            let row = row.map_err(|damage| self.damaged(damage))?;
            if row.key == key {
                return Ok(Some(match row.kind() {
                    Kind::Value => Found::Value(row.value().to_vec()),
                    Kind::Removed => Found::Removed,
                    Kind::InTree => Found::InTree,
                }));
            }
            is_sound &= row.is_sound();
        }
        // the damaged row may be the one that was asked for
        if is_sound { Ok(None) } else { Err(self.damaged(NOT_AS_WRITTEN)) }
    }

    /// Whether some key of a range may have a row here: a filter knows it of keys with one begin within one section.
    pub(crate) fn may_hold(&self, name: Name, (from, to): (&[u8], &[u8])) -> io::Result<bool> {
        let Some((at, section)) = self.first_section(name, (from, to))? else { return Ok(false) };
        let begin = from.get(..filter::PREFIX_BYTES).filter(|begin| to.starts_with(begin));
        match begin.filter(|_| section.last.as_slice() >= to) {
            Some(begin) => Ok(self.head(at)?.may_hold(filter::print(begin))),
            None => Ok(true),
        }
    }

    /// The first section that may have rows of a range, with its place.
    fn first_section(&self, name: Name, (from, to): (&[u8], &[u8])) -> io::Result<Option<(usize, &Section)>> {
        let of = self.of(name)?;
        let sections = &self.sections()?[of.clone()];
        let at = sections.partition_point(|section| section.last.as_slice() < from);
        let section = sections.get(at).filter(|section| section.first.as_slice() <= to);
        Ok(section.map(|section| (of.start + at, section)))
    }

    /// The head of a section.
    pub(crate) fn head(&self, section: usize) -> io::Result<Arc<Head>> {
        self.heads.get((self.mark.number, section as u32), || self.read_head(section))
    }

    /// The same, past the memory of heads.
    pub(crate) fn read_head(&self, section: usize) -> io::Result<Head> {
        let section = &self.sections()?[section];
        let bytes = self.read(section.at + u64::from(section.blocks_bytes), section.head_bytes as usize)?;
        section.head(&bytes).map_err(|damage| self.damaged(damage))
    }

    /// Rows of a block.
    pub(crate) fn block(&self, section: &Section, head: &Head, index: usize) -> io::Result<Vec<u8>> {
        let (begin, end) = head.block(index);
        self.read(section.at + u64::from(begin), (end - begin) as usize)
    }

    /// Bytes of the file.
    pub(crate) fn read(&self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.file.as_ref().ok_or(ErrorKind::NotFound)?.read(at, &mut bytes)?;
        Ok(bytes)
    }

    /// Damage in words, with the file's name.
    pub(crate) fn damaged(&self, damage: Damage) -> io::Error {
        io::Error::new(ErrorKind::InvalidData, format!("{}: {damage}", self.mark.file_name()))
    }

    /// A merge could not read it. Whether it stays as it is from now on: at damage, and once errors that may pass have not.
    pub(crate) fn is_lost_by(&self, error: &io::Error) -> bool {
        let is_damage = matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof);
        self.failures.fetch_add(if is_damage { TRIES } else { 1 }, Ordering::AcqRel);
        self.is_left_unmerged()
    }

    pub(crate) fn is_left_unmerged(&self) -> bool {
        self.top.is_err() || self.failures.load(Ordering::Acquire) >= TRIES
    }

    /// Rows of a table, those of them that remove one, and their bytes.
    pub(crate) fn size(&self, name: Name) -> (u64, u64, u64) {
        let of = self.of(name).unwrap_or_default();
        let sections = self.sections().map_or(&[][..], |sections| &sections[of]);
        sections.iter().fold((0, 0, 0), |(rows, removed, bytes), section| {
            (rows + u64::from(section.rows), removed + u64::from(section.removed), bytes + section.bytes())
        })
    }
}

/// Sections of the run in a file.
fn top_of(file: &dyn StorageBackend, mark: &Mark) -> io::Result<Vec<Section>> {
    let damage = |why: &str| io::Error::new(ErrorKind::InvalidData, why);
    let is_whole = file.len()? >= mark.bytes;
    let length = mark.bytes.checked_sub(mark.top_at).filter(|_| is_whole);
    let mut bytes = vec![0; length.ok_or_else(|| damage("the file is shorter than it was written"))? as usize];
    file.read(mark.top_at, &mut bytes)?;
    let top = (crc32fast::hash(&bytes) == mark.top_check).then(|| borsh::from_slice(&bytes).ok()).flatten();
    top.ok_or_else(|| damage("its list of sections is not the one that was written"))
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("mark", &self.mark).finish_non_exhaustive()
    }
}
