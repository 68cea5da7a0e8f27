//! Bad input gets a clear refusal and changes nothing.

use crate::group::Group;
use crate::http::{self, Answer};
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn offered(group: &Group, bytes: &[u8]) -> Answer {
    http::post(group.api(0), "/v1/envelopes?wait=sequential", bytes).expect("an answer")
}

fn refusal(answer: &Answer) -> (u16, String, String) {
    let problem = answer.json();
    let text = |field: &str| problem[field].as_str().unwrap_or_default().to_owned();
    (answer.status, text("stage"), text("code"))
}

fn refused(status: u16, stage: &str, code: &str) -> (u16, String, String) {
    (status, stage.to_owned(), code.to_owned())
}

#[test]
fn what_must_not_enter_a_lane_is_refused_with_stage_and_code() {
    let group = Group::running(1);
    let good = group.envelope_at(1, 1, "a", "x");
    let before = group.status(0)["executed_seq"].clone();
    let mut unsigned = good.clone();
    let place = good.len() - 5; // within the content
    unsigned[place] ^= 1;

    let truncated = &good[..good.len() / 2];
    let longer = [&good[..], b"more"].concat();

    assert_eq!(refusal(&offered(&group, b"garbage")), refused(422, "structure", "malformed"));
    assert_eq!(refusal(&offered(&group, truncated)), refused(422, "structure", "malformed"));
    assert_eq!(refusal(&offered(&group, &longer)), refused(422, "structure", "trailing-bytes"));
    assert_eq!(offered(&group, &unsigned).status, 422);
    let far = group.envelope_at(2_000, 1, "a", "x");
    assert_eq!(refusal(&offered(&group, &far)), refused(422, "sequence", "gap-too-wide"));
    assert_eq!(group.status(0)["executed_seq"], before, "nothing was ordered");
}

#[test]
fn a_number_belongs_to_one_envelope_and_a_copy_gets_its_receipt() {
    let group = Group::running(1);
    let first = group.envelope_at(1, 1, "a", "first");
    let receipt = offered(&group, &first);
    assert_eq!(receipt.status, 200);

    let copy = offered(&group, &first);
    let other = offered(&group, &group.envelope_at(1, 2, "a", "other"));

    assert_eq!((copy.status, copy.json()), (200, receipt.json()));
    assert_eq!(refusal(&other), refused(409, "sequence", "sequence-taken"));
    assert_eq!(other.json()["next_seq"], 2);
}

#[test]
fn a_path_with_dots_is_ordered_and_refused_with_a_receipt() {
    let group = Group::running(1);

    let answer = offered(&group, &group.envelope_at(1, 1, "a/../b", "x"));

    assert_eq!(answer.status, 200, "{}", answer.text());
    let receipt = answer.json();
    assert_eq!((receipt["state"].as_str(), receipt["code"].as_str()), (Some("refused"), Some("bad-path")));
}

#[test]
fn a_body_of_one_gibibyte_is_refused_at_once() {
    let group = Group::running(1);
    let begun = Instant::now();
    let head =
        "POST /v1/envelopes HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 1073741824\r\n\r\n";

    let answer = http::ask(group.api(0), head, &vec![0; 1 << 20]).expect("an answer");

    assert_eq!(refusal(&answer), refused(413, "structure", "too-large"));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn garbage_on_the_port_for_replicas_hurts_nobody() {
    let mut group = Group::running(4);
    let port = group.api(0).port() - 4; // replica 0 listens four below its API
    for _ in 0..20 {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            let _ = stream.write_all(&[0xaa; 4_096]);
        }
    }

    group.put(0, "a", "still here");
}

#[test]
fn what_does_not_exist_is_not_found_and_what_does_not_parse_is_said() {
    let group = Group::running(1);

    let missing = group.file(0, "nowhere", "sequential");
    assert_eq!(
        (missing.status, missing.json()["code"].as_str().map(str::to_owned)),
        (404, Some("missing-path".to_owned()))
    );
    assert_eq!(group.get(0, "/v1/domains/none/tree?level=sequential").status, 404);
    assert_eq!(group.get(0, "/v1/envelopes/xyz").status, 400);
    assert_eq!(group.get(0, "/v1/domains/main/tree?level=weak").status, 400);
    assert_eq!(group.get(0, "/nothing").status, 404);
    assert_eq!(group.get(0, "/healthz").status, 200);
    assert!(group.get(0, "/metrics").text().contains("quorate_build_info"));
}

#[test]
fn a_method_that_an_address_does_not_know_is_a_problem_like_any_other() {
    let group = Group::running(1);
    for path in ["/v1/status", "/v1/domains/main/tree", "/openapi.json"] {
        let answer = http::post(group.api(0), path, b"x").expect("an answer");
        assert_eq!((answer.status, answer.json()["code"].as_str()), (405, Some("method-not-allowed")), "{path}");
        assert!(answer.headers.to_lowercase().contains("application/problem+json"), "{}", answer.headers);
    }
}
