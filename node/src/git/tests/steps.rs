//! Whole plans, step by step.

use super::fixture::{Fixture, told};
use crate::git::{Base, Step};

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
            "open: side 0 on revision a changes w x",
            "side 0: s on revision a: +x +y",
            "side 0: t on envelope s: +w +y",
            "close m on revision t, target w x y z",
        ]
    );
}

#[test]
fn the_target_of_a_merge_is_what_its_commit_has() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("x", "1"), ("y", "1")]);
    let b = fixture.commit("b", &[a], &[("x", "2"), ("y", "1")]);
    let s = fixture.commit("s", &[a], &[("x", "3")]);
    let m = fixture.commit("m", &[b, s], &[("x", "both")]);
    let repository = fixture.open();
    let steps: Vec<_> = repository.plan(m, ALL).expect("a plan").map(|step| step.expect("a step")).collect();
    let Some(Step::Close(closing)) = steps.last() else { panic!("the last step closes the merge") };
    let target: Vec<_> = closing.target.iter().map(|(path, entry)| (path.as_str(), entry.map(|e| e.size))).collect();
    assert_eq!(target, [("x", Some(4)), ("y", None)]);
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
            "open: side 0 on revision a changes s t",
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
        ["open: side 0 on nothing changes x y", "side 0: r on nothing: +x +y", "close m on revision r, target x y"]
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
    assert_eq!(commit.described(), told);
}

#[test]
fn a_long_message_is_cut_where_a_character_ends() {
    let fixture = Fixture::new();
    let id = fixture.commit(&"é".repeat(40_000), &[], &[("x", "1")]);
    let described = fixture.open().commit(id).expect("a commit").described();
    assert!((65_530..=65_536).contains(&described.len()), "{} bytes", described.len());
    assert!(described.ends_with("+01:00\n"));
}

#[test]
fn the_first_step_of_a_history_is_based_on_nothing() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[]);
    let repository = fixture.open();
    let step = repository.plan(a, ALL).expect("a plan").next().expect("a step").expect("read");
    assert!(matches!(step, Step::Commit(change) if change.base == Base::Genesis && change.operations.is_empty()));
}
