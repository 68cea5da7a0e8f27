//! Two commits to merge, by the names that people give them.

use super::fixture::Fixture;
use crate::GitError;

#[test]
fn a_merge_commit_is_taken_apart_into_its_parents_and_their_newest_common_ancestor() {
    let fixture = Fixture::new();
    let root = fixture.commit("root", &[], &[]);
    let base = fixture.commit("base", &[root], &[]);
    let ours = fixture.commit("ours", &[base], &[]);
    let theirs = fixture.commit("theirs", &[base], &[]);
    let merged = fixture.commit("merged", &[ours, theirs], &[]);
    let fork = fixture.open().fork(&merged.to_string()).expect("a merge");
    assert_eq!((fork.ours.id, fork.theirs.id, fork.merged.map(|commit| commit.id)), (ours, theirs, Some(merged)));
    assert_eq!((fork.base.map(|commit| commit.id), fork.bases), (Some(base), 1));
}

#[test]
fn two_commits_are_named_by_branches_beginnings_of_ids_and_steps_from_them() {
    let fixture = Fixture::new();
    let root = fixture.commit("root", &[], &[]);
    let ours = fixture.commit("ours", &[root], &[]);
    let theirs = fixture.commit("theirs", &[root], &[]);
    let merged = fixture.commit("merged", &[ours, theirs], &[]);
    fixture.writer.branch("topic", theirs).expect("a branch");
    fixture.writer.branch("main", merged).expect("a branch");
    let repository = fixture.open();
    let short = &ours.to_string()[..12];
    for range in [format!("{short}...topic"), "main~1...main^2".into(), "HEAD^...HEAD^2^0".into(), "~...topic".into()] {
        let fork = repository.fork(&range).expect("two commits");
        assert_eq!((fork.ours.id, fork.theirs.id, fork.merged), (ours, theirs, None), "{range}");
        assert_eq!(fork.base.map(|commit| commit.id), Some(root), "{range}");
    }
    assert!(matches!(repository.fork("main..topic"), Err(GitError::TwoDots { .. })));
    assert!(matches!(repository.fork("topic"), Err(GitError::NoMerge { parents: 1, .. })));
    let file = fixture.writer.blob(b"tree of nothing").expect("a blob");
    for unknown in
        ["nobody", "topic~2", "topic^2", "topic^x", "topic^x0", "topic~1x0", "topic^é", "0000000", &file.to_string()]
    {
        let unknown = format!("{unknown}...topic");
        let refused = repository.fork(&unknown);
        assert!(matches!(refused, Err(GitError::Unknown { .. })), "{unknown}: {refused:?}");
    }
}

#[test]
fn branches_that_were_merged_crosswise_have_two_common_ancestors_and_strangers_none() {
    let fixture = Fixture::new();
    let root = fixture.commit("root", &[], &[]);
    let [a, b] = ["a", "b"].map(|name| fixture.commit(name, &[root], &[]));
    let [x, y] = [("x", [a, b]), ("y", [b, a])].map(|(name, parents)| fixture.commit(name, &parents, &[]));
    let stranger = fixture.commit("stranger", &[], &[]);
    let fork = fixture.open().fork(&format!("{x}...{y}")).expect("two commits");
    assert_eq!((fork.base.map(|commit| commit.id), fork.bases), (Some(b), 2), "the newer of both");
    let fork = fixture.open().fork(&format!("{x}...{stranger}")).expect("two commits");
    assert_eq!((fork.base, fork.bases), (None, 0));
}

#[test]
fn a_shallow_clone_that_ends_before_two_histories_meet_is_refused() {
    let fixture = Fixture::new();
    let root = fixture.commit("root", &[], &[]);
    let [ours, theirs] = ["ours", "theirs"].map(|name| fixture.commit(name, &[root], &[]));
    let merged = fixture.commit("merged", &[ours, theirs], &[]);
    let ends_at = |ends: &[gix::ObjectId]| {
        let list: String = ends.iter().map(|id| format!("{id}\n")).collect();
        std::fs::write(fixture.path().join("shallow"), list).expect("the list");
        fixture.open().fork(&merged.to_string())
    };
    for ends in [&[ours, theirs][..], &[merged]] {
        assert!(matches!(ends_at(ends), Err(GitError::TooShallow { .. })), "{ends:?}");
    }
    assert_eq!(ends_at(&[root]).expect("a merge").base.map(|commit| commit.id), Some(root));
}
