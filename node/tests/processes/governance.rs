//! The group decides about itself through the commands.

use crate::group::{Group, at_terminal};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs a command as the author with this key, at a replica of the group. All commands are one session's: a replica that is
/// behind the one that answered last is waited for.
pub fn run(group: &Group, key: &Path, replica: usize, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(args)
        .env("QUORATE_NODE", format!("http://{}", group.api(replica)))
        .env("QUORATE_KEY", key)
        .env("QUORATE_SESSION", group.dir().join("session"))
        .env_remove("QUORATE_DOMAIN")
        .output()
        .expect("quorate runs")
}

/// Output of a command that must end with this exit code.
pub fn says(group: &Group, key: &Path, replica: usize, args: &[&str], code: i32) -> Value {
    let output = run(group, key, replica, &[args, &["--json"]].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {errors}"))
}

pub fn author(group: &Group, number: usize) -> PathBuf {
    group.dir().join(format!("author-org-{number}.key"))
}

pub fn new_key(group: &Group, name: &str) -> PathBuf {
    let path = group.dir().join(name);
    quorate_client::keys::create(&path).expect("a key");
    path
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

pub fn word<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name}: {answer}"))
}

#[test]
fn a_domain_is_there_once_three_of_four_organisations_agree() {
    let group = Group::running(4);
    let keys: Vec<PathBuf> = (0..4).map(|number| author(&group, number)).collect();

    let made = says(&group, &keys[0], 0, &["domains", "create", "lab", "--writers", "org:org-1"], 0);
    let proposal = word(&made, "proposal");
    assert_eq!((word(&made, "proposal_state"), made["needed"].as_u64()), ("open", Some(3)));
    let second = says(&group, &keys[1], 1, &["approve", &proposal[..12]], 0);
    assert_eq!(word(&second, "proposal_state"), "open");
    let third = says(&group, &keys[2], 2, &["approve", proposal], 0);
    assert_eq!(word(&third, "proposal_state"), "effective");

    assert_eq!(group.get(3, "/v1/domains/lab/tree").status, 200, "replica 3 has executed it");
    let file = new_key(&group, "any-file");
    let put = ["put", "a", text(&file), "--domain", "lab"];
    assert_eq!(word(&says(&group, &keys[1], 3, &put, 0), "state"), "applied");
    assert_eq!(word(&says(&group, &keys[0], 3, &put, 1), "code"), "role");
}

#[test]
fn a_rotated_key_ends_where_the_new_one_begins() {
    let group = Group::running(4);
    let (old, new) = (author(&group, 0), new_key(&group, "new.key"));

    assert_eq!(word(&says(&group, &old, 0, &["identities", "rotate", text(&new)], 0), "state"), "applied");

    let put = ["put", "a", text(&new)];
    assert_eq!(word(&says(&group, &old, 0, &put, 1), "code"), "revoked");
    assert_eq!(word(&says(&group, &new, 0, &put, 0), "state"), "applied");
}

/// A command that was stopped before it could note the verdict leaves its envelope without an answer.
#[test]
fn a_command_that_is_given_again_ends_with_the_receipt_of_its_first_change_and_signs_no_second() {
    let mut group = Group::running(4);
    group.put(0, "a", "1");
    let key = author(&group, 1);
    let first = says(&group, &key, 0, &["mv", "a", "b"], 0);
    std::fs::remove_file(group.dir().join("author-org-1.key.outbox/main-1-1.answer")).expect("it was noted");

    let again = run(&group, &key, 0, &["mv", "a", "b"]);

    let told = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.success() && told.contains("an earlier change: applied at "), "{told}");
    assert!(told.contains("nothing new was signed"), "{told}");
    assert!(String::from_utf8_lossy(&again.stdout).contains(word(&first, "id")), "{again:?}");
    assert_eq!(word(&says(&group, &key, 0, &["mv", "b", "c"], 0), "state"), "applied");
}

#[test]
fn a_rotation_that_is_given_again_ends_with_the_receipt_of_the_first() {
    let group = Group::running(4);
    let (old, new) = (author(&group, 0), new_key(&group, "new.key"));
    let rotate = ["identities", "rotate", text(&new)];
    let first = says(&group, &old, 0, &rotate, 0);
    std::fs::remove_file(group.dir().join("author-org-0.key.outbox/@group-1-1.answer")).expect("it was noted");

    let again = says(&group, &old, 0, &rotate, 0);

    assert_eq!((word(&again, "id"), word(&again, "state")), (word(&first, "id"), "applied"));
}

/// An offline change waits for the command that sends it, as one does whose answer was lost before it was ordered.
#[test]
fn a_command_that_says_what_an_earlier_change_says_waits_for_that_one_and_another_is_signed() {
    let group = Group::running(4);
    let key = author(&group, 1);
    let put = |path| run(&group, &key, 0, &["put", path, text(&key)]);
    let kept = says(&group, &key, 0, &["put", "d", text(&key), "--offline"], 0);

    let (same, other) = (put("d"), put("e"));

    assert!(String::from_utf8_lossy(&same.stdout).contains(word(&kept, "id")), "{same:?}");
    assert!(other.status.success() && !String::from_utf8_lossy(&other.stderr).contains("nothing new"), "{other:?}");
    assert_eq!(group.file(0, "e", "sequential").status, 200);
}

#[test]
fn a_key_that_policies_name_is_rotated_at_a_terminal_only_when_it_is_said_so_and_the_places_are_told() {
    let group = Group::running(4);
    let (old, new, file) = (author(&group, 0), new_key(&group, "new.key"), group.dir().join("policy.json"));
    let mut policy = says(&group, &old, 0, &["policy", "show"], 0);
    let name = format!("key:{}", quorate_client::keys::public(&old).expect("a key"));
    policy["paths"] = json!([{ "pattern": "a/**", "validators": [name] }]);
    std::fs::write(&file, policy.to_string()).expect("our folder");
    let proposal = says(&group, &old, 0, &["policy", "set", text(&file)], 0);
    for other in [1, 2] {
        says(&group, &author(&group, other), 0, &["approve", word(&proposal, "proposal")], 0);
    }
    let (rotate, place) = (["identities", "rotate", text(&new)], "main: policy.paths[0].validators[0]");

    if let Some((told, code)) = at_terminal(&rotate, Some((&old, group.api(0)))) {
        assert!(code == Some(1) && told.contains(place) && told.contains("--named"), "{told}");
    }

    let scripted = run(&group, &old, 0, &rotate);
    let told = String::from_utf8_lossy(&scripted.stderr);
    assert!(scripted.status.success() && told.contains(place), "{told}");
}

/// The second of two changes of the first author in a domain waits for the number of the first, which is lost.
fn waits(group: &Group, domain: &str) {
    let (key, file) = (author(group, 0), group.dir().join("genesis.json"));
    for path in ["a", "b"] {
        says(group, &key, 0, &["put", path, text(&file), "--offline", "--domain", domain], 0);
    }
    let lost = format!("author-org-0.key.outbox/{domain}-1-1.envelope");
    std::fs::remove_file(group.dir().join(lost)).expect("it was kept");
}

#[test]
fn a_key_of_which_a_change_waits_is_rotated_only_when_it_is_said_so() {
    let group = Group::running(4);
    let (key, new) = (author(&group, 0), new_key(&group, "new.key"));
    waits(&group, "main");
    let rotate = ["identities", "rotate", text(&new)];

    let refused = says(&group, &key, 0, &rotate, 3);

    assert!(word(&refused, "error").contains("still waits"), "{refused}");
    let rotated = says(&group, &key, 0, &[&rotate[..], &["--unanswered"]].concat(), 0);
    assert_eq!(word(&rotated, "state"), "applied");
}

#[test]
fn what_waits_in_another_domain_says_nothing_of_a_change_that_is_given_again_or_of_a_path() {
    let group = Group::running(1);
    let key = author(&group, 0);
    says(&group, &key, 0, &["domains", "create", "lab"], 0);
    waits(&group, "lab");
    let put = ["put", "a", text(&key)];
    let first = says(&group, &key, 0, &put, 0);
    std::fs::remove_file(group.dir().join("author-org-0.key.outbox/main-1-1.answer")).expect("it was noted");

    let again = says(&group, &key, 0, &put, 0);
    let gone = says(&group, &key, 0, &["rm", "nothing"], 1);

    assert_ne!(word(&again, "id"), word(&first, "id"), "it is meant anew");
    assert!(word(&gone, "error").contains("nothing was signed"), "{gone}");
}

#[test]
fn a_newcomer_proves_the_key_at_home_and_signs_until_it_is_revoked() {
    let group = Group::running(4);
    let (boss, newcomer) = (author(&group, 0), new_key(&group, "newcomer.key"));
    let proof = group.dir().join("proof.json");
    let proven = run(&group, &newcomer, 0, &["keys", "prove", text(&newcomer), "--org", "org-0"]);
    std::fs::write(&proof, proven.stdout).expect("a file");

    let put = ["put", "a", text(&proof)];
    assert_eq!(word(&says(&group, &newcomer, 0, &put, 1), "code"), "unknown-author");
    says(&group, &boss, 0, &["identities", "enrol", text(&proof)], 0);
    assert_eq!(word(&says(&group, &newcomer, 0, &put, 0), "state"), "applied");
    says(&group, &boss, 0, &["identities", "revoke", text(&newcomer)], 0);
    assert_eq!(word(&says(&group, &newcomer, 0, &put, 1), "code"), "revoked");
}

#[test]
fn the_last_author_of_an_organisation_is_revoked_at_a_terminal_only_when_it_is_said_so() {
    let group = Group::running(4);
    let (own, other) = (author(&group, 3), author(&group, 2));
    let revoke = ["identities", "revoke", text(&own)];

    if let Some((told, code)) = at_terminal(&revoke, Some((&own, group.api(0)))) {
        assert!(code == Some(1) && told.contains("--last"), "{told}");
    }
    says(&group, &own, 0, &[&revoke[..], &["--last"]].concat(), 0);

    let scripted = run(&group, &other, 0, &["identities", "revoke", text(&other)]);
    let told = String::from_utf8_lossy(&scripted.stderr);
    assert!(scripted.status.success() && told.contains("the last author"), "{told}");
}

#[test]
fn a_change_that_waits_takes_effect_with_the_last_word_that_it_needs() {
    let group = Group::running(4);
    let keys: Vec<PathBuf> = (0..4).map(|number| author(&group, number)).collect();
    let policy = group.dir().join("policy.json");
    let rules = r#"{"writers": ["*"], "readers": ["*"], "paths": [{"pattern": "reviewed/**", "approvals": 1}]}"#;
    std::fs::write(&policy, rules).expect("a file");
    let set = says(&group, &keys[0], 0, &["policy", "set", text(&policy)], 0);
    says(&group, &keys[1], 0, &["approve", word(&set, "proposal")], 0);
    says(&group, &keys[2], 0, &["approve", word(&set, "proposal")], 0);

    let waits = says(&group, &keys[0], 0, &["put", "reviewed/a", text(&policy)], 0);
    assert_eq!(word(&waits, "state"), "pending");
    let pending = group.get(2, &format!("/v1/domains/main/pending/{}", word(&waits, "id"))).json();
    assert_eq!((pending["requirements"][0]["approvals"].as_u64(), word(&pending, "organisation")), (Some(1), "org-0"));
    let shown = says(&group, &keys[1], 2, &["pending", "show", &word(&waits, "id")[..8]], 0);
    assert_eq!(word(&shown, "id"), word(&waits, "id"));
    let no_proposal = run(&group, &keys[1], 2, &["approve", word(&waits, "id")]);
    let told = String::from_utf8_lossy(&no_proposal.stderr);
    assert!(no_proposal.status.code() == Some(1) && told.contains("`quorate attest ID`"), "{told}");
    let attested = says(&group, &keys[3], 1, &["attest", &word(&waits, "id")[..12]], 0);

    assert_eq!((word(&attested, "state"), word(&attested, "envelope_state")), ("applied", "applied"));
    assert_eq!(group.file(2, "reviewed/a", "strong").text(), rules);
}

#[test]
fn an_author_who_is_not_the_arbiter_is_told_so_and_adds_no_side_or_vote() {
    let group = Group::running(4);
    let keys: Vec<PathBuf> = (0..4).map(|number| author(&group, number)).collect();
    let policy = group.dir().join("policy.json");
    let rules = r#"{"writers": ["*"], "readers": [], "paths": [{"pattern": "**", "strategies": [{"strategy": {"arbitrate": "org:org-3"}}]}]}"#;
    std::fs::write(&policy, rules).expect("a file");
    let set = says(&group, &keys[0], 0, &["policy", "set", text(&policy)], 0);
    says(&group, &keys[1], 0, &["approve", word(&set, "proposal")], 0);
    let agreed = says(&group, &keys[2], 0, &["approve", word(&set, "proposal")], 0);
    let base = word(&agreed, "revision");
    says(&group, &keys[0], 0, &["put", "a", text(&policy), "--base", base], 0);
    let clash = says(&group, &keys[1], 0, &["put", "a", text(&keys[1]), "--base", base], 1);
    let conflict = clash["conflicts"][0].as_str().expect("an id");

    let resolve = ["conflicts", "resolve", conflict, "--side", "1"];
    let [refused, vote] = [&resolve[..], &["conflicts", "vote", conflict, "1"]].map(|it| run(&group, &keys[1], 0, it));
    let sides = || group.get(0, &format!("/v1/conflicts/{conflict}")).json()["sides"].as_array().map(Vec::len);

    for refused in [refused, vote] {
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(told.contains("the organisation org-3 decides this conflict, and nobody else; nothing was"), "{told}");
        assert_eq!(refused.status.code(), Some(1));
    }
    assert_eq!(sides(), Some(2));
    assert_eq!(word(&says(&group, &keys[3], 0, &resolve, 0), "conflict_state"), "settled");
}

#[test]
fn a_resolution_ends_no_side_that_came_after_those_that_its_author_was_shown() {
    let group = Group::running(4);
    let keys: Vec<PathBuf> = (0..4).map(|number| author(&group, number)).collect();
    let begun = says(&group, &keys[0], 0, &["put", "other", text(&keys[0])], 0);
    let base = word(&begun, "revision");
    says(&group, &keys[0], 0, &["put", "a", text(&keys[0]), "--base", base], 0);
    let clash = says(&group, &keys[1], 0, &["put", "a", text(&keys[1]), "--base", base], 1);
    let conflict = clash["conflicts"][0].as_str().expect("an id");
    let seen = says(&group, &keys[3], 0, &["conflicts", "show", conflict], 0);
    says(&group, &keys[2], 0, &["put", "a", text(&keys[2]), "--base", base], 1);

    let resolve = ["conflicts", "resolve", conflict, text(&keys[3])];
    let late = says(&group, &keys[3], 0, &[&resolve[..], &["--base", word(&seen, "at")]].concat(), 1);

    let shown = || says(&group, &keys[3], 0, &["conflicts", "show", conflict], 0);
    assert_eq!((word(&late, "state"), word(&shown(), "state")), ("conflict", "open"));
    let ended = run(&group, &keys[3], 0, &[&resolve[..], &["--base", word(&shown(), "at")]].concat());
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(["side 1 at", "side 2 at", "side 3 at", "side 4 at"].iter().all(|side| told.contains(side)), "{told}");
    assert_eq!(word(&shown(), "state"), "settled");
}

/// Two commands were stopped before they could note their verdicts: one proposed, the other's vote or resolution was the last.
#[test]
fn what_is_said_of_a_conflict_and_given_again_ends_with_the_receipt_of_the_first_also_where_that_ended_it() {
    let group = Group::running(4);
    let keys: Vec<PathBuf> = (0..4).map(|number| author(&group, number)).collect();
    let begun = says(&group, &keys[0], 0, &["put", "other", text(&keys[0])], 0);
    let base = word(&begun, "revision");
    let clash = |path| {
        says(&group, &keys[0], 0, &["put", path, text(&keys[0]), "--base", base], 0);
        let clash = says(&group, &keys[1], 0, &["put", path, text(&keys[1]), "--base", base], 1);
        clash["conflicts"][0].as_str().expect("an id").to_owned()
    };
    let is_found = |by: usize, number: u64, said: &[&str]| {
        let first = says(&group, &keys[by], 0, said, 0);
        let answer = format!("author-org-{by}.key.outbox/main-{number}-1.answer");
        std::fs::remove_file(group.dir().join(answer)).expect("it was noted");
        let again = says(&group, &keys[by], 0, said, 0);
        assert_eq!(word(&again, "id"), word(&first, "id"), "{said:?}");
        word(&again, "conflict_state").to_owned()
    };

    let [voted, resolved] = ["a", "b"].map(clash);
    assert_eq!(is_found(3, 1, &["conflicts", "propose", &voted, text(&keys[3])]), "open");
    for by in [1, 2] {
        says(&group, &keys[by], 0, &["conflicts", "vote", &voted, "3"], 0);
    }
    assert_eq!(is_found(3, 2, &["conflicts", "vote", &voted, "3"]), "settled");
    assert_eq!(is_found(3, 3, &["conflicts", "resolve", &resolved, "--side", "1"]), "settled");
    let late = run(&group, &keys[2], 0, &["conflicts", "resolve", &resolved, "--side", "2"]);
    assert_eq!((late.status.code(), String::from_utf8_lossy(&late.stderr).contains("is over")), (Some(1), true));
}

#[test]
fn a_proposal_is_taken_back_by_its_author_alone() {
    let group = Group::running(4);
    let keys: Vec<PathBuf> = (0..3).map(|number| author(&group, number)).collect();
    let made = says(&group, &keys[0], 0, &["domains", "create", "lab", "--writers", "org:org-1"], 0);
    let proposal = word(&made, "proposal");

    assert_eq!(word(&says(&group, &keys[1], 1, &["proposals", "withdraw", proposal], 1), "code"), "role");
    let withdrawn = says(&group, &keys[0], 2, &["proposals", "withdraw", &proposal[..12]], 0);
    assert_eq!(word(&withdrawn, "proposal_state"), "withdrawn");

    assert_eq!(word(&says(&group, &keys[2], 2, &["approve", proposal], 1), "code"), "unknown-proposal");
    let listed = says(&group, &keys[0], 2, &["proposals", "list"], 0);
    assert_eq!(word(&listed["items"][0], "state"), "withdrawn");
}

#[test]
fn the_epochs_of_a_group_are_listed_and_kept_and_checked_offline() {
    let group = Group::running(4);
    let key = author(&group, 0);
    let listed = says(&group, &key, 0, &["epochs", "list"], 0);
    let epoch = &listed["items"][0];
    assert_eq!((&epoch["epoch"], &epoch["after"], &epoch["until"]), (&json!(0), &json!(0), &Value::Null));
    let members = says(&group, &key, 1, &["members"], 0);
    for (place, member) in epoch["members"].as_array().expect("a list").iter().enumerate() {
        assert_eq!((&member["key"], &member["organisation"]), {
            let known = &members["items"][place];
            (&known["key"], &known["organisation"])
        });
    }

    let (file, genesis) = (group.dir().join("epochs"), group.dir().join("genesis.json"));
    says(&group, &key, 2, &["epochs", "export", "--out", text(&file)], 0);
    let verify = ["verify", "--epochs", text(&file), "--genesis", text(&genesis)];
    let verified = says(&group, &key, 0, &verify, 0);
    assert_eq!((word(&verified, "kind"), verified["epochs"].as_array().map(Vec::len)), ("epochs", Some(1)));
    let without_a_proof = [&verify[..], &["--content", text(&file)]].concat();
    assert_eq!(run(&group, &key, 0, &without_a_proof).status.code(), Some(2), "a content without its proof");
    let mut bytes = std::fs::read(&file).expect("a file");
    *bytes.last_mut().expect("not empty") ^= 1;
    std::fs::write(&file, bytes).expect("a file");
    assert_eq!(run(&group, &key, 0, &verify).status.code(), Some(1), "another byte");
}

#[test]
fn the_policy_that_a_report_on_conflicts_writes_can_be_set_and_names_who_was_right() {
    let group = Group::running(4);
    let keys: Vec<PathBuf> = (0..4).map(|number| author(&group, number)).collect();
    for round in 0..3 {
        let sides = [0, 1].map(|side| {
            let file = group.dir().join(format!("side-{round}-{side}"));
            std::fs::write(&file, format!("{round}{side}\n")).expect("a file");
            file
        });
        let begun = says(&group, &keys[0], 0, &["put", "other", text(&sides[0])], 0);
        let base = word(&begun, "revision");
        says(&group, &keys[0], 0, &["put", "team/plan", text(&sides[0]), "--base", base], 0);
        let clash = says(&group, &keys[1], 0, &["put", "team/plan", text(&sides[1]), "--base", base], 1);
        let conflict = clash["conflicts"][0].as_str().expect("an id");
        says(&group, &keys[1], 0, &["conflicts", "resolve", conflict, "--side", "1"], 0);
    }

    let file = group.dir().join("proposed.json");
    let told = says(&group, &keys[0], 0, &["conflicts", "report", "--policy", text(&file)], 0);
    let place = &told["places"][0];
    assert_eq!((word(place, "pattern"), place["conflicts"].as_u64()), ("team/plan", Some(3)));
    let read = run(&group, &keys[0], 0, &["conflicts", "report"]);
    assert!(String::from_utf8_lossy(&read.stdout).contains("--policy FILE writes it"), "{told}");

    let set = says(&group, &keys[0], 0, &["policy", "set", text(&file)], 0);
    says(&group, &keys[1], 0, &["approve", word(&set, "proposal")], 0);
    let agreed = says(&group, &keys[2], 0, &["approve", word(&set, "proposal")], 0);
    assert_eq!(word(&agreed, "proposal_state"), "effective");
}
