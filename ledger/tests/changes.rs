//! Changed paths after a revision, for those who mirror a domain.

mod support;

use quorate_ledger::{ChangedPath, ChangesCursor, QueryError, Revision};
use support::world::{World, at, remove, rename, write};

/// Changed paths after a revision, in pages of so many.
fn changes(world: &World, after: &str, limit: usize) -> Vec<ChangedPath> {
    let (mut found, mut from) = (Vec::new(), ChangesCursor::after(at(after)));
    loop {
        let page = world.view().changes("main", &from, limit).expect("a known revision");
        found.extend(page.items);
        let Some(next) = page.next else { return found };
        from = next.parse().expect("a cursor of the list");
    }
}

fn told(found: &[ChangedPath]) -> Vec<(&str, String, bool)> {
    let told = |item: &'_ ChangedPath| (item.revision.to_string(), item.file.is_some());
    found.iter().map(|item| (item.path.as_str(), told(item))).map(|(path, (at, stands))| (path, at, stands)).collect()
}

/// World with changes in slots 1 to 4: of three paths, one again, a rename, and one that goes.
fn changed() -> World {
    let mut world = World::new();
    world.does(0, &[write("a", "1"), write("b", "1"), write("c", "1")]);
    world.does(0, &[write("b", "2")]);
    world.does(0, &[rename("c", "d")]);
    world.does(0, &[remove("a")]);
    world
}

#[test]
fn each_path_is_told_once_where_it_was_changed_last() {
    let found = changes(&changed(), "0", 100);

    let expected = [("b", "2.1", true), ("c", "3.1", false), ("d", "3.1", true), ("a", "4.1", false)];
    assert_eq!(told(&found), expected.map(|(path, at, stands)| (path, at.to_owned(), stands)));
}

#[test]
fn pages_of_one_lead_to_the_same_paths() {
    let world = changed();

    assert_eq!(changes(&world, "0", 1), changes(&world, "0", 100));
}

#[test]
fn what_was_changed_up_to_a_revision_is_not_told_after_it() {
    let world = changed();

    assert_eq!(told(&changes(&world, "3.1", 100)), [("a", "4.1".to_owned(), false)]);
    assert_eq!(changes(&world, "4", 100), []);
}

#[test]
fn a_mirror_that_takes_page_after_page_while_others_write_ends_with_what_is_there() {
    let mut world = changed();
    let first = world.view().changes("main", &ChangesCursor::after(Revision::GENESIS), 1).expect("a page");
    world.does(0, &[write("b", "3")]);

    let rest = changes(&world, first.next.expect("there is more").split('/').next().expect("a revision"), 100);

    let expected = [("c", "3.1", false), ("d", "3.1", true), ("a", "4.1", false), ("b", "5.1", true)];
    assert_eq!(told(&rest), expected.map(|(path, at, stands)| (path, at.to_owned(), stands)));
}

#[test]
fn a_revision_that_is_not_there_yet_is_refused() {
    let refused = changed().view().changes("main", &ChangesCursor::after(at("9")), 10);

    assert_eq!(refused, Err(QueryError::UnknownRevision(at("9"))));
}

/// A path that a rename leaves behind is younger than the last receipt that names it.
#[test]
fn a_path_that_went_is_told_although_a_new_file_of_it_followed_a_renamed_folder() {
    let mut world = World::new();
    world.does(0, &[write("old/a", "a"), write("old/x", "x")]);
    world.does(0, &[remove("old/x")]);
    let seen = world.now();
    world.does(1, &[rename("old/a", "new/a")]);
    world.does_on(seen, 2, &[write("old/x", "again")]);
    assert_eq!((world.text("old/x"), world.text("new/x").as_deref()), (None, Some("again")));

    let found = changes(&world, "1", 100);

    let paths: Vec<_> = found.iter().map(|item| (item.path.as_str(), item.file.is_some())).collect();
    assert_eq!(paths, [("old/x", false), ("new/a", true), ("old/a", false), ("new/x", true)]);
}

/// A page looks at so many paths, and says where to go on.
#[test]
fn pages_of_an_envelope_with_thousands_of_paths_lead_to_all_of_them() {
    let mut world = World::new();
    let edits: Vec<_> = (0..5_000).map(|file| write(&format!("f/{file}"), "1")).collect();
    world.does(0, &edits);
    world.does(0, &(0..4_500).map(|file| write(&format!("f/{file}"), "2")).collect::<Vec<_>>());

    let found = changes(&world, "0", 1_000);

    let paths: std::collections::BTreeSet<&str> = found.iter().map(|item| item.path.as_str()).collect();
    assert_eq!((found.len(), paths.len()), (5_000, 5_000));
}
