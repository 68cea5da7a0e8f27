//! Ends of a replica inside a program.

mod lone;

use lone::{anywhere, launch, plan};
use quorate_ledger::answers::DIGEST;
use quorate_service::init::make;
use quorate_service::replica::Running;
use tempfile::TempDir;

async fn launched() -> (TempDir, Running) {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = make(&plan(&folder.path().join("group"))).expect("a group").replicas.remove(0);
    let replica = launch(&dir, anywhere(), DIGEST).await.expect("a replica");
    (folder, replica)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_says_how_its_core_has_stopped_as_often_as_it_is_asked() {
    let (_folder, mut replica) = launched().await;

    replica.stop().await.expect("an orderly end");

    replica.core_stopped().await.expect("the same end");
    replica.stop().await.expect("the same end");
}
