//! Four replicas order changes and serve them.

use crate::group::{Group, eventually};

#[test]
fn what_one_replica_confirmed_every_replica_serves_at_once() {
    let mut group = Group::running(4);

    let receipt = group.put(0, "a/b.txt", "hello\n");

    assert_eq!((receipt["domain"].as_str(), receipt["from_seq"].as_u64()), (Some("main"), Some(1)));
    for replica in 0..4 {
        let file = group.file(replica, "a/b.txt", "strong");
        assert_eq!((file.status, file.text().as_str()), (200, "hello\n"), "replica {replica}");
        assert!(file.headers.contains("quorate-mode: file"), "{}", file.headers);
    }
}

#[test]
fn replicas_that_executed_the_same_slot_have_the_same_root() {
    let mut group = Group::running(4);
    for number in 0..5 {
        group.put(number % 4, &format!("file-{number}"), "content");
    }

    eventually("equal roots at one slot", || {
        let status = [0, 1, 2, 3].map(|replica| group.status(replica));
        let same = |field: &str| status.iter().all(|of| of[field] == status[0][field]);
        (same("executed_seq") && same("state_root") && same("lane_hash")).then_some(())
    });
}

#[test]
fn a_strong_write_is_covered_by_a_stable_checkpoint() {
    let mut group = Group::running(4);
    let envelope = group.envelope("a", "strong");

    let answer = crate::http::post(group.api(1), "/v1/envelopes?wait=strong", &envelope).expect("an answer");

    assert_eq!(answer.status, 200, "{}", answer.text());
    let revision = answer.json()["revision"].as_str().expect("a revision").to_owned();
    let slot: u64 = revision.split('.').next().and_then(|slot| slot.parse().ok()).expect("a slot");
    assert!(group.status(1)["stable_checkpoint"]["seq"].as_u64() >= Some(slot));
}

#[test]
fn a_chain_sent_out_of_order_over_two_replicas_is_ordered_whole() {
    let group = Group::running(4);
    let [first, second, third] = [1, 2, 3].map(|seq| group.envelope_at(seq, 1, &format!("f{seq}"), "x"));

    let late = crate::http::post(group.api(2), "/v1/envelopes", &third).expect("an answer");
    assert_eq!((late.status, late.json()["waits_for"].as_u64()), (202, Some(1)), "{}", late.text());
    let middle = crate::http::post(group.api(3), "/v1/envelopes", &second).expect("an answer");
    assert_eq!(middle.status, 202);
    assert_eq!(group.offer(0, &first).status, 200);

    let again = group.offer(2, &third);
    assert_eq!((again.status, again.json()["state"].as_str()), (200, Some("applied")), "{}", again.text());
}

#[test]
fn a_single_replica_orders_alone() {
    let mut group = Group::running(1);

    group.put(0, "a", "alone");

    assert_eq!(group.file(0, "a", "strong").text(), "alone");
}

#[test]
fn causality_is_asked_of_a_domain_that_is_there() {
    let mut group = Group::running(1);
    let id = group.put(0, "a", "1")["id"].as_str().expect("an id").to_owned();
    let asked = |domain: &str| group.get(0, &format!("/v1/domains/{domain}/causality?first={id}&second={id}"));

    assert_eq!((asked("main").status, asked("main").json()["order"].as_str()), (200, Some("same")));
    assert_eq!(asked("nowhere").status, 404);
}
