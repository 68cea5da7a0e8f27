//! Changes of which a node keeps no history.

use super::*;

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
