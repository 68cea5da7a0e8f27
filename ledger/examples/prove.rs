//! A ledger in memory, from a signed envelope to a proof of its file that holds with the genesis alone: what `quorate_pbft`
//! decides in a group is made by hand here, for a group of one.
//!
//! `cargo run -p quorate-ledger --example prove`

use quorate_ledger::keys::Purpose;
use quorate_ledger::proof::{Proof, Proved};
use quorate_ledger::{
    Base, Body, Change, DomainRules, Enrolment, Envelope, FORMAT, Genesis, GenesisFile, Ledger, Limits, MemoryStore,
    Mode, Op, RULES, Revision,
};
use quorate_pbft::{
    Bundle, BundleHeader, ClaimedCert, Constants, Content, Decided, Digest, Ed25519, Ed25519Signer, Item, ItemKind,
    Kind, Position, QuorumCert, ReplicaId, SeqNum, Signer as _, Statement, Time, Tip, View, items_root,
};
use sha2::{Digest as _, Sha256};
use std::error::Error;

/// The one member.
const ME: ReplicaId = ReplicaId::new(0);

fn main() -> Result<(), Box<dyn Error>> {
    let (replica, author) = (Ed25519Signer::from_seed(&[1; 32]), Ed25519Signer::from_seed(&[2; 32]));
    let genesis = genesis(&replica, &author)?;
    let mut store = MemoryStore::default();
    let mut ledger = Ledger::create(&mut store, &genesis)?;

    let envelope = envelope(&genesis, &author, "notes/today.txt", b"a line");
    let outcome = ledger.execute(&mut store, &decided(&ledger, &replica, envelope))?;
    println!("{:?}", outcome.receipts[0].state);

    let certificate = certificate(&ledger, &replica)?;
    let proof = ledger.view(&store).prove_file(&certificate, "main", "notes/today.txt", None)?;
    let bytes = Proof::File(Box::new(proof)).encode();

    // Somebody else, who has the genesis and these bytes.
    let Proved::File(file) = Proof::decode(&bytes)?.verify(&genesis)? else { return Err("another proof".into()) };
    println!("{} at {:?} is {:?}, signed by {:?}", file.path, file.revision, file.hash(), file.signers);
    Ok(())
}

/// Genesis of a group of one, with an author. It names its rules: one that names none begins by the oldest.
fn genesis(replica: &Ed25519Signer, author: &Ed25519Signer) -> Result<Genesis, Box<dyn Error>> {
    let file = GenesisFile {
        format: FORMAT.into(),
        name: "an example".into(),
        rules: Some(RULES.newest),
        restarted_from: None,
        organisations: vec!["org".into()],
        members: vec![Enrolment::prove(Purpose::Member, "org", replica)],
        authors: vec![Enrolment::prove(Purpose::Author, "org", author)],
        domains: vec![DomainRules::open("main")],
        constants: Constants::default(),
        limits: Limits::default(),
    };
    Ok(Genesis::build(file)?)
}

/// Envelope that puts a file: the author's first in the domain.
fn envelope(genesis: &Genesis, author: &Ed25519Signer, path: &str, content: &[u8]) -> Item {
    let put = Op::Put { path: path.into(), mode: Mode::File, content: Digest(Sha256::digest(content).into()) };
    let body = Body {
        author: author.public_key(),
        domain: "main".into(),
        from_seq: 1,
        to_seq: 1,
        attempt: 1,
        changes: vec![Change::new(Base::Revision(Revision::GENESIS), vec![put], "an example", 0)],
        carried: vec![],
    };
    let signed = Envelope::sign(&genesis.group(), body, vec![content.to_vec()], author);
    Item { kind: ItemKind::Envelope, bytes: signed.encode() }
}

/// Slot that holds one bundle of one item.
fn decided(ledger: &Ledger, replica: &Ed25519Signer, item: Item) -> Decided {
    let (bytes, items, position) = (item.bytes.len() as u64, vec![item], Position::new(1));
    let (parent, items_root) = (Digest::ZERO, items_root(&items));
    let header = BundleHeader { lane: ME, position, parent, items: 1, bytes, items_root, lane_bytes: bytes };
    let (seq, digest, time) = (SeqNum::new(1), header.digest(), Time::new(1_700_000_000_000));
    let statement = statement(ledger, Kind::Bundle, seq, digest).sign(ME, replica);
    let content = Content { cut: vec![(ME, Tip { position, digest })], time: Some(time), mark: true };
    let bundles = vec![Bundle { header, statement, items }.into()];
    // The core chains the hash over the bundles of all slots.
    Decided { epoch: ledger.executed().epoch, seq, content, time, bundles, lane_hash: digest }
}

/// Certificate of the executed state: here the one member is a quorum.
fn certificate(ledger: &Ledger, replica: &Ed25519Signer) -> Result<QuorumCert, Box<dyn Error>> {
    let point = ledger.executed();
    let signed = statement(ledger, Kind::Checkpoint, point.seq, point.checkpoint_digest()).sign(ME, replica);
    let Statement { epoch, kind, view, seq, digest, .. } = signed.statement;
    let claimed = ClaimedCert { epoch, kind, view, seq, digest, signatures: vec![(ME, signed.signature)] };
    Ok(ledger.voters().check(claimed, &Ed25519)?)
}

fn statement(ledger: &Ledger, kind: Kind, seq: SeqNum, digest: Digest) -> Statement {
    let committee = ledger.voters();
    Statement { group: committee.group(), epoch: committee.epoch(), kind, view: View::new(0), seq, digest }
}
