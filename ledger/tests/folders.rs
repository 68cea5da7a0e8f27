//! Renamed folders: what others add to them goes along, and nothing else does.

mod support;

use quorate_ledger::{Base, PathOutcome, State, Store as _, Table};
use std::time::{Duration, Instant};
use support::world::{World, at, remove, rename, revision, write};

/// A folder with two files.
fn folder() -> World {
    let mut world = World::new();
    world.does(0, &[write("old/a", "a\n"), write("old/sub/b", "b\n")]);
    world
}

fn move_all(world: &mut World) {
    let receipt = world.does_on(revision("1"), 1, &[rename("old/a", "new/a"), rename("old/sub/b", "new/sub/b")]);
    assert!(matches!(receipt.state, State::Applied | State::Merged), "{receipt:?}");
}

#[test]
fn a_file_added_to_a_folder_that_was_renamed_meanwhile_comes_to_the_new_place() {
    let mut world = folder();
    move_all(&mut world);
    let receipt = world.does_on(revision("1"), 2, &[write("old/c", "c\n"), write("old/sub/d", "d\n")]);
    assert_eq!((receipt.state, receipt.changes[0].path.as_str()), (State::Merged, "new/c"));
    assert_eq!((world.text("old/c"), world.text("new/c").as_deref()), (None, Some("c\n")));
    assert_eq!(world.text("new/sub/d").as_deref(), Some("d\n"));
}

#[test]
fn a_file_that_others_added_goes_along_when_the_folder_is_renamed() {
    let mut world = folder();
    world.does_on(revision("1"), 2, &[write("old/c", "c\n")]);
    move_all(&mut world);
    assert_eq!((world.text("old/c"), world.text("new/c").as_deref()), (None, Some("c\n")));
}

#[test]
fn a_file_that_goes_along_twice_in_one_change_takes_the_edits_of_others_with_it() {
    let mut world = World::new();
    world.does(0, &[write("d/a", "a\n"), write("e/b", "b\n")]);
    let seen = world.now();
    let added = world.does(2, &[write("d/n", "n\n")]);
    let edits = [rename("d/a", "e/a"), rename("e/a", "h/a"), rename("e/b", "h/b")];
    world.does_on(seen, 1, &edits);
    assert_eq!(world.text("h/n").as_deref(), Some("n\n"));
    world.does_on(Base::Envelope(added.id), 2, &[write("d/n", "more\n")]);
    assert_eq!(["d/n", "e/n", "h/n"].map(|path| world.text(path)), [None, None, Some("more\n".into())]);
}

#[test]
fn both_orders_give_the_same_files() {
    let deeds: [fn(&mut World); 2] =
        [move_all, |world| drop(world.does_on(revision("1"), 2, &[write("old/sub/c", "c\n")]))];
    let mut listed = Vec::new();
    for order in [[0, 1], [1, 0]] {
        let mut world = folder();
        order.into_iter().for_each(|deed| deeds[deed](&mut world));
        let files = world.view().ls("main", "", None, None, 10).expect("known").items;
        listed.push(files.into_iter().map(|file| (file.path, file.hash)).collect::<Vec<_>>());
    }
    assert_eq!(listed[0], listed[1]);
}

#[test]
fn a_folder_of_which_a_file_stayed_was_not_renamed() {
    let mut world = folder();
    world.does_on(revision("1"), 1, &[rename("old/a", "new/a")]);
    world.does_on(revision("1"), 2, &[write("old/c", "c\n")]);
    assert_eq!(world.text("old/c").as_deref(), Some("c\n"));
}

#[test]
fn a_folder_whose_files_went_to_two_places_was_not_renamed() {
    let mut world = folder();
    world.does_on(revision("1"), 1, &[rename("old/a", "here/a"), rename("old/sub/b", "there/sub/b")]);
    world.does_on(revision("1"), 2, &[write("old/c", "c\n")]);
    assert_eq!(world.text("old/c").as_deref(), Some("c\n"));
}

#[test]
fn a_folder_that_was_deleted_can_be_begun_anew() {
    let mut world = folder();
    world.does_on(revision("1"), 1, &[remove("old/a"), remove("old/sub/b")]);
    world.does_on(revision("1"), 2, &[write("old/c", "c\n")]);
    assert_eq!(world.text("old/c").as_deref(), Some("c\n"));
}

#[test]
fn who_has_seen_the_rename_may_use_the_old_name_again() {
    let mut world = folder();
    move_all(&mut world);
    world.does(2, &[write("old/c", "c\n")]);
    assert_eq!((world.text("old/c").as_deref(), world.text("new/c")), (Some("c\n"), None));
}

#[test]
fn the_authors_chain_finds_its_file_at_the_new_place() {
    let mut world = folder();
    move_all(&mut world);
    let first = world.draft(2, revision("1"), &[write("old/c", "c\n")]);
    let id = world.id(&first);
    world.verdict(&first);
    let receipt = world.does_on(quorate_ledger::Base::Envelope(id), 2, &[write("old/c", "better\n")]);
    assert_eq!((receipt.state, world.text("new/c").as_deref()), (State::Merged, Some("better\n")), "{receipt:?}");
}

#[test]
fn what_stands_at_the_new_place_already_is_a_conflict_and_nothing_is_lost() {
    let mut world = folder();
    move_all(&mut world);
    world.does(3, &[write("new/c", "theirs\n")]);
    let receipt = world.does_on(revision("1"), 2, &[write("old/c", "mine\n")]);
    assert_eq!(
        (receipt.state, receipt.changes.last().map(|change| change.outcome)),
        (State::Conflict, Some(PathOutcome::Conflict))
    );
    assert_eq!(world.text("new/c").as_deref(), Some("theirs\n"));
}

/// A program before disk format 7 wrote a second row of each path with a file, which a later one finds and does not write.
#[test]
fn second_rows_of_paths_with_files_change_nothing() {
    let mut world = folder();
    world.does(2, &[write("old/c", "c\n")]);
    assert!(world.rows_of(Table::Index, b'p').is_empty(), "they are not written any more");
    for row in world.rows(Table::Names) {
        world.store.put(Table::Index, &[b"p", row.as_slice()].concat(), &[]).expect("memory does not fail");
    }
    let moved = [rename("old/a", "new/a"), rename("old/sub/b", "new/sub/b")];
    let change = world.draft(1, revision("1"), &moved);
    let decided = world.decided(vec![(1, vec![world.item(&change)])]);
    world.ledger.execute(&mut world.store, &decided).expect("memory does not fail");

    assert_eq!((world.text("old/c"), world.text("new/c").as_deref()), (None, Some("c\n")));
    let files = world.view().ls("main", "", Some(at("1")), None, 10).expect("known").items;
    let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["old/a", "old/sub/b"]);
}

/// Times in which thousands of files are added in one change elsewhere, and to a full folder that its author has not seen renamed.
fn times_of_thousands() -> (Duration, Duration) {
    let mut world = World::new();
    let olds: Vec<_> = (0..250).map(|n| write(&format!("old/{n}"), &format!("{n}\n"))).collect();
    world.does(0, &olds);
    let moves: Vec<_> = (0..250).map(|n| rename(&format!("old/{n}"), &format!("new/{n}"))).collect();
    world.does(1, &moves);
    let mut add = |folder: &str, expected: State| {
        let news: Vec<_> = (0..4_000).map(|n| write(&format!("{folder}/more-{n}"), "x")).collect();
        let began = Instant::now();
        assert_eq!(world.does_on(revision("1"), 2, &news).state, expected);
        began.elapsed()
    };
    let times = (add("elsewhere", State::Applied), add("old", State::Merged));
    assert_eq!((world.text("old/more-7"), world.text("new/more-3999").as_deref()), (None, Some("x")));
    times
}

/// The folder is looked through once, not for each of them. The least of three counts: the machine may stall in one.
#[test]
fn thousands_of_new_files_follow_a_renamed_folder_in_about_the_time_of_others() {
    let rounds = [(); 3].map(|()| times_of_thousands());

    let [elsewhere, there] =
        [rounds.map(|round| round.0), rounds.map(|round| round.1)].map(|times| times.into_iter().min());
    assert!(there < elsewhere.map(|time| 10 * time), "{rounds:?}");
}
