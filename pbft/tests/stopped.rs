//! Why a replica takes no part any more stays with it (N4, C3, E4, E7).

mod cluster;

use cluster::alone::{Alone, certificate, empty, say};
use cluster::{committee, context};
use quorate_pbft::{Broken, Constants, Content, Digest, Effect, Kind, Message, Record, SeqNum, checkpoint_digest};

fn decided(alone: &mut Alone, from: usize, content: &Content, signers: &[usize]) {
    let certificate = certificate(Kind::Commit, 0, 1, content.digest(), signers);
    alone.hear(from, Message::Decided { certificate, content: content.clone() });
}

/// A replica that saw two decisions for slot 1.
fn broken() -> Alone {
    let mut alone = Alone::new(7, 6);
    decided(&mut alone, 1, &empty(1), &[0, 1, 2, 3, 4]);
    decided(&mut alone, 2, &empty(2), &[1, 2, 3, 4, 5]);
    assert!(matches!(alone.broken()[..], [Broken::TwoCommits { .. }]));
    alone
}

/// N4.
#[test]
fn a_replica_that_stopped_says_why_after_a_restart_and_takes_no_part() {
    let mut alone = broken();
    alone.restart();
    assert!(matches!(alone.replica.report().broken, Some(Broken::TwoCommits { .. })));
    alone.tick(60_000);
    alone.propose(0, 0, 2, &empty(3));
    assert_eq!(alone.sent().count(), 0);
}

/// C3.
#[test]
fn a_replica_that_diverged_does_not_vote_after_a_restart() {
    let mut alone = Alone::new(4, 3);
    let marked = Content { mark: true, ..empty(1) };
    alone.decide(1, &marked);
    alone.execute();
    let theirs = certificate(Kind::Checkpoint, 0, 1, Digest([9; 32]), &[0, 1, 2]);
    alone.hear(0, Message::StableCheckpoint(theirs));
    assert!(matches!(alone.broken()[..], [Broken::Diverged { .. }]));
    alone.restart();
    alone.propose(0, 0, 2, &empty(2));
    alone.tick(60_000);
    assert!(matches!(alone.replica.report().broken, Some(Broken::Diverged { .. })));
    assert_eq!(alone.said(Kind::Prepare), []);
}

/// E4: the certificate that broke a replica is on its disk; one store is enough to name the guilty.
#[test]
fn who_saw_two_decisions_can_show_who_lied() {
    let alone = broken();
    let (committee, constants) = (committee(7), Constants::default());
    let findings = alone.disk.remains().investigate(&context(&committee, &constants));
    let culprits: Vec<usize> = findings.culprits().iter().map(|id| id.index()).collect();
    assert_eq!(culprits, [1, 2, 3, 4]);
}

/// E4, L3.
#[test]
fn who_saw_two_certified_bundles_at_one_position_can_show_who_lied() {
    let mut alone = Alone::new(7, 6);
    for (byte, signers) in [(1, [0, 1, 2, 3, 4]), (2, [1, 2, 3, 4, 5])] {
        alone.hear(1, Message::LaneCert(certificate(Kind::Ack, 3, 1, Digest([byte; 32]), &signers)));
    }
    assert!(matches!(alone.broken()[..], [Broken::LaneFork { .. }]));
    let (committee, constants) = (committee(7), Constants::default());
    let findings = alone.disk.remains().investigate(&context(&committee, &constants));
    let culprits: Vec<usize> = findings.culprits().iter().map(|id| id.index()).collect();
    assert_eq!(culprits, [1, 2, 3, 4]);
}

/// E7: what makes a follower is on its disk by itself.
#[test]
fn a_follower_is_one_by_a_record_of_its_own() {
    let mut alone = Alone::new(4, 0);
    let lost = say(0, Kind::Prepare, 0, 3, Digest([5; 32]));
    alone.hear(1, Message::Contradiction(lost));
    let mark = |effect: &Effect| matches!(effect, Effect::Persist(Record::Broken(Broken::OlderThanPromises(of))) if *of == lost);
    assert!(alone.effects.iter().any(mark));
    alone.restart();
    alone.propose(0, 0, 1, &empty(1));
    assert!(alone.replica.report().following);
    assert_eq!(alone.said(Kind::Prepare), []);
}

/// C2, C3: one's own state among the certified ones changes nothing.
#[test]
fn a_replica_whose_state_is_the_certified_one_goes_on() {
    let mut alone = Alone::new(4, 3);
    let marked = Content { mark: true, ..empty(1) };
    alone.decide(1, &marked);
    alone.execute();
    let point = alone.replica.executed_point();
    let digest = checkpoint_digest(&point.lane_hash, &point.state_root, &committee(4).digest());
    alone.hear(0, Message::StableCheckpoint(certificate(Kind::Checkpoint, 0, 1, digest, &[0, 1, 2])));
    assert_eq!((alone.broken().len(), alone.replica.report().stable), (0, SeqNum::new(1)));
}
