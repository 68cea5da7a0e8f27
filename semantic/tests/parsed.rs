//! Clean results go through real parsers of their languages: what parsed before a merge parses after it.

mod parsers;

use quorate_semantic::{Input, Options, Rules, merge, samples};
use std::path::Path;

/// Merges of each sample.
const MERGES: u64 = 300;

#[test]
fn the_parsers_tell_what_parses_from_what_does_not() {
    let files = [
        ("a.rs", "fn a() {}", "fn a( {}"),
        ("a.ts", "type A = 'a' | 'b';", "type A = = 'b';"),
        ("a.tsx", "const a = <b c={d as E} />;", "const a = <b;"),
        ("a.js", "f(a);", "f(a;"),
        ("a.py", "if a:\n    b()\n", "if a:\nb(\n"),
        ("a.go", "package a\n\nfunc b() {}\n", "package a\n\nfunc {}\n"),
        ("A.java", "class A { int a; }", "class A { int; }"),
        ("a.json", "{}", "{"),
        ("a.toml", "a = 1", "a = 1\na = 2"),
        ("a.yaml", "a: 1", "a: b: c"),
    ];
    for (path, whole, broken) in files {
        let parsed = [whole, broken].map(|file| parsers::is_parsed(path, file.as_bytes()));
        assert_eq!(parsed, [Some(true), Some(false)], "{path}");
    }
    assert_eq!(parsers::is_parsed("a.sql", b"SELECT"), None);
}

#[test]
fn clean_results_of_samples_parse() {
    samples::each(Rules::NEWEST, MERGES, parsers::check);
}

/// Folders with `base.EXT`, `ours.EXT` and `theirs.EXT`, where `MERGE_SCENARIOS` names their folder.
#[test]
fn clean_results_of_real_merges_parse() {
    let Some(folder) = std::env::var_os("MERGE_SCENARIOS") else {
        eprintln!("SKIPPED: no real merges, MERGE_SCENARIOS names no folder");
        return;
    };
    let mut merges = 0;
    for case in std::fs::read_dir(folder).expect("a folder") {
        let case = case.expect("an entry").path();
        merges += usize::from(real(&case).is_some());
    }
    assert!(merges > 0, "no merge stands there");
}

fn real(case: &Path) -> Option<()> {
    let files = std::fs::read_dir(case).ok()?.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let path = files.into_iter().find(|name| name.starts_with("base."))?;
    let side = |side: &str| std::fs::read(case.join(path.replacen("base", side, 1))).ok();
    let (base, ours, theirs) = (side("base")?, side("ours")?, side("theirs")?);
    let options = Options { newest_version: true, ..Options::default() };
    let input = Input { base: Some(&base), ours: &ours, theirs: &theirs, path: &path, options: &options };
    parsers::check(&input, &merge(&input));
    Some(())
}
