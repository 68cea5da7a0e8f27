//! Changes that one try may have brought in, and answers that settle nothing.

use super::*;

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
async fn a_look_that_is_held_back_leaves_a_change_open_that_one_try_may_have_brought_in() {
    const HELD_BACK: &str = "429 Too Many Requests\r\nretry-after: 3600\r\ncontent-type: application/problem+json";
    let (desk, revoked) = (Desk::new(), Problem::refused(422, "signature", "revoked", ""));
    let busy = refusal(HELD_BACK, &Problem::new(429, "busy", ""));
    let (node, _requests) = scripted::node(vec![info(1, "3"), Reply::Hangup, refusal(REFUSED, &revoked), busy]);

    let told = desk.put(&node, Level::Sequential).await.expect_err("no verdict");

    assert!(matches!(&told, SubmitError::Unanswered { .. }), "{told:?}");
    assert!(desk.author(&node).await.has_unanswered(), "it may be ordered");
}
