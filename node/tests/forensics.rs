//! `quorate evidence find`: what stopped replicas left on their disks names who broke the group (E4).

use quorate_client::keys::read_seed;
use quorate_ledger::Genesis;
use quorate_pbft::{
    ClaimedCert, Content, Ed25519, Ed25519Signer, Epoch, Kind, QuorumCert, Record, ReplicaId, SeqNum, Statement, Time,
    View,
};
use quorate_storage::Db;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

fn quorate(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate")).current_dir(folder).args(args).output().expect("the program was built")
}

/// A group of four that never ran.
fn group() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let made = quorate(folder.path(), &["init", "--out", "g", "--replicas", "4"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    folder
}

/// Slot 1 decided by these members, with their keys, at a time of its own.
fn decided(folder: &Path, millis: u64, signers: &[u16]) -> Record {
    let genesis = std::fs::read(folder.join("g/genesis.json")).expect("a genesis");
    let genesis = Genesis::parse(&genesis).expect("a genesis");
    let committee = genesis.founders();
    let content = Content { cut: Vec::new(), time: Some(Time::new(millis)), mark: false };
    let (kind, view, seq, digest) = (Kind::Commit, View::new(0), SeqNum::new(1), content.digest());
    let statement = Statement { group: genesis.group(), epoch: Epoch::default(), kind, view, seq, digest };
    let signature = |signer: &u16| {
        let seed = read_seed(&folder.join(format!("g/replica-{signer}/replica.key"))).expect("a key");
        let signed = statement.sign(ReplicaId::new(*signer), &Ed25519Signer::from_seed(&seed));
        (signed.signer, signed.signature)
    };
    let claimed = ClaimedCert {
        epoch: Epoch::default(),
        kind,
        view,
        seq,
        digest,
        signatures: signers.iter().map(signature).collect(),
    };
    let certificate: QuorumCert = committee.check(claimed, &Ed25519).expect("a quorum");
    Record::Committed { certificate, content }
}

fn store(folder: &Path, replica: u16, record: &Record) {
    let db = Db::open(&folder.join(format!("g/replica-{replica}/data"))).expect("init made it");
    let mut batch = db.begin().expect("a batch");
    // The first record of a disk says whose it is; a certificate does not say it.
    let Record::Committed { certificate, .. } = record else { panic!("a decision") };
    let genesis = std::fs::read(folder.join("g/genesis.json")).expect("a genesis");
    let group = Genesis::parse(&genesis).expect("a genesis").group();
    let own = certificate.statements(group).find(|said| said.signer.get() == replica).expect("it signed");
    batch.record(&Record::Statement(own)).expect("a record");
    batch.record(record).expect("a record");
    batch.commit().expect("a disk");
}

#[test]
fn two_decisions_on_two_disks_name_those_who_signed_both_with_proofs() {
    let folder = group();
    let at = folder.path();
    store(at, 0, &decided(at, 1, &[0, 1, 2]));
    store(at, 3, &decided(at, 2, &[1, 2, 3]));
    let args = ["evidence", "find", "--stores", "g/replica-0", "g/replica-3", "--genesis", "g/genesis.json"];

    let found = quorate(at, &[&args[..], &["--out", "proofs", "--json"]].concat());

    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let document: Value = serde_json::from_slice(&found.stdout).expect("one document");
    assert_eq!(document["culprits"], serde_json::json!([1, 2]));
    assert_eq!((&document["conflicts"][0]["seq"], &document["needed"]), (&1.into(), &2.into()));
    for item in document["items"].as_array().expect("a list") {
        let file = item["file"].as_str().expect("written");
        let verified = quorate(at, &["evidence", "verify", file, "--genesis", "g/genesis.json"]);
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    }
}

#[test]
fn one_decision_names_nobody() {
    let folder = group();
    let at = folder.path();
    store(at, 0, &decided(at, 1, &[0, 1, 2]));

    let found =
        quorate(at, &["evidence", "find", "--stores", "g/replica-0", "g/replica-1", "--genesis", "g/genesis.json"]);

    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    assert!(String::from_utf8_lossy(&found.stdout).contains("no evidence against anybody"));
}

#[test]
fn a_folder_without_a_database_is_named() {
    let folder = group();
    let found = quorate(folder.path(), &["evidence", "find", "--stores", "nowhere", "--genesis", "g/genesis.json"]);
    assert_eq!(found.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&found.stderr).contains("nowhere"));
}
