//! Rows that pruning drops and keeps (E1, E5), and how much a read mark leaves.

mod world;

use quorate_pbft::{
    ClaimedCert, Committee, Digest, Ed25519, Kind, Record, Recovered, ReplicaId, SeqNum, Signed, Signer as _,
    Statement, View,
};
use quorate_storage::{Db, PRUNE_ROWS_MAX, PRUNE_SLOTS_MAX, RecordError};
use world::{
    EPOCH, GROUP, cert, content, damage, db, digest, executed, garble, key_of, lose, mark_slot, of_lane, of_slot, own,
    store, try_store,
};

const PERIOD: u64 = 8;

/// Slots 1 to `last`, each with a bundle of one read mark of lane 0, our own; with a checkpoint at every period.
fn history(last: u64) -> Db {
    let db = db();
    let mut batch = db.begin().unwrap();
    for seq in 1..=last {
        mark_slot(seq, 0, seq).iter().for_each(|record| batch.record(record).unwrap());
        if seq % PERIOD == 0 {
            batch.record(&own(Kind::Checkpoint, 0, seq, digest("state"))).unwrap();
            batch.record(&Record::Stable(cert(Kind::Checkpoint, 0, seq, digest("state")))).unwrap();
        }
    }
    batch.commit().unwrap();
    db
}

/// Calls `prune` once, in a batch of its own.
fn prune(db: &Db, stable: u64) -> bool {
    let mut batch = db.begin().unwrap();
    let is_left = batch.prune(SeqNum::new(stable), PERIOD).unwrap();
    batch.commit().unwrap();
    is_left
}

fn prune_all(db: &Db, stable: u64) {
    while prune(db, stable) {}
}

fn rows(db: &Db, table: &str) -> u64 {
    db.fold().unwrap();
    db.stats().unwrap().rows.into_iter().find(|(name, _)| *name == table).unwrap().1
}

/// As if nothing had been executed: everything that is there.
fn all(db: &Db) -> Recovered {
    db.snapshot().unwrap().recover(executed(0, &[])).unwrap()
}

fn lowest(db: &Db, kind: Kind) -> u64 {
    let kinds = all(db).statements.into_iter().filter(|said| said.statement.kind == kind);
    kinds.map(|said| said.statement.seq.get()).min().unwrap()
}

/// Rows that peers alone would have asked for: two decided slots, and the bundle that the sixth names.
#[test]
fn rows_kept_for_peers_that_are_damaged_are_gone_past_and_told() {
    for change in [lose, garble] {
        let folder = world::folded(&(1..=40).flat_map(|seq| mark_slot(seq, 0, seq)).collect::<Vec<_>>());
        [5, 24].into_iter().for_each(|seq| damage(folder.path(), "committed", &of_slot(seq), change));
        damage(folder.path(), "bundles", &of_lane(0, 6), change);
        let db = Db::open(folder.path()).unwrap();

        let mut batch = db.begin().unwrap();
        while batch.prune(SeqNum::new(40), PERIOD).unwrap() {}
        let oldest = batch.prune_slots(SeqNum::new(10), |_| true).unwrap().0;
        assert!(!batch.prune(SeqNum::new(40), PERIOD).unwrap(), "no work is left, beyond both");
        let told = batch.damage().expect("it is noted").to_string();
        batch.commit().unwrap();

        assert_eq!(oldest, SeqNum::new(11));
        assert!(told.contains("decided slot 5"), "{told}");
    }
}

/// A copy of the state begins anywhere; the newest bundle of a lane stays, whatever is in it.
#[test]
fn the_first_slot_and_the_newest_bundle_may_be_damaged() {
    for change in [lose, garble] {
        let folder = world::folded(&(5..=40).flat_map(|seq| mark_slot(seq, 0, seq)).collect::<Vec<_>>());
        damage(folder.path(), "committed", &of_slot(5), change);
        damage(folder.path(), "bundles", &of_lane(0, 40), change);
        let db = Db::open(folder.path()).unwrap();

        let mut batch = db.begin().unwrap();
        while batch.prune(SeqNum::new(40), PERIOD).unwrap() {}

        assert_eq!(batch.prune_slots(SeqNum::new(10), |_| true).unwrap().0, SeqNum::new(11));
    }
}

#[test]
fn own_votes_go_when_a_stable_checkpoint_lies_two_periods_above_them() {
    let db = history(32);
    prune_all(&db, 24);

    for kind in [Kind::PrePrepare, Kind::Prepare, Kind::Commit] {
        assert_eq!(lowest(&db, kind), 9, "{kind:?}");
    }
    assert_eq!(lowest(&db, Kind::Checkpoint), 16);
}

#[test]
fn own_acks_and_bundle_statements_go_that_long_after_the_slot_that_executed_them() {
    let db = history(32);
    prune_all(&db, 24);

    assert_eq!((lowest(&db, Kind::Ack), lowest(&db, Kind::Bundle)), (9, 9));
}

#[test]
fn nothing_goes_before_two_periods() {
    let db = history(16);
    let before = all(&db);
    prune_all(&db, 16);

    assert_eq!(all(&db), before);
}

#[test]
fn accepted_contents_and_certificates_go_with_them() {
    let db = history(32);
    prune_all(&db, 24);

    let left = ["accepted", "prepared", "stable", "lane-certs"].map(|table| rows(&db, table));
    assert_eq!(left, [24, 24, 3, 24]);
}

/// N9: nobody who is behind may be left without what it needs to catch up.
#[test]
fn decided_slots_and_bundles_stay() {
    let db = history(32);
    prune_all(&db, 24);

    assert_eq!((rows(&db, "committed"), rows(&db, "bundles")), (32, 32));
}

#[test]
fn the_newest_of_each_kind_stays_even_when_covered() {
    let db = history(8);
    prune_all(&db, 1_000);

    let found = all(&db);
    let kinds: Vec<Kind> = found.statements.iter().map(|said| said.statement.kind).collect();
    let newest = [Kind::Bundle, Kind::Ack, Kind::PrePrepare, Kind::Prepare, Kind::Commit, Kind::Checkpoint];
    assert_eq!(kinds, newest);
    assert!(found.statements.iter().all(|said| said.statement.seq.get() == 8));
    assert_eq!(found.lane_certs.len(), 1);
}

#[test]
fn nothing_is_signed_at_or_below_what_was_dropped() {
    let db = history(32);
    prune_all(&db, 24);

    for (kind, view) in [(Kind::Prepare, 1), (Kind::Checkpoint, 0), (Kind::Ack, 0), (Kind::Bundle, 0)] {
        let refused = try_store(&db, &[own(kind, view, 7, digest("other"))]);
        assert!(matches!(refused, Err(RecordError::Pruned(_))), "{kind:?}: {refused:?}");
    }
    store(&db, &[own(Kind::Prepare, 1, 9, digest("other"))]);
}

#[test]
fn the_bound_holds_from_the_first_part_of_the_work_on() {
    let db = history(8);
    let mut batch = db.begin().unwrap();
    batch.prune(SeqNum::new(24), PERIOD).unwrap();

    let refused = batch.record(&own(Kind::Prepare, 1, 8, digest("other")));

    assert!(matches!(refused, Err(RecordError::Pruned(_))));
}

#[test]
fn one_call_does_a_bounded_part_and_the_next_goes_on() {
    let slots = 3 * PRUNE_SLOTS_MAX;
    let db = history(slots + 1);
    let all_rows = || {
        db.fold().unwrap();
        db.stats().unwrap().rows.iter().map(|(_, rows)| rows).sum::<u64>()
    };
    let before = all_rows();
    let mut calls = 1;
    while prune(&db, slots + 2 * PERIOD) {
        calls += 1;
        let now = all_rows();
        assert!(before - now <= calls * PRUNE_ROWS_MAX as u64, "{calls} calls took {} rows", before - now);
    }

    assert!(calls >= 3, "{calls} calls");
    assert_eq!(lowest(&db, Kind::Prepare), slots + 1);
}

/// A statement of replica 0 in the epoch after the one of all others here.
fn later(kind: Kind, signer: u16, seq: u64, digest: Digest) -> Signed {
    let (epoch, view, seq) = (EPOCH.next(), View::new(0), SeqNum::new(seq));
    let statement = Statement { group: GROUP, epoch, kind, view, seq, digest };
    statement.sign(ReplicaId::new(signer), &key_of(signer))
}

/// An empty slot that was decided in that epoch.
fn decided_later(seq: u64) -> Record {
    let content = content(&[], seq);
    let (epoch, digest) = (EPOCH.next(), content.digest());
    let members = (0..4).map(|replica| key_of(replica).public_key()).collect();
    let committee = Committee::new(GROUP, epoch, members).unwrap();
    let signatures = (0..3).map(|by| (ReplicaId::new(by), later(Kind::Commit, by, seq, digest).signature)).collect();
    let (view, seq) = (View::new(0), SeqNum::new(seq));
    let claimed = ClaimedCert { epoch, kind: Kind::Commit, view, seq, digest, signatures };
    Record::Committed { certificate: committee.check(claimed, &Ed25519).unwrap(), content }
}

/// E1: all rows when their epoch ended that long ago, but the newest of each kind.
#[test]
fn rows_of_an_epoch_that_ended_long_ago_go_however_late_in_it_they_were_written() {
    let db = history(16);
    store(&db, &[1, 2].map(|view| own(Kind::ViewChange, view, 0, digest("a demand"))));
    store(&db, &(17..=24).map(decided_later).collect::<Vec<_>>());
    store(&db, &[Record::Statement(later(Kind::Commit, 0, 24, digest("a")))]);

    prune_all(&db, 17 + 2 * PERIOD);

    let older = [Kind::Bundle, Kind::Ack, Kind::PrePrepare, Kind::Prepare, Kind::Checkpoint, Kind::ViewChange].len();
    assert_eq!(rows(&db, "statements"), older as u64 + 1, "the newest Commit is of the later epoch");
    assert_eq!(rows(&db, "lane-certs"), 0);
}

#[test]
fn pruning_again_changes_nothing() {
    let db = history(32);
    prune_all(&db, 24);
    let syncs = all(&db);

    assert!(!prune(&db, 24));
    assert_eq!(all(&db), syncs);
}

/// Read marks leave a small, bounded rest on disk: 1,000 slots, each with one bundle of one mark.
#[test]
fn a_read_mark_leaves_less_than_a_kilobyte() {
    let db = history(1_000);
    let stored = || {
        db.fold().unwrap();
        db.snapshot().unwrap().sizes().unwrap().iter().map(|table| table.stored_bytes).sum::<u64>()
    };
    let before = stored();
    prune_all(&db, 1_000 + 2 * PERIOD);

    let each = stored() / 1_000;
    assert!(each < 700, "{each} bytes for each mark, {} before", before / 1_000);
}
