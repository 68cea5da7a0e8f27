//! Packing of a commit's operations into envelopes.

use gix::ObjectId;
use gix::hash::Kind;
use quorate_ledger::{Base, Body, Change, Envelope, Limits, Op, Revision};
use quorate_pbft::{Digest, Ed25519Signer, Signer};
use sha2::{Digest as _, Sha256};

use crate::{Entry, Mode, Operation, pack, sort_operations};

fn put(path: impl Into<String>, size: u64) -> Operation {
    let entry = Entry { mode: Mode::File, blob: ObjectId::null(Kind::Sha1), size };
    Operation::Put { path: path.into(), entry }
}

fn delete(path: impl Into<String>) -> Operation {
    Operation::Delete { path: path.into() }
}

fn puts(count: usize, size: u64) -> Vec<Operation> {
    (0..count).map(|index| put(format!("{index:06}"), size)).collect()
}

/// Count of the operations in each envelope.
fn sizes(operations: &[Operation]) -> Vec<usize> {
    let ranges = pack(operations, 0, &Limits::default());
    let covered: Vec<usize> = ranges.iter().cloned().flatten().collect();
    assert!(covered.into_iter().eq(0..operations.len()), "each operation once, in order");
    ranges.into_iter().map(|range| range.len()).collect()
}

#[test]
fn no_operations_are_one_envelope() {
    assert_eq!(sizes(&[]), [0]);
}

#[test]
fn envelopes_are_cut_at_16384_operations() {
    assert_eq!(sizes(&puts(16_384, 1)), [16_384]);
    assert_eq!(sizes(&puts(16_385, 1)), [16_384, 1]);
    assert_eq!(sizes(&puts(32_769, 1)), [16_384, 16_384, 1]);
}

#[test]
fn two_of_the_largest_files_do_not_fit_one_envelope() {
    assert_eq!(sizes(&puts(3, 16 << 20)), [1, 1, 1]);
}

#[test]
fn the_message_takes_room_in_each_envelope() {
    let operations = puts(31, 1 << 20);
    assert_eq!(pack(&operations, 0, &Limits::default()).len(), 1);
    assert_eq!(pack(&operations, 1 << 20, &Limits::default()).len(), 2);
}

#[test]
fn folders_above_the_paths_take_room_as_the_ledger_counts_them() {
    let deep: Vec<_> = (0..400)
        .map(|index| put(format!("{}{index:03}", "0123456789abcdef0123456789abcdef/".repeat(120)), 1))
        .collect();
    let ranges = pack(&deep, 0, &Limits::default());
    assert_eq!(ranges.len(), 2);
    for range in ranges {
        let envelope = envelope(&deep[range], String::new());
        assert!(Envelope::decode(&envelope.encode(), &Limits::default()).is_ok());
    }
}

#[test]
fn wherever_a_commit_is_cut_no_path_is_both_a_file_and_a_folder() {
    let mut operations = vec![put("a", 1), delete("a/b/c"), delete("a/d"), put("a-b", 1), delete("e"), put("e/f", 1)];
    sort_operations(&mut operations);
    let paths: Vec<_> = operations.iter().map(Operation::path).collect();
    assert_eq!(paths, ["a-b", "a/b/c", "a/d", "a", "e", "e/f"]);
}

#[test]
fn what_is_packed_to_the_brim_is_an_envelope_that_the_ledger_takes() {
    let limits = Limits::default();
    for (count, size) in [(2, (16 << 20) - (8 << 10) - 900), (10_000, 3_100), (16_384, 0)] {
        let operations: Vec<_> = (0..count).map(|index| put(format!("{index:0>200}"), size as u64)).collect();
        let message = "m".repeat(1_000);
        let range = pack(&operations, message.len(), &limits).remove(0);
        let envelope = envelope(&operations[range.clone()], message);
        let bytes = envelope.encode();
        assert!(Envelope::decode(&bytes, &limits).is_ok(), "{count} of {size}: {} bytes", bytes.len());
        let fills = range.len() == limits.operations_max as usize || bytes.len() > 30 << 20;
        assert!(fills, "{count} of {size}: only {} bytes", bytes.len());
    }
}

/// The operations in an envelope, each with a content of its own.
fn envelope(operations: &[Operation], message: String) -> Envelope {
    let content = |(index, operation): (usize, &Operation)| {
        let size = operation.entry().map_or(0, |entry| entry.size) as usize;
        let mut bytes = index.to_be_bytes().to_vec();
        bytes.resize(size, 0);
        bytes
    };
    let contents: Vec<_> = operations.iter().enumerate().map(content).collect();
    let op = |(operation, content): (&Operation, &Vec<u8>)| Op::Put {
        path: operation.path().to_owned(),
        mode: quorate_ledger::Mode::File,
        content: Digest(Sha256::digest(content).into()),
    };
    let ops = operations.iter().zip(&contents).map(op).collect();
    let signer = Ed25519Signer::from_seed(&[1; 32]);
    let body = Body {
        author: signer.public_key(),
        domain: "main".to_owned(),
        from_seq: 1,
        to_seq: 1,
        attempt: 1,
        changes: vec![Change::new(Base::Revision(Revision::GENESIS), ops, message, 0)],
        carried: Vec::new(),
    };
    Envelope::sign(&Digest([0; 32]), body, contents, &signer)
}
