//! Two replicas whose merges differ in one byte part for ever, so what the rules answer is pinned: in debug and in
//! release, on every machine, in every process. Whoever changes an answer raises the number of the rules in `VERSION`
//! with it, and a group moves to the new ones together.

use quorate_semantic::{Outcome, VERSION, samples};
use std::collections::BTreeSet;

/// The rules that the digest below was made with.
const RULES: &str = "rules 21,";
/// FNV-1a over every answer to the merges below.
const ANSWERS: u64 = 0xcffd_158b_c36a_3224;

/// Merges of each file.
const MERGES: u64 = 300;

#[test]
fn the_rules_answer_as_their_version_says() {
    let (mut digest, mut rungs) = (0xcbf2_9ce4_8422_2325, BTreeSet::new());
    samples::answers(MERGES, |outcome, bytes| {
        rungs.insert(match outcome {
            Outcome::Clean { rung, .. } => rung.name(),
            Outcome::Conflict(_) => "none",
        });
        take(&mut digest, bytes);
    });
    let seen: Vec<&str> = rungs.into_iter().collect();
    assert_eq!(seen, ["code", "data", "imports", "none", "one-sided", "text"], "a digest over every rung");
    assert!(VERSION.contains(RULES), "new rules, {VERSION}: make the digest anew");
    assert_eq!(digest, ANSWERS, "an answer has changed ({digest:#x}): raise the number of the rules in VERSION");
}

fn take(digest: &mut u64, bytes: &[u8]) {
    for byte in bytes.iter().chain(&[0]) {
        *digest = (*digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
}
