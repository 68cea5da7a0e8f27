//! Imports into domains whose log does not tell of all: nodes that keep a part of the history, commits of which one is missing,
//! conflicts that serve no file.

use crate::governance::{author, new_key, says, text, word};
use crate::group::{Group, PATIENCE, eventually_within};
use crate::hard_imports::{DIFFERENCE, TREE, brings_in, signs};
use crate::met_imports::Met;
use crate::offers::{framed, lines, streamed};
use crate::resumed_imports::{Git, files, log};
use quorate_client::author::{Author, Draft};
use quorate_client::content;
use quorate_client::http::Client;
use quorate_git::Part;
use quorate_ledger::{Base, EnvelopeId, Level, Mode, Op};
use std::fs;
use std::time::Duration;

/// Time within which a busy machine orders more slots than every node keeps, and forgets those before.
const FORGETS_WITHIN: Duration = Duration::from_secs(240);

/// A group whose nodes keep the history of a second.
fn forgetful() -> Group {
    let mut group = Group::init(4);
    for replica in 0..4 {
        let file = group.dir().join(format!("replica-{replica}/config.toml"));
        let config = fs::read_to_string(&file).expect("a configuration");
        let others = config.lines().filter(|line| !line.starts_with("history"));
        let lines: Vec<&str> = ["history = \"1s\""].into_iter().chain(others).collect();
        fs::write(&file, lines.join("\n")).expect("our file");
    }
    group.start_all();
    group
}

/// Orders so many changes of a fourth organisation, each in a slot of its own.
fn goes_on(group: &Group, round: usize, changes: usize) {
    let client = Client::new(&format!("http://{}", group.api(0)), PATIENCE).expect("an address");
    tokio::runtime::Runtime::new().expect("threads").block_on(async {
        let mut author = Author::open(&self::author(group, 3), client, "main").await.expect("an author");
        for number in 0..changes {
            let (path, bytes) = (format!("beside/{}", number % 8), format!("{round} {number}").into_bytes());
            let op = Op::Put { path, mode: Mode::File, content: content::digest(&bytes) };
            let draft = Draft { base: None, ops: vec![op], contents: vec![bytes], message: String::new() };
            author.submit(&draft, Level::Sequential).await.expect("a verdict");
        }
    });
}

#[test]
fn a_file_whose_change_the_log_has_forgotten_is_not_written_over() {
    let met = Met { git: Git::new(), group: forgetful() };
    met.theirs("g", "theirs\n");
    let mut round = 0;
    eventually_within(FORGETS_WITHIN, "the log begins later", || {
        met.git_writes("f", &format!("{round}\n"));
        met.git.import(&met.group, 0, &[], 0);
        goes_on(&met.group, round, 40);
        round += 1;
        met.group.get(0, "/v1/domains/main/log?limit=1000").json()["begins"].as_u64().filter(|begins| *begins > 40)
    });
    met.git_writes("f", "ours\n");
    assert_eq!(met.git.import(&met.group, 0, &[], 0)["changes"], 1);
    met.git_writes("g", "ours\n");

    let refused = met.git.import(&met.group, 0, &[], 1);

    assert!(word(&refused, "error").contains("others have changed g"), "{refused}");
    assert_eq!(met.file("g"), "theirs\n");
    met.git.import(&met.group, 0, &["--over"], 0);
    assert_eq!(met.file("g"), "ours\n");
}

#[test]
fn a_commit_that_is_missing_before_one_that_is_there_is_named() {
    let (git, group) = (Git::with_history(4), Group::unpaced());
    for commit in ["HEAD~2", "HEAD"] {
        brings_in(&group, &author(&group, 0), (&git, commit), Part::ONLY, "f2");
    }

    let refused = git.import(&group, 0, &[], 1);

    assert!(word(&refused, "error").contains(&format!("lacks commit {}", &git.line()[2][..7])), "{refused}");
    assert_eq!(log(&group, "main").len(), 2);
}

#[test]
fn an_import_goes_on_without_a_missing_commit_after_the_newest_one_that_is_there() {
    let (git, group) = (Git::new(), Group::unpaced());
    for (path, content) in [("f", "1\n"), ("f", "2\n"), ("g", "g\n")] {
        git.write(path, content);
        git.commit(content);
    }
    for (commit, path) in [("HEAD~2", "f"), ("HEAD", "g")] {
        brings_in(&group, &author(&group, 0), (&git, commit), Part::ONLY, path);
    }
    git.import(&group, 0, &[], 1);

    assert_eq!(git.import(&group, 0, &["--after", "HEAD"], 0)["changes"], 0);
    assert_eq!(git.import(&group, 0, &["--after", "HEAD", "--over"], 0)["changes"], 1, "f is set as in git");

    git.write("h", "h\n");
    git.commit("h");
    assert_eq!(git.import(&group, 0, &["--after", "HEAD~1"], 0)["changes"], 1);
}

/// More changes of others than a page of the log has entries stand between the commits; one was applied late.
#[test]
fn a_commit_that_was_applied_late_makes_no_gap_where_the_log_is_read_only_down_to_the_newest_one() {
    let (git, group) = (Git::with_history(5), Group::unpaced());
    let own = author(&group, 0);
    let others: Vec<_> = (1..=1_000).map(|seq| group.envelope_at(seq, 1, &format!("beside/{seq}"), "x")).collect();
    let key = new_key(&group, "importer.key");
    says(&group, &own, 0, &["identities", "enrol", text(&key)], 0);
    let comes = |commit| brings_in(&group, &key, (&git, commit), Part::ONLY, "f2");
    ["HEAD~2", "HEAD~1"].into_iter().for_each(comes);
    assert!(lines(&streamed(&group, "*/*", &framed(&others))).values().all(|offered| offered.status == 200));
    ["HEAD~3", "HEAD"].into_iter().for_each(comes);

    let told = says(&group, &key, 0, &["import", "--git", text(git.dir.path())], 0);

    assert_eq!(told["changes"], 0);
}

/// The first part deletes the file where others moved it.
#[test]
fn the_rest_of_a_commit_goes_in_where_others_moved_a_file_that_its_first_part_deletes() {
    let met = Met { git: Git::new(), group: Group::running(4) };
    met.git_writes("f", "1\n2\n3\n4\n5\n");
    met.git.import(&met.group, 0, &[], 0);
    let last: EnvelopeId = serde_json::from_value(log(&met.group, "main")[0]["id"].clone()).expect("an id");
    says(&met.group, &author(&met.group, 1), 0, &["mv", "f", "h"], 0);
    met.git.says(&["rm", "-q", "f"]);
    met.git_writes("more", "x\n");
    let delete = (vec![Op::Delete { path: "f".into() }], Vec::new(), Some(Base::Envelope(last)));
    signs(&met.group, &author(&met.group, 0), (&met.git, "HEAD"), DIFFERENCE, delete);

    assert_eq!(met.git.import(&met.group, 0, &[], 0)["changes"], 1);
    assert_eq!(met.file("more"), "x\n");
}

/// The conflict is of a file that one organisation removes and another changes: nothing is served.
#[test]
fn a_first_import_ends_no_conflict_of_others() {
    let met = Met { git: Git::new(), group: Group::running(4) };
    met.theirs("g", "1\n");
    let (base, file) = (word(&log(&met.group, "main")[0], "revision").to_owned(), met.group.dir().join("side"));
    fs::write(&file, "2\n").expect("our folder");
    says(&met.group, &author(&met.group, 1), 0, &["rm", "g"], 0);
    says(&met.group, &author(&met.group, 2), 0, &["put", "g", text(&file), "--base", &base], 1);
    assert!(files(&met.group).is_empty());
    met.git_writes("g", "ours\n");

    let refused = met.git.import(&met.group, 0, &[], 1);

    assert!(word(&refused, "error").contains("that no import brought, as g: nothing was sent"), "{refused}");
}

/// Of a tree that was begun whole, the commit before it does not matter.
#[test]
fn a_content_that_only_the_parent_of_a_tree_has_is_not_told_as_missing() {
    let met = Met { git: Git::new(), group: Group::running(4) };
    met.theirs("g", "theirs\n");
    met.git_writes("g", "1\n");
    met.git.write("f", "x\n");
    met.git_writes("g", "2\n");
    brings_in(&met.group, &author(&met.group, 0), (&met.git, "HEAD"), TREE, "f");
    met.git.loses("HEAD~1:g");

    let refused = met.git.import(&met.group, 0, &[], 1);

    assert!(word(&refused, "error").contains("others have changed g"), "{refused}");
}
