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
