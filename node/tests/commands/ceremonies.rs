//! The ceremony of a genesis as scripts see it.

use crate::{code, failed, folder, quorate};
use serde_json::Value;
use std::path::Path;

fn told(folder: &Path, args: &[&str]) -> Value {
    let said = quorate(folder, args);
    assert_eq!(code(&said), 0, "{args:?}: {}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).expect("JSON")
}

#[test]
fn a_draft_and_an_entry_are_told_as_json() {
    let folder = folder(&[]);
    let draft = told(folder.path(), &["genesis", "template", "--name", "mills", "--out", "draft", "--json"]);
    assert_eq!((&draft["draft"], &draft["name"]), (&"draft".into(), &"mills".into()));

    assert_eq!(code(&quorate(folder.path(), &["keys", "new", "--out", "key"])), 0);
    let args = ["genesis", "entry", "--org", "a", "--replica", "key=/ip4/10.0.0.3/tcp/1", "--out", "entry", "--json"];
    let entry = told(folder.path(), &args);
    assert_eq!((&entry["organisation"], &entry["replicas"], &entry["authors"]), (&"a".into(), &1.into(), &0.into()));
}

#[test]
fn a_genesis_that_goes_on_from_no_other_is_told_as_json() {
    let folder = folder(&[]);
    assert_eq!(code(&quorate(folder.path(), &["init", "--out", ".", "--replicas", "1"])), 0);
    let (ended, document) =
        failed(&quorate(folder.path(), &["genesis", "before", "genesis.json", "--out", "x", "--json"]));
    assert_eq!(ended, 1, "{document}");
}
