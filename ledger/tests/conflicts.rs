//! Conflicts as state: nothing is lost, nothing blocks, and who has seen it may end it.

mod support;

use quorate_ledger::{Class, ConflictEntry, ConflictId, Found, LogEntry, PathOutcome, State};
use support::counting::Counting;
use support::world::{World, at, remove, rename, revision, write};

fn conflict(world: &World, id: &ConflictId) -> ConflictEntry {
    world.view().conflict(id).expect("memory does not fail").expect("a conflict")
}

/// Authors 1 and 2 disagree about `a`.
fn disputed() -> (World, ConflictId) {
    let mut world = World::new();
    world.does(0, &[write("a", "base\n")]);
    world.does_on(revision("1"), 1, &[write("a", "one\n")]);
    let receipt = world.does_on(revision("1"), 2, &[write("a", "two\n"), write("b", "free\n")]);
    assert_eq!(receipt.state, State::Conflict);
    (world, receipt.conflicts[0])
}

#[test]
fn a_conflict_keeps_all_sides_and_the_path_serves_what_was_agreed() {
    let (world, id) = disputed();
    let conflict = conflict(&world, &id);
    assert_eq!(
        (conflict.record.path.as_str(), conflict.record.class, conflict.record.since),
        ("a", Class::Value, at("3.1"))
    );
    let sides: Vec<_> = conflict
        .sides
        .iter()
        .map(|entry| &entry.side)
        .map(|side| (side.revision, side.file.map(|file| file.content)))
        .collect();
    let digest = |text: &str| Some(support::digest(text.as_bytes()));
    assert_eq!(sides, [(at("2.1"), digest("one\n")), (at("3.1"), digest("two\n"))]);
    assert_eq!(conflict.record.base.map(|file| file.content), digest("base\n"));
    assert_eq!(world.text("a").as_deref(), Some("one\n"));
}

#[test]
fn other_paths_of_the_envelope_take_effect() {
    let (world, _) = disputed();
    assert_eq!(world.text("b").as_deref(), Some("free\n"));
}

#[test]
fn the_path_is_marked_while_the_conflict_is_open() {
    let (world, id) = disputed();
    let Found::File(file) = world.view().file("main", "a", None).expect("known") else { panic!("a file") };
    assert_eq!(file.conflict, Some(id));
}

#[test]
fn a_change_that_has_seen_the_conflict_settles_it() {
    let (mut world, id) = disputed();
    let receipt = world.does_on(revision("3"), 3, &[write("a", "both\n")]);
    assert_eq!((receipt.state, receipt.changes[0].outcome), (State::Applied, PathOutcome::Settled));
    assert_eq!(world.text("a").as_deref(), Some("both\n"));
    assert_eq!(conflict(&world, &id).record.settled.map(|settled| settled.revision), Some(at("4.1")));
    assert_eq!(world.view().conflicts(None, Some(true), None, 10).expect("known").items, []);
    assert_eq!(world.view().conflicts(None, None, None, 10).expect("known").items.len(), 1);
}

#[test]
fn settling_with_one_of_the_sides_needs_no_bytes() {
    let (mut world, _) = disputed();
    let two = support::world::Edit::Mode("a".into(), quorate_ledger::Mode::File, support::digest(b"two\n"));
    assert_eq!(world.does(3, &[two]).state, State::Applied);
    assert_eq!(world.text("a").as_deref(), Some("two\n"));
}

#[test]
fn a_conflict_can_be_settled_by_deleting() {
    let (mut world, id) = disputed();
    world.does(3, &[remove("a")]);
    assert_eq!(world.text("a"), None);
    assert!(conflict(&world, &id).record.settled.is_some());
}

/// The first side deleted the file: nothing is served, and that is what the conflict is settled to.
#[test]
fn a_conflict_where_nothing_is_served_can_be_settled_by_deleting() {
    let mut world = World::new();
    world.does(0, &[write("a", "base\n")]);
    world.does_on(revision("1"), 1, &[remove("a")]);
    let id = world.does_on(revision("1"), 2, &[write("a", "two\n")]).conflicts[0];
    let unseen = world.does_on(revision("2"), 3, &[remove("a")]);
    assert_eq!(unseen.code, Some(quorate_ledger::Code::MissingPath));
    let receipt = world.does(3, &[remove("a")]);
    assert_eq!((receipt.state, receipt.changes[0].outcome), (State::Applied, PathOutcome::Settled));
    assert!(conflict(&world, &id).record.settled.is_some());
    assert_eq!(world.does(3, &[remove("a")]).code, Some(quorate_ledger::Code::MissingPath));
}

#[test]
fn a_change_with_an_older_base_joins() {
    let (mut world, id) = disputed();
    let receipt = world.does_on(revision("2"), 3, &[write("a", "three\n")]);
    assert_eq!((receipt.state, receipt.conflicts), (State::Conflict, vec![id]));
    assert_eq!(conflict(&world, &id).record.sides, 3);
    assert_eq!(world.text("a").as_deref(), Some("one\n"));
}

#[test]
fn the_log_of_a_path_tells_of_sides_that_made_no_version_of_it() {
    let (mut world, _) = disputed();
    world.does(0, &[write("b", "elsewhere\n")]);
    world.does_on(revision("2"), 3, &[write("a", "three\n")]);
    let whole = world.view().log("main", None, None, 100).expect("a domain").items;
    let of_a = whole.iter().filter(|entry| entry.changes.iter().any(|change| change.path == "a"));
    let expected: Vec<_> = of_a.map(|entry| entry.revision).collect();

    let told = |from, limit| world.view().log("main", Some("a"), from, limit).expect("a domain").items;
    let revisions = |entries: Vec<LogEntry>| entries.iter().map(|entry| entry.revision).collect::<Vec<_>>();

    assert!(expected.len() >= 3, "{expected:?}");
    assert_eq!(revisions(told(None, 100)), expected);
    assert_eq!(revisions(told(Some(expected[0]), 1)), expected[1..2]);
}

/// Opens so many conflicts at once, at paths below a folder.
fn opens(world: &mut World, folder: &str, count: usize) {
    let edits = |text: &str| (0..count).map(|number| write(&format!("{folder}/{number}"), text)).collect::<Vec<_>>();
    let base = world.now();
    world.does(0, &edits("one\n"));
    assert_eq!(world.does_on(base, 1, &edits("two\n")).conflicts.len(), count);
}

#[test]
fn a_page_of_the_log_of_a_path_looks_at_a_thousand_conflicts_of_others_and_says_where_to_go_on() {
    let (mut world, _) = disputed();
    (0..5).for_each(|number| opens(&mut world, &number.to_string(), 400));
    world.does(0, &[write("b", "elsewhere\n")]);
    let (mut found, mut from, mut pages) = (Vec::new(), None, 0);
    loop {
        let counting = Counting::of(&world.store);
        let page = world.ledger.view(&counting).log("main", Some("a"), from, 100).expect("a domain");
        assert!(counting.rows() < 2 * (1_000 + 400) + 100, "{} rows", counting.rows());
        found.extend(page.items.iter().map(|entry| entry.revision));
        pages += 1;
        let Some(next) = page.next else { break };
        from = Some(next.parse().expect("a revision"));
    }

    let whole = world.view().log("main", None, None, 100).expect("a domain").items;
    let of_a = whole.iter().filter(|entry| entry.changes.iter().any(|change| change.path == "a"));
    assert_eq!(found, of_a.map(|entry| entry.revision).collect::<Vec<_>>());
    assert_eq!(pages, 2, "1,200 conflicts, and the other 800");
}

#[test]
fn who_has_not_seen_the_newest_side_joins_too() {
    let (mut world, id) = disputed();
    world.does_on(revision("2"), 3, &[write("a", "three\n")]);
    assert_eq!(world.does_on(revision("3"), 0, &[write("a", "four\n")]).state, State::Conflict);
    assert_eq!(conflict(&world, &id).record.sides, 4);
    assert_eq!(world.does_on(revision("5"), 0, &[write("a", "five\n")]).state, State::Applied);
}

#[test]
fn a_delete_against_an_edit_is_structural() {
    let mut world = World::new();
    world.does(0, &[write("a", "base\n")]);
    world.does_on(revision("1"), 1, &[remove("a")]);
    let receipt = world.does_on(revision("1"), 2, &[write("a", "two\n")]);
    let conflict = conflict(&world, &receipt.conflicts[0]);
    assert_eq!((conflict.record.class, conflict.sides[0].side.file), (Class::Structural, None));
    assert_eq!(world.view().file("main", "a", None), Ok(Found::Removed(receipt.conflicts[0])));
}

#[test]
fn a_path_at_which_nobody_ever_wrote_has_no_content_that_was_agreed() {
    let mut world = World::new();
    world.does_on(revision("0"), 1, &[write("a/b", "one\n")]);
    let receipt = world.does_on(revision("0"), 2, &[write("a", "two\n")]);
    let found = world.view().file("main", "a", None);
    assert_eq!(found, Ok(Found::Disputed(receipt.conflicts[0])));
}

#[test]
fn two_files_of_one_name_are_a_conflict_of_values() {
    let mut world = World::new();
    world.does_on(revision("0"), 1, &[write("a", "one\n")]);
    let receipt = world.does_on(revision("0"), 2, &[write("a", "two\n")]);
    assert_eq!(conflict(&world, &receipt.conflicts[0]).record.class, Class::Value);
}

#[test]
fn a_file_against_a_folder_is_a_conflict_at_the_files_path() {
    let mut world = World::new();
    world.does_on(revision("0"), 1, &[write("a", "file\n")]);
    let receipt = world.does_on(revision("0"), 2, &[write("a/b", "folder\n")]);
    let file_first = conflict(&world, &receipt.conflicts[0]);
    assert_eq!((file_first.record.path.as_str(), file_first.record.class), ("a", Class::Structural));
    assert_eq!(file_first.sides.iter().map(|side| side.side.path.as_str()).collect::<Vec<_>>(), ["a", "a/b"]);
    assert_eq!((world.text("a").as_deref(), world.text("a/b")), (Some("file\n"), None));

    let mut world = World::new();
    world.does_on(revision("0"), 1, &[write("a/b", "folder\n")]);
    let receipt = world.does_on(revision("0"), 2, &[write("a", "file\n")]);
    let folder_first = conflict(&world, &receipt.conflicts[0]);
    assert_eq!((folder_first.record.path.as_str(), folder_first.record.class), ("a", Class::Structural));
    assert_eq!((world.text("a"), world.text("a/b").as_deref()), (None, Some("folder\n")));
}

#[test]
fn a_file_against_a_folder_is_settled_in_favour_of_either() {
    let clash = || {
        let mut world = World::new();
        world.does_on(revision("0"), 1, &[write("a", "file\n")]);
        world.does_on(revision("0"), 2, &[write("a/b", "folder\n")]);
        world
    };
    let mut world = clash();
    assert_eq!(world.does(3, &[remove("a"), write("a/b", "folder\n")]).state, State::Applied);
    assert_eq!((world.text("a"), world.text("a/b").as_deref()), (None, Some("folder\n")));
    let mut world = clash();
    assert_eq!(world.does(3, &[write("a", "file\n")]).state, State::Applied);
    assert_eq!(world.view().conflicts(None, Some(true), None, 10).expect("known").items, []);
}

#[test]
fn moving_a_file_away_that_is_in_conflict_settles_it() {
    let (mut world, id) = disputed();
    world.does(3, &[rename("a", "c")]);
    assert_eq!((world.text("a"), world.text("c").as_deref()), (None, Some("one\n")));
    assert!(conflict(&world, &id).record.settled.is_some());
}

#[test]
fn moving_a_file_without_having_seen_its_conflict_joins_it() {
    let (mut world, id) = disputed();
    let receipt = world.does_on(revision("2"), 3, &[rename("a", "c")]);
    assert_eq!((receipt.state, receipt.conflicts), (State::Conflict, vec![id]));
    assert_eq!((world.text("a").as_deref(), world.text("c")), (Some("one\n"), None));
    assert_eq!(conflict(&world, &id).sides[2].side.path, "c");
}

#[test]
fn moving_against_deleting_is_structural_at_the_new_place() {
    let mut world = World::new();
    world.does(0, &[write("a", "base\n")]);
    world.does_on(revision("1"), 1, &[remove("a")]);
    let receipt = world.does_on(revision("1"), 2, &[rename("a", "b")]);
    let moved_last = conflict(&world, &receipt.conflicts[0]);
    assert_eq!((moved_last.record.path.as_str(), moved_last.record.class), ("b", Class::Structural));

    let mut world = World::new();
    world.does(0, &[write("a", "base\n")]);
    world.does_on(revision("1"), 1, &[rename("a", "b")]);
    let receipt = world.does_on(revision("1"), 2, &[remove("a")]);
    let moved_first = conflict(&world, &receipt.conflicts[0]);
    assert_eq!((moved_first.record.path.as_str(), moved_first.record.class), ("b", Class::Structural));
    assert_eq!(world.text("b").as_deref(), Some("base\n"));
}

#[test]
fn a_path_can_come_into_conflict_again() {
    let (mut world, first) = disputed();
    world.does(3, &[write("a", "both\n")]);
    world.does_on(revision("4"), 1, &[write("a", "x\n")]);
    let receipt = world.does_on(revision("4"), 2, &[write("a", "y\n")]);
    assert_eq!(receipt.state, State::Conflict);
    assert_ne!(receipt.conflicts, [first]);
}

#[test]
fn conflicts_are_listed_newest_first_in_pages() {
    let mut world = World::new();
    for path in ["a", "b", "c"] {
        let base = world.now();
        world.does_on(base, 1, &[write(path, "one\n")]);
        world.does_on(base, 2, &[write(path, "two\n")]);
    }
    let first = world.view().conflicts(Some("main"), Some(true), None, 2).expect("known");
    let paths = |items: &[ConflictEntry]| items.iter().map(|conflict| conflict.record.path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&first.items), ["c", "b"]);
    let cursor = first.next.expect("more").parse().expect("an id");
    let second = world.view().conflicts(Some("main"), Some(true), Some(cursor), 2).expect("known");
    assert_eq!((paths(&second.items), second.next), (vec!["a".to_owned()], None));
    assert_eq!(world.view().conflicts(Some("other"), Some(true), None, 2).expect("known").items, []);
}

#[test]
fn a_page_of_conflicts_looks_at_a_thousand_of_them_and_says_where_to_go_on() {
    let mut world = World::new();
    let base = world.now();
    for (who, side) in [(1, "one\n"), (2, "two\n")] {
        let writes: Vec<_> = (0..1_001).map(|n| write(&n.to_string(), side)).collect();
        world.does_on(base, who, &writes);
    }
    let page = |from| world.view().conflicts(Some("other"), None, from, 2).expect("known");

    let first = page(None);
    let cursor = first.next.as_ref().expect("one is left").parse().expect("an id");

    assert_eq!((first.items, page(Some(cursor)).next), (vec![], None));
}

/// Such imports panicked in the merge layer, at every replica alike (docs/adr/panics-of-merges.md).
#[test]
fn imports_whose_brackets_close_before_they_open_have_their_verdicts() {
    let files = [
        ("a.py", "from a)b import (c\n"),
        ("a.js", "import } from {'a';\n"),
        ("a.rs", "use a}b{c;\n"),
        ("A.java", "class A {\n  void f() {\n    a();\n  }}\n"),
    ];
    for (path, text) in files {
        let mut world = World::new();
        world.does(0, &[write(path, &format!("{text}x\n"))]);
        world.does_on(revision("1"), 1, &[write(path, &format!("{text}{text}one\n"))]);
        let receipt = world.does_on(revision("1"), 2, &[write(path, &format!("two\n{text}y\n"))]);

        assert!(matches!(receipt.state, State::Merged | State::Conflict), "{path}: {receipt:?}");
    }
}
