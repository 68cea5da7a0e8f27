//! Numbers and attempts: one envelope for each, also of commands that were killed.

use super::*;

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
