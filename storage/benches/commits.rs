//! Cost of commits, starts and pruning, on a file and in memory. `cargo bench -p quorate-storage [FOLDER]`

use quorate_ledger::{Store, Table};
use quorate_pbft::{
    ClaimedCert, Committee, Digest, Ed25519, Ed25519Signer, Epoch, ExecutedPoint, Kind, Record, ReplicaId, SeqNum,
    Signature, Signed, Signer, Statement, View,
};
use quorate_storage::Db;
use quorate_storage::faulty::{Disk, Loss};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const LASTING: Duration = Duration::from_secs(2);

fn main() {
    let folder =
        std::env::args().skip(1).find(|arg| !arg.starts_with('-')).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder).expect("a folder to write in");
    for records in [1, 10, 100, 1_000] {
        let dir = folder.path().join(records.to_string());
        std::fs::create_dir(&dir).expect("a folder of our own takes folders");
        commits(&format!("file, {records} records"), &Db::create(&dir).expect("an empty folder"), records);
    }
    for records in [1, 10, 100, 1_000] {
        commits(&format!("memory, {records} records"), &in_memory(&Disk::new()), records);
    }
    slots("memory, 30 rows in 8 tables", &in_memory(&Disk::new()));
    starts();
    long_history();
}

fn in_memory(disk: &Disk) -> Db {
    Db::on(disk).expect("an empty disk takes a database")
}

/// The disk does not check signatures, so these need not be real.
fn vote(kind: Kind, seq: u64) -> Record {
    let digest = quorate_pbft::hash_parts("bench", &[&seq.to_be_bytes()]);
    let (view, seq) = (View::new(0), SeqNum::new(seq));
    let statement = Statement { group: Digest([7; 32]), epoch: Epoch::new(0), kind, view, seq, digest };
    Record::Statement(Signed { statement, signer: ReplicaId::new(0), signature: Signature([1; 64]) })
}

fn commit(db: &Db, records: impl IntoIterator<Item = Record>) {
    let mut batch = db.begin().expect("a healthy disk");
    records.into_iter().for_each(|record| batch.record(&record).expect("new rows"));
    batch.commit().expect("a healthy disk");
}

fn commits(name: &str, db: &Db, records: u64) {
    let mut next = 1;
    report(name, || {
        commit(db, (next..next + records).map(|seq| vote(Kind::Prepare, seq)));
        next += records;
    });
}

/// About what one slot with one bundle writes: one table of ours and all of the ledger's.
fn slots(name: &str, db: &Db) {
    let mut next = 1;
    report(name, || {
        let mut batch = db.begin().expect("a healthy disk");
        for kind in [Kind::Bundle, Kind::Ack, Kind::PrePrepare, Kind::Prepare, Kind::Commit] {
            batch.record(&vote(kind, next)).expect("new rows");
        }
        for table in [Table::Entries, Table::Names, Table::Contents, Table::Receipts, Table::Range, Table::Past] {
            for row in 0..4u64 {
                let key = quorate_pbft::hash_parts("bench", &[&next.to_be_bytes(), &row.to_be_bytes()]);
                batch.put(table, &key.0, &[0; 200]).expect("a healthy disk");
            }
        }
        batch.put(Table::Meta, b"point", &next.to_be_bytes()).expect("a healthy disk");
        batch.commit().expect("a healthy disk");
        next += 1;
    });
}

/// Steps of the simulator at the start of a run and at each restart.
fn starts() {
    report("memory, make a database", || drop(in_memory(&Disk::new())));
    let disk = Disk::new();
    commit(&in_memory(&disk), (1..1_000).map(|seq| vote(Kind::Prepare, seq)));
    let mut next = 1_000;
    report("memory, crash, open with 1,000 rows, commit and recover", || {
        disk.crash(Loss::All);
        let db = in_memory(&disk);
        next += 1;
        commit(&db, [vote(Kind::Prepare, next)]);
        db.snapshot().and_then(|found| found.recover(ExecutedPoint::default())).expect("a healthy disk");
        std::mem::forget(db); // a crash closes nothing
    });
}

/// A million old statements: how large, how quick a start is, how quick they go.
fn long_history() {
    const SLOTS: u64 = 500_000;
    let disk = Disk::new();
    let db = in_memory(&disk);
    let begun = Instant::now();
    for first in (0..SLOTS).step_by(1_000) {
        commit(&db, (first + 1..=first + 1_000).flat_map(|seq| [vote(Kind::Prepare, seq), vote(Kind::Commit, seq)]));
    }
    println!("1,000,000 statements written in {:?}; {} MB on the disk", begun.elapsed(), disk.taken_bytes() >> 20);
    commit(&db, [Record::Stable(checkpoint(SLOTS - 128))]);
    let executed = ExecutedPoint { seq: SeqNum::new(SLOTS), ..ExecutedPoint::default() };
    report("memory, recover from 1,000,000 old statements", || {
        let found = db.snapshot().and_then(|snapshot| snapshot.recover(executed.clone())).expect("a healthy disk");
        assert_eq!(found.statements.len(), 256);
    });
    drop(db);
    let (begun, syncs) = (Instant::now(), disk.syncs());
    let db = in_memory(&disk);
    println!("opened after a clean close in {:?}, {} syncs", begun.elapsed(), disk.syncs() - syncs);
    commit(&db, [vote(Kind::Prepare, SLOTS + 1)]);
    disk.crash(Loss::All);
    let begun = Instant::now();
    let again = in_memory(&disk);
    println!("opened after a crash in {:?}", begun.elapsed());
    drop(db);
    let (begun, mut calls) = (Instant::now(), 1);
    while prune(&again, SLOTS) {
        calls += 1;
    }
    let lasted = begun.elapsed();
    println!("999,000 statements pruned in {calls} commits, {lasted:?}, {:?} each", lasted / calls);
}

fn prune(db: &Db, stable: u64) -> bool {
    let mut batch = db.begin().expect("a healthy disk");
    let is_left = batch.prune(SeqNum::new(stable), 128).expect("a healthy disk");
    batch.commit().expect("a healthy disk");
    is_left
}

fn checkpoint(seq: u64) -> quorate_pbft::QuorumCert {
    let key = Ed25519Signer::from_seed(&[1; 32]);
    let committee = Committee::new(Digest([7; 32]), Epoch::new(0), vec![key.public_key()]).expect("one key");
    let (kind, view, seq, digest) = (Kind::Checkpoint, View::new(0), SeqNum::new(seq), Digest::ZERO);
    let statement = Statement { group: committee.group(), epoch: committee.epoch(), kind, view, seq, digest };
    let signed = statement.sign(ReplicaId::new(0), &key);
    let claimed = ClaimedCert {
        epoch: committee.epoch(),
        kind,
        view,
        seq,
        digest,
        signatures: vec![(signed.signer, signed.signature)],
    };
    committee.check(claimed, &Ed25519).expect("one of one is a quorum")
}

fn report(name: &str, mut act: impl FnMut()) {
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < LASTING {
        let start = Instant::now();
        act();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
    let (median, late) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{name}: {rate:.0} per second, median {median:?}, p99 {late:?}");
}
