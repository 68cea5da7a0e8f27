//! Tells a history: lines of commits, each a few edits, and merges of them.

use std::collections::BTreeMap;
use std::path::Path;

use gix::ObjectId;
use gix::actor::Signature;
use gix::date::Time;
use gix::objs::tree::EntryKind;

use super::super::GitError;
use super::super::folder::Folder;
use super::super::writer::Writer;

/// Seconds since 1970 at the beginning of the first day, a Monday in March 2025.
const START_SECONDS: i64 = 1_740_960_000;

/// When people commit on a working day, in minutes.
const MINUTES: [i64; 3] = [8 * 60 + 10, 11 * 60 + 5, 14 * 60 + 20];

/// Author of commits.
pub(super) struct Author {
    pub name: &'static str,
    pub email: &'static str,
    /// Hours that their clock is ahead of UTC.
    pub zone_hours: i32,
}

/// Edit of one file in a commit.
#[derive(Clone, Copy)]
pub(super) enum Edit {
    /// A plain file with this content.
    Put(&'static str, &'static [u8]),
    /// An executable with this content.
    Tool(&'static str, &'static [u8]),
    /// A symbolic link with this target.
    Link(&'static str, &'static str),
    /// In this file, the text that occurs once is replaced.
    Replace(&'static str, &'static str, &'static str),
    /// The file is no more.
    Remove(&'static str),
    /// The file has another path.
    Move(&'static str, &'static str),
}

type Files = BTreeMap<String, (EntryKind, Vec<u8>)>;

/// A line of commits.
#[derive(Clone, Default)]
pub(super) struct Line {
    files: Files,
    tip: Option<ObjectId>,
    /// Edits since it was forked.
    edits: Vec<Edit>,
}

impl Line {
    /// A new line that begins where this one is.
    pub fn fork(&self) -> Self {
        Self { edits: Vec::new(), ..self.clone() }
    }
}

/// The repository in the making.
pub(super) struct Story {
    writer: Writer,
    /// Count of the commits so far.
    commits: i64,
}

impl Story {
    pub fn begin(path: &Path) -> Result<Self, GitError> {
        Ok(Self { writer: Writer::create(path)?, commits: 0 })
    }

    /// A line without commits.
    pub fn line(&self) -> Line {
        Line::default()
    }

    /// Lets a branch end where `line` is.
    pub fn end(&self, branch: &str, line: &Line) -> Result<(), GitError> {
        line.tip.map_or(Ok(()), |tip| self.writer.branch(branch, tip))
    }

    /// Adds a commit to a line.
    pub fn commit(&mut self, line: &mut Line, by: &Author, message: &str, edits: &[Edit]) -> Result<(), GitError> {
        for edit in edits {
            assert!(apply(&mut line.files, edit), "the story's edits fit its files: {message}");
        }
        line.edits.extend(edits);
        let parents: Vec<ObjectId> = line.tip.into_iter().collect();
        self.write(line, by, message, &parents)
    }

    /// Merges `sides` into a line: does again what they did, as far as it still fits, then `by_hand`.
    pub fn merge(
        &mut self,
        line: &mut Line,
        sides: &[&Line],
        by: &Author,
        message: &str,
        by_hand: &[Edit],
    ) -> Result<(), GitError> {
        for edit in sides.iter().flat_map(|side| &side.edits) {
            if apply(&mut line.files, edit) {
                line.edits.push(*edit);
            }
        }
        for edit in by_hand {
            assert!(apply(&mut line.files, edit), "the story's edits fit its files: {message}");
        }
        line.edits.extend(by_hand);
        let parents: Vec<ObjectId> = line.tip.into_iter().chain(sides.iter().filter_map(|side| side.tip)).collect();
        self.write(line, by, message, &parents)
    }

    fn write(&mut self, line: &mut Line, by: &Author, message: &str, parents: &[ObjectId]) -> Result<(), GitError> {
        let mut root = Folder::default();
        for (path, (kind, content)) in &line.files {
            root.put(path.as_bytes(), *kind, self.writer.blob(content)?);
        }
        let tree = root.write(&self.writer)?;
        let time = Time::new(seconds_of(self.commits), by.zone_hours * 3_600);
        self.commits += 1;
        let author = Signature { name: by.name.into(), email: by.email.into(), time };
        line.tip = Some(self.writer.commit(author, tree, parents, &format!("{message}\n"))?);
        Ok(())
    }
}

/// When the commit with this number was made: three a day, five days a week.
fn seconds_of(commit: i64) -> i64 {
    let (day, of_day) = (commit / 3, commit % 3);
    let days = day / 5 * 7 + day % 5;
    let minutes = MINUTES[of_day as usize] + commit * 13 % 47;
    START_SECONDS + days * 86_400 + minutes * 60
}

/// Does one edit; false, and nothing done, if it does not fit the files.
fn apply(files: &mut Files, edit: &Edit) -> bool {
    let put = |files: &mut Files, path: &str, kind, content: &[u8]| {
        files.insert(path.to_owned(), (kind, content.to_vec()));
        true
    };
    match *edit {
        Edit::Put(path, content) => put(files, path, EntryKind::Blob, content),
        Edit::Tool(path, content) => put(files, path, EntryKind::BlobExecutable, content),
        Edit::Link(path, target) => put(files, path, EntryKind::Link, target.as_bytes()),
        Edit::Replace(path, old, new) => files.get_mut(path).is_some_and(|(_, content)| replace(content, old, new)),
        Edit::Remove(path) => files.remove(path).is_some(),
        Edit::Move(from, to) => files.remove(from).is_some_and(|file| files.insert(to.to_owned(), file).is_none()),
    }
}

fn replace(content: &mut Vec<u8>, old: &str, new: &str) -> bool {
    let text = String::from_utf8_lossy(content);
    let once = text.matches(old).count() == 1;
    if once {
        *content = text.replacen(old, new, 1).into_bytes();
    }
    once
}
