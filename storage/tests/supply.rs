//! Answers to peers from the store: complete, within bounds (N9).

mod world;

use quorate_pbft::{
    Digest, Ed25519, Item, ItemKind, Kind, Message, Position, Question, Record, ReplicaId, SeqNum, Wanted,
};
use quorate_storage::{Db, SupplyLimits};
use std::sync::Arc;
use world::{
    EPOCH, cert, committee, content, damage, db, digest, garble, lane_cert, lose, mark_bundle, mark_slot, of_lane,
    of_slot, said, store, tip_of,
};

fn supply(db: &Db, wanted: &Wanted) -> Vec<Message> {
    supply_within(db, wanted, SupplyLimits::default())
}

fn supply_within(db: &Db, wanted: &Wanted, limits: SupplyLimits) -> Vec<Message> {
    let question = Question { epoch: EPOCH, wanted: wanted.clone() };
    db.snapshot().unwrap().supply(&question, limits).unwrap()
}

fn slots(from: u64, to: u64) -> Wanted {
    Wanted::Slots { from: SeqNum::new(from), to: SeqNum::new(to) }
}

fn bundles(from: u64, to: u64) -> Wanted {
    Wanted::Bundles { lane: ReplicaId::new(1), from: Position::new(from), to: Position::new(to) }
}

/// Four slots, each with a bundle of lane 1.
fn history() -> Db {
    let db = db();
    (1..=4).for_each(|seq| store(&db, &mark_slot(seq, 1, seq)));
    db
}

#[test]
fn nothing_stored_nothing_supplied() {
    for wanted in [slots(1, 9), bundles(1, 9), Wanted::StableCheckpoint] {
        assert_eq!(supply(&db(), &wanted), []);
    }
}

#[test]
fn decided_slots_come_in_order_each_after_the_certificates_of_its_tips() {
    let answer = supply(&history(), &slots(2, 3));

    let mut expected = Vec::new();
    for seq in [2, 3] {
        let bundle = mark_bundle(1, seq);
        let content = content(&[(1, tip_of(&bundle))], seq);
        let certificate = cert(Kind::Commit, 0, seq, content.digest()).claim().clone();
        expected.push(Message::LaneCert(lane_cert(&bundle).claim().clone()));
        expected.push(Message::Decided { certificate, content });
    }
    assert_eq!(answer, expected);
}

#[test]
fn a_tip_that_slots_repeat_is_certified_once() {
    let db = history();
    let again = content(&[(1, tip_of(&mark_bundle(1, 4)))], 9);
    store(&db, &[Record::Committed { certificate: cert(Kind::Commit, 0, 5, again.digest()), content: again }]);

    let answer = supply(&db, &slots(4, 5));

    assert_eq!(answer.iter().filter(|message| matches!(message, Message::LaneCert(_))).count(), 1);
}

/// Each names the one below it, so whoever knows the digest of the highest can check them as they come.
#[test]
fn bundles_come_whole_and_from_the_highest_down() {
    let expected = [3, 2].map(|position| Message::Bundle(Arc::new(mark_bundle(1, position))));

    assert_eq!(supply(&history(), &bundles(2, 3)), expected);
}

#[test]
fn a_content_comes_with_all_certificates_of_its_tips() {
    let bundle = mark_bundle(1, 3);
    let wanted = content(&[(1, tip_of(&bundle))], 3);

    let answer = supply(&history(), &Wanted::Content { seq: SeqNum::new(3), digest: wanted.digest() });

    let certificates = vec![lane_cert(&bundle).claim().clone()];
    assert_eq!(answer, [Message::Content { content: wanted, certificates }]);
}

#[test]
fn an_accepted_content_that_is_not_decided_comes_too() {
    let db = db();
    let proposed = content(&[], 5);
    let pre_prepare = said(0, Kind::PrePrepare, 0, 5, proposed.digest());
    store(&db, &[Record::Accepted { pre_prepare, content: proposed.clone() }]);

    let answer = supply(&db, &Wanted::Content { seq: SeqNum::new(5), digest: proposed.digest() });

    assert_eq!(answer, [Message::Content { content: proposed, certificates: vec![] }]);
}

#[test]
fn an_accepted_content_comes_with_the_certificates_that_are_here() {
    let db = db();
    let tips = [1, 2].map(|lane| (lane, tip_of(&mark_bundle(lane, 3))));
    let proposed = content(&tips, 5);
    let pre_prepare = said(0, Kind::PrePrepare, 0, 5, proposed.digest());
    let accepted = Record::Accepted { pre_prepare, content: proposed.clone() };
    store(&db, &[accepted, Record::LaneCert(lane_cert(&mark_bundle(2, 3)))]);

    let answer = supply(&db, &Wanted::Content { seq: SeqNum::new(5), digest: proposed.digest() });

    let certificates = vec![lane_cert(&mark_bundle(2, 3)).claim().clone()];
    assert_eq!(answer, [Message::Content { content: proposed, certificates }]);
}

#[test]
fn a_content_without_its_certificates_comes_as_the_decided_slot() {
    let db = db();
    let decided = content(&[(1, tip_of(&mark_bundle(1, 3)))], 3);
    let certificate = cert(Kind::Commit, 0, 3, decided.digest());
    store(&db, &[Record::Committed { certificate: certificate.clone(), content: decided.clone() }]);

    let answer = supply(&db, &Wanted::Content { seq: SeqNum::new(3), digest: decided.digest() });

    assert_eq!(answer, [Message::Decided { certificate: certificate.claim().clone(), content: decided }]);
}

#[test]
fn of_a_lane_that_forked_both_bundles_come() {
    let db = history();
    let other = world::bundle(1, 3, vec![world::read_mark("other")]);
    store(&db, &[Record::Bundle(Arc::new(other.clone()))]);

    assert_eq!(supply(&db, &bundles(3, 3)), [other, mark_bundle(1, 3)].map(|bundle| Message::Bundle(Arc::new(bundle))));
}

#[test]
fn a_content_of_another_digest_is_not_supplied() {
    assert_eq!(supply(&history(), &Wanted::Content { seq: SeqNum::new(3), digest: Digest::ZERO }), []);
}

#[test]
fn the_newest_stable_checkpoint_is_the_one_supplied() {
    let db = db();
    store(&db, &[8, 16].map(|seq| Record::Stable(cert(Kind::Checkpoint, 0, seq, digest("state")))));

    let expected = cert(Kind::Checkpoint, 0, 16, digest("state")).claim().clone();
    assert_eq!(supply(&db, &Wanted::StableCheckpoint), [Message::StableCheckpoint(expected)]);
}

#[test]
fn an_answer_stops_at_its_number_of_messages() {
    let limits = SupplyLimits { messages_max: 3, ..SupplyLimits::default() };

    assert_eq!(supply_within(&history(), &slots(1, 4), limits), supply(&history(), &slots(1, 4))[..3]);
}

/// A decided tip vouches for its lane to who votes on nothing.
#[test]
fn slots_without_certificates_of_their_tips_fill_an_answer_by_themselves() {
    let limits = SupplyLimits { messages_max: 3, lane_certificates: false, ..SupplyLimits::default() };

    let answer = supply_within(&history(), &slots(1, 4), limits);

    assert_eq!(answer.iter().filter(|message| matches!(message, Message::Decided { .. })).count(), 3);
}

#[test]
fn an_answer_stops_before_its_number_of_bytes() {
    let limits = SupplyLimits { bytes_max: 700, ..SupplyLimits::default() };

    let answer = supply_within(&history(), &bundles(1, 4), limits);

    let bytes: usize = answer.iter().map(|message| borsh::to_vec(message).unwrap().len()).sum();
    assert!(!answer.is_empty() && answer.len() < 4 && bytes <= 700, "{} messages, {bytes} bytes", answer.len());
}

#[test]
fn one_message_goes_out_whatever_it_weighs() {
    let db = db();
    let large = Item { kind: ItemKind::Envelope, bytes: vec![1; 3 << 20] };
    let heavy = [1, 2].map(|position| Record::Bundle(Arc::new(world::bundle(1, position, vec![large.clone()]))));
    store(&db, &heavy);

    let answer = supply_within(&db, &bundles(1, 2), SupplyLimits { bytes_max: 100, ..SupplyLimits::default() });

    assert_eq!(answer.len(), 1);
}

/// Others have the rest.
#[test]
fn an_answer_ends_before_a_row_that_is_damaged() {
    for change in [lose, garble] {
        let folder = world::folded(&(1..=8).flat_map(|seq| mark_slot(seq, 1, seq)).collect::<Vec<_>>());
        damage(folder.path(), "committed", &of_slot(5), change);
        damage(folder.path(), "bundles", &of_lane(1, 3), change);
        let db = Db::open(folder.path()).unwrap();

        let decided = supply(&db, &slots(1, 8)).into_iter().filter_map(|message| match message {
            Message::Decided { certificate, .. } => Some(certificate.seq.get()),
            _ => None,
        });
        assert_eq!(decided.collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(supply(&db, &bundles(1, 8)).len(), 5);
    }
}

#[test]
fn an_answer_that_a_damaged_row_begins_is_an_error() {
    let folder = world::folded(&mark_slot(1, 1, 1));
    damage(folder.path(), "committed", &of_slot(1), garble);
    let question = Question { epoch: EPOCH, wanted: slots(1, 8) };

    let db = Db::open(folder.path()).unwrap();
    assert!(db.snapshot().unwrap().supply(&question, SupplyLimits::default()).is_err());
}

#[test]
fn what_is_supplied_verifies() {
    let db = history();
    for message in supply(&db, &slots(1, 4)) {
        let claimed = match message {
            Message::LaneCert(claimed) | Message::Decided { certificate: claimed, .. } => claimed,
            other => panic!("{other:?}"),
        };
        committee().check(claimed, &Ed25519).unwrap();
    }
}
