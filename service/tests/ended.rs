//! Ends of a replica inside a program: stopped, asked again, or dropped.

mod lone;

use lone::{anywhere, launch, plan};
use quorate_client::http::Client;
use quorate_ledger::answers::DIGEST;
use quorate_service::init::make;
use quorate_service::replica::Running;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// Time that anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);
/// Rest of the scrub between two walks.
#[cfg(target_os = "linux")]
const REST: Duration = Duration::from_secs(30);

async fn launched() -> (TempDir, PathBuf, Running) {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = make(&plan(&folder.path().join("group"))).expect("a group").replicas.remove(0);
    let replica = launch(&dir, anywhere(), DIGEST).await.expect("a replica");
    (folder, dir, replica)
}

async fn eventually<T>(mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let look = async {
        loop {
            match found().await {
                Some(found) => break found,
                None => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(LIMIT, look).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_dropped_ends_and_its_folder_starts_again_in_the_same_process() {
    let (_folder, dir, replica) = launched().await;
    let api = replica.api_url();

    drop(replica);

    let mut again = eventually(async || launch(&dir, anywhere(), DIGEST).await.ok()).await;
    let old = Client::new(&api, LIMIT).expect("its address");
    eventually(async || old.is_there().await.is_err().then_some(())).await;
    again.stop().await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_says_how_its_core_has_stopped_as_often_as_it_is_asked() {
    let (_folder, _dir, mut replica) = launched().await;

    replica.stop().await.expect("an orderly end");

    replica.core_stopped().await.expect("the same end");
    replica.stop().await.expect("the same end");
}

/// Whether a file of this folder is open in this process.
#[cfg(target_os = "linux")]
fn is_open(dir: &Path) -> bool {
    let open = std::fs::read_dir("/proc/self/fd").expect("the files of this process");
    open.flatten().filter_map(|file| std::fs::read_link(file.path()).ok()).any(|at| at.starts_with(dir))
}

/// Files that are closed before a rest can have ended were let go by who rested. On a machine where even that takes so long it is looked at
/// again.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_task_of_a_replica_that_was_stopped_keeps_a_file_open_while_it_rests() {
    for _ in 0..3 {
        let (_folder, dir, mut replica) = launched().await;
        let client = Client::new(&replica.api_url(), LIMIT).expect("its address");
        let walks = async || String::from_utf8(client.get_beside("metrics").await.ok()?.body.to_vec()).ok();
        let mut rests_since = Instant::now();
        eventually(async || {
            let asked = Instant::now();
            let walked = walks().await.filter(|metrics| metrics.contains("\nquorate_scrub_walks 1"));
            if walked.is_none() {
                rests_since = asked;
            }
            walked
        })
        .await;
        assert!(is_open(&dir));

        replica.stop().await.expect("an orderly end");
        drop(replica);

        eventually(async || (!is_open(&dir)).then_some(())).await;
        if rests_since.elapsed() < REST {
            return;
        }
    }
    panic!("each time files were open for as long as the scrub rests");
}
