//! Renames of files and directories, so that the other side's edits and new files follow them.
//!
//! A rename is told by the change itself, or found where content left one path and came to another, alone. Content that
//! also changed is no rename: guessing by likeness would let one word decide where a file lives.

use std::collections::{BTreeMap, BTreeSet};

/// Moves of one side's files, from old path to new.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Renames {
    files: BTreeMap<String, String>,
    /// Directories of which every file went to one other, as old prefix to new, each with its final `/`.
    directories: BTreeMap<String, String>,
}

/// Place of an entry of base after both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// At this path.
    At(String),
    /// The sides moved it to different paths (ours, theirs): a structural conflict.
    Split(String, String),
}

impl Renames {
    /// Reads a side's renames from its tree and base's: `told` are the renames that its changes state; content that
    /// left one path and came to one other counts as well.
    ///
    /// Trees map paths to whatever names content, usually a hash.
    pub fn of<T: Ord>(base: &BTreeMap<&str, T>, side: &BTreeMap<&str, T>, told: &[(&str, &str)]) -> Self {
        let mut files: BTreeMap<String, String> =
            told.iter().map(|(from, to)| ((*from).into(), (*to).into())).collect();
        let came: BTreeMap<&T, Vec<&str>> = by_content(side, base);
        for (content, from) in by_content(base, side) {
            if let ([from], Some([to])) = (from.as_slice(), came.get(content).map(Vec::as_slice)) {
                files.entry((*from).into()).or_insert_with(|| (*to).into());
            }
        }
        let directories = directories(base, side, &files);
        Renames { files, directories }
    }

    /// Path on this side of what the other side knows as `path`: moved with its file, or with its directory.
    pub fn follow(&self, path: &str) -> String {
        if let Some(to) = self.files.get(path) {
            return to.clone();
        }
        // The deepest directory that moved.
        let moved = self
            .directories
            .iter()
            .filter(|(from, _)| path.starts_with(from.as_str()))
            .max_by_key(|(from, _)| from.len());
        moved.map_or_else(|| path.to_string(), |(from, to)| format!("{to}{}", &path[from.len()..]))
    }

    /// Place of an entry of base after both sides moved it.
    pub fn destination(path: &str, ours: &Renames, theirs: &Renames) -> Destination {
        let (o, t) = (ours.follow(path), theirs.follow(path));
        if o == t || t == path {
            Destination::At(o)
        } else if o == path {
            Destination::At(t)
        } else {
            Destination::Split(o, t)
        }
    }
}

/// The paths of `tree` that `other` does not have, by content.
fn by_content<'a, T: Ord>(tree: &'a BTreeMap<&'a str, T>, other: &BTreeMap<&str, T>) -> BTreeMap<&'a T, Vec<&'a str>> {
    let mut out: BTreeMap<&T, Vec<&str>> = BTreeMap::new();
    for (path, content) in tree.iter().filter(|(path, _)| !other.contains_key(*path)) {
        out.entry(content).or_default().push(path);
    }
    out
}

/// Directories that are empty on the side, and of which every renamed file went to the same other directory.
fn directories<T>(
    base: &BTreeMap<&str, T>,
    side: &BTreeMap<&str, T>,
    files: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut targets: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in files {
        for (i, _) in from.match_indices('/') {
            let rest = &from[i..];
            let target = to.strip_suffix(rest).unwrap_or_default();
            targets.entry(&from[..i]).or_default().insert(target);
        }
    }
    let is_left =
        |dir: &str| !side.range(dir..).any(|(path, _)| path.strip_prefix(dir).is_some_and(|r| r.starts_with('/')));
    let was_moved_whole = |dir: &str| {
        let inside = |path: &str| path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'));
        base.keys().filter(|path| inside(path)).all(|path| files.contains_key(*path))
    };
    let one = |targets: BTreeSet<&str>| {
        targets.first().copied().filter(|t| targets.len() == 1 && !t.is_empty()).map(String::from)
    };
    let moved = targets.into_iter().filter_map(|(dir, targets)| Some((dir, one(targets)?)));
    let moved = moved.filter(|(dir, _)| is_left(dir) && was_moved_whole(dir));
    moved.map(|(dir, to)| (format!("{dir}/"), format!("{to}/"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renames(base: &[(&str, u8)], side: &[(&str, u8)], told: &[(&str, &str)]) -> Renames {
        let tree = |entries: &[(&'static str, u8)]| entries.iter().copied().collect::<BTreeMap<_, _>>();
        let own = |entries: &[(&str, u8)]| -> Vec<(&'static str, u8)> {
            entries.iter().map(|(p, c)| (&*Box::leak(p.to_string().into_boxed_str()), *c)).collect()
        };
        Renames::of(&tree(&own(base)), &tree(&own(side)), told)
    }

    #[test]
    fn an_edit_follows_a_renamed_file() {
        let renames = renames(&[("a", 1)], &[("b", 1)], &[]);
        assert_eq!(renames.follow("a"), "b");
        assert_eq!(Renames::destination("a", &renames, &Renames::default()), Destination::At("b".into()));
    }

    #[test]
    fn a_told_rename_needs_no_equal_content() {
        assert_eq!(renames(&[("a", 1)], &[("b", 2)], &[("a", "b")]).follow("a"), "b");
    }

    #[test]
    fn content_that_came_to_two_paths_is_a_copy_not_a_rename() {
        assert_eq!(renames(&[("a", 1)], &[("b", 1), ("c", 1)], &[]).follow("a"), "a");
    }

    #[test]
    fn a_new_file_follows_a_renamed_directory() {
        let renames = renames(&[("d/a", 1), ("d/e/b", 2)], &[("x/a", 1), ("x/e/b", 2)], &[]);
        assert_eq!(renames.follow("d/new"), "x/new");
        assert_eq!(renames.follow("d/e/new"), "x/e/new");
        assert_eq!(renames.follow("dd/new"), "dd/new");
    }

    #[test]
    fn a_directory_that_was_split_takes_nothing_along() {
        let renames = renames(&[("d/a", 1), ("d/b", 2)], &[("x/a", 1), ("y/b", 2)], &[]);
        assert_eq!(renames.follow("d/new"), "d/new");
    }

    #[test]
    fn two_renames_of_one_file_are_a_conflict() {
        let (ours, theirs) = (renames(&[("a", 1)], &[("b", 1)], &[]), renames(&[("a", 1)], &[("c", 1)], &[]));
        assert_eq!(Renames::destination("a", &ours, &theirs), Destination::Split("b".into(), "c".into()));
    }
}
