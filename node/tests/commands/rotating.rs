//! `quorate identities rotate` at a node that does not show all policies.

use crate::watching::{Reply, node, problem};
use crate::{code, folder, quorate};
use quorate_client::keys;
use quorate_pbft::PublicKey;
use serde_json::{Value, json};

fn answer(body: Value) -> Reply {
    ("200 OK\r\ncontent-type: application/json".into(), body.to_string())
}

fn page(items: Value) -> Reply {
    answer(json!({ "items": items, "next": null }))
}

fn author(key: &PublicKey) -> Value {
    let standing = json!({ "state": "good", "figure": 500, "reasons": [] });
    json!({ "key": key.to_string(), "organisation": "acme", "standing": standing })
}

#[test]
fn places_that_were_found_are_told_beside_the_policies_that_could_not_be_read() {
    let folder = folder(&[]);
    for name in ["old", "new"] {
        assert_eq!(code(&quorate(folder.path(), &["keys", "new", "--out", name])), 0);
    }
    let key = keys::public(&folder.path().join("old")).expect("a key");
    let domain = |name| json!({ "name": name, "root": "09".repeat(32), "revision": "1.1" });
    let closed = problem("403 Forbidden", None, "closed-domain", "not everyone may read it");
    let script = vec![
        page(json!([author(&key)])),
        answer(json!({ "policy": {} })),
        page(json!([domain("lab"), domain("main")])),
        closed,
        answer(json!({ "policy": { "readers": [format!("key:{key}")] } })),
    ];

    let rotate = ["identities", "rotate", "new", "--key", "old", "--timeout", "1", "--node", &node(script)];
    let told = String::from_utf8(quorate(folder.path(), &rotate).stderr).expect("text");

    assert!(told.contains("lab: closed-domain") && told.contains("main: policy.readers[0]"), "{told}");
}

#[test]
fn a_rotation_at_a_node_that_shows_no_policy_says_that_policies_may_name_the_key() {
    let folder = folder(&[]);
    for name in ["old", "new"] {
        assert_eq!(code(&quorate(folder.path(), &["keys", "new", "--out", name])), 0);
    }
    let key = keys::public(&folder.path().join("old")).expect("a key");
    let closed = || problem("403 Forbidden", None, "closed-domain", "not everyone may read it");
    let script = vec![page(json!([author(&key)])), closed(), closed()];

    let rotate = ["identities", "rotate", "new", "--key", "old", "--timeout", "1", "--node", &node(script)];
    let told = String::from_utf8(quorate(folder.path(), &rotate).stderr).expect("text");

    assert!(told.contains(&format!("policies that may name {key} cannot be read")), "{told}");
}
