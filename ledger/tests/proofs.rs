//! Proofs that hold with the genesis alone, and with no byte changed.

mod support;

use quorate_ledger::proof::{Marked, NonceProof, Proof, ProofError, Proved, ProvedFile, ProvedReceipt};
use quorate_ledger::{Code, State};
use quorate_pbft::{
    Digest, Epoch, Evidence, Item, ItemKind, Kind, QuorumCert, ReplicaId, Statement, View, merkle_root,
};
use support::world::{World, at, remove, revision, write};
use support::{certificate_of, digest, replica};

fn certificate(world: &World) -> QuorumCert {
    certificate_of(&world.ledger)
}

fn prove_file(world: &World, path: &str) -> Proof {
    let proof = world.view().prove_file(&certificate(world), "main", path, None).expect("in this state");
    Proof::File(Box::new(proof))
}

fn verify(world: &World, bytes: &[u8]) -> Result<Proved, ProofError> {
    Proof::decode(bytes)?.verify(&world.genesis)
}

fn proved_file(world: &World, bytes: &[u8]) -> ProvedFile {
    match verify(world, bytes) {
        Ok(Proved::File(file)) => file,
        other => panic!("a file proof, not {other:?}"),
    }
}

fn populated() -> World {
    let mut world = World::new();
    for n in 0..40 {
        world.does(n % 4, &[write(&format!("dir/{n}"), &format!("content {n}"))]);
    }
    world
}

fn no_flipped_byte_verifies(world: &World, bytes: &[u8]) {
    for index in 0..bytes.len() {
        for flip in [1, 0x80] {
            let mut bytes = bytes.to_vec();
            bytes[index] ^= flip;
            assert!(verify(world, &bytes).is_err(), "byte {index} of {}", bytes.len());
        }
    }
    assert!(verify(world, &bytes[..bytes.len() - 1]).is_err());
    assert!(verify(world, &[bytes, &[0]].concat()).is_err());
}

/// Changes a byte and makes the hash at the end fit again, as a liar would.
fn resealed(bytes: &[u8], index: usize) -> Vec<u8> {
    let mut changed = bytes[..bytes.len() - 32].to_vec();
    changed[index] ^= 1;
    let hash = digest(&changed);
    [changed, hash.0.to_vec()].concat()
}

#[test]
fn a_liar_who_fits_the_hash_proves_nothing_false() {
    let world = populated();
    let bytes = prove_file(&world, "dir/7").encode();
    for index in 0..bytes.len() - 32 {
        assert!(verify(&world, &resealed(&bytes, index)).is_err(), "byte {index}");
    }
    let absent = prove_file(&world, "nothing").encode();
    for index in 0..absent.len() - 32 {
        if let Ok(Proved::File(file)) = verify(&world, &resealed(&absent, index)) {
            assert_eq!((file.file, world.text(&file.path)), (None, None), "a true statement about another path");
        }
    }
}

#[test]
fn a_file_is_proved_by_the_genesis_alone() {
    let world = populated();
    let proved = proved_file(&world, &prove_file(&world, "dir/7").encode());
    assert_eq!((proved.domain.as_str(), proved.path.as_str()), ("main", "dir/7"));
    assert_eq!(proved.hash(), Some(digest(b"content 7")));
    assert_eq!((proved.revision, proved.seq.get()), (Some(at("8.1")), 40));
    assert_eq!(proved.signers.len(), 3, "exactly q");
    assert_eq!(proved.time.get(), world.time);
}

#[test]
fn a_path_where_nothing_stands_is_proved_too() {
    let mut world = populated();
    let proved = proved_file(&world, &prove_file(&world, "nothing").encode());
    assert_eq!((proved.file, proved.revision), (None, None));
    world.does(0, &[remove("dir/3")]);
    let proved = proved_file(&world, &prove_file(&world, "dir/3").encode());
    assert_eq!((proved.file, proved.revision), (None, Some(at("41.1"))));
}

#[test]
fn no_byte_of_a_file_proof_may_change() {
    let world = populated();
    no_flipped_byte_verifies(&world, &prove_file(&world, "dir/7").encode());
    no_flipped_byte_verifies(&world, &prove_file(&world, "nothing").encode());
}

#[test]
fn a_proof_of_another_group_does_not_verify() {
    let world = populated();
    let bytes = prove_file(&world, "dir/7").encode();
    let other = World::of(support::genesis(7));
    assert!(verify(&other, &bytes).is_err());
}

#[test]
fn a_receipt_is_proved_by_the_genesis_alone() {
    let mut world = populated();
    let accepted = world.does(0, &[write("a", "x")]);
    let refused = world.does_on(revision("99"), 0, &[write("a", "y")]);
    world.does(1, &[write("b", "x")]);
    for receipt in [accepted, refused] {
        let proof = world.view().prove_receipt(&certificate(&world), &receipt.id).expect("in this state");
        let bytes = Proof::Receipt(Box::new(proof)).encode();
        let Ok(Proved::Receipt(ProvedReceipt { receipt: proved, .. })) = verify(&world, &bytes) else {
            panic!("a receipt proof");
        };
        assert_eq!(proved, receipt);
        no_flipped_byte_verifies(&world, &bytes);
    }
}

#[test]
fn a_certificate_of_another_state_makes_no_proof() {
    let mut world = populated();
    let old = certificate(&world);
    world.does(0, &[write("a", "x")]);
    assert!(world.view().prove_file(&old, "main", "a", None).is_err());
}

#[test]
fn an_older_state_stays_provable_while_the_ledger_goes_on() {
    let mut world = populated();
    let held = world.clone();
    let certificate = certificate(&world);
    for n in 0..30 {
        world.does(0, &[write(&format!("dir/{n}"), "new")]);
    }
    let proof = held.view().prove_file(&certificate, "main", "dir/7", None).expect("held");
    let proved = proved_file(&world, &Proof::File(Box::new(proof)).encode());
    assert_eq!(proved.hash(), Some(digest(b"content 7")));
}

#[test]
fn a_strong_read_shows_the_nonce_that_its_reader_sent() {
    let mut world = populated();
    let nonces: Vec<Digest> = (0..5).map(|byte| Digest([byte; 32])).collect();
    let mark = Item { kind: ItemKind::ReadMark, bytes: merkle_root(&nonces).0.to_vec() };
    let put = world.draft(0, world.now(), &[write("a", "x")]);
    let put = world.item(&put);
    world.slot_of(vec![(1, vec![put, mark])]);
    world.does(0, &[write("a", "y")]);
    let nonce = NonceProof::new(&nonces, 3).expect("in range");
    let marked = Marked { seq: at("41").seq(), nonce };
    let proof = world.view().prove_file(&certificate(&world), "main", "a", Some(&marked)).expect("in this state");
    let bytes = Proof::File(Box::new(proof)).encode();
    let proved = proved_file(&world, &bytes);
    assert_eq!(proved.nonce, Some((nonces[3], at("41").seq())));
    no_flipped_byte_verifies(&world, &bytes);
}

#[test]
fn a_read_mark_that_was_not_executed_makes_no_proof() {
    let world = populated();
    let nonce = NonceProof::new(&[Digest([1; 32])], 0).expect("in range");
    let marked = Marked { seq: at("40").seq(), nonce };
    assert!(world.view().prove_file(&certificate(&world), "main", "a", Some(&marked)).is_err());
}

/// Replica `n` forks its lane at `position`.
fn fork(world: &World, n: u8, kind: Kind, seq: u64) -> Evidence {
    let statement = |byte| Statement {
        group: world.genesis.group(),
        epoch: Epoch::new(0),
        kind,
        view: View::new(0),
        seq: quorate_pbft::SeqNum::new(seq),
        digest: Digest([byte; 32]),
    };
    let sign = |byte| statement(byte).sign(ReplicaId::new(u16::from(n)), &replica(n));
    Evidence::pair(&sign(1), &sign(2)).expect("a contradiction")
}

fn item(evidence: &Evidence) -> Item {
    Item { kind: ItemKind::Evidence, bytes: borsh::to_vec(evidence).expect("memory") }
}

#[test]
fn evidence_is_recorded_once_for_each_signer_and_kind() {
    let mut world = World::new();
    let (first, again) = (fork(&world, 3, Kind::Bundle, 1), fork(&world, 3, Kind::Bundle, 2));
    let other_kind = fork(&world, 3, Kind::Checkpoint, 1);
    let outcome =
        world.slot_of(vec![(0, vec![item(&first), item(&first), item(&again)]), (1, vec![item(&other_kind)])]);
    assert_eq!(outcome.recorded, [first.key(), other_kind.key()]);
    let listed = world.view().evidence(None, 10).expect("memory").items;
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|evidence| evidence.recorded_at.get() == 1 && evidence.what.signer.get() == 3));
}

#[test]
fn evidence_that_was_recorded_before_is_named_again_and_changes_nothing() {
    let mut world = World::new();
    let evidence = fork(&world, 3, Kind::Bundle, 1);
    let mut alone = world.clone();
    world.slot_of(vec![(0, vec![item(&evidence)])]);
    alone.slot_of(vec![(0, vec![item(&evidence)])]);
    let outcome = world.slot_of(vec![(0, vec![item(&evidence), item(&evidence)])]);
    let bare = alone.slot_of(vec![]);
    assert_eq!(outcome.recorded, [evidence.key()], "whoever has forgotten that it was recorded hears of it");
    assert_eq!(world.view().evidence(None, 10).expect("memory"), alone.view().evidence(None, 10).expect("memory"));
    assert_eq!((bare.recorded.len(), outcome.receipts.len()), (0, 0));
}

#[test]
fn evidence_whose_signatures_do_not_fit_is_not_recorded() {
    let mut world = World::new();
    let Evidence::Equivocation(mut a, b) = fork(&world, 3, Kind::Bundle, 1) else { panic!("a pair") };
    a.signature.0[0] ^= 1;
    let forged = Evidence::pair(&a, &b).expect("still a contradiction");
    assert_eq!(world.slot_of(vec![(0, vec![item(&forged)])]).recorded, []);
}

#[test]
fn evidence_is_verified_from_its_file_alone() {
    let mut world = World::new();
    let evidence = fork(&world, 2, Kind::Ack, 5);
    world.slot_of(vec![(0, vec![item(&evidence)])]);
    let listed = &world.view().evidence(None, 10).expect("memory").items[0];
    let bytes = world.view().evidence_file(&listed.id).expect("memory").expect("recorded");
    let Ok(Proved::Evidence(proved)) = verify(&world, &bytes) else { panic!("evidence") };
    assert_eq!((proved.what, proved.seq.get()), (evidence.key(), 5));
    no_flipped_byte_verifies(&world, &bytes);
}

#[test]
fn a_refusal_is_a_verdict_that_can_be_shown() {
    let mut world = World::new();
    let receipt = world.does_on(revision("5"), 0, &[]);
    assert_eq!((receipt.state, receipt.code), (State::Refused, Some(Code::BaseUnknown)));
    assert!(world.view().prove_receipt(&certificate(&world), &receipt.id).is_ok());
}
