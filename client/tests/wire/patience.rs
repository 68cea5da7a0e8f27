//! Retries of the client, and when it gives up.

use crate::scripted::{self, Reply};
use quorate_client::api::{Health, Problem};
use quorate_client::http::{Client, ClientError, NOTHING_LISTENS, Notice};
use quorate_client::session::Session;
use quorate_ledger::{BranchState, EnvelopeId, Level, TransactionId};
use quorate_pbft::Digest;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const JSON: &str = "200 OK\r\ncontent-type: application/json";

fn good() -> Reply {
    Reply::Http(JSON, r#"{"score":1.0,"reasons":[]}"#.into())
}

fn no_quorum() -> Reply {
    let problem = Problem { why: Some("hears 2 of 4, needs 3".into()), ..Problem::new(503, "no-quorum", "read-only") };
    let body = serde_json::to_string(&problem).expect("plain data");
    Reply::Http("503 Service Unavailable\r\ncontent-type: application/problem+json", body)
}

async fn health(node: &str, timeout: Duration) -> Result<Health, ClientError> {
    Client::new(node, timeout)?.get(&["health"], &[]).await
}

#[tokio::test]
async fn a_broken_connection_is_tried_again() {
    let (node, requests) = scripted::node(vec![Reply::Hangup, Reply::Hangup, good()]);
    assert_eq!(health(&node, Duration::from_secs(20)).await.expect("an answer").score, 1.0);
    assert_eq!(requests.iter().take(3).filter(|request| request.line == "GET /v1/health").count(), 3);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_tried_again() {
    let cut = Reply::Http("200 OK\r\ntransfer-encoding: chunked", "5\r\nabc".into());
    let (node, _requests) = scripted::node(vec![cut, good()]);
    assert_eq!(health(&node, Duration::from_secs(20)).await.expect("an answer").score, 1.0);
}

#[tokio::test]
async fn a_node_without_a_quorum_is_asked_again() {
    let (node, _requests) = scripted::node(vec![no_quorum(), good()]);
    assert_eq!(health(&node, Duration::from_secs(20)).await.expect("an answer").score, 1.0);
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let busy = Reply::Http("429 Too Many Requests\r\nretry-after: 1", String::new());
    let (node, _requests) = scripted::node(vec![busy, good()]);
    let begun = Instant::now();
    health(&node, Duration::from_secs(20)).await.expect("an answer");
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn patience_ends_in_time_and_says_why() {
    let (node, _requests) = scripted::node(vec![no_quorum()]);
    let begun = Instant::now();
    let ended = health(&node, Duration::from_secs(2)).await.expect_err("never good");
    assert!(begun.elapsed() < Duration::from_secs(20)); // the patience that a client has of itself is 30 s
    assert!(matches!(&ended, ClientError::NoAnswer { last, .. } if last.contains("hears 2 of 4")), "{ended}");
}

#[tokio::test]
async fn a_refused_connection_is_no_answer() {
    let ended = health("http://127.0.0.1:1", Duration::from_millis(200)).await.expect_err("nobody there");
    assert!(matches!(ended, ClientError::NoAnswer { .. }), "{ended}");
}

#[tokio::test]
async fn a_try_that_is_out_when_the_time_ends_is_not_called_held_back() {
    let body = serde_json::to_string(&Problem::refused(429, "limits", "rate", "too fast")).expect("plain data");
    let held = Reply::Http("429 Too Many Requests\r\ncontent-type: application/problem+json", body);
    for waits in [Duration::ZERO, Duration::from_secs(60)] {
        let (node, _requests) = scripted::node(vec![held.clone(), Reply::Silence]);
        let client = Client::new(&node, Duration::from_secs(8)).expect("an address");
        let client = client.with_notice(Notice { after: waits, tell: |_, _| () });

        let ended = client.get::<Health>(&["health"], &[]).await.expect_err("a silent node");

        assert!(matches!(ended, ClientError::NoAnswer { held_back: None, .. }), "{ended:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_final() {
    let body = serde_json::to_string(&Problem::refused(404, "content", "missing-path", "no file")).expect("plain data");
    let refusal = Reply::Http("404 Not Found\r\ncontent-type: application/problem+json", body);
    let (node, requests) = scripted::node(vec![refusal]);
    let ended = health(&node, Duration::from_secs(20)).await.expect_err("a refusal");
    assert!(matches!(ended, ClientError::Refused(problem) if problem.code == "missing-path"));
    assert_eq!(requests.try_iter().count(), 1);
}

#[tokio::test]
async fn a_file_that_does_not_exist_is_none_and_a_domain_that_does_not_is_an_error() {
    for (code, is_none) in [("missing-path", true), ("unknown-domain", false)] {
        let body = serde_json::to_string(&Problem::refused(404, "content", code, "no such thing")).expect("plain data");
        let refusal = Reply::Http("404 Not Found\r\ncontent-type: application/problem+json", body);
        let (node, _requests) = scripted::node(vec![refusal]);
        let client = Client::new(&node, Duration::from_secs(20)).expect("an address");
        let found = client.file("main", "a", Level::Sequential).await;
        assert_eq!(matches!(found, Ok(None)), is_none, "{code}: {found:?}");
    }
}

#[tokio::test]
async fn a_web_server_that_is_no_node_is_called_so() {
    let (node, _requests) = scripted::node(vec![Reply::Http("404 Not Found", "<html>".into())]);
    let ended = health(&node, Duration::from_secs(20)).await.expect_err("a page");
    assert!(matches!(&ended, ClientError::Garbled { why, .. } if why.contains("404")), "{ended}");
}

#[tokio::test]
async fn a_web_server_that_sends_elsewhere_is_no_refusal() {
    let moved = "301 Moved Permanently\r\nlocation: https://elsewhere.example/login";
    let (node, _requests) = scripted::node(vec![Reply::Http(moved, "<html>".into())]);
    let ended = health(&node, Duration::from_secs(20)).await.expect_err("a page");
    assert!(matches!(&ended, ClientError::Garbled { why, .. } if why.contains("elsewhere.example/login")), "{ended}");
}

#[tokio::test]
async fn a_wait_is_told_once_and_a_refused_connection_at_once() {
    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let tell = |_: &str, why: &str| TOLD.lock().expect("no panic").push(why.to_owned());
    let client = Client::new("http://127.0.0.1:1", Duration::from_millis(400)).expect("an address");
    let client = client.with_notice(Notice { after: Duration::ZERO, tell });

    client.get::<Health>(&["health"], &[]).await.expect_err("nobody there");
    assert_eq!(*TOLD.lock().expect("no panic"), [NOTHING_LISTENS]);
}

#[tokio::test]
async fn silence_is_told_after_a_second() {
    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let tell = |_: &str, why: &str| TOLD.lock().expect("no panic").push(why.to_owned());
    let (node, _requests) = scripted::node(vec![Reply::Silence]);
    let client = Client::new(&node, Duration::from_secs(5)).expect("an address");
    let client = client.with_notice(Notice { after: Duration::from_secs(1), tell });

    client.get::<Health>(&["health"], &[]).await.expect_err("no answer");
    assert_eq!(*TOLD.lock().expect("no panic"), ["it is silent"]);
}

#[test]
fn the_root_of_the_api_is_an_address_of_the_node() {
    let client = Client::new("http://node:1/v1/", Duration::ZERO).expect("an address");
    assert_eq!(client.url(&["status"], &[]).expect("an address").to_string(), "http://node:1/v1/status");
}

#[test]
fn path_components_are_encoded_one_by_one() {
    let client = Client::new("http://node:1/behind/", Duration::ZERO).expect("an address");
    let url = client.url(&["domains", "main", "files", "a b", "50%?", "ü"], &[("at", ""), ("level", "strong")]);
    assert_eq!(
        url.expect("an address").to_string(),
        "http://node:1/behind/v1/domains/main/files/a%20b/50%25%3F/%C3%BC?level=strong"
    );
}

#[tokio::test]
async fn a_path_that_no_address_can_hold_is_an_error() {
    let client = Client::new("http://127.0.0.1:1", Duration::from_secs(20)).expect("an address");
    let asked = client.file("main", &"ü".repeat(11_000), Level::Sequential).await;
    assert!(matches!(asked, Err(ClientError::TooLong(bytes)) if bytes > 66_000), "{asked:?}");
}

#[test]
fn only_http_with_tls_or_without_is_an_address() {
    for node in ["", "127.0.0.1:80", "ftp://x", "mailto:x"] {
        assert!(matches!(Client::new(node, Duration::ZERO), Err(ClientError::Address { .. })), "{node}");
    }
}

/// End of a causal read of a session that wrote a change which the node answers with this problem.
async fn causal_read(unknown: Problem) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = Session::open(&folder.path().join("session")).expect("a disk");
    session.wrote(EnvelopeId(Digest([7; 32]))).expect("a disk");
    let unknown = serde_json::to_string(&unknown).expect("plain data");
    let (node, _requests) =
        scripted::node(vec![Reply::Http("404 Not Found\r\ncontent-type: application/problem+json", unknown)]);
    let client = Client::new(&node, Duration::from_secs(2)).expect("an address").in_session(session);
    client.file("main", "a", Level::Causal).await.expect_err("nobody knows it").to_string()
}

#[tokio::test]
async fn a_session_whose_change_may_be_applied_and_forgotten_is_not_told_to_sign_it_again() {
    let said = "what was ordered before slot 90 is kept no more";
    let pruned = |members: Vec<u16>| Problem { members: Some(members), ..Problem::new(404, "not-found", said) };

    let told = causal_read(pruned(vec![1, 2])).await;
    assert!(told.contains(said) && told.contains("another member may know") && told.contains("do not sign"), "{told}");
    let alone = causal_read(pruned(vec![])).await;
    assert!(alone.contains(said) && alone.contains("look whether its files are there"), "{alone}");
    let whole = causal_read(Problem::new(404, "not-found", "nothing waits")).await;
    assert!(whole.contains("if the change was lost, sign it again"), "{whole}");
}

#[tokio::test]
async fn a_proof_of_a_branch_that_a_node_does_not_know_yet_is_asked_for_again() {
    let body = serde_json::to_string(&Problem::new(404, "not-found", "no transaction")).expect("plain data");
    let unknown = Reply::Http("404 Not Found\r\ncontent-type: application/problem+json", body);
    let octets = "200 OK\r\ncontent-type: application/octet-stream";
    let (node, requests) = scripted::node(vec![unknown, Reply::Http(octets, "no proof".into())]);
    let client = Client::new(&node, Duration::from_secs(20)).expect("an address");

    let ended = client.transaction_proof(&TransactionId(Digest([7; 32])), BranchState::Prepared).await;

    assert!(matches!(ended, Err(ClientError::Garbled { .. })), "{ended:?}");
    assert_eq!(requests.try_iter().count(), 2);
}

#[tokio::test]
async fn a_wait_for_the_proof_of_a_branch_that_ends_says_what_it_waited_for() {
    let body =
        serde_json::to_string(&Problem::new(404, "not-found", "no transaction was prepared")).expect("a problem");
    let (node, _requests) =
        scripted::node(vec![Reply::Http("404 Not Found\r\ncontent-type: application/problem+json", body)]);
    let client = Client::new(&node, Duration::from_secs(3)).expect("an address");

    let ended = client.transaction_proof(&TransactionId(Digest([7; 32])), BranchState::Prepared).await;

    assert!(ended.expect_err("no proof").to_string().contains("no transaction was prepared"));
}

#[tokio::test]
async fn a_client_whose_time_was_up_before_says_so_and_asks_again_once_renewed() {
    let (node, requests) = scripted::node(vec![good()]);
    let client = Client::new(&node, Duration::from_secs(2)).expect("an address");
    tokio::time::sleep(Duration::from_millis(2_010)).await;

    let late = client.get::<Health>(&["health"], &[]).await.expect_err("its time is up");

    assert!(late.to_string().contains("its time was up before anything was asked"), "{late}");
    assert!(requests.try_iter().next().is_none());
    client.renewed().get::<Health>(&["health"], &[]).await.expect("an answer");
}

#[tokio::test]
async fn a_time_without_an_end_is_a_time() {
    let (node, _requests) = scripted::node(vec![good()]);
    let client = Client::new(&node, Duration::MAX).expect("an address").renewed();

    client.get::<Health>(&["health"], &[]).await.expect("an answer");
}
