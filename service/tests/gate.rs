//! The gate decodes and verifies once: all work on the envelope of one POST is counted, at a replica that is a group.

mod lone;

use lone::{anywhere, launch, plan};
use quorate_client::author::{Author, Draft, Outcome};
use quorate_client::http::Client;
use quorate_ledger::answers::DIGEST;
use quorate_ledger::{Level, Op, State, work};
use quorate_service::init::make;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Time within which a group of one has an envelope executed.
const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_envelope_of_a_post_is_decoded_twice_and_verified_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = make(&plan(&folder.path().join("group"))).expect("a group");
    let mut replica = launch(&made.replicas[0], anywhere(), DIGEST).await.expect("a replica");
    let client = Client::new(&replica.api_url(), LIMIT).expect("its address");
    let mut author = Author::open(&made.authors["org"], client, "main").await.expect("its key");
    let put = |path: &str| {
        let content = vec![7; 100_000];
        let hash = quorate_client::content::digest(&content);
        let op = Op::Put { path: path.into(), mode: quorate_ledger::Mode::File, content: hash };
        Draft { base: None, ops: vec![op], contents: vec![content], message: String::new() }
    };
    let before = (work::DECODED.load(Ordering::Relaxed), work::VERIFIED.load(Ordering::Relaxed));

    let outcome = author.submit(&put("a"), Level::Sequential).await.expect("an answer");

    let Outcome::Verdict(receipt) = outcome else { panic!("no verdict: {outcome:?}") };
    assert_eq!(receipt.state, State::Applied, "{receipt:?}");
    let decoded = work::DECODED.load(Ordering::Relaxed) - before.0;
    let verified = work::VERIFIED.load(Ordering::Relaxed) - before.1;
    assert_eq!((decoded, verified), (2, 1), "once at the gate and once at execution; once at the gate");
    replica.stop().await.expect("an orderly end");
}
