//! Several nodes for one command: the first that is ready is asked, else the first that answers.

use crate::governance::{author, text};
use crate::group::Group;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Address at which nothing listens.
const NOBODY: &str = "http://127.0.0.1:1";

fn quorate(group: &Group, nodes: &[&str], args: &[&str]) -> Output {
    let key = author(group, 0);
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(args).env("QUORATE_NODE", nodes.join(",")).env("QUORATE_KEY", text(&key));
    command.output().expect("quorate runs")
}

fn node(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// A node that is alive, and that can answer nothing: it has diverged.
fn diverged() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = node(listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| tell_diverged(&stream)));
    address
}

/// Answers a request: alive, and nothing else.
fn tell_diverged(mut stream: &TcpStream) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let is_alive = lines.next().is_some_and(|line| line.starts_with("GET /healthz "));
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let problem = r#"{"status":503,"code":"not-ready","detail":"diverged: its state is another one"}"#;
    let (status, kind, body) = match is_alive {
        true => ("200 OK", "text/plain", "ok\n"),
        false => ("503 Service Unavailable", "application/problem+json", problem),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}");
    let _ = write!(stream, "{head}\r\nconnection: close\r\n\r\n{body}"); // who asked may have gone
}

fn done(said: &Output) {
    assert_eq!(said.status.code(), Some(0), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn a_command_asks_the_first_of_several_nodes_that_answers() {
    let group = Group::running(1);
    let (nodes, begun) = ([NOBODY, &node(group.api(0))], Instant::now());

    done(&quorate(&group, &nodes, &["put", "a", text(&author(&group, 0))]));
    done(&quorate(&group, &nodes, &["get", "a"]));

    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn a_node_that_takes_connections_and_answers_nothing_is_left_out() {
    let group = Group::running(1);
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = node(silent.local_addr().expect("it is bound"));
    done(&quorate(&group, &[&silent, &node(group.api(0))], &["status"]));
}

#[test]
fn a_node_that_is_alive_and_not_ready_is_passed_over_for_one_that_is() {
    let group = Group::running(1);
    group.await_mode(0, "active");
    let nodes = [diverged(), node(group.api(0))];
    let nodes = nodes.each_ref().map(String::as_str);

    done(&quorate(&group, &nodes, &["put", "a", text(&author(&group, 0)), "--timeout", "10"]));
    done(&quorate(&group, &nodes, &["get", "a", "--timeout", "10"]));
}

#[test]
fn where_none_is_ready_the_first_that_answers_is_asked() {
    let (group, diverged) = (Group::init(1), diverged());
    let said = quorate(&group, &[NOBODY, &diverged], &["status", "--timeout", "1"]);
    let errors = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(3), "{errors}");
    assert!(errors.contains(&diverged) && errors.contains("not-ready"), "{errors}");
}

#[test]
fn where_no_node_answers_each_is_named() {
    let group = Group::init(1);
    let nodes = [NOBODY, "http://127.0.0.1:2"];
    let said = quorate(&group, &nodes, &["status", "--timeout", "0.5"]);
    let errors = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(3), "{errors}");
    assert!(nodes.iter().all(|node| errors.contains(node)), "{errors}");
}

#[test]
fn a_change_that_one_node_may_have_taken_goes_first_to_the_next_under_the_same_number() {
    let mut group = Group::running(4);
    let key = author(&group, 0);
    (1..4).for_each(|replica| group.kill(replica)); // nothing is ordered
    let first = quorate(&group, &[&node(group.api(0))], &["put", "first", text(&key), "--timeout", "8"]);
    assert_eq!(first.status.code(), Some(3), "{}", String::from_utf8_lossy(&first.stderr));
    group.kill(0);
    (1..4).for_each(|replica| group.start(replica));
    let nodes = [node(group.api(0)), node(group.api(1))];

    done(&quorate(&group, &nodes.each_ref().map(String::as_str), &["put", "second", text(&key)]));

    let log = group.get(1, "/v1/domains/main/log").json();
    let paths = |number: usize| log["items"][number]["changes"][0]["path"].clone();
    assert_eq!((paths(0), paths(1)), ("second".into(), "first".into()), "{log}");
}
