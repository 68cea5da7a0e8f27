//! Commands as the contract writes them, with nothing named that has a safe default.

use crate::{code, folder, quorate};
use quorate_ledger::Genesis;
use quorate_service::parcel::{Draft, Frame};
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

/// Address at which nothing listens, and little time to wait for it.
const NOBODY: [&str; 4] = ["--node", "http://127.0.0.1:1", "--timeout", "0.3"];

/// A test group of one in the folder.
fn group() -> TempDir {
    let folder = folder(&[]);
    done(folder.path(), &["init", "--out", ".", "--replicas", "1"]);
    folder
}

fn done(folder: &Path, args: &[&str]) -> Output {
    let said = quorate(folder, args);
    assert_eq!(code(&said), 0, "{args:?}: {}", String::from_utf8_lossy(&said.stderr));
    said
}

fn errors(said: &Output) -> String {
    String::from_utf8_lossy(&said.stderr).into_owned()
}

#[test]
fn a_snapshot_is_checked_with_the_genesis_of_the_folder_in_which_it_is_asked_for() {
    let group = group();
    for command in ["snapshot export --out out", "bundle snapshot --out out"] {
        let words: Vec<&str> = command.split(' ').chain(NOBODY).collect();
        let said = quorate(group.path(), &words);
        assert_eq!(code(&said), 3, "{command}: it asks the node: {}", errors(&said));
        assert!(errors(&said).contains("checked with genesis.json"), "{command}: {}", errors(&said));
    }
}

#[test]
fn where_no_genesis_is_at_hand_a_state_is_written_without_a_check_which_is_said() {
    let empty = folder(&[]);
    for command in ["snapshot export --out out", "bundle snapshot --out out"] {
        let words: Vec<&str> = command.split(' ').chain(NOBODY).collect();
        let said = quorate(empty.path(), &words);
        assert_eq!(code(&said), 3, "{command}: it asks the node: {}", errors(&said));
        assert!(errors(&said).contains("not checked"), "{command}: {}", errors(&said));
    }
}

#[test]
fn where_no_genesis_is_at_hand_no_receipts_and_no_epochs_are_believed() {
    let empty = folder(&[]);
    let said = quorate(empty.path(), &["verify", "--epochs", "epochs"]);
    assert_eq!(code(&said), 2, "{}", errors(&said));
    assert!(errors(&said).contains("give --genesis FILE"), "{}", errors(&said));
    assert!(errors(&said).contains("`quorate verify --epochs 'epochs' --genesis FILE`"), "{}", errors(&said));
}

#[test]
fn epochs_are_checked_with_the_genesis_of_the_folder_in_which_they_are_shown() {
    let group = group();
    std::fs::write(group.path().join("epochs"), "no epochs").expect("our folder");
    let said = quorate(group.path(), &["verify", "--epochs", "epochs"]);
    assert_eq!(code(&said), 1, "the file was read: {}", errors(&said));
    assert!(errors(&said).contains("checked with genesis.json"), "{}", errors(&said));
}

#[test]
fn a_proof_is_checked_with_a_genesis_that_is_named() {
    let group = group();
    let said = quorate(group.path(), &["verify", "genesis.json", "--epochs", "epochs"]);
    assert_eq!(code(&said), 2, "{}", errors(&said));
}

#[test]
fn a_request_to_join_makes_the_key_of_the_replica_beside_it() {
    let home = folder(&[]);
    std::fs::create_dir(home.path().join("seat")).expect("our folder");
    let said = done(
        home.path(),
        &["join", "request", "--org", "org-0", "--listen", "/ip4/10.0.0.3/tcp/7700", "--out", "seat/ask"],
    );
    assert!(String::from_utf8_lossy(&said.stdout).contains("seat/replica.key"), "{said:?}");
    let key = done(home.path(), &["keys", "show", "seat/replica.key"]);
    let request = std::fs::read_to_string(home.path().join("seat/ask")).expect("it was made");
    assert!(request.contains(String::from_utf8_lossy(&key.stdout).trim()), "{request}");
}

#[test]
fn a_key_that_is_not_there_is_told_to_be_named_where_a_change_is_given_up_too() {
    let home = folder(&[]);
    let said = quorate(home.path(), &["give-up", "--key", "nofile"]);
    assert!(code(&said) == 2 && errors(&said).contains("--key FILE"), "{}", errors(&said));
}

#[test]
fn a_request_to_join_takes_no_key_that_it_did_not_make() {
    let home = folder(&[]);
    done(home.path(), &["keys", "new", "--out", "replica.key"]);
    let said =
        quorate(home.path(), &["join", "request", "--org", "a", "--listen", "/ip4/10.0.0.3/tcp/1", "--out", "ask"]);
    assert_eq!(code(&said), 2, "{}", errors(&said));
    assert!(errors(&said).contains("--key"), "{}", errors(&said));
    assert!(!home.path().join("ask").exists(), "nothing was asked for");
}

#[test]
fn a_request_to_join_that_is_refused_leaves_no_key() {
    let home = folder(&[("there", "x")]);
    for (listen, out) in [("nowhere", "ask"), ("/ip4/10.0.0.3/tcp/1", "there")] {
        let said = quorate(home.path(), &["join", "request", "--org", "a", "--listen", listen, "--out", out]);
        assert_eq!(code(&said), 2, "{listen}, {out}: {}", errors(&said));
        assert!(!home.path().join("replica.key").exists(), "{listen}, {out}");
    }
}

#[test]
fn a_draft_is_named_after_its_file() {
    let home = folder(&[]);
    done(home.path(), &["genesis", "template", "--out", "four-mills.json"]);
    let draft = std::fs::read_to_string(home.path().join("four-mills.json")).expect("it was made");
    assert!(draft.contains("\"four-mills\""), "{draft}");
}

#[test]
fn the_folder_of_a_replica_without_an_address_listens_on_all_networks() {
    let group = group();
    done(group.path(), &["init", "--genesis", "genesis.json", "--key", "replica-0/replica.key", "--dir", "seat"]);
    let config = std::fs::read_to_string(group.path().join("seat/config.toml")).expect("it was made");
    assert!(config.contains("listen = \"/ip4/0.0.0.0/tcp/7700\""), "{config}");
}

#[test]
fn a_configuration_is_checked_and_shown_in_the_folder_where_that_is_asked_for() {
    let group = group();
    let seat = group.path().join("replica-0");
    let checked = quorate(&seat, &["config", "check"]);
    let named = quorate(group.path(), &["config", "check", "--dir", "replica-0"]);
    assert_eq!((code(&checked), code(&named)), (0, 0), "{}", errors(&checked));
    let shown = done(&seat, &["config", "show", "--effective"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("listen"), "{shown:?}");
}

#[test]
fn an_order_without_names_is_the_one_by_standing() {
    let group = group();
    let said = quorate(group.path(), &[&["members", "order", "--dry-run"][..], &NOBODY].concat());
    assert_eq!(code(&said), 3, "it asks the node for the figures: {}", errors(&said));
}

#[test]
fn the_statement_of_a_joiner_is_the_one_in_the_folder() {
    let home = folder(&[]);
    let ready = || quorate(home.path(), &[&["members", "ready", "--key", "key"][..], &NOBODY].concat());
    let none = ready();
    assert_eq!(code(&none), 2, "{}", errors(&none));
    assert!(errors(&none).contains("there is no joiner.ready in this folder"), "{}", errors(&none));
    std::fs::write(home.path().join("joiner.ready"), "no statement").expect("our folder");
    let some = ready();
    assert!(errors(&some).contains("joiner.ready: "), "it was read: {}", errors(&some));
}

#[test]
fn receipts_are_checked_with_the_genesis_of_the_folder_in_which_they_are_taken() {
    let group = group();
    done(group.path(), &["keys", "new", "--out", "key"]);
    let genesis = std::fs::read(group.path().join("genesis.json")).expect("it was made");
    let head = Frame::Receipts { group: Genesis::parse(&genesis).expect("it is sound").group() };
    Draft::begin(&group.path().join("receipts"), &head).and_then(Draft::count).expect("our folder");
    let said = done(group.path(), &["bundle", "import", "receipts", "--key", "key"]);
    assert!(errors(&said).contains("checked with genesis.json"), "{}", errors(&said));
}
