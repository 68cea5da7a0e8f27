//! Decoding costs what the bytes weigh: whatever a stranger sends, memory stays a small multiple of it.

#[path = "support/memory.rs"]
mod memory;

use borsh::BorshDeserialize;
use borsh::io::{self, Read};
use memory::peak_of;
use quorate_ledger::policy::{DomainPolicy, GroupPolicy};
use quorate_ledger::proof::Proof;
use quorate_ledger::{Act, Analysis, Code, Envelope, Limits, Receipt};
use quorate_pbft::{Bundle, Content, Evidence, Message, StatusBody, ViewChange};

/// Allocated bytes at most for each byte of input, beside [`CONSTANT_BYTES`].
const MULTIPLE: usize = 4;
/// Allocated bytes at most whatever the input: the operations that fit one envelope, while their list grows.
const CONSTANT_BYTES: usize = 8 << 20;
/// Bytes that the adversary feeds before its input ends.
const FED_BYTES_MAX: usize = 4 << 20;

/// An input that answers each read with the worst of its kind: texts and lists are empty but one, which claims `length`.
struct Adversary {
    /// Answer to a read of one byte: the number of a variant, or whether an option is filled.
    variant: u8,
    /// Variants before the list that lies.
    opening: Vec<u8>,
    /// Reads of a length until the one that lies.
    lie_after: usize,
    length: u32,
    fed: usize,
}

impl Read for Adversary {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.fed + buffer.len() > FED_BYTES_MAX {
            return Ok(0);
        }
        self.fed += buffer.len();
        buffer.fill(0);
        match buffer.len() {
            1 => buffer[0] = if self.opening.is_empty() { self.variant } else { self.opening.remove(0) },
            4 if self.lie_after == 0 => {
                self.lie_after = usize::MAX;
                buffer.copy_from_slice(&self.length.to_le_bytes());
            }
            4 => self.lie_after -= 1,
            _ => (),
        }
        Ok(buffer.len())
    }
}

/// Lengths that lie: at the bounds in use, and beyond all.
const LENGTHS: [u32; 4] = [256, 1_024, 16_384, u32::MAX];

/// Feeds a type with every adversary of a small family, and returns the dearest: its memory above the allowed multiple.
fn dearest<T: BorshDeserialize>() -> (usize, String) {
    let mut dearest = (0, String::new());
    for opening in openings() {
        for variant in (0..40).chain([48, 49]) {
            for (lie_after, length) in (0..12).flat_map(|after| LENGTHS.map(|length| (after, length))) {
                let mut adversary = Adversary { variant, opening: opening.clone(), lie_after, length, fed: 0 };
                let peak = peak_of(|| drop(T::deserialize_reader(&mut adversary)));
                let above = peak.saturating_sub(MULTIPLE * adversary.fed);
                if above > dearest.0 {
                    let what = format!("{opening:?} then {variant}, length {length} after {lie_after}: {peak} bytes");
                    dearest = (above, format!("{what} for {} of input", adversary.fed));
                }
            }
        }
    }
    dearest
}

/// Variants that lead to the lists inside: none, each first one, and a first with a second below it.
fn openings() -> Vec<Vec<u8>> {
    let first = (0..20).map(|first| vec![first]);
    let second = (0..20).flat_map(|first| (0..4).map(move |second| vec![first, second]));
    std::iter::once(vec![]).chain(first).chain(second).collect()
}

macro_rules! decoding_is_bounded {
    ($($name:ident: $type:ty,)*) => {$(
        #[test]
        fn $name() {
            let (above, what) = dearest::<$type>();
            assert!(above <= CONSTANT_BYTES, "{above} bytes above the multiple: {what}");
        }
    )*};
}

decoding_is_bounded! {
    an_envelope_costs_what_it_weighs: Envelope,
    a_message_costs_what_it_weighs: Message,
    a_bundle_costs_what_it_weighs: Bundle,
    evidence_costs_what_it_weighs: Evidence,
    a_demand_costs_what_it_weighs: ViewChange,
    a_status_costs_what_it_weighs: StatusBody,
    a_slots_content_costs_what_it_weighs: Content,
    a_proof_costs_what_it_weighs: Proof,
    a_receipt_costs_what_it_weighs: Receipt,
    a_policy_costs_what_it_weighs: DomainPolicy,
    a_group_policy_costs_what_it_weighs: GroupPolicy,
    a_proposed_act_costs_what_it_weighs: Act,
    an_analysis_costs_what_it_weighs: Analysis,
}

/// An envelope's encoding up to its list of changes.
fn head() -> Vec<u8> {
    let mut bytes = vec![7; 32];
    bytes.extend(borsh::to_vec(&("main", 1u64, 1u64, 1u64)).expect("memory"));
    bytes
}

/// The rest of an envelope after its changes: nothing carried, a signature, no contents.
fn tail() -> Vec<u8> {
    [vec![0; 4], vec![0; 64], vec![0; 4]].concat()
}

/// A change of operations that are given as bytes.
fn change(operations: u32, bytes: &[u8]) -> Vec<u8> {
    let previous = vec![3];
    let wishes_and_time = vec![0; 4 + 8 + 1 + 1 + 4];
    [previous, operations.to_le_bytes().to_vec(), bytes.to_vec(), wishes_and_time].concat()
}

fn refused(bytes: &[u8]) -> (Option<Code>, usize) {
    let mut code = None;
    let peak = peak_of(|| code = Envelope::decode(bytes, &Limits::default()).err().map(|refusal| refusal.code));
    (code, peak)
}

#[test]
fn six_million_empty_operations_are_too_large_before_they_fill_memory() {
    let empty_delete = [2, 0, 0, 0, 0];
    let count = (31 << 20) / empty_delete.len();
    let bytes = [head(), vec![1, 0, 0, 0], change(count as u32, &empty_delete.repeat(count)), tail()].concat();
    let (code, peak) = refused(&bytes);
    assert_eq!(code, Some(Code::TooLarge));
    assert!(peak <= CONSTANT_BYTES, "{peak} bytes");
}

#[test]
fn operations_spread_over_many_changes_are_too_large_before_they_fill_memory() {
    let changes = change(16_000, &[2, 0, 0, 0, 0].repeat(16_000)).repeat(300);
    let bytes = [head(), 300u32.to_le_bytes().to_vec(), changes, tail()].concat();
    let (code, peak) = refused(&bytes);
    assert_eq!(code, Some(Code::TooLarge));
    assert!(peak <= 2 * CONSTANT_BYTES, "{peak} bytes");
}

#[test]
fn empty_changes_and_empty_contents_are_too_large_before_they_fill_memory() {
    let empty = change(0, &[]);
    let count = (31 << 20) / empty.len();
    let changes = [head(), (count as u32).to_le_bytes().to_vec(), empty.repeat(count), tail()].concat();
    let contents = [head(), vec![0; 4 + 4 + 64], (7u32 << 20).to_le_bytes().to_vec(), vec![0; 28 << 20]].concat();
    for bytes in [changes, contents] {
        let (code, peak) = refused(&bytes);
        assert_eq!(code, Some(Code::TooLarge));
        assert!(peak <= CONSTANT_BYTES, "{peak} bytes");
    }
}

#[test]
fn policies_that_name_everybody_again_and_again_are_too_large_before_they_fill_memory() {
    let everybody = [1_024u32.to_le_bytes().to_vec(), vec![0; 1_024]].concat();
    let rule = [vec![0; 4], everybody.clone(), vec![0; 3 + 4 + 4], vec![0; 4 + 4], vec![0; 3]].concat();
    let rules = [256u32.to_le_bytes().to_vec(), rule.repeat(256)].concat();
    let policy = [everybody.clone(), everybody, vec![0; 5], rules].concat();
    let peak = peak_of(|| drop(borsh::from_slice::<DomainPolicy>(&policy)));
    assert!(peak <= MULTIPLE * policy.len() + CONSTANT_BYTES, "{peak} bytes for {}", policy.len());
}
