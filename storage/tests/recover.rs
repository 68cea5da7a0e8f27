//! A start finds what it left: [`Recovered`] as its documentation says.

mod world;

use quorate_ledger::StoreError;
use quorate_pbft::{Content, Epoch, Kind, Position, Record, Recovered, ReplicaId, SeqNum, Signed, Time, View};
use quorate_storage::Db;
use quorate_storage::faulty::Disk;
use std::sync::Arc;
use world::{
    EPOCH, cert, content, damage, db, digest, executed, garble, lane_cert, lose, mark_bundle, mark_slot, of_lane,
    of_slot, own, said, store, tip_of,
};

fn recover(db: &Db, seq: u64, tips: &[u64]) -> Recovered {
    db.snapshot().unwrap().recover(executed(seq, tips)).unwrap()
}

fn places(statements: &[Signed]) -> Vec<(Kind, u64, u64)> {
    statements.iter().map(|said| (said.statement.kind, said.statement.view.get(), said.statement.seq.get())).collect()
}

#[test]
fn a_new_disk_remembers_nothing() {
    assert_eq!(recover(&db(), 0, &[]), Recovered { oldest: SeqNum::new(1), ..Recovered::default() });
}

#[test]
fn the_execution_point_is_the_ledgers() {
    let point = executed(7, &[1, 2, 3, 4]);

    assert_eq!(db().snapshot().unwrap().recover(point.clone()).unwrap().executed, point);
}

#[test]
fn everything_of_a_slot_comes_back_as_it_went_in() {
    let db = db();
    store(&db, &mark_slot(1, 0, 1));
    let bundle = mark_bundle(0, 1);
    let chosen = content(&[(0, tip_of(&bundle))], 1);

    let found = recover(&db, 0, &[0, 0, 0, 0]);

    let (digest, tip) = (chosen.digest(), tip_of(&bundle).digest);
    let kinds = [Kind::PrePrepare, Kind::Prepare, Kind::Commit].map(|kind| said(0, kind, 0, 1, digest));
    let mut statements = vec![said(0, Kind::Bundle, 0, 1, tip), said(0, Kind::Ack, 0, 1, tip)];
    statements.extend(kinds);
    assert_eq!(found.statements, statements);
    assert_eq!(found.bundles, [Arc::new(bundle.clone())]);
    assert_eq!(found.lane_certs, [lane_cert(&bundle).claim().clone()]);
    let [slot] = &found.slots[..] else { panic!("one slot: {:?}", found.slots) };
    assert_eq!(slot.accepted, [(kinds[0], chosen.clone())]);
    assert_eq!(slot.prepared.as_ref(), Some(cert(Kind::Prepare, 0, 1, digest).claim()));
    assert_eq!(slot.committed, Some((cert(Kind::Commit, 0, 1, digest).claim().clone(), chosen)));
}

#[test]
fn executed_bundles_and_certificates_and_slots_below_the_stable_checkpoint_stay_behind() {
    let db = db();
    (1..=5).for_each(|seq| store(&db, &mark_slot(seq, 2, seq)));
    store(&db, &[Record::Stable(cert(Kind::Checkpoint, 0, 2, digest("state")))]);

    let found = recover(&db, 3, &[0, 0, 3, 0]);

    assert_eq!(found.slots.iter().map(|slot| slot.seq.get()).collect::<Vec<_>>(), [3, 4, 5], "V4");
    assert_eq!(found.bundles.iter().map(|bundle| bundle.header.position.get()).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(found.lane_certs.iter().map(|cert| cert.seq.get()).collect::<Vec<_>>(), [4, 5]);
}

#[test]
fn the_newest_stable_checkpoint_is_told_whatever_is_executed() {
    let db = db();
    let newest = || db.snapshot().unwrap().newest_stable().unwrap();
    assert_eq!(newest(), None);
    for seq in [8, 16, 12] {
        store(&db, &[Record::Stable(cert(Kind::Checkpoint, 0, seq, digest("state")))]);
    }
    assert_eq!(newest(), Some(SeqNum::new(16)));
}

#[test]
fn votes_come_back_above_the_stable_checkpoint_and_acks_above_the_executed_tips() {
    let db = db();
    (1..=5).for_each(|seq| store(&db, &mark_slot(seq, 2, seq)));
    store(&db, &[own(Kind::Checkpoint, 0, 2, digest("2")), own(Kind::Checkpoint, 0, 4, digest("4"))]);
    store(&db, &[Record::Stable(cert(Kind::Checkpoint, 0, 2, digest("2")))]);

    let found = recover(&db, 4, &[0, 0, 4, 0]);

    let mut expected = vec![(Kind::Ack, 2, 5)];
    for kind in [Kind::PrePrepare, Kind::Prepare, Kind::Commit] {
        expected.extend((3..=5).map(|seq| (kind, 0, seq)));
    }
    expected.push((Kind::Checkpoint, 0, 4));
    assert_eq!(places(&found.statements), expected);
    assert_eq!(found.stable.unwrap().seq, SeqNum::new(2));
}

/// C2: a stable checkpoint that is not executed does not move `low`, and votes above `low` must not be forgotten.
#[test]
fn a_stable_checkpoint_ahead_of_execution_hides_no_vote() {
    let db = db();
    (1..=5).for_each(|seq| store(&db, &mark_slot(seq, 2, seq)));
    store(&db, &[2, 4].map(|seq| Record::Stable(cert(Kind::Checkpoint, 0, seq, digest("state")))));

    let found = recover(&db, 3, &[0, 0, 3, 0]);

    assert!(places(&found.statements).contains(&(Kind::Prepare, 0, 3)));
    assert_eq!(found.slots.iter().map(|slot| slot.seq.get()).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(found.stable.unwrap().seq, SeqNum::new(2));
}

#[test]
fn the_newest_of_each_kind_and_lane_comes_back_however_old() {
    let db = db();
    for seq in 1..=3 {
        let kinds = [Kind::Bundle, Kind::PrePrepare, Kind::Prepare, Kind::Commit, Kind::Checkpoint];
        store(&db, &kinds.map(|kind| own(kind, 0, seq, digest("a"))));
        store(&db, &[1, 3].map(|lane| own(Kind::Ack, lane, seq, digest("a"))));
        store(&db, &[own(Kind::ViewChange, seq, 0, digest("a")), own(Kind::NewView, seq, 0, digest("a"))]);
    }
    store(&db, &[Record::Stable(cert(Kind::Checkpoint, 0, 90, digest("state")))]);

    let found = recover(&db, 100, &[9, 9, 9, 9]);

    let newest = [
        (Kind::Bundle, 0, 3),
        (Kind::Ack, 1, 3),
        (Kind::Ack, 3, 3),
        (Kind::PrePrepare, 0, 3),
        (Kind::Prepare, 0, 3),
        (Kind::Commit, 0, 3),
        (Kind::Checkpoint, 0, 3),
        (Kind::ViewChange, 3, 0),
        (Kind::NewView, 3, 0),
    ];
    assert_eq!(places(&found.statements), newest);
}

#[test]
fn votes_of_every_view_come_back() {
    let db = db();
    store(&db, &[0, 3, 7].map(|view| own(Kind::Prepare, view, 5, digest("a"))));

    let found = recover(&db, 0, &[]);

    assert_eq!(places(&found.statements), [(Kind::Prepare, 0, 5), (Kind::Prepare, 3, 5), (Kind::Prepare, 7, 5)]);
}

#[test]
fn a_slot_shows_what_each_view_proposed_and_the_prepared_certificate_of_the_highest() {
    let db = db();
    let proposal = |view: u64, content: Content| Record::Accepted {
        pre_prepare: said(view as u16, Kind::PrePrepare, view, 5, content.digest()),
        content,
    };
    store(&db, &[proposal(1, content(&[], 10)), proposal(0, content(&[], 9))]);
    store(&db, &[1, 0].map(|view| Record::Prepared(cert(Kind::Prepare, view, 5, digest("a")))));

    let slot = recover(&db, 0, &[]).slots.remove(0);

    let views: Vec<u64> = slot.accepted.iter().map(|(pre_prepare, _)| pre_prepare.statement.view.get()).collect();
    assert_eq!((views, slot.prepared.unwrap().view), (vec![0, 1], View::new(1)));
}

/// An owner that forks its lane: what was acknowledged stays beside what became certified.
#[test]
fn two_bundles_at_one_place_both_come_back() {
    let db = db();
    let acknowledged = Arc::new(world::bundle(1, 4, vec![world::read_mark("acknowledged")]));
    let certified = Arc::new(mark_bundle(1, 4));
    for bundle in [&acknowledged, &certified, &acknowledged, &certified] {
        store(&db, &[Record::Bundle(bundle.clone())]);
    }
    store(&db, &[Record::Bundle(Arc::new(mark_bundle(1, 5)))]);

    assert_eq!(recover(&db, 0, &[]).bundles, [acknowledged, certified, Arc::new(mark_bundle(1, 5))]);
    assert_eq!(recover(&db, 0, &[0, 4]).bundles, [Arc::new(mark_bundle(1, 5))]);
}

/// L7: what an older epoch did not execute is void; the own newest word stays known.
#[test]
fn a_later_epoch_leaves_the_bundles_of_the_one_before() {
    let db = db();
    store(&db, &mark_slot(1, 0, 1));
    store(&db, &[Record::View { epoch: EPOCH.next(), view: View::new(0), changing: false }]);

    let found = recover(&db, 0, &[0, 0, 0, 0]);

    assert_eq!((found.epoch, found.bundles.len(), found.lane_certs.len()), (Epoch::new(1), 0, 0));
    assert!(places(&found.statements).contains(&(Kind::Prepare, 0, 1)));
}

/// Seeks and short ranges: the pages that a cold start reads do not grow with what is stored below.
#[test]
fn a_start_reads_few_pages_of_a_long_history() {
    let reads = |slots: u64| {
        let disk = Disk::new();
        let db = Db::on(&disk).unwrap();
        let one = |seq| [Kind::Prepare, Kind::Commit].map(|kind| own(kind, 0, seq, digest("a")));
        store(&db, &(1..=slots).flat_map(one).collect::<Vec<_>>());
        store(&db, &[Record::Stable(cert(Kind::Checkpoint, 0, slots - 9, digest("a")))]);
        drop(db);
        let db = Db::on(&disk).unwrap();
        let before = disk.reads();
        assert_eq!(recover(&db, slots, &[]).statements.len(), 18);
        disk.reads() - before
    };

    assert!(reads(10_000) <= reads(20) + 20, "{} pages, {} for a short history", reads(10_000), reads(20));
}

#[test]
fn bundles_of_lanes_that_execution_does_not_know_come_back_whole() {
    let db = db();
    store(&db, &[Record::Bundle(Arc::new(mark_bundle(3, 1))), Record::Bundle(Arc::new(mark_bundle(1, 2)))]);

    let found = recover(&db, 0, &[]);

    let lanes = found.bundles.iter().map(|bundle| (bundle.header.lane, bundle.header.position));
    let expected = [(ReplicaId::new(1), Position::new(2)), (ReplicaId::new(3), Position::new(1))];
    assert_eq!(lanes.collect::<Vec<_>>(), expected);
}

/// Ten slots of the first lane, the last eight below a stable checkpoint.
fn folded() -> tempfile::TempDir {
    let slots = (1..=10).flat_map(|seq| mark_slot(seq, 0, seq));
    let stable = Record::Stable(cert(Kind::Checkpoint, 0, 8, digest("state")));
    world::folded(&slots.chain([stable]).collect::<Vec<_>>())
}

fn recovered(folder: &tempfile::TempDir) -> Result<Recovered, StoreError> {
    Db::open(folder.path()).unwrap().snapshot().unwrap().recover(executed(10, &[10, 0, 0, 0]))
}

/// Others ask for it in vain, and ask others (E7).
#[test]
fn a_decision_below_the_stable_checkpoint_that_is_damaged_ends_no_start() {
    for change in [lose, garble] {
        for seq in [1, 5] {
            let folder = folded();
            let whole = recovered(&folder).unwrap();
            damage(folder.path(), "committed", &of_slot(seq), change);

            let found = recovered(&folder).unwrap();

            assert_eq!(found.certificates.len(), whole.certificates.len() - 1);
            assert_eq!((found.oldest, found.slots), (whole.oldest, whole.slots));
        }
    }
}

#[test]
fn the_newest_bundle_of_a_lane_that_is_executed_and_damaged_ends_no_start() {
    let folder = folded();
    damage(folder.path(), "bundles", &of_lane(0, 10), lose);

    assert_eq!(recovered(&folder).unwrap().headers, []);
}

/// A view change reports it (V4).
#[test]
fn a_decision_above_the_stable_checkpoint_that_is_damaged_ends_the_start() {
    let folder = folded();
    damage(folder.path(), "committed", &of_slot(9), garble);

    assert!(recovered(&folder).is_err());
}

/// The number of a damaged row is left, by which it goes.
#[test]
fn a_row_of_the_queue_that_is_damaged_has_no_envelope() {
    for change in [lose, garble] {
        let folder = world::folded(&[]);
        let db = Db::open(folder.path()).unwrap();
        let mut batch = db.begin().unwrap();
        (1..=2).for_each(|number| batch.queue(number, Time::new(5), b"an envelope"));
        batch.commit().and_then(|()| db.fold()).unwrap();
        drop(db);
        damage(folder.path(), "queue", &1_u64.to_be_bytes(), change);

        let queue = Db::open(folder.path()).unwrap().snapshot().unwrap().queue().unwrap();

        let found = queue.iter().map(|row| (row.number, &row.envelope[..]));
        assert_eq!(found.collect::<Vec<_>>(), [(1, &b""[..]), (2, b"an envelope")]);
    }
}

/// S1: whoever pruned decided slots says from where on it can hand them out.
#[test]
fn the_oldest_decided_slot_is_known_at_start() {
    let db = db();
    assert_eq!(recover(&db, 4, &[]).oldest, SeqNum::new(5), "it has none");
    (3..=5).for_each(|seq| store(&db, &mark_slot(seq, 1, seq)));
    assert_eq!(recover(&db, 5, &[]).oldest, SeqNum::new(3));
    assert_eq!(recover(&db, 1, &[]).oldest, SeqNum::new(2), "what is above execution leaves a gap");
}
