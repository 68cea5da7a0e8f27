//! Changes of commits: shapes of files and folders.

use gix::objs::tree::EntryKind::{self, Blob, BlobExecutable, Link};

use super::fixture::{Fixture, edits, texts};
use crate::{Mode, Operation, Repository};

fn changed(repository: &Repository, id: gix::ObjectId) -> Vec<String> {
    let commit = repository.commit(id).expect("a commit");
    let (operations, skipped) = repository.changes(&commit).expect("changes");
    assert_eq!(skipped, [], "nothing is left out");
    edits(&operations)
}

#[test]
fn a_root_puts_everything_and_later_commits_what_differs() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("x", "1"), ("d/e/f", "2"), ("d-e", "3")]);
    let b = fixture.commit("b", &[a], &[("x", "1"), ("d/e/f", "4"), ("d/g", "5")]);
    let repository = fixture.open();
    assert_eq!(changed(&repository, a), ["+d-e", "+d/e/f", "+x"]);
    assert_eq!(changed(&repository, b), ["-d-e", "+d/e/f", "+d/g"]);
}

#[test]
fn a_commit_without_file_changes_is_a_change_without_operations() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("x", "1")]);
    let b = fixture.commit("b", &[a], &[("x", "1")]);
    assert_eq!(changed(&fixture.open(), b), Vec::<String>::new());
}

#[test]
fn an_empty_first_commit_is_a_change_without_operations() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[]);
    assert_eq!(changed(&fixture.open(), a), Vec::<String>::new());
}

#[test]
fn a_rename_is_a_delete_and_a_put() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("old", "1")]);
    let b = fixture.commit("b", &[a], &[("new/place", "1")]);
    assert_eq!(changed(&fixture.open(), b), ["+new/place", "-old"]);
}

#[test]
fn a_file_that_becomes_a_folder_goes_before_what_is_in_the_folder_comes() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("n", "1"), ("n-x", "1")]);
    let b = fixture.commit("b", &[a], &[("n/m", "1"), ("n-x", "2")]);
    assert_eq!(changed(&fixture.open(), b), ["-n", "+n-x", "+n/m"]);
}

#[test]
fn a_folder_that_becomes_a_file_is_emptied_before_the_file_comes() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("n/m/o", "1"), ("n/p", "1"), ("n-x", "1"), ("n0", "1")]);
    let b = fixture.commit("b", &[a], &[("n", "1"), ("n-x", "2"), ("n0", "2")]);
    assert_eq!(changed(&fixture.open(), b), ["+n-x", "-n/m/o", "-n/p", "+n", "+n0"]);
}

#[test]
fn a_change_of_mode_alone_is_a_put_of_the_same_content() {
    let fixture = Fixture::new();
    let with = |kind: EntryKind| [(&b"run"[..], kind, &b"target"[..])];
    let a = fixture.commit_of("a", &[], with(Blob));
    let b = fixture.commit_of("b", &[a], with(BlobExecutable));
    let c = fixture.commit_of("c", &[b], with(Link));
    let repository = fixture.open();
    let modes = [a, b, c].map(|id| {
        let (operations, _) = repository.changes(&repository.commit(id).expect("a commit")).expect("changes");
        match &operations[..] {
            [Operation::Put { entry, .. }] => (entry.mode, entry.size),
            other => panic!("one put, not {other:?}"),
        }
    });
    assert_eq!(modes, [(Mode::File, 6), (Mode::Exec, 6), (Mode::Link, 6)]);
}

#[test]
fn empty_files_and_link_targets_that_are_no_text_keep_their_bytes() {
    let fixture = Fixture::new();
    let id = fixture.commit_of("a", &[], [(&b"empty"[..], Blob, &b""[..]), (b"link", Link, b"caf\xe9/\xff")]);
    let repository = fixture.open();
    let tree = repository.tree(&repository.commit(id).expect("a commit")).expect("a tree");
    let content = |path: &str| repository.content(tree.files[path].blob).expect("a content");
    assert_eq!((content("empty"), content("link")), (b"".to_vec(), b"caf\xe9/\xff".to_vec()));
    assert_eq!((tree.files["empty"].size, tree.files["link"].size), (0, 6));
}

#[test]
fn names_with_spaces_and_accents_are_paths_like_others() {
    let fixture = Fixture::new();
    let id = fixture.commit("a", &[], &[("a folder/ünï.txt", "x"), ("日本", "y")]);
    assert_eq!(changed(&fixture.open(), id), ["+a folder/ünï.txt", "+日本"]);
}

#[test]
fn single_paths_are_found_as_the_whole_tree_has_them() {
    let fixture = Fixture::new();
    let id = fixture.commit("a", &[], &[("a", "1"), ("b/c", "2"), ("b/d/e", "3"), ("b-c", "4")]);
    let repository = fixture.open();
    let commit = repository.commit(id).expect("a commit");
    let paths = ["a", "b", "b-c", "b/c", "b/d", "b/d/e", "b/d/e/f", "z"].map(str::to_owned).into();
    let found = repository.entries(&commit, &paths).expect("entries");
    let files = repository.tree(&commit).expect("a tree").files;
    assert_eq!(found.len(), 8);
    assert!(found.iter().all(|(path, entry)| files.get(path).copied() == *entry));
    assert_eq!(found.values().flatten().count(), 4);
}

#[test]
fn replaying_the_operations_gives_the_tree() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("n/m", "1"), ("x", "1")]);
    let b = fixture.commit("b", &[a], &[("n", "2"), ("x/y", "3")]);
    let repository = fixture.open();
    let [a, b] = [a, b].map(|id| repository.commit(id).expect("a commit"));
    let mut tree = repository.tree(&a).expect("a tree");
    let (operations, _) = repository.compare(Some(&a), &b).expect("changes");
    operations.iter().for_each(|operation| tree.apply(operation));
    assert_eq!(tree, repository.tree(&b).expect("a tree"));
    assert_eq!(texts(&repository, b.id).into_values().collect::<String>(), "23");
}
