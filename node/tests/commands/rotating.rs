//! `quorate identities rotate` at a node that does not show all policies.

use crate::watching::{Reply, node, problem};
use crate::{code, folder, quorate};
use quorate_client::keys;
use serde_json::{Value, json};

fn answer(body: Value) -> Reply {
    ("200 OK\r\ncontent-type: application/json".into(), body.to_string())
}

fn page(items: Value) -> Reply {
    answer(json!({ "items": items, "next": null }))
}

#[test]
fn places_that_were_found_are_told_beside_the_policies_that_could_not_be_read() {
    let folder = folder(&[]);
    for name in ["old", "new"] {
        assert_eq!(code(&quorate(folder.path(), &["keys", "new", "--out", name])), 0);
    }
    let key = keys::public(&folder.path().join("old")).expect("a key");
    let author = json!({ "key": key.to_string(), "organisation": "acme", "standing": { "state": "good", "figure": 500, "reasons": [] } });
    let domain = |name| json!({ "name": name, "root": "09".repeat(32), "revision": "1.1" });
    let closed = problem("403 Forbidden", None, "closed-domain", "not everyone may read it");
    let script = vec![
        page(json!([author])),
        answer(json!({ "policy": {} })),
        page(json!([domain("lab"), domain("main")])),
        closed,
        answer(json!({ "policy": { "readers": [format!("key:{key}")] } })),
    ];

    let rotate = ["identities", "rotate", "new", "--key", "old", "--timeout", "1", "--node", &node(script)];
    let told = String::from_utf8(quorate(folder.path(), &rotate).stderr).expect("text");

    assert!(told.contains("lab: closed-domain") && told.contains("main: policy.readers[0]"), "{told}");
}
