//! Principles: what a rule makes of two contents of one path.

use crate::policy::Principle;
use quorate_semantic::{Input, Options, Outcome, Work};
use std::collections::BTreeSet;

/// Digits of a number that a principle compares.
const DIGITS_MAX: usize = 1_000;

impl Principle {
    /// Content chosen from two in at most these steps, the same whichever comes first; none where the principle does not
    /// apply.
    pub(super) fn decide(&self, input: &Input, work: &Work) -> Option<Vec<u8>> {
        let (a, b) = (input.ours, input.theirs);
        match self {
            // Equal numbers that are spelled differently: the smaller spelling, so that the sides stay nameless.
            Self::LargerNumber => {
                let (first, second) = ((number(a)?, core::cmp::Reverse(a)), (number(b)?, core::cmp::Reverse(b)));
                Some(if first >= second { a } else { b }.to_vec())
            }
            Self::UnionOfLines => union(input.base.unwrap_or_default(), a, b),
            Self::NewestVersion => merged(input, &Options { newest_version: true, ..input.options.clone() }, work),
            Self::UnionOfLists => merged(input, &Options { union_lists: true, ..input.options.clone() }, work),
            Self::Regenerate(_) => None,
        }
    }
}

/// The merge ladder with one more rule.
fn merged(input: &Input, options: &Options, work: &Work) -> Option<Vec<u8>> {
    match quorate_semantic::merge_within(&Input { options, ..*input }, work) {
        Outcome::Clean { bytes, .. } => Some(bytes),
        Outcome::Conflict(_) => None,
    }
}

/// A number as something that compares as it: its digits' count, and the digits.
fn number(content: &[u8]) -> Option<(usize, &[u8])> {
    let digits = content.trim_ascii();
    let is_number = !digits.is_empty() && digits.len() <= DIGITS_MAX && digits.iter().all(u8::is_ascii_digit);
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    is_number.then(|| (digits.len() - zeros, &digits[zeros..]))
}

fn union(base: &[u8], a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    let split = |content: &[u8]| -> Option<Vec<Vec<u8>>> {
        let whole = content.is_empty() || content.ends_with(b"\n");
        whole.then(|| content.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect())
    };
    let (base, a, b) = (split(base)?, split(a)?, split(b)?);
    let (in_a, in_b): (BTreeSet<_>, BTreeSet<_>) = (a.iter().collect(), b.iter().collect());
    let in_base: BTreeSet<_> = base.iter().collect();
    let kept = base.iter().filter(|line| in_a.contains(line) && in_b.contains(line));
    let added: BTreeSet<_> = in_a.union(&in_b).filter(|line| !in_base.contains(**line)).copied().collect();
    Some(kept.chain(added).flatten().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(principle: Principle, base: &str, a: &str, b: &str) -> Option<String> {
        decided_at("list", principle, base, a, b)
    }

    fn decided_at(path: &str, principle: Principle, base: &str, a: &str, b: &str) -> Option<String> {
        let options = Options::default();
        let of = |ours: &str, theirs: &str| {
            let [base, ours, theirs] = [base, ours, theirs].map(str::as_bytes);
            principle.decide(&Input { base: Some(base), ours, theirs, path, options: &options }, &Work::default())
        };
        let (one, other) = (of(a, b), of(b, a));
        assert_eq!(one, other, "sides have no names");
        one.map(|bytes| String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn the_larger_number_wins_whatever_its_length() {
        let larger = |a, b| decided(Principle::LargerNumber, "1\n", a, b);
        assert_eq!(larger("9\n", "10\n").as_deref(), Some("10\n"));
        assert_eq!(larger("7", "123456789012345678901234567890").as_deref(), Some("123456789012345678901234567890"));
        assert_eq!(larger("010", "10").as_deref(), Some("010"));
        assert_eq!(larger("x", "10"), None);
        assert_eq!(larger("", "10"), None);
        assert_eq!(larger("-1", "10"), None);
    }

    #[test]
    fn a_union_keeps_what_both_kept_and_adds_what_either_added() {
        let union = |a, b| decided(Principle::UnionOfLines, "x\ny\nz\n", a, b);
        assert_eq!(union("x\nz\nnew\n", "x\ny\nz\nalso\n").as_deref(), Some("x\nz\nalso\nnew\n"));
        assert_eq!(union("x\ny\nz", "x\n"), None, "no list: its last line does not end");
    }

    #[test]
    fn the_newer_version_wins_in_a_file_of_its_own_and_inside_one() {
        let newest = |base, a, b| decided(Principle::NewestVersion, base, a, b);
        assert_eq!(newest("1.2.3\n", "1.10.0\n", "1.9.9\n").as_deref(), Some("1.10.0\n"));
        assert_eq!(newest("1.2.3\n", "1.2.4\n", "1.2.2\n"), None, "one of them went back");
        assert_eq!(newest("1.2.3\n", "soon\n", "1.2.4\n"), None);
        let file = |version: &str| format!("name = \"x\"\nversion = \"{version}\"\n");
        let newer = decided_at("Cargo.toml", Principle::NewestVersion, &file("1.0.0"), &file("1.1.0"), &file("2.0.0"));
        assert_eq!(newer, Some(file("2.0.0")));
    }

    #[test]
    fn what_both_added_to_a_list_of_a_data_file_is_kept() {
        let json = |items: &[&str]| {
            let items: Vec<String> = items.iter().map(|item| format!("    \"{item}\"")).collect();
            format!("{{\n  \"members\": [\n{}\n  ]\n}}\n", items.join(",\n"))
        };
        let (base, a, b) = (json(&["a", "b"]), json(&["a", "b", "c"]), json(&["a", "b", "d"]));
        let union = decided_at("x.json", Principle::UnionOfLists, &base, &a, &b).expect("both only added");
        assert_eq!(union, json(&["a", "b", "c", "d"]));
        let yaml = |items: &str| format!("members:\n{items}");
        let (base, a, b) = (yaml("  - a\n"), yaml("  - a\n  - z\n"), yaml("  - a\n  - c\n"));
        let union = decided_at("x.yaml", Principle::UnionOfLists, &base, &a, &b).expect("both only added");
        assert_eq!(union, yaml("  - a\n  - c\n  - z\n"));
        let changed = decided_at("x.yaml", Principle::UnionOfLists, &base, &yaml("  - b\n"), &yaml("  - c\n"));
        assert_eq!(changed, None, "one item, two values");
    }
}
