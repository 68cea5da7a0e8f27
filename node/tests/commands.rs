//! The program as scripts see it: exit codes, and git's contract with `merge`.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

fn quorate(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.current_dir(folder).args(args);
    for name in ["QUORATE_NODE", "QUORATE_KEY", "QUORATE_DOMAIN"] {
        command.env_remove(name);
    }
    command.output().expect("the program was built")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("not killed")
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

/// The JSON document of a failed command: exit code of the process and of the document.
fn failed(output: &Output) -> (i32, serde_json::Value) {
    let document = serde_json::from_slice(&output.stdout);
    (code(output), document.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout))))
}

#[test]
fn a_command_that_fails_says_so_as_json_where_json_is_asked_for() {
    let folder = folder(&[]);
    let wrong: [(&[&str], i32); 6] = [
        (&["put", "--json", "--no-such-flag"], 2),
        (&["merge", "--json", "--no-such-flag"], 129),
        (&["merge", "--json", "a", "b", "c"], 129),
        (&["config", "show", "--json", "--dir", "nowhere"], 2),
        (&["keys", "show", "nowhere", "--json"], 2),
        (&["status", "--json", "--timeout", "0.2", "--node", "http://127.0.0.1:1"], 3),
    ];
    for (args, exit) in wrong {
        let (ended, document) = failed(&quorate(folder.path(), args));
        assert_eq!((ended, document["exit"].as_i64()), (exit, Some(i64::from(exit))), "{args:?}");
        assert!(document["error"].as_str().is_some_and(|words| !words.is_empty()), "{args:?}: {document}");
    }
}

const CLEAN: [(&str, &str); 3] = [("base", "1\n2\n3\n"), ("ours", "one\n2\n3\n"), ("theirs", "1\n2\nthree\n")];
const CLASH: [(&str, &str); 3] = [("base", "1\n"), ("ours", "one\n"), ("theirs", "eins\n")];

#[test]
fn a_clean_merge_is_on_standard_output() {
    let folder = folder(&CLEAN);
    let merged = quorate(folder.path(), &["merge", "base", "ours", "theirs"]);
    assert_eq!((code(&merged), &merged.stdout[..]), (0, &b"one\n2\nthree\n"[..]));
}

#[test]
fn a_conflict_has_gits_markers_and_exit_code_1() {
    let folder = folder(&CLASH);
    let merged = quorate(folder.path(), &["merge", "base", "ours", "theirs"]);
    let markers = "<<<<<<< ours\none\n||||||| base\n1\n=======\neins\n>>>>>>> theirs\n";
    assert_eq!((code(&merged), String::from_utf8_lossy(&merged.stdout).as_ref()), (1, markers));
}

#[test]
fn as_a_driver_it_writes_into_ours_and_says_nothing() {
    let folder = folder(&CLEAN);
    let merged = quorate(folder.path(), &["merge", "--driver", "--path=-x", "base", "ours", "theirs"]);
    assert_eq!((code(&merged), &merged.stdout[..]), (0, &b""[..]));
    assert_eq!(fs::read(folder.path().join("ours")).expect("a file"), b"one\n2\nthree\n");
}

#[test]
fn conflict_markers_are_as_long_as_asked_for() {
    let folder = folder(&CLASH);
    let merged = quorate(folder.path(), &["merge", "--marker-size", "9", "base", "ours", "theirs"]);
    let markers = "<<<<<<<<< ours\none\n||||||||| base\n1\n=========\neins\n>>>>>>>>> theirs\n";
    assert_eq!((code(&merged), String::from_utf8_lossy(&merged.stdout).as_ref()), (1, markers));
    for wrong in ["0", "-1", "x", "1025"] {
        let size = format!("--marker-size={wrong}");
        assert_eq!(code(&quorate(folder.path(), &["merge", &size, "base", "ours", "theirs"])), 129, "{wrong}");
    }
}

/// Runs git in a repository, without the user's configuration.
fn git(folder: &Path, args: &[&str]) -> Output {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
    let mut command = Command::new("git");
    command.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.args(identity).args(args).output().expect("git was asked for its version before")
}

/// Whether there is a git that tells drivers the names of the sides, as every one since 2.44 does.
fn git_names_the_sides() -> bool {
    let version = Command::new("git").arg("--version").output().ok().and_then(|said| {
        let said = String::from_utf8(said.stdout).ok()?;
        let mut numbers = said.split_whitespace().nth(2)?.split('.').map(|number| number.parse::<u32>().ok());
        Some((numbers.next()??, numbers.next()??))
    });
    if version < Some((2, 44)) {
        eprintln!("SKIPPED: no git of 2.44 or newer here, so the merge driver was not tried under it");
    }
    version >= Some((2, 44))
}

/// A repository with the driver, in which `main` and the branch `topic`, which is checked out, changed files from a base.
fn diverged(attributes: &str, files: &[(&str, [&str; 3])]) -> TempDir {
    let folder = folder(&[(".gitattributes", attributes)]);
    let here = folder.path();
    let commit = |side: usize| {
        files.iter().for_each(|(name, sides)| fs::write(here.join(name), sides[side]).expect("a file"));
        git(here, &["add", "."]);
        assert_eq!(code(&git(here, &["commit", "-qm", "x"])), 0);
    };
    git(here, &["init", "-q", "-b", "main"]);
    assert_eq!(code(&quorate(here, &["merge", "--install"])), 0);
    commit(0);
    git(here, &["branch", "topic"]);
    commit(1);
    git(here, &["checkout", "-q", "topic"]);
    commit(2);
    folder
}

fn shown(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect("a file")
}

#[test]
fn the_installed_driver_writes_markers_with_the_branches_names_of_the_size_that_an_attribute_names() {
    if !git_names_the_sides() {
        return;
    }
    let sides = ["1\n", "eins\n", "one\n"];
    let folder = diverged("*.txt conflict-marker-size=11\n", &[("a.txt", sides), ("b", sides)]);
    let merged = git(folder.path(), &["merge", "main"]);
    assert_eq!(code(&merged), 1, "{}", String::from_utf8_lossy(&merged.stdout));
    for (name, size) in [("a.txt", 11), ("b", 7)] {
        let shown = shown(folder.path(), name);
        let [ours, theirs] = ["<", ">"].map(|sign| sign.repeat(size));
        assert!(shown.starts_with(&format!("{ours} HEAD\none\n")), "{name}: {shown}");
        assert!(shown.ends_with(&format!("\neins\n{theirs} main\n")), "{name}: {shown}");
    }
}

/// Stretches that the sides share at their ends and between them, one shorter than git shows apart and one longer.
const LONG_CLASH: [&str; 3] = [
    "top\nold\nend\n",
    "top\nboth\nours 1\na\nb\nc\nd\nours 2\ne\nours 3\nboth too\nend\n",
    "top\nboth\ntheirs 1\na\nb\nc\nd\ntheirs 2\ne\ntheirs 3\nboth too\nend\n",
];

#[test]
fn the_installed_driver_shows_conflicts_as_git_itself_does_in_each_style() {
    if !git_names_the_sides() {
        return;
    }
    let folder = diverged("gits merge=text\n", &[("ours", LONG_CLASH), ("gits", LONG_CLASH)]);
    let here = folder.path();
    let styles = ["merge", "diff3", "zdiff3"].map(|style| {
        git(here, &["config", "merge.conflictStyle", style]);
        assert_eq!(code(&git(here, &["merge", "main"])), 1);
        let (ours, gits) = (shown(here, "ours"), shown(here, "gits"));
        git(here, &["merge", "--abort"]);
        assert_eq!(ours, gits, "{style}");
        ours.matches("<<<<<<<").count() + ours.lines().count()
    });
    assert!(styles[0] != styles[1] && styles[1] != styles[2], "{styles:?}: each style is another");
}

#[test]
fn a_style_and_labels_on_the_command_line_win() {
    let folder = folder(&CLASH);
    git(folder.path(), &["init", "-q"]);
    git(folder.path(), &["config", "merge.conflictStyle", "diff3"]);
    let labels = ["--labels", "mine", "before", "-theirs-"];
    let style = ["merge", "--driver", "--conflict-style=merge"];
    let merged = quorate(folder.path(), &[&style[..], &labels, &["base", "ours", "theirs"]].concat());
    assert_eq!(code(&merged), 1);
    assert_eq!(shown(folder.path(), "ours"), "<<<<<<< mine\none\n=======\neins\n>>>>>>> -theirs-\n");
    for wrong in [&["--conflict-style=diff"][..], &["--labels", "a\nb", "", ""]] {
        assert_eq!(code(&quorate(folder.path(), &[&["merge"], wrong, &["base", "ours", "theirs"]].concat())), 129);
    }
}

#[test]
fn an_explanation_shows_the_lines_that_the_proposal_would_write() {
    let folder =
        folder(&[("base", "v = 1.0\nf(a, b)\n"), ("ours", "v = 1.1\nf(x, b)\n"), ("theirs", "v = 1.0\nf(a, y)\n")]);
    let merged = quorate(folder.path(), &["merge", "--explain", "--path", "a.rs", "base", "ours", "theirs"]);
    let said = String::from_utf8_lossy(&merged.stderr);
    assert_eq!(code(&merged), 1, "{said}");
    assert!(said.ends_with("it would write:\n@@ -1,2 +1,2 @@\n v = 1.1\n-f(x, b)\n+f(x, y)\n"), "{said}");
}

/// Repository whose `main` and `topic` changed one file where lines meet, one where keys do, one where none do, and one each alone.
fn forked() -> TempDir {
    diverged(
        "",
        &[
            ("clash", ["<1>\n", "<eins>\n", "<one>\n"]),
            ("keys.json", ["{\n  \"a\": 1\n}\n", "{\n  \"b\": 2,\n  \"a\": 1\n}\n", "{\n  \"c\": 3,\n  \"a\": 1\n}\n"]),
            ("lines", ["1\n2\n3\n", "one\n2\n3\n", "1\n2\nthree\n"]),
            ("alone", ["1\n", "2\n", "1\n"]),
        ],
    )
}

#[test]
fn a_report_tells_of_each_file_beside_what_git_has() {
    if !git_names_the_sides() {
        return;
    }
    let folder = forked();
    let here = folder.path();
    let reported = quorate(here, &["merge", "--report", "topic...main", "--out", "report.html", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&reported.stdout).expect("a document");
    let file = |nth: usize| {
        let file = &told["files"][nth];
        ["path", "rung", "git", "same_as_git"].map(|key| file[key].clone())
    };
    assert_eq!((code(&reported), &told["clean"]), (1, &false.into()), "{told:#}");
    assert_eq!(file(0), ["clash".into(), "none".into(), "conflict".into(), serde_json::Value::Null]);
    assert_eq!(file(1), ["keys.json".into(), "data".into(), "conflict".into(), serde_json::Value::Null]);
    assert_eq!(file(2), ["lines".into(), "text".into(), "clean".into(), true.into()]);
    assert_eq!((&told["files"][3], &told["one_sided"][0]["path"]), (&serde_json::Value::Null, &"alone".into()));
    let page = shown(here, "report.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("prefers-color-scheme"), "{page}");
    assert!(page.contains("&lt;eins&gt;") && !page.contains("<eins>"), "what files hold is text: {page}");
    assert!(["keys.json", "clash", "lines", "alone"].iter().all(|name| page.contains(name)), "{page}");
}

#[test]
fn a_report_of_a_merge_commit_says_what_was_committed_otherwise() {
    if !git_names_the_sides() {
        return;
    }
    let folder = forked();
    let here = folder.path();
    git(here, &["merge", "main"]);
    for (name, text) in [("clash", "both\n"), ("lines", "one\n2\n3!\n")] {
        fs::write(here.join(name), text).expect("a file");
    }
    git(here, &["add", "."]);
    git(here, &["commit", "-qm", "merged"]);
    let reported = quorate(here, &["merge", "--report", "HEAD", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&reported.stdout).expect("a document");
    let as_committed = [0, 1, 2].map(|nth| told["files"][nth]["same_as_committed"].clone());
    assert_eq!(as_committed, [serde_json::Value::Null, true.into(), false.into()], "{told:#}");
    assert_eq!(
        (&told["one_sided"][0]["same_as_committed"], &told["committed"]["title"]),
        (&true.into(), &"merged".into())
    );
}

#[test]
fn a_report_follows_moved_files_and_names_paths_that_cannot_meet() {
    if !git_names_the_sides() {
        return;
    }
    let folder = diverged("", &[("was", ["1\n2\n3\n", "1\n2\n3\n", "1\n2\nthree\n"]), ("same", ["x\n", "x\n", "x\n"])]);
    let here = folder.path();
    git(here, &["checkout", "-q", "main"]);
    for step in [&["mv", "was", "now"][..], &["mv", "same", "here"], &["commit", "-qm", "moved"]] {
        git(here, step);
    }
    git(here, &["checkout", "-q", "topic"]);
    for step in [&["mv", "same", "there"][..], &["commit", "-qm", "moved"]] {
        git(here, step);
    }
    let reported = quorate(here, &["merge", "--report", "main...topic", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&reported.stdout).expect("a document");
    let conflict = &told["files"][0]["conflict"];
    assert_eq!(
        (&told["files"][0]["path"], &conflict["reason"]),
        (&"same".into(), &"it was moved to here and to there".into())
    );
    assert_eq!(told["one_sided"][0]["path"], "now", "the edit is where the file went: {told:#}");
}

#[test]
fn a_report_needs_two_commits_and_a_place_to_go() {
    let folder = folder(&[]);
    for args in [&["--report", "a...b"][..], &["--report", "a...b", "--out", "x"], &["--out", "x", "a", "b", "c"]] {
        assert_eq!(code(&quorate(folder.path(), &[&["merge"], args].concat())), 129, "{args:?}");
    }
}

#[test]
fn every_error_of_merge_is_129() {
    let folder = folder(&CLEAN);
    for args in [&["merge", "base", "ours", "nowhere"][..], &["merge", "base"], &["merge", "--unknown"]] {
        assert_eq!(code(&quorate(folder.path(), args)), 129, "{args:?}");
    }
}

#[test]
fn wrong_usage_is_2() {
    let folder = folder(&[("key", "not a key")]);
    let wrong = [
        &["nonsense"][..],
        &["get"],
        &["get", "a", "--level", "best"],
        &["put", "a", "key"],
        &["put", "a", "key", "--key", "key"],
        &["put", "a", "nowhere", "--key", "key"],
        &["status", "--node", "nowhere"],
        &["keys", "show", "key"],
        &["keys", "new", "--out", "key"],
        &["policy", "set", "key", "--key", "key"],
        &["attest", "nothing", "--key", "key"],
        &["conflicts", "list", "--open", "--settled"],
        &["conflicts", "vote", "abcd", "0", "--key", "key"],
        &["conflicts", "propose", "abcd", "--key", "key"],
        &["conflicts", "resolve", "abcd", "--side", "1", "--delete", "--key", "key"],
        &["identities", "revoke", "nobody", "--key", "key"],
        &["verify", "key", "--genesis", "nowhere"],
        &["verify", "key", "--genesis", "key"],
    ];
    for args in wrong {
        assert_eq!(code(&quorate(folder.path(), args)), 2, "{args:?}");
    }
}

#[test]
fn a_path_that_names_no_file_is_told_before_anything_is_signed() {
    let folder = folder(&[("file", "x")]);
    assert_eq!(code(&quorate(folder.path(), &["keys", "new", "--out", "key"])), 0);
    let to_nobody = ["--key", "key", "--node", "http://127.0.0.1:1", "--timeout", "0.3"];
    for args in [
        &["put", "../x", "file"][..],
        &["put", "/etc/x", "file"],
        &["put", "", "file"],
        &["put", "a\nb", "file"],
        &["mv", "a", "b/"],
        &["mv", "a", "b\u{1b}c"],
        &["lock", "acquire", "../x"],
        &["lock", "acquire", "/x"],
    ] {
        let said = quorate(folder.path(), &[args, &to_nobody].concat());
        assert_eq!(code(&said), 2, "{args:?}: no node was asked");
        assert!(String::from_utf8_lossy(&said.stderr).contains("nothing was signed"), "{args:?}");
    }
}

#[test]
fn a_path_that_begins_with_a_slash_is_told_so() {
    let folder = folder(&[("file", "x")]);
    let said = quorate(folder.path(), &["put", "/etc/passwd", "file", "--key", "key"]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("begins in its domain, without a slash"), "{said:?}");
}

#[test]
fn a_pipe_that_nobody_writes_to_is_waited_for_no_longer_than_for_a_node() {
    let folder = folder(&[]);
    assert_eq!(code(&quorate(folder.path(), &["keys", "new", "--out", "key"])), 0);
    let made = Command::new("mkfifo").arg("pipe").current_dir(folder.path()).status();
    assert!(made.expect("mkfifo runs").success());

    let said = quorate(folder.path(), &["put", "a", "pipe", "--key", "key", "--timeout", "0.3"]);

    assert_eq!(code(&said), 2);
    assert!(String::from_utf8_lossy(&said.stderr).contains("--timeout SECONDS waits for longer"), "{said:?}");
}

#[test]
fn every_page_that_the_manual_names_is_there() {
    let folder = folder(&[]);
    assert_eq!(code(&quorate(folder.path(), &["man", "--out", "."])), 0);
    let pages: Vec<String> = std::fs::read_dir(folder.path())
        .expect("our folder")
        .filter_map(|entry| entry.expect("our folder").file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".1").map(str::to_owned))
        .collect();
    assert!(pages.len() > 30, "{} pages", pages.len());
    for page in &pages {
        let text =
            std::fs::read_to_string(folder.path().join(format!("{page}.1"))).expect("our file").replace('\\', "");
        for named in text.split_whitespace().filter_map(|word| word.strip_suffix("(1)")) {
            assert!(pages.iter().any(|page| page == named), "{page}.1 names {named}(1)");
        }
    }
    let one = quorate(folder.path(), &["man", "lock", "acquire"]);
    assert!(String::from_utf8_lossy(&one.stdout).contains("quorate"), "{one:?}");
    assert_eq!(code(&quorate(folder.path(), &["man", "nonsense"])), 2);
}

#[test]
fn a_policy_is_checked_without_a_node() {
    let bad = r#"{"writers": ["*"], "readers": [], "rates": {"author": {"per_ms": 0}}, "paths": [{"pattern": "a**"}]}"#;
    let files = [("good", r#"{"writers": ["*"], "readers": []}"#), ("bad", bad), ("typo", r#"{"wirters": []}"#)];
    let folder = folder(&files);
    let check = |name: &str| quorate(folder.path(), &["policy", "check", name, "--json"]);
    let answer = |name: &str| -> serde_json::Value { serde_json::from_slice(&check(name).stdout).expect("JSON") };
    assert_eq!((code(&check("good")), &answer("good")["ok"]), (0, &true.into()));
    assert_eq!((code(&check("bad")), code(&check("typo"))), (1, 1));
    let places = |name: &str| {
        answer(name)["faults"].as_array().map(|all| all.iter().map(|one| one["place"].clone()).collect::<Vec<_>>())
    };
    assert_eq!(places("bad"), Some(vec!["rates".into(), "paths[0]".into()]));
    assert_eq!(places("typo"), Some(vec!["line 1, column 10".into()]));
    let said = quorate(folder.path(), &["policy", "check", "bad"]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("per_ms goes from 1"));
}

#[test]
fn the_examples_of_the_handbook_pass_the_check() {
    let text = include_str!("../../docs/policies.md");
    let examples = text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut found = 0;
    for example in examples {
        let folder = folder(&[("policy.json", example)]);
        let checked = quorate(folder.path(), &["policy", "check", "policy.json", "--organisations", "4"]);
        assert_eq!(code(&checked), 0, "{example}{}", String::from_utf8_lossy(&checked.stdout));
        found += 1;
    }
    assert_eq!(found, 6);
}

#[test]
fn a_node_that_is_not_there_is_3_in_time() {
    let folder = folder(&[("file", "x")]);
    assert_eq!(code(&quorate(folder.path(), &["keys", "new", "--out", "key"])), 0);
    let there = ["--node", "http://127.0.0.1:1", "--timeout", "0.3"];
    for args in [&["status"][..], &["get", "a"], &["put", "a", "file", "--key", "key"]] {
        assert_eq!(code(&quorate(folder.path(), &[args, &there].concat())), 3, "{args:?}");
    }
}

#[test]
fn a_lease_that_no_ledger_takes_is_told_before_anything_is_signed() {
    let folder = folder(&[]);
    assert_eq!(code(&quorate(folder.path(), &["keys", "new", "--out", "key"])), 0);
    for args in [&["--lease", "0"][..], &["--lease", "99999"], &["--wait", "99999"]] {
        let said = quorate(folder.path(), &[&["lock", "acquire", "a", "--key", "key"], args].concat());
        let words = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(code(&said) == 2 && words.contains("nothing was signed"), "{args:?}: {words}");
    }
}

#[test]
fn an_error_is_a_json_document_where_json_is_asked_for() {
    let folder = folder(&[]);
    let failed = quorate(folder.path(), &["put", "a", "nowhere", "--key", "nokey", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&failed.stdout).expect("JSON");
    assert_eq!((document["exit"].as_i64(), code(&failed)), (Some(2), 2));
    assert!(document["error"].as_str().is_some_and(|error| error.contains("nowhere")), "{document}");
}

#[test]
fn an_empty_document_is_called_empty() {
    let folder = folder(&[("ada.proof", "")]);
    assert_eq!(code(&quorate(folder.path(), &["keys", "new", "--out", "key"])), 0);
    let said = quorate(folder.path(), &["identities", "enrol", "ada.proof", "--key", "key"]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("ada.proof is empty"));
}

#[test]
fn a_missing_key_file_comes_with_the_way_to_one() {
    let folder = folder(&[("file", "x")]);
    let said = quorate(folder.path(), &["put", "a", "file", "--key", "nokey"]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("quorate keys new --out FILE"));
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let folder = folder(&[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    let mut child = command.arg("man").stdout(std::process::Stdio::piped()).spawn().expect("it was built");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{folder:?}");
}

#[test]
fn a_group_that_bears_nobody_is_called_so() {
    let folder = folder(&[]);
    let words = |replicas: &str, out: &str| {
        let made = quorate(folder.path(), &["init", "--replicas", replicas, "--out", out]);
        String::from_utf8_lossy(&made.stderr).into_owned()
    };
    assert!(words("3", "few").contains("3 replicas: none may fail or lie"));
    assert_eq!(words("4", "enough"), "");
}

/// A node that answers every request with this content under this hash; its address.
fn node_that_serves(content: &'static str, hash: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let head = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            assert!(head.count() > 0, "a request");
            let head = format!("HTTP/1.1 200 OK\r\netag: \"{hash}\"\r\nquorate-mode: file\r\nconnection: close");
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{content}", content.len());
        }
    });
    address
}

#[test]
fn a_content_that_is_not_what_its_hash_names_is_never_printed() {
    let folder = folder(&[]);
    let hash = quorate_client::content::digest(b"Kapellsk\xc3\xa4r").to_string();
    let rotten = node_that_serves("Xapellsk\u{e4}r", hash.clone());
    let sound = node_that_serves("Kapellsk\u{e4}r", hash);

    let damaged = quorate(folder.path(), &["get", "ports", "--node", &rotten]);
    let words = String::from_utf8_lossy(&damaged.stderr).into_owned();

    assert_eq!((code(&damaged), damaged.stdout.len()), (3, 0), "{words}");
    assert!(words.contains("its disk may be damaged"), "{words}");
    assert_eq!(quorate(folder.path(), &["get", "ports", "--node", &sound]).stdout, "Kapellsk\u{e4}r".as_bytes());
}

#[test]
fn help_and_version_are_no_errors() {
    let folder = folder(&[]);
    for args in [&["--help"][..], &["--version"], &["merge", "--help"], &["help", "put"], &["man"]] {
        assert_eq!(code(&quorate(folder.path(), args)), 0, "{args:?}");
    }
}
