//! A small group with real keys: what the core would ask to have stored.
#![allow(dead_code)] // each test file uses its part

use quorate_pbft::{
    Bundle, BundleHeader, ClaimedCert, Committee, Content, Digest, Ed25519, Ed25519Signer, Epoch, ExecutedPoint, Item,
    ItemKind, Kind, Position, QuorumCert, Record, ReplicaId, SeqNum, Signed, Signer, Statement, Time, Tip, View,
    items_root,
};
use quorate_storage::faulty::Disk;
use quorate_storage::{Db, RecordError};
use redb::{Database, ReadableTable as _, TableDefinition};
use std::path::Path;
use std::sync::Arc;

pub const GROUP: Digest = Digest([7; 32]);
pub const EPOCH: Epoch = Epoch::new(0);

/// A database in memory that nothing goes wrong with.
pub fn db() -> Db {
    Db::on(&Disk::new()).expect("an empty disk takes a database")
}

/// Commits records, one batch.
pub fn store(db: &Db, records: &[Record]) {
    try_store(db, records).expect("these records fit together");
}

pub fn try_store(db: &Db, records: &[Record]) -> Result<(), RecordError> {
    let mut batch = db.begin()?;
    records.iter().try_for_each(|record| batch.record(record))?;
    Ok(batch.commit()?)
}

pub fn digest(name: &str) -> Digest {
    quorate_pbft::hash_parts("test", &[name.as_bytes()])
}

pub fn key_of(replica: u16) -> Ed25519Signer {
    Ed25519Signer::from_seed(&[replica as u8 + 1; 32])
}

pub fn committee() -> Committee {
    let members = (0..4).map(|replica| key_of(replica).public_key()).collect();
    Committee::new(GROUP, EPOCH, members).expect("four distinct keys")
}

/// A statement of one replica.
pub fn said(signer: u16, kind: Kind, view: u64, seq: u64, digest: Digest) -> Signed {
    let statement =
        Statement { group: GROUP, epoch: EPOCH, kind, view: View::new(view), seq: SeqNum::new(seq), digest };
    statement.sign(ReplicaId::new(signer), &key_of(signer))
}

pub fn own(kind: Kind, view: u64, seq: u64, digest: Digest) -> Record {
    Record::Statement(said(0, kind, view, seq, digest))
}

/// A certificate signed by replicas 0, 1 and 2.
pub fn cert(kind: Kind, view: u64, seq: u64, digest: Digest) -> QuorumCert {
    let signatures = (0..3).map(|signer| (ReplicaId::new(signer), said(signer, kind, view, seq, digest).signature));
    let (view, seq) = (View::new(view), SeqNum::new(seq));
    let claimed = ClaimedCert { epoch: EPOCH, kind, view, seq, digest, signatures: signatures.collect() };
    committee().check(claimed, &Ed25519).expect("three of four make a quorum")
}

/// A bundle of replica `lane` with these items; parents are not looked at by the disk.
pub fn bundle(lane: u16, position: u64, items: Vec<Item>) -> Bundle {
    let bytes = items.iter().map(|item| item.bytes.len() as u64).sum();
    let header = BundleHeader {
        lane: ReplicaId::new(lane),
        position: Position::new(position),
        parent: digest(&format!("parent of {position}")),
        items: items.len() as u32,
        bytes,
        items_root: items_root(&items),
        lane_bytes: position * bytes,
    };
    let statement = said(lane, Kind::Bundle, 0, position, header.digest());
    Bundle { header, statement, items }
}

pub fn read_mark(nonce: &str) -> Item {
    Item { kind: ItemKind::ReadMark, bytes: digest(nonce).0.to_vec() }
}

/// A bundle of one read mark.
pub fn mark_bundle(lane: u16, position: u64) -> Bundle {
    bundle(lane, position, vec![read_mark(&format!("{lane}/{position}"))])
}

pub fn tip_of(bundle: &Bundle) -> Tip {
    Tip { position: bundle.header.position, digest: bundle.header.digest() }
}

pub fn content(cut: &[(u16, Tip)], time: u64) -> Content {
    let cut = cut.iter().map(|(lane, tip)| (ReplicaId::new(*lane), *tip)).collect();
    Content { cut, time: Some(Time::new(time)), mark: false }
}

pub fn lane_cert(bundle: &Bundle) -> QuorumCert {
    let tip = tip_of(bundle);
    cert(Kind::Ack, u64::from(bundle.header.lane.get()), tip.position.get(), tip.digest)
}

/// Records that replica 0, the primary, writes for slot `seq`, which cuts a bundle with one read mark of lane `lane` at
/// position `position`.
pub fn mark_slot(seq: u64, lane: u16, position: u64) -> Vec<Record> {
    let bundle = mark_bundle(lane, position);
    let content = content(&[(lane, tip_of(&bundle))], seq);
    let (tip, chosen) = (tip_of(&bundle).digest, content.digest());
    let mut records = Vec::new();
    if lane == 0 {
        records.push(own(Kind::Bundle, 0, position, tip));
    }
    records.extend([
        own(Kind::Ack, u64::from(lane), position, tip),
        Record::LaneCert(lane_cert(&bundle)),
        Record::Bundle(Arc::new(bundle)),
        own(Kind::PrePrepare, 0, seq, chosen),
        Record::Accepted { pre_prepare: said(0, Kind::PrePrepare, 0, seq, chosen), content: content.clone() },
        own(Kind::Prepare, 0, seq, chosen),
        Record::Prepared(cert(Kind::Prepare, 0, seq, chosen)),
        own(Kind::Commit, 0, seq, chosen),
        Record::Committed { certificate: cert(Kind::Commit, 0, seq, chosen), content },
    ]);
    records
}

/// Execution at slot `seq`, with these executed tips by lane.
pub fn executed(seq: u64, tips: &[u64]) -> ExecutedPoint {
    let tips = tips.iter().map(|tip| Tip { position: Position::new(*tip), digest: Digest::ZERO }).collect();
    ExecutedPoint { seq: SeqNum::new(seq), tips, ..ExecutedPoint::default() }
}

/// Changes what a closed database stores under a key, its last byte included: that one says how the value is kept.
pub fn damage(folder: &Path, table: &str, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
    let database = Database::open(folder.join("quorate.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let mut rows = write.open_table(TableDefinition::<&[u8], &[u8]>::new(table)).unwrap();
    let mut value = rows.get(key).unwrap().expect("it is stored").value().to_vec();
    change(&mut value);
    rows.insert(key, &value[..]).unwrap();
    drop(rows);
    write.commit().unwrap();
}

/// Makes a value unreadable.
pub fn lose(value: &mut Vec<u8>) {
    value.pop();
    value.push(7);
}

/// Makes a value undecodable.
pub fn garble(value: &mut Vec<u8>) {
    let last = value.pop();
    value.fill(0xff);
    value.extend(last);
}

/// The key of a decided slot, or of a certified checkpoint.
pub fn of_slot(seq: u64) -> [u8; 8] {
    seq.to_be_bytes()
}

/// The key of a bundle.
pub fn of_lane(lane: u16, position: u64) -> Vec<u8> {
    [&EPOCH.get().to_be_bytes()[..], &lane.to_be_bytes(), &position.to_be_bytes()].concat()
}

/// A folded and closed database in a folder, with these records.
pub fn folded(records: &[Record]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::create(folder.path()).unwrap();
    store(&db, records);
    db.fold().unwrap();
    folder
}
