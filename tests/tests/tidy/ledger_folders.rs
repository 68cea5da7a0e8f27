//! The folders of `ledger`: each names only folders before it, in the order of the `mod` lines of its `lib.rs`.

use crate::sources::{root, rust_files};
use std::fs;

/// Folders in reading order: words and policies, signed forms, known answers, state, its changes, its readers. A new
/// folder, or another order, starts here.
const FOLDERS: &[&str] = &[
    "vocabulary",
    "policy",
    "format",
    "answers",
    "state",
    "proof",
    "lock",
    "copy",
    "apply",
    "validate",
    "execute",
    "query",
];

#[test]
fn modules_at_the_top_of_ledger_are_its_folders_in_reading_order() {
    let text = fs::read_to_string(root().join("ledger/src/lib.rs")).expect("a source file");
    let modules =
        text.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    let modules: Vec<&str> = modules.filter(|module| *module != "testing").collect();
    assert_eq!(modules, FOLDERS);
}

#[test]
fn folders_of_ledger_name_only_folders_before_them() {
    let back: Vec<String> = FOLDERS.iter().enumerate().flat_map(|(place, folder)| arrows_back(place, folder)).collect();
    assert!(back.is_empty(), "move the item down to the folder that names it, or the user up:\n{}", back.join("\n"));
}

/// Lines of a folder that name one after it. Tests may use all.
fn arrows_back(place: usize, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for file in rust_files(&format!("ledger/src/{folder}")) {
        let text = fs::read_to_string(&file).expect("a source file");
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            let later = FOLDERS[place + 1..].iter().find(|later| line.contains(&format!("crate::{later}::")));
            found.extend(later.map(|later| format!("{}:{}: names `{later}`", file.display(), number + 1)));
        }
    }
    found
}
