//! Verdicts as scripts see them: exit codes of receipts, and documents of refusals before anything is signed.

use crate::{code, failed, folder, quorate};
use quorate_pbft::Constants;
use serde_json::{Value, json};

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
