//! Strangers at the API: they take bounded room, and shut out nobody.

use crate::group::{Group, eventually, free_ports};
use crate::http;
use quorate_ledger::{Act, Mode, Op};
use quorate_pbft::Digest;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

/// Paths of a wide change.
const WIDE: usize = 4_000;

/// An envelope of the first author that puts one content at many paths.
fn wide(group: &Group, seq: u64) -> Vec<u8> {
    let content = Digest(Sha256::digest(b"x").into());
    let put = |path: usize| Op::Put { path: format!("a/rather/long/folder-{seq}/{path}"), mode: Mode::File, content };
    group.signed(seq, 1, (0..WIDE).map(put).collect(), vec![b"x".to_vec()])
}

#[test]
fn a_page_of_the_log_is_bounded_in_bytes_and_the_next_one_goes_on() {
    let group = Group::unpaced();
    for seq in 1..=8 {
        assert_eq!(group.offer(0, &wide(&group, seq)).status, 200);
    }

    let (mut pages, mut seen, mut from) = (0, 0, String::new());
    loop {
        let page = group.get(0, &format!("/v1/domains/main/log?limit=1000&level=sequential&from={from}"));
        assert!(page.body.len() < 2 << 20, "{} bytes", page.body.len());
        (pages, seen) = (pages + 1, seen + page.json()["items"].as_array().expect("items").len());
        match page.json()["next"].as_str() {
            Some(next) => from = next.to_owned(),
            None => break,
        }
    }

    assert_eq!(seen, 8);
    assert!(pages > 1, "{pages} pages");
}

#[test]
fn an_author_who_comes_faster_than_the_default_rate_is_told_when_to_come_again() {
    let group = Group::running(1);
    let offer = |seq: u64| http::post(group.api(0), "/v1/envelopes", &wide(&group, seq)).expect("an answer");
    assert_eq!(offer(1).status, 202, "an envelope is let in whole");

    let second = offer(2);

    let seconds = second.headers.to_lowercase();
    let after = seconds.lines().find_map(|line| line.strip_prefix("retry-after: ")?.trim().parse::<u64>().ok());
    assert_eq!((second.status, second.json()["code"].as_str()), (429, Some("rate")), "{}", second.text());
    assert!(after.is_some_and(|after| (1..=4).contains(&after)), "{after:?}");
    assert!(matches!(offer(1).status, 200 | 202), "the same bytes again are no error");
}

#[test]
fn a_rate_of_changes_lets_nobody_in_with_wide_ones() {
    let group = Group::running(1);
    let rates = json!({"author": {"per_ms": 1_000, "changes": 1_000_000}});
    let policy = serde_json::from_value(json!({"writers": ["*"], "readers": ["*"], "rates": rates}));
    let act = Act::SetPolicy { policy: policy.expect("a policy") };
    assert_eq!(group.offer(0, &group.signed(1, 1, vec![Op::Propose { act }], vec![])).json()["state"], "applied");
    assert_eq!(group.offer(0, &wide(&group, 2)).status, 200, "an envelope is let in whole");

    let second = group.offer(0, &wide(&group, 3));

    assert_eq!((second.status, second.json()["code"].as_str()), (429, Some("rate")), "{}", second.text());
    assert_eq!(group.offer(0, &group.envelope_at(3, 1, "narrow", "x")).status, 429, "it pays for the wide one first");
}

#[test]
fn bodies_that_are_announced_and_do_not_come_keep_no_other_out() {
    let mut group = Group::running(1);
    let mut silent = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(group.api(0)).expect("there is room");
        let head = "POST /v1/envelopes HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 33554432\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("it listens");
        silent.push(stream);
    }
    std::thread::sleep(Duration::from_millis(300));

    group.put(0, "a", "1");
}

#[test]
fn connections_that_say_nothing_leave_a_replica_the_files_that_it_needs() {
    const FILES: u64 = 160;
    let mut group = Group::running(1);
    group.bound_files(0, FILES);

    let _silent: Vec<TcpStream> =
        (0..FILES * 3).map(|_| TcpStream::connect(group.api(0)).expect("the kernel takes it")).collect();

    group.put(0, "a", "1");
    // A connection whose place another one takes holds its file for a moment longer.
    eventually("files are left", || (!group.get(0, "/v1/issues").text().contains("\"files\"")).then_some(()));
}

#[test]
fn a_replica_that_can_open_no_file_says_so() {
    let mut group = Group::init(1);
    group.start_logged(0);

    group.bound_files(0, 3);

    let says = || std::fs::read_to_string(group.log_file(0)).expect("its log").contains("id=\"files\"").then_some(());
    eventually("the log names the trouble", says);
}

#[test]
fn a_stream_that_nobody_reads_ends_and_others_go_on() {
    let group = Group::unpaced();
    assert_eq!(group.offer(0, &wide(&group, 1)).status, 200);
    let _unread: Vec<TcpStream> =
        (0..50).map(|_| http::open(group.api(0), "/v1/events?from=0").expect("a stream")).collect();
    let mut read = http::open(group.api(0), "/v1/events?from=0").expect("a stream");

    assert!(http::read_until(&mut read, "event: receipt").expect("an event").contains("id: "));
    let envelope = group.envelope_at(2, 1, "b", "2");
    assert_eq!(group.offer(0, &envelope).status, 200);
    eventually("the API answers", || (group.get(0, "/healthz").status == 200).then_some(()));
}

#[test]
fn streams_that_nobody_reads_cost_bounded_memory() {
    let group = Group::unpaced();
    for seq in 1..=12 {
        assert_eq!(group.offer(0, &wide(&group, seq)).status, 200);
    }
    let before = group.resident_mib(0);

    let _unread: Vec<TcpStream> =
        (0..100).map(|_| http::open(group.api(0), "/v1/events?from=0").expect("a stream")).collect();
    std::thread::sleep(Duration::from_secs(3));

    // Each stream holding its 12 receipts of 4,000 paths would be 400 MiB and more.
    let during = group.resident_mib(0);
    assert!(during < before + 200, "{before} MiB before, {during} MiB with 100 streams");
}

#[test]
fn a_page_of_another_site_reads_nothing_through_a_browser() {
    let mut group = Group::running(1);
    group.put(0, "secret", "1");
    let ask = |host: &str, path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        http::ask(group.api(0), &head, &[]).expect("an answer")
    };

    for path in ["/v1/status", "/v1/domains/main/files/secret?level=sequential", "/metrics"] {
        assert_eq!((ask("127.0.0.1", path).status, ask("evil.example", path).status), (200, 421), "{path}");
    }
}

#[test]
fn a_token_closes_what_is_for_operators_on_loopback_too() {
    let mut group = Group::init(1);
    std::fs::write(group.dir().join("replica-0/admin.token"), "secret\n").expect("a file");
    group.start_all();
    let ask = |token: &str| {
        let head = format!(
            "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        http::ask(group.api(0), &head, &[]).expect("an answer").status
    };

    assert_eq!((group.get(0, "/metrics").status, ask("guess"), ask("secret")), (401, 403, 200));
}

#[test]
fn operators_with_an_address_of_their_own_are_answered_there_alone() {
    let mut group = Group::init(1);
    let file = group.dir().join("replica-0/config.toml");
    let text = std::fs::read_to_string(&file).expect("a configuration");
    let operations = std::net::SocketAddr::from(([127, 0, 0, 1], free_ports(1)));
    std::fs::write(&file, format!("operations = \"{operations}\"\n{text}")).expect("our file");
    group.start_logged(0);

    let there = |path: &str| http::get(operations, path).expect("an answer").status;

    assert_eq!((group.get(0, "/metrics").status, group.get(0, "/v1/log").status), (403, 403));
    assert_eq!((there("/metrics"), there("/v1/log"), there("/v1/status")), (200, 200, 200));
    let log = std::fs::read_to_string(group.log_file(0)).expect("a log");
    assert!(!log.contains("operators-"), "{log}");
}

#[test]
fn a_start_without_a_token_says_who_reads_what_is_for_operators() {
    let mut group = Group::init(1);
    group.start_logged(0);

    let log = std::fs::read_to_string(group.log_file(0)).expect("a log");

    let lines: Vec<&str> = log.lines().filter(|line| line.contains("operators-open")).collect();
    assert!(matches!(lines[..], [line] if line.contains("WARN") && line.contains("admin.token")), "{log}");
}
