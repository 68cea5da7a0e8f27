//! Proofs through epochs: the genesis alone, and each epoch's members vouched for by the ones before.
//!
//! The end of the first epoch is signed here by hand, as its members would.

mod support;

use quorate_ledger::copy::copy_steps;
use quorate_ledger::proof::{EpochStep, Epochs, EvidenceProof, Proof, ProofError, Proved};
use quorate_ledger::{
    Act, GROUP_DOMAIN, JoinStatement, Joiner, LogEntry, MemoryStore, RULES, Read as _, Reconfiguration, Store as _,
    Table,
};
use quorate_pbft::{
    ClaimedCert, Committee, Digest, Ed25519, Ed25519Signer, Epoch, Evidence, Kind, QuorumCert, ReplicaId, SeqNum,
    Signer, Statement, View, checkpoint_digest,
};
use support::world::{World, write};
use support::{certificate_of, digest, replica};

/// Members of the second epoch: the first four, and a fifth.
fn successor(n: u8) -> Ed25519Signer {
    replica(n)
}

/// The group names the members of its second epoch, and executes the first to its end.
fn reconfigure(world: &mut World) {
    world.slot(&[]);
    let checkpoint = certificate_of(&world.ledger).claim().clone();
    let statement = JoinStatement::sign(&world.genesis.group(), checkpoint, RULES, &successor(4));
    let joiner = Joiner { statement: Some(statement), ..Joiner::prove("org-0", &successor(4)) };
    let change = Reconfiguration { add: vec![joiner], ..Reconfiguration::default() };
    world.agrees(GROUP_DOMAIN, Act::Reconfigure { change });
    world.fill();
}

fn successors(world: &World) -> Committee {
    let members = (0..5).map(|n| successor(n).public_key()).collect();
    Committee::new(world.genesis.group(), Epoch::new(1), members).expect("five keys")
}

fn statement(world: &World, epoch: u64, informed: &Committee) -> Statement {
    let point = world.ledger.executed();
    Statement {
        group: world.genesis.group(),
        epoch: Epoch::new(epoch),
        kind: Kind::Checkpoint,
        view: View::new(0),
        seq: point.seq,
        digest: checkpoint_digest(&point.lane_hash, &point.state_root, &informed.digest()),
    }
}

/// The statement signed by the first `count` of these.
fn claim(statement: Statement, signer: fn(u8) -> Ed25519Signer, count: u8) -> ClaimedCert {
    let sign = |n: u8| {
        let signed = statement.sign(ReplicaId::new(u16::from(n)), &signer(n));
        (signed.signer, signed.signature)
    };
    let Statement { epoch, kind, view, seq, digest, .. } = statement;
    ClaimedCert { epoch, kind, view, seq, digest, signatures: (0..count).map(sign).collect() }
}

/// Step that three of the four first members sign at the end of their epoch, in the state as it is.
fn step(world: &World) -> EpochStep {
    let next = successors(world);
    let point = world.ledger.executed();
    EpochStep {
        certificate: claim(statement(world, 0, &next), replica, 3),
        lane_hash: point.lane_hash,
        state_root: point.state_root,
        members: next.keys().copied().collect(),
    }
}

/// A world that has passed from the first epoch into the second, and what leads there.
fn two_epochs() -> (World, Epochs) {
    let mut world = World::new();
    for n in 0..10 {
        world.does(n % 4, &[write(&format!("old/{n}"), "of the first epoch")]);
    }
    reconfigure(&mut world);
    let epochs = Epochs::of(&world.genesis).followed_by(step(&world)).expect("three of four signed");
    world.does(0, &[write("new", "of the second epoch")]);
    (world, epochs)
}

/// The second committee's checkpoint of the state as it is.
fn certificate(world: &World) -> QuorumCert {
    let committee = successors(world);
    let claimed = claim(statement(world, 1, &committee), successor, 4);
    committee.check(claimed, &Ed25519).expect("four of five signed")
}

fn file(world: &World, epochs: &Epochs, path: &str) -> Vec<u8> {
    let proof = world.view().prove_file_through(epochs, &certificate(world), "main", path, None);
    Proof::File(Box::new(proof.expect("in this state"))).encode()
}

fn verify(world: &World, bytes: &[u8]) -> Result<Proved, ProofError> {
    Proof::decode(bytes)?.verify(&world.genesis)
}

#[test]
fn a_file_of_the_second_epoch_is_proved_by_the_genesis_alone() {
    let (world, epochs) = two_epochs();
    for (path, content) in [("new", "of the second epoch"), ("old/3", "of the first epoch")] {
        let Ok(Proved::File(proved)) = verify(&world, &file(&world, &epochs, path)) else { panic!("it holds") };
        assert_eq!((proved.hash(), proved.signers.len()), (Some(digest(content.as_bytes())), 4));
    }
}

#[test]
fn a_receipt_of_either_epoch_is_proved_by_the_genesis_alone() {
    let (world, epochs) = two_epochs();
    let log = world.view().log("main", None, None, 100).expect("known").items;
    assert_eq!(log.len(), 11);
    for entry in log {
        let proof = world.view().prove_receipt_through(&epochs, &certificate(&world), &entry.id);
        let bytes = Proof::Receipt(Box::new(proof.expect("in this state"))).encode();
        let Ok(Proved::Receipt(proved)) = verify(&world, &bytes) else { panic!("it holds") };
        assert_eq!((proved.receipt.id, proved.receipt.revision), (entry.id, Some(entry.revision)));
    }
}

#[test]
fn no_byte_of_a_proof_through_epochs_may_change() {
    let (world, epochs) = two_epochs();
    let bytes = file(&world, &epochs, "new");
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        assert!(verify(&world, &changed).is_err(), "byte {index}");
        if index < bytes.len() - 32 {
            let body = changed.len() - 32;
            let hash = digest(&changed[..body]);
            changed[body..].copy_from_slice(&hash.0);
            assert!(verify(&world, &changed).is_err(), "byte {index}, with the hash made to fit");
        }
    }
}

#[test]
fn without_the_step_the_second_epoch_proves_nothing() {
    let (world, epochs) = two_epochs();
    let first = Epochs::of(&world.genesis);
    let made = world.view().prove_file_through(&first, &certificate(&world), "main", "new", None);
    assert!(made.is_err(), "there is no way to its committee");
    let other = World::of(support::genesis(7));
    assert!(verify(&other, &file(&world, &epochs, "new")).is_err());
}

#[test]
fn nobody_but_a_quorum_of_the_epoch_before_vouches_for_the_next() {
    let world = World::new();
    let good = step(&world);
    let follow = |step: EpochStep| Epochs::of(&world.genesis).followed_by(step).map(drop);
    assert_eq!(follow(good.clone()), Ok(()));

    let next = successors(&world);
    let signed = |epoch, informed: &Committee, signer, count| {
        let certificate = claim(statement(&world, epoch, informed), signer, count);
        follow(EpochStep { certificate, ..good.clone() })
    };
    assert!(matches!(signed(0, &next, replica, 2), Err(ProofError::Certificate(_))), "one too few");
    assert_eq!(signed(0, &next, replica, 4), Err(ProofError::Surplus(4)));
    assert!(matches!(signed(1, &next, replica, 3), Err(ProofError::Certificate(_))), "of another epoch");
    assert!(matches!(signed(0, &next, |n| successor(n + 4), 3), Err(ProofError::Certificate(_))), "by themselves");
    let first = world.genesis.founders();
    assert_eq!(signed(0, first, replica, 3), Err(ProofError::NotCertified), "a checkpoint that ends no epoch");

    let mut others = good.clone();
    others.members.swap(0, 1);
    assert_eq!(follow(others), Err(ProofError::NotCertified));
    let mut twice = good.clone();
    twice.members[1] = twice.members[0];
    assert_eq!(follow(twice), Err(ProofError::Epoch));
    let first = Epochs::of(&world.genesis);
    assert!(first.joined(&[good.clone(), good]).is_err(), "one step leads one epoch on");
}

/// The last checkpoint of an epoch is signed by its own members and names the next ones.
#[test]
fn the_last_checkpoint_of_an_epoch_proves_as_well() {
    let mut world = World::new();
    world.does(0, &[write("a", "x")]);
    let step = step(&world);
    let committee = world.genesis.founders();
    let certificate = committee.check(step.certificate.clone(), &Ed25519).expect("signed");
    let epochs = Epochs::of(&world.genesis).followed_by(step).expect("signed");
    let proof = world.view().prove_file_through(&epochs, &certificate, "main", "a", None).expect("in this state");
    let bytes = Proof::File(Box::new(proof)).encode();
    let Ok(Proved::File(proved)) = verify(&world, &bytes) else { panic!("it holds") };
    assert_eq!(proved.hash(), Some(digest(b"x")));
}

#[test]
fn a_fault_in_the_second_epoch_is_proved_by_the_genesis_alone() {
    let (world, epochs) = two_epochs();
    let vote = |byte| {
        let (group, view, seq) = (world.genesis.group(), View::new(1), SeqNum::new(99));
        let digest = Digest([byte; 32]);
        let statement = Statement { group, epoch: Epoch::new(1), kind: Kind::Prepare, view, seq, digest };
        statement.sign(ReplicaId::new(2), &successor(2))
    };
    let evidence = Evidence::pair(&vote(1), &vote(2)).expect("a contradiction");
    let bytes = Proof::Evidence(Box::new(EvidenceProof::through(&epochs, evidence.clone()))).encode();
    let Ok(Proved::Evidence(proved)) = verify(&world, &bytes) else { panic!("it holds") };
    assert_eq!((proved.key, proved.what.epoch), (successor(2).public_key(), Epoch::new(1)));
    let unled = Proof::Evidence(Box::new(EvidenceProof::new(evidence))).encode();
    assert_eq!(verify(&world, &unled), Err(ProofError::Epoch));
}

#[test]
fn a_file_of_epochs_leads_to_the_newest_and_fails_with_any_byte_changed() {
    let (world, epochs) = two_epochs();
    let file = epochs.encode();
    assert_eq!(Epochs::decode(&file, &world.genesis), Ok(epochs));
    for at in (0..file.len()).step_by(7) {
        let mut flipped = file.clone();
        flipped[at] ^= 1;
        assert!(Epochs::decode(&flipped, &world.genesis).is_err(), "byte {at}");
    }
    let other = World::of(support::genesis(7));
    assert!(matches!(Epochs::decode(&file, &other.genesis), Err(ProofError::OtherGroup { .. })));
}

/// M3: keys of members that left could sign it.
#[test]
fn a_proof_of_an_older_epoch_than_the_newest_known_one_is_refused_and_names_both() {
    let mut world = World::new();
    world.does(0, &[write("a", "x")]);
    let old = world.view().prove_file(&support::certificate_of(&world.ledger), "main", "a", None);
    let old = Proof::File(Box::new(old.expect("in this state")));
    let first = Epochs::of(&world.genesis);
    let (_, seen) = old.verify_after(&world.genesis, &first).expect("nothing newer is known");
    assert_eq!(seen, first);
    let known = first.followed_by(step(&world)).expect("signed");
    let refused = old.verify_after(&world.genesis, &known).map(drop);
    assert_eq!(refused, Err(ProofError::OlderEpoch { ends: Epoch::new(0), known: Epoch::new(1) }));
}

#[test]
fn a_proof_that_leads_further_says_which_epochs_are_known_with_it() {
    let (world, epochs) = two_epochs();
    let proof = Proof::decode(&file(&world, &epochs, "new")).expect("a proof");
    let (_, seen) = proof.verify_after(&world.genesis, &Epochs::of(&world.genesis)).expect("it holds");
    assert_eq!(seen, epochs);
    assert!(proof.verify_after(&world.genesis, &epochs).is_ok());
}

/// M3: a copy that begins with what an older database holds believes no members that had left by then.
#[test]
fn a_database_hands_on_the_steps_that_lead_on_from_the_genesis_and_no_other() {
    let mut world = World::new();
    reconfigure(&mut world);
    let certificate = step(&world).certificate;
    world.ledger.keep_step(&mut world.store, &certificate).expect("the end of the epoch");
    let handed_on = |store: &MemoryStore| {
        let mut fresh = MemoryStore::default();
        copy_steps(store, &world.genesis, &mut fresh).expect("memory does not fail");
        fresh.first_keys(Table::Meta, b"epoch-step", &[0xff; 64], 2).expect("memory does not fail")
    };

    let steps = handed_on(&world.store);

    assert_eq!(steps.len(), 1);
    let mut forged = world.store.get(Table::Meta, &steps[0]).expect("memory does not fail").expect("the step");
    let last_of_the_signatures = forged.windows(64).rposition(|bytes| bytes == certificate.signatures[2].1.0);
    forged[last_of_the_signatures.expect("it is signed")] ^= 1;
    world.store.put(Table::Meta, &steps[0], &forged).expect("memory does not fail");
    assert!(handed_on(&world.store).is_empty());
}

/// M3: the first members sign another successor with their old keys.
#[test]
fn a_second_history_is_refused_by_who_knows_the_first() {
    let (world, epochs) = two_epochs();
    let others = (5..10).map(|n| successor(n).public_key()).collect();
    let others = Committee::new(world.genesis.group(), Epoch::new(1), others).expect("five keys");
    let certificate = claim(statement(&world, 0, &others), replica, 3);
    let (lane_hash, state_root) = (world.ledger.executed().lane_hash, world.ledger.executed().state_root);
    let members = others.keys().copied().collect();
    let forged = [EpochStep { certificate, lane_hash, state_root, members }];
    assert!(Epochs::of(&world.genesis).joined(&forged).is_ok(), "the genesis alone cannot tell");
    assert_eq!(epochs.joined(&forged), Err(ProofError::OtherHistory(Epoch::new(1))));
}

#[test]
fn an_accepted_envelope_is_told_with_the_epoch_of_the_slot_that_ordered_it() {
    let (world, _) = two_epochs();
    let log = world.view().log("main", None, None, 100).expect("known").items;

    let epoch_of =
        |entry: &LogEntry| world.view().brought(entry.revision, &entry.id).expect("known").expect("one").epoch;
    let epochs: Vec<u64> = log.iter().map(|entry| epoch_of(entry).get()).collect();

    assert_eq!(epochs, [&[1][..], &[0; 10]].concat(), "the newest first");
}
