//! One test for each sentence: OSDI '99 §4.2 to §4.4 and the rules of `docs/protocol.md`, for groups of every size.

mod cluster;

use cluster::alone::{Alone, bundle, certificate, empty, say};
use cluster::{WALL, committee, envelope, id};
use quorate_pbft::{
    CertError, Committee, Constants, Content, Digest, Effect, Epoch, Evidence, Input, Kind, Message, Position, Record,
    Rejected, Tip, View, Wanted,
};

/// A group of one, and all sizes at which f or the distance to the next f changes.
const SIZES: [usize; 11] = [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];

fn verifies(n: usize, kind: Kind, signers: usize) -> Result<(), CertError> {
    let signers: Vec<usize> = (0..signers).collect();
    let claimed = certificate(kind, 0, 1, Digest([1; 32]), &signers);
    committee(n).check(claimed, &cluster::HashVerify).map(drop)
}

#[test]
fn two_quorums_of_any_size_of_group_share_an_honest_replica() {
    for n in 1..=100 {
        let members = (0..n as u8).map(|byte| quorate_pbft::PublicKey([byte + 1; 32])).collect();
        let committee = Committee::new(Digest::ZERO, Epoch::new(0), members).expect("distinct keys");
        let (f, q, w) = (committee.faulty_max(), committee.quorum(), committee.weak());
        assert_eq!((f, q, w), ((n - 1) / 3, 2 * n / 3 + 1, f + 1), "{n} replicas");
        assert!(2 * q - n >= w && q <= n - f, "{n} replicas");
    }
}

#[test]
fn a_certificate_needs_q_signers_and_may_have_more() {
    for n in SIZES {
        let q = committee(n).quorum();
        assert_eq!(verifies(n, Kind::Commit, q - 1), Err(CertError::TooFew { got: q - 1, needed: q }));
        assert_eq!(verifies(n, Kind::Commit, q), Ok(()));
        assert_eq!(verifies(n, Kind::Commit, n), Ok(()));
    }
}

#[test]
fn a_certificate_with_a_repeated_or_wrong_signature_proves_nothing() {
    let mut twice = certificate(Kind::Prepare, 0, 1, Digest([1; 32]), &[0, 1, 1]);
    assert_eq!(committee(4).check(twice.clone(), &cluster::HashVerify).map(drop), Err(CertError::Order));
    twice.signatures[2] = (id(2), twice.signatures[1].1);
    assert_eq!(committee(4).check(twice, &cluster::HashVerify).map(drop), Err(CertError::Signature(id(2))));
}

#[test]
fn statements_of_no_other_kind_make_a_certificate() {
    for kind in [Kind::Bundle, Kind::PrePrepare, Kind::ViewChange, Kind::NewView, Kind::Status] {
        assert_eq!(verifies(4, kind, 4), Err(CertError::Kind(kind)));
    }
}

/// §4.2: the pre-prepare's conditions.
#[test]
fn a_backup_prepares_what_the_primary_proposes() {
    let mut backup = Alone::new(4, 1);
    let content = empty(1_000);
    backup.propose(0, 0, 1, &content);
    assert_eq!(backup.said(Kind::Prepare), [(0, 1, content.digest())]);
}

/// §4.2: "it is in view v".
#[test]
fn a_backup_refuses_a_proposal_of_another_view() {
    let mut backup = Alone::new(4, 2);
    backup.propose(1, 1, 1, &empty(1_000));
    assert!(matches!(backup.refused()[..], [Rejected::OtherView { .. }]));
    assert_eq!(backup.said(Kind::Prepare), []);
}

/// Pitfall 27.
#[test]
fn a_backup_refuses_a_proposal_by_somebody_else_than_the_primary() {
    let mut backup = Alone::new(4, 1);
    let content = empty(1_000);
    let statement = say(2, Kind::PrePrepare, 0, 1, content.digest());
    backup.hear(2, Message::PrePrepare { statement, content, certificates: Vec::new() });
    assert!(matches!(backup.refused()[..], [Rejected::NotPrimary { .. }]));
}

/// §4.2: "it has not accepted a pre-prepare message for view v and sequence number n containing a different digest".
#[test]
fn a_backup_refuses_a_second_digest_for_the_same_view_and_slot_and_proves_it() {
    let mut backup = Alone::new(4, 1);
    backup.propose(0, 0, 1, &empty(1_000));
    backup.propose(0, 0, 1, &empty(1_001));
    assert!(backup.refused().iter().any(|refused| matches!(refused, Rejected::Equivocation { .. })));
    assert!(backup.effects.iter().any(|effect| matches!(effect, Effect::Accuse(of) if of.key().signer == id(0))));
    assert_eq!(backup.said(Kind::Prepare).len(), 1);
}

/// V3: evidence that the current primary equivocated asks for the next view at once.
#[test]
fn a_backup_leaves_a_primary_that_equivocated_at_once() {
    let mut backup = Alone::new(4, 1);
    backup.propose(0, 0, 1, &empty(1_000));
    backup.propose(0, 0, 1, &empty(1_001));
    assert_eq!(backup.asks_for_view(), Some(1));
}

/// §4.2: "the sequence number is between a low water mark, h, and a high water mark, H".
#[test]
fn the_window_ends_at_its_last_slot() {
    let window = Constants::default().window;
    let mut backup = Alone::new(4, 1);
    backup.propose(0, 0, window, &empty(1_000));
    assert_eq!(backup.said(Kind::Prepare).len(), 1);
    backup.propose(0, 0, window + 1, &empty(1_000));
    assert!(matches!(backup.refused()[..], [Rejected::OutsideWindow { .. }]));
}

/// N3: q Prepares, the own among them.
#[test]
fn a_replica_commits_on_q_prepares_and_not_on_fewer() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let q = committee(n).quorum();
        let mut backup = Alone::new(n, n - 1);
        let content = empty(1_000);
        backup.propose(0, 0, 1, &content);
        for signer in 0..q - 2 {
            backup.prepare(signer, 0, 1, content.digest());
        }
        assert_eq!(backup.said(Kind::Commit), [], "{n} replicas, q − 1 Prepares");
        backup.prepare(q - 2, 0, 1, content.digest());
        assert_eq!(backup.said(Kind::Commit).len(), 1, "{n} replicas, q Prepares");
    }
}

/// N2: a vote whose PrePrepare differs is not counted.
#[test]
fn prepares_for_another_digest_are_not_counted() {
    let mut backup = Alone::new(4, 3);
    let content = empty(1_000);
    backup.propose(0, 0, 1, &content);
    backup.prepare(1, 0, 1, content.digest());
    backup.hear(
        2,
        Message::Prepare {
            statement: say(2, Kind::Prepare, 0, 1, Digest([9; 32])),
            pre_prepare: say(0, Kind::PrePrepare, 0, 1, content.digest()),
        },
    );
    assert!(backup.refused().iter().any(|refused| matches!(refused, Rejected::Unfit { .. })));
    assert_eq!(backup.said(Kind::Commit), []);
}

/// Pitfall 28: a signer counts once, however often it speaks and whoever hands it over.
#[test]
fn a_signer_counts_once() {
    let mut backup = Alone::new(4, 3);
    let content = empty(1_000);
    backup.propose(0, 0, 1, &content);
    for from in [0, 1, 2] {
        let pre_prepare = say(0, Kind::PrePrepare, 0, 1, content.digest());
        let statement = say(1, Kind::Prepare, 0, 1, content.digest());
        backup.hear(from, Message::Prepare { statement, pre_prepare });
    }
    assert_eq!(backup.said(Kind::Commit), []);
}

/// N4.
#[test]
fn q_commits_decide_and_fewer_do_not() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let q = committee(n).quorum();
        let mut backup = Alone::new(n, n - 1);
        let content = empty(1_000);
        backup.propose(0, 0, 1, &content);
        (0..q - 1).for_each(|signer| backup.commit(signer, 0, 1, content.digest()));
        assert!(!backup.is_committed(1), "{n} replicas, q − 1 Commits");
        backup.commit(q - 1, 0, 1, content.digest());
        assert!(backup.is_committed(1), "{n} replicas, q Commits");
    }
}

/// N5: as many Prepares as there are members decide, and one less does not.
#[test]
fn n_prepares_of_one_view_decide_and_fewer_do_not() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let mut backup = Alone::new(n, n - 1);
        let content = empty(1_000);
        backup.propose(0, 0, 1, &content);
        (0..n - 2).for_each(|signer| backup.prepare(signer, 0, 1, content.digest()));
        assert!(!backup.is_committed(1), "{n} replicas, n − 1 Prepares");
        backup.prepare(n - 2, 0, 1, content.digest());
        assert!(backup.is_committed(1), "{n} replicas, n Prepares");
        assert_eq!(backup.replica.report().fast_commits, 1);
    }
}

/// N4, pitfall 21: one sink.
#[test]
fn a_second_decision_for_a_slot_stops_the_replica() {
    let mut backup = Alone::new(4, 3);
    backup.decide(1, &empty(1_000));
    backup.decide(1, &empty(1_000));
    assert!(backup.broken().is_empty(), "a copy is nothing");
    backup.decide(1, &empty(1_001));
    assert!(matches!(backup.broken()[..], [quorate_pbft::Broken::TwoCommits { .. }]));
}

/// N8.
#[test]
fn a_replica_that_holds_a_decision_never_votes_for_another_digest() {
    let mut backup = Alone::new(4, 3);
    backup.decide(1, &empty(1_000));
    backup.propose(0, 0, 1, &empty(1_001));
    assert_eq!(backup.said(Kind::Prepare), []);
}

/// N6: execution waits for what is before.
#[test]
fn slots_are_executed_in_order_without_gaps() {
    let mut backup = Alone::new(4, 3);
    backup.decide(2, &empty(1_001));
    backup.execute();
    assert_eq!(backup.replica.executed_point().seq.get(), 0);
    backup.decide(1, &empty(1_000));
    backup.execute();
    assert_eq!(backup.replica.executed_point().seq.get(), 2);
}

/// T1: ledger time is the running maximum.
#[test]
fn ledger_time_never_goes_back() {
    let mut backup = Alone::new(4, 3);
    backup.decide(1, &empty(1_000));
    backup.decide(2, &empty(500));
    backup.execute();
    assert_eq!(backup.replica.executed_point().time.get(), WALL + 1_000);
}

/// L4: content and certificates before the vote.
#[test]
fn a_vote_for_a_new_slot_waits_for_the_certificates_of_its_tips() {
    let mut backup = Alone::new(4, 3);
    let tip = bundle(1, Tip::default(), 0, envelope("x")).header.tip();
    let content = Content { cut: vec![(id(1), tip)], ..empty(1_000) };
    backup.propose(0, 0, 1, &content);
    assert_eq!(backup.said(Kind::Prepare), []);
    backup.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, tip.digest, &[0, 1, 2])));
    assert_eq!(backup.said(Kind::Prepare).len(), 1);
}

/// N2: a PrePrepare inside a Prepare counts as received; its content is fetched by digest.
#[test]
fn a_content_that_was_only_named_is_asked_for_and_then_voted_for() {
    let mut backup = Alone::new(4, 3);
    let content = empty(1_000);
    backup.prepare(1, 0, 1, content.digest());
    backup.tick(150);
    let asked = |message: &Message| matches!(message, Message::Ask(Wanted::Content { .. }));
    assert!(backup.sent().any(asked));
    assert_eq!(backup.said(Kind::Prepare), []);
    backup.hear(1, Message::Content { content, certificates: Vec::new() });
    assert_eq!(backup.said(Kind::Prepare).len(), 1);
}

/// N9: it asks one at a time, the next after a time-out.
#[test]
fn a_question_without_an_answer_goes_to_the_next_peer() {
    let mut backup = Alone::new(4, 3);
    let content = empty(1_000);
    backup.prepare(1, 0, 1, content.digest());
    let mut asked = Vec::new();
    for _ in 0..4 {
        backup.effects.clear();
        backup.tick(220);
        for effect in &backup.effects {
            if let Effect::Send { to, message } = effect
                && matches!(**message, Message::Ask(Wanted::Content { .. }))
            {
                asked.push(to.get());
            }
        }
    }
    asked.dedup();
    assert!(asked.len() >= 2, "asked {asked:?}");
}

/// T2 ahead.
#[test]
fn a_proposal_from_the_future_waits_until_the_clock_comes_near() {
    let mut backup = Alone::new(4, 3);
    let ahead = Constants::default().clock_ahead_ms;
    let content = empty(backup.now + ahead + 100);
    backup.propose(0, 0, 1, &content);
    assert_eq!(backup.said(Kind::Prepare), []);
    backup.tick(100);
    assert_eq!(backup.said(Kind::Prepare).len(), 1);
}

/// T2 behind.
#[test]
fn an_old_proposal_is_refused_from_the_primary_and_accepted_by_repair() {
    let mut backup = Alone::new(4, 3);
    backup.tick(Constants::default().clock_behind_ms + 10_000);
    let content = empty(1_000);
    backup.propose(0, 0, 1, &content);
    assert!(backup.refused().iter().any(|refused| matches!(refused, Rejected::Clock { .. })));
    assert_eq!(backup.said(Kind::Prepare), []);
    backup.prepare(1, 0, 1, content.digest());
    backup.hear(1, Message::Content { content, certificates: Vec::new() });
    assert_eq!(backup.said(Kind::Prepare).len(), 1);
}

/// N7: votes for empty slots have a pace.
#[test]
fn a_second_empty_slot_is_voted_for_twenty_milliseconds_after_the_first() {
    let mut backup = Alone::new(4, 3);
    backup.propose(0, 0, 1, &empty(1_000));
    backup.propose(0, 0, 2, &empty(1_000));
    assert_eq!(backup.said(Kind::Prepare).len(), 1);
    backup.tick(20);
    assert_eq!(backup.said(Kind::Prepare).len(), 2);
}

/// L2: an Ack stands for everything between the bundle and an anchor.
#[test]
fn a_bundle_is_acknowledged_when_all_before_it_are_here() {
    let mut backup = Alone::new(4, 3);
    let first = bundle(1, Tip::default(), 0, envelope("a"));
    let second = bundle(1, first.header.tip(), 1, envelope("b"));
    backup.hear(1, Message::Bundle(second.clone()));
    assert_eq!(backup.said(Kind::Ack), []);
    backup.hear(1, Message::Bundle(first));
    assert_eq!(backup.said(Kind::Ack)[0], (1, 2, second.header.digest()), "one Ack for both");
    let stored = |effect: &&Effect| matches!(effect, Effect::Persist(Record::Bundle(_)));
    assert_eq!(backup.effects.iter().filter(stored).count(), 2);
}

/// L2: above all that it acknowledged in this lane.
#[test]
fn a_fork_of_a_lane_is_not_acknowledged() {
    let mut backup = Alone::new(4, 3);
    let first = bundle(1, Tip::default(), 0, envelope("a"));
    let other = bundle(1, Tip::default(), 0, envelope("b"));
    let beyond = bundle(1, other.header.tip(), 1, envelope("c"));
    backup.hear(1, Message::Bundle(first.clone()));
    backup.hear(1, Message::Bundle(other));
    backup.hear(1, Message::Bundle(beyond));
    let acks = backup.said(Kind::Ack);
    assert!(acks.iter().all(|(lane, _, digest)| *lane != 1 || *digest == first.header.digest()), "{acks:?}");
}

/// L2: the certified bundle is an anchor for those who acknowledged the other side of a fork.
#[test]
fn who_acknowledged_the_other_side_of_a_fork_goes_on_above_the_certified_one() {
    let mut backup = Alone::new(4, 3);
    let first = bundle(1, Tip::default(), 0, envelope("a"));
    let other = bundle(1, Tip::default(), 0, envelope("b"));
    let beyond = bundle(1, other.header.tip(), 1, envelope("c"));
    backup.hear(1, Message::Bundle(first));
    backup.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, other.header.digest(), &[0, 1, 2])));
    backup.hear(1, Message::Bundle(other));
    backup.hear(1, Message::Bundle(beyond.clone()));
    assert!(backup.said(Kind::Ack).contains(&(1, 2, beyond.header.digest())));
}

/// L2: the bound on what a lane can make others store.
#[test]
fn a_bundle_too_far_ahead_of_execution_is_refused() {
    let constants = Constants { lane_ahead_bundles_max: 2, ..Constants::default() };
    let mut backup = Alone::with(4, 3, &constants);
    let mut tip = Tip::default();
    for position in 1..=3 {
        let next = bundle(1, tip, position - 1, envelope("x"));
        tip = next.header.tip();
        backup.hear(1, Message::Bundle(next));
    }
    assert_eq!(backup.said(Kind::Ack).last().map(|ack| ack.1), Some(2));
    assert!(matches!(backup.refused()[..], [Rejected::Bundle { .. }]));
}

/// B: bundles neither acknowledged nor certified.
#[test]
fn loose_bundles_of_a_lane_stay_within_their_bytes() {
    let constants = Constants { bundle_bytes_max: 1_000, ..Constants::default() };
    let mut backup = Alone::with(4, 3, &constants);
    for byte in 0..50 {
        let parent = Tip { position: Position::new(5 + byte), digest: Digest([byte as u8; 32]) };
        backup.hear(1, Message::Bundle(bundle(1, parent, 0, envelope(&"x".repeat(300)))));
    }
    assert!(backup.replica.report().lanes[1].held_bytes <= 1_000);
}

/// L1: the next bundle when the last is certified.
#[test]
fn an_owner_makes_the_next_bundle_when_the_last_is_certified() {
    let mut owner = Alone::new(4, 3);
    owner.step(Input::Submit(envelope("a")));
    owner.step(Input::Submit(envelope("b")));
    let made = owner.said(Kind::Bundle);
    assert_eq!(made.len(), 1);
    for signer in [0, 1] {
        owner.hear(signer, Message::Ack(say(signer, Kind::Ack, 3, 1, made[0].2)));
    }
    assert_eq!(owner.said(Kind::Bundle).len(), 2);
    assert!(owner.sent().any(|message| matches!(message, Message::LaneCert(_))), "L3: the owner sends the certificate");
}

#[test]
fn items_beyond_the_room_of_the_own_lane_are_refused() {
    let mut owner = Alone::starting(4, 3, &Constants::default());
    let room = owner.replica.room();
    for _ in 0..(room >> 20) {
        owner.step(Input::Submit(envelope(&"x".repeat(1 << 20))));
    }
    assert!(owner.refused().is_empty());
    owner.step(Input::Submit(envelope("one more")));
    assert!(matches!(owner.refused()[..], [Rejected::LaneFull]));
}

/// E7.
#[test]
fn after_a_start_nothing_is_signed_until_q_minus_one_have_answered() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let q = committee(n).quorum();
        let mut replica = Alone::starting(n, n - 1, &Constants::default());
        replica.step(Input::Submit(envelope("waits")));
        (0..q - 2).for_each(|peer| replica.recalled(peer, 9));
        assert_eq!(replica.said(Kind::Bundle), [], "{n} replicas, q − 2 answers");
        replica.recalled(q - 2, 9);
        assert_eq!(replica.said(Kind::Bundle).len(), 1, "{n} replicas, q − 1 answers");
    }
}

#[test]
fn a_group_of_one_needs_nobody() {
    let mut alone = Alone::new(1, 0);
    alone.step(Input::Submit(envelope("alone")));
    alone.execute();
    assert_eq!(alone.replica.executed_point().seq.get(), 1);
}

/// E7: the answer to an earlier start says nothing about this one.
#[test]
fn answers_to_another_incarnation_do_not_count() {
    let mut replica = Alone::starting(4, 3, &Constants::default());
    (0..3).for_each(|peer| replica.recalled(peer, 8));
    assert!(replica.replica.is_recovering());
}

/// E7, pitfall 5.
#[test]
fn an_own_statement_that_is_not_on_the_disk_makes_a_follower_also_after_a_restart() {
    let mut replica = Alone::new(4, 3);
    let forgotten = say(3, Kind::Commit, 0, 7, Digest([1; 32]));
    replica.hear(1, Message::Half(forgotten));
    assert!(replica.replica.report().following);
    replica.propose(0, 0, 1, &empty(1_000));
    assert_eq!(replica.said(Kind::Prepare), []);
    replica.restart();
    replica.propose(0, 0, 1, &empty(1_000));
    assert!(replica.replica.report().following);
    assert_eq!(replica.said(Kind::Prepare), []);
}

/// E1, pitfalls 1, 3 and 7.
#[test]
fn after_a_restart_the_primary_sends_what_it_stored_and_goes_on_after_it() {
    let mut primary = Alone::new(4, 0);
    let tip = bundle(1, Tip::default(), 0, envelope("a")).header.tip();
    primary.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, tip.digest, &[1, 2, 3])));
    let first = primary.said(Kind::PrePrepare);
    assert_eq!(first.len(), 1);
    primary.restart();
    assert_eq!(primary.said(Kind::PrePrepare), [], "nothing is rebuilt");
    assert_eq!(primary.said(Kind::Prepare), [(0, 1, first[0].2)], "the stored vote goes out with the PrePrepare in it");
    let other = bundle(2, Tip::default(), 0, envelope("b")).header.tip();
    primary.hear(2, Message::LaneCert(certificate(Kind::Ack, 2, 1, other.digest, &[1, 2, 3])));
    primary.tick(50);
    assert_eq!(primary.said(Kind::PrePrepare).iter().map(|said| said.1).collect::<Vec<_>>(), [2]);
}

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

/// C3.
#[test]
fn a_replica_whose_state_is_not_the_certified_one_stops() {
    let mut replica = Alone::new(4, 3);
    replica.decide(1, &Content { mark: true, ..empty(1_000) });
    replica.execute();
    replica.hear(0, Message::StableCheckpoint(certificate(Kind::Checkpoint, 0, 1, Digest([5; 32]), &[0, 1, 2])));
    assert!(matches!(replica.broken()[..], [quorate_pbft::Broken::Diverged { .. }]));
}

/// V3, pitfalls 14 and 15.
#[test]
fn f_plus_one_demands_pull_a_replica_along_and_f_do_not() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let weak = committee(n).weak();
        let mut replica = Alone::new(n, n - 1);
        (0..weak - 1).for_each(|signer| replica.demand(signer, 5 + signer as u64));
        assert_eq!(replica.asks_for_view(), None, "{n} replicas, f demands");
        replica.demand(weak - 1, 9);
        assert_eq!(replica.asks_for_view(), Some(if weak == 1 { 9 } else { 5 }), "{n} replicas, f + 1 demands");
    }
}

/// V3, pitfall 12: the NewView timer starts at q demands.
#[test]
fn a_replica_goes_on_to_the_next_view_only_after_q_demands_and_a_timeout() {
    let mut replica = Alone::new(4, 3);
    replica.demand(0, 1);
    replica.demand(2, 1);
    assert_eq!(replica.asks_for_view(), Some(1), "three of four, itself among them");
    let mut lonely = Alone::new(7, 6);
    lonely.demand(0, 1);
    lonely.demand(2, 1);
    lonely.demand(3, 1);
    assert_eq!(lonely.asks_for_view(), Some(1), "four of seven");
    for _ in 0..100 {
        replica.tick(100);
        lonely.tick(100);
    }
    assert!(replica.asks_for_view() > Some(1), "no NewView came in time");
    assert_eq!(lonely.asks_for_view(), Some(1), "q − 1 ask for it");
}

/// V2, pitfall 13.
#[test]
fn the_timeout_doubles_up_to_its_cap() {
    let mut replica = Alone::new(4, 3);
    let mut timeouts = Vec::new();
    for view in 1..9 {
        replica.demand(0, view);
        replica.demand(2, view);
        let asked = replica.replica.view();
        for _ in 0..400 {
            if replica.replica.view() == asked {
                replica.tick(100);
            }
        }
        timeouts.push(replica.replica.report().timeout_ms);
    }
    let constants = Constants::default();
    let doubled = |of: u64| (2 * of).min(constants.timeout_cap_ms);
    assert!(timeouts.windows(2).all(|pair| pair[1] == pair[0] || pair[1] == doubled(pair[0])), "{timeouts:?}");
    assert!(timeouts[0] < timeouts[3], "{timeouts:?}");
    assert_eq!(timeouts.last(), Some(&constants.timeout_cap_ms));
}

/// V6, §4.4: nothing is accepted before the NewView.
#[test]
fn a_replica_that_changes_view_accepts_no_proposal_and_still_acknowledges_bundles() {
    let mut replica = Alone::new(4, 3);
    replica.demand(0, 1);
    replica.demand(2, 1);
    replica.effects.clear();
    replica.propose(0, 0, 1, &empty(1_000));
    replica.propose(1, 1, 1, &empty(1_000));
    assert_eq!(replica.said(Kind::Prepare), []);
    replica.hear(1, Message::Bundle(bundle(1, Tip::default(), 0, envelope("a"))));
    assert!(!replica.said(Kind::Ack).is_empty());
}

/// §4.4, N8: decisions are accepted in any mode.
#[test]
fn a_replica_that_changes_view_takes_in_decisions() {
    let mut replica = Alone::new(4, 3);
    replica.demand(0, 1);
    replica.demand(2, 1);
    replica.decide(1, &empty(1_000));
    replica.execute();
    assert_eq!(replica.replica.executed_point().seq.get(), 1);
}

/// Pitfall 9.
#[test]
fn a_restart_goes_on_asking_for_the_view_that_was_asked_for() {
    let mut replica = Alone::new(4, 3);
    replica.demand(0, 1);
    replica.demand(2, 1);
    let demand = replica.said(Kind::ViewChange);
    replica.restart();
    assert_eq!(replica.asks_for_view(), Some(1));
    replica.tick(1_000);
    assert_eq!(replica.replica.view(), View::new(1));
    assert!(replica.said(Kind::ViewChange).iter().all(|said| *said == demand[0]), "as it was signed");
}

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
    let halves = replica.sent().filter(|message| matches!(message, Message::Half(_))).count();
    assert_eq!(halves, 32);
}

/// E2: two PrePrepares meet inside Prepares.
#[test]
fn the_other_pre_prepare_inside_a_prepare_is_evidence() {
    let mut replica = Alone::new(4, 3);
    replica.propose(0, 0, 1, &empty(1_000));
    replica.prepare(2, 0, 1, empty(1_001).digest());
    assert!(replica.effects.iter().any(|effect| matches!(effect, Effect::Accuse(of) if of.key().signer == id(0))));
}

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

/// T3: an idle group ticks for a deadline.
#[test]
fn an_idle_primary_proposes_an_empty_slot_when_a_deadline_has_come() {
    let mut primary = Alone::new(4, 0);
    primary.step(Input::Deadline(Some(quorate_pbft::Time::new(WALL + primary.now + 500))));
    primary.tick(400);
    assert_eq!(primary.said(Kind::PrePrepare), []);
    primary.tick(100);
    assert_eq!(primary.said(Kind::PrePrepare).len(), 1);
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

/// E4: conflicting certificates of one view name f + 1 replicas, with proof.
#[test]
fn two_conflicting_certificates_of_one_view_prove_the_fault_of_f_plus_one() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let (committee, q) = (committee(n), committee(n).quorum());
        let first: Vec<usize> = (0..q).collect();
        let last: Vec<usize> = (n - q..n).collect();
        let check = |digest: u8, signers: &[usize]| {
            let claimed = certificate(Kind::Commit, 3, 7, Digest([digest; 32]), signers);
            committee.check(claimed, &cluster::HashVerify).expect("a quorum")
        };
        let culprits = Evidence::between(&check(1, &first), &check(2, &last), committee.group());
        assert!(culprits.len() >= committee.weak(), "{n} replicas");
        let constants = Constants::default();
        let context = cluster::context(&committee, &constants);
        assert!(culprits.iter().all(|evidence| evidence.is_valid(&context)));
        assert!(Evidence::between(&check(1, &first), &check(1, &last), committee.group()).is_empty());
    }
}

/// V1 a, pitfall 35: progress of others does not hide that one lane is starved.
#[test]
fn a_starved_lane_asks_for_another_primary_although_other_slots_are_decided() {
    let mut backup = Alone::new(4, 3);
    let tip = bundle(1, Tip::default(), 0, envelope("starved")).header.tip();
    backup.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, tip.digest, &[0, 1, 2])));
    for seq in 1..=9 {
        backup.tick(100);
        backup.decide(seq, &empty(1_000 + seq));
        backup.execute();
    }
    assert_eq!(backup.asks_for_view(), None, "before the base time-out");
    let told = backup.sent_to(0).into_iter().any(|message| matches!(message, Message::LaneCert(_)));
    assert!(told, "the primary is told before it is blamed");
    backup.tick(110);
    assert_eq!(backup.asks_for_view(), Some(1));
}

/// V1 a: a committed cut that advances the lane starts its timer anew.
#[test]
fn a_lane_that_is_cut_in_time_asks_for_nothing() {
    let mut backup = Alone::new(4, 3);
    let tip = bundle(1, Tip::default(), 0, envelope("cut")).header.tip();
    backup.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, tip.digest, &[0, 1, 2])));
    backup.tick(900);
    backup.decide(1, &Content { cut: vec![(id(1), tip)], mark: true, ..empty(1_000) });
    for _ in 0..30 {
        backup.tick(100);
    }
    assert_eq!(backup.asks_for_view(), None, "it waits for data, which blames nobody");
}

/// V1 b.
#[test]
fn a_proposed_slot_that_is_not_decided_asks_for_another_primary() {
    let mut backup = Alone::new(4, 3);
    backup.propose(0, 0, 1, &empty(1_000));
    backup.tick(990);
    assert_eq!(backup.asks_for_view(), None);
    backup.tick(20);
    assert_eq!(backup.asks_for_view(), Some(1));
}

/// V1 c: a decided slot wants a checkpoint slot above it.
#[test]
fn a_primary_that_never_marks_is_replaced() {
    let mut backup = Alone::new(4, 3);
    backup.decide(1, &empty(1_000));
    backup.execute();
    backup.tick(1_100);
    assert_eq!(backup.asks_for_view(), None);
    backup.tick(110);
    assert_eq!(backup.asks_for_view(), Some(1));
}

/// Pitfall 36: an innocent new primary has its whole time.
#[test]
fn an_idle_replica_asks_for_nothing() {
    let mut backup = Alone::new(4, 3);
    for _ in 0..100 {
        backup.tick(1_000);
    }
    assert_eq!(backup.asks_for_view(), None);
}
