//! Two replicas whose merges differ in one byte part for ever, so what the rules answer is pinned: in debug and in
//! release, on every machine, in every process. Better answers have a number of their own, and those of older numbers stay.

use quorate_semantic::{Outcome, Rules, samples};
use std::collections::BTreeSet;

/// FNV-1a over every answer to the merges below, by the rules that give it.
const ANSWERS: [(Rules, u64); 6] = [
    (Rules::V21, 0xcffd_158b_c36a_3224),
    (Rules::V22, 0xc7d5_2e0e_186a_b29e),
    (Rules::V23, 0xe8a5_1a68_0049_f8dc),
    (Rules::V24, 0x08ec_43af_0f3c_098f),
    (Rules::V25, 0x7c3c_8205_8774_59d2),
    (Rules::V26, 0x7738_c621_0d10_bd7c),
];

/// Merges of each file.
const MERGES: u64 = 300;

#[test]
fn the_rules_answer_as_their_number_says() {
    assert_eq!(ANSWERS.map(|(rules, _)| rules), Rules::ALL);
    for (rules, answers) in ANSWERS {
        let (mut digest, mut rungs) = (0xcbf2_9ce4_8422_2325, BTreeSet::new());
        samples::answers(rules, MERGES, |outcome, bytes| {
            rungs.insert(match outcome {
                Outcome::Clean { rung, .. } => rung.name(),
                Outcome::Conflict(_) => "none",
            });
            take(&mut digest, bytes);
        });
        let seen: Vec<&str> = rungs.into_iter().collect();
        assert_eq!(seen, ["code", "data", "imports", "none", "one-sided", "text"], "a digest over every rung");
        assert_eq!(digest, answers, "an answer of {rules:?} has changed ({digest:#x}): it wants rules of its own");
    }
}

fn take(digest: &mut u64, bytes: &[u8]) {
    for byte in bytes.iter().chain(&[0]) {
        *digest = (*digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
}
