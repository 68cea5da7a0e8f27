//! Replicas that die, and too few that are left.

use crate::group::{Group, copy_folder, eventually};
use crate::http;
use quorate_client::api::HEALTH_MIN;

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
    let waiting = group.envelope("between", "2");
    group.kill(2);
    group.kill(3);

    let taken = group.offer(0, &waiting);
    assert_eq!(taken.status, 202, "{}", taken.text());
    let status = group.await_mode(0, "read-only");
    assert_eq!(status["why"], "hears 2 of 4, needs 3; silent: 2, 3");
    let next = group.envelope_at(3, 1, "refused", "3");
    let refused = group.offer(0, &next);
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("no-quorum")), "{}", refused.text());
    assert_eq!(group.get(0, "/readyz").status, 503);
    assert_eq!(group.file(0, "before", "sequential").text(), "1");
    assert_eq!(group.file(0, "before", "strong").status, 503);
    let kept = http::post(group.api(0), "/v1/envelopes", &next).expect("an answer");
    assert_eq!((kept.status, kept.json()["state"].as_str()), (202, Some("queued")), "{}", kept.text());
    let partitions = group.get(0, "/v1/partitions").json();
    assert_eq!(partitions["components"][0]["members"], serde_json::json!([0, 1]));
    assert_eq!((partitions["can_order"].as_bool(), partitions["waiting"]["queued"].as_u64()), (Some(false), Some(1)));

    group.start(2);

    group.await_mode(0, "active");
    eventually("what was taken is ordered", || (group.file(1, "between", "sequential").text() == "2").then_some(()));
    assert_eq!(group.offer(1, &next).status, 200);
    eventually("the report is whole", || {
        let report = group.get(0, "/v1/partitions").json()["healed"][0].take();
        let counts = ["paused", "resumed", "applied"].map(|name| report[name].as_u64());
        (counts == [Some(2); 3] && report["recovery_ms"].is_u64()).then_some(())
    });
}

#[test]
fn a_lost_quorum_is_told_everywhere_although_nothing_waits() {
    let mut group = Group::running(4);
    group.put(0, "before", "1");
    eventually("a healthy replica is ready", || (group.get(0, "/readyz").status == 200).then_some(()));
    group.kill(2);
    group.kill(3);

    // The time after which a replica with changes that wait would be read-only.
    std::thread::sleep(std::time::Duration::from_secs(3));
    eventually("it is not ready, and has the issue", || {
        assert_eq!(group.status(0)["mode"], "active");
        let issues = group.get(0, "/v1/issues").text();
        (group.get(0, "/readyz").status == 503 && issues.contains("no-quorum")).then_some(())
    });

    let words = "hears 2 of 4, needs 3; silent: 2, 3; nothing can be ordered now";
    let (status, ready) = (group.status(0), group.get(0, "/readyz"));
    assert_eq!((status["mode"].as_str(), status["why"].as_str()), (Some("active"), Some(words)));
    assert_eq!((status["quorum"].as_u64(), status["behind"].as_u64()), (Some(3), Some(0)));
    assert_eq!((ready.status, ready.json()["why"].as_str()), (503, Some(words)));
    let health = group.get(0, "/v1/health").json();
    assert!(health["score"].as_f64().is_some_and(|score| score < HEALTH_MIN), "{health}");
    assert!(group.get(0, "/metrics").text().contains("quorate_quorum_heard 0"));
    let page = group.get(0, "/").text();
    assert!(page.contains("`No: ${s.why"), "the page says why: {page}");
    let explained = std::process::Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["status", "--explain", "--node", &format!("http://{}", group.api(0))])
        .output()
        .expect("quorate runs");
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.contains("Nothing can be ordered now: this node hears 2 of the 3 members"), "{explained}");
    assert!(explained.contains("critical no-quorum: ") && explained.contains("silent: 2, 3"), "{explained}");
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
fn a_replica_that_lost_its_disk_begins_anew_and_catches_up() {
    let mut group = Group::running(4);
    group.put(0, "before", "1");
    group.kill(3);
    let folder = group.dir().join("replica-3");
    std::fs::remove_dir_all(folder.join("data")).expect("it is there");
    let start = |flags: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_quorate"));
        command.arg("start").arg("--dir").arg(&folder).args(flags);
        command
    };
    let refused = start(&[]).output().expect("quorate runs");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--new-database"), "{refused:?}");

    group.start_with(3, &["--new-database"]);

    eventually("it serves what there was", || (group.file(3, "before", "sequential").text() == "1").then_some(()));
    group.kill(3);
    let again = start(&["--new-database"]).output().expect("quorate runs");
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("already"), "{again:?}");
}

#[test]
fn a_database_under_the_key_of_another_member_is_refused() {
    let mut group = Group::running(4);
    group.put(0, "before", "1");
    group.kill(2);
    group.kill(3);
    let database = |replica: usize| group.dir().join(format!("replica-{replica}/data"));
    copy_folder(&database(2), &database(3));

    let refused = std::process::Command::new(env!("CARGO_BIN_EXE_quorate"))
        .arg("start")
        .arg("--dir")
        .arg(group.dir().join("replica-3"))
        .output()
        .expect("quorate runs");

    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("promises of another member"), "{refused:?}");
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
