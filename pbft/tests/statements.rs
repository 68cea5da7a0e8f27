//! The encoding and the strictness of what is signed: pitfalls 26, 29, 33 and 59.

use quorate_pbft::{
    Committee, Constants, Digest, Ed25519, Ed25519Signer, Epoch, Evidence, Item, ItemKind, Kind, Message, PayloadCheck,
    ReplicaId, SeqNum, Signed, Signer, Statement, VerifyContext, View,
};

fn signer(index: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&[index + 1; 32])
}

fn group() -> Committee {
    let keys = (0..4).map(|index| signer(index).public_key()).collect();
    Committee::new(Digest([7; 32]), Epoch::new(3), keys).expect("distinct keys")
}

/// These tests have no bundles.
struct Nothing;

impl PayloadCheck for Nothing {
    fn is_valid(&self, _: &Item) -> bool {
        false
    }
}

fn vote() -> Statement {
    Statement {
        group: Digest([7; 32]),
        epoch: Epoch::new(3),
        kind: Kind::Commit,
        view: View::new(5),
        seq: SeqNum::new(11),
        digest: Digest([1; 32]),
    }
}

fn signed() -> Signed {
    vote().sign(ReplicaId::new(2), &signer(2))
}

#[test]
fn a_statement_has_eighty_nine_bytes() {
    assert_eq!(borsh::to_vec(&vote()).expect("memory").len(), 89);
}

/// Pitfall 26: every field is in the signed bytes.
#[test]
fn a_statement_with_any_field_changed_does_not_verify() {
    assert!(signed().is_valid(&group(), &Ed25519));
    let changes: [fn(&mut Signed); 8] = [
        |s| s.statement.group = Digest([8; 32]),
        |s| s.statement.epoch = Epoch::new(4),
        |s| s.statement.kind = Kind::Prepare,
        |s| s.statement.view = View::new(6),
        |s| s.statement.seq = SeqNum::new(12),
        |s| s.statement.digest = Digest([2; 32]),
        |s| s.signer = ReplicaId::new(1),
        |s| s.signature.0[63] ^= 1,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut changed = signed();
        change(&mut changed);
        assert!(!changed.is_valid(&group(), &Ed25519), "change {index}");
    }
}

#[test]
fn a_signer_outside_the_group_is_refused() {
    let stranger = Signed { signer: ReplicaId::new(4), ..signed() };
    assert!(!stranger.is_valid(&group(), &Ed25519));
}

/// Another group's or epoch's statement is not one of this group, whoever signed it.
#[test]
fn a_statement_of_another_group_or_epoch_is_refused_even_if_it_is_well_signed() {
    for other in [Statement { group: Digest([8; 32]), ..vote() }, Statement { epoch: Epoch::new(4), ..vote() }] {
        assert!(!other.sign(ReplicaId::new(2), &signer(2)).is_valid(&group(), &Ed25519));
    }
}

/// Pitfall 33: two signatures of one statement are not two statements.
#[test]
fn two_signatures_of_one_statement_are_no_equivocation() {
    let other = Signed { signature: quorate_pbft::Signature([0; 64]), ..signed() };
    assert_eq!(Evidence::pair(&signed(), &other), None);
}

#[test]
fn votes_of_different_kinds_for_different_digests_at_one_position_contradict_each_other() {
    let prepare = Statement { kind: Kind::Prepare, digest: Digest([2; 32]), ..vote() };
    let prepare = prepare.sign(ReplicaId::new(2), &signer(2));
    let evidence = Evidence::pair(&signed(), &prepare).expect("a contradiction");
    let (committee, constants) = (group(), Constants::default());
    let context = VerifyContext { committee: &committee, verify: &Ed25519, payload: &Nothing, constants: &constants };
    assert!(evidence.is_valid(&context));
    assert_eq!(Evidence::pair(&prepare, &signed()), Some(evidence), "one encoding");
}

/// Each statement is genuine, and whoever records evidence takes it from a peer.
#[test]
fn a_pair_that_does_not_contradict_itself_or_stands_in_the_other_order_proves_nothing() {
    let (committee, constants) = (group(), Constants::default());
    let context = VerifyContext { committee: &committee, verify: &Ed25519, payload: &Nothing, constants: &constants };
    let other = |change: Statement| change.sign(ReplicaId::new(2), &signer(2));
    let (lie, elsewhere) =
        (other(Statement { digest: Digest([2; 32]), ..vote() }), other(Statement { seq: SeqNum::new(12), ..vote() }));
    let Some(Evidence::Equivocation(first, second)) = Evidence::pair(&signed(), &lie) else {
        panic!("a contradiction")
    };
    let pairs = [(first, second), (second, first), (first, first), (signed(), elsewhere), (elsewhere, signed())];
    let proved = pairs.map(|(a, b)| Evidence::Equivocation(a, b).is_valid(&context));
    assert_eq!(proved, [true, false, false, false, false]);
}

#[test]
fn statements_of_different_slots_views_or_signers_do_not_contradict_each_other() {
    let others = [
        Statement { seq: SeqNum::new(12), digest: Digest([2; 32]), ..vote() }.sign(ReplicaId::new(2), &signer(2)),
        Statement { view: View::new(6), digest: Digest([2; 32]), ..vote() }.sign(ReplicaId::new(2), &signer(2)),
        Statement { digest: Digest([2; 32]), ..vote() }.sign(ReplicaId::new(1), &signer(1)),
        Statement { kind: Kind::Checkpoint, digest: Digest([2; 32]), ..vote() }.sign(ReplicaId::new(2), &signer(2)),
    ];
    for other in others {
        assert_eq!(Evidence::pair(&signed(), &other), None);
    }
}

/// Pitfall 29: bytes never panic; they decode to one message or to none.
#[test]
fn truncated_and_trailing_bytes_do_not_decode() {
    let messages = [
        Message::Commit(signed()),
        Message::Contradiction(signed()),
        Message::Prepare { statement: signed(), pre_prepare: signed() },
        Message::Recalled { incarnation: 7, statements: vec![signed()] },
    ];
    for message in messages {
        let bytes = borsh::to_vec(&message).expect("memory");
        assert_eq!(borsh::from_slice::<Message>(&bytes).expect("whole"), message);
        for end in 0..bytes.len() {
            assert!(borsh::from_slice::<Message>(&bytes[..end]).is_err());
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(borsh::from_slice::<Message>(&longer).is_err());
    }
}

proptest::proptest! {
    /// Pitfall 29.
    #[test]
    fn arbitrary_bytes_decode_to_a_message_or_to_an_error(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        if let Ok(message) = borsh::from_slice::<Message>(&bytes) {
            proptest::prop_assert_eq!(borsh::to_vec(&message).expect("memory"), bytes);
        }
    }

    #[test]
    fn items_of_different_kinds_or_bytes_have_different_digests(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
        let item = |kind| Item { kind, bytes: bytes.clone() }.digest();
        proptest::prop_assert_ne!(item(ItemKind::Envelope), item(ItemKind::Evidence));
    }
}
