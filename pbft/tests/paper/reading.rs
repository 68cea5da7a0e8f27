//! Strong reads (R).

use super::*;

/// R: one mark for all waiting reads.
#[test]
fn reads_share_a_mark_after_a_moment_of_company() {
    let mut replica = Alone::new(4, 3);
    replica.step(Input::Read { reader: 1, nonce: Digest([1; 32]) });
    replica.step(Input::Read { reader: 2, nonce: Digest([2; 32]) });
    assert_eq!(replica.said(Kind::Bundle), [], "it waits for company");
    replica.tick(20);
    assert_eq!(replica.said(Kind::Bundle).len(), 1);
    let made = replica.sent().find_map(|message| match message {
        Message::Bundle(bundle) => Some(bundle.clone()),
        _ => None,
    });
    let mark = quorate_pbft::merkle_root(&[Digest([1; 32]), Digest([2; 32])]);
    assert_eq!(made.expect("a bundle").items[0].bytes, mark.0);
}

/// R: the answer comes with the slot in which the mark was executed.
#[test]
fn a_read_is_ready_when_its_mark_is_executed() {
    let mut replica = Alone::new(4, 3);
    replica.step(Input::Read { reader: 7, nonce: Digest([1; 32]) });
    replica.tick(20);
    let made = replica.said(Kind::Bundle)[0];
    replica.hear(0, Message::LaneCert(certificate(Kind::Ack, 3, 1, made.2, &[0, 1, 2])));
    let tip = Tip { position: Position::new(1), digest: made.2 };
    replica.decide(1, &Content { cut: vec![(id(3), tip)], ..empty(1_000) });
    replica.execute();
    let ready = replica.effects.iter().find_map(|effect| match effect {
        Effect::ReadReady { readers, seq, position } => Some((readers.clone(), seq.get(), position.get())),
        _ => None,
    });
    assert_eq!(ready, Some((vec![7], 1, 1)));
}

/// R: what waits three seconds without a quorum makes it read-only, and only that.
#[test]
fn a_strong_read_is_refused_when_something_waits_and_too_few_are_heard() {
    let mut replica = Alone::new(4, 3);
    replica.tick(10_000);
    assert!(!replica.replica.report().read_only, "nothing waits");
    replica.step(Input::Submit(envelope("waits")));
    replica.tick(3_000);
    assert!(replica.replica.report().read_only);
    replica.step(Input::Read { reader: 1, nonce: Digest([1; 32]) });
    assert!(matches!(replica.refused()[..], [Rejected::Read { reader: 1, .. }]));
}

/// R: for people and metrics.
#[test]
fn a_status_names_the_members_that_its_sender_hears_and_comes_at_once_when_one_falls_silent() {
    let mut replica = Alone::new(4, 3);
    let heard = |replica: &Alone| {
        let said = replica.sent().filter_map(|message| match message {
            Message::Status { body, .. } => Some(body.heard.clone()),
            _ => None,
        });
        said.collect::<Vec<_>>()
    };
    replica.tick(1_500);
    assert_eq!(heard(&replica).pop(), Some(vec![id(0), id(1), id(2)]));
    replica.status(0, 1);
    replica.status(2, 1);
    replica.tick(400);
    replica.effects.clear();

    replica.tick(101);

    assert_eq!(heard(&replica), [[id(0), id(2)]], "before the period is over");
}
