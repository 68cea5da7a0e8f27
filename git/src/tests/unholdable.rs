//! Entries that a domain cannot hold are left out of every tree, with their reasons.

use std::fs;

use gix::ObjectId;
use gix::objs::Tree;
use gix::objs::tree::Entry;
use gix::objs::tree::EntryKind::{self, Blob, Commit};

use super::fixture::{Fixture, edits, named};
use crate::folder::Folder;
use crate::{Reason, Repository};

/// The edits of a commit, and `path: reason` of what it leaves out.
fn changed(repository: &Repository, id: ObjectId) -> (Vec<String>, Vec<String>) {
    let commit = repository.commit(id).expect("a commit");
    let (operations, skipped) = repository.changes(&commit).expect("changes");
    assert!(skipped.iter().all(|skipped| skipped.commit == id));
    (edits(&operations), skipped.iter().map(|skipped| format!("{}: {}", skipped.path, skipped.reason)).collect())
}

#[test]
fn a_submodule_is_left_out_and_what_was_there_before_is_deleted() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("lib", "a file"), ("x", "1")]);
    let b = fixture.commit_of("b", &[a], [(&b"lib"[..], Commit, &b""[..]), (b"x", Blob, b"2")]);
    let c = fixture.commit_of("c", &[b], [(&b"lib"[..], Commit, &b""[..]), (b"x", Blob, b"3")]);
    let d = fixture.commit("d", &[c], &[("lib/file", "1"), ("x", "3")]);
    let repository = fixture.open();
    assert_eq!(changed(&repository, b), (vec!["-lib".into(), "+x".into()], vec!["lib: submodule".into()]));
    assert_eq!(changed(&repository, c), (vec!["+x".into()], vec![]), "told when it comes, not ever after");
    assert_eq!(changed(&repository, d), (vec!["+lib/file".into()], vec![]));
}

#[test]
fn names_that_are_not_utf8_are_left_out_with_their_folders() {
    let fixture = Fixture::new();
    let files = [(&b"caf\xe9"[..], Blob, &b"1"[..]), (b"d\xff/x", Blob, b"2"), (b"fine", Blob, b"3")];
    let id = fixture.commit_of("a", &[], files);
    let skipped = vec!["caf\u{fffd}: name not UTF-8".to_owned(), "d\u{fffd}/x: name not UTF-8".to_owned()];
    assert_eq!(changed(&fixture.open(), id), (vec!["+fine".into()], skipped));
}

#[test]
fn paths_against_the_rule_are_left_out() {
    let fixture = Fixture::new();
    let long = "n".repeat(256);
    let deep = format!("{}end", "0123456789abcde/".repeat(256));
    let id = fixture.commit("a", &[], &[(".GIT/config", "1"), ("a/..", "2"), (&long, "3"), (&deep, "4"), ("b", "5")]);
    let (edits, skipped) = changed(&fixture.open(), id);
    assert_eq!(edits, ["+b"]);
    let expected = [".GIT/config", &deep, "a/..", &long].map(|path| format!("{path}: path rule"));
    assert_eq!(skipped, expected);
}

#[test]
fn a_file_of_16_mib_is_held_and_one_byte_more_is_too_large() {
    let fixture = Fixture::new();
    let most = vec![7; 16 << 20];
    let more = vec![7; (16 << 20) + 1];
    let a = fixture.commit_of("a", &[], [(&b"big"[..], Blob, &most[..])]);
    let b = fixture.commit_of("b", &[a], [(&b"big"[..], Blob, &more[..])]);
    let repository = fixture.open();
    assert_eq!(changed(&repository, a), (vec!["+big".into()], vec![]));
    assert_eq!(changed(&repository, b), (vec!["-big".into()], vec!["big: larger than a file may be".into()]));
}

#[test]
fn files_above_the_limit_of_the_group_are_too_large() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("most", "1234"), ("more", "12345")]);
    let repository = fixture.open().with_file_limit(4);
    assert_eq!(changed(&repository, a), (vec!["+most".into()], vec!["more: larger than a file may be".into()]));
}

#[test]
fn paths_below_more_folders_than_a_new_one_may_have_are_left_out() {
    let fixture = Fixture::new();
    let [most, more] = [128, 129].map(|folders| format!("{}end", "a/".repeat(folders)));
    let id = fixture.commit("a", &[], &[(&most, "1"), (&more, "2")]);
    assert_eq!(changed(&fixture.open(), id), (vec![format!("+{most}")], vec![format!("{more}: path rule")]));
}

#[test]
fn files_and_folders_that_the_repository_lost_are_left_out() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("d/e", "lost folder"), ("x", "lost content"), ("y", "kept")]);
    let repository = fixture.open();
    let commit = repository.commit(a).expect("a commit");
    let lost = repository.tree(&commit).expect("a tree").files["x"].blob;
    let mut folder = Folder::default();
    folder.put(b"e", Blob, fixture.writer.blob(b"lost folder").expect("a blob"));
    let folder = folder.write(&fixture.writer).expect("the same folder");
    for id in [lost, folder] {
        let hex = id.to_string();
        fs::remove_file(fixture.path().join("objects").join(&hex[..2]).join(&hex[2..])).expect("a loose object");
    }
    let skipped = ["d", "x"].map(|path| format!("{path}: object missing in the repository")).to_vec();
    assert_eq!(changed(&fixture.open(), a), (vec!["+y".into()], skipped));
}

#[test]
fn a_name_that_a_broken_tree_lists_twice_stands_once() {
    let fixture = Fixture::new();
    let [one, two] = [b"1", b"2"].map(|content| fixture.writer.blob(content).expect("a blob"));
    let mut inner = Folder::default();
    inner.put(b"c", Blob, two);
    let inner = inner.write(&fixture.writer).expect("a folder");
    let entry = |name: &str, kind: EntryKind, oid| Entry { mode: kind.into(), filename: name.into(), oid };
    let entries = vec![entry("a", Blob, one), entry("a-b", Blob, one), entry("a", EntryKind::Tree, inner)];
    let id = fixture.commit_tree("a", &[], &Tree { entries });
    assert_eq!(changed(&fixture.open(), id), (vec!["+a".into(), "+a-b".into()], vec!["a: path rule".into()]));
}

#[test]
fn a_name_with_a_slash_or_none_in_a_broken_tree_takes_no_path_of_a_file() {
    let fixture = Fixture::new();
    let [one, two] = [b"one", b"two"].map(|content| fixture.writer.blob(content).expect("a blob"));
    let mut inner = Folder::default();
    inner.put(b"b", Blob, one);
    let inner = inner.write(&fixture.writer).expect("a folder");
    let entry = |name: &str, kind: EntryKind, oid| Entry { mode: kind.into(), filename: name.into(), oid };
    let sound = entry("a", EntryKind::Tree, inner);
    let broken = vec![entry("", Blob, two), sound.clone(), entry("a/b", Blob, two)];
    let x = fixture.commit_tree("x", &[], &Tree { entries: broken });
    let y = fixture.commit_tree("y", &[x], &Tree { entries: vec![sound] });
    let repository = fixture.open();
    let skipped = vec![": path rule".into(), "a/b: path rule".into()];
    assert_eq!(changed(&repository, x), (vec!["+a/b".into()], skipped));
    assert_eq!(changed(&repository, y), (vec![], vec![]));
}

#[test]
fn a_tree_of_more_files_than_there_is_room_for_is_an_error_that_names_the_commit() {
    let fixture = Fixture::new();
    let mut below = (Blob, fixture.writer.blob(b"x").expect("a blob"));
    for _ in 0..10 {
        let entry = |name: u32| Entry { mode: below.0.into(), filename: name.to_string().into(), oid: below.1 };
        let tree = Tree { entries: (0..10).map(entry).collect() };
        below = (EntryKind::Tree, fixture.writer.tree(&tree).expect("a tree"));
    }
    let entries = vec![Entry { mode: EntryKind::Tree.into(), filename: "a".into(), oid: below.1 }];
    let id = fixture.commit_tree("10^10 files", &[], &Tree { entries });
    let mut repository = fixture.open();
    repository.compared_bytes_max = 1 << 20;
    let error = repository.tree(&repository.commit(id).expect("a commit")).expect_err("far too many").to_string();
    assert!(error.contains(&id.to_string()), "{error}");
}

#[test]
fn a_whole_tree_names_what_it_leaves_out() {
    let fixture = Fixture::new();
    let a = fixture.commit_of("a", &[], [(&b"lib"[..], Commit, &b""[..]), (b"x", Blob, b"2")]);
    let b = fixture.commit_of("b", &[a], [(&b"lib"[..], Commit, &b""[..]), (b"x", Blob, b"3")]);
    let repository = fixture.open();
    let tree = repository.tree(&repository.commit(b).expect("a commit")).expect("a tree");
    assert_eq!(tree.files.keys().collect::<Vec<_>>(), ["x"]);
    assert_eq!((tree.skipped[0].path.as_str(), tree.skipped[0].reason), ("lib", Reason::Submodule));
}

#[test]
fn a_missing_commit_is_an_error_that_names_it() {
    let fixture = Fixture::new();
    let id = fixture.commit("a", &[named("gone")], &[("x", "1")]);
    let error = fixture.open().plan(id, usize::MAX).err().expect("no plan").to_string();
    assert!(error.contains(&named("gone").to_string()), "{error}");
}
