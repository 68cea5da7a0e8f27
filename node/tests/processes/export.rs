//! A domain's history as a git repository.

use crate::governance::{author, run, says, text, word};
use crate::group::Group;
use crate::resumed_imports::Git;
use quorate_git::{Mode, Repository, write_sample};
use quorate_ledger::{EnvelopeId, Store as _, Table};
use quorate_storage::Db;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A group with files of every kind, a rename, a file that became a folder, a merge, and a conflict that votes ended.
struct Told {
    group: Group,
    keys: Vec<PathBuf>,
    dir: tempfile::TempDir,
}

impl Told {
    fn new() -> Self {
        let group = Group::running(4);
        let keys = (0..4).map(|number| author(&group, number)).collect();
        let told = Self { group, keys, dir: tempfile::tempdir().expect("a folder") };
        told.put(0, "notes/a.txt", "one\ntwo\nthree\nfour\n", &[]);
        told.put(0, "bin/run", "#!/bin/sh\n", &["--mode", "exec"]);
        told.put(0, "here", "notes/a.txt", &["--mode", "link"]);
        told.put(0, "swap", "a file\n", &[]);
        told.act(0, &["mv", "notes/a.txt", "notes/b.txt"], 0);
        told.act(0, &["rm", "swap"], 0);
        told.put(0, "swap/inner", "a folder\n", &[]);
        told.merge();
        told.vote();
        told
    }

    /// Two sides change other lines of one file.
    fn merge(&self) {
        let base = word(&self.put(0, "both", "1\n2\n3\n4\n5\n", &[]), "revision").to_owned();
        self.put(0, "both", "one\n2\n3\n4\n5\n", &["--base", &base]);
        let merged = self.put(1, "both", "1\n2\n3\n4\nfive\n", &["--base", &base]);
        assert_eq!(merged["state"], "merged", "{merged}");
    }

    /// Two sides change one line, and three organisations vote for the second.
    fn vote(&self) {
        let base = word(&self.put(0, "limit", "100\n", &[]), "revision").to_owned();
        self.put(0, "limit", "200\n", &["--base", &base]);
        let file = self.file("limit", "300\n");
        let met = self.act(1, &["put", "limit", &file, "--base", &base], 1);
        let conflict = met["conflicts"][0].as_str().expect("a conflict").to_owned();
        for voter in 1..4 {
            self.act(voter, &["conflicts", "vote", &conflict, "2"], 0);
        }
    }

    fn put(&self, who: usize, path: &str, content: &str, more: &[&str]) -> Value {
        let file = self.file(&path.replace('/', "-"), content);
        self.act(who, &[&["put", path, &file], more].concat(), 0)
    }

    fn act(&self, who: usize, args: &[&str], code: i32) -> Value {
        says(&self.group, &self.keys[who], 0, args, code)
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, content).expect("a file");
        text(&path).to_owned()
    }

    fn export(&self, replica: usize, name: &str) -> Value {
        let dir = self.mirror(name);
        says(&self.group, &self.keys[0], replica, &["export", "--git", text(&dir)], 0)
    }

    fn mirror(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Files at the tip of a mirror.
fn files(mirror: &Path) -> Vec<(String, Mode, String)> {
    let repository = Repository::open(mirror).expect("a repository");
    let tip = repository.head().expect("a branch").tip;
    let tree = repository.tree(&repository.commit(tip).expect("a commit")).expect("a tree");
    let content = |blob| String::from_utf8(repository.content(blob).expect("a content")).expect("text");
    tree.files.into_iter().map(|(path, entry)| (path, entry.mode, content(entry.blob))).collect()
}

#[test]
fn every_replica_exports_the_same_commits_and_the_files_of_the_domain() {
    let told = Told::new();

    let [there, here] = [told.export(0, "there.git"), told.export(3, "here.git")];

    assert_eq!(word(&there, "tip"), word(&here, "tip"));
    let stand = files(&told.mirror("there.git"));
    let names: Vec<&str> = stand.iter().map(|(path, ..)| path.as_str()).collect();
    assert_eq!(names, ["bin/run", "both", "here", "limit", "notes/b.txt", "swap/inner"]);
    let of = |name| stand.iter().find(|(path, ..)| path == name).expect("it stands");
    assert_eq!((of("bin/run").1, of("here").1), (Mode::Exec, Mode::Link));
    assert_eq!((of("both").2.as_str(), of("limit").2.as_str()), ("one\n2\n3\n4\nfive\n", "300\n"));
}

#[test]
fn what_was_exported_once_keeps_its_commits_when_the_history_goes_on() {
    let told = Told::new();
    let before = word(&told.export(1, "mirror.git"), "tip").to_owned();
    told.put(2, "later", "more\n", &[]);

    told.export(2, "mirror.git");

    let repository = Repository::open(&told.mirror("mirror.git")).expect("a repository");
    let tip = repository.head().expect("a branch").tip;
    let parents: Vec<String> = repository.parents(tip).expect("a commit").iter().map(ToString::to_string).collect();
    assert_eq!(parents, [before]);
}

#[test]
fn an_export_leaves_main_of_a_repository_that_is_no_mirror_until_it_is_told_to_replace_it() {
    let group = Group::running(1);
    let (dir, key) = (tempfile::tempdir().expect("a folder"), author(&group, 0));
    let team = dir.path().join("team.git");
    write_sample(&team).expect("a repository");
    let main_now = || Repository::open(&team).expect("a repository").head().expect("a branch").tip.to_string();
    let (own, file) = (main_now(), dir.path().join("file"));
    fs::write(&file, "text\n").expect("a file");
    says(&group, &key, 0, &["put", "file", text(&file)], 0);

    let refused = run(&group, &key, 0, &["export", "--git", text(&team)]);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains(&own) && told.contains("--replace"), "{told}");
    assert_eq!(main_now(), own);

    let replaced = says(&group, &key, 0, &["export", "--git", text(&team), "--replace"], 0);
    assert_eq!((word(&replaced, "gave_up"), word(&replaced, "tip")), (own.as_str(), main_now().as_str()));
}

#[test]
fn a_commit_names_the_envelope_its_author_and_its_revision() {
    let told = Told::new();
    told.export(0, "mirror.git");
    let repository = Repository::open(&told.mirror("mirror.git")).expect("a repository");
    let tip = repository.head().expect("a branch").tip;
    let made = repository.commit(tip).expect("a commit").message;
    assert!(made.starts_with("enough organisations voted"), "{made}");
    let trailers = ["\nQuorate-Envelope: ", "\nQuorate-Author: ", "\nQuorate-Revision: "];
    assert!(trailers.iter().all(|trailer| made.contains(trailer)), "{made}");
}

#[test]
fn a_domain_that_is_not_there_makes_no_mirror() {
    let group = Group::running(1);
    let dir = tempfile::tempdir().expect("a folder");
    let mirror = dir.path().join("none.git");
    let output = run(&group, &author(&group, 0), 0, &["export", "--git", text(&mirror), "--domain", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!mirror.exists());
}

/// Drops a receipt as `repair` does with one that cannot be read.
fn drop_receipt(group: &mut Group, id: &str) {
    assert_eq!(group.stop(0), Some(0));
    let id: EnvelopeId = id.parse().expect("an id");
    let db = Db::open(&group.dir().join("replica-0/data")).expect("a database");
    let mut batch = db.begin().expect("a batch");
    batch.delete(Table::Receipts, &id.0.0).expect("a row");
    batch.commit().expect("a disk");
    db.fold().expect("a disk");
    drop(db);
    group.start(0);
}

#[test]
fn a_node_whose_repair_dropped_a_receipt_makes_no_mirror_and_takes_no_import_that_may_be_there() {
    let mut group = Group::running(1);
    let (dir, key) = (tempfile::tempdir().expect("a folder"), author(&group, 0));
    let file = dir.path().join("file");
    let put = |group: &Group, content: &str| {
        fs::write(&file, content).expect("a file");
        says(group, &key, 0, &["put", "file", text(&file)], 0)
    };
    let first = put(&group, "one\n");
    put(&group, "two\n");
    let (sample, mirror) = (dir.path().join("sample.git"), dir.path().join("mirror.git"));
    write_sample(&sample).expect("a repository");
    drop_receipt(&mut group, word(&first, "id"));

    let exported = run(&group, &key, 0, &["export", "--git", text(&mirror)]);
    let imported = run(&group, &key, 0, &["import", "--git", text(&sample)]);
    let listed = says(&group, &key, 0, &["log"], 0);

    let told = String::from_utf8_lossy(&exported.stderr);
    assert!(exported.status.code() == Some(1) && told.contains("lacks their changes"), "{told}");
    assert!(!mirror.join("refs/heads/main").exists());
    let told = String::from_utf8_lossy(&imported.stderr);
    assert!(imported.status.code() == Some(1) && told.contains("nothing was sent"), "{told}");
    assert_eq!((listed["items"].as_array().map(Vec::len), &listed["gaps"]), (Some(1), &Value::Bool(true)));
    let tip = Repository::open(&sample).expect("a repository").head().expect("a branch").tip.to_string();
    says(&group, &key, 0, &["import", "--git", text(&sample), "--after", &tip], 0);
}

#[test]
fn paths_that_git_refuses_to_check_out_are_named_with_the_revision_that_brought_them() {
    let group = Group::running(1);
    let (dir, key) = (tempfile::tempdir().expect("a folder"), author(&group, 0));
    let (file, mirror) = (dir.path().join("file"), dir.path().join("mirror.git"));
    fs::write(&file, "text").expect("a file");
    let put = |path: &str, mode: &str| says(&group, &key, 0, &["put", path, text(&file), "--mode", mode], 0);
    let brought = [("git~1", "file"), ("a\\.git\\x", "file"), (".gitmodules", "link"), ("sound", "file")]
        .map(|(path, mode)| word(&put(path, mode), "revision").to_owned());
    says(&group, &key, 0, &["rm", "git~1"], 0);

    let exported = run(&group, &key, 0, &["export", "--git", text(&mirror), "--json"]);

    let told = String::from_utf8_lossy(&exported.stderr);
    let document: Value = serde_json::from_slice(&exported.stdout).expect("JSON");
    let named = [(".gitmodules", 2), ("a\\.git\\x", 1), ("git~1", 0)];
    let expected = named.map(|(path, at)| json!({ "path": path, "revision": brought[at] }));
    assert_eq!((exported.status.code(), &document["unsafe"]), (Some(0), &json!(expected)), "{told}");
    assert!(named.iter().all(|(path, _)| told.contains(path)) && !told.contains("sound"), "{told}");
}

#[test]
fn a_domain_without_history_leaves_the_branch_of_another_where_it_is() {
    let (git, group) = (Git::with_history(3), Group::unpaced());
    let dir = git.dir.path().join(".git");
    for flags in [&[][..], &["--replace"]] {
        let export = [&["export", "--git", text(&dir)], flags].concat();
        let refused = says(&group, &author(&group, 0), 0, &export, 1);
        assert!(word(&refused, "error").contains("main stays where it is"), "{refused}");
    }
}
