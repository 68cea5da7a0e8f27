//! Files for places without a network, where members change, nodes lie and disks fail.

use crate::airgap::{Desk, refused, told};
use crate::governance::text;
use crate::members::{agreed, await_epoch, key_of};
use crate::proxy;
use quorate_client::keys;
use quorate_ledger::Genesis;
use quorate_ledger::proof::{EvidenceProof, Proof};
use quorate_pbft::{Digest, Epoch, Evidence, Kind, ReplicaId, SeqNum, Statement, View};
use serde_json::Value;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");

impl Desk {
    /// Lets replica 0 leave; the first slot of the others' epoch, in which there are files by then.
    fn goes_to_another_epoch(&mut self) -> u64 {
        agreed(&self.group, 1, &["remove", &key_of(&self.group, 0)]);
        (1..4).for_each(|replica| drop(await_epoch(&self.group, replica, 1)));
        self.node = format!("http://{}", self.group.api(1));
        (0..6).for_each(|number| drop(self.group.put(1 + number % 3, &format!("newer-{number}"), "kept")));
        let epochs = self.group.get(1, "/v1/epochs").json();
        epochs["items"][1]["after"].as_u64().unwrap_or_else(|| panic!("{epochs}")) + 1
    }

    fn export_history(&self, name: &str) {
        let out = self.path(name);
        told(&["audit", "export", "--domain", "main", "--out", text(&out), "--node", &self.node]);
    }

    fn export_state(&self, name: &str) {
        let out = self.path(name);
        told(&["bundle", "snapshot", "--out", text(&out), "--genesis", &self.genesis, "--node", &self.node]);
    }

    /// Evidence against replica 0: it voted twice.
    fn leave_evidence(&self, name: &str) {
        let group = Genesis::parse(&fs::read(&self.genesis).expect("a file")).expect("a genesis").group();
        let signer = keys::read(&self.path("replica-0/replica.key")).expect("a key");
        let vote = |byte| {
            let (kind, view, seq, digest) = (Kind::Prepare, View::new(1), SeqNum::new(7), Digest([byte; 32]));
            Statement { group, epoch: Epoch::new(0), kind, view, seq, digest }.sign(ReplicaId::new(0), &signer)
        };
        let evidence = Evidence::pair(&vote(1), &vote(2)).expect("a contradiction");
        let proof = Proof::Evidence(Box::new(EvidenceProof::new(evidence))).encode();
        fs::write(self.path(name), proof).expect("our folder");
    }
}

#[test]
fn files_that_members_who_may_have_left_have_signed_are_refused_where_a_newer_epoch_is_known() {
    let mut desk = Desk::with_files(2);
    desk.export(1, "slots");
    desk.export_history("history");
    desk.export_state("state");
    desk.leave_evidence("evidence");
    desk.goes_to_another_epoch();
    let (epochs, seen) = (desk.path("epochs"), desk.path("seen"));
    told(&["epochs", "export", "--out", text(&epochs), "--node", &desk.node]);

    let verify = [["bundle", "slots"], ["bundle", "history"], ["bundle", "state"], ["snapshot", "state"]];
    for [command, name] in verify {
        let file = desk.path(name);
        let said = refused(&[command, "verify", text(&file), "--genesis", &desk.genesis, "--epochs", text(&epochs)], 1);
        assert!(said.contains("members that have left could have signed it"), "{command} {name}: {said}");
    }
    let evidence = desk.path("evidence");
    told(&["evidence", "verify", text(&evidence), "--genesis", &desk.genesis, "--epochs", text(&epochs)]);

    desk.export_history("newer");
    let newer = desk.path("newer");
    told(&["bundle", "verify", text(&newer), "--genesis", &desk.genesis, "--epochs", text(&seen)]);
    let known = told(&["verify", "--genesis", &desk.genesis, "--epochs", text(&seen)]);
    assert_eq!(known["epochs"].as_array().map(Vec::len), Some(2), "what it leads to is remembered: {known}");
}

#[test]
fn a_folder_takes_nothing_that_members_who_may_have_left_in_its_epoch_have_signed() {
    let mut desk = Desk::with_files(2);
    desk.export(1, "slots");
    desk.export_state("state");
    desk.goes_to_another_epoch();
    desk.export_state("newer");
    let stands = desk.import("newer", "site");

    let site = desk.path("site");
    for name in ["slots", "state"] {
        let file = desk.path(name);
        let said = refused(&["bundle", "import", text(&file), "--dir", text(&site), "--genesis", &desk.genesis], 1);
        assert!(said.contains("members that have left could have signed it"), "{name}: {said}");
    }
    let newer = desk.path("newer");
    let again = ["bundle", "import", text(&newer), "--dir", text(&site), "--genesis", &desk.genesis];
    let said = refused(&again, 1);
    assert!(said.contains(&format!("has executed slot {}", stands["seq"])), "nothing was taken: {said}");
}

#[test]
fn an_empty_folder_takes_nothing_that_ends_below_the_epochs_that_somebody_has_seen() {
    let mut desk = Desk::with_files(2);
    desk.export(1, "slots");
    desk.export_state("state");
    desk.goes_to_another_epoch();
    desk.export_state("newer");
    let (epochs, seen, site) = (desk.path("epochs"), desk.path("seen"), desk.path("site"));
    told(&["epochs", "export", "--out", text(&epochs), "--node", &desk.node]);

    for name in ["slots", "state"] {
        let file = desk.path(name);
        let args = ["bundle", "import", text(&file), "--dir", text(&site), "--genesis", &desk.genesis];
        let said = refused(&[&args[..], &["--epochs", text(&epochs)]].concat(), 1);
        assert!(said.contains("members that have left could have signed it"), "{name}: {said}");
    }
    let newer = desk.path("newer");
    let args = ["bundle", "import", text(&newer), "--dir", text(&site), "--genesis", &desk.genesis];
    told(&[&args[..], &["--epochs", text(&seen)]].concat());
    let known = told(&["verify", "--genesis", &desk.genesis, "--epochs", text(&seen)]);
    assert_eq!(known["epochs"].as_array().map(Vec::len), Some(2), "what it leads to is remembered: {known}");
}

#[test]
fn slots_of_an_epoch_are_exported_from_its_first_one_on() {
    let mut desk = Desk::with_files(6);
    let first = desk.goes_to_another_epoch();

    for (from, name) in [(first, "all"), (first + 2, "later")] {
        let last = desk.export(from, name)["last"].clone();
        let verified = desk.verify(name);
        assert_eq!((&verified["first"], &verified["last"]), (&Value::from(from), &last), "{verified}");
    }
}

#[test]
fn an_export_from_an_epoch_that_is_over_tells_the_way_on_and_calls_nobody_a_liar() {
    let mut desk = Desk::with_files(2);
    let first = desk.goes_to_another_epoch();

    for from in [1, first - 1] {
        let (out, from) = (desk.path("over"), from.to_string());
        let args = ["bundle", "export", "--from", &from, "--out", text(&out), "--node", &desk.node];
        let said = refused(&[&args[..], &["--genesis", &desk.genesis]].concat(), 1);
        assert!(said.contains("is of epoch 0") && said.contains("quorate bundle snapshot"), "{from}: {said}");
        assert!(!said.contains("does not verify"), "{from}: {said}");
    }
}

#[test]
fn a_folder_of_an_epoch_that_is_over_goes_on_from_a_state_and_the_slots_behind_it() {
    let mut desk = Desk::with_files(2);
    desk.export(1, "before");
    desk.import("before", "site");
    desk.goes_to_another_epoch();
    desk.export_state("state");
    let stands = desk.import("state", "site")["seq"].as_u64().expect("a number");

    (0..3).for_each(|number| drop(desk.group.put(1 + number, &format!("last-{number}"), "new")));
    desk.export(stands + 1, "behind");

    assert_eq!(desk.import("behind", "site")["state_root"], desk.verify("behind")["state_root"]);
}

/// The node names another page each time, and begins again with the second one.
#[test]
fn a_node_whose_log_goes_round_is_not_asked_for_ever() {
    let (desk, asked) = (Desk::with_files(3), AtomicUsize::new(0));
    let node = proxy::asking(desk.group.api(0), move |target| {
        let Some((log, query)) = target.split_once("/log?") else { return target.to_owned() };
        let from = query.split('&').find(|part| part.starts_with("from="));
        let from = from.filter(|_| asked.fetch_add(1, Ordering::SeqCst).is_multiple_of(2)).unwrap_or_default();
        format!("{log}/log?limit=1&{from}")
    });

    let (node, out) = (format!("http://{node}"), desk.path("history"));
    let args = ["audit", "export", "--domain", "main", "--out", text(&out), "--node", &node];
    let said = Command::new("timeout").args(["20", QUORATE]).args(args).output().expect("quorate runs");

    let why = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(3), "124 is the end of its time: {why}");
    assert!(why.contains("does not go back from page to page"), "{why}");
}

#[test]
fn a_state_takes_the_place_of_a_damaged_database_which_is_kept() {
    let desk = Desk::with_files(3);
    desk.export_state("state");
    let whole = desk.import("state", "site");
    let base = desk.path("site/data/quorate.redb");
    let bytes = fs::read(&base).expect("a database").len();
    fs::write(&base, vec![0x5a; bytes]).expect("our folder");

    let again = desk.import("state", "site");

    assert_eq!((&again["seq"], &again["state_root"]), (&whole["seq"], &whole["state_root"]));
    assert!(desk.path("site/data.before-copy/quorate.redb").exists());
}
