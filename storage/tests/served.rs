//! Decided slots and bundles: how long they stay, and what the disk says of them meanwhile (S1).

mod world;

use quorate_pbft::{Epoch, Item, ItemKind, Kind, Message, Position, Question, Record, ReplicaId, SeqNum, Time, Wanted};
use quorate_storage::faulty::{Disk, Loss};
use quorate_storage::{Db, OldSlot, SERVED_ROWS_MAX, SupplyLimits};
use std::sync::Arc;
use world::{EPOCH, cert, content, damage, db, executed, mark_slot, of_lane, store, tip_of};

const PERIOD: u64 = 8;

/// A checkpoint above all slots of these tests.
const STABLE: SeqNum = SeqNum::new(1_000);

/// Slots 1 to `last`; each cuts one bundle, of the lanes 0 and 1 in turn, and has its own number as ledger time.
fn slots(last: u64) -> Vec<Record> {
    (1..=last).flat_map(|seq| mark_slot(seq, (seq % 2) as u16, seq)).collect()
}

fn history(last: u64) -> Db {
    let db = db();
    store(&db, &slots(last));
    db
}

/// Prunes votes, and then slots up to `last` of a ledger time below `time`; the oldest that is served.
fn prune(db: &Db, last: u64, time: u64) -> u64 {
    loop {
        let mut batch = db.begin().unwrap();
        let votes = batch.prune(STABLE, PERIOD).unwrap();
        let (oldest, is_left) = batch.prune_slots(SeqNum::new(last), |slot| slot.time.get() < time).unwrap();
        batch.commit().unwrap();
        if !votes && !is_left {
            return oldest.get();
        }
    }
}

fn prune_votes(db: &Db) {
    let once = |db: &Db| {
        let mut batch = db.begin()?;
        let is_left = batch.prune(STABLE, PERIOD)?;
        batch.commit().map(|()| is_left)
    };
    while once(db).unwrap() {}
}

fn rows(db: &Db, table: &str) -> u64 {
    db.fold().unwrap();
    db.stats().unwrap().rows.into_iter().find(|(name, _)| *name == table).unwrap().1
}

fn answers(db: &Db, wanted: Wanted) -> Vec<Message> {
    let question = Question { epoch: Epoch::new(0), wanted };
    db.snapshot().unwrap().supply(&question, SupplyLimits::default()).unwrap()
}

fn said_oldest(db: &Db, last: u64) -> u64 {
    db.snapshot().unwrap().recover(executed(last, &[last, last])).unwrap().oldest.get()
}

#[test]
fn slots_that_are_too_old_go_with_their_bundles() {
    let db = history(60);

    assert_eq!(prune(&db, 60, 41), 41);

    assert_eq!((rows(&db, "committed"), rows(&db, "bundles"), said_oldest(&db, 60)), (20, 20, 41));
}

#[test]
fn whoever_asks_for_what_is_served_gets_all_of_it() {
    let db = history(60);
    let oldest = prune(&db, 60, 41);

    let slots = answers(&db, Wanted::Slots { from: SeqNum::new(oldest), to: SeqNum::new(60) });
    assert_eq!(slots.iter().filter(|message| matches!(message, Message::Decided { .. })).count(), 20);
    for seq in oldest..=60 {
        let (lane, at) = (ReplicaId::new((seq % 2) as u16), Position::new(seq));
        assert_eq!(answers(&db, Wanted::Bundles { lane, from: at, to: at }).len(), 1, "slot {seq}");
    }
}

#[test]
fn slots_that_may_not_go_stay_however_old() {
    let db = history(60);

    assert_eq!(prune(&db, 12, 1_000), 13);
    assert_eq!(rows(&db, "committed"), 48);
}

#[test]
fn slots_whose_votes_are_here_stay() {
    let db = history(60);
    let mut batch = db.begin().unwrap();

    assert_eq!(batch.prune_slots(SeqNum::new(60), |_| true).unwrap(), (SeqNum::new(1), false));
}

#[test]
fn the_newest_bundle_of_a_silent_lane_stays() {
    let db = history(60);
    prune(&db, 60, 1_000);

    assert_eq!((rows(&db, "committed"), rows(&db, "bundles")), (0, 2));
}

#[test]
fn a_slot_is_told_with_its_time_and_the_bytes_of_all_lanes() {
    let db = history(60);
    prune_votes(&db);
    let seen = std::cell::RefCell::new(Vec::new());
    let note = |slot: &OldSlot| {
        seen.borrow_mut().push((slot.epoch, slot.time.get(), slot.lane_bytes));
        slot.time.get() < 3
    };

    db.begin().unwrap().prune_slots(SeqNum::new(60), note).unwrap();

    // a bundle of one mark has 32 bytes, and its header counts those of its lane
    assert_eq!(*seen.borrow(), [(EPOCH, 1, 32), (EPOCH, 2, 32 + 64), (EPOCH, 3, 96 + 64)]);
}

#[test]
fn one_call_does_a_bounded_part_and_says_at_once_what_is_served() {
    let db = history(3 * SERVED_ROWS_MAX as u64);
    prune_votes(&db);
    let before = rows(&db, "committed") + rows(&db, "bundles");
    for calls in 1_u64.. {
        let mut batch = db.begin().unwrap();
        let (oldest, is_left) = batch.prune_slots(SeqNum::new(9_999), |slot| slot.time.get() < 700).unwrap();
        batch.commit().unwrap();
        assert_eq!(said_oldest(&db, 768), oldest.get());
        let now = rows(&db, "committed") + rows(&db, "bundles");
        assert!(before - now <= calls * SERVED_ROWS_MAX as u64, "{calls} calls took {}", before - now);
        if !is_left {
            return assert!(calls > 4 && oldest.get() == 700, "{calls} calls");
        }
    }
}

/// A header says the bytes of its lane: no call reads the bundles of 64 slots for it.
#[test]
fn bytes_of_a_lane_are_told_by_the_first_piece_of_its_bundle() {
    let item = Item { kind: ItemKind::Envelope, bytes: vec![1; 40_000] };
    let bundle = world::bundle(1, 1, vec![item]);
    let (at, content) = (of_lane(1, 1), content(&[(1, tip_of(&bundle))], 1));
    let certificate = cert(Kind::Commit, 0, 1, content.digest());
    let slot = [Record::Bundle(Arc::new(bundle)), Record::Committed { certificate, content }];
    let later = (2..=60).flat_map(|seq| mark_slot(seq, 0, seq));
    let folder = world::folded(&slot.into_iter().chain(later).collect::<Vec<_>>());
    damage(folder.path(), "pieces", &[&[3], &at[..], &1_u32.to_be_bytes()].concat(), Vec::clear);
    let db = Db::open(folder.path()).unwrap();
    prune_votes(&db);
    let seen = std::cell::Cell::new(0);

    let pruned = db.begin().unwrap().prune_slots(SeqNum::new(60), |slot| {
        seen.set(slot.lane_bytes);
        false
    });

    assert_eq!((pruned, seen.get()), (Ok((SeqNum::new(1), false)), 40_000));
}

/// A copy of the state begins at any slot.
#[test]
fn slots_before_the_first_that_is_here_are_gone() {
    let db = db();
    let mut batch = db.begin().unwrap();
    for seq in 101..=160 {
        mark_slot(seq, 0, seq).iter().for_each(|record| batch.record(record).unwrap());
    }
    batch.commit().unwrap();

    assert_eq!(prune(&db, 160, 141), 141);
    assert_eq!(rows(&db, "committed"), 20);
}

#[test]
fn a_lane_that_is_silent_since_a_copy_counts_with_its_bytes_up_to_there() {
    let db = db();
    let mut batch = db.begin().unwrap();
    let lanes = [(Position::new(100), 3_200), (Position::new(7), 9_000)];
    batch.serve_behind((EPOCH, SeqNum::new(100), Time::new(100)), lanes.into_iter());
    for seq in 101..=160 {
        mark_slot(seq, 0, seq).iter().for_each(|record| batch.record(record).unwrap());
    }
    batch.commit().unwrap();
    prune_votes(&db);
    let seen = std::cell::RefCell::new(Vec::new());
    let note = |slot: &OldSlot| {
        seen.borrow_mut().push(slot.lane_bytes);
        slot.time.get() < 102
    };

    db.begin().unwrap().prune_slots(SeqNum::new(160), note).unwrap();

    assert_eq!(*seen.borrow(), [101 * 32 + 9_000, 102 * 32 + 9_000]);
}

/// The power goes at each write of a pruning: what is said to be served is there, whole, and pruning goes on.
#[test]
fn a_cut_at_any_operation_of_pruning_leaves_what_is_served_whole() {
    let whole = Disk::new();
    let recorded = slots(60);
    store(&Db::on(&whole).unwrap(), &recorded);
    let made = whole.operations();
    prune_with_folds(&Db::on(&whole).unwrap());
    let after = whole.operations();
    let mut images = 0;
    for cut in 0..after - made {
        for loss in [Loss::Nothing, Loss::All, Loss::Some { seed: cut }] {
            let disk = Disk::new();
            store(&Db::on(&disk).unwrap(), &recorded);
            let db = Db::on(&disk).unwrap();
            disk.cut_power_after(cut);
            prune_with_folds(&db);
            drop(db);
            disk.crash(loss);

            let db = Db::on(&disk).unwrap_or_else(|error| panic!("cut at {cut}, {loss:?}: {error}"));
            let oldest = said_oldest(&db, 60);
            let slots = answers(&db, Wanted::Slots { from: SeqNum::new(oldest), to: SeqNum::new(60) });
            let decided = slots.iter().filter(|message| matches!(message, Message::Decided { .. })).count() as u64;
            assert_eq!(decided, 61 - oldest, "cut at {cut}, {loss:?}");
            for seq in oldest..=60 {
                let (lane, at) = (ReplicaId::new((seq % 2) as u16), Position::new(seq));
                let found = answers(&db, Wanted::Bundles { lane, from: at, to: at });
                assert_eq!(found.len(), 1, "slot {seq}, cut at {cut}, {loss:?}");
            }
            assert_eq!((prune(&db, 60, 41), rows(&db, "bundles")), (41, 20), "cut at {cut}, {loss:?}");
            images += 1;
        }
    }
    assert!(images > 30, "{images} images");
}

/// Prunes until nothing is left or the disk fails, and folds after each part.
fn prune_with_folds(db: &Db) {
    loop {
        let Ok(mut batch) = db.begin() else { return };
        let Ok(votes) = batch.prune(STABLE, PERIOD) else { return };
        let Ok((_, is_left)) = batch.prune_slots(SeqNum::new(60), |slot| slot.time.get() < 41) else { return };
        if batch.commit().and_then(|()| db.fold()).is_err() || !votes && !is_left {
            return;
        }
    }
}
