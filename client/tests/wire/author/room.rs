//! Changes that a node holds back.

use super::*;

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
