//! Known answers at a start: a replica whose program answers otherwise than its rules takes no part.

mod lone;

use lone::{anywhere, launch, plan};
use quorate_ledger::answers::DIGEST;
use quorate_pbft::Digest;
use quorate_service::init::make;
use quorate_service::replica::LaunchError;
use std::path::Path;

fn group(folder: &Path) -> std::path::PathBuf {
    make(&plan(&folder.join("group"))).expect("a group").replicas.remove(0)
}

#[tokio::test]
async fn a_replica_whose_answers_are_not_those_of_its_rules_does_not_start_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = group(folder.path());
    let of_other_rules = Digest([7; 32]);

    let refused = launch(&dir, anywhere(), of_other_rules).await.err().expect("no replica");

    let LaunchError::Answers(answers) = &refused else { panic!("{refused}") };
    assert_eq!((answers.expected, answers.found), (of_other_rules, Some(DIGEST)));
    let said = refused.to_string();
    assert!(said.contains("does not vote") && said.contains("install the released build"), "{said}");
    assert!(!said.contains('\n'), "in one line: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_answers_as_its_rules_do_starts_after_another_program_was_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = group(folder.path());
    let refused = launch(&dir, anywhere(), Digest([7; 32])).await;
    assert!(refused.is_err(), "by another program");

    let mut replica = launch(&dir, anywhere(), DIGEST).await.expect("its database is as it was");

    replica.stop().await.expect("an orderly end");
}
