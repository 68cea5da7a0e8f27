//! A small group, its authors and their changes: what every test of the ledger starts from.
#![allow(dead_code)] // each test crate uses a part of it

pub mod counting;
pub mod disputes;
pub mod locks;
pub mod twin;
pub mod world;

use quorate_ledger::Revision;
use quorate_ledger::keys::Purpose;
use quorate_ledger::{
    Base, Body, Change, DomainRules, Enrolment, FORMAT, Genesis, GenesisFile, Ledger, Limits, MemoryStore, Mode, Op,
};
use quorate_pbft::{
    ClaimedCert, Constants, Digest, Ed25519, Ed25519Signer, Kind, PublicKey, QuorumCert, Signer, Statement, View,
};
use sha2::{Digest as _, Sha256};

/// Replica `n`'s key.
pub fn replica(n: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&[n + 1; 32])
}

/// Author `n`'s key. Authors 0 to 3 are enrolled, of organisations 0 to 3.
pub fn author(n: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&[n + 101; 32])
}

/// A group of `n` replicas in as many organisations, with four authors, and the domains `main` and `other`.
pub fn genesis(n: u8) -> Genesis {
    genesis_with(n, Limits::default())
}

/// As [`genesis`] of four, by these rules.
pub fn genesis_by(rules: Option<u32>) -> Genesis {
    let file = genesis(4).file().clone();
    Genesis::build(GenesisFile { rules, ..file }).expect("a good genesis")
}

/// As [`genesis`], with other limits.
pub fn genesis_with(n: u8, limits: Limits) -> Genesis {
    let mut authors: Vec<Enrolment> = (0..4).map(|i| enrolled(Purpose::Author, i, &author(i))).collect();
    authors.sort_unstable_by_key(|author| author.key);
    let mut organisations: Vec<String> = (0..n.max(4)).map(|i| format!("org-{i}")).collect();
    organisations.sort_unstable();
    let file = GenesisFile {
        format: FORMAT.into(),
        name: "test".into(),
        rules: None,
        restarted_from: None,
        organisations,
        members: (0..n).map(|i| enrolled(Purpose::Member, i, &replica(i))).collect(),
        authors,
        domains: ["main", "other"].map(DomainRules::open).into(),
        constants: Constants::default(),
        limits,
    };
    Genesis::build(file).expect("a good genesis")
}

fn enrolled(purpose: Purpose, n: u8, signer: &Ed25519Signer) -> Enrolment {
    Enrolment::prove(purpose, &format!("org-{n}"), signer)
}

/// Certificate that a quorum of the epoch's members would sign after the newest slot.
pub fn certificate_of(ledger: &Ledger) -> QuorumCert {
    let (committee, point) = (ledger.voters(), ledger.executed());
    let statement = Statement {
        group: committee.group(),
        epoch: point.epoch,
        kind: Kind::Checkpoint,
        view: View::new(0),
        seq: point.seq,
        digest: point.checkpoint_digest(),
    };
    let signed = committee.replicas().zip(committee.keys()).map(|(id, key)| statement.sign(id, &replica_with(key)));
    let signatures = signed.map(|signed| (signed.signer, signed.signature)).take(committee.quorum());
    let Statement { epoch, kind, view, seq, digest, .. } = statement;
    let claimed = ClaimedCert { epoch, kind, view, seq, digest, signatures: signatures.collect() };
    committee.check(claimed, &Ed25519).expect("a quorum signed")
}

/// After the last slot of an epoch, keeps its certificate as a step to the next one, as members do.
pub fn keep_step(ledger: &Ledger, store: &mut MemoryStore) {
    if ledger.executed().is_last() {
        ledger.keep_step(store, certificate_of(ledger).claim()).expect("the last slot of its epoch");
    }
}

/// The replica that has this key.
fn replica_with(key: &PublicKey) -> Ed25519Signer {
    (0..100).map(replica).find(|signer| signer.public_key() == *key).expect("one of ours")
}

/// SHA-256 of a content.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

/// Puts an ordinary file.
pub fn put(path: &str, content: &[u8]) -> Op {
    Op::Put { path: path.into(), mode: Mode::File, content: digest(content) }
}

/// Body with a change by author 0 in `main`, based on genesis.
pub fn body(seq: u64, ops: Vec<Op>) -> Body {
    body_of(0, seq, ops)
}

/// Body with a change in `main`, based on genesis.
pub fn body_of(n: u8, seq: u64, ops: Vec<Op>) -> Body {
    let change = Change::new(Base::Revision(Revision::GENESIS), ops, "a message", 1_700_000_000_000);
    Body {
        author: author(n).public_key(),
        domain: "main".into(),
        from_seq: seq,
        to_seq: seq,
        attempt: 1,
        changes: vec![change],
        carried: vec![],
    }
}
