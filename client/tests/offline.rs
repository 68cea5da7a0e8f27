//! Evidence from its file and the genesis alone.

use quorate_client::epochs::{EpochsError, SeenEpochs};
use quorate_client::verify::{Demands, NotProved, verify, verify_after};
use quorate_ledger::keys::Purpose;
use quorate_ledger::proof::{EpochStep, Epochs, EvidenceProof, Proof, ProofError, Proved};
use quorate_ledger::{DomainRules, Enrolment, EnvelopeId, FORMAT, Genesis, GenesisFile, Limits};
use quorate_pbft::{
    ClaimedCert, Committee, Constants, Digest, Ed25519Signer, Epoch, Evidence, EvidenceKind, Kind, PublicKey,
    ReplicaId, SeqNum, Signer as _, Statement, View, checkpoint_digest,
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
        restarted_from: None,
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
    let demands = Demands { content: Some(b"x".to_vec()), ..Demands::default() };
    assert_eq!(verify(&evidence(&group), group.bytes(), &demands), Err(NotProved::NotAFile));
}

#[test]
fn evidence_has_no_domain_no_path_and_no_envelope_to_demand() {
    let group = genesis("a");
    let refused = |demands: Demands| verify(&evidence(&group), group.bytes(), &demands).map(drop);
    let some = || Some("main".to_owned());
    assert_eq!(refused(Demands { domain: some(), ..Demands::default() }), Err(NotProved::NoDomain));
    assert_eq!(refused(Demands { path: some(), ..Demands::default() }), Err(NotProved::NotAFile));
    assert_eq!(refused(Demands { is_link: true, ..Demands::default() }), Err(NotProved::NotAFile));
    let envelope = Some(EnvelopeId(Digest([1; 32])));
    assert_eq!(refused(Demands { envelope, ..Demands::default() }), Err(NotProved::NotAReceipt));
}

/// Members of an epoch: the first four, and in each one after it the oldest of them makes way for a new one.
fn members(epoch: u8) -> Vec<PublicKey> {
    (epoch..epoch + 4).map(|n| replica(n).public_key()).collect()
}

/// Step that members of an epoch sign to these of the next one.
fn step(group: &Genesis, from: u8, members: Vec<PublicKey>) -> EpochStep {
    let next = Committee::new(group.group(), Epoch::new(u64::from(from) + 1), members.clone()).expect("four keys");
    let (lane_hash, state_root) = (Digest([1; 32]), Digest([2; 32]));
    let digest = checkpoint_digest(&lane_hash, &state_root, &next.digest());
    let (epoch, kind, view) = (Epoch::new(u64::from(from)), Kind::Checkpoint, View::new(0));
    let seq = SeqNum::new(128 * (u64::from(from) + 1));
    let statement = Statement { group: group.group(), epoch, kind, view, seq, digest };
    let sign = |n: u8| {
        let signed = statement.sign(ReplicaId::new(u16::from(n)), &replica(from + n));
        (signed.signer, signed.signature)
    };
    let certificate = ClaimedCert { epoch, kind, view, seq, digest, signatures: (0..3).map(sign).collect() };
    EpochStep { certificate, lane_hash, state_root, members }
}

/// The epochs up to this one.
fn epochs(group: &Genesis, up_to: u8) -> Epochs {
    let next = |epochs: Epochs, from| epochs.followed_by(step(group, from, members(from + 1))).expect("signed");
    (0..up_to).fold(Epochs::of(group), next)
}

/// The first four members make way for three of them and another one.
fn second_epoch(group: &Genesis) -> Epochs {
    epochs(group, 1)
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

/// Another process may have noted a history meanwhile that the longer one is not of.
#[test]
fn a_longer_history_that_parts_from_what_was_seen_meanwhile_is_refused_and_the_file_stays() {
    let (group, folder) = (genesis("a"), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("epochs");
    let open = || SeenEpochs::open(&path, &group).expect("a disk");
    let (mut one, mut other) = (open(), open());
    let members_of_another = [1, 2, 3, 9].map(|n| replica(n).public_key()).to_vec();
    let forged = Epochs::of(&group).followed_by(step(&group, 0, members_of_another)).expect("signed");
    let forged = forged.followed_by(step(&group, 1, members(2))).expect("signed");
    one.saw(second_epoch(&group), &group).expect("a disk");

    let refused = other.saw(forged, &group);

    let is_of_another =
        |why: &EpochsError| matches!(why, EpochsError::NotEpochs { why: ProofError::OtherHistory(_), .. });
    assert!(refused.as_ref().is_err_and(is_of_another), "{refused:?}");
    assert_eq!(open().epochs(), &second_epoch(&group));
}

#[test]
fn a_file_of_epochs_that_was_removed_comes_back_with_all_that_were_seen() {
    let (group, folder) = (genesis("a"), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("epochs");
    let mut seen = SeenEpochs::open(&path, &group).expect("none yet");
    seen.saw(epochs(&group, 3), &group).expect("a disk");
    std::fs::remove_file(&path).expect("it was written");

    seen.saw(second_epoch(&group), &group).expect("a disk");

    assert_eq!(SeenEpochs::open(&path, &group).expect("its file").epochs(), &epochs(&group, 3));
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

#[test]
fn evidence_of_the_first_epoch_holds_after_six_more_when_none_of_its_members_is_left() {
    let group = genesis("a");
    let known = epochs(&group, 6);
    assert!(members(0).iter().all(|key| known.newest().replica_of(key).is_none()));
    let (proved, further) = verify_after(&evidence(&group), &group, &known, &Demands::default()).expect("it holds");
    let Proved::Evidence(proved) = proved else { panic!("{proved:?}") };
    assert_eq!((proved.what.epoch, &further), (Epoch::new(0), &known));
}

/// M3: all members of the first four epochs have left by epoch 7, and sign another history with their keys.
#[test]
fn a_second_history_by_all_keys_of_members_that_left_is_refused_by_the_epoch_where_it_parts() {
    let (group, folder) = (genesis("a"), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("epochs");
    SeenEpochs::open(&path, &group).expect("none yet").saw(epochs(&group, 7), &group).expect("a disk");
    let seen = SeenEpochs::open(&path, &group).expect("its file");
    for parts in 0..4 {
        let strangers: Vec<PublicKey> = (40..44).map(|n| replica(n).public_key()).collect();
        let forged = step(&group, parts, strangers);
        assert!(epochs(&group, parts).followed_by(forged.clone()).is_ok(), "whoever knows no later epoch cannot tell");
        let history: Vec<EpochStep> =
            (0..parts).map(|from| step(&group, from, members(from + 1))).chain([forged]).collect();
        let refused = seen.epochs().joined(&history);
        assert_eq!(refused, Err(ProofError::OtherHistory(Epoch::new(u64::from(parts) + 1))));
        let names = refused.expect_err("refused").to_string();
        assert!(names.contains(&format!("members of epoch {}", parts + 1)), "{names}");
    }
}
