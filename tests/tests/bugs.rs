//! The planted mistakes stay plantable: each patch says what it is about and still applies to the tree.

use quorate_tests::bugs::{Mistake, all};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// At least so many are planted.
const LEAST: usize = 40;

/// The run that finds at least nine in ten of them.
const USUAL: &str = "simulate --seeds 3000";

/// The run that finds those about changes of the member list.
const OF_EPOCHS: &str = "simulate --preset epochs --seeds 3000";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests room stands in the workspace")
}

fn mistakes() -> Vec<Mistake> {
    all(root()).unwrap_or_else(|error| panic!("{error:#}"))
}

#[test]
fn there_are_forty_mistakes_and_nine_in_ten_that_runs_of_replicas_find_are_found_by_the_same_run() {
    let mistakes = mistakes();
    assert!(mistakes.len() >= LEAST, "{} mistakes", mistakes.len());
    // Spreading and copying have no part in a replica's run, and few runs change the member list.
    let elsewhere = |mistake: &&Mistake| {
        let other = ["sites ", "rebuilt ", "test "].iter().any(|command| mistake.run.starts_with(command));
        other || mistake.run == OF_EPOCHS
    };
    let of_replicas: Vec<&Mistake> = mistakes.iter().filter(|mistake| !elsewhere(mistake)).collect();
    let others = of_replicas.iter().filter(|mistake| mistake.run != USUAL).count();
    assert!(others * 10 <= of_replicas.len(), "{others} of {} need another run", of_replicas.len());
}

#[test]
fn a_mistake_that_no_run_finds_names_a_test_that_there_is() {
    let mistakes = mistakes();
    let tests: Vec<[&str; 3]> = mistakes.iter().filter_map(Mistake::test).collect();
    assert!(!tests.is_empty());
    for [room, program, path] in tests {
        let folder = root().join(room).join("tests");
        let (file, name) = match path.split_once("::") {
            Some((module, name)) => (folder.join(program).join(format!("{module}.rs")), name),
            None => {
                let alone = folder.join(format!("{program}.rs"));
                (if alone.exists() { alone } else { folder.join(program).join("main.rs") }, path)
            }
        };
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(text.contains(&format!("\nfn {name}() {{")), "there is no `{room} {program} {path}`");
    }
}

#[test]
fn names_are_words_with_hyphens_and_no_two_patches_are_equal() {
    let mut seen = BTreeSet::new();
    for mistake in mistakes() {
        let plain =
            mistake.name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
        assert!(plain, "{}", mistake.name);
        let text = std::fs::read_to_string(root().join(&mistake.patch)).expect("it was read before");
        let changes: Vec<String> = text.lines().filter(|line| is_change(line)).map(str::to_owned).collect();
        assert!(!changes.is_empty() && !mistake.files.is_empty(), "{} changes nothing", mistake.name);
        assert!(seen.insert(changes), "{} is another one's twin", mistake.name);
    }
}

fn is_change(line: &str) -> bool {
    let of_a_file = line.starts_with("+++") || line.starts_with("---");
    (line.starts_with('+') || line.starts_with('-')) && !of_a_file
}

#[test]
fn every_patch_applies_to_the_tree() {
    let inside = Command::new("git").args(["rev-parse", "--show-cdup"]).current_dir(root()).output();
    if !inside.is_ok_and(|output| output.status.success() && output.stdout.trim_ascii().is_empty()) {
        eprintln!("SKIPPED: whether the planted mistakes apply, as there is no git or no repository here");
        return;
    }
    for mistake in mistakes() {
        let check = Command::new("git").args(["apply", "--check"]).arg(&mistake.patch).current_dir(root()).output();
        let check = check.expect("git has just run");
        let said = String::from_utf8_lossy(&check.stderr);
        assert!(
            check.status.success(),
            "{} does not apply any more: {said}\nPlant it anew where the rule is now.",
            mistake.name
        );
    }
}

/// Counts of mistakes by the words with which their runs begin, as the documentation says them.
#[test]
fn the_counts_of_mistakes_in_the_documentation_are_those_of_the_patches() {
    let (mistakes, text) = (mistakes(), std::fs::read_to_string(root().join("docs/testing.md")).expect("a page"));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let count = |run: &str| mistakes.iter().filter(|mistake| mistake.run.starts_with(run)).count();
    let usual = mistakes.iter().filter(|mistake| mistake.run == USUAL).count();
    for told in [
        format!("Of the {} mistakes, {usual} are for `{USUAL}`", mistakes.len()),
        format!("and {} for `simulate` with a preset: {} for `epochs`", count("simulate --preset"), count(OF_EPOCHS)),
        format!("{} are about copies (`rebuilt`), {} about spreading (`sites`)", count("rebuilt"), count("sites")),
        format!(
            "{} about contents that come back (`contents`); {} are found by a test",
            count("contents"),
            count("test ")
        ),
    ] {
        assert!(text.contains(&told), "docs/testing.md does not say: {told}");
    }
}
