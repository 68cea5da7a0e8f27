//! Verdicts as scripts see them: exit codes of receipts, and documents of refusals before anything is signed.

use crate::watching::{Reply, node, problem, tree};
use crate::{code, failed, folder, quorate};
use quorate_pbft::Constants;
use serde_json::{Value, json};

fn hash() -> String {
    "09".repeat(32)
}

/// Receipt of a change that ended in this state.
fn receipt(state: &str) -> Reply {
    let (hash, is_refused) = (hash(), state == "refused");
    let receipt = json!({
        "id": hash, "domain": "main", "author": hash, "from_seq": 1, "to_seq": 1, "state": state,
        "revision": "5.1", "lane": 0, "stage": is_refused.then_some("content"), "code": is_refused.then_some("missing-path"),
        "detail": null, "conflicts": [], "changes": [],
    });
    ("200 OK\r\ncontent-type: application/json".into(), receipt.to_string())
}

#[test]
fn a_receipt_ends_with_the_exit_code_of_the_command_that_got_it() {
    let folder = folder(&[]);
    for (state, exit) in [("applied", 0), ("merged", 0), ("pending", 0), ("refused", 1), ("conflict", 1)] {
        let node = node(vec![receipt(state)]);

        let (ended, told) = failed(&quorate(folder.path(), &["receipt", &hash(), "--json", "--node", &node]));

        assert_eq!((ended, told["state"].as_str()), (exit, Some(state)));
    }
}

#[test]
fn a_path_that_cannot_be_is_wrong_usage_with_the_ledgers_code() {
    let folder = folder(&[("file", "x")]);
    assert_eq!(code(&quorate(folder.path(), &["keys", "new", "--out", "key"])), 0);
    for args in [
        &["put", "../x", "file"][..],
        &["put", ".git/x", "file"],
        &["put", "e/", "file"],
        &["rm", ".."],
        &["mv", "a", "/b"],
        &["lock", "acquire", "../x"],
    ] {
        let (ended, told) = failed(&quorate(folder.path(), &[args, &["--key", "key", "--json"]].concat()));

        assert_eq!((ended, &told["stage"], &told["code"]), (2, &json!("content"), &json!("bad-path")), "{args:?}");
        assert!(told["error"].as_str().is_some_and(|words| words.starts_with("content: bad-path: ")), "{told}");
    }
}

#[test]
fn a_file_that_no_group_takes_is_refused_with_the_document_of_a_receipt() {
    let folder = folder(&[("file", &"x".repeat(Constants::ITEM_BYTES_MAX + 1))]);

    let (ended, told) = failed(&quorate(folder.path(), &["put", "a", "file", "--key", "key", "--json"]));

    assert_eq!((ended, &told["state"], &told["stage"]), (1, &json!("refused"), &json!("structure")), "{told}");
    assert_eq!((&told["code"], &told["id"]), (&json!("too-large"), &Value::Null), "{told}");
}

#[test]
fn a_path_without_a_file_that_is_in_conflict_comes_with_its_story() {
    let folder = folder(&[]);
    let (head, body) = problem("404 Not Found", Some("content"), "missing-path", "nothing stands at \"x\"");
    let mut told: Value = serde_json::from_str(&body).expect("JSON");
    told["conflict"] = hash().into();
    let node = node(vec![(head, told.to_string()), tree()]);

    let (ended, told) = failed(&quorate(folder.path(), &["get", "x", "--json", "--node", &node]));

    let story = format!("`quorate conflicts show {}`", hash());
    assert!(ended == 1 && told["next"].as_str().is_some_and(|next| next.contains(&story)), "{told}");
}
