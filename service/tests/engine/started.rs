//! Rows that a start needs: a look at a stopped replica's database reads them too.

use crate::group::{genesis, member};
use quorate_ledger::{EnvelopeCheck, Genesis, Ledger, Limits};
use quorate_pbft::{
    Admitted, Bundle, BundleHeader, ClaimedCert, Constants, Content, Digest, Ed25519, Epoch, Item, ItemKind, Kind,
    Message, Now, Position, Record, ReplicaId, SeqNum, Signer as _, Statement, Ticks, Time, Unverified, VerifyContext,
    View, items_root,
};
use quorate_service::copying::look;
use quorate_service::engine::{Engine, History, Request, Setup};
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

/// A decision of an empty slot.
fn decided(genesis: &Genesis, seq: u64, mark: bool) -> Record {
    let content = Content { cut: vec![], time: Some(Time::new(seq)), mark };
    let (group, epoch, kind, view) = (genesis.group(), Epoch::default(), Kind::Commit, View::new(0));
    let (seq, digest) = (SeqNum::new(seq), content.digest());
    let statement = Statement { group, epoch, kind, view, seq, digest };
    let sign = |number| (ReplicaId::new(number), statement.sign(ReplicaId::new(number), &member(number)).signature);
    let claimed = ClaimedCert { epoch, kind, view, seq, digest, signatures: [0, 1, 2].map(sign).to_vec() };
    Record::Committed { certificate: genesis.founders().check(claimed, &Ed25519).expect("three signed"), content }
}

fn made(data: &Path, genesis: &Genesis, records: &[Record]) {
    let db = Db::create(data).expect("an empty folder");
    let mut batch = db.begin().expect("a batch");
    Ledger::create(&mut batch, genesis).expect("a ledger");
    records.iter().for_each(|record| batch.record(record).expect("a record"));
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

fn start(data: &Path, genesis: &Arc<Genesis>) -> Option<Engine> {
    let (genesis, signer, verify) = (genesis.clone(), Arc::new(member(0)), Arc::new(Ed25519));
    let setup = Setup { genesis, signer, verify, incarnation: 1, die: 1, history: History::All };
    Engine::open(setup, Db::open(data).expect("it opens")).ok()
}

#[test]
fn what_keeps_a_replica_from_its_start_is_told_as_damage() {
    let (folder, genesis) =
        (tempfile::tempdir().expect("a folder"), genesis(4, Constants::default(), Limits::default()));
    let (data, genesis, key) = (folder.path(), Arc::new(genesis), member(0).public_key().0);
    made(data, &genesis, &[bundle(&genesis)]);
    let is_whole = || look(data, &genesis, Some(&key)).expect("a look").is_whole();
    assert!(start(data, &genesis).is_some() && is_whole(), "as it was written");

    damage(data);

    assert!(start(data, &genesis).is_none());
    assert!(!is_whole());
}

/// C2, E7: the stop came after the execution of its slots, and before the answers that a replica needs to sign.
#[test]
fn a_checkpoint_that_a_stop_left_unsigned_is_signed_after_the_next_start() {
    let (folder, genesis) =
        (tempfile::tempdir().expect("a folder"), genesis(4, Constants::default(), Limits::default()));
    made(folder.path(), &genesis, &[decided(&genesis, 1, true), decided(&genesis, 2, false)]);
    let genesis = Arc::new(genesis);
    let mut engine = start(folder.path(), &genesis).expect("what the disk holds");
    let (payload, constants, committee) = (EnvelopeCheck::new(&genesis), genesis.constants(), genesis.founders());
    let context = VerifyContext { committee, verify: &Ed25519, payload: &payload, constants };
    let answer = |from| {
        let answer = Message::Recalled { incarnation: 1, statements: vec![] };
        let verified = Unverified::new(ReplicaId::new(from), answer).verify(&context).expect("an honest answer");
        Request::Message(Box::new(Admitted::Verified(verified)))
    };

    let now = Now { ticks: Ticks::new(1), wall: Time::new(1_000) };
    let round = engine.round(now, vec![answer(1), answer(2)]).expect("a round");

    let said = round.outbox.iter().filter_map(|outgoing| match &*outgoing.message {
        Message::Checkpoint(signed) => Some(signed.statement.seq.get()),
        _ => None,
    });
    assert_eq!(said.collect::<Vec<_>>(), [1]);
}
