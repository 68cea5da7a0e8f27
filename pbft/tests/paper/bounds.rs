//! What a peer can make others do (B, E2).

use super::*;
use std::collections::BTreeSet;

/// B: a peer's questions.
#[test]
fn a_peer_that_asks_too_often_is_refused() {
    let mut replica = Alone::new(4, 3);
    for _ in 0..300 {
        replica.hear(1, Message::Ask(Wanted::StableCheckpoint));
    }
    assert!(replica.refused().iter().any(|refused| matches!(refused, Rejected::TooOften { .. })));
    replica.effects.clear();
    replica.hear(2, Message::Ask(Wanted::StableCheckpoint));
    assert!(replica.refused().is_empty(), "budgets are per sender");
}

/// E2: at most 32 halves a second for a signer.
#[test]
fn halves_are_sent_on_at_a_bounded_rate() {
    let mut replica = Alone::new(4, 3);
    for seq in 1..=100 {
        let content = empty(1_000 + seq);
        replica.propose(0, 0, seq, &content);
        replica.hear(2, Message::Commit(say(2, Kind::Commit, 0, seq, Digest([9; 32]))));
    }
    assert_eq!(halves(&replica).len(), 32);
}

fn halves(replica: &Alone) -> Vec<Signed> {
    let half = |message: &Message| match message {
        Message::Contradiction(signed) => Some(*signed),
        _ => None,
    };
    replica.sent().filter_map(half).collect()
}

/// E2: what does not fit is sent on, whichever was heard first.
#[test]
fn an_ack_that_came_before_its_bundle_is_sent_on_when_it_turns_out_not_to_fit() {
    let mut replica = Alone::new(4, 3);
    let lie = say(2, Kind::Ack, 1, 1, Digest([9; 32]));
    replica.hear(2, Message::Ack(lie));
    assert_eq!(halves(&replica), []);
    replica.hear(1, Message::Bundle(bundle(1, Tip::default(), 0, envelope("a"))));
    assert_eq!(halves(&replica), [lie]);
}

/// E2: what its primary proposed is what a vote is held against, also in a view that is left.
#[test]
fn a_vote_of_a_view_that_was_left_is_sent_on_when_it_differs_from_the_proposal() {
    for early in [true, false] {
        let mut replica = Alone::new(4, 3);
        for peer in 1..=2 {
            replica.demand(peer, 1);
        }
        assert_eq!(replica.asks_for_view(), Some(1));
        let (ours, lie) = (empty(1_000).digest(), say(2, Kind::Commit, 0, 1, Digest([9; 32])));
        let tell = |replica: &mut Alone| replica.hear(2, Message::Commit(lie));
        if early {
            tell(&mut replica);
        }
        replica.prepare(1, 0, 1, ours);
        if !early {
            tell(&mut replica);
        }
        assert_eq!(halves(&replica), [lie], "heard early: {early}");
    }
}

/// E2: the lane's position is settled and gone from memory; the header that was heard is not.
#[test]
fn an_ack_that_comes_after_its_position_was_executed_is_sent_on_when_it_does_not_fit() {
    let mut replica = Alone::new(4, 3);
    let first = bundle(1, Tip::default(), 0, envelope("a"));
    replica.hear(1, Message::Bundle(first.clone()));
    replica.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, first.statement.statement.digest, &[0, 1, 2])));
    replica.decide(1, &Content { cut: vec![(id(1), first.header.tip())], ..empty(1) });
    replica.execute();
    let lie = say(2, Kind::Ack, 1, 1, Digest([9; 32]));
    replica.hear(2, Message::Ack(lie));
    assert_eq!(halves(&replica), [lie]);
}

/// E2: with two headers of one owner, whoever acknowledged one may have acknowledged both.
#[test]
fn where_an_owner_signed_two_headers_all_acks_of_that_position_are_compared() {
    let mut replica = Alone::new(4, 3);
    let (first, second) = (bundle(1, Tip::default(), 0, envelope("a")), bundle(1, Tip::default(), 0, envelope("b")));
    let ack = say(2, Kind::Ack, 1, 1, first.statement.statement.digest);
    replica.hear(1, Message::Bundle(first.clone()));
    replica.hear(2, Message::Ack(ack));
    replica.hear(0, Message::Contradiction(second.statement));
    assert_eq!((replica.kept(), halves(&replica)), (vec![], vec![]), "it fits: it is neither sent to all nor written");
    replica.status(2, 1);
    replica.status(0, 1);
    assert_eq!(halves(&replica), [ack], "who keeps another set is sent it, but not its signer");
}

/// E2: all hold the same votes where the primary proposed twice; if everybody sent them to everybody, one lie would cost the
/// cube of the group. They are compared by statuses.
#[test]
fn where_a_primary_proposed_twice_votes_are_compared_and_not_sent_to_all() {
    let mut replica = Alone::new(31, 30);
    let (ours, other) = (empty(1_000), empty(1_001));
    replica.propose(0, 0, 1, &ours);
    replica.prepare(1, 0, 1, other.digest());
    for signer in 2..20 {
        replica.prepare(signer, 0, 1, if signer < 10 { ours.digest() } else { other.digest() });
    }
    assert!(halves(&replica).len() <= 2, "those that came before the second proposal was known");
    replica.effects.clear();
    replica.status(29, 1);
    let signers: BTreeSet<_> = halves(&replica).iter().map(|half| half.signer.index()).collect();
    assert_eq!(signers, (0..20).collect(), "the primary's proposals and all votes");
}

/// E2: what is no proposal splits nothing; else each member could make everybody keep everybody's votes.
#[test]
fn two_pre_prepares_of_who_is_not_the_primary_are_its_own_fault_alone() {
    let mut replica = Alone::new(4, 3);
    replica.propose(0, 0, 1, &empty(1_000));
    replica.prepare(1, 0, 1, empty(1_000).digest());
    for byte in [8, 9] {
        replica.hear(2, Message::Contradiction(say(2, Kind::PrePrepare, 0, 1, Digest([byte; 32]))));
    }
    assert!(replica.kept().iter().all(|kept| kept.signer == id(2)));
    replica.effects.clear();
    replica.status(0, 1);
    assert!(halves(&replica).iter().all(|half| half.signer == id(2)));
}

/// E2, L2: of a lane the certified bundle is gone by, whichever header came first.
#[test]
fn acks_of_the_certified_bundle_are_not_sent_on_and_the_others_are() {
    let mut replica = Alone::new(4, 3);
    let (first, second) = (bundle(1, Tip::default(), 0, envelope("a")), bundle(1, Tip::default(), 0, envelope("b")));
    let lie = say(2, Kind::Ack, 1, 1, first.statement.statement.digest);
    replica.hear(0, Message::Contradiction(first.statement));
    replica.hear(2, Message::Ack(lie));
    replica.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, second.statement.statement.digest, &[0, 1, 3])));
    assert_eq!(halves(&replica), [lie]);
}

/// E2: the certified content is what is gone by, whatever was accepted before.
#[test]
fn a_decision_is_held_against_the_votes_that_came_before_it() {
    let mut replica = Alone::new(4, 3);
    let (decided, other) = (empty(1_000), empty(1_001));
    replica.prepare(2, 0, 1, other.digest());
    let proposal = say(0, Kind::PrePrepare, 0, 1, other.digest());
    replica.effects.clear();
    let certificate = certificate(Kind::Commit, 0, 1, decided.digest(), &[0, 1, 2]);
    replica.hear(1, Message::Decided { certificate, content: decided });
    assert!(replica.kept().contains(&proposal));
}

/// E2: whoever says that it keeps nothing apart is sent 32 statements for it, of all signers together.
#[test]
fn a_peer_whose_kept_sets_differ_is_sent_them_in_turn_and_a_few_at_a_time() {
    let mut replica = Alone::new(7, 6);
    for (seq, signer) in (1..=20).flat_map(|seq| (2..=4).map(move |signer| (seq, signer))) {
        replica.propose(0, 0, seq, &empty(1_000 + seq));
        replica.hear(signer, Message::Commit(say(signer, Kind::Commit, 0, seq, Digest([9; 32]))));
    }
    replica.effects.clear();
    let mut sent = Vec::new();
    for counter in 1..=2 {
        replica.effects.clear();
        replica.status(1, counter);
        let told = replica.sent_to(1).into_iter().filter_map(|message| match message {
            Message::Contradiction(signed) => Some((signed.signer, signed.statement.seq)),
            _ => None,
        });
        sent.push(told.collect::<BTreeSet<_>>());
        replica.tick(1_000);
    }
    assert_eq!(sent.iter().map(BTreeSet::len).collect::<Vec<_>>(), [32, 32]);
    assert_eq!((&sent[0] | &sent[1]).len(), 60, "all of them in two turns");
}

/// E2: two PrePrepares meet inside Prepares.
#[test]
fn the_other_pre_prepare_inside_a_prepare_is_evidence() {
    let mut replica = Alone::new(4, 3);
    replica.propose(0, 0, 1, &empty(1_000));
    replica.prepare(2, 0, 1, empty(1_001).digest());
    assert!(replica.effects.iter().any(|effect| matches!(effect, Effect::Accuse(of) if of.key().signer == id(0))));
}

/// E2: what a replica signed itself is what it goes by, before and after it is certified.
#[test]
fn a_checkpoint_statement_that_differs_from_the_own_one_is_sent_on() {
    for early in [true, false] {
        let mut replica = Alone::new(4, 3);
        let lie = say(2, Kind::Checkpoint, 0, 1, Digest([9; 32]));
        let tell = |replica: &mut Alone| replica.hear(2, Message::Checkpoint(lie));
        if early {
            tell(&mut replica);
        }
        replica.decide(1, &Content { mark: true, ..empty(1) });
        replica.execute();
        if !early {
            tell(&mut replica);
        }
        assert_eq!(halves(&replica), [lie], "heard early: {early}");
    }
}
