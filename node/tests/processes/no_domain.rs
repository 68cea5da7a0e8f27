//! Changes for a domain that is not there.

use crate::group::{Group, eventually};
use crate::http;
use quorate_ledger::{Op, Revision};
use quorate_pbft::SeqNum;

/// Reason for which it waits.
const WHY: &str = "no domain \"nowhere\" yet";

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
