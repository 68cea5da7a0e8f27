//! Three files of any bytes and any language: an answer always comes, exchanged sides give the same lines, a second
//! run says the same, and what both sides kept is there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_fuzz::Source;
use quorate_semantic::{Input, Labels, ListKey, Options, Outcome, Rules, json, markers, merge, report};

const PATHS: &[&str] = &[
    "a.rs", "a.ts", "a.tsx", "a.js", "a.jsx", "a.py", "a.go", "A.java", "a.sh", "a.json", "a.jsonc", "a.toml",
    "a.yaml", "a.md", "a.txt", "a.c", "a.cpp", "A.cs", "A.kt", "a.swift", "a.php", "a.rb", "a.css", "a.sql", "a.html",
    "Makefile", "Dockerfile", ".gitignore",
];

fuzz_target!(|bytes: &[u8]| {
    let mut source = Source::new(bytes);
    let path = source.pick(PATHS);
    let wishes = source.byte();
    let lists = vec![ListKey { list: "*".into(), key: "k".into() }];
    let options = Options {
        rules: Rules::ALL[usize::from(wishes >> 5) % Rules::ALL.len()],
        same_line: wishes & 1 != 0,
        newest_version: wishes & 2 != 0,
        union_lists: wishes & 16 != 0,
        lists: if wishes & 4 != 0 { lists } else { vec![] },
    };
    // Three files, parted by a byte that no text has.
    let mut files = source.rest().split(|byte| *byte == 0xff);
    let [base, ours, theirs] = [(); 3].map(|()| files.next().unwrap_or_default());
    let base = (wishes & 8 == 0).then_some(base);

    let there = answer(base, ours, theirs, path, &options);
    assert_eq!(there, answer(base, ours, theirs, path, &options), "a second run");
    let back = answer(base, theirs, ours, path, &options);
    assert_eq!(clean(&there).map(lines), clean(&back).map(lines), "exchanged sides");
    assert_eq!(clean(&answer(base, ours, ours, path, &options)), Some(ours), "equal sides");
    if let Some(base) = base {
        assert_eq!(clean(&answer(Some(base), base, theirs, path, &options)), Some(theirs), "one side");
        kept(base, ours, theirs, clean(&there));
    }
    if let Outcome::Conflict(conflict) = &there {
        let _ = (markers(conflict, &Labels::default()), json(conflict), report(conflict, path));
    }
});

fn answer<'a>(
    base: Option<&'a [u8]>,
    ours: &'a [u8],
    theirs: &'a [u8],
    path: &'a str,
    options: &'a Options,
) -> Outcome {
    merge(&Input { base, ours, theirs, path, options })
}

fn clean(outcome: &Outcome) -> Option<&[u8]> {
    match outcome {
        Outcome::Clean { bytes, .. } => Some(bytes),
        Outcome::Conflict(_) => None,
    }
}

/// Lines in the order of their bytes: exchanged sides may change the order of what both added at one place.
fn lines(file: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

/// A line that neither side has fewer times than the base is in the result as often as in the base, wherever it is
/// indented to.
fn kept(base: &[u8], ours: &[u8], theirs: &[u8], result: Option<&[u8]>) {
    let Some(result) = result else { return };
    let count = |file: &[u8], line: &[u8]| trimmed(file).filter(|other| *other == line).count();
    for line in trimmed(base).filter(|line| !line.is_empty()).take(64) {
        let times = count(base, line);
        if count(ours, line) >= times && count(theirs, line) >= times {
            assert!(count(result, line) >= times, "lost {:?}", String::from_utf8_lossy(line));
        }
    }
}

fn trimmed(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    file.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii)
}
