//! Evidence from its file and the genesis alone.

use quorate_client::epochs::{EpochsError, SeenEpochs};
use quorate_client::verify::{Demands, NotProved, verify, verify_after};
use quorate_ledger::keys::Purpose;
use quorate_ledger::proof::{EpochStep, Epochs, EvidenceProof, Proof, ProofError, Proved};
use quorate_ledger::{DomainRules, Enrolment, FORMAT, Genesis, GenesisFile, Limits};
use quorate_pbft::{
    ClaimedCert, Committee, Constants, Digest, Ed25519Signer, Epoch, Evidence, EvidenceKind, Kind, ReplicaId, SeqNum,
    Signer as _, Statement, View, checkpoint_digest,
};

fn replica(n: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&[n + 1; 32])
}

fn genesis(name: &str) -> Genesis {
    let member = |n: u8| Enrolment::prove(Purpose::Member, &format!("org-{n}"), &replica(n));
    let domain = DomainRules { name: "main".into(), writers: vec![], readers: vec![] };
    let file = GenesisFile {
        format: FORMAT.into(),
        name: name.into(),
        rules: None,
        organisations: (0..4).map(|n| format!("org-{n}")).collect(),
        members: (0..4).map(member).collect(),
        authors: vec![],
        domains: vec![domain],
        constants: Constants::default(),
        limits: Limits::default(),
    };
    Genesis::build(file).expect("a good genesis")
}

/// Replica 2 voted twice in view 1 for slot 7.
fn evidence(group: &Genesis) -> Vec<u8> {
    let vote = |byte| {
        let (view, seq, digest) = (View::new(1), SeqNum::new(7), Digest([byte; 32]));
        let statement =
            Statement { group: group.group(), epoch: Epoch::new(0), kind: Kind::Prepare, view, seq, digest };
        statement.sign(ReplicaId::new(2), &replica(2))
    };
    let evidence = Evidence::pair(&vote(1), &vote(2)).expect("a contradiction");
    Proof::Evidence(Box::new(EvidenceProof::new(evidence))).encode()
}

#[test]
fn evidence_verifies_from_its_file_alone() {
    let group = genesis("a");
    let proved = verify(&evidence(&group), group.bytes(), &Demands::default()).expect("it holds");
    let Proved::Evidence(proved) = proved else { panic!("evidence was put in") };
    assert_eq!((proved.what.signer, proved.what.kind), (ReplicaId::new(2), EvidenceKind::Proposal));
    assert_eq!((proved.view, proved.seq, proved.key), (View::new(1), SeqNum::new(7), replica(2).public_key()));
}

#[test]
fn any_flipped_byte_fails() {
    let group = genesis("a");
    let file = evidence(&group);
    for at in 0..file.len() {
        let mut flipped = file.clone();
        flipped[at] ^= 1;
        assert!(verify(&flipped, group.bytes(), &Demands::default()).is_err(), "byte {at}");
    }
    assert!(verify(&file[..file.len() - 1], group.bytes(), &Demands::default()).is_err());
}

#[test]
fn another_groups_genesis_proves_nothing() {
    let (theirs, ours) = (genesis("a"), genesis("b"));
    let failed = verify(&evidence(&theirs), ours.bytes(), &Demands::default()).expect_err("of another group");
    let (theirs, ours) = (theirs.group(), ours.group());
    assert_eq!(failed, NotProved::Proof(ProofError::OtherGroup { theirs, ours }));
    assert_eq!(failed.to_string(), format!("it is of group {theirs}, this genesis is of {ours}"));
}

#[test]
fn evidence_has_no_content_to_demand() {
    let group = genesis("a");
    let demands = Demands { content: Some(b"x".to_vec()), nonce: None };
    assert_eq!(verify(&evidence(&group), group.bytes(), &demands), Err(NotProved::NotAFile));
}

/// The first four members make way for three of them and another one.
fn second_epoch(group: &Genesis) -> Epochs {
    let members: Vec<_> = (1..5).map(|n| replica(n).public_key()).collect();
    let next = Committee::new(group.group(), Epoch::new(1), members.clone()).expect("four keys");
    let (lane_hash, state_root) = (Digest([1; 32]), Digest([2; 32]));
    let digest = checkpoint_digest(&lane_hash, &state_root, &next.digest());
    let (epoch, kind, view, seq) = (Epoch::new(0), Kind::Checkpoint, View::new(0), SeqNum::new(128));
    let statement = Statement { group: group.group(), epoch, kind, view, seq, digest };
    let sign =
        |n: u8| (ReplicaId::new(u16::from(n)), statement.sign(ReplicaId::new(u16::from(n)), &replica(n)).signature);
    let certificate = ClaimedCert { epoch, kind, view, seq, digest, signatures: (0..3).map(sign).collect() };
    Epochs::of(group).followed_by(EpochStep { certificate, lane_hash, state_root, members }).expect("signed")
}

#[test]
fn the_newest_epoch_that_was_seen_is_kept_and_never_goes_back() {
    let (group, folder) = (genesis("a"), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("epochs");
    let mut seen = SeenEpochs::open(&path, &group).expect("none yet");
    assert_eq!(seen.epochs(), &Epochs::of(&group));
    seen.saw(second_epoch(&group), &group).expect("a disk");
    let mut seen = SeenEpochs::open(&path, &group).expect("its file");
    assert_eq!(seen.epochs(), &second_epoch(&group));
    seen.saw(Epochs::of(&group), &group).expect("nothing to do");
    assert_eq!(SeenEpochs::open(&path, &group).expect("its file").epochs(), &second_epoch(&group));
    let other = SeenEpochs::open(&path, &genesis("b")).map(drop);
    assert!(matches!(other, Err(EpochsError::NotEpochs { why: ProofError::OtherGroup { .. }, .. })), "{other:?}");
}

#[test]
fn two_who_share_a_file_of_epochs_never_take_one_from_each_other() {
    let (group, folder) = (genesis("a"), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("epochs");
    let open = || SeenEpochs::open(&path, &group).expect("a disk");
    let (mut one, mut other) = (open(), open());
    assert!(one.is_new());
    one.saw(second_epoch(&group), &group).expect("a disk");
    other.saw(Epochs::of(&group), &group).expect("a disk");
    assert_eq!((other.epochs(), open().epochs()), (&second_epoch(&group), &second_epoch(&group)));
}

#[test]
fn a_file_of_epochs_goes_on_only_where_it_begins_with_all_of_the_older_one() {
    let (group, other) = (genesis("a"), genesis("b"));
    let [first, second, others] =
        [Epochs::of(&group), second_epoch(&group), second_epoch(&other)].map(|epochs| epochs.encode());
    let goes_on = |old: &[u8], new: &[u8]| Epochs::goes_on(old, new);
    assert_eq!([goes_on(&first, &second), goes_on(&second, &second)], [true; 2]);
    assert_eq!([goes_on(&second, &first), goes_on(&first, &others), goes_on(&first, b"no epochs")], [false; 3]);
}

#[test]
fn evidence_of_an_epoch_that_is_over_holds_for_verifiers_that_know_a_newer_one() {
    let group = genesis("a");
    let (proved, _) =
        verify_after(&evidence(&group), &group, &second_epoch(&group), &Demands::default()).expect("it holds");
    assert!(matches!(proved, Proved::Evidence(_)));
}
