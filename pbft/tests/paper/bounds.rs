//! What a peer can make others do (B, E2).

use super::*;

/// B: a peer's questions.
#[test]
fn a_peer_that_asks_too_often_is_refused() {
    let mut replica = Alone::new(4, 3);
    for _ in 0..300 {
        replica.hear(1, ask(Wanted::StableCheckpoint));
    }
    assert!(replica.refused().iter().any(|refused| matches!(refused, Rejected::TooOften { .. })));
    replica.effects.clear();
    replica.hear(2, ask(Wanted::StableCheckpoint));
    assert!(replica.refused().is_empty(), "budgets are per sender");
}

fn passed_on(replica: &Alone) -> Vec<Signed> {
    let word = |message: &Message| match message {
        Message::Contradiction(signed) => Some(*signed),
        _ => None,
    };
    replica.sent().filter_map(word).collect()
}

fn accused(replica: &Alone) -> Vec<EvidenceKey> {
    let key = |effect: &Effect| match effect {
        Effect::Accuse(evidence) => Some(evidence.key()),
        _ => None,
    };
    replica.effects.iter().filter_map(key).collect()
}

/// E2: 32 words of a signer in a second for certain, and of the rest those that the die picks.
#[test]
fn words_against_decisions_are_sent_on_at_a_bounded_rate() {
    let mut replica = Alone::new(7, 6);
    for seq in 1..=200 {
        replica.decide(seq, &empty(1_000 + seq));
        replica.hear(5, Message::Commit(say(5, Kind::Commit, 0, seq, Digest([9; 32]))));
    }
    let passed: Vec<u64> = passed_on(&replica).iter().map(|word| word.statement.seq.get()).collect();
    assert!(passed[..32] == (1..=32).collect::<Vec<_>>() && (40..160).contains(&passed.len()), "{passed:?}");
}

/// E2: a word is sent on when the certificate comes, and no second time.
#[test]
fn an_ack_that_came_before_the_certificate_is_sent_on_once_when_it_turns_out_not_to_fit() {
    let mut replica = Alone::new(4, 3);
    let (lie, fits) = (say(2, Kind::Ack, 1, 1, Digest([9; 32])), bundle(1, Tip::default(), 0, envelope("a")));
    replica.hear(2, Message::Ack(lie));
    replica.hear(1, Message::Bundle(fits.clone()));
    assert_eq!(passed_on(&replica), []);
    replica.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, fits.statement.statement.digest, &[0, 1, 3])));
    assert_eq!(passed_on(&replica), [lie]);
    replica.hear(2, Message::Ack(lie));
    assert_eq!(passed_on(&replica), [lie]);
}

/// E2: the lane's position is settled and gone from memory; its digest is not.
#[test]
fn an_ack_that_comes_after_its_position_was_executed_is_sent_on_when_it_does_not_fit() {
    let mut replica = Alone::new(4, 3);
    let first = bundle(1, Tip::default(), 0, envelope("a"));
    let second = bundle(1, first.header.tip(), first.header.lane_bytes, envelope("b"));
    replica.hear(1, Message::Bundle(first));
    replica.hear(1, Message::Bundle(second.clone()));
    replica.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 2, second.statement.statement.digest, &[0, 1, 2])));
    replica.decide(1, &Content { cut: vec![(id(1), second.header.tip())], ..empty(1) });
    replica.execute();
    let lie = say(2, Kind::Ack, 1, 1, Digest([9; 32]));
    replica.hear(2, Message::Ack(lie));
    assert_eq!(passed_on(&replica), [lie], "certified by the certificate above it");
}

/// E2: a decision is a reference for words of every view that is not above the own one.
#[test]
fn a_vote_of_a_view_that_did_not_decide_is_sent_on_when_it_differs_from_the_decision() {
    for early in [true, false] {
        let mut replica = Alone::new(7, 6);
        let lie = say(2, Kind::Commit, 0, 1, Digest([9; 32]));
        let decided = empty(1_000);
        let certificate = certificate(Kind::Commit, 1, 1, decided.digest(), &[0, 1, 3, 4, 5]);
        if early {
            replica.hear(2, Message::Commit(lie));
        }
        assert_eq!(passed_on(&replica), []);
        replica.hear(1, Message::Decided { certificate, content: decided });
        if !early {
            replica.hear(2, Message::Commit(lie));
        }
        assert_eq!(passed_on(&replica), [lie], "heard early: {early}");
    }
}

/// E2: honest backups voted for what another view then did not decide; sent by all to all such votes cost the cube of the
/// group. The proposal itself is sent on.
#[test]
fn a_vote_for_the_proposal_of_its_view_is_sent_on_only_if_that_primary_is_proved_a_liar() {
    for lies_at in [None, Some("first"), Some("last")] {
        let mut replica = Alone::new(7, 6);
        let (proposed, decided) = (empty(1_000), empty(1_001));
        let lie = |replica: &mut Alone, now| {
            for byte in [8, 9].into_iter().filter(|_| lies_at == Some(now)) {
                replica.hear(0, Message::Contradiction(say(0, Kind::Checkpoint, 0, 0, Digest([byte; 32]))));
            }
        };
        lie(&mut replica, "first");
        replica.prepare(2, 0, 1, proposed.digest());
        let certificate = certificate(Kind::Commit, 1, 1, decided.digest(), &[1, 3, 4, 5, 6]);
        replica.hear(1, Message::Decided { certificate, content: decided });
        lie(&mut replica, "last");
        let words = [say(0, Kind::PrePrepare, 0, 1, proposed.digest()), say(2, Kind::Prepare, 0, 1, proposed.digest())];
        let expected = match lies_at {
            None => &words[..1],
            Some("first") => &words[1..],
            _ => &words[..],
        };
        assert_eq!(passed_on(&replica), expected, "{lies_at:?}");
    }
}

/// E2: one proof for each guilty signer; what it says from then on is neither compared nor sent on.
#[test]
fn of_a_liar_who_is_proved_nothing_more_is_proved_or_sent_on() {
    let mut replica = Alone::new(4, 3);
    for seq in 1..=3 {
        replica.decide(seq, &empty(1_000 + seq));
    }
    for (seq, byte) in [(1, 8), (1, 9), (2, 8), (2, 9), (3, 9)] {
        replica.hear(2, Message::Checkpoint(say(2, Kind::Checkpoint, 0, seq, Digest([byte; 32]))));
    }
    replica.hear(2, Message::Commit(say(2, Kind::Commit, 0, 3, Digest([9; 32]))));
    assert_eq!(accused(&replica).len(), 1, "{:?}", accused(&replica));
    assert_eq!(passed_on(&replica), []);
}

/// E2: two PrePrepares meet inside Prepares.
#[test]
fn the_other_pre_prepare_inside_a_prepare_is_evidence() {
    let mut replica = Alone::new(4, 3);
    replica.propose(0, 0, 1, &empty(1_000));
    replica.prepare(2, 0, 1, empty(1_001).digest());
    assert!(replica.effects.iter().any(|effect| matches!(effect, Effect::Accuse(of) if of.key().signer == id(0))));
}

/// E2: what is certified is what is gone by, whichever came first.
#[test]
fn a_checkpoint_statement_that_differs_from_the_certified_one_is_sent_on() {
    for early in [true, false] {
        let mut replica = Alone::new(4, 3);
        let lie = say(2, Kind::Checkpoint, 0, 1, Digest([9; 32]));
        let tell = |replica: &mut Alone| replica.hear(2, Message::Checkpoint(lie));
        if early {
            tell(&mut replica);
        }
        assert_eq!(passed_on(&replica), []);
        let certified = certificate(Kind::Checkpoint, 0, 1, Digest([7; 32]), &[0, 1, 3]);
        replica.hear(1, Message::StableCheckpoint(certified));
        if !early {
            tell(&mut replica);
        }
        assert_eq!(passed_on(&replica), [lie], "heard early: {early}");
    }
}

/// E7: from memory, with votes that are in decisions alone.
#[test]
fn a_replica_is_told_the_newest_of_each_kind_that_it_said() {
    let mut replica = Alone::new(4, 3);
    replica.prepare(2, 0, 1, empty(1).digest());
    (2..=40).for_each(|seq| replica.prepare(2, 0, seq, empty(seq).digest()));
    let ack = say(2, Kind::Ack, 1, 1, Digest([5; 32]));
    (1..=200).for_each(|seq| replica.hear(2, Message::Ack(say(2, Kind::Ack, 1, seq, Digest([5; 32])))));
    let certificate = certificate(Kind::Commit, 3, 1, empty(1).digest(), &[0, 1, 2]);
    replica.hear(1, Message::Decided { certificate, content: empty(1) });
    replica.effects.clear();
    replica.hear(2, ask(Wanted::Recall { incarnation: 77 }));
    let [Message::Recalled { incarnation: 77, statements }] = &replica.sent_to(2)[..] else { panic!("no answer") };
    let has = |of: &Signed| statements.contains(of);
    assert!(
        has(&say(2, Kind::Prepare, 0, 1, empty(1).digest())) && has(&say(2, Kind::Commit, 3, 1, empty(1).digest()))
    );
    assert!(has(&say(2, Kind::Ack, 1, 200, Digest([5; 32]))) && !has(&ack), "the newest");
    let all_votes = (2..=40).all(|seq| has(&say(2, Kind::Prepare, 0, seq, empty(seq).digest())));
    assert!(all_votes, "votes of a view may be signed in any order within a window");
    assert!(statements.iter().all(|said| said.signer == id(2)));
}

/// E5: votes for a liar's proposals were looked at when it was proved, and the record of that proof is no news.
#[test]
fn a_record_of_a_known_proof_sends_nothing_on_again() {
    let mut replica = Alone::new(7, 6);
    let (proposed, decided) = (empty(1_000), empty(1_001));
    replica.prepare(2, 0, 1, proposed.digest());
    let certificate = certificate(Kind::Commit, 1, 1, decided.digest(), &[1, 3, 4, 5, 6]);
    replica.hear(1, Message::Decided { certificate, content: decided });
    for byte in [8, 9] {
        replica.hear(0, Message::Contradiction(say(0, Kind::Checkpoint, 0, 0, Digest([byte; 32]))));
    }
    let (before, recorded) = (passed_on(&replica), accused(&replica));
    assert_eq!((before.len(), recorded.len()), (2, 1));
    let members_after = replica.committee.digest();
    let (seq, state_root) = (SeqNum::new(1), Digest([66; 32]));
    replica.step(Input::Executed(Executed { seq, state_root, members_after, recorded, deadline: None, next: None }));
    assert_eq!(passed_on(&replica), before);
}

/// B: votes are compared within the window.
#[test]
fn two_votes_at_the_end_of_the_window_are_proved_and_none_beyond() {
    let last = Constants::default().window;
    for (seq, proofs) in [(last, 1), (last + 1, 0)] {
        let mut replica = Alone::new(4, 3);
        for byte in [8, 9] {
            replica.hear(1, Message::Contradiction(say(2, Kind::Commit, 0, seq, Digest([byte; 32]))));
        }
        assert_eq!(accused(&replica).len(), proofs, "slot {seq}");
    }
}

/// B: checkpoints are compared up to two windows above execution.
#[test]
fn two_checkpoints_two_windows_ahead_are_proved_and_none_beyond() {
    let last = 2 * Constants::default().window;
    for (seq, proofs) in [(last, 1), (last + 1, 0)] {
        let mut replica = Alone::new(4, 3);
        for byte in [8, 9] {
            replica.hear(1, Message::Contradiction(say(2, Kind::Checkpoint, 0, seq, Digest([byte; 32]))));
        }
        assert_eq!(accused(&replica).len(), proofs, "slot {seq}");
    }
}
