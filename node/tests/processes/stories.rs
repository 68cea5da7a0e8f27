//! Lines of the log about one envelope, found by its id.

use crate::group::{Group, eventually};
use crate::http;

/// Lines of a replica's log that name an envelope.
fn story(group: &Group, envelope: &str) -> Vec<String> {
    let log = std::fs::read_to_string(group.log_file(0)).expect("a log");
    log.lines().filter(|line| line.contains(&format!("envelope={envelope}"))).map(str::to_owned).collect()
}

/// A replica that logs by this filter.
fn logging(filter: &str) -> Group {
    let mut group = Group::init(1);
    group.start_logged_at(filter, "http", 0);
    group
}

fn id(answer: &http::Answer) -> String {
    answer.json()["id"].as_str().expect("an id").to_owned()
}

#[test]
fn an_envelope_that_waits_for_a_number_is_followed_from_where_it_was_taken_to_its_verdict() {
    let group = logging("info,quorate_service=debug");
    let [first, second] = [1, 2].map(|number| group.envelope_at(number, 1, &number.to_string(), "text"));
    let waits = http::post(group.api(0), "/v1/envelopes", &second).expect("an answer");
    assert_eq!(waits.status, 202, "{}", waits.text());
    assert_eq!(group.offer(0, &first).status, 200);

    let told = eventually("its verdict is told", || {
        let told = story(&group, &id(&waits));
        told.iter().any(|line| line.contains("envelope ordered ")).then_some(told)
    });

    let has = |line: &str, words: &[&str]| words.iter().all(|word| line.contains(word));
    assert!(has(&told[0], &["envelope taken", "place=\"gap\"", "waits_for=1"]), "{told:#?}");
    assert!(has(&told[1], &["waits for no number any more", "is_on_lane=true"]), "{told:#?}");
    assert!(has(told.last().expect("a line"), &["envelope ordered", "state=\"applied\"", "revision="]), "{told:#?}");
}

#[test]
fn a_refusal_at_the_gate_names_the_envelope_with_stage_and_code() {
    let group = logging("info");
    let [first, other] = [1, 2].map(|attempt| group.envelope_at(1, attempt, "a", &attempt.to_string()));
    let taken = group.offer(0, &first);
    assert_eq!(group.offer(0, &other).status, 409);

    let told = story(&group, "");
    let is_whole = |line: &String| line.contains("gate-refused") && line.contains("code=") && line.contains("stage=");
    assert!(told.iter().any(is_whole), "{told:#?}");
    assert_eq!(story(&group, &id(&taken)), Vec::<String>::new(), "the story of what goes well is of level debug");
}
