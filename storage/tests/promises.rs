//! Promises of a disk: whole or not, and carried over to another disk.

mod world;

use quorate_ledger::StoreError;
use quorate_pbft::{
    Broken, Constants, Ed25519, Effects, Epoch, Evidence, ExecutedPoint, Kind, Position, Program, Record, Replica,
    ReplicaConfig, ReplicaId, SeqNum, Signer as _, Time, Tip,
};
use quorate_storage::{Db, Promiser, Unkept};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::Path;
use std::sync::Arc;
use world::{
    cert, committee, damage, db, digest, executed, garble, key_of, lose, mark_slot, of_lane, of_slot, own, store,
};

/// Tables in which each bit counts.
const SIGNED: [&str; 5] = ["statements", "accepted", "prepared", "lane-certs", "bundles"];

type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;

fn fault(db: &Db, tips: &[Tip]) -> Option<String> {
    let (committee, member) = (committee(), key_of(0).public_key());
    let by = Promiser { committee: &committee, member: &member, window: 256, verify: &Ed25519 };
    db.snapshot().unwrap().check_promises(&by, tips).err().map(|error| error.to_string())
}

fn rows(folder: &Path, table: &'static str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let database = Database::open(folder.join("quorate.redb")).unwrap();
    let read = database.begin_read().unwrap();
    let table = read.open_table(Table::new(table)).unwrap();
    table
        .iter()
        .unwrap()
        .map(|row| row.unwrap())
        .map(|(key, value)| (key.value().into(), value.value().into()))
        .collect()
}

fn put(folder: &Path, table: &'static str, key: &[u8], value: &[u8]) {
    let database = Database::open(folder.join("quorate.redb")).unwrap();
    let write = database.begin_write().unwrap();
    write.open_table(Table::new(table)).unwrap().insert(key, value).unwrap();
    write.commit().unwrap();
}

/// A folded database of replica 0 with three slots.
fn folded() -> tempfile::TempDir {
    world::folded(&(1..=3).flat_map(|seq| mark_slot(seq, 0, seq)).collect::<Vec<_>>())
}

/// Carries the promises of that database over to a state after a slot that has executed as many own bundles.
fn adopted(folder: &Path, seq: u64) -> Result<Db, StoreError> {
    adopted_of(&Db::open(folder).unwrap(), seq)
}

fn adopted_of(old: &Db, seq: u64) -> Result<Db, StoreError> {
    let new = db();
    let executed = executed(seq, &[seq, 0, 0, 0]);
    let mut batch = new.begin()?;
    batch.adopt(&old.snapshot()?, (world::EPOCH, SeqNum::new(seq), &executed.tips))?;
    batch.commit()?;
    Ok(new)
}

#[test]
fn promises_that_are_as_they_were_written_are_whole() {
    let folder = folded();
    assert_eq!(fault(&Db::open(folder.path()).unwrap(), &[]), None);
}

#[test]
fn a_flipped_bit_of_a_promise_is_told() {
    let folder = folded();
    for table in SIGNED {
        let found = rows(folder.path(), table);
        assert_eq!(found.len() % 3, 0, "{table}");
        for (place, (key, value)) in found.into_iter().enumerate() {
            let mut changed = value.clone();
            changed[(place * 31) % (value.len() - 1)] ^= 1 << (place % 8);
            put(folder.path(), table, &key, &changed);
            let told = fault(&Db::open(folder.path()).unwrap(), &[]);
            assert!(told.is_some(), "{table} {key:?}");
            put(folder.path(), table, &key, &value);
        }
    }
    assert_eq!(fault(&Db::open(folder.path()).unwrap(), &[]), None);
}

#[test]
fn a_view_below_one_that_was_voted_in_is_told() {
    let db = db();
    let view = |view| Record::View { epoch: world::EPOCH, view: quorate_pbft::View::new(view), changing: false };
    store(&db, &[view(1), own(Kind::Prepare, 2, 1, digest("a"))]);
    assert!(fault(&db, &[]).is_some_and(|why| why.contains("view")));
    store(&db, &[view(2)]);
    assert_eq!(fault(&db, &[]), None);
}

/// They may be whole: who takes them for lost gives the vote away.
#[test]
fn promises_of_an_epoch_whose_members_are_not_known_are_not_told_as_damaged() {
    let db = db();
    let view = quorate_pbft::View::new(0);
    store(&db, &[Record::View { epoch: Epoch::new(3), view, changing: false }]);
    let (committee, member) = (committee(), key_of(0).public_key());
    let by = Promiser { committee: &committee, member: &member, window: 256, verify: &Ed25519 };

    let checked = db.snapshot().unwrap().check_promises(&by, &[]);

    assert!(matches!(checked, Err(Unkept::LaterEpoch { of, .. }) if of == Epoch::new(3)), "{checked:?}");
}

#[test]
fn another_members_promises_are_told() {
    let db = db();
    store(&db, &[Record::Statement(world::said(1, Kind::Prepare, 0, 1, digest("a")))]);
    assert!(fault(&db, &[]).is_some_and(|why| why.contains("own statement")));
}

#[test]
fn promises_that_are_carried_over_are_all_there_and_slots_below_the_state_are_not() {
    let old = db();
    (1..=3).for_each(|seq| store(&old, &mark_slot(seq, 0, seq)));
    let (new, executed) = (db(), executed(2, &[2, 0, 0, 0]));
    let mut batch = new.begin().unwrap();
    batch.adopt(&old.snapshot().unwrap(), (Epoch::new(0), SeqNum::new(2), &executed.tips)).unwrap();
    batch.record(&Record::Stable(cert(Kind::Checkpoint, 0, 2, digest("state")))).unwrap();
    batch.commit().unwrap();

    let [before, after] = [&old, &new].map(|db| db.snapshot().unwrap().recover(executed.clone()).unwrap());
    assert_eq!(after.bundles, before.bundles);
    assert_eq!((after.slots.len(), after.slots.first()), (1, before.slots.last()));
    assert_eq!(after.oldest, SeqNum::new(3), "what lies below may have gaps");
    for said in &after.statements {
        assert!(before.statements.contains(said), "{said}");
    }
    assert_eq!(fault(&new, &executed.tips), None);
    let again = own(Kind::Prepare, 0, 3, digest("another"));
    assert!(new.begin().unwrap().record(&again).is_err(), "E1 holds on the new disk");
}

/// Rows below the state are kept for others alone.
#[test]
fn rows_below_the_state_that_cannot_be_read_keep_no_promise_back() {
    let folder = folded();
    damage(folder.path(), "bundles", &of_lane(0, 1), lose);
    damage(folder.path(), "committed", &of_slot(1), lose);

    let new = adopted(folder.path(), 2).unwrap();

    assert_eq!(fault(&new, &executed(2, &[2, 0, 0, 0]).tips), None);
}

#[test]
fn the_newest_bundle_of_a_lane_keeps_no_promise_back_where_it_is_executed_and_cannot_be_read() {
    let folder = folded();
    damage(folder.path(), "bundles", &of_lane(0, 3), lose);

    let new = adopted(folder.path(), 3).unwrap();

    assert_eq!(fault(&new, &executed(3, &[3, 0, 0, 0]).tips), None);
}

/// An acknowledgement promises to hand its bundle out: a certified one can be had from others, and who was the owner may be gone.
#[test]
fn a_bundle_of_another_owner_that_is_damaged_above_the_tip_is_left_behind_and_named() {
    for change in [lose, garble, |value: &mut Vec<u8>| *value.iter_mut().rev().nth(2).unwrap() ^= 1] {
        let folder = world::folded(&(1..=3).flat_map(|seq| mark_slot(seq, 2, seq)).collect::<Vec<_>>());
        damage(folder.path(), "bundles", &of_lane(2, 2), change);
        let (old, new) = (Db::open(folder.path()).unwrap(), db());
        let executed = executed(1, &[0, 0, 1, 0]);
        let mut batch = new.begin().unwrap();

        let left = batch.adopt(&old.snapshot().unwrap(), (world::EPOCH, SeqNum::new(1), &executed.tips)).unwrap();
        batch.commit().unwrap();

        assert_eq!(left, [(world::EPOCH, ReplicaId::new(2), Position::new(2))]);
        let bundles = new.snapshot().unwrap().recover(executed).unwrap().bundles;
        assert_eq!(bundles.iter().map(|bundle| bundle.header.position.get()).collect::<Vec<_>>(), [3]);
    }
}

/// L2: the newest acknowledged one too.
#[test]
fn a_core_starts_from_promises_of_which_an_acknowledged_bundle_was_left_behind() {
    let bundles = (1..=3).map(|position| world::mark_bundle(2, position));
    let acknowledged = |bundle| {
        let said = own(Kind::Ack, 2, world::tip_of(&bundle).position.get(), world::tip_of(&bundle).digest);
        [Record::Bundle(Arc::new(bundle)), said]
    };
    let folder = world::folded(&bundles.flat_map(acknowledged).collect::<Vec<_>>());
    damage(folder.path(), "bundles", &of_lane(2, 3), lose);
    let new = adopted(folder.path(), 0).unwrap();
    let config = ReplicaConfig {
        me: ReplicaId::new(0),
        committee: committee(),
        constants: Constants::default(),
        signer: Arc::new(key_of(0)),
        verify: Arc::new(Ed25519),
        incarnation: 1,
        die: 1,
        program: Program::default(),
    };
    let mut core = Replica::recover(config, new.snapshot().unwrap().recover(ExecutedPoint::genesis(4)).unwrap());

    core.advance(&mut Effects::new());

    assert!(core.is_recovering());
}

#[test]
fn an_own_bundle_above_the_executed_tip_that_cannot_be_read_is_not_left_behind() {
    let folder = folded();
    damage(folder.path(), "bundles", &of_lane(0, 3), lose);

    assert!(adopted(folder.path(), 2).is_err());
}

/// Authors and their outboxes send again what waited in the queue.
#[test]
fn a_row_of_the_queue_that_cannot_be_read_keeps_no_promise_back() {
    let folder = folded();
    let db = Db::open(folder.path()).unwrap();
    let mut batch = db.begin().unwrap();
    (1..=2).for_each(|number| batch.queue(number, Time::new(5), b"an envelope"));
    batch.commit().and_then(|()| db.fold()).unwrap();
    drop(db);
    damage(folder.path(), "queue", &1_u64.to_be_bytes(), lose);

    let new = adopted(folder.path(), 3).unwrap();

    let queue = new.snapshot().unwrap().queue().unwrap();
    assert_eq!(queue.iter().map(|queued| queued.number).collect::<Vec<_>>(), [2]);
}

/// Promises that are carried over are copied row by row, those of epochs that are over too.
#[test]
fn a_row_of_another_epoch_that_cannot_be_read_is_told() {
    let folder = folded();
    put(folder.path(), "view-changes", &9_u64.to_be_bytes(), &[7]);

    assert!(fault(&Db::open(folder.path()).unwrap(), &[]).is_some());
}

/// Evidence is about others, and no part of what the group agrees on.
#[test]
fn evidence_that_is_damaged_keeps_no_promise_back_and_is_dropped() {
    for change in [lose, garble] {
        damaged_evidence_is_dropped(change);
    }
}

fn damaged_evidence_is_dropped(change: fn(&mut Vec<u8>)) {
    let folder = folded();
    let db = Db::open(folder.path()).unwrap();
    let [a, b] = ["a", "b"].map(|name| world::said(1, Kind::Prepare, 0, 1, digest(name)));
    let [c, d] = ["c", "d"].map(|name| world::said(2, Kind::Prepare, 0, 1, digest(name)));
    let sound = Evidence::Equivocation(c, d);
    store(&db, &[Record::Evidence(Evidence::Equivocation(a, b)), Record::Evidence(sound.clone())]);
    db.fold().unwrap();
    drop(db);
    let (key, _) = rows(folder.path(), "evidence").remove(0);
    damage(folder.path(), "evidence", &key, change);
    let db = Db::open(folder.path()).unwrap();
    assert_eq!(fault(&db, &[]), None);
    let evidence = |db: &Db| db.snapshot().unwrap().recover(executed(3, &[3, 0, 0, 0])).unwrap().evidence;
    assert_eq!(evidence(&adopted_of(&db, 3).unwrap()), std::slice::from_ref(&sound));

    let mut batch = db.begin().unwrap();
    let dropped = batch.drop_damaged_evidence(&db.snapshot().unwrap()).unwrap();
    batch.commit().and_then(|()| db.fold()).unwrap();

    assert_eq!((dropped, evidence(&db)), (1, vec![sound]));
    assert_eq!(db.begin().unwrap().drop_damaged_evidence(&db.snapshot().unwrap()).unwrap(), 0);
}

/// E7: what lies between an older disk and the newer state that was put under its promises was never pruned.
#[test]
fn promises_under_a_newer_state_come_back_from_where_they_were_pruned() {
    let old = db();
    (1..=3).for_each(|seq| store(&old, &mark_slot(seq, 0, seq)));
    let (new, executed) = (db(), executed(9, &[9, 0, 0, 0]));
    let mut batch = new.begin().unwrap();
    let lanes = executed.tips.iter().map(|tip| (tip.position, 0));
    batch.serve_behind((Epoch::new(0), SeqNum::new(9), executed.time), lanes);
    batch.adopt(&old.snapshot().unwrap(), (Epoch::new(0), SeqNum::new(9), &executed.tips)).unwrap();
    batch.record(&Record::Stable(cert(Kind::Checkpoint, 0, 9, digest("state")))).unwrap();
    batch.commit().unwrap();

    let found = new.snapshot().unwrap().recover(executed).unwrap();

    let prepares = found.statements.iter().filter(|said| said.statement.kind == Kind::Prepare);
    assert_eq!(prepares.map(|said| said.statement.seq.get()).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(found.floors, Some((SeqNum::new(0), Vec::new())));
    assert_eq!(old.snapshot().unwrap().recover(world::executed(3, &[3, 0, 0, 0])).unwrap().floors, None);
}

/// E7: the state itself shows that the disk is older than what its replica has bundled.
#[test]
fn a_state_with_own_bundles_that_are_not_on_the_disk_outruns_it() {
    let old = db();
    (1..=3).for_each(|seq| store(&old, &mark_slot(seq, 0, seq)));
    let at = (Some(ReplicaId::new(0)), Epoch::new(0));
    let outruns = |tips| old.snapshot().unwrap().is_outrun(at, &executed(9, tips).tips).unwrap();
    assert_eq!((outruns(&[3, 9, 9, 9]), outruns(&[4, 0, 0, 0])), (false, true));
}

/// E7: a disk that was set back to before the first own bundle of the epoch.
#[test]
fn a_state_with_own_bundles_outruns_a_disk_that_has_none_of_its_epoch() {
    let old = db();
    store(&old, &[own(Kind::Prepare, 0, 1, digest("a"))]);
    let outruns = |me, tips| {
        let tips = executed(9, tips).tips;
        old.snapshot().unwrap().is_outrun((me, Epoch::new(0)), &tips).unwrap()
    };
    let me = Some(ReplicaId::new(0));
    assert_eq!((outruns(me, &[3, 0, 0, 0]), outruns(me, &[0, 3, 3, 3])), (true, false));
    assert!(!outruns(None, &[3, 3, 3, 3]), "a key without a lane has bundled nothing");
}

/// E7: a copy does not vote, whatever its key has bundled.
#[test]
fn no_state_outruns_a_disk_whose_mark_keeps_it_from_voting() {
    let old = db();
    store(&old, &[Record::Broken(Broken::Copied(SeqNum::new(1)))]);

    let at = (Some(ReplicaId::new(0)), Epoch::new(0));
    assert!(!old.snapshot().unwrap().is_outrun(at, &executed(9, &[3, 0, 0, 0]).tips).unwrap());
}

/// Slots are numbered over all epochs: votes that were pruned while the bounds were still of an earlier one are not missing.
#[test]
fn votes_that_were_pruned_in_the_gap_below_a_newer_state_are_not_missing() {
    let (old, new) = (db(), db());
    let executed = quorate_pbft::ExecutedPoint { epoch: Epoch::new(1), ..executed(600, &[9, 0, 0, 0]) };
    let mut batch = new.begin().unwrap();
    let lanes = executed.tips.iter().map(|tip| (tip.position, 0));
    batch.serve_behind((executed.epoch, executed.seq, executed.time), lanes);
    batch.adopt(&old.snapshot().unwrap(), (executed.epoch, executed.seq, &executed.tips)).unwrap();
    batch.prune(executed.seq, 128).unwrap();
    batch.commit().unwrap();

    let found = new.snapshot().unwrap().recover(executed).unwrap();

    assert_eq!(found.floors, Some((SeqNum::new(344), Vec::new())));
}
