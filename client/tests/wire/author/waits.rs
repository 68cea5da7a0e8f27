//! Waits for earlier changes: their ends, and changes that are given up.

use super::*;

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
async fn a_node_of_another_group_is_not_waited_for_until_it_has_executed_what_this_one_has() {
    let desk = Desk::new();
    let (node, _requests) = scripted::node(vec![info(1, "3"), Reply::Verdict(State::Applied, "9.1")]);
    desk.put(&node, Level::Sequential).await.expect("a verdict");
    let (other, requests) = scripted::node(vec![told_in(Digest([8; 32]), 0, 1, "2")]);
    let client = Client::new(&other, Duration::from_secs(3)).expect("an address");
    let mut author = Author::open(&desk.key(), client, "main").await.expect("a key and an outbox");

    let refused = author.submit(&draft(), Level::Sequential).await.expect_err("another group");

    assert!(matches!(refused, SubmitError::Outbox(OutboxError::OtherGroup { .. })), "{refused}");
    assert_eq!(requests.try_iter().count(), 1, "one answer tells");
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
async fn a_node_where_a_change_that_was_given_up_is_parked_takes_the_next_one_under_its_number() {
    let desk = two_tickets().await;
    let id = unanswered(&desk)[0];
    let unknown = refusal(UNKNOWN, &Problem::new(404, "not-found", "not kept"));
    let (restarted, _requests) = scripted::node(vec![unknown, status_in(GROUP, 3)]);
    desk.author(&restarted).await.give_up(&id).await.expect("nobody knows it");
    let held = Pending { id, from_seq: 1, to_seq: 1, attempt: 1, parked: true };
    let (node, requests) =
        scripted::node(vec![holding(vec![held], GROUP, 0, 1, "3"), Reply::Verdict(State::Applied, "4.1")]);

    desk.author(&node).await.submit(&draft(), Level::Sequential).await.expect("a verdict");

    let sent = posted(requests.try_iter());
    assert_eq!((sent.len(), body(&sent[0]).from_seq, body(&sent[0]).attempt), (1, 1, 2));
}
