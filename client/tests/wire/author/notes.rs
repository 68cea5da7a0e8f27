//! Answers that are told, and those that cannot be noted.

use super::*;

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

#[tokio::test]
async fn what_is_given_up_with_a_refused_change_is_told() {
    let desk = two_tickets().await;

    let (node, _requests) = scripted::node(vec![Reply::Verdict(State::Refused, "4.1")]);
    let answers = desk.author(&node).await.resend().await.expect("a verdict");

    let [Answer::Verdict(refused), Answer::Gate(given_up)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!((refused.state, given_up.code.as_str()), (State::Refused, "base-refused"));
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
