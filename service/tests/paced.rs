//! The pace of authors at a replica that is a group.

mod lone;

use lone::{anywhere, launch, plan};
use quorate_client::author::{Author, Draft, Outcome, SubmitError};
use quorate_client::http::{Client, ClientError};
use quorate_ledger::answers::DIGEST;
use quorate_ledger::policy::{DomainPolicy, PathRule};
use quorate_ledger::{Act, Level, Mode, Op, Principal, State};
use quorate_service::init::make;
use std::time::Duration;

/// Time within which a group of one has an envelope executed.
const LIMIT: Duration = Duration::from_secs(30);

/// Content of four megabytes, which takes half a second of the pace by its bytes.
fn large(number: u8) -> Vec<u8> {
    vec![number; 4 << 20]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_author_pays_for_what_an_envelope_used_of_its_budget_and_not_for_its_bytes_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = make(&plan(&folder.path().join("group"))).expect("a group");
    let mut replica = launch(&made.replicas[0], anywhere(), DIGEST).await.expect("a replica");
    let author = async |limit| {
        let client = Client::new(&replica.api_url(), limit).expect("its address");
        Author::open(&made.authors["org"], client, "main").await.expect("its key")
    };
    let put = |path: &str, content: Vec<u8>| {
        let op = Op::Put { path: path.into(), mode: Mode::File, content: quorate_client::content::digest(&content) };
        Draft { base: None, ops: vec![op], contents: vec![content], message: String::new() }
    };
    let forbidden = (0..64).map(|number| format!("secret {number}")).collect();
    let rule = PathRule { pattern: "searched/**".into(), forbidden, ..PathRule::default() };
    let everyone = || vec![Principal::Everyone];
    let policy = DomainPolicy { paths: vec![rule], ..DomainPolicy::new(everyone(), everyone()) };
    let ops = vec![Op::Propose { act: Act::SetPolicy { policy } }];
    let draft = Draft { base: None, ops, contents: Vec::new(), message: String::new() };
    author(LIMIT).await.submit(&draft, Level::Sequential).await.expect("an answer");

    for draft in [put("a", large(1)), put("searched/a", large(2))] {
        let outcome = author(LIMIT).await.submit(&draft, Level::Sequential).await.expect("an answer");
        assert!(matches!(outcome, Outcome::Verdict(receipt) if receipt.state == State::Applied));
    }
    let next = author(Duration::from_millis(400)).await.submit(&put("b", vec![3]), Level::Sequential).await;

    let Err(SubmitError::Unanswered { error: ClientError::NoAnswer { held_back: Some(problem), .. }, .. }) = next
    else {
        panic!("an eighth of the searches is used, and two and a half seconds are paid for it: {next:?}")
    };
    assert!(problem.detail.contains("much work"), "{problem:?}");
    replica.stop().await.expect("an orderly end");
}
