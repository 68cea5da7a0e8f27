//! Words of a replica to its operator: in the log, in metrics, and about itself.

use crate::group::{Group, copy_folder, eventually};
use std::io::Write as _;
use std::net::TcpStream;

fn log(group: &Group, replica: usize) -> String {
    std::fs::read_to_string(group.log_file(replica)).unwrap_or_default()
}

#[test]
fn the_log_tells_the_story_of_a_replica_that_lost_its_quorum() {
    let mut group = Group::init(4);
    (0..4).for_each(|replica| group.start_logged(replica));
    group.put(0, "a", "1");
    let heard = || log(&group, 0).contains("quorum heard").then_some(());
    eventually("it hears a quorum", heard);

    group.kill(2);
    group.kill(3);
    eventually("the loss is told", || log(&group, 0).contains("quorum lost: nothing can be ordered").then_some(()));
    group.start_logged(2);
    eventually("the return is told", || (log(&group, 0).matches("quorum heard").count() >= 2).then_some(()));
    assert_eq!(group.stop(0), Some(0));

    let log = log(&group, 0);
    let begin = log.lines().find(|line| line.contains("event=\"started\"")).expect("a start");
    for fact in ["version=", "replica=0", "group=", "api=\"http://127.0.0.1:", "peer="] {
        assert!(begin.contains(fact), "{fact}: {begin}");
    }
    let mut lost = log.lines().filter(|line| line.contains("quorum lost") && line.contains("WARN"));
    assert!(lost.any(|line| line.contains("hears 2 of 4, needs 3; silent: 2, 3")), "{log}");
    assert!(log.lines().last().is_some_and(|line| line.contains("stopped")), "{log}");
}

#[test]
fn a_disk_that_was_set_back_is_told_in_words_and_not_in_debug_output() {
    let mut group = Group::running(4);
    group.put(3, "before", "1");
    let database = group.dir().join("replica-3/data");
    let old = group.dir().join("old");
    assert_eq!(group.stop(3), Some(0));
    copy_folder(&database, &old);
    group.start(3);
    group.await_mode(3, "active");
    for file in 0..3 {
        group.put(3, &format!("after-{file}"), "2");
    }
    group.kill(3);
    copy_folder(&old, &database);
    group.start(3);

    let why = group.await_mode(3, "following")["why"].as_str().expect("words").to_owned();

    let debug = ["{", "Statement", "Signed", "Epoch(", "group:"];
    assert!(!why.is_empty() && debug.iter().all(|mark| !why.contains(mark)), "{why}");
}

#[test]
fn connections_of_strangers_are_counted_where_operators_look() {
    let group = Group::running(1);
    let port = group.api(0).port() - 1; // the one replica listens one below its API
    let count = || {
        let metrics = group.get(0, "/metrics").text();
        let line = metrics.lines().find(|line| line.starts_with("quorate_net_refused{kind=\"broken\"}"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).unwrap_or_default()
    };
    for _ in 0..5 {
        let _ = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| stream.write_all(&[0xaa; 4_096]));
    }
    eventually("the metrics count them", || (count() > 0).then_some(()));
}
