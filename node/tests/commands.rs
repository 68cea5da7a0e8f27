//! The program as scripts see it: exit codes, and git's contract with `merge`.

#[path = "commands/ceremonies.rs"]
mod ceremonies;
#[path = "commands/defaults.rs"]
mod defaults;
#[path = "commands/delivering.rs"]
mod delivering;
#[path = "commands/forgetting.rs"]
mod forgetting;
#[path = "commands/listing.rs"]
mod listing;
#[path = "commands/merging.rs"]
mod merging;
#[path = "commands/mistakes.rs"]
mod mistakes;
#[path = "commands/reports.rs"]
mod reports;
#[path = "commands/repositories.rs"]
mod repositories;
#[path = "commands/rotating.rs"]
mod rotating;
#[path = "commands/slow.rs"]
mod slow;
#[path = "commands/transactions.rs"]
mod transactions;
#[path = "commands/verdicts.rs"]
mod verdicts;
#[path = "commands/watching.rs"]
mod watching;

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
        &["put", "a\u{202e}txt.exe", "file"],
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
fn a_path_that_no_address_can_hold_is_wrong_usage() {
    let folder = folder(&[]);
    let said = quorate(folder.path(), &["get", &"a".repeat(70_000)]);
    assert_eq!(code(&said), 2, "{said:?}");
    assert!(String::from_utf8_lossy(&said.stderr).contains("too long for an address"), "{said:?}");
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
    assert_eq!(places("typo"), Some(vec!["readers".into(), "wirters".into(), "writers".into()]));
    let said = quorate(folder.path(), &["policy", "check", "bad"]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("per_ms goes from 1"));
}

#[test]
fn a_policy_whose_approvals_no_number_of_organisations_was_held_against_is_told_so() {
    let asks = r#"{"writers": ["*"], "readers": [], "approvals": {"organisations": 99, "by": []}}"#;
    let folder = folder(&[("asks", asks), ("asks-nothing", r#"{"writers": ["*"], "readers": []}"#)]);
    let told = |args: &[&str]| {
        let said = quorate(folder.path(), &[&["policy", "check"][..], args].concat());
        (code(&said), String::from_utf8_lossy(&said.stderr).contains("--organisations"))
    };
    assert_eq!((told(&["asks"]), told(&["asks-nothing"])), ((0, true), (0, false)));
    assert_eq!(told(&["asks", "--organisations", "4"]), (1, false));
}

#[test]
fn a_policy_with_too_much_of_two_kinds_is_told_of_both() {
    let names = (0..257).map(|name| format!("\"^k{name}$\": true")).collect::<Vec<_>>().join(",");
    let checked = format!(r#"{{"pattern": "a", "format": "json", "schema": {{"patternProperties": {{{names}}}}}}}"#);
    let long = (0..80).map(|rule| format!(r#"{{"pattern": "{rule}/{}"}}"#, "x".repeat(900)));
    let paths = long.chain([checked]).collect::<Vec<_>>().join(",");
    let folder = folder(&[("policy", &format!(r#"{{"writers": ["*"], "readers": [], "paths": [{paths}]}}"#))]);

    let (ended, told) = failed(&quorate(folder.path(), &["policy", "check", "policy", "--json"]));

    let faults: Vec<&str> =
        told["faults"].as_array().expect("a list").iter().filter_map(|one| one["fault"].as_str()).collect();
    assert_eq!((ended, faults.len()), (1, 2), "{faults:?}");
}

#[test]
fn a_policy_that_does_not_parse_is_told_of_every_part_that_does_not() {
    let domain = r#"{"writers": ["somebody"], "readers": 7, "wirters": [], "quota": {"files": 1}, "approvals": {"organisations": 9, "by": []},
        "paths": [{"pattern": "a**"}, {"patern": "b"}, {"pattern": "c", "format": "docx"}]}"#;
    let group = r#"{"approvals": 3, "rates": {"x": 1}}"#;
    let folder = folder(&[("domain", domain), ("group", group)]);
    let places = |args: &[&str]| {
        let (ended, document) = failed(&quorate(folder.path(), &[&["policy", "check", "--json"][..], args].concat()));
        let faults = document["faults"].as_array().expect("a list").clone();
        (ended, faults.iter().map(|one| one["place"].as_str().expect("a place").to_owned()).collect::<Vec<_>>())
    };
    let told = ["paths[1]", "paths[2]", "quota", "readers", "wirters", "writers", "approvals", "paths[0]"];
    assert_eq!(places(&["domain", "--organisations", "4"]), (1, told.map(str::to_owned).to_vec()));
    assert_eq!(places(&["group", "--group"]), (1, vec!["approvals".to_owned(), "rates".to_owned()]));
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
fn a_missing_file_beside_the_key_that_signs_is_not_told_to_be_named_by_key() {
    let folder = folder(&[]);
    assert_eq!(code(&quorate(folder.path(), &["keys", "new", "--out", "key"])), 0);
    let said = quorate(folder.path(), &["identities", "enrol", "nofile", "--key", "key"]);
    let words = String::from_utf8_lossy(&said.stderr);
    assert!(words.contains("nofile") && words.contains("is the path right?"), "{words}");
    assert!(!words.contains("--key FILE"), "{words}");
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
