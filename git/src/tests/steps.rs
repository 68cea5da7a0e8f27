//! Whole plans, step by step.

use gix::ObjectId;

use super::fixture::{Fixture, named, told};
use crate::{Base, Closing, Commit, Entries, Origin, Part, Step};

const ALL: usize = usize::MAX;

#[test]
fn a_merge_opens_with_what_its_side_changes_and_closes_with_what_must_then_be_there() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("x", "1"), ("y", "1"), ("z", "1")]);
    let b = fixture.commit("b", &[a], &[("x", "2"), ("y", "1"), ("z", "1")]);
    let s = fixture.commit("s", &[a], &[("x", "3"), ("y", "3"), ("z", "1")]);
    let t = fixture.commit("t", &[s], &[("x", "3"), ("y", "1"), ("z", "1"), ("w", "3")]);
    let m = fixture.commit("m", &[b, t], &[("x", "both"), ("y", "1"), ("z", "by hand"), ("w", "3")]);
    let repository = fixture.open();
    let plan = repository.plan(m, ALL).expect("a plan");
    assert_eq!(
        told(&repository, plan),
        [
            "a on nothing: +x +y +z",
            "b on revision a: +x",
            "open: side 0 on revision a",
            "side 0: s on revision a: +x +y",
            "side 0: t on envelope s: +w +y",
            "close m on revision t, target w x y z",
        ]
    );
}

/// A commit of the side cannot be read.
#[test]
fn a_plan_of_the_line_alone_reads_no_commit_of_a_side_and_counts_each_once() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("x", "1")]);
    let b = fixture.commit("b", &[a], &[("x", "2")]);
    let s = fixture.commit("s", &[a], &[("y", "1")]);
    let t = fixture.commit_folder("t", &[s], named("no tree"));
    let m = fixture.commit("m", &[b, t], &[("x", "2"), ("y", "1")]);
    let n = fixture.commit("n", &[m, t], &[("x", "3")]);
    let repository = fixture.open();
    let plan = repository.line(n, 3).expect("a plan");
    assert_eq!((plan.counts().line, plan.counts().folded), (3, 2));
    assert_eq!(
        told(&repository, plan),
        ["boundary a: +x", "b on revision a: +x", "m on revision b: +y", "n on revision m: +x -y"]
    );
    assert_eq!(repository.line(n, 1).expect("a plan").counts().folded, 0, "the side lies below");
}

#[test]
fn a_commit_whose_people_are_broken_is_read_as_git_does() {
    let tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    for person in ["Ada 1600000000 +0000", "Ada <ada@example.org 1600000000 +0000", ""] {
        let data = format!("tree {tree}\nauthor {person}\ncommitter {person}\nencoding UTF-8\n\nsubject\n\nbody\n");
        let read = Commit::read(named("broken"), data.as_bytes(), Vec::new()).expect("a commit");
        assert_eq!((read.tree.to_string().as_str(), read.message.as_str()), (tree, "subject\n\nbody\n"), "{person}");
        assert_eq!((read.author.name.as_str(), read.author.email.as_str()), (person, ""));
    }
    assert!(Commit::read(named("broken"), b"no tree", Vec::new()).is_err());
}

/// The last step, which closes a merge.
fn closing(fixture: &Fixture, tip: ObjectId) -> Closing {
    match fixture.open().plan(tip, ALL).expect("a plan").last() {
        Some(Ok(Step::Close(closing))) => closing,
        other => panic!("the last step closes the merge, not {other:?}"),
    }
}

fn sizes(entries: &Entries) -> Vec<(&str, Option<u64>)> {
    entries.iter().map(|(path, entry)| (path.as_str(), entry.map(|entry| entry.size))).collect()
}

#[test]
fn a_closing_merge_knows_what_was_what_its_side_wrote_and_what_must_be() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("x", "1"), ("y", "1")]);
    let b = fixture.commit("b", &[a], &[("x", "22"), ("y", "1")]);
    let s = fixture.commit("s", &[a], &[("x", "3"), ("z", "3")]);
    let t = fixture.commit("t", &[s], &[("x", "333")]);
    let m = fixture.commit("m", &[b, t], &[("x", "both")]);
    let closing = closing(&fixture, m);
    assert_eq!(sizes(&closing.before), [("x", Some(2)), ("y", Some(1)), ("z", None)]);
    assert_eq!(sizes(&closing.written[0]), [("x", Some(3)), ("y", None), ("z", None)]);
    assert_eq!(sizes(&closing.target), [("x", Some(4)), ("y", None), ("z", None)]);
}

#[test]
fn a_file_where_a_side_made_a_folder_is_among_what_a_merge_must_set() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("x", "1")]);
    let b = fixture.commit("b", &[a], &[("x", "1"), ("n", "1")]);
    let s = fixture.commit("s", &[a], &[("x", "1"), ("n/o/p", "1")]);
    let m = fixture.commit("m", &[b, s], &[("x", "1"), ("n", "1")]);
    assert_eq!(sizes(&closing(&fixture, m).target), [("n", Some(1)), ("n/o/p", None)]);
}

#[test]
fn both_sides_changed_what_differs_from_the_base_in_the_domain_and_on_the_side() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("main", "1"), ("both", "1"), ("same", "1"), ("side", "1"), ("undone", "1")]);
    let b = fixture.commit("b", &[a], &[("main", "2"), ("both", "2"), ("same", "3"), ("side", "1"), ("undone", "2")]);
    let s = fixture.commit("s", &[a], &[("main", "1"), ("both", "3"), ("same", "3"), ("side", "3"), ("undone", "3")]);
    let t = fixture.commit("t", &[s], &[("main", "1"), ("both", "3"), ("same", "3"), ("side", "3"), ("undone", "1")]);
    let m = fixture.commit("m", &[b, t], &[("main", "2")]);
    let closing = closing(&fixture, m);
    let repository = fixture.open();
    let written = closing.written[0].keys().cloned().collect();
    let base = repository.entries(&repository.commit(a).expect("a commit"), &written).expect("entries");
    assert_eq!(closing.both_sides(0, &base), ["both", "same"]);
}

#[test]
fn history_below_the_boundary_comes_as_one_change() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("x", "1"), ("y", "1")]);
    let b = fixture.commit("b", &[a], &[("x", "2"), ("z/z", "1")]);
    let c = fixture.commit("c", &[b], &[("x", "3"), ("z/z", "1")]);
    let repository = fixture.open();
    let plan = repository.plan(c, 1).expect("a plan");
    assert_eq!(plan.counts().line, 1);
    assert_eq!(told(&repository, plan), ["boundary b: +x +z/z", "c on revision b: +x"]);
}

#[test]
fn a_merge_whose_side_is_folded_is_one_change() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("x", "1")]);
    let b = fixture.commit("b", &[a], &[("x", "2")]);
    let s = fixture.commit("s", &[a], &[("x", "1"), ("y", "1")]);
    let m = fixture.commit("m", &[b, s], &[("x", "2"), ("y", "1")]);
    let repository = fixture.open();
    let plan = repository.plan(m, 1).expect("a plan");
    assert_eq!(plan.counts().folded, 1);
    assert_eq!(told(&repository, plan), ["boundary b: +x", "m on revision b: +y"]);
}

#[test]
fn a_merge_inside_a_side_is_its_diff_to_its_first_parent() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("x", "1")]);
    let s = fixture.commit("s", &[a], &[("x", "1"), ("s", "1")]);
    let t = fixture.commit("t", &[a], &[("x", "1"), ("t", "1")]);
    let n = fixture.commit("n", &[s, t], &[("x", "1"), ("s", "1"), ("t", "1")]);
    let b = fixture.commit("b", &[a], &[("x", "2")]);
    let m = fixture.commit("m", &[b, n], &[("x", "2"), ("s", "1"), ("t", "1")]);
    let repository = fixture.open();
    assert_eq!(
        told(&repository, repository.plan(m, ALL).expect("a plan"))[2..],
        [
            "open: side 0 on revision a",
            "side 0: s on revision a: +s",
            "side 0: n on envelope s: +t",
            "close m on revision n, target s t",
        ]
    );
}

#[test]
fn a_side_from_an_unrelated_root_brings_all_its_files() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("x", "1")]);
    let r = fixture.commit("r", &[], &[("x", "9"), ("y", "1")]);
    let m = fixture.commit("m", &[a, r], &[("x", "1"), ("y", "1")]);
    let repository = fixture.open();
    assert_eq!(
        told(&repository, repository.plan(m, ALL).expect("a plan"))[1..],
        ["open: side 0 on nothing", "side 0: r on nothing: +x +y", "close m on revision r, target x y"]
    );
}

#[test]
fn a_commit_says_who_wrote_it_when_and_why() {
    let fixture = Fixture::new();
    let id = fixture.commit("Say hello\n\nTo everyone.\n", &[], &[("x", "1")]);
    let commit = fixture.open().commit(id).expect("a commit");
    assert_eq!(commit.title(), "Say hello");
    let told = format!(
        "Say hello\n\nTo everyone.\n\nGit-Commit: {id}\nGit-Author: Ada <ada@example.org>\n\
         Git-Date: 2023-11-14T23:14:20+01:00\n"
    );
    assert_eq!(commit.described(Part::ONLY), told);
}

#[test]
fn a_long_message_is_cut_where_a_character_ends() {
    let fixture = Fixture::new();
    let id = fixture.commit(&"é".repeat(40_000), &[], &[("x", "1")]);
    let described = fixture.open().commit(id).expect("a commit").described(Part { is_whole: true, ..Part::ONLY });
    assert!((65_530..=65_536).contains(&described.len()), "{} bytes", described.len());
    assert!(described.ends_with("+01:00\nGit-Tree: whole\n"));
}

#[test]
fn the_origin_of_a_change_is_read_as_it_was_written() {
    let fixture = Fixture::new();
    let id = fixture.commit("Say hello", &[], &[("x", "1")]);
    let commit = fixture.open().commit(id).expect("a commit");
    for (number, of, is_whole) in [(1, 1, false), (1, 1, true), (2, 3, false), (3, 3, true)] {
        let part = Part { number, of, is_whole };
        let told = Origin { commit: id, author: commit.author.clone(), time: Some(commit.time), part };
        assert_eq!(Origin::read(&commit.described(part)), Some(told));
    }
}

#[test]
fn a_message_without_all_lines_of_an_origin_or_with_more_after_them_has_none() {
    let fixture = Fixture::new();
    let id = fixture.commit("Say hello", &[], &[("x", "1")]);
    let described = fixture.open().commit(id).expect("a commit").described(Part::ONLY);
    let cut = described.replace("Git-Author", "Author");
    for message in ["", "Git-Date: now", &cut, &format!("{described}more"), &described.replace(&id.to_string(), "x")] {
        assert_eq!(Origin::read(message), None, "{message}");
    }
}

#[test]
fn a_date_in_another_spelling_is_not_read() {
    let lines = |date: &str| format!("Git-Commit: {}\nGit-Author: A <a@b>\nGit-Date: {date}\n", named("x"));
    for date in ["@5 +0000", "yesterday", "2023-11-14 23:14:20 +0100", "9999999999 +9900", "1969-12-31T00:00:00+00:00"]
    {
        assert_eq!(Origin::read(&lines(date)).expect("an origin").time, None, "{date}");
    }
}

#[test]
fn the_first_step_of_a_history_is_based_on_nothing() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[]);
    let repository = fixture.open();
    let step = repository.plan(a, ALL).expect("a plan").next().expect("a step").expect("read");
    assert!(matches!(step, Step::Commit(change) if change.base == Base::Genesis && change.operations.is_empty()));
}
