//! Commands at a node that does not keep its whole history.

use crate::watching::{Reply, node, status, tree};
use crate::{code, folder, quorate};
use serde_json::{Value, json};

/// The log of a node that has forgotten all of it before slot 800.
fn log() -> Reply {
    let log = json!({ "items": [], "next": null, "begins": 800 });
    ("200 OK\r\ncontent-type: application/json".into(), log.to_string())
}

#[test]
fn a_log_that_a_node_has_forgotten_in_part_says_so() {
    let said = quorate(folder(&[]).path(), &["log", "--json", "--node", &node(vec![log()])]);

    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    let document: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert_eq!((code(&said), document["begins"].as_u64()), (0, Some(800)), "{words}");
    assert!(words.contains("history begins with slot 800"), "{words}");
}

#[test]
fn a_mirror_is_not_made_from_a_node_that_has_forgotten_the_beginning() {
    let node = node(vec![status(900), tree(), log(), tree()]);

    let said = quorate(folder(&[]).path(), &["export", "--git", "mirror", "--node", &node]);

    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(code(&said), 1, "{words}");
    assert!(words.contains("only from slot 800 on") && words.contains("a member that keeps it whole"), "{words}");
}

#[test]
fn a_mirror_of_a_domain_that_a_group_before_had_is_not_looked_for_at_another_member() {
    let (head, body) = status(900);
    let mut told: Value = serde_json::from_str(&body).expect("JSON");
    let hash = "09".repeat(32);
    told["restarted_from"] =
        json!({ "group": hash, "name": "old", "epoch": 0, "seq": 799, "time": 1, "state_root": hash });
    let node = node(vec![(head, told.to_string()), tree(), log(), tree()]);

    let said = quorate(folder(&[]).path(), &["export", "--git", "mirror", "--node", &node]);

    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(code(&said), 1, "{words}");
    assert!(words.contains("goes on from slot 799 of another one") && !words.contains("--node URL"), "{words}");
}

#[test]
fn an_id_that_the_log_does_not_have_may_be_forgotten() {
    let said = quorate(folder(&[]).path(), &["receipt", "abcd", "--node", &node(vec![log()])]);

    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(code(&said) == 1 && words.contains("before slot 800 is forgotten here"), "{words}");
}
