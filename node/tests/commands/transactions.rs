//! Transactions that wait beside a key, without a node.

use crate::{code, folder, quorate};
use std::fs::{self, File};
use std::path::Path;
use tempfile::TempDir;

/// A key with an open transaction of no parts.
const EMPTY: &str = r#"{"base": "3", "anchored": false, "message": "", "sent": null, "parts": []}"#;

/// A folder with a key, and this list of parts beside it.
fn desk(list: &str) -> TempDir {
    let folder = folder(&[("file", "x")]);
    assert_eq!(code(&quorate(folder.path(), &["keys", "new", "--out", "key"])), 0);
    fs::create_dir(folder.path().join("key.tx")).expect("a folder");
    fs::write(folder.path().join("key.tx/tx.json"), list).expect("a file");
    folder
}

fn add(folder: &Path) -> std::process::Output {
    quorate(folder, &["tx", "add", "a", "file", "--key", "key", "--timeout", "0.2"])
}

#[test]
fn a_transaction_that_cannot_be_read_is_thrown_away_by_abort() {
    let folder = desk("{");

    let said = quorate(folder.path(), &["tx", "abort", "--key", "key"]);

    assert_eq!(code(&said), 0, "{said:?}");
    assert!(!folder.path().join("key.tx").exists());
    assert_eq!(code(&quorate(folder.path(), &["tx", "abort", "--key", "key"])), 1, "nothing is open any more");
}

#[test]
fn nothing_is_added_while_another_command_has_the_transaction() {
    let folder = desk(EMPTY);
    let lock = File::create(folder.path().join("key.tx.lock")).expect("a file");
    lock.lock().expect("nobody else has it");

    let said = add(folder.path());

    assert_eq!(code(&said), 3, "{said:?}");
    assert!(String::from_utf8_lossy(&said.stderr).contains("another command uses the transaction"), "{said:?}");
    drop(lock);
    assert_eq!(code(&add(folder.path())), 0);
}
