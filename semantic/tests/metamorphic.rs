//! Edits whose right merge is known, made to this crate's own sources.

use proptest::prelude::*;
use quorate_semantic::{Input, Options, Outcome, merge};

const SOURCES: &[(&str, &str)] = &[
    ("diff3.rs", include_str!("../src/diff3.rs")),
    ("hunk.rs", include_str!("../src/hunk.rs")),
    ("items.rs", include_str!("../src/items.rs")),
    ("imports.rs", include_str!("../src/imports.rs")),
    ("terms.rs", include_str!("../src/terms.rs")),
    ("Cargo.toml", include_str!("../Cargo.toml")),
];

fn merged(path: &str, base: &str, ours: &str, theirs: &str) -> Outcome {
    let options = Options::default();
    let input = Input {
        base: Some(base.as_bytes()),
        ours: ours.as_bytes(),
        theirs: theirs.as_bytes(),
        path,
        options: &options,
    };
    let there = merge(&input);
    let back = merge(&Input { ours: input.theirs, theirs: input.ours, ..input });
    match (&there, &back) {
        (Outcome::Clean { bytes: a, .. }, Outcome::Clean { bytes: b, .. }) => {
            assert_eq!(sorted(a), sorted(b), "{path}")
        }
        (Outcome::Conflict(a), Outcome::Conflict(b)) => assert_eq!((a.class, a.reason), (b.class, b.reason), "{path}"),
        _ => panic!("{path}: the outcome depends on the order of the sides"),
    }
    there
}

/// Sides that are exchanged may change the order of additions.
fn sorted(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    lines.sort_unstable();
    lines
}

fn text(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Clean { bytes, .. } => Some(String::from_utf8(bytes).expect("text in, text out")),
        Outcome::Conflict(_) => None,
    }
}

#[test]
fn two_functions_added_at_the_end_are_both_there() {
    for (path, base) in SOURCES.iter().filter(|(path, _)| path.ends_with(".rs")) {
        let ours = format!("{base}\nfn quite_new() -> u32 {{\n    17\n}}\n");
        let theirs = format!("{base}\nfn also_new(x: &str) {{\n    drop(x);\n}}\n");
        let merged = text(merged(path, base, &ours, &theirs)).unwrap_or_else(|| panic!("{path} is in conflict"));
        assert!(merged.starts_with(base) && merged.contains("quite_new") && merged.contains("also_new"), "{path}");
    }
}

#[test]
fn two_imports_added_at_one_place_are_both_there() {
    for (path, base) in SOURCES.iter().filter(|(_, text)| text.contains("\nuse std::")) {
        let added = |line: &str| base.replacen("\nuse std::", &format!("\n{line}\nuse std::"), 1);
        let merged = text(merged(path, base, &added("use core::mem;"), &added("use core::iter;")));
        let merged = merged.unwrap_or_else(|| panic!("{path} is in conflict"));
        assert!(merged.contains("use core::iter;\nuse core::mem;\n"), "{path}");
    }
}

#[test]
fn a_rename_on_one_side_and_a_new_use_on_the_other_never_merge_beside_each_other() {
    for (path, base) in SOURCES.iter().filter(|(_, text)| text.matches("language").count() > 3) {
        let ours = base.replace("language", "tongue");
        // A new use in the very lines that the rename touches.
        let theirs = base.replacen("language", "language, language", 2);
        assert_eq!(text(merged(path, base, &ours, &theirs)), None, "{path}");
    }
}

/// A file with some lines changed, removed, doubled or put elsewhere.
fn edited(source: &str, edits: &[(usize, u8)]) -> String {
    let mut lines: Vec<String> = source.lines().map(String::from).collect();
    for (at, what) in edits {
        let at = at % lines.len();
        match what % 7 {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, format!("    let added_{at} = {what};")),
            2 => lines[at].push_str(" // edited"),
            4 => lines[at] = lines[at].replace("    ", "\t"),
            5 => lines[at] = lines[at].replacen(", ", ",\n        ", 1),
            3 => lines[at] = lines[at].replace('(', "(edited, "),
            _ => {
                let line = lines.remove(at);
                lines.insert((at + 3).min(lines.len()), line);
            }
        }
        if lines.is_empty() {
            lines.push(String::new());
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn additions_that_stand_in_one_order_only_are_in_conflict() {
    let ours = "function h() {}\n\n#z\ng();\n";
    let theirs = "=\n\n;++\n+ 1\n";
    assert_eq!(text(merged("a.ts", "\n", ours, theirs)), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn what_both_kept_of_a_real_file_is_there(
        source in prop::sample::select(SOURCES),
        ours in prop::collection::vec((0usize..200, any::<u8>()), 1..6),
        theirs in prop::collection::vec((0usize..200, any::<u8>()), 1..6),
    ) {
        let (path, base) = source;
        let (ours, theirs) = (edited(base, &ours), edited(base, &theirs));
        let Some(result) = text(merged(path, base, &ours, &theirs)) else { return Ok(()) };
        let count = |text: &str, line: &str| text.lines().filter(|l| *l == line).count();
        for line in base.lines().filter(|l| !l.trim().is_empty()) {
            let (b, o, t, r) = (count(base, line), count(&ours, line), count(&theirs, line), count(&result, line));
            prop_assert!(o < b || t < b || r >= b, "{}: lost {:?}", path, line);
            prop_assert!(r <= b.max(o).max(t).max((o + t).saturating_sub(b)), "{}: too many {:?}", path, line);
        }
    }
}
