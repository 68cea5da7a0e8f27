//! Streams of changes, each based on the one before.

use super::*;

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
