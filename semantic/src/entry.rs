//! Rung 1 for a path of a tree: files, executables, links, and sides that are not there.

use crate::ladder::{self, Input};
use crate::{Class, Conflict, Options, Outcome, Reason, Rung, Work};

/// Entry of a path: file, executable, link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An ordinary file.
    File,
    /// A file with the executable bit.
    Executable,
    /// A symbolic link; its bytes are the target.
    Link,
}

/// Entry of one side at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// File, executable or link.
    pub kind: Kind,
    /// The content, or the target of a link.
    pub bytes: &'a [u8],
}

/// The answer of [`merge_entries`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryOutcome {
    /// The path's entry after the merge; none where it is deleted.
    Clean {
        /// Kind and content.
        entry: Option<(Kind, Vec<u8>)>,
        /// The highest rung that was needed.
        rung: Rung,
    },
    /// The sides disagree.
    Conflict(Conflict),
}

/// Merges what stands at `path`; `None` is a side where nothing does.
pub fn merge_entries(
    base: Option<Entry>,
    ours: Option<Entry>,
    theirs: Option<Entry>,
    path: &str,
    options: &Options,
) -> EntryOutcome {
    merge_entries_within(base, ours, theirs, path, options, &Work::default())
}

/// The same in at most the steps of `work`; what would take more is a conflict.
pub fn merge_entries_within(
    base: Option<Entry>,
    ours: Option<Entry>,
    theirs: Option<Entry>,
    path: &str,
    options: &Options,
    work: &Work,
) -> EntryOutcome {
    if ours == theirs || base == theirs {
        return one_sided(ours);
    }
    if base == ours {
        return one_sided(theirs);
    }
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => both_there(base, (ours, theirs), path, options, work),
        _ => conflict(Class::Structural, Reason::DeletedAndEdited),
    }
}

fn one_sided(entry: Option<Entry>) -> EntryOutcome {
    EntryOutcome::Clean { entry: entry.map(|e| (e.kind, e.bytes.to_vec())), rung: Rung::OneSided }
}

fn both_there(
    base: Option<Entry>,
    (ours, theirs): (Entry, Entry),
    path: &str,
    options: &Options,
    work: &Work,
) -> EntryOutcome {
    let Some(kind) = merged_kind(base, ours.kind, theirs.kind) else {
        return conflict(Class::Structural, Reason::Kinds);
    };
    // A base of another nature (a link that became a file) is no ancestor of the content.
    let ancestor = base.filter(|b| (b.kind == Kind::Link) == (kind == Kind::Link)).map(|b| b.bytes);
    if kind == Kind::Link {
        return merged_link(ancestor, ours.bytes, theirs.bytes);
    }
    let input = Input { base: ancestor, ours: ours.bytes, theirs: theirs.bytes, path, options };
    match ladder::merge_within(&input, work) {
        Outcome::Clean { bytes, rung } => EntryOutcome::Clean { entry: Some((kind, bytes)), rung },
        Outcome::Conflict(conflict) => EntryOutcome::Conflict(conflict),
    }
}

/// The kind that the sides agree on, or that one of them alone changed; never between link and file.
fn merged_kind(base: Option<Entry>, ours: Kind, theirs: Kind) -> Option<Kind> {
    let base = base.map(|b| b.kind);
    if ours == theirs {
        Some(ours)
    } else if ours == Kind::Link || theirs == Kind::Link {
        None
    } else if base == Some(theirs) {
        Some(ours)
    } else if base == Some(ours) {
        Some(theirs)
    } else {
        None
    }
}

fn merged_link(base: Option<&[u8]>, ours: &[u8], theirs: &[u8]) -> EntryOutcome {
    let target = if ours == theirs || base == Some(theirs) {
        ours
    } else if base == Some(ours) {
        theirs
    } else {
        return conflict(Class::Value, Reason::LinkTargets);
    };
    EntryOutcome::Clean { entry: Some((Kind::Link, target.to_vec())), rung: Rung::OneSided }
}

fn conflict(class: Class, reason: Reason) -> EntryOutcome {
    let conflict = Conflict { class, gave_up: Rung::OneSided, reason, pieces: Vec::new(), proposal: None };
    EntryOutcome::Conflict(conflict)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> Option<Entry<'_>> {
        Some(Entry { kind: Kind::File, bytes })
    }

    fn executable(bytes: &[u8]) -> Option<Entry<'_>> {
        Some(Entry { kind: Kind::Executable, bytes })
    }

    fn link(bytes: &[u8]) -> Option<Entry<'_>> {
        Some(Entry { kind: Kind::Link, bytes })
    }

    fn merged(
        base: Option<Entry>,
        ours: Option<Entry>,
        theirs: Option<Entry>,
    ) -> Result<Option<(Kind, Vec<u8>)>, Reason> {
        let there = merge_entries(base, ours, theirs, "a.txt", &Options::default());
        let back = merge_entries(base, theirs, ours, "a.txt", &Options::default());
        match (there, back) {
            (EntryOutcome::Clean { entry, .. }, EntryOutcome::Clean { entry: same, .. }) => {
                assert_eq!(entry, same);
                Ok(entry)
            }
            (EntryOutcome::Conflict(c), EntryOutcome::Conflict(d)) => {
                assert_eq!(c.reason, d.reason);
                Err(c.reason)
            }
            other => panic!("the sides have names: {other:?}"),
        }
    }

    #[test]
    fn a_mode_change_goes_with_the_other_sides_edit() {
        let entry = merged(file(b"a\n"), executable(b"a\n"), file(b"b\n"));
        assert_eq!(entry, Ok(Some((Kind::Executable, b"b\n".to_vec()))));
    }

    #[test]
    fn deleting_what_the_other_side_edited_is_a_conflict() {
        assert_eq!(merged(file(b"a\n"), None, file(b"b\n")), Err(Reason::DeletedAndEdited));
    }

    #[test]
    fn deleting_what_the_other_side_left_alone_deletes_it() {
        assert_eq!(merged(file(b"a\n"), None, file(b"a\n")), Ok(None));
    }

    #[test]
    fn two_different_link_targets_are_a_conflict() {
        assert_eq!(merged(link(b"a"), link(b"b"), link(b"c")), Err(Reason::LinkTargets));
    }

    #[test]
    fn a_file_against_a_link_is_a_conflict() {
        assert_eq!(merged(file(b"a"), link(b"a"), file(b"b")), Err(Reason::Kinds));
    }

    #[test]
    fn two_sides_that_add_the_same_file_agree() {
        assert_eq!(merged(None, file(b"a\n"), file(b"a\n")), Ok(Some((Kind::File, b"a\n".to_vec()))));
    }

    #[test]
    fn two_sides_that_add_different_files_are_a_conflict() {
        assert_eq!(merged(None, file(b"a\n"), file(b"b\n")), Err(Reason::BothAdded));
        for path in ["a.json", "a.toml", "a.yaml", "a.rs", "a.md"] {
            let outcome = merge_entries(None, file(b"[1]\n"), file(b"[2]\n"), path, &Options::default());
            assert!(matches!(outcome, EntryOutcome::Conflict(c) if c.reason == Reason::BothAdded), "{path}");
        }
    }

    #[test]
    fn binary_edits_on_both_sides_are_a_conflict() {
        assert_eq!(merged(file(b"\0a"), file(b"\0b"), file(b"\0c")), Err(Reason::Binary));
    }
}
