//! Acts about other groups, which organisations agree with: what they are shown first.

use crate::governance::{author, run, says, text, word};
use crate::group::Group;
use quorate_ledger::Genesis;
use std::fs;
use std::process::Output;

fn told(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn whoever_agrees_to_know_another_group_is_shown_its_keys_and_can_hold_them_against_its_genesis() {
    let [group, other, third] = [4, 1, 1].map(Group::running);
    let [theirs, another] = [&other, &third].map(|group| group.dir().join("genesis.json"));
    let by = |number| author(&group, number);
    let know = ["groups", "know", text(&theirs), "--name", "lab"];
    let id = word(&says(&group, &by(0), 0, &know, 0), "proposal").to_owned();
    let genesis = Genesis::parse(&fs::read(&theirs).expect("a file")).expect("a genesis");
    let key = &genesis.founders().keys().next().expect("a founder").to_string();

    let shown = group.get(0, &format!("/v1/proposals/{id}?level=sequential")).json();
    assert_eq!((word(&shown["proposal"], "act"), word(&shown["spelled"], "act")), ("later", "know-group"));
    assert_eq!(shown["spelled"]["members"][0].as_str(), Some(&key[..]));
    let (listed, _) = told(&run(&group, &by(1), 0, &["proposals", "list", "--open"]));
    assert!(listed.contains("know-group lab (") && listed.contains(", epoch 0)"), "{listed}");
    let (shown, _) = told(&run(&group, &by(1), 0, &["proposals", "show", &id]));
    assert!(shown.contains(&format!("its replica 0 count by the key {key}")), "{shown}");

    let refused = run(&group, &by(1), 0, &["approve", &id, "--genesis", text(&another)]);
    let (_, why) = told(&refused);
    assert!(refused.status.code() == Some(1) && why.contains("another group than the genesis"), "{why}");
    let agreed = run(&group, &by(1), 0, &["approve", &id, "--genesis", text(&theirs)]);
    let (said, _) = told(&agreed);
    assert!(agreed.status.success() && said.contains(key) && said.contains("2 of 3 organisations agree"), "{said}");
}
