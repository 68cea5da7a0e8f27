//! Evidence against bundles (E6): each fault of an owner is proved, and nobody can make an honest owner look guilty.

mod cluster;

use cluster::alone::{bundle, say};
use cluster::{HashVerify, committee, context, envelope, id};
use quorate_pbft::{
    Bundle, BundleFault, Constants, Digest, Evidence, EvidenceKind, Invalid, InvalidBundle, Item, ItemKind, Kind,
    Message, PayloadCheck, Position, Signed, Tip, Unverified, VerifyContext, items_root,
};
use std::sync::Arc;

const OWNER: usize = 2;
const N: usize = 4;

/// What replica 0 makes of a bundle that its owner sent it.
fn checked(bundle: Bundle) -> Result<Message, Invalid> {
    checked_by(bundle, &Constants::default())
}

fn checked_by(bundle: Bundle, constants: &Constants) -> Result<Message, Invalid> {
    let committee = committee(N);
    let verified =
        Unverified::new(id(OWNER), Message::Bundle(Arc::new(bundle))).verify(&context(&committee, constants));
    verified.map(|verified| verified.message().clone())
}

fn proof(bundle: Bundle) -> Option<Evidence> {
    match checked(bundle) {
        Ok(Message::Evidence(evidence)) => Some(evidence),
        _ => None,
    }
}

fn proves(evidence: &Evidence) -> bool {
    evidence.is_valid(&context(&committee(N), &Constants::default()))
}

/// A bundle with these items, counted and signed as an honest owner does.
fn honest(items: Vec<Item>) -> Bundle {
    let mut made = Bundle::clone(&bundle(OWNER, Tip::default(), 0, envelope("a")));
    made.header.items = items.len() as u32;
    made.header.bytes = items.iter().map(|item| item.bytes.len() as u64).sum();
    made.header.lane_bytes = made.header.bytes;
    made.header.items_root = items_root(&items);
    resigned(Bundle { items, ..made })
}

fn resigned(bundle: Bundle) -> Bundle {
    let statement = say(OWNER, Kind::Bundle, 0, bundle.header.position.get(), bundle.header.digest());
    Bundle { statement, ..bundle }
}

fn invalid_item() -> Item {
    Item { kind: ItemKind::Envelope, bytes: Vec::new() }
}

fn is_proved(bundle: Bundle, fault: impl Fn(&BundleFault) -> bool) {
    let evidence = proof(bundle).expect("a proof");
    assert!(proves(&evidence));
    assert_eq!((evidence.key().signer, evidence.key().kind), (id(OWNER), EvidenceKind::InvalidBundle));
    let Evidence::InvalidBundle(invalid) = &evidence else { panic!("{evidence:?}") };
    assert!(fault(&invalid.fault), "{:?}", invalid.fault);
    let bytes = borsh::to_vec(&evidence).expect("memory");
    assert_eq!(borsh::from_slice::<Evidence>(&bytes).expect("one encoding"), evidence);
}

#[test]
fn an_item_that_may_not_be_on_a_lane_is_proved_by_itself_and_its_path() {
    let items = vec![envelope("a"), envelope("b"), invalid_item(), envelope("c")];
    is_proved(honest(items), |fault| matches!(fault, BundleFault::Item { item, .. } if *item == invalid_item()));
}

#[test]
fn what_the_header_shows_is_proved_by_the_header() {
    let changes: [fn(&mut Bundle); 5] = [
        |bundle| bundle.header.items = 0,
        |bundle| bundle.header.items = Constants::ITEMS_MAX as u32 + 1,
        |bundle| bundle.header.position = Position::new(0),
        |bundle| bundle.header.lane_bytes = 0,
        |bundle| (bundle.header.bytes, bundle.header.lane_bytes) = (u64::MAX, u64::MAX),
    ];
    for change in changes {
        let mut wrong = honest(vec![envelope("a"), envelope("b")]);
        change(&mut wrong);
        is_proved(resigned(wrong), |fault| *fault == BundleFault::Header);
    }
}

#[test]
fn a_header_that_was_signed_for_another_place_is_proved() {
    let bundle = honest(vec![envelope("a")]);
    for (view, seq) in [(1, 1), (0, 2)] {
        let statement = say(OWNER, Kind::Bundle, view, seq, bundle.header.digest());
        is_proved(Bundle { statement, ..bundle.clone() }, |fault| *fault == BundleFault::Header);
    }
}

#[test]
fn several_items_of_more_than_a_bundles_bytes_are_proved_and_one_large_item_is_none() {
    let constants = Constants { bundle_bytes_max: 10, ..Constants::default() };
    let many = honest(vec![envelope("eleven bytes")]);
    assert!(matches!(checked_by(many, &constants), Ok(Message::Bundle(_))));
    let two = honest(vec![envelope("six b."), envelope("six c.")]);
    assert!(matches!(checked_by(two, &constants), Ok(Message::Evidence(_))));
}

#[test]
fn items_that_are_not_as_many_or_as_large_as_the_header_says_are_proved_by_all_of_them() {
    let fewer = |bundle: &mut Bundle| bundle.header.items = 3;
    let larger = |bundle: &mut Bundle| (bundle.header.bytes, bundle.header.lane_bytes) = (3, 3);
    let changes: [fn(&mut Bundle); 2] = [fewer, larger];
    for change in changes {
        let mut wrong = honest(vec![envelope("a"), envelope("b")]);
        change(&mut wrong);
        is_proved(resigned(wrong), |fault| matches!(fault, BundleFault::Items(items) if items.len() == 2));
    }
}

#[test]
fn an_item_that_is_larger_than_the_whole_bundle_says_is_proved_by_itself() {
    let mut wrong = honest(vec![envelope("a"), envelope("four")]);
    (wrong.header.bytes, wrong.header.lane_bytes) = (3, 3);
    is_proved(resigned(wrong), |fault| matches!(fault, BundleFault::Item { item, .. } if item.bytes.len() == 4));
}

/// A proof travels to everybody from everybody who finds it.
#[test]
fn an_item_above_a_mebibyte_is_refused_without_a_proof() {
    let of = |bytes: usize| {
        let mut bundle = honest(vec![Item { bytes: vec![0; bytes], ..invalid_item() }]);
        bundle.header.bytes = 1;
        resigned(bundle)
    };
    assert!(proof(of(1 << 20)).is_some());
    assert!(checked(of((1 << 20) + 1)).is_err() && proof(of((1 << 20) + 1)).is_none());
}

#[test]
fn items_that_somebody_else_put_beside_an_honest_header_prove_nothing() {
    let good = honest(vec![envelope("a"), envelope("b")]);
    for items in [vec![invalid_item()], vec![envelope("a")], vec![envelope("a"), invalid_item()], Vec::new()] {
        let tampered = Bundle { items, ..good.clone() };
        assert_eq!(proof(tampered.clone()), None);
        assert!(checked(tampered).is_err());
    }
}

#[test]
fn a_header_that_its_owner_did_not_sign_proves_nothing() {
    let mut wrong = honest(vec![invalid_item()]);
    wrong.statement.signature.0[0] ^= 1;
    assert_eq!(proof(wrong.clone()), None);
    let by_another = say(1, Kind::Bundle, 0, 1, wrong.header.digest());
    let blames: Option<Evidence> = proof(Bundle { statement: by_another, ..wrong });
    assert!(blames.is_none_or(|evidence| evidence.key().signer == id(1)), "whoever signed it answers for it");
}

/// Everything that can be said about an honest bundle, by somebody who has all of it and may say anything.
fn claims(bundle: &Bundle) -> Vec<InvalidBundle> {
    let header = &bundle.header;
    let of = |fault| InvalidBundle { statement: bundle.statement, header: header.clone(), fault };
    let mut faults =
        vec![BundleFault::Header, BundleFault::Items(bundle.items.clone()), BundleFault::Items(Vec::new())];
    faults.push(BundleFault::Items(bundle.items[..1].to_vec()));
    let digests: Vec<Digest> = bundle.items.iter().map(Item::digest).collect();
    for (index, item) in bundle.items.iter().chain([&invalid_item()]).enumerate() {
        for count in 1..8 {
            let siblings = quorate_pbft::merkle_path(&digests, index.min(digests.len() - 1)).expect("in range");
            let path = quorate_pbft::LeafPath { index: index as u32, count, siblings };
            faults.push(BundleFault::Item { item: item.clone(), path });
        }
    }
    faults.into_iter().map(of).collect()
}

#[test]
fn nothing_that_can_be_said_about_an_honest_bundle_is_a_proof() {
    for count in 1..6 {
        let bundle = honest((0..count).map(|item| envelope(&format!("item {item}"))).collect());
        for claim in claims(&bundle) {
            assert!(!proves(&Evidence::InvalidBundle(Box::new(claim.clone()))), "{claim:?}");
        }
        assert!(InvalidBundle::find(&bundle, &context(&committee(N), &Constants::default())).is_none());
    }
}

#[test]
fn every_byte_of_a_proof_matters() {
    let evidence = proof(honest(vec![envelope("a"), invalid_item()])).expect("a proof");
    let bytes = borsh::to_vec(&evidence).expect("memory");
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let decoded = borsh::from_slice::<Evidence>(&changed);
        assert!(decoded.is_err() || !decoded.is_ok_and(|changed| proves(&changed)), "byte {at}");
    }
}

/// A check that counts how often it is asked.
struct Counting(std::sync::atomic::AtomicUsize);

impl PayloadCheck for Counting {
    fn is_valid(&self, _: &Item) -> bool {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        false
    }
}

/// B: nobody makes us look for faults in what was never signed.
#[test]
fn items_of_a_bundle_without_its_owners_signature_are_not_looked_at() {
    let mut unsigned = honest(vec![invalid_item(), invalid_item()]);
    unsigned.statement = Signed { signer: id(1), ..unsigned.statement };
    let (committee, constants, payload) = (committee(N), Constants::default(), Counting(0.into()));
    let context =
        VerifyContext { committee: &committee, verify: &HashVerify, payload: &payload, constants: &constants };
    let refused = Unverified::new(id(3), Message::Bundle(Arc::new(unsigned))).verify(&context);
    assert!(refused.is_err());
    assert_eq!(payload.0.into_inner(), 0);
}

/// A proof holds no more items than a bundle.
#[test]
fn of_more_items_than_a_bundle_may_have_no_proof_is_made() {
    for (count, proved) in [(Constants::ITEMS_MAX, true), (Constants::ITEMS_MAX + 1, false)] {
        let mut wrong = honest(vec![envelope("a"); count]);
        wrong.header.items = 3;
        assert_eq!(proof(resigned(wrong)).is_some_and(|evidence| proves(&evidence)), proved, "{count} items");
    }
}
