//! Changes for a domain that is not there.

use crate::governance::{author, run, text};
use crate::group::{Group, eventually};
use crate::http;
use quorate_ledger::{Op, Revision};
use quorate_pbft::SeqNum;

/// Reason for which it waits.
const WHY: &str = "no domain \"nowhere\" yet";

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_change_for_a_domain_that_is_not_there_is_not_sent() {
    let group = Group::running(1);
    let key = author(&group, 0);
    let put = ["put", "a", text(&key), "--base", "99999", "--domain", "nowhere", "--timeout", "5"];

    for args in [
        &put[..],
        &["rm", "a", "--domain", "nowhere"],
        &["mv", "a", "b", "--domain", "nowhere"],
        &["lock", "acquire", "a", "--domain", "nowhere"],
    ] {
        let refused = run(&group, &key, 0, args);
        assert_eq!(refused.status.code(), Some(1), "{args:?}: {}", said(&refused.stderr));
        assert!(said(&refused.stderr).contains("no domain nowhere: nothing was sent"), "{}", said(&refused.stderr));
    }
    assert_eq!(group.status(0)["pending"], 0);
}

/// Id of a change that a group of one has taken for a domain that is not there.
fn taken(group: &Group) -> String {
    let early = Revision::slot(SeqNum::new(99_999));
    let envelope = group.signed_in("nowhere", early, (1, 1), vec![Op::Delete { path: "a".into() }], vec![]);
    let ticket = http::post(group.api(0), "/v1/envelopes", &envelope).expect("an answer");
    assert_eq!(ticket.status, 202, "{}", ticket.text());
    ticket.json()["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_ticket_of_a_change_whose_domain_is_not_there_says_so() {
    let group = Group::running(1);
    let id = taken(&group);

    eventually("the reason", || {
        let ticket = group.get(0, &format!("/v1/envelopes/{id}")).json();
        (ticket["state"] == "waiting" && ticket["why"] == WHY).then_some(())
    });
}

#[test]
fn the_oldest_change_that_waits_is_named_with_what_it_waits_for() {
    let group = Group::running(1);
    let id = taken(&group);

    let explained = || said(&run(&group, &group.dir(), 0, &["status", "--explain"]).stdout);
    eventually("its name and the reason", || {
        let words = explained();
        (words.contains(&format!("{id} in domain nowhere")) && words.contains(WHY)).then_some(())
    });
}
