//! An author over kills, refusals and races: one envelope for each number and attempt.

use crate::events::status_in;
use crate::scripted::{self, GROUP, Reply, Request, json};
use quorate_client::api::{AuthorInfo, Problem};
use quorate_client::author::{Author, Draft, Outcome, SubmitError};
use quorate_client::http::{Client, ClientError};
use quorate_client::keys;
use quorate_client::outbox::{Answer, Outbox, OutboxError};
use quorate_client::session::Session;
use quorate_ledger::{Base, Body, Envelope, EnvelopeId, Level, Limits, Op, State};
use quorate_pbft::{Digest, PublicKey};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tempfile::TempDir;

struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a folder") };
        keys::create(&desk.key()).expect("a key");
        desk
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("a.key")
    }

    async fn author(&self, node: &str) -> Author {
        let client = Client::new(node, Duration::from_secs(20)).expect("an address");
        Author::open(&self.key(), client, "main").await.expect("a key and an outbox")
    }

    /// As a command does it: what is unanswered first, then one change.
    async fn put(&self, node: &str, level: Level) -> Result<Outcome, SubmitError> {
        let mut author = self.author(node).await;
        author.resend().await?;
        author.submit(&draft(), level).await
    }

    /// A command that is killed once a node with this script, silent at its end, was asked for everything.
    ///
    /// Returns the envelopes that the node was sent.
    async fn killed_put(&self, mut script: Vec<Reply>) -> Vec<Request> {
        script.push(Reply::Silence);
        let asked = script.len();
        let (node, requests) = scripted::node(script);
        tokio::select! {
            ended = self.put(&node, Level::Sequential) => panic!("the node is silent, and the command ended: {ended:?}"),
            seen = first(asked, &requests) => posted(seen),
        }
    }
}

fn draft() -> Draft {
    Draft { base: None, ops: vec![Op::Delete { path: "a".into() }], contents: vec![], message: "m".into() }
}

fn info(next_seq: u64, revision: &str) -> Reply {
    told(0, next_seq, revision)
}

fn told(attempt: u64, next_seq: u64, revision: &str) -> Reply {
    told_in(GROUP, attempt, next_seq, revision)
}

fn told_in(group: Digest, attempt: u64, next_seq: u64, revision: &str) -> Reply {
    let info = AuthorInfo {
        group,
        key: PublicKey([0; 32]),
        next_seq,
        attempt,
        pending: vec![],
        standing: Default::default(),
        figure_here: 500,
        rate: None,
        repeated: vec![],
        revision: revision.parse().expect("a revision"),
    };
    Reply::Http("200 OK\r\ncontent-type: application/json", json(&info))
}

fn refusal(status: &'static str, problem: &Problem) -> Reply {
    Reply::Http(status, json(problem))
}

const TAKEN: &str = "409 Conflict\r\ncontent-type: application/problem+json";
const REFUSED: &str = "422 Unprocessable Content\r\ncontent-type: application/problem+json";

/// The envelopes among these requests, in order.
fn posted(requests: impl IntoIterator<Item = Request>) -> Vec<Request> {
    requests.into_iter().filter(|request| request.line.starts_with("POST /v1/envelopes")).collect()
}

/// The first requests of a node, once it has as many.
async fn first(count: usize, requests: &Receiver<Request>) -> Vec<Request> {
    let mut seen = vec![];
    while seen.len() < count {
        seen.extend(requests.try_iter());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    seen
}

fn body(request: &Request) -> Body {
    Envelope::decode(&request.body, &Limits::default()).expect("an envelope").body
}

#[tokio::test]
async fn what_a_killed_command_sent_goes_first_byte_for_byte() {
    let desk = Desk::new();
    let lost = desk.killed_put(vec![info(1, "3")]).await.remove(0).body;

    let (node, requests) = scripted::node(vec![
        Reply::Verdict(State::Applied, "4.1"),
        info(2, "4"),
        Reply::Verdict(State::Applied, "5.1"),
    ]);
    desk.put(&node, Level::Sequential).await.expect("a verdict");
    let sent = posted(requests.try_iter());
    assert_eq!(sent[0].body, lost);
    assert_eq!((body(&sent[1]).from_seq, body(&sent[1]).attempt), (2, 1));
}

#[tokio::test]
async fn a_kill_before_signing_leaves_nothing_to_send() {
    let desk = Desk::new();
    desk.killed_put(vec![]).await;

    let (node, requests) = scripted::node(vec![info(1, "3"), Reply::Verdict(State::Applied, "4.1")]);
    desk.put(&node, Level::Sequential).await.expect("a verdict");
    assert_eq!(posted(requests.try_iter()).len(), 1);
}

#[tokio::test]
async fn killed_again_and_again_it_sends_the_same_bytes() {
    let desk = Desk::new();
    let first = desk.killed_put(vec![info(1, "3")]).await.remove(0).body;
    for _ in 0..2 {
        assert_eq!(desk.killed_put(vec![]).await.remove(0).body, first);
    }
}

#[tokio::test]
async fn after_an_unanswered_envelope_the_next_is_based_on_it() {
    let desk = Desk::new();
    let (node, requests) =
        scripted::node(vec![info(1, "3"), Reply::Ticket, Reply::Ticket, info(1, "3"), Reply::Ticket]);
    desk.put(&node, Level::Eventual).await.expect("a ticket");
    desk.put(&node, Level::Eventual).await.expect("a ticket");
    let sent = posted(requests.try_iter());
    let first = Envelope::decode(&sent[0].body, &Limits::default()).expect("an envelope");
    assert_eq!(sent[1].body, sent[0].body);
    assert_eq!(body(&sent[2]).changes[0].base, Base::Envelope(first.id(&GROUP)));
    assert_eq!(body(&sent[2]).from_seq, 2);
}

#[tokio::test]
async fn a_number_taken_by_another_machine_is_left_to_it() {
    let desk = Desk::new();
    let taken = Problem { next_seq: Some(5), ..Problem::refused(409, "sequence", "sequence-taken", "") };
    let (node, requests) =
        scripted::node(vec![info(1, "3"), refusal(TAKEN, &taken), info(1, "3"), Reply::Verdict(State::Applied, "4.1")]);
    desk.put(&node, Level::Sequential).await.expect("a verdict");
    let sent = posted(requests.try_iter());
    assert_eq!((body(&sent[0]).from_seq, body(&sent[1]).from_seq), (1, 5));
}

const GONE: &str = "410 Gone\r\ncontent-type: application/problem+json";

/// Answers to an envelope that was sent before, of a node that keeps no history of it: to the envelope, and to the look for it.
fn pruned() -> Vec<Reply> {
    let pruned = Problem::new(410, "history-pruned", "history begins with slot 90");
    vec![refusal(GONE, &pruned), refusal(UNKNOWN, &Problem::new(404, "not-found", "not kept"))]
}

#[tokio::test]
async fn a_change_that_a_node_keeps_no_history_of_is_neither_refused_nor_signed_anew() {
    let desk = Desk::new();
    let lost = desk.killed_put(vec![info(1, "3")]).await.remove(0).body;

    let (node, requests) = scripted::node(pruned());
    let error = desk.put(&node, Level::Sequential).await.expect_err("nobody knows");

    assert_eq!(posted(requests.try_iter()).len(), 1, "the earlier one alone");
    let said = error.to_string();
    assert!(said.contains("history begins with slot 90") && said.contains("may have been applied"), "{said}");
    let (node, requests) = scripted::node(vec![Reply::Verdict(State::Applied, "4.1")]);
    let answers = desk.author(&node).await.resend().await.expect("a member that keeps more");
    assert!(matches!(&answers[..], [Answer::Verdict(receipt)] if receipt.state == State::Applied), "{answers:?}");
    assert_eq!(posted(requests.try_iter())[0].body, lost);
}

#[tokio::test]
async fn a_wait_for_earlier_changes_ends_where_a_node_keeps_no_history_of_one() {
    let desk = Desk::new();
    desk.killed_put(vec![info(1, "3")]).await;
    let look = refusal(UNKNOWN, &Problem::new(404, "not-found", "not kept"));

    let (node, _requests) = scripted::node([vec![look], pruned()].concat());
    let mut author = desk.author(&node).await;
    let error = author.settle().await.expect_err("nobody knows");

    assert!(error.to_string().contains("may have been applied"), "{error}");
    assert!(author.has_unanswered());
}

/// Refusal of an envelope whose number was used in a slot that the node keeps no more.
fn forgotten(next_seq: Option<u64>) -> Reply {
    refusal(GONE, &Problem { next_seq, ..Problem::new(410, "history-pruned", "history begins with slot 90") })
}

#[tokio::test]
async fn a_number_that_was_used_long_ago_is_passed_by_a_change_that_was_never_sent_before() {
    let desk = Desk::new();
    let (node, requests) =
        scripted::node(vec![info(1, "3"), forgotten(Some(5)), info(1, "3"), Reply::Verdict(State::Applied, "94.1")]);

    desk.put(&node, Level::Sequential).await.expect("a verdict");

    let sent = posted(requests.try_iter());
    assert_eq!((body(&sent[0]).from_seq, body(&sent[1]).from_seq), (1, 5));
    assert!(!desk.author(&node).await.has_unanswered());
}

#[tokio::test]
async fn what_may_have_been_sent_before_is_not_signed_anew_where_its_number_was_used_long_ago() {
    let unknown = || refusal(UNKNOWN, &Problem::new(404, "not-found", "not kept"));
    let scripts = [
        vec![info(1, "3"), Reply::Hangup, forgotten(Some(5)), unknown()],
        vec![info(1, "3"), Reply::Ticket, forgotten(Some(5)), unknown()],
        vec![info(1, "3"), forgotten(Some(1))],
        vec![info(1, "3"), forgotten(None)],
    ];
    for (number, script) in scripts.into_iter().enumerate() {
        let (desk, (node, requests)) = (Desk::new(), scripted::node(script));

        let error = desk.put(&node, Level::Sequential).await.expect_err("nobody knows");

        assert!(matches!(error, SubmitError::Unanswered { .. }), "{number}: {error}");
        let sent = posted(requests.try_iter());
        assert!(sent.iter().all(|again| again.body == sent[0].body), "{number}");
        assert!(desk.author(&node).await.has_unanswered(), "{number}");
    }
}

#[tokio::test]
async fn after_a_refusal_the_number_has_a_higher_attempt() {
    let desk = Desk::new();
    let unknown = Problem::refused(422, "signature", "unknown-author", "");
    let (node, requests) = scripted::node(vec![
        info(1, "3"),
        refusal(REFUSED, &unknown),
        info(1, "3"),
        Reply::Verdict(State::Refused, "4.1"),
        info(1, "4"),
        Reply::Verdict(State::Applied, "5.1"),
    ]);
    let refused = desk.put(&node, Level::Sequential).await.expect_err("a refusal");
    assert!(matches!(refused, SubmitError::Gate { problem, .. } if problem.code == "unknown-author"));
    desk.put(&node, Level::Sequential).await.expect("a verdict");
    desk.put(&node, Level::Sequential).await.expect("a verdict");
    let places: Vec<_> =
        posted(requests.try_iter()).iter().map(|sent| (body(sent).from_seq, body(sent).attempt)).collect();
    assert_eq!(places, [(1, 1), (1, 2), (1, 3)]);
}

#[tokio::test]
async fn the_base_is_not_older_than_what_the_outbox_has_a_receipt_of() {
    let desk = Desk::new();
    let (node, _requests) = scripted::node(vec![info(1, "3"), Reply::Verdict(State::Applied, "9.1")]);
    desk.put(&node, Level::Sequential).await.expect("a verdict");

    let (late, requests) =
        scripted::node(vec![info(1, "3"), info(1, "8"), info(2, "9"), Reply::Verdict(State::Applied, "10.1")]);
    desk.put(&late, Level::Sequential).await.expect("a verdict");
    let base = body(&posted(requests.try_iter())[0]).changes[0].base;
    assert_eq!(base, Base::Revision("9".parse().expect("a revision")));
}

#[tokio::test]
async fn a_verdict_that_cannot_be_noted_is_told_all_the_same_and_asked_for_again() {
    let desk = Desk::new();
    let (node, _requests) = scripted::node(vec![info(1, "3"), Reply::Verdict(State::Applied, "4.1")]);
    let mut author = desk.author(&node).await;
    let in_the_way = desk.folder.path().join("a.key.outbox/main-1-1.answer.tmp");
    std::fs::create_dir(&in_the_way).expect("a folder where the note is written");

    let told = author.submit(&draft(), Level::Sequential).await;

    assert!(matches!(told, Ok(Outcome::Verdict(receipt)) if receipt.state == State::Applied));
    assert!(matches!(author.unnoted(), Some(SubmitError::Outbox(_))));
    drop(author);
    std::fs::remove_dir(&in_the_way).expect("our folder");
    let (node, _requests) = scripted::node(vec![Reply::Verdict(State::Applied, "4.1")]);
    let answers = desk.author(&node).await.resend().await.expect("a verdict");
    assert!(matches!(&answers[..], [Answer::Verdict(receipt)] if receipt.state == State::Applied));
}

#[tokio::test]
async fn a_change_that_its_session_cannot_note_is_named_and_sent_by_the_next_command() {
    let desk = Desk::new();
    let session = Session::open(&desk.folder.path().join("session")).expect("a new session");
    let lock = desk.folder.path().join("session.lock");
    std::fs::remove_file(&lock).and_then(|()| std::fs::create_dir(&lock)).expect("our folder");
    let (node, _requests) = scripted::node(vec![info(1, "3"), Reply::Verdict(State::Applied, "4.1")]);
    let client = Client::new(&node, Duration::from_secs(20)).expect("an address").in_session(session);
    let mut author = Author::open(&desk.key(), client, "main").await.expect("a key and an outbox");

    let ended = author.submit(&draft(), Level::Sequential).await.expect_err("the session's file is in the way");

    let SubmitError::Unanswered { receipt, error: ClientError::Session(_) } = &ended else { panic!("{ended}") };
    assert!(ended.to_string().contains(&format!("may still be ordered: {}", receipt.id)), "{ended}");
    drop(author);
    assert_eq!(desk.killed_put(vec![]).await.len(), 1, "it is sent first");
}

const HELD_BACK: &str = "429 Too Many Requests\r\ncontent-type: application/problem+json\r\nretry-after: 3600";

#[tokio::test]
async fn what_a_node_held_back_is_not_in_the_way_of_the_next_change() {
    let desk = Desk::new();
    let too_fast = Problem::refused(429, "access", "rate", "1 changes in 3600000 ms are allowed for this author");
    let (node, _requests) = scripted::node(vec![info(1, "3"), refusal(HELD_BACK, &too_fast)]);
    let ended = desk.put(&node, Level::Sequential).await.expect_err("no answer");
    let SubmitError::Unanswered { error: ClientError::NoAnswer { held_back: Some(problem), .. }, .. } = &ended else {
        panic!("{ended}")
    };
    assert_eq!(problem.code, "rate");

    let (node, requests) = scripted::node(vec![info(1, "3"), Reply::Verdict(State::Applied, "4.1")]);
    desk.put(&node, Level::Sequential).await.expect("a verdict");
    let sent = posted(requests.try_iter());
    assert_eq!((sent.len(), body(&sent[0]).from_seq, body(&sent[0]).attempt), (1, 1, 2));
}

#[tokio::test]
async fn what_a_node_without_room_kept_nothing_of_is_given_up() {
    const FULL: &str = "507 Insufficient Storage\r\ncontent-type: application/problem+json\r\nretry-after: 3600";
    let desk = Desk::new();
    let no_room = Problem::new(507, "disk-full", "nothing was kept");
    let (node, _requests) = scripted::node(vec![info(1, "3"), refusal(FULL, &no_room)]);

    let ended = desk.put(&node, Level::Sequential).await.expect_err("no answer");

    let SubmitError::Unanswered { error: ClientError::NoAnswer { held_back: Some(problem), .. }, .. } = &ended else {
        panic!("{ended}")
    };
    assert_eq!(problem.code, "disk-full");
    assert!(!desk.author(&node).await.has_unanswered());
}

#[tokio::test]
async fn what_was_sent_before_and_is_held_back_now_stays_in_the_outbox_and_lets_others_pass() {
    let desk = Desk::new();
    desk.killed_put(vec![info(1, "3")]).await;
    let too_fast = Problem::refused(429, "access", "rate", "too fast");
    let script = vec![refusal(HELD_BACK, &too_fast), info(1, "3"), Reply::Verdict(State::Applied, "4.1")];
    let (node, requests) = scripted::node(script);
    let client = Client::new(&node, Duration::from_secs(20)).expect("an address");
    let mut author = Author::open(&desk.key(), client, "other").await.expect("a key and an outbox");
    assert_eq!(author.resend().await.expect("nothing stands in the way").len(), 0);
    author.submit(&draft(), Level::Sequential).await.expect("a verdict");
    drop(author);
    assert_eq!(posted(requests.try_iter()).len(), 2);
    assert_eq!(desk.killed_put(vec![]).await.len(), 1, "it is sent again first");
}

#[tokio::test]
async fn what_was_held_back_is_sent_again_before_the_change_after_the_next() {
    let desk = Desk::new();
    let held = desk.killed_put(vec![info(1, "3")]).await.remove(0).body;
    let judged = |revision| Reply::Verdict(State::Applied, revision);
    let held_back = refusal(HELD_BACK, &Problem::refused(429, "access", "rate", "too fast"));
    let script = vec![held_back, info(1, "3"), judged("4.1"), judged("5.1"), info(2, "5"), judged("6.1")];
    let (node, requests) = scripted::node(script);
    let client = Client::new(&node, Duration::from_secs(20)).expect("an address");
    let mut author = Author::open(&desk.key(), client, "other").await.expect("a key and an outbox");

    for _ in 0..2 {
        author.submit(&draft(), Level::Sequential).await.expect("a verdict");
    }

    let sent: Vec<bool> = posted(requests.try_iter()).iter().map(|sent| sent.body == held).collect();
    assert_eq!(sent, [true, false, true, false]);
}

#[tokio::test]
async fn the_receipt_of_what_a_node_held_back_does_not_say_that_it_waits() {
    let desk = Desk::new();
    let too_fast = Problem::refused(429, "access", "rate", "too fast");
    let (node, _requests) = scripted::node(vec![info(1, "3"), refusal(HELD_BACK, &too_fast)]);

    let ended = desk.put(&node, Level::Sequential).await.expect_err("no answer");

    let SubmitError::Unanswered { receipt, .. } = &ended else { panic!("{ended}") };
    assert_eq!((receipt.state, receipt.detail.as_deref()), (State::Refused, Some("too fast")));
}

/// Author with two changes without a verdict, the second based on the first.
async fn two_tickets() -> Desk {
    let desk = Desk::new();
    let (node, _requests) =
        scripted::node(vec![info(1, "3"), Reply::Ticket, Reply::Ticket, info(1, "3"), Reply::Ticket]);
    for _ in 0..2 {
        desk.put(&node, Level::Eventual).await.expect("a ticket");
    }
    desk
}

/// End of a stream of so many changes, each based on the one before, of which the first finds no room.
async fn without_room(desk: &Desk, count: usize, once_open: impl FnOnce()) -> SubmitError {
    let no_room = Problem::new(507, "disk-full", "nothing was kept");
    let (node, _requests) = scripted::node(vec![info(1, "3"), Reply::Refusing(count, no_room)]);
    let mut author = desk.author(&node).await;
    once_open();
    let mut streaming = author.streaming().await.expect("a node");
    for _ in 0..count {
        streaming.send(&draft()).await.expect("it is sent");
    }
    streaming.wait().await.expect_err("nothing was taken")
}

#[tokio::test]
async fn changes_of_a_stream_that_find_no_room_are_told_as_held_back_and_the_first_is_named() {
    let told = without_room(&Desk::new(), 2, || ()).await;

    let SubmitError::Unanswered { receipt, error: ClientError::NoAnswer { held_back: Some(problem), .. } } = &told
    else {
        panic!("{told:?}")
    };
    assert_eq!((receipt.from_seq, receipt.state, problem.code.as_str()), (1, State::Refused, "disk-full"));
}

/// The stream broke after the change had gone out, and then the node answers no question about it, or has no room for it again.
#[tokio::test]
async fn a_change_of_a_stream_is_not_called_held_back_where_its_fate_is_open() {
    let closed = Reply::Http("200 OK\r\ncontent-type: application/octet-stream", String::new());
    let busy = refusal(HELD_BACK, &Problem::new(429, "busy", ""));
    let full = "507 Insufficient Storage\r\ncontent-type: application/problem+json\r\nretry-after: 3600";
    let full = refusal(full, &Problem::new(507, "disk-full", "nothing was kept"));
    let unknown = refusal(UNKNOWN, &Problem::new(404, "not-found", ""));
    for end in [vec![busy], vec![unknown, full]] {
        let desk = Desk::new();
        let (node, _requests) = scripted::node([vec![info(1, "3"), closed.clone()], end].concat());
        let mut author = desk.author(&node).await;
        let mut streaming = author.streaming().await.expect("a node");

        let told = match streaming.send(&draft()).await {
            Ok(()) => streaming.wait().await.expect_err("no verdict"),
            Err(ended) => ended,
        };

        let SubmitError::Unanswered { receipt, error: ClientError::NoAnswer { held_back: None, .. } } = &told else {
            panic!("{told:?}")
        };
        assert_eq!((receipt.from_seq, receipt.state), (1, State::Waiting));
    }
}

/// The disk says no at the second of three, as a crash there would leave them.
#[tokio::test]
async fn a_crash_while_changes_of_a_stream_are_given_up_leaves_a_chain_that_is_sent_again() {
    let desk = Desk::new();
    let in_the_way = desk.folder.path().join("a.key.outbox/main-2-1.answer.tmp");
    let fails = || std::fs::create_dir(&in_the_way).expect("a folder where the second answer is written");
    without_room(&desk, 3, fails).await;
    std::fs::remove_dir(&in_the_way).expect("our folder");

    let (node, requests) = scripted::node(vec![Reply::Ticket]);
    desk.author(&node).await.resend().await.expect("tickets");

    let sent: Vec<u64> = posted(requests.try_iter()).iter().map(|sent| body(sent).from_seq).collect();
    assert_eq!(sent, [1, 2]);
}

#[tokio::test]
async fn a_node_without_room_is_waited_for_once_however_many_changes_it_holds_back() {
    const FULL: &str = "507 Insufficient Storage\r\ncontent-type: application/problem+json";
    let desk = two_tickets().await;
    let (node, requests) = scripted::node(vec![refusal(FULL, &Problem::new(507, "disk-full", "nothing was kept"))]);
    let client = Client::new(&node, Duration::from_secs(1)).expect("an address");
    let mut author = Author::open(&desk.key(), client, "other").await.expect("a key and an outbox");

    author.resend().await.expect("nothing stands in the way");

    let sent: Vec<u64> = posted(requests.try_iter()).iter().map(|sent| body(sent).from_seq).collect();
    let tries = |number| sent.iter().filter(|sent| **sent == number).count();
    assert!(tries(1) > 1, "{sent:?}");
    assert_eq!(tries(2), 1, "{sent:?}");
}

/// Earlier questions took the time.
#[tokio::test]
async fn an_import_whose_preparation_took_longer_than_an_answer_may_take_is_sent_all_the_same() {
    let desk = Desk::new();
    for streams in [true, false] {
        let (node, _requests) = scripted::node(vec![Reply::Silence, info(1, "3")]);
        let client = Client::new(&node, Duration::from_secs(1)).expect("an address");
        let mut author = Author::open(&desk.key(), client, "main").await.expect("a key and an outbox");
        author.newest().await.expect_err("the node is silent until the time is over");

        let begun = if streams { author.streaming().await.map(drop) } else { author.newest().await.map(drop) };

        begun.expect("a node");
    }
}

#[tokio::test]
async fn what_is_given_up_while_an_author_waits_for_verdicts_is_told() {
    let desk = two_tickets().await;

    let unknown = refusal(UNKNOWN, &Problem::new(404, "not-found", ""));
    let (node, _requests) = scripted::node(vec![unknown, Reply::Verdict(State::Refused, "4.1")]);
    let told = std::sync::Mutex::new(Vec::new());
    let tell = |answer: &Answer| told.lock().expect("no panic").push(answer.clone());
    desk.author(&node).await.settle_telling(tell).await.expect("a verdict");

    let told = told.into_inner().expect("no panic");
    let [Answer::Verdict(refused), Answer::Gate(given_up)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((refused.state, given_up.code.as_str()), (State::Refused, "base-refused"));
}

#[tokio::test]
async fn verdicts_of_a_stream_that_cannot_be_noted_do_not_end_it() {
    let desk = Desk::new();
    let unknown = refusal(UNKNOWN, &Problem::new(404, "not-found", ""));
    let closed = Reply::Http("200 OK\r\ncontent-type: application/octet-stream", String::new());
    let script = vec![info(1, "3"), closed, unknown, Reply::Verdict(State::Applied, "4.1")];
    let (node, _requests) = scripted::node(script);
    let mut author = desk.author(&node).await;
    let in_the_way = desk.folder.path().join("a.key.outbox/main-1-1.answer.tmp");
    std::fs::create_dir(in_the_way).expect("a folder where the note is written");
    let mut streaming = author.streaming().await.expect("a node");

    streaming.send(&draft()).await.expect("it is sent");
    let receipts = streaming.finish().await.expect("a verdict");

    assert_eq!(receipts.iter().map(|receipt| receipt.state).collect::<Vec<_>>(), [State::Applied]);
    assert!(matches!(author.unnoted(), Some(SubmitError::Outbox(_))));
}

/// The stream has ended, so that the first change has its verdict before the second is signed.
#[tokio::test]
async fn a_change_of_a_stream_is_based_on_the_one_before_even_where_that_has_its_verdict() {
    let desk = Desk::new();
    let closed = Reply::Http("200 OK\r\ncontent-type: application/octet-stream", String::new());
    let unknown = refusal(UNKNOWN, &Problem::new(404, "not-found", ""));
    let applied = Reply::Verdict(State::Applied, "9.1");
    let one = [closed, unknown, applied];
    let (node, requests) = scripted::node([&[info(1, "3")], &one[..], &one].concat());
    let mut author = desk.author(&node).await;
    let mut streaming = author.streaming().await.expect("a node");
    streaming.send(&draft()).await.expect("it is sent");
    streaming.wait().await.expect("a verdict");

    streaming.send(&draft()).await.expect("it is sent");
    streaming.wait().await.expect("a verdict");

    let sent = requests.try_iter().filter(|request| !request.body.is_empty());
    let sent: Vec<Envelope> = sent.map(|sent| Envelope::decode(&sent.body, &Limits::default()).expect("one")).collect();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[1].body.changes[0].base, Base::Envelope(sent[0].id(&GROUP)));
}

#[tokio::test]
async fn what_is_given_up_with_a_refused_change_is_told() {
    let desk = two_tickets().await;

    let (node, _requests) = scripted::node(vec![Reply::Verdict(State::Refused, "4.1")]);
    let answers = desk.author(&node).await.resend().await.expect("a verdict");

    let [Answer::Verdict(refused), Answer::Gate(given_up)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!((refused.state, given_up.code.as_str()), (State::Refused, "base-refused"));
}

const TOO_LARGE: &str = "413 Payload Too Large\r\ncontent-type: application/problem+json";

/// An observer on a change that is larger than what it hands on.
fn too_large() -> Reply {
    refusal(TOO_LARGE, &Problem::new(413, "too-large", "an observer hands on 4194304 bytes at most"))
}

#[tokio::test]
async fn a_change_that_is_too_large_for_an_observer_is_refused_and_in_nobodys_way() {
    let desk = Desk::new();
    let (node, _requests) = scripted::node(vec![info(1, "3"), too_large()]);
    let ended = desk.put(&node, Level::Sequential).await.expect_err("a refusal");
    assert!(matches!(&ended, SubmitError::Gate { receipt, .. } if receipt.state == State::Refused), "{ended}");

    let (node, requests) = scripted::node(vec![info(1, "3"), Reply::Verdict(State::Applied, "4.1")]);
    desk.put(&node, Level::Sequential).await.expect("a verdict");
    let sent = posted(requests.try_iter());
    assert_eq!((sent.len(), body(&sent[0]).from_seq, body(&sent[0]).attempt), (1, 1, 2));
}

#[tokio::test]
async fn what_another_node_may_have_taken_is_not_given_up_where_it_is_too_large() {
    let desk = Desk::new();
    desk.killed_put(vec![info(1, "3")]).await;
    let (node, _requests) = scripted::node(vec![too_large()]);
    let named = desk.author(&node).await.resend().await.expect_err("what comes after it would wait for it");
    assert!(matches!(named, SubmitError::Earlier { error: ClientError::Refused(_), .. }), "{named}");
    assert_eq!(desk.killed_put(vec![]).await.len(), 1, "it is sent again first");
}

#[tokio::test]
async fn a_change_that_one_try_may_have_brought_to_a_member_is_not_given_up_where_the_next_is_too_large() {
    let desk = Desk::new();
    let lost = Reply::Http("503 Service Unavailable", String::new());
    let (node, _requests) = scripted::node(vec![info(1, "3"), lost, too_large()]);
    let ended = desk.put(&node, Level::Sequential).await.expect_err("no verdict");
    assert!(
        matches!(&ended, SubmitError::Unanswered { error: ClientError::NoAnswer { held_back: None, .. }, .. }),
        "{ended}"
    );

    assert_eq!(desk.killed_put(vec![]).await.len(), 1, "it is sent again first");
}

#[tokio::test]
async fn a_change_that_one_try_may_have_brought_in_is_looked_up_before_it_is_called_refused() {
    for problem in
        [Problem::refused(409, "sequence", "sequence-taken", ""), Problem::refused(422, "signature", "revoked", "")]
    {
        let (desk, status) = (Desk::new(), if problem.status == 409 { TAKEN } else { REFUSED });
        let script =
            vec![info(1, "3"), Reply::Hangup, refusal(status, &problem), Reply::Verdict(State::Applied, "4.1")];
        let (node, requests) = scripted::node(script);

        let told = desk.put(&node, Level::Sequential).await.expect("a verdict");

        assert!(matches!(told, Outcome::Verdict(receipt) if receipt.state == State::Applied));
        assert_eq!(posted(requests.try_iter()).len(), 2, "nothing is signed again");
        assert!(!desk.author(&node).await.has_unanswered());
    }
}

const UNKNOWN: &str = "404 Not Found\r\ncontent-type: application/problem+json";

#[tokio::test]
async fn a_change_that_was_tried_twice_is_called_refused_where_the_node_does_not_know_it() {
    let (desk, revoked) = (Desk::new(), Problem::refused(422, "signature", "revoked", ""));
    let unknown = refusal(UNKNOWN, &Problem::new(404, "not-found", ""));
    let (node, requests) = scripted::node(vec![info(1, "3"), Reply::Hangup, refusal(REFUSED, &revoked), unknown]);

    let told = desk.put(&node, Level::Sequential).await.expect_err("a refusal");

    assert!(matches!(&told, SubmitError::Gate { problem, .. } if problem.code == "revoked"), "{told}");
    let asked = requests.try_iter().last().expect("a question").line;
    assert!(asked.starts_with("GET /v1/envelopes/"), "{asked}");
}

#[tokio::test]
async fn a_change_that_was_tried_twice_is_called_refused_where_its_wait_at_the_node_has_expired() {
    let (desk, revoked) = (Desk::new(), Problem::refused(422, "signature", "revoked", ""));
    let script =
        vec![info(1, "3"), Reply::Hangup, refusal(REFUSED, &revoked), Reply::Verdict(State::Expired, "of none")];
    let (node, _requests) = scripted::node(script);

    let told = desk.put(&node, Level::Sequential).await.expect_err("a refusal");

    assert!(matches!(&told, SubmitError::Gate { problem, .. } if problem.code == "revoked"), "{told}");
}

#[tokio::test]
async fn what_a_killed_command_sent_is_looked_up_before_it_is_called_refused() {
    let (desk, revoked) = (Desk::new(), Problem::refused(422, "signature", "revoked", ""));
    desk.killed_put(vec![info(1, "3")]).await;
    let (node, _requests) = scripted::node(vec![refusal(REFUSED, &revoked), Reply::Verdict(State::Applied, "4.1")]);

    let answers = desk.author(&node).await.resend().await.expect("a verdict");

    assert!(matches!(&answers[..], [Answer::Verdict(receipt)] if receipt.state == State::Applied), "{answers:?}");
}

#[tokio::test]
async fn a_change_without_an_answer_in_time_tells_what_it_waits_for() {
    let desk = Desk::new();
    let (node, _requests) = scripted::node(vec![info(1, "3"), Reply::Silence, Reply::Waits("a domain is missing")]);
    let client = Client::new(&node, Duration::from_secs(1)).expect("an address");
    let mut author = Author::open(&desk.key(), client, "main").await.expect("a key and an outbox");

    let late = author.submit(&draft(), Level::Sequential).await.expect_err("no verdict");

    assert!(matches!(late, SubmitError::Unanswered { .. }), "{late}");
    assert!(late.to_string().contains("it was taken and waits: a domain is missing"), "{late}");
}

#[tokio::test]
async fn a_wait_for_earlier_changes_asks_for_those_of_its_domain_alone() {
    let desk = Desk::new();
    desk.killed_put(vec![info(1, "3")]).await;
    let (node, requests) = scripted::node(vec![]);
    let client = Client::new(&node, Duration::from_secs(2)).expect("an address");
    let mut author = Author::open(&desk.key(), client, "other").await.expect("a key and an outbox");

    assert_eq!(author.settle().await.expect("nothing is open there"), []);

    assert!(requests.try_iter().next().is_none() && author.has_unanswered());
}

#[tokio::test]
async fn what_a_node_of_another_group_calls_badly_signed_stays_unanswered() {
    let (desk, bad) = (Desk::new(), Problem::refused(422, "signature", "bad-signature", ""));
    desk.killed_put(vec![info(1, "3")]).await;
    let unknown = refusal(UNKNOWN, &Problem::new(404, "not-found", ""));
    let sent = [refusal(REFUSED, &bad), unknown.clone(), told_in(Digest([8; 32]), 0, 1, "900")];
    let asked_first = [vec![unknown], sent.to_vec()].concat();
    for (is_settled, script) in [(false, sent.to_vec()), (true, asked_first)] {
        let (node, _requests) = scripted::node(script);
        let mut author = desk.author(&node).await;

        let ended = if is_settled { author.settle().await.map(drop) } else { author.resend().await.map(drop) };

        assert!(matches!(ended, Err(SubmitError::Outbox(OutboxError::OtherGroup { .. }))), "{ended:?}");
        assert!(author.has_unanswered(), "its own group has not spoken");
    }
}

#[tokio::test]
async fn what_is_no_node_of_quorate_answers_nothing() {
    let desk = Desk::new();
    let (node, _requests) = scripted::node(vec![info(1, "3"), Reply::Http("404 Not Found", String::new())]);
    let ended = desk.put(&node, Level::Sequential).await.expect_err("no answer");
    assert!(matches!(ended, SubmitError::Unanswered { error: ClientError::Garbled { .. }, .. }));

    assert_eq!(desk.killed_put(vec![]).await.len(), 1, "it is sent again first");
}

#[tokio::test]
async fn a_node_that_tells_of_attempts_without_number_is_not_believed() {
    let desk = Desk::new();
    let (node, requests) = scripted::node(vec![told(u64::MAX - 1, 1, "3")]);

    let ended = desk.put(&node, Level::Sequential).await.expect_err("an attempt that nobody gets to");

    assert!(matches!(ended, SubmitError::Client(ClientError::Garbled { .. })), "{ended}");
    assert!(posted(requests.try_iter()).is_empty(), "nothing is signed");
}

#[tokio::test]
async fn a_key_and_a_link_to_it_have_one_outbox() {
    let desk = Desk::new();
    let link = desk.folder.path().join("b.key");
    std::os::unix::fs::symlink("a.key", &link).expect("a link");

    let homes = [desk.key(), link].map(|name| keys::home(&name).expect("a file"));

    assert_eq!(homes[0].canonicalize().expect("a file"), homes[1]);
}

#[tokio::test]
async fn a_look_that_is_held_back_leaves_a_change_open_that_one_try_may_have_brought_in() {
    const HELD_BACK: &str = "429 Too Many Requests\r\nretry-after: 3600\r\ncontent-type: application/problem+json";
    let (desk, revoked) = (Desk::new(), Problem::refused(422, "signature", "revoked", ""));
    let busy = refusal(HELD_BACK, &Problem::new(429, "busy", ""));
    let (node, _requests) = scripted::node(vec![info(1, "3"), Reply::Hangup, refusal(REFUSED, &revoked), busy]);

    let told = desk.put(&node, Level::Sequential).await.expect_err("no verdict");

    assert!(matches!(&told, SubmitError::Unanswered { .. }), "{told:?}");
    assert!(desk.author(&node).await.has_unanswered(), "it may be ordered");
}

#[tokio::test]
async fn a_refusal_is_told_where_neither_it_nor_what_is_based_on_it_can_be_noted() {
    let desk = two_tickets().await;
    let unknown = refusal(UNKNOWN, &Problem::new(404, "not-found", ""));
    let (node, _requests) = scripted::node(vec![unknown, Reply::Verdict(State::Refused, "4.1")]);
    let mut author = desk.author(&node).await;
    for note in ["main-1-1", "main-2-1"] {
        let in_the_way = desk.folder.path().join(format!("a.key.outbox/{note}.answer.tmp"));
        std::fs::create_dir(in_the_way).expect("a folder where the note is written");
    }
    let told = std::sync::Mutex::new(Vec::new());

    author
        .settle_telling(|answer: &Answer| told.lock().expect("no panic").push(answer.clone()))
        .await
        .expect("a verdict");

    let told = told.into_inner().expect("no panic");
    assert!(matches!(&told[..], [Answer::Verdict(_)]), "{told:?}");
    assert!(matches!(author.unnoted(), Some(SubmitError::Outbox(_))));
}

#[tokio::test]
async fn an_answer_to_an_earlier_change_is_told_where_the_next_one_has_none() {
    let desk = two_tickets().await;
    let (node, _requests) = scripted::node(vec![Reply::Verdict(State::Applied, "4.1"), too_large()]);
    let mut told = Vec::new();

    let ended = desk.author(&node).await.resend_telling(|answer| told.push(answer.clone())).await;

    assert!(matches!(ended, Err(SubmitError::Earlier { .. })), "{ended:?}");
    assert!(matches!(&told[..], [Answer::Verdict(_)]), "{told:?}");
}

/// Envelopes of an outbox that nobody has open, without an answer.
fn unanswered(desk: &Desk) -> Vec<EnvelopeId> {
    let outbox = Outbox::open(&desk.key()).expect("an outbox");
    outbox.unanswered().iter().filter_map(|name| outbox.id(name)).collect()
}

#[tokio::test]
async fn a_change_that_waits_for_ever_is_given_up_with_what_is_based_on_it_and_its_number_is_signed_anew() {
    let desk = two_tickets().await;
    let ids = unanswered(&desk);
    let unknown = refusal(UNKNOWN, &Problem::new(404, "not-found", "not kept"));
    let (node, requests) =
        scripted::node(vec![unknown, status_in(GROUP, 3), info(1, "3"), Reply::Verdict(State::Applied, "4.1")]);
    let mut author = desk.author(&node).await;

    let answers = author.give_up(&ids[0]).await.expect("nobody knows it");

    assert!(matches!(&answers[..], [Answer::Gate(own), Answer::Gate(_)] if own.code == "given-up"), "{answers:?}");
    author.submit(&draft(), Level::Sequential).await.expect("a verdict");
    let sent = posted(requests.try_iter());
    assert_eq!((sent.len(), body(&sent[0]).from_seq, body(&sent[0]).attempt), (1, 1, 2));
}

#[tokio::test]
async fn a_node_of_another_group_has_no_change_given_up() {
    let desk = two_tickets().await;
    let ids = unanswered(&desk);
    let unknown = refusal(UNKNOWN, &Problem::new(404, "not-found", "not kept"));
    let (node, _requests) = scripted::node(vec![unknown, status_in(Digest([8; 32]), 3)]);
    let mut author = desk.author(&node).await;

    let refused = author.give_up(&ids[0]).await.expect_err("another group");

    assert!(matches!(&refused, SubmitError::Outbox(OutboxError::OtherGroup { .. })), "{refused:?}");
    assert!(author.has_unanswered());
}

#[tokio::test]
async fn a_change_that_has_its_verdict_is_not_given_up() {
    let desk = Desk::new();
    desk.killed_put(vec![info(1, "3")]).await;
    let id = unanswered(&desk)[0];
    let (node, _requests) = scripted::node(vec![Reply::Ticket, Reply::Verdict(State::Applied, "4.1")]);
    let mut author = desk.author(&node).await;
    author.resend().await.expect("a ticket");

    let answers = author.give_up(&id).await.expect("a verdict");

    assert!(matches!(&answers[..], [Answer::Verdict(receipt)] if receipt.state == State::Applied), "{answers:?}");
}

#[tokio::test]
async fn what_a_dropped_submit_left_is_sent_first_by_the_next() {
    let desk = Desk::new();
    let judged = |revision| Reply::Verdict(State::Applied, revision);
    let (node, requests) =
        scripted::node(vec![info(1, "3"), Reply::Silence, judged("4.1"), info(2, "4"), judged("5.1")]);
    let (mut author, draft) = (desk.author(&node).await, draft());
    let dropped = tokio::select! {
        ended = author.submit(&draft, Level::Sequential) => panic!("the node is silent: {ended:?}"),
        seen = first(2, &requests) => posted(seen).remove(0).body,
    };

    author.submit(&draft, Level::Sequential).await.expect("a verdict");

    let sent = posted(requests.try_iter());
    assert_eq!((&sent[0].body, body(&sent[1]).from_seq), (&dropped, 2));
}

#[tokio::test]
async fn a_wait_for_earlier_changes_that_ends_tells_what_they_wait_for() {
    let desk = Desk::new();
    desk.killed_put(vec![info(1, "3")]).await;
    let unknown = refusal(UNKNOWN, &Problem::new(404, "not-found", "not kept"));
    let (node, _requests) = scripted::node(vec![unknown, Reply::Waits("a content is missing")]);
    let client = Client::new(&node, Duration::from_secs(3)).expect("an address");
    let mut author = Author::open(&desk.key(), client, "main").await.expect("a key and an outbox");

    let late = author.settle().await.expect_err("no verdict");

    assert!(late.to_string().contains("it was taken and waits: a content is missing"), "{late}");
    let SubmitError::Client(ClientError::NoAnswer { ticket: Some(ticket), .. }) = &late else { panic!("{late:?}") };
    assert_eq!(ticket.why.as_deref(), Some("a content is missing"));
}

#[tokio::test]
async fn a_node_that_stays_behind_the_outbox_is_told_to_be_so() {
    let desk = Desk::new();
    let (node, _requests) = scripted::node(vec![info(1, "3"), Reply::Verdict(State::Applied, "9.1")]);
    desk.put(&node, Level::Sequential).await.expect("a verdict");
    let (late, _requests) = scripted::node(vec![info(2, "8")]);
    let client = Client::new(&late, Duration::from_secs(3)).expect("an address");
    let mut author = Author::open(&desk.key(), client, "main").await.expect("a key and an outbox");

    let error = author.submit(&draft(), Level::Sequential).await.expect_err("it stays behind");

    assert!(error.to_string().contains("the outbox has a receipt of 9.1"), "{error}");
}
