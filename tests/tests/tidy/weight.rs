//! The weight of what users link: crates in the tree of `quorate-client`, with and without HTTP.

use crate::sources::root;
use std::collections::BTreeSet;
use std::process::Command;

/// Features of `quorate-client`, and how many crates its tree may have with them, itself included. Verifying offline needs
/// no HTTP, no schema engine and no merge layer.
const CRATES_MAX: &[(&[&str], usize)] = &[(&["--no-default-features"], 70), (&[], 130)];

/// Crates that only executing slots needs.
const FOR_EXECUTION: &[&str] = &["jsonschema", "quorate-semantic", "regex", "saphyr-parser", "toml"];

#[test]
fn the_client_stays_light_and_offline_verification_lighter() {
    for (features, most) in CRATES_MAX {
        let crates = crates(features);
        println!("quorate-client {features:?}: {} crates, at most {most}", crates.len());
        assert!(crates.len() <= *most, "quorate-client {features:?} has {} crates: {crates:?}", crates.len());
    }
}

#[test]
fn the_release_is_built_without_what_only_a_debugger_reads() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    let release = manifest.split("[profile.release]\n").nth(1).and_then(|rest| rest.split("\n[").next());
    assert!(release.is_some_and(|profile| profile.contains("strip = ")), "{release:?}");
}

#[test]
fn the_client_links_nothing_that_executes() {
    let names: BTreeSet<String> =
        crates(&[]).iter().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect();
    let found: Vec<&&str> = FOR_EXECUTION.iter().filter(|name| names.contains(**name)).collect();
    assert!(
        found.is_empty(),
        "quorate-client links {found:?}: `quorate-ledger` without its feature `execution` will do"
    );
}

/// Distinct crates by name and version in the tree of `quorate-client`, for running alone.
fn crates(features: &[&str]) -> BTreeSet<String> {
    let tree =
        ["tree", "--package", "quorate-client", "--edges", "normal", "--prefix", "none", "--locked", "--offline"];
    let output =
        Command::new(env!("CARGO")).args(tree).args(features).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let package = |line: &str| line.split(" (").next().unwrap_or_default().to_owned();
    text.lines().map(package).filter(|line| !line.is_empty()).collect()
}
