//! Lists of a domain's files.

use crate::watching::{Reply, node};
use crate::{code, folder, quorate};
use serde_json::{Value, json};

/// Page of so many files, as the node says it.
fn files(count: usize) -> Reply {
    let file = |number: usize| {
        let path = format!("f{number}");
        json!({ "path": path, "mode": "file", "hash": "09".repeat(32), "size": 1, "revision": "1.1", "conflict": null })
    };
    let page = json!({ "items": (0..count).map(file).collect::<Vec<_>>(), "next": null });
    ("200 OK\r\ncontent-type: application/json".into(), page.to_string())
}

#[test]
fn all_files_of_a_large_domain_are_listed() {
    let (folder, node) = (folder(&[]), node(vec![files(100_001)]));
    let listed = quorate(folder.path(), &["ls", "--at", "1.1", "--json", "--node", &node]);
    assert_eq!(code(&listed), 0, "{}", String::from_utf8_lossy(&listed.stderr));
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("a document");
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(100_001));
}

#[test]
fn a_log_that_is_cut_says_where_it_goes_on() {
    for next in [json!("4.1"), Value::Null] {
        let page = json!({ "items": [{ "revision": "5.1" }, { "revision": "4.2" }], "next": next }).to_string();
        let node = node(vec![("200 OK\r\ncontent-type: application/json".into(), page)]);
        let log = ["log", "-n", "2", "--level", "sequential", "--json", "--node", &node];

        let listed = quorate(folder(&[]).path(), &log);

        let told: Value = serde_json::from_slice(&listed.stdout).expect("a document");
        assert_eq!((&told["next"], told["items"].as_array().map(Vec::len)), (&next, Some(2)), "{told}");
    }
}
