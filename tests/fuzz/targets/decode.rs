//! Every decoder of bytes from strangers: it refuses, or reads what encodes to the same bytes again; what was read is
//! then checked as the program would, with every signature taken for right.
#![no_main]

use borsh::{BorshDeserialize, BorshSerialize};
use libfuzzer_sys::fuzz_target;
use quorate_fuzz::{Anybody, Source, committee};
use quorate_ledger::policy::{DomainPolicy, glob};
use quorate_ledger::proof::Proof;
use quorate_ledger::{Envelope, Genesis, Limits, Predicate, Principal, Receipt, Revision, path};
use quorate_pbft::{Constants, Digest, Evidence, Message, PublicKey, ReplicaId, Unverified, VerifyContext};
use sha2::Digest as _;
use std::fmt::Display;
use std::str::FromStr;

fuzz_target!(|bytes: &[u8]| {
    let mut source = Source::new(bytes);
    match source.below(8) {
        0 => message(source.rest()),
        1 => envelope(source.rest()),
        2 => proof(source.rest()),
        3 => evidence(source.rest()),
        4 => drop(Genesis::parse(source.rest())),
        5 => policy(source.rest()),
        6 => receipt(source.rest()),
        _ => text(source.rest()),
    }
});

/// Read without a byte left over, and spelled in the one way.
fn canonical<T: BorshDeserialize + BorshSerialize>(bytes: &[u8]) -> Option<T> {
    let read: T = borsh::from_slice(bytes).ok()?;
    assert_eq!(borsh::to_vec(&read).expect("memory"), bytes, "a second spelling");
    Some(read)
}

fn message(bytes: &[u8]) {
    let Some(message) = canonical::<Message>(bytes) else { return };
    let (committee, all, constants) = (committee(), Anybody(PublicKey([1; 32])), Constants::default());
    let context = VerifyContext { committee: &committee, verify: &all, payload: &all, constants: &constants };
    let _ = Unverified::new(ReplicaId::new(1), message).verify(&context);
}

fn envelope(bytes: &[u8]) {
    let Ok(envelope) = Envelope::decode(bytes, &Limits::default()) else { return };
    assert_eq!(envelope.encode(), bytes, "a second spelling");
    let group = Digest([7; 32]);
    let strict = envelope.check_signature(&group, Predicate::Strict).is_ok();
    assert!(!strict || envelope.check_signature(&group, Predicate::Cofactored).is_ok(), "strict is the narrower one");
}

/// The hash at the end is put right, else nothing else would ever be read.
fn proof(bytes: &[u8]) {
    let mut file = b"quorate-proof-2\n".to_vec();
    file.extend_from_slice(bytes);
    let hash = sha2::Sha256::digest(&file);
    file.extend_from_slice(&hash);
    let Ok(proof) = Proof::decode(&file) else { return };
    assert_eq!(proof.encode(), file, "a second spelling");
}

fn evidence(bytes: &[u8]) {
    let Some(evidence) = canonical::<Evidence>(bytes) else { return };
    let (committee, all, constants) = (committee(), Anybody(PublicKey([1; 32])), Constants::default());
    let context = VerifyContext { committee: &committee, verify: &all, payload: &all, constants: &constants };
    let _ = evidence.is_valid(&context);
    let _ = (evidence.key(), evidence.place(), evidence.id(), evidence.statements());
}

fn policy(bytes: &[u8]) {
    let _ = canonical::<DomainPolicy>(bytes).map(|policy| policy.check(4));
    let _ = serde_json::from_slice::<DomainPolicy>(bytes).map(|policy| policy.check(4));
}

fn receipt(bytes: &[u8]) {
    let _ = canonical::<Receipt>(bytes);
    let _ = serde_json::from_slice::<Receipt>(bytes);
}

fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    spelled::<Revision>(text);
    spelled::<Principal>(text);
    let _ = path::check(text);
    let (pattern, path) = text.split_once('\n').unwrap_or((text, text));
    if glob::is_pattern(pattern) {
        let _ = glob::fits(pattern, path);
    }
}

/// Checks that a text which can be read is written as it was.
fn spelled<T: FromStr + Display>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        assert_eq!(read.to_string(), text, "a second spelling");
    }
}
