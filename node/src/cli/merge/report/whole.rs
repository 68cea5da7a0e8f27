//! Merge of two commits: every path that both sides changed is merged, the others follow the one side that did.

use super::left_out::LeftOut;
use super::trees::{Meeting, Meetings};
use quorate_git::{Entry, Fork, GitError, Mode, Repository, Tree};
use quorate_semantic as semantic;
use quorate_semantic::{Class, Conflict, EntryOutcome, Input, Kind, Options, Piece, Rung};
use std::collections::{BTreeMap, BTreeSet};

/// The merge of two commits.
pub struct Whole {
    pub fork: Fork,
    /// Paths that both sides changed.
    pub files: Vec<File>,
    /// Paths that one side alone changed, or both alike; and those of them that were committed otherwise.
    pub one_sided: Vec<(String, Option<bool>)>,
    /// Entries that a side changed and that no merge here can hold.
    pub left_out: Vec<LeftOut>,
}

/// A path that both sides changed.
pub struct File {
    pub path: String,
    /// Path in base, where it is another.
    pub from: Option<String>,
    pub answer: Answer,
    /// Merge of git by lines; none where it merges no lines: a side removed the file, or it is no text.
    pub by_lines: Option<Vec<Piece>>,
    /// Content of ours.
    pub ours: Vec<u8>,
    /// Committed entry, where the two were merged.
    pub committed: Option<Option<(Kind, Vec<u8>)>>,
}

/// Answer for a path.
pub enum Answer {
    Clean(Option<(Kind, Vec<u8>)>, Rung),
    Conflict(Conflict),
    /// Paths meet that cannot: no content was merged.
    Paths(String),
}

impl File {
    pub fn is_clean(&self) -> bool {
        matches!(self.answer, Answer::Clean(..))
    }

    /// Kind of the merge's entry; none in a conflict, and where nothing stands.
    pub fn kind(&self) -> Option<Kind> {
        match &self.answer {
            Answer::Clean(entry, _) => entry.as_ref().map(|(kind, _)| *kind),
            _ => None,
        }
    }

    /// Content of the merge, of which there is none in a conflict.
    pub fn result(&self) -> Option<&[u8]> {
        match &self.answer {
            Answer::Clean(entry, _) => Some(entry.as_ref().map_or(&[], |(_, bytes)| bytes)),
            _ => None,
        }
    }

    /// Content that git merges without a conflict.
    pub fn gits(&self) -> Option<Vec<u8>> {
        let agreed = |piece: &Piece| match piece {
            Piece::Agreed(bytes) => Some(bytes.clone()),
            Piece::Disputed { .. } => None,
        };
        self.by_lines.as_ref()?.iter().map(agreed).collect::<Option<Vec<_>>>().map(|parts| parts.concat())
    }

    /// Whether git has the same result; none where not both have one.
    pub fn is_as_git(&self) -> Option<bool> {
        Some(self.result()? == self.gits()?)
    }

    /// Whether the same was committed; none in a conflict and where nothing was.
    pub fn is_as_committed(&self) -> Option<bool> {
        match (&self.answer, &self.committed) {
            (Answer::Clean(entry, _), Some(committed)) => Some(entry == committed),
            _ => None,
        }
    }
}

impl Whole {
    /// Merges what stands in the repository.
    pub fn of(repository: &Repository, fork: Fork, options: &Options) -> Result<Self, GitError> {
        let left_out = LeftOut::of(repository, &fork)?;
        let disputed: BTreeMap<&str, &LeftOut> =
            left_out.iter().filter(|entry| entry.is_disputed).map(|entry| (entry.path.as_str(), entry)).collect();
        let tree = |commit| repository.tree(commit);
        let base = fork.base.as_ref().map(tree).transpose()?.unwrap_or_default();
        let (ours, theirs) = (tree(&fork.ours)?, tree(&fork.theirs)?);
        let committed = fork.merged.as_ref().map(tree).transpose()?;
        let meetings = Meetings::of(&base, &ours, &theirs);
        let reader = Reader { repository, options, committed };
        let (mut files, mut one_sided, mut stands) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (path, meeting) in meetings.by_path.iter().filter(|(path, _)| !disputed.contains_key(path.as_str())) {
            match meeting.one_sided() {
                Some(entry) => {
                    stands.insert(path.as_str(), entry.is_some());
                    if !meeting.is_still() {
                        one_sided.push((path.clone(), reader.is_committed(path, entry)));
                    }
                }
                None => files.push(reader.merged(path, meeting)?),
            }
        }
        stands.extend(files.iter().map(|file| (file.path.as_str(), file.result_stands())));
        let in_the_way = in_the_way(&stands);
        one_sided.retain(|(path, _)| !in_the_way.contains(path));
        files.retain(|file| !in_the_way.contains(&file.path));
        files.extend(in_the_way.into_iter().map(|path| {
            let why = "it would be a file, and a folder of others";
            File::of_paths(path, why.into())
        }));
        files.extend(meetings.split.iter().map(|split| {
            let why = format!("it was moved to {} and to {}", split.ours, split.theirs);
            File::of_paths(split.from.clone(), why)
        }));
        files.extend(disputed.into_values().map(|entry| {
            let why = format!("both sides changed it, and it is left out: {}", entry.reason);
            File::of_paths(entry.path.clone(), why)
        }));
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { fork, files, one_sided, left_out })
    }

    pub fn is_clean(&self) -> bool {
        self.files.iter().all(File::is_clean)
    }
}

impl File {
    fn of_paths(path: String, why: String) -> Self {
        let answer = Answer::Paths(why);
        Self { path, from: None, answer, by_lines: None, ours: Vec::new(), committed: None }
    }

    fn result_stands(&self) -> bool {
        !matches!(self.answer, Answer::Clean(None, _))
    }
}

/// Files at whose path others want a folder.
fn in_the_way(stands: &BTreeMap<&str, bool>) -> BTreeSet<String> {
    let there = |path: &str| stands.get(path) == Some(&true);
    let is_folder = |path: &str| {
        let folder = format!("{path}/");
        stands.range(folder.as_str()..).take_while(|(other, _)| other.starts_with(&folder)).any(|(_, stands)| *stands)
    };
    stands.keys().filter(|path| there(path) && is_folder(path)).map(|path| (*path).to_owned()).collect()
}

struct Reader<'r> {
    repository: &'r Repository,
    options: &'r Options,
    committed: Option<Tree>,
}

impl Reader<'_> {
    fn is_committed(&self, path: &str, entry: Option<Entry>) -> Option<bool> {
        self.committed.as_ref().map(|tree| tree.files.get(path).copied() == entry)
    }

    fn merged(&self, path: &str, meeting: &Meeting) -> Result<File, GitError> {
        let [base, ours, theirs] = [meeting.base, meeting.ours, meeting.theirs].map(|entry| self.read(entry));
        let (base, ours, theirs) = (base?, ours?, theirs?);
        let [b, o, t] = [&base, &ours, &theirs]
            .map(|entry| entry.as_ref().map(|(kind, bytes)| semantic::Entry { kind: *kind, bytes }));
        let answer = if let Some(why) = meeting.clash() {
            Answer::Paths(why.into())
        } else {
            match semantic::merge_entries(b, o, t, path, self.options) {
                EntryOutcome::Clean { entry, rung } => Answer::Clean(entry, rung),
                EntryOutcome::Conflict(conflict) => Answer::Conflict(conflict),
            }
        };
        let by_lines = || {
            let (o, t) = (o.filter(is_file)?, t.filter(is_file)?);
            let base = b.filter(is_file).map(|base| base.bytes);
            semantic::merge_as_git(&Input { base, ours: o.bytes, theirs: t.bytes, path, options: self.options })
        };
        let by_lines = if meeting.clash().is_some() { None } else { by_lines() };
        let committed = match &self.committed {
            Some(tree) => Some(self.read(tree.files.get(path).copied())?),
            None => None,
        };
        let ours = ours.map(|(_, bytes)| bytes).unwrap_or_default();
        Ok(File { path: path.to_owned(), from: meeting.from.clone(), answer, by_lines, ours, committed })
    }

    fn read(&self, entry: Option<Entry>) -> Result<Option<(Kind, Vec<u8>)>, GitError> {
        let kind = |mode| match mode {
            Mode::File => Kind::File,
            Mode::Exec => Kind::Executable,
            Mode::Link => Kind::Link,
        };
        entry.map(|entry| Ok((kind(entry.mode), self.repository.content(entry.blob)?))).transpose()
    }
}

fn is_file(entry: &semantic::Entry) -> bool {
    entry.kind != Kind::Link
}

/// A conflict by lines, as git would leave it.
pub fn gits_conflict(pieces: Vec<Piece>) -> Conflict {
    let reason = semantic::Reason::SameLines;
    Conflict { class: Class::Value, gave_up: Rung::Text, reason, pieces, proposal: None }
}
