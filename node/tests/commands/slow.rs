//! Commands at a node that takes its time for each answer.

use crate::watching::{Reply, slow_node};
use crate::{code, folder, quorate};
use serde_json::{Value, json};
use std::time::Duration;

fn answer(body: Value) -> Reply {
    ("200 OK\r\ncontent-type: application/json".into(), body.to_string())
}

fn tree(items: Value) -> Reply {
    answer(json!({ "items": items, "next": null }))
}

/// Numbers of an author who has signed nothing yet.
fn numbers() -> Reply {
    let (hash, standing) = ("09".repeat(32), json!({ "state": "good", "figure": 500, "reasons": [] }));
    answer(json!({
        "group": hash, "key": hash, "next_seq": 1, "attempt": 0, "pending": [], "standing": standing, "figure_here": 500,
        "rate": null, "repeated": [], "revision": "3",
    }))
}

#[test]
fn a_change_has_its_whole_time_after_the_questions_whether_it_can_be_made() {
    let folder = folder(&[]);
    assert_eq!(code(&quorate(folder.path(), &["keys", "new", "--out", "key"])), 0);
    let file =
        json!({ "path": "f", "mode": "file", "hash": "09".repeat(32), "size": 1, "revision": "3.1", "conflict": null });
    let script = vec![tree(json!([])), tree(json!([file])), numbers()];
    let (node, heard) = slow_node(script, Duration::from_millis(1_200));

    quorate(folder.path(), &["rm", "f", "--key", "key", "--timeout", "3", "--node", &node]);

    let asked: Vec<String> = heard.try_iter().collect();
    assert!(asked.get(3).is_some_and(|head| head.starts_with("post /v1/envelopes")), "{asked:?}");
}
