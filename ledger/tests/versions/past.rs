//! Reads of the past, against snapshots that were taken when it was the present.

use crate::drafts::{Dice, PATHS};
use crate::support::world::World;
use quorate_ledger::{File, FileEntry, Mode, Revision};
use quorate_pbft::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// Files by path.
pub type Files = BTreeMap<String, (Mode, Digest)>;
/// Files of `main` by revision.
pub type Snapshots = BTreeMap<Revision, Files>;

/// Revisions that are listed by pages, and pairs that are compared, at each look at the past.
const LISTED: usize = 6;
const COMPARED: usize = 20;

/// Files of `main`, now or at an earlier revision.
pub fn files(world: &World, at: Option<Revision>) -> Files {
    let page = world.view().ls("main", "", at, None, 1_000).expect("a page");
    assert_eq!(page.next, None, "a thousand paths are more than there are");
    page.items.into_iter().map(named).collect()
}

fn named(file: FileEntry) -> (String, (Mode, Digest)) {
    (file.path, (file.mode, file.hash))
}

/// Holds what is read of every revision against its snapshot; of some also page by page and in pairs.
pub fn check(world: &World, pruned: &World, snapshots: &Snapshots, dice: &mut Dice) {
    let floor = world.ledger.head().times.floor();
    for (revision, expected) in snapshots {
        assert_eq!(files(world, Some(*revision)), *expected, "at {revision}");
        check_files(world, *revision, expected);
        if revision.seq() >= floor {
            check_files(pruned, *revision, expected);
        }
    }
    let known: Vec<Revision> = snapshots.keys().copied().collect();
    for _ in 0..LISTED {
        let at = dice.one_of(&known);
        check_pages(world, at, &snapshots[&at]);
        PATHS.iter().for_each(|path| check_log_before(world, at, path));
    }
    for _ in 0..COMPARED {
        check_difference(world, snapshots, (dice.one_of(&known), dice.one_of(&known)));
    }
}

fn check_files(world: &World, at: Revision, expected: &Files) {
    for path in PATHS {
        let found = world.view().file("main", path, Some(at)).expect("a known revision").found();
        assert!(found.as_ref().is_none_or(|file| file.revision <= at), "{path} at {at}: {found:?}");
        assert_eq!(found.map(|file| named(file).1), expected.get(path).copied(), "{path} at {at}");
    }
}

/// A listing of one item after another is the listing.
fn check_pages(world: &World, at: Revision, expected: &Files) {
    let (mut found, mut from) = (Files::new(), None::<String>);
    loop {
        let page = world.view().ls("main", "d", Some(at), from.as_deref(), 1).expect("a page");
        found.extend(page.items.into_iter().map(named));
        let Some(next) = page.next else { break };
        from = Some(next);
    }
    let expected = expected.iter().filter(|(path, _)| path.starts_with('d'));
    assert_eq!(found, expected.map(|(path, file)| (path.clone(), *file)).collect(), "at {at}");
}

/// The log before a revision is the end of the whole log.
fn check_log_before(world: &World, before: Revision, path: &str) {
    let log = |from| {
        let page = world.view().log("main", Some(path), from, 1_000).expect("a page");
        page.items.into_iter().map(|entry| entry.revision).collect::<Vec<_>>()
    };
    let expected: Vec<_> = log(None).into_iter().filter(|revision| *revision < before).collect();
    assert_eq!(log(Some(before)), expected, "{path} before {before}");
}

/// The difference of two revisions, in either order, is that of their snapshots.
fn check_difference(world: &World, snapshots: &Snapshots, (a, b): (Revision, Revision)) {
    let page = world.view().diff("main", (a, b), None, 1_000).expect("known revisions");
    let shown = |file: File| (file.mode, file.content);
    let told: Vec<_> =
        page.items.into_iter().map(|item| (item.path, (item.from.map(shown), item.to.map(shown)))).collect();
    let (from, to) = (&snapshots[&a], &snapshots[&b]);
    let paths: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let both = paths.into_iter().map(|path| (path.clone(), (from.get(path).copied(), to.get(path).copied())));
    assert_eq!(told, both.filter(|(_, (from, to))| from != to).collect::<Vec<_>>(), "{a} to {b}");
}
