//! `quorate merge --report`: the merge of two commits, file by file.

use crate::repositories::{diverged, git, git_is_here, shown};
use crate::{code, folder, quorate};
use std::fs;
use tempfile::TempDir;

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
    if !git_is_here() {
        return;
    }
    let folder = forked();
    let here = folder.path();
    let reported = quorate(here, &["merge", "--report", "topic...main", "--out", "report.html", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&reported.stdout).expect("a document");
    let file = |nth: usize| {
        let file = &told["files"][nth];
        serde_json::json!(["path", "rung", "git", "same_as_git"].map(|key| &file[key]))
    };
    assert_eq!((code(&reported), &told["clean"]), (1, &false.into()), "{told:#}");
    assert_eq!(file(0), serde_json::json!(["clash", "none", "conflict", null]));
    assert_eq!(file(1), serde_json::json!(["keys.json", "data", "conflict", null]));
    assert_eq!(file(2), serde_json::json!(["lines", "text", "clean", true]));
    assert_eq!((&told["files"][3], &told["one_sided"][0]["path"]), (&serde_json::Value::Null, &"alone".into()));
    let page = shown(here, "report.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("prefers-color-scheme"), "{page}");
    assert!(page.contains("&lt;eins&gt;") && !page.contains("<eins>"), "what files hold is text: {page}");
    assert!(["keys.json", "clash", "lines", "alone"].iter().all(|name| page.contains(name)), "{page}");
}

#[test]
fn a_report_of_a_merge_commit_says_what_was_committed_otherwise() {
    if !git_is_here() {
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
    if !git_is_here() {
        return;
    }
    let folder = diverged(
        "",
        &[("was", ["1\n2\n3\n", "1\n2\n3\n", "1\n2\nthree\n"]), ("same", ["x\n"; 3]), ("zone", ["1", "2", "1"])],
    );
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
fn a_file_that_one_side_moved_and_the_other_removed_is_a_conflict() {
    if !git_is_here() {
        return;
    }
    let folder = diverged("", &[("was", ["1\n"; 3]), ("other", ["1", "2", "3"])]);
    let here = folder.path();
    for (branch, step) in [("main", &["mv", "was", "now"][..]), ("topic", &["rm", "-q", "was"])] {
        git(here, &["checkout", "-q", branch]);
        git(here, step);
        assert_eq!(code(&git(here, &["commit", "-qm", "gone"])), 0);
    }
    let moved = |range: &str| {
        let reported = quorate(here, &["merge", "--report", range, "--json"]);
        let told: serde_json::Value = serde_json::from_slice(&reported.stdout).expect("a document");
        let file = told["files"].as_array().and_then(|files| files.iter().find(|file| file["path"] == "now")).cloned();
        (code(&reported), file.expect("the moved file")["conflict"]["reason"].clone())
    };
    let removed = "one side moved it here, and the other removed it";
    assert_eq!([moved("main...topic"), moved("topic...main")], [(1, removed.into()), (1, removed.into())]);

    fs::write(here.join("now"), "another\n").expect("a file");
    git(here, &["add", "."]);
    assert_eq!(code(&git(here, &["commit", "-qm", "another at the new place"])), 0);
    let crowded = "more than one file would come to stand here";
    assert_eq!([moved("main...topic"), moved("topic...main")], [(1, crowded.into()), (1, crowded.into())]);
}

#[test]
fn a_submodule_where_the_other_side_has_a_folder_is_a_conflict() {
    if !git_is_here() {
        return;
    }
    let folder = diverged("", &[("lines", ["1\n2\n3\n", "one\n2\n3\n", "1\n2\nthree\n"])]);
    let here = folder.path();
    git(here, &["checkout", "-q", "main"]);
    git(here, &["update-index", "--add", "--cacheinfo", &format!("160000,{},lib", "1".repeat(40))]);
    assert_eq!(code(&git(here, &["commit", "-qm", "a submodule"])), 0);
    git(here, &["checkout", "-q", "topic"]);
    fs::create_dir_all(here.join("lib")).expect("a folder");
    fs::write(here.join("lib/x"), "x").expect("a file");
    git(here, &["add", "."]);
    assert_eq!(code(&git(here, &["commit", "-qm", "a folder"])), 0);
    for range in ["main...topic", "topic...main"] {
        let reported = quorate(here, &["merge", "--report", range, "--json"]);
        let told: serde_json::Value = serde_json::from_slice(&reported.stdout).expect("a document");
        let paths: Vec<&str> =
            told["files"].as_array().expect("files").iter().filter_map(|f| f["path"].as_str()).collect();
        assert_eq!((code(&reported), &paths[..]), (1, &["lib", "lines"][..]), "{told:#}");
    }
}

#[test]
fn a_file_where_the_other_side_made_a_folder_stands_once_in_the_report() {
    if !git_is_here() {
        return;
    }
    let folder = diverged("", &[("p", ["1\n", "2\n", "1\n"]), ("other", ["1", "2", "3"])]);
    let here = folder.path();
    git(here, &["checkout", "-q", "topic"]);
    git(here, &["rm", "-q", "p"]);
    fs::create_dir_all(here.join("p")).expect("a folder");
    fs::write(here.join("p/x"), "x").expect("a file");
    git(here, &["add", "."]);
    assert_eq!(code(&git(here, &["commit", "-qm", "a folder"])), 0);
    let reported = quorate(here, &["merge", "--report", "main...topic", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&reported.stdout).expect("a document");
    let paths: Vec<&str> = told["files"].as_array().expect("files").iter().filter_map(|f| f["path"].as_str()).collect();
    assert_eq!((code(&reported), &paths[..]), (1, &["other", "p"][..]), "{told:#}");
}

#[test]
fn names_and_lines_of_others_are_text_on_the_page() {
    if !git_is_here() {
        return;
    }
    let folder =
        diverged("", &[("<script>", ["<script>\n", "<script>1\n", "<script>2\n"]), ("\u{202e}", ["", "1", ""])]);
    let here = folder.path();
    git(here, &["branch", "a<script"]);
    let reported = quorate(here, &["merge", "--report", "main...a<script", "--out", "page.html"]);
    let page = shown(here, "page.html");
    assert_eq!(code(&reported), 1, "{}", String::from_utf8_lossy(&reported.stderr));
    assert!(page.contains("a&lt;script") && page.contains("&lt;script&gt;1\n|||||||"), "{page}");
    assert!(!page.contains("<script") && !page.contains('\u{202e}'), "{page}");
}

#[test]
fn a_submodule_that_both_sides_changed_is_a_conflict_and_one_that_a_side_changed_is_said() {
    if !git_is_here() {
        return;
    }
    let folder = diverged("", &[("lines", ["1\n2\n3\n", "one\n2\n3\n", "1\n2\nthree\n"])]);
    let here = folder.path();
    for (branch, commit) in [("main", "1".repeat(40)), ("topic", "2".repeat(40))] {
        git(here, &["checkout", "-q", branch]);
        git(here, &["update-index", "--add", "--cacheinfo", &format!("160000,{commit},sub")]);
        assert_eq!(code(&git(here, &["commit", "-qm", "sub"])), 0);
    }
    for (range, exit, disputed) in
        [("main...topic", 1, "sub"), ("main~...topic", 0, "lines"), ("main...topic~", 0, "lines")]
    {
        let reported = quorate(here, &["merge", "--report", range, "--json"]);
        let told: serde_json::Value = serde_json::from_slice(&reported.stdout).expect("a document");
        let last = told["files"].as_array().and_then(|files| files.last()).expect("a file");
        assert_eq!((code(&reported), &last["path"]), (exit, &disputed.into()), "{range}: {told:#}");
        assert_eq!(told["left_out"], serde_json::json!([{ "path": "sub", "reason": "submodule" }]), "{range}");
    }
}

#[test]
fn contents_that_are_no_text_are_in_conflict_and_strangers_have_no_base() {
    if !git_is_here() {
        return;
    }
    let folder = diverged("", &[("binary", ["\0", "\u{0}1", "\u{0}2"])]);
    let here = folder.path();
    git(here, &["checkout", "-q", "--orphan", "stranger"]);
    git(here, &["commit", "-qm", "stranger"]);
    for (range, base) in [("main...topic", true), ("main...stranger", false)] {
        let reported = quorate(here, &["merge", "--report", range, "--json"]);
        let told: serde_json::Value = serde_json::from_slice(&reported.stdout).expect("a document");
        let file = &told["files"][0];
        assert_eq!((code(&reported), &file["path"], &file["git"]), (1, &"binary".into(), &"none".into()), "{told:#}");
        assert_eq!(told["base"].is_object(), base, "{told:#}");
    }
}

#[test]
fn a_report_needs_two_commits_and_a_place_to_go() {
    let folder = folder(&[]);
    for args in [&["--report", "a...b"][..], &["--report", "a...b", "--out", "x"], &["--out", "x", "a", "b", "c"]] {
        assert_eq!(code(&quorate(folder.path(), &[&["merge"], args].concat())), 129, "{args:?}");
    }
}
