//! Approvals of a change: told after it took effect, from a node's own history.

use crate::governance::{author, run, says, text, word};
use crate::group::{Group, eventually_within};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Time within which a busy machine orders more slots than every node keeps, and forgets those before.
const FORGETS_WITHIN: Duration = Duration::from_secs(240);

/// Keys of the group's authors, whose changes of `reviewed/**` wait for two other organisations.
fn reviewers(group: &Group) -> Vec<PathBuf> {
    let keys: Vec<PathBuf> = (0..4).map(|number| author(group, number)).collect();
    let policy = group.dir().join("policy.json");
    let rules = r#"{"writers": ["*"], "readers": ["*"], "paths": [{"pattern": "reviewed/**", "approvals": 2}]}"#;
    std::fs::write(&policy, rules).expect("a file");
    let set = says(group, &keys[3], 0, &["policy", "set", text(&policy)], 0);
    for key in &keys[1..3] {
        says(group, key, 0, &["approve", word(&set, "proposal")], 0);
    }
    keys
}

/// A change of the fourth organisation that the second and third approve: its receipt as it waits, and the last word's.
fn approved(group: &Group, keys: &[PathBuf]) -> (Value, Value) {
    let waits = says(group, &keys[3], 0, &["put", "reviewed/a", text(&group.dir().join("policy.json"))], 0);
    says(group, &keys[1], 1, &["attest", word(&waits, "id")], 0);
    let last = says(group, &keys[2], 2, &["attest", word(&waits, "id")], 0);
    assert_eq!((word(&waits, "state"), word(&last, "envelope_state")), ("pending", "applied"));
    (waits, last)
}

/// Words of a change: organisation, and yes or no.
fn words(story: &Value) -> Vec<(&str, bool)> {
    let words = story["words"].as_array().expect("a list").iter();
    words.map(|each| (word(each, "organisation"), each["approve"] == true)).collect()
}

#[test]
fn another_organisation_reads_who_approved_a_change_after_a_restart_too() {
    let mut group = Group::running(4);
    let keys = reviewers(&group);
    let (waits, last) = approved(&group, &keys);
    let id = word(&waits, "id");

    for is_restarted in [false, true] {
        if is_restarted {
            assert_eq!(group.stop(3), Some(0));
            group.start(3);
            group.await_mode(3, "active");
        }
        let told = says(&group, &keys[0], 3, &["pending", "show", id], 0);
        assert_eq!((word(&told, "state"), words(&told)), ("applied", vec![("org-1", true), ("org-2", true)]), "{told}");
        assert_eq!((&told["since"], &told["words"][1]["id"]), (&waits["revision"], &last["id"]), "{told}");
    }
    let shown = run(&group, &keys[0], 3, &["pending", "show", &id[..12]]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(", applied at ") && shown.contains(&format!(": {}", word(&last, "id"))), "{shown}");
    let proof = group.get(3, &format!("/v1/envelopes/{}?proof=true", word(&last, "id")));
    assert_eq!(proof.status, 200);
}

#[test]
fn a_node_that_has_forgotten_who_approved_a_change_says_so_and_names_others() {
    let mut group = Group::init(4);
    let config = group.dir().join("replica-3/config.toml");
    let found = std::fs::read_to_string(&config).expect("a configuration");
    let others = found.lines().filter(|line| !line.starts_with("history"));
    let lines: Vec<&str> = ["history = \"1s\""].into_iter().chain(others).collect();
    std::fs::write(&config, lines.join("\n")).expect("our file");
    group.start_all();
    let keys = reviewers(&group);
    let (waits, _) = approved(&group, &keys);
    let path = format!("/v1/domains/main/pending/{}", word(&waits, "id"));

    let mut round = 0;
    let forgotten = eventually_within(FORGETS_WITHIN, "the words are forgotten", || {
        (0..20).for_each(|n| drop(group.put(n % 3, &format!("beside-{round}-{n}"), "a slot more")));
        round += 1;
        let told = group.get(3, &path);
        (told.status == 410).then(|| told.json())
    });

    assert_eq!((word(&forgotten, "code"), &forgotten["members"]), ("history-pruned", &json!([0, 1, 2])), "{forgotten}");
    let told = says(&group, &keys[0], 0, &["pending", "show", word(&waits, "id")], 0);
    assert_eq!(words(&told), [("org-1", true), ("org-2", true)]);
}
