//! Changes that wait for an earlier number of their author.

use crate::group::{Group, eventually};
use serde_json::Value;
use std::time::{Duration, Instant};

fn ids(issues: &Value) -> Vec<&str> {
    issues["items"].as_array().expect("a list").iter().filter_map(|issue| issue["id"].as_str()).collect()
}

#[test]
fn a_change_without_the_number_before_it_is_a_notice_and_holds_up_no_stop() {
    let mut group = Group::running(1);
    let usual = Instant::now();
    assert_eq!(group.stop(0), Some(0));
    let usual = usual.elapsed();
    group.start(0);
    let late = group.envelope_at(3, 1, "late", "x");
    let taken = crate::http::post(group.api(0), "/v1/envelopes", &late).expect("an answer");
    assert_eq!(taken.status, 202);

    let told = eventually("a notice", || {
        let issues = group.get(0, "/v1/issues").json();
        ids(&issues).contains(&"numbers-missing").then_some(issues)
    });

    assert!(!ids(&told).contains(&"stalled"), "{told}");
    assert_eq!(group.status(0)["pending"], 1);
    let (mut took, most) = (Vec::new(), usual + Duration::from_secs(3)); // one of three, for a disk may stand still
    while took.len() < 3 && took.last().is_none_or(|took| *took >= most) {
        if !took.is_empty() {
            group.start(0);
            assert_eq!(crate::http::post(group.api(0), "/v1/envelopes", &late).expect("an answer").status, 202);
        }
        let begun = Instant::now();
        assert_eq!(group.stop(0), Some(0));
        took.push(begun.elapsed());
    }
    assert!(took.last().is_some_and(|took| *took < most), "{took:?}, else {usual:?}");
}

#[test]
fn an_offer_beyond_a_gap_is_answered_soon_with_the_number_that_it_waits_for() {
    let group = Group::running(1);
    let late = group.envelope_at(3, 1, "late", "x");
    let begun = Instant::now();

    let answer = crate::http::post(group.api(0), "/v1/envelopes?wait=sequential", &late).expect("an answer");

    assert_eq!((answer.status, answer.json()["waits_for"].as_u64()), (202, Some(1)), "{}", answer.text());
    assert_eq!(answer.json()["state"], "waiting");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn an_offer_whose_gap_closes_at_once_is_answered_with_its_verdict() {
    let group = Group::running(1);
    let [first, second] = [1, 2].map(|number| group.envelope_at(number, 1, &number.to_string(), "x"));

    let answer = std::thread::scope(|scope| {
        let late = scope.spawn(|| crate::http::post(group.api(0), "/v1/envelopes?wait=sequential", &second));
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(group.offer(0, &first).status, 200);
        late.join().expect("no panic").expect("an answer")
    });

    assert_eq!((answer.status, answer.json()["state"].as_str()), (200, Some("applied")), "{}", answer.text());
}
