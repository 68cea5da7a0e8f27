//! Effects of changes on files.

mod support;

use quorate_ledger::{Code, Limits, Mode, PathOutcome, Revision, Rung, State};
use support::digest;
use support::world::{Edit, World, at, remove, rename, revision, write};

fn refused(receipt: &quorate_ledger::Receipt) -> Option<Code> {
    assert_eq!(receipt.code.map(Code::stage), receipt.stage);
    receipt.code
}

#[test]
fn a_put_is_served_at_its_path() {
    let mut world = World::new();
    let receipt = world.does(0, &[write("a/b.txt", "hello\n")]);
    assert_eq!((receipt.state, receipt.revision), (State::Applied, Some(at("1.1"))));
    assert_eq!(world.text("a/b.txt").as_deref(), Some("hello\n"));
    assert_eq!(world.text("a"), None);
}

#[test]
fn what_stood_at_an_earlier_revision_can_still_be_read() {
    let mut world = World::new();
    world.does(0, &[write("a", "one")]);
    world.does(1, &[write("a", "two")]);
    world.does(1, &[remove("a")]);
    let hash =
        |revision| world.view().file("main", "a", Some(at(revision))).expect("known").found().map(|file| file.hash);
    assert_eq!(hash("0"), None);
    assert_eq!(hash("1"), Some(digest(b"one")));
    assert_eq!(hash("1.1"), Some(digest(b"one")));
    assert_eq!(hash("2"), Some(digest(b"two")));
    assert_eq!(hash("3"), None);
}

#[test]
fn only_what_no_longer_stands_is_kept_as_an_earlier_version() {
    let mut world = World::new();
    world.does(0, &[write("a", "one"), write("b", "one")]);
    assert_eq!(world.versions().len(), 0);
    world.does(1, &[write("a", "two"), write("a", "three")]);
    assert_eq!(world.versions().len(), 1);
    world.does(0, &[remove("a")]);
    assert_eq!(world.versions().len(), 2);
}

#[test]
fn a_refused_change_keeps_no_earlier_version() {
    let mut world = World::new();
    world.does(0, &[write("a", "one")]);
    let receipt = world.does(1, &[write("a", "two"), remove("b")]);
    assert_eq!(receipt.state, State::Refused);
    assert_eq!(world.versions().len(), 0);
}

#[test]
fn the_past_of_a_path_outlives_its_record() {
    let mut world = World::with(Limits { base_horizon_ms: 1_000, ..Limits::default() });
    world.does(0, &[write("a", "one")]);
    world.does(1, &[write("a", "two")]);
    world.does(1, &[remove("a")]);
    for _ in 0..4 {
        world.time += 2_000;
        world.slot(&[]);
    }
    assert_eq!(log(&world, Some("a"), None, 10), ("3.1 2.1 1.1".into(), None));
    world.does(0, &[write("a", "again")]);
    assert_eq!(log(&world, Some("a"), None, 2), ("8.1 3.1".into(), Some("3.1".into())));
    assert_eq!(log(&world, Some("a"), Some(at("3.1")), 2), ("2.1 1.1".into(), None));
    let hash = |revision| world.view().file("main", "a", Some(at(revision))).expect("known").found();
    assert_eq!(hash("2").map(|file| file.hash), Some(digest(b"two")));
    assert_eq!(hash("7"), None);
}

#[test]
fn a_mode_can_change_without_sending_the_content_again() {
    let mut world = World::new();
    world.does(0, &[write("run", "#!/bin/sh\n")]);
    let receipt = world.does(0, &[Edit::Mode("run".into(), Mode::Exec, digest(b"#!/bin/sh\n"))]);
    assert_eq!(receipt.state, State::Applied);
    let file = world.view().file("main", "run", None).expect("known").found().expect("a file");
    assert_eq!((file.mode, file.size), (Mode::Exec, 10));
}

#[test]
fn a_content_that_nobody_sent_is_no_verdict() {
    let mut world = World::new();
    let draft = world.draft(0, world.now(), &[Edit::Mode("a".into(), Mode::File, digest(b"x"))]);
    let outcome = world.slot(&[&draft]);
    assert_eq!(outcome.receipts, []);
    assert_eq!(outcome.deferred[0].why, quorate_ledger::DeferReason::Content(digest(b"x")));
}

#[test]
fn deleting_what_the_author_never_saw_is_refused() {
    let mut world = World::new();
    assert_eq!(refused(&world.does(0, &[remove("a")])), Some(Code::MissingPath));
    world.does(1, &[write("a", "x")]);
    assert_eq!(refused(&world.does_on(revision("0"), 0, &[remove("a")])), Some(Code::MissingPath));
    assert_eq!(world.text("a").as_deref(), Some("x"));
}

#[test]
fn an_envelope_is_refused_whole() {
    let mut world = World::new();
    let receipt = world.does(0, &[write("a", "x"), remove("b")]);
    assert_eq!((receipt.state, receipt.changes), (State::Refused, vec![]));
    assert_eq!(world.text("a"), None);
    assert_eq!(world.view().ls("main", "", None, None, 10).expect("known").items, []);
}

#[test]
fn bad_paths_are_refused_by_the_content_stage() {
    let mut world = World::new();
    for path in ["../a", "a//b", ".git/config", ""] {
        assert_eq!(refused(&world.does(0, &[write(path, "x")])), Some(Code::BadPath), "{path}");
    }
}

#[test]
fn a_file_where_the_author_has_a_folder_is_refused() {
    let mut world = World::new();
    world.does(0, &[write("a/b", "x"), write("c", "y")]);
    assert_eq!(refused(&world.does(0, &[write("a", "z")])), Some(Code::PathIsFolder));
    assert_eq!(refused(&world.does(0, &[write("c/d", "z")])), Some(Code::PathIsFile));
}

#[test]
fn a_file_becomes_a_folder_in_one_change() {
    let mut world = World::new();
    world.does(0, &[write("a", "x")]);
    assert_eq!(world.does(0, &[remove("a"), write("a/b", "y")]).state, State::Applied);
    assert_eq!(world.text("a/b").as_deref(), Some("y"));
    assert_eq!(world.does(0, &[remove("a/b"), write("a", "z")]).state, State::Applied);
    assert_eq!(world.text("a").as_deref(), Some("z"));
}

#[test]
fn a_rename_moves_the_file() {
    let mut world = World::new();
    world.does(0, &[write("a", "x")]);
    assert_eq!(world.does(0, &[rename("a", "b/c")]).state, State::Applied);
    assert_eq!((world.text("a"), world.text("b/c")), (None, Some("x".into())));
}

#[test]
fn a_rename_onto_a_file_that_the_author_sees_is_refused() {
    let mut world = World::new();
    world.does(0, &[write("a", "x"), write("b", "y")]);
    assert_eq!(refused(&world.does(0, &[rename("a", "b")])), Some(Code::PathIsFile));
    assert_eq!(refused(&world.does(0, &[rename("c", "d")])), Some(Code::MissingPath));
    assert_eq!(refused(&world.does(0, &[rename("a", "a")])), Some(Code::PathIsFile));
}

#[test]
fn edits_of_different_lines_merge() {
    let mut world = World::new();
    world.does(0, &[write("a", "1\n2\n3\n4\n5\n")]);
    world.does_on(revision("1"), 1, &[write("a", "one\n2\n3\n4\n5\n")]);
    let receipt = world.does_on(revision("1"), 2, &[write("a", "1\n2\n3\n4\nfive\n")]);
    assert_eq!((receipt.state, receipt.changes[0].rung), (State::Merged, Rung::Text));
    assert_eq!(world.text("a").as_deref(), Some("one\n2\n3\n4\nfive\n"));
}

#[test]
fn an_edit_follows_the_file_that_somebody_moved_meanwhile() {
    let mut world = World::new();
    world.does(0, &[write("a", "1\n2\n3\n")]);
    world.does_on(revision("1"), 1, &[rename("a", "b")]);
    let receipt = world.does_on(revision("1"), 2, &[write("a", "1\n2\nthree\n")]);
    assert_eq!((receipt.state, receipt.changes[0].path.as_str()), (State::Merged, "b"));
    assert_eq!((world.text("a"), world.text("b").as_deref()), (None, Some("1\n2\nthree\n")));
}

#[test]
fn a_rename_takes_along_what_others_edited_meanwhile() {
    let mut world = World::new();
    world.does(0, &[write("a", "1\n2\n3\n")]);
    world.does_on(revision("1"), 1, &[write("a", "one\n2\n3\n")]);
    let receipt = world.does_on(revision("1"), 2, &[rename("a", "b")]);
    assert_eq!(receipt.state, State::Merged);
    assert_eq!((world.text("a"), world.text("b").as_deref()), (None, Some("one\n2\n3\n")));
}

#[test]
fn two_renames_of_one_file_to_the_same_place_agree() {
    let mut world = World::new();
    world.does(0, &[write("a", "x")]);
    world.does_on(revision("1"), 1, &[rename("a", "b")]);
    assert_eq!(world.does_on(revision("1"), 2, &[rename("a", "b")]).state, State::Merged);
    assert_eq!(world.text("b").as_deref(), Some("x"));
}

#[test]
fn two_renames_of_one_file_to_different_places_are_a_structural_conflict() {
    let mut world = World::new();
    world.does(0, &[write("a", "x")]);
    world.does_on(revision("1"), 1, &[rename("a", "b")]);
    let receipt = world.does_on(revision("1"), 2, &[rename("a", "c")]);
    assert_eq!((receipt.state, receipt.changes[0].path.as_str()), (State::Conflict, "c"));
    let conflict = world.view().conflict(&receipt.conflicts[0]).expect("memory").expect("a conflict");
    assert_eq!(conflict.record.class, quorate_ledger::Class::Structural);
    assert_eq!(conflict.sides.iter().map(|entry| entry.side.path.as_str()).collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(world.text("b").as_deref(), Some("x"));
}

#[test]
fn both_sides_deleting_agree() {
    let mut world = World::new();
    world.does(0, &[write("a", "x")]);
    world.does_on(revision("1"), 1, &[remove("a")]);
    let receipt = world.does_on(revision("1"), 2, &[remove("a")]);
    assert_eq!((receipt.state, receipt.changes[0].outcome), (State::Merged, PathOutcome::Merged));
}

#[test]
fn the_same_edit_twice_agrees() {
    let mut world = World::new();
    world.does(0, &[write("a", "x")]);
    world.does_on(revision("1"), 1, &[write("a", "y")]);
    let receipt = world.does_on(revision("1"), 2, &[write("a", "y")]);
    assert_eq!((receipt.state, receipt.changes[0].rung), (State::Merged, Rung::OneSided));
}

#[test]
fn listing_is_by_path_and_in_pages() {
    let mut world = World::new();
    let edits: Vec<Edit> = ["b", "a/c", "a/b", "a-b", "c"].iter().map(|path| write(path, "x")).collect();
    world.does(0, &edits);
    world.does(0, &[remove("b")]);
    let page = |prefix, from, at, limit| {
        let page = world.view().ls("main", prefix, at, from, limit).expect("known");
        (page.items.into_iter().map(|file| file.path).collect::<Vec<_>>().join(" "), page.next)
    };
    assert_eq!(page("", None, None, 10), ("a-b a/b a/c c".into(), None));
    assert_eq!(page("a/", None, None, 10), ("a/b a/c".into(), None));
    assert_eq!(page("", None, None, 2), ("a-b a/b".into(), Some("a/b".into())));
    assert_eq!(page("", Some("a/b"), None, 2), ("a/c c".into(), None));
    assert_eq!(page("", None, Some(at("1")), 10), ("a-b a/b a/c b c".into(), None));
}

#[test]
fn domains_do_not_touch() {
    let mut world = World::new();
    world.does(0, &[write("a", "x")]);
    let draft = world.draft_in("other", 0, world.now(), &[write("a", "y")]);
    assert_eq!(world.verdict(&draft).state, State::Applied);
    assert_eq!(world.text("a").as_deref(), Some("x"));
}

#[test]
fn the_log_tells_who_did_what_newest_first() {
    let mut world = World::new();
    world.does(0, &[write("a", "1")]);
    world.does(1, &[write("b", "2")]);
    world.does(0, &[rename("a", "c")]);
    let log = |path, from, limit| log(&world, path, from, limit);
    assert_eq!(log(None, None, 10), ("3.1 2.1 1.1".into(), None));
    assert_eq!(log(None, None, 2), ("3.1 2.1".into(), Some("2.1".into())));
    assert_eq!(log(None, Some(at("2.1")), 2), ("1.1".into(), None));
    assert_eq!(log(Some("a"), None, 10), ("3.1 1.1".into(), None));
    assert_eq!(log(Some("b"), None, 10), ("2.1".into(), None));
}

#[test]
fn a_difference_names_paths_that_two_revisions_have_differently() {
    let mut world = World::new();
    world.does(0, &[write("a", "1"), write("b", "1")]);
    world.does(0, &[write("a", "2")]);
    world.does(0, &[write("a", "1"), remove("b"), write("c", "3")]);
    let paths = |from, to| {
        let page = world.view().diff("main", (at(from), at(to)), None, 10).expect("known");
        page.items.into_iter().map(|path| path.path).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(paths("0", "3"), "a c");
    assert_eq!(paths("1", "3"), "b c");
    assert_eq!(paths("3", "1"), "b c");
    assert_eq!(paths("2", "2"), "");
}

/// Revisions of a page of the log, and where the next one begins.
fn log(world: &World, path: Option<&str>, from: Option<Revision>, limit: usize) -> (String, Option<String>) {
    let page = world.view().log("main", path, from, limit).expect("known");
    (page.items.into_iter().map(|entry| entry.revision.to_string()).collect::<Vec<_>>().join(" "), page.next)
}
