//! §4.3: checkpoints (C).

use super::*;

/// C2.
#[test]
fn q_equal_checkpoints_are_stable_and_fewer_are_not() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let q = committee(n).quorum();
        let mut replica = Alone::new(n, n - 1);
        replica.decide(1, &Content { mark: true, ..empty(1_000) });
        replica.execute();
        let said = replica.said(Kind::Checkpoint);
        assert_eq!(said.len(), 1);
        let say = |signer: usize| Message::Checkpoint(say(signer, Kind::Checkpoint, 0, 1, said[0].2));
        (0..q - 2).for_each(|signer| replica.hear(signer, say(signer)));
        assert_eq!(replica.replica.report().stable.get(), 0, "{n} replicas, q − 1 statements");
        replica.hear(q - 2, say(q - 2));
        assert_eq!(replica.replica.report().stable.get(), 1, "{n} replicas, q statements");
    }
}

/// C2: it would differ from the others', and no certificate would come of them all.
#[test]
fn a_checkpoint_that_names_a_view_is_refused() {
    let replica = Alone::new(4, 3);
    let refused =
        |view| replica.verify(0, Message::Checkpoint(say(0, Kind::Checkpoint, view, 1, Digest([7; 32])))).is_err();
    assert_eq!([0, 1].map(refused), [false, true]);
}

/// C3.
#[test]
fn a_replica_whose_state_is_not_the_certified_one_stops() {
    let mut replica = Alone::new(4, 3);
    replica.decide(1, &Content { mark: true, ..empty(1_000) });
    replica.execute();
    replica.hear(0, Message::StableCheckpoint(certificate(Kind::Checkpoint, 0, 1, Digest([5; 32]), &[0, 1, 2])));
    assert!(matches!(replica.broken()[..], [quorate_pbft::Broken::Diverged { .. }]));
}

/// C1: an idle group checkpoints soon after its last slot.
#[test]
fn an_idle_primary_marks_an_empty_slot_when_a_decided_one_is_not_covered() {
    let mut primary = Alone::new(4, 0);
    let tip = bundle(1, Tip::default(), 0, envelope("a")).header.tip();
    primary.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, tip.digest, &[1, 2, 3])));
    let proposed = primary.said(Kind::PrePrepare)[0];
    for signer in [1, 2, 3] {
        primary.commit(signer, 0, 1, proposed.2);
    }
    primary.tick(100);
    let unmarked = primary.said(Kind::PrePrepare).len();
    primary.tick(200);
    let marked =
        primary.sent().filter(|message| matches!(message, Message::PrePrepare { content, .. } if content.mark));
    assert_eq!((unmarked, marked.count() >= 1), (1, true));
}

/// B: two windows above execution.
#[test]
fn a_checkpoint_two_windows_ahead_is_kept_and_the_next_one_is_refused() {
    let last = 2 * Constants::default().window;
    let mut replica = Alone::new(4, 3);
    for (seq, refused) in [(last, 0), (last + 1, 1)] {
        replica.hear(0, Message::Checkpoint(say(0, Kind::Checkpoint, 0, seq, Digest([1; 32]))));
        assert_eq!((replica.refused().len(), replica.replica.holdings().checkpoint_votes), (refused, 1));
    }
}

/// C3: until a certificate shows that it was not.
#[test]
fn a_slot_for_which_no_digest_can_get_q_votes_is_told_until_it_is_stable() {
    let mut replica = Alone::new(4, 3);
    replica.decide(1, &Content { mark: true, ..empty(1_000) });
    replica.execute();
    let own = replica.said(Kind::Checkpoint)[0].2;
    for (signer, hopeless) in [(0, false), (1, false), (2, true)] {
        replica.hear(signer, Message::Checkpoint(say(signer, Kind::Checkpoint, 0, 2, Digest([signer as u8; 32]))));
        assert_eq!(replica.replica.report().hopeless_checkpoint.is_some(), hopeless, "{signer}");
    }
    let said = [0, 1, 2].map(|signer| (Digest([signer; 32]), vec![id(signer.into())]));
    assert_eq!(replica.replica.report().hopeless_checkpoint, Some((SeqNum::new(2), said.into())));
    replica.decide(2, &Content { mark: true, ..empty(1_001) });
    replica.execute();
    replica.hear(0, Message::StableCheckpoint(certificate(Kind::Checkpoint, 0, 2, own, &[0, 1, 2])));
    assert_eq!(replica.replica.report().hopeless_checkpoint, None, "{:?}", replica.broken());
}

/// C3: what was signed is compared as long as nothing is certified there, however far execution went.
#[test]
fn a_state_that_is_not_the_certified_one_stops_a_replica_that_executed_more_since() {
    let mut replica = Alone::new(4, 3);
    [true, false].into_iter().zip(1..).for_each(|(mark, seq)| replica.decide(seq, &Content { mark, ..empty(1_000) }));
    replica.execute();
    replica.hear(0, Message::StableCheckpoint(certificate(Kind::Checkpoint, 0, 1, Digest([5; 32]), &[0, 1, 2])));
    assert!(matches!(replica.broken()[..], [quorate_pbft::Broken::Diverged { .. }]));
}

/// N9: the lowest may never get q words, and the highest frees the whole window.
#[test]
fn the_lowest_and_the_highest_checkpoints_that_are_not_stable_are_said_again() {
    let mut replica = Alone::new(4, 3);
    (1..=20).for_each(|seq| replica.decide(seq, &Content { mark: true, ..empty(1_000) }));
    replica.execute();
    replica.tick(1_000);
    replica.effects.clear();
    replica.status(0, 1);
    let said = replica.sent_to(0).into_iter().filter_map(|message| match message {
        Message::Checkpoint(signed) => Some(signed.statement.seq.get()),
        _ => None,
    });
    assert_eq!(said.collect::<Vec<_>>(), (1..=8).chain(13..=20).collect::<Vec<_>>());
}
