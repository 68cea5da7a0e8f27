//! Mistakes of operators, and disks that take no more: told before anything is made, and nothing half made stays.

use crate::watching::{Reply, heard_node, node, problem, tree};
use crate::{code, failed, folder, node_that_serves, quorate};
use std::path::Path;
use std::process::{Command, Output};

fn errors(said: &Output) -> String {
    String::from_utf8_lossy(&said.stderr).into_owned()
}

/// Runs a command whose files take not one byte.
fn without_room(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_quorate")]);
    command.args(args).current_dir(folder).output().expect("a shell")
}

#[test]
fn a_request_to_join_is_written_whichever_variable_of_a_command_is_set() {
    for name in ["QUORATE_TOKEN", "QUORATE_CA", "QUORATE_LOG", "QUORATE_API", "QUORATE_NODE", "QUORATE_KEY"] {
        let home = folder(&[]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command.args(["join", "request", "--org", "a", "--listen", "/ip4/10.0.0.3/tcp/1", "--out", "ask"]);
        let said = command.current_dir(home.path()).env(name, "x").output().expect("the program was built");
        assert_eq!(code(&said), 0, "{name}: {}", errors(&said));
        assert!(home.path().join("ask").exists(), "{name}");
    }
}

#[test]
fn what_is_no_multiaddr_is_told_where_it_is_given_and_nothing_is_made() {
    let home = folder(&[]);
    assert_eq!(code(&quorate(home.path(), &["init", "--out", ".", "--replicas", "1"])), 0);
    let (key, good) = ("replica-0/replica.key", "/ip4/10.0.0.3/tcp/1");
    let init = ["init", "--genesis", "genesis.json", "--key", key, "--dir", "made"];
    for listen in ["/nonsense", "nonsense", ""] {
        let (voter, peer) = (format!("{key}={listen}"), format!("0={listen}"));
        for args in [
            &["genesis", "entry", "--org", "a", "--replica", &voter, "--out", "made"][..],
            &["join", "request", "--org", "a", "--listen", listen, "--key", key, "--out", "made"],
            &[&init[..], &["--listen", listen]].concat(),
            &[&init[..], &["--listen", good, "--peer", &peer]].concat(),
            &["join", "--genesis", "genesis.json", "--key", key, "--dir", "made", "--peer", listen],
            &["join", "--genesis", "genesis.json", "--key", key, "--dir", "made", "--peer", good, "--listen", listen],
            &[
                "join",
                "--genesis",
                "genesis.json",
                "--key",
                key,
                "--dir",
                "made",
                "--peer",
                good,
                "--observers",
                listen,
            ],
        ] {
            let said = quorate(home.path(), args);
            assert_eq!(code(&said), 2, "{args:?}: {}", errors(&said));
            assert!(!home.path().join("made").exists(), "{args:?}");
        }
    }
}

#[test]
fn a_document_that_could_not_be_written_is_not_in_the_way_of_the_next_try() {
    let home = folder(&[]);
    let template = ["genesis", "template", "--out", "draft"];

    let said = without_room(home.path(), &template);

    assert!(code(&said) != 0 && !home.path().join("draft").exists(), "{}", errors(&said));
    let again = quorate(home.path(), &template);
    assert_eq!(code(&again), 0, "{}", errors(&again));
}

#[test]
fn a_draft_whose_entry_could_not_be_written_stays_as_it_was_and_alone() {
    let home = folder(&[]);
    for args in [
        &["keys", "new", "--out", "key"][..],
        &["genesis", "template", "--out", "draft"],
        &["genesis", "entry", "--org", "a", "--replica", "key=/ip4/10.0.0.3/tcp/1", "--out", "entry"],
    ] {
        assert_eq!(code(&quorate(home.path(), args)), 0, "{args:?}");
    }
    let draft = || std::fs::read_to_string(home.path().join("draft")).expect("a file");
    let (before, files) = (draft(), count(home.path()));

    let said = without_room(home.path(), &["genesis", "add", "draft", "entry"]);

    assert_ne!(code(&said), 0);
    assert_eq!((draft(), count(home.path())), (before, files));
}

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).expect("our folder").count()
}

#[test]
fn a_domain_that_has_no_name_or_stands_twice_makes_no_draft() {
    let home = folder(&[]);
    for domains in [["--domain", "bad name", "--domain", "b"], ["--domain", "b", "--domain", "b"]] {
        let said = quorate(home.path(), &[&["genesis", "template", "--out", "draft"][..], &domains].concat());
        assert_eq!(code(&said), 2, "{domains:?}: {}", errors(&said));
        assert!(!home.path().join("draft").exists(), "{domains:?}");
    }
}

#[test]
fn the_name_of_an_organisation_is_refused_with_the_rule_of_names() {
    let home = folder(&[]);
    let said = quorate(home.path(), &["genesis", "entry", "--org", "a b", "--out", "entry"]);
    assert!(code(&said) == 2 && errors(&said).contains("1 to 100 of a-z A-Z 0-9 . _ -"), "{}", errors(&said));
}

#[test]
fn a_key_in_a_folder_that_is_not_there_comes_with_the_folder_to_make() {
    let home = folder(&[]);
    for args in [
        &["keys", "new", "--out", "nodir/x.key"][..],
        &["join", "request", "--org", "a", "--listen", "/ip4/10.0.0.3/tcp/1", "--out", "nodir/ask"],
    ] {
        let said = quorate(home.path(), args);
        assert!(code(&said) == 2 && errors(&said).contains("make the folder nodir first"), "{}", errors(&said));
    }
}

#[test]
fn a_timeout_beyond_all_clocks_waits_for_as_long_as_there_is_and_is_no_internal_fault() {
    let home = folder(&[]);
    let node = node_that_serves("no status", "x".to_owned());
    let long = ["--timeout", "1e19"];
    for args in [&["status", "--node", &node][..], &["diff-state", &node, &node]] {
        let said = quorate(home.path(), &[args, &long].concat());
        assert_eq!(code(&said), 3, "{args:?}: {}", errors(&said));
    }
}

#[test]
fn a_list_that_could_not_be_asked_for_is_not_blamed_on_a_short_id() {
    let home = folder(&[]);
    assert_eq!(code(&quorate(home.path(), &["keys", "new", "--out", "key"])), 0);
    let to_nobody = ["--key", "key", "--node", "http://127.0.0.1:1", "--timeout", "0.3"];
    for args in [["approve", "0000"], ["attest", "0000"]] {
        let said = quorate(home.path(), &[&args[..], &to_nobody].concat());
        assert_eq!(code(&said), 3, "{args:?}");
        assert!(errors(&said).contains("is it started") && !errors(&said).contains(" list`"), "{}", errors(&said));
    }
}

#[test]
fn a_token_for_all_time_that_can_be_counted_is_open() {
    let home = folder(&[("config.toml", "")]);
    let made = ["token", "new", "--role", "read", "--until", "213503982334d", "--dir", ".", "--json"];
    let made: serde_json::Value = serde_json::from_slice(&quorate(home.path(), &made).stdout).expect("JSON");
    assert!(made["until"].as_u64() > made["made"].as_u64(), "{made}");
}

#[test]
fn an_observer_is_enrolled_for_a_day_at_least() {
    let home = folder(&[]);
    let ask = ["observers", "request", "--dir", "seat", "--genesis", "g", "--org", "a", "--out", "ask", "--json"];
    let (ended, document) = failed(&quorate(home.path(), &[&ask[..], &["--days", "0"]].concat()));
    assert!(ended == 2 && document["error"].as_str().is_some_and(|words| words.contains("--days")), "{document}");
}

/// Variables that stand for flags of most commands.
const VARIABLES: [&str; 6] =
    ["QUORATE_NODE", "QUORATE_KEY", "QUORATE_DOMAIN", "QUORATE_TOKEN", "QUORATE_CA", "QUORATE_SESSION"];

/// Runs a command with all variables empty.
fn with_empty_variables(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.current_dir(folder).args(args).envs(VARIABLES.map(|name| (name, "")));
    command.output().expect("the program was built")
}

#[test]
fn a_variable_of_a_command_that_is_empty_says_nothing() {
    let home = folder(&[("file", "x")]);
    let (node, heard) = heard_node(vec![tree(), tree()]);

    let listed = with_empty_variables(home.path(), &["ls", "--node", &node]);
    let at_the_default = with_empty_variables(home.path(), &["status", "--timeout", "0.2"]);
    let unsigned = with_empty_variables(home.path(), &["put", "a", "file", "--node", &node]);

    assert_eq!(code(&listed), 0, "{}", errors(&listed));
    assert!(heard.iter().take(2).all(|head| head.contains("/v1/domains/main/tree")));
    assert_ne!(code(&at_the_default), 2, "{}", errors(&at_the_default));
    assert!(errors(&unsigned).contains("no key to sign with"), "{}", errors(&unsigned));
}

/// Commands that are given something which is not there, or makes no sense, at a node that answers so.
#[test]
fn a_mistake_comes_with_what_to_do_next() {
    let home = folder(&[("typo", r#"{"wirters": []}"#), ("file", "x")]);
    for args in [&["keys", "new", "--out", "key"][..], &["genesis", "template", "--out", "draft"]] {
        assert_eq!(code(&quorate(home.path(), args)), 0, "{args:?}");
    }
    let (id, answered) = ("09".repeat(32), |reply: Reply| vec!["--node".to_owned(), node(vec![reply.clone(), reply])]);
    let unknown = problem("404 Not Found", None, "not-found", "no envelope was ordered, and none waits here");
    for (args, node, exit) in [
        (&["put", "a", "nofile", "--key", "key"][..], vec![], 2),
        (&["verify", "nofile", "--genesis", "nofile"], vec![], 2),
        (&["genesis", "show", "nofile"], vec![], 2),
        (&["status", "--token", "nofile"], vec![], 2),
        (&["status", "--ca", "nofile", "--node", "https://127.0.0.1:1"], vec![], 2),
        (&["snapshot", "verify", "nofile", "--genesis", "nofile"], vec![], 2),
        (&["import", "--git", "nowhere", "--key", "key"], vec![], 2),
        (&["merge", "nofile", "nofile", "nofile"], vec![], 129),
        (&["genesis", "build", "draft", "--out", "made"], vec![], 1),
        (&["policy", "set", "typo", "--key", "key"], vec![], 2),
        (&["policy", "set", "typo", "--group", "--key", "key"], vec![], 2),
        (&["watch", "--from", "zz"], vec![], 2),
        (&["get", "a", "--level", "best"], vec![], 2),
        (&["ls", "nope"], answered(tree()), 1),
        (&["receipt", &id], answered(unknown), 1),
    ] {
        let node: Vec<&str> = node.iter().map(String::as_str).collect();
        let (ended, told) = failed(&quorate(home.path(), &[args, &node, &["--json"]].concat()));

        assert_eq!(ended, exit, "{args:?}: {told}");
        assert!(told["next"].as_str().is_some_and(|next| !next.is_empty()), "{args:?}: {told}");
    }
}

#[test]
fn a_demo_whose_group_bears_no_liar_says_so() {
    let home = folder(&[]);
    let said = quorate(home.path(), &["demo", "--replicas", "3", "--repo", "nowhere", "--dir", "made"]);
    assert!(errors(&said).contains("a group of 3 bears no liar: nobody lies"), "{}", errors(&said));
}

#[test]
fn a_second_file_for_one_group_of_a_cut_is_told_and_nothing_is_asked() {
    let home = folder(&[]);
    assert_eq!(code(&quorate(home.path(), &["init", "--out", ".", "--replicas", "1"])), 0);
    for flag in ["--epochs", "--token"] {
        let take = ["cut", "take", "--out", "cut", "--of", "genesis.json=http://127.0.0.1:1", "--timeout", "1"];
        let twice = [flag, "genesis.json=one", flag, "genesis.json=two"];

        let said = quorate(home.path(), &[&take[..], &twice].concat());

        assert_eq!(code(&said), 2, "{flag}: {}", errors(&said));
        assert!(errors(&said).contains(&format!("{flag} genesis.json=two")), "{}", errors(&said));
    }
}
