//! Replicas that die, and too few that are left.

use crate::group::{Group, eventually};
use crate::http;

#[test]
fn a_replica_killed_at_any_time_comes_back_with_everything() {
    let mut group = Group::running(4);
    group.put(1, "before", "1");

    group.kill(3);
    group.put(1, "while", "2");
    group.start(3);

    eventually("the killed replica serves what it missed", || {
        let file = group.file(3, "while", "sequential");
        (file.text() == "2").then_some(())
    });
    group.await_mode(3, "active");
    assert_eq!(group.get(0, "/v1/evidence").json()["items"].as_array().map(Vec::len), Some(0));
}

#[test]
fn all_killed_at_once_lose_nothing_that_was_confirmed() {
    let mut group = Group::running(4);
    for number in 0..8 {
        group.put(number % 4, &format!("file-{number}"), "kept");
    }

    (0..4).for_each(|replica| group.kill(replica));
    group.start_all();

    (0..4).for_each(|replica| drop(group.await_mode(replica, "active")));
    for number in 0..8 {
        let file = group.file((number + 1) % 4, &format!("file-{number}"), "strong");
        assert_eq!((file.status, file.text().as_str()), (200, "kept"), "file-{number}");
    }
    group.put(2, "after", "goes on");
    assert_eq!(group.get(0, "/v1/evidence").json()["items"].as_array().map(Vec::len), Some(0));
}

#[test]
fn without_a_quorum_nothing_is_confirmed_and_with_it_writes_go_on() {
    let mut group = Group::running(4);
    group.put(0, "before", "1");
    group.kill(2);
    group.kill(3);

    let waiting = group.envelope("between", "2");
    let taken = http::post(group.api(0), "/v1/envelopes", &waiting).expect("an answer");
    assert_eq!(taken.status, 202, "{}", taken.text());
    let status = group.await_mode(0, "read-only");
    assert_eq!(status["why"], "hears 2 of 4, needs 3; silent: 2, 3");
    let next = group.envelope_at(3, 1, "refused", "3");
    let refused = group.offer(0, &next);
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("no-quorum")), "{}", refused.text());
    assert_eq!(group.get(0, "/readyz").status, 503);
    assert_eq!(group.file(0, "before", "sequential").text(), "1");
    assert_eq!(group.file(0, "before", "strong").status, 503);

    group.start(2);

    group.await_mode(0, "active");
    eventually("what was taken is ordered", || (group.file(1, "between", "sequential").text() == "2").then_some(()));
    assert_eq!(group.offer(1, &next).status, 200);
}

#[test]
fn sigterm_ends_a_replica_with_exit_code_0() {
    let mut group = Group::running(4);
    group.put(0, "a", "1");

    assert_eq!(group.stop(1), Some(0));

    group.start(1);
    group.await_mode(1, "active");
}

#[test]
fn a_folder_is_used_by_one_replica_at_a_time() {
    let group = Group::running(1);

    let second = std::process::Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["start", "--api", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0", "--dir"])
        .arg(group.dir().join("replica-0"))
        .output()
        .expect("quorate runs");

    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use by another process"));
}

#[test]
fn a_reader_of_events_does_not_hold_up_a_stop_and_may_resume() {
    let mut group = Group::running(1);
    let first = group.put(0, "a", "1");
    group.put(0, "b", "2");
    let from = first["revision"].as_str().expect("a revision");
    let mut reader = http::open(group.api(0), &format!("/v1/events?from={from}")).expect("a stream");
    let mut events = http::read_until(&mut reader, "event: receipt").expect("an event");

    assert_eq!(group.stop(0), Some(0));

    events += &http::read_until(&mut reader, "\0never").expect("an end of the stream");
    assert!(events.contains("event: receipt") && events.contains("\"path\":\"b\""), "{events}");
    assert!(!events.contains("\"path\":\"a\""), "what was before the position is not told again");
}
