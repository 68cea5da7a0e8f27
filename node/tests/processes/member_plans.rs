//! Another member list is proposed through the commands.

use crate::governance::{author, new_key, says, text, word};
use crate::group::Group;
use quorate_client::joining::ReadyFile;
use quorate_client::keys;
use quorate_ledger::proof::OrderProof;
use quorate_ledger::{Genesis, JoinStatement, RULES, RulesRange};
use quorate_pbft::{ClaimedCert, Ed25519Signer, Signer as _};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The request of a replica of an organisation, with a new key of this name.
fn requested(group: &Group, name: &str, organisation: &str) -> PathBuf {
    let (key, out) = (new_key(group, &format!("{name}.key")), group.dir().join(format!("{name}.join")));
    let request = ["join", "request", "--org", organisation, "--listen", "/ip4/10.0.0.9/tcp/7700"];
    says(group, &key, 0, &[&request[..], &["--key", text(&key), "--out", text(&out)]].concat(), 0);
    out
}

fn genesis(group: &Group) -> Genesis {
    Genesis::parse(&std::fs::read(group.dir().join("genesis.json")).expect("a file")).expect("a genesis")
}

fn signer(group: &Group, name: &str) -> Ed25519Signer {
    keys::read(&group.dir().join(format!("{name}.key"))).expect("a key")
}

/// Certificate of the newest checkpoint.
fn checkpoint(group: &Group) -> ClaimedCert {
    let proof = OrderProof::decode(&group.get(0, "/v1/order").body).expect("a proof");
    proof.checkpoint().certificate().clone()
}

/// Statement of a joiner about the newest checkpoint, as its own node would write it.
fn stated(group: &Group, name: &str) -> PathBuf {
    let (genesis, signer) = (genesis(group), signer(group, name));
    let statement = JoinStatement::sign(&genesis.group(), checkpoint(group), RULES, &signer);
    let ready = ReadyFile::new(genesis.group(), signer.public_key(), statement);
    let file = group.dir().join(format!("{name}.ready"));
    std::fs::write(&file, serde_json::to_vec(&ready).expect("plain data")).expect("a file");
    file
}

/// The request of a joiner with its statement in it, whose program executes by these rules.
fn ahead(group: &Group, name: &str, rules: RulesRange) -> PathBuf {
    let (file, signer) = (group.dir().join(format!("{name}.ahead")), signer(group, name));
    let request = std::fs::read(group.dir().join(format!("{name}.join"))).expect("a request");
    let mut request: Value = serde_json::from_slice(&request).expect("JSON");
    let checkpoint = checkpoint(group);
    request["joiner"]["statement"] =
        JoinStatement::sign(&genesis(group).group(), checkpoint, rules, &signer).to_hex().into();
    std::fs::write(&file, request.to_string()).expect("a file");
    file
}

fn refusal(plan: &Value) -> &str {
    plan["refused"].as_str().unwrap_or_else(|| panic!("nothing is refused: {plan}"))
}

fn add<'a>(requests: &[&'a Path], flags: &[&'a str]) -> Vec<&'a str> {
    ["members", "add"].into_iter().chain(requests.iter().map(|file| text(file))).chain(flags.iter().copied()).collect()
}

#[test]
fn a_dry_run_says_what_changes_and_refuses_what_the_group_would_refuse() {
    let group = Group::running(4);
    let key = author(&group, 0);
    let (fifth, sixth) = (requested(&group, "fifth", "org-0"), requested(&group, "sixth", "org-1"));

    let alone = says(&group, &key, 0, &add(&[&fifth], &["--dry-run"]), 1);
    assert_eq!((&alone["n"], &alone["q"]), (&json!({"before": 4, "after": 5}), &json!({"before": 3, "after": 4})));
    assert_eq!((&alone["f"], &alone["must_be_up"]["count"]), (&json!({"before": 1, "after": 1}), &json!(4)));
    assert!(refusal(&alone).contains("is not ready"));
    let both = says(&group, &key, 1, &add(&[&fifth, &sixth], &["--dry-run"]), 1);
    assert!(refusal(&both).contains("touches 2 members, and of a group of 4 at most 1 may change at once"));
    let fewer = says(&group, &key, 2, &["members", "remove", "org-3", "--dry-run"], 0);
    assert_eq!((&fewer["n"]["after"], &fewer["refused"]), (&json!(3), &Value::Null));
    let moved = says(&group, &key, 2, &["members", "order", "3", "2", "1", "0", "--dry-run"], 0);
    assert_eq!(moved["n"], json!({"before": 4, "after": 4}));
    let member = group.dir().join("member.join");
    let request = ["join", "request", "--org", "org-2", "--listen", "/ip4/10.0.0.9/tcp/7700", "--out", text(&member)];
    let own = group.dir().join("replica-2/replica.key");
    says(&group, &key, 0, &[&request[..], &["--key", text(&own)]].concat(), 0);
    let known = says(&group, &key, 3, &add(&[&member], &["--dry-run"]), 1);
    assert!(refusal(&known).contains("is a member already"));
    let other = ahead(&group, "fifth", RulesRange { oldest: 90, newest: 91 });
    let unfit = says(&group, &key, 3, &add(&[&other], &["--dry-run"]), 1);
    assert!(refusal(&unfit).contains("its program executes by rules 90 to 91, the group by rules"), "{unfit}");
    let leaves = says(&group, &key, 0, &["members", "leave", "--dry-run"], 0);
    assert_eq!(leaves["must_be_up"]["of"].as_array().map(Vec::len), Some(3));
}

#[test]
fn an_order_by_standing_begins_with_the_members_whose_figures_are_best() {
    let mut group = Group::running(4);
    let key = author(&group, 0);
    (0..3).for_each(|number| drop(group.put(2, &format!("a-{number}"), "x")));
    group.put(3, "b", "x");
    assert_eq!(group.file(2, "b", "strong").status, 200, "replica 2 has executed it");

    let made = says(&group, &key, 2, &["members", "order", "--by-standing"], 0);

    let proposals = says(&group, &key, 2, &["proposals", "show", word(&made, "proposal")], 0);
    let members = says(&group, &key, 2, &["members"], 0);
    let keys = [2, 3, 0, 1].map(|number: usize| members["items"][number]["key"].clone());
    assert!(proposals.to_string().contains(&json!(keys).to_string()), "{keys:?}: {proposals}");
}

#[test]
fn an_order_is_by_names_or_by_standing() {
    let group = Group::init(4);
    let args = ["members", "order", "0", "--by-standing"];
    assert_eq!(crate::governance::run(&group, &author(&group, 0), 0, &args).status.code(), Some(2));
}

#[test]
fn a_member_joins_once_it_is_ready_and_enough_organisations_agree() {
    let group = Group::running(4);
    let keys: Vec<PathBuf> = (0..4).map(|number| author(&group, number)).collect();
    let fifth = requested(&group, "fifth", "org-0");

    let made = says(&group, &keys[0], 0, &add(&[&fifth], &[]), 0);
    let proposal = word(&made, "proposal");
    says(&group, &keys[1], 1, &["approve", proposal], 0);
    let agreed = says(&group, &keys[2], 2, &["approve", proposal], 0);
    assert_eq!(word(&agreed, "proposal_state"), "open", "it waits for the joiner");
    let ready = says(&group, &keys[3], 3, &["members", "ready", text(&stated(&group, "fifth"))], 0);
    assert_eq!(word(&ready, "proposal_state"), "effective");

    let members = says(&group, &keys[0], 3, &["members"], 0);
    assert_eq!((&members["epoch"], &members["pending"]["epoch"]), (&json!(0), &json!(1)));
    let next = members["pending"]["members"].as_array().expect("a list");
    assert_eq!((next.len(), word(&next[4], "organisation")), (5, "org-0"));
    let sixth = requested(&group, "sixth", "org-1");
    let second = says(&group, &keys[0], 3, &add(&[&sixth], &["--dry-run"]), 1);
    assert!(refusal(&second).contains("another reconfiguration is pending"));
}

#[test]
fn a_proposal_to_remove_a_member_names_the_evidence_that_is_recorded_against_it() {
    let group = Group::running(4);
    let key = author(&group, 0);
    let nothing = ["members", "remove", "org-3", "--evidence", "1234", "--dry-run"];
    let output = crate::governance::run(&group, &key, 0, &nothing);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no evidence 1234 against"));
}
