//! What must hold of every merge, over random files.

use proptest::prelude::*;
use quorate_semantic::{Input, Options, Outcome, merge};

/// Lines out of a small alphabet, so that sides often collide.
fn file() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "a",
        "b",
        "c",
        "",
        "}",
        "x = 1",
        "y = 2",
        "use a::b;",
        "fn f() {",
        "\u{e9}",
        "- k: v",
        "# h",
        "  a",
        "\ta",
        "a b",
        "use a::{b, c};",
        "from a import b",
        "import { a } from 'b';",
        "import a.b;",
        "\"k\": 1,",
        "// note",
        "def f():",
        "    return 1",
        "from a)b import (c",
        "import } from {'a';",
        "use a}b{c;",
        "class A {",
        "  }}",
        ")",
        "{",
    ]);
    (prop::collection::vec(line, 0..12), prop::sample::select(vec!["\n", "\r\n"]), any::<bool>()).prop_map(
        |(lines, end, last)| {
            let mut text = lines.join(end);
            if last && !text.is_empty() {
                text.push_str(end);
            }
            text
        },
    )
}

fn path() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a.txt",
        "a.rs",
        "a.py",
        "a.toml",
        "a.yaml",
        "a.json",
        "a.md",
        "a.go",
        "A.java",
        "a.ts",
        "a.sh",
        "a.c",
        "a.cpp",
        "A.cs",
        "A.kt",
        "a.swift",
        "a.php",
        "a.rb",
        "a.css",
        "a.sql",
        "a.html",
        "Makefile",
        "Dockerfile",
        ".gitignore",
    ])
}

fn merged(base: &str, ours: &str, theirs: &str, path: &str) -> Outcome {
    let options = Options::default();
    merge(&Input {
        base: Some(base.as_bytes()),
        ours: ours.as_bytes(),
        theirs: theirs.as_bytes(),
        path,
        options: &options,
    })
}

fn bytes(outcome: Outcome) -> Option<Vec<u8>> {
    match outcome {
        Outcome::Clean { bytes, .. } => Some(bytes),
        Outcome::Conflict(_) => None,
    }
}

fn sorted(bytes: Vec<u8>) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    lines.sort_unstable();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn two_equal_sides_are_the_result(base in file(), side in file(), path in path()) {
        prop_assert_eq!(bytes(merged(&base, &side, &side, path)), Some(side.into_bytes()));
    }

    #[test]
    fn a_side_that_changed_nothing_gives_way(base in file(), side in file(), path in path()) {
        prop_assert_eq!(bytes(merged(&base, &base, &side, path)), Some(side.clone().into_bytes()));
        prop_assert_eq!(bytes(merged(&base, &side, &base, path)), Some(side.into_bytes()));
    }

    #[test]
    fn exchanged_sides_differ_in_the_order_of_additions_at_most(base in file(), ours in file(), theirs in file(), path in path()) {
        let [there, back] = [merged(&base, &ours, &theirs, path), merged(&base, &theirs, &ours, path)].map(bytes);
        prop_assert_eq!(there.map(sorted), back.map(sorted));
    }

    #[test]
    fn a_second_run_answers_the_same(base in file(), ours in file(), theirs in file(), path in path()) {
        prop_assert_eq!(merged(&base, &ours, &theirs, path), merged(&base, &ours, &theirs, path));
    }

    #[test]
    fn what_both_sides_kept_is_there(base in file(), ours in file(), theirs in file(), path in path()) {
        let Some(result) = bytes(merged(&base, &ours, &theirs, path)) else { return Ok(()) };
        let result = String::from_utf8(result).expect("text in, text out");
        for line in base.lines().filter(|l| !l.is_empty()) {
            let count = |text: &str| text.lines().filter(|l| *l == line).count();
            if count(&ours) >= count(&base) && count(&theirs) >= count(&base) {
                prop_assert!(count(&result) >= count(&base), "lost {:?}", line);
            }
        }
    }
}
