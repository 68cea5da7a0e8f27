//! Rows that a start needs: a look at a stopped replica's database reads them too.

use crate::group::{genesis, member};
use quorate_ledger::{Genesis, Ledger, Limits};
use quorate_pbft::{
    Bundle, BundleHeader, Constants, Digest, Ed25519, Epoch, Item, ItemKind, Kind, Position, Record, ReplicaId, SeqNum,
    Signer as _, Statement, View, items_root,
};
use quorate_service::copying::look;
use quorate_service::engine::{Engine, History, Setup};
use quorate_storage::Db;
use std::path::Path;
use std::sync::Arc;

/// Bytes of the bundle's item, by which its row is found in the file.
const ITEM: [u8; 64] = [0xab; 64];

/// A bundle of another member that is not executed.
fn bundle(genesis: &Genesis) -> Record {
    let items = vec![Item { kind: ItemKind::ReadMark, bytes: ITEM.to_vec() }];
    let (lane, position, bytes) = (ReplicaId::new(1), Position::new(1), ITEM.len() as u64);
    let (parent, items_root) = (Digest::ZERO, items_root(&items));
    let header = BundleHeader { lane, position, parent, items: 1, bytes, items_root, lane_bytes: bytes };
    let (epoch, view, seq) = (Epoch::default(), View::new(0), SeqNum::new(1));
    let statement = Statement { group: genesis.group(), epoch, kind: Kind::Bundle, view, seq, digest: header.digest() };
    let statement = statement.sign(lane, &member(1));
    Record::Bundle(Arc::new(Bundle { header, statement, items }))
}

fn made(data: &Path, genesis: &Genesis) {
    let db = Db::create(data).expect("an empty folder");
    let mut batch = db.begin().expect("a batch");
    Ledger::create(&mut batch, genesis).expect("a ledger");
    batch.record(&bundle(genesis)).expect("a record");
    batch.commit().and_then(|()| db.fold()).expect("a commit");
}

/// Changes the length of the item, wherever the file has it.
fn damage(data: &Path) {
    let path = data.join("quorate.redb");
    let mut bytes = std::fs::read(&path).expect("a database");
    let found: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&ITEM)).collect();
    assert!(!found.is_empty(), "the bundle is folded");
    found.into_iter().for_each(|at| bytes[at - 4..at].fill(0xff));
    std::fs::write(&path, bytes).expect("our file");
}

fn starts(data: &Path, genesis: &Arc<Genesis>) -> bool {
    let (genesis, signer, verify) = (genesis.clone(), Arc::new(member(0)), Arc::new(Ed25519));
    let setup = Setup { genesis, signer, verify, incarnation: 1, die: 1, history: History::All };
    Engine::open(setup, Db::open(data).expect("it opens")).is_ok()
}

#[test]
fn what_keeps_a_replica_from_its_start_is_told_as_damage() {
    let (folder, genesis) =
        (tempfile::tempdir().expect("a folder"), genesis(4, Constants::default(), Limits::default()));
    let (data, genesis, key) = (folder.path(), Arc::new(genesis), member(0).public_key().0);
    made(data, &genesis);
    let is_whole = || look(data, &genesis, Some(&key)).expect("a look").is_whole();
    assert!(starts(data, &genesis) && is_whole(), "as it was written");

    damage(data);

    assert!(!starts(data, &genesis));
    assert!(!is_whole());
}
