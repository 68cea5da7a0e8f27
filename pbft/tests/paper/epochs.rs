//! Epochs (M3) and what a replica can still serve (S1).

use super::*;
use std::sync::Arc;

fn next_epoch(n: usize) -> Committee {
    let members = (0..n).map(cluster::key).collect();
    Committee::new(Digest([7; 32]), Epoch::new(1), members).expect("distinct keys")
}

/// M3: the same members under the same keys, and yet their words are of another epoch.
#[test]
fn a_message_that_was_verified_in_another_epoch_is_refused() {
    let mut replica = Alone::new(4, 3);
    let (committee, constants) = (next_epoch(4), Constants::default());
    let mut statement = say(1, Kind::Commit, 0, 1, Digest([1; 32])).statement;
    statement.epoch = Epoch::new(1);
    let signed = statement.sign(cluster::id(1), &cluster::HashSigner(cluster::key(1)));
    let verified = Unverified::new(cluster::id(1), Message::Commit(signed));
    let verified = verified.verify(&cluster::context(&committee, &constants)).expect("good in epoch 1");
    assert_eq!(verified.epoch(), Epoch::new(1));
    replica.effects.clear();
    replica.step(Input::Message(verified));
    assert!(matches!(replica.refused()[..], [Rejected::OtherEpoch { theirs, .. }] if *theirs == Epoch::new(1)));
}

#[test]
fn a_question_of_another_epoch_is_refused() {
    let replica = Alone::new(4, 3);
    let question = Question { epoch: Epoch::new(1), wanted: Wanted::StableCheckpoint };
    let refused = replica.verify(1, Message::Ask(question)).expect_err("another epoch");
    assert_eq!(refused, Invalid::Epoch(Epoch::new(1)));
}

#[test]
fn a_certificate_of_another_epoch_proves_nothing() {
    let claimed = certificate(Kind::Commit, 0, 1, Digest([1; 32]), &[0, 1, 2]);
    assert!(committee(4).check(claimed.clone(), &cluster::HashVerify).is_ok());
    let refused = next_epoch(4).check(claimed, &cluster::HashVerify);
    assert_eq!(refused, Err(CertError::Epoch(Epoch::new(0))));
}

/// C2, M3: the executor says who votes after the slot.
#[test]
fn a_checkpoint_names_the_members_after_its_slot_also_after_a_restart() {
    let mut replica = Alone::new(4, 3);
    let marked = Content { mark: true, ..empty(1_000) };
    replica.decide(1, &marked);
    let decided = replica.effects.iter().find_map(|effect| match effect {
        Effect::Execute(decided) => Some(decided.clone()),
        _ => None,
    });
    let decided = decided.expect("handed out");
    let (seq, state_root, members_after) = (decided.seq, Digest([66; 32]), next_epoch(5).digest());
    let next = Some(Arc::new(next_epoch(5).after(seq)));
    let executed = Executed { seq, state_root, members_after, recorded: Vec::new(), deadline: None, next };
    replica.disk.execute(&decided, &executed);
    replica.step(Input::Executed(executed));
    let digest = checkpoint_digest(&Digest::ZERO, &state_root, &members_after);
    assert_eq!(replica.said(Kind::Checkpoint), [(0, 1, digest)]);
    replica.restart();
    let certified = certificate(Kind::Checkpoint, 0, 1, digest, &[0, 1, 2]);
    replica.hear(0, Message::StableCheckpoint(certified));
    assert_eq!((replica.replica.stable().map(|stable| stable.seq().get()), replica.broken()), (Some(1), vec![]));
}

fn says(replica: &mut Alone, peer: usize, counter: u64, executed: u64, oldest: u64) {
    let body = StatusBody { oldest: SeqNum::new(oldest), ..cluster::alone::status(Vec::new(), executed) };
    let statement = say(peer, Kind::Status, 0, counter, body.digest());
    replica.hear(peer, Message::Status { statement, body });
}

/// S1.
#[test]
fn a_peer_is_not_asked_for_a_slot_below_its_oldest() {
    let mut replica = Alone::new(4, 3);
    says(&mut replica, 0, 1, 9, 2);
    says(&mut replica, 1, 1, 9, 1);
    says(&mut replica, 2, 1, 9, 5);
    for _ in 0..20 {
        replica.tick(500);
    }
    let asks = |message: &&Message| matches!(message, Message::Ask(Question { wanted: Wanted::Slots { .. }, .. }));
    let asked = |peer: usize| replica.sent_to(peer).iter().filter(|message| asks(message)).count();
    assert_eq!((asked(0), asked(2)), (0, 0));
    assert!(asked(1) > 0);
    assert_eq!(replica.replica.report().unserved, None);
}

/// S1: f + 1 say it, for one alone may lie.
#[test]
fn a_next_slot_that_nobody_heard_serves_is_reported() {
    let mut replica = Alone::new(4, 3);
    says(&mut replica, 0, 1, 9, 2);
    assert_eq!(replica.replica.report().unserved, None);
    says(&mut replica, 1, 1, 9, 5);
    assert_eq!(replica.replica.report().unserved, Some(SeqNum::new(1)));
    says(&mut replica, 2, 1, 9, 1);
    assert_eq!(replica.replica.report().unserved, None);
}

/// S1: its status says so, and a question for less is not answered.
#[test]
fn a_replica_says_from_which_slot_on_it_serves() {
    let mut replica = Alone::new(4, 3);
    for seq in 1..=4 {
        replica.decide(seq, &empty(1_000 + seq));
        replica.execute();
    }
    let recovered = Recovered { oldest: SeqNum::new(3), ..replica.disk.recovered() };
    replica.replica = Replica::recover(cluster::config(4, 3, 77, &Constants::default()), recovered);
    replica.effects.clear();
    replica.tick(1_000);
    let said = replica.sent().find_map(|message| match message {
        Message::Status { body, .. } => Some(body.oldest.get()),
        _ => None,
    });
    assert_eq!(said, Some(3));
    for (from, answers) in [(2, 0), (3, 2)] {
        replica.effects.clear();
        replica.hear(1, ask(Wanted::Slots { from: SeqNum::new(from), to: SeqNum::new(4) }));
        assert_eq!(replica.sent_to(1).len(), answers, "from {from}");
    }
}
