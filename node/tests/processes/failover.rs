//! Several nodes for one command: the first that is ready is asked, else the first that answers.

use crate::governance::{author, text};
use crate::group::Group;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
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

/// A program in the place of a node: it is ready, refuses each question with these words, and keeps what it was sent.
fn stranger(detail: &str) -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, sent) = (node(listener.local_addr().expect("it is bound")), Arc::default());
    let (kept, detail) = (Arc::clone(&sent), detail.to_owned());
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| refuse(&stream, &kept, &detail)));
    (address, sent)
}

fn refuse(mut stream: &TcpStream, kept: &Mutex<String>, detail: &str) {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request: String = lines.take_while(|line| !line.is_empty()).map(|line| line + "\n").collect();
    let is_look = request.starts_with("GET /healthz ") || request.starts_with("GET /readyz ");
    kept.lock().expect("nobody panics with it").push_str(&request);
    let problem = serde_json::json!({ "status": 404, "code": "no-such-thing", "detail": detail }).to_string();
    let (status, body) = if is_look { ("200 OK", "ok\n") } else { ("404 Not Found", &problem[..]) };
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {}", body.len());
    let _ = write!(stream, "{head}\r\nconnection: close\r\n\r\n{body}"); // who asked may have gone
}

fn ask(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate")).args(args).output().expect("quorate runs")
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

#[test]
fn a_token_is_shown_to_the_first_node_or_to_the_one_that_it_is_given_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, "a-secret-of-one-node").expect("our folder");
    let (address, sent) = stranger("nothing");
    let nodes = format!("{NOBODY},{address}");
    let shown = |token: &str| {
        let said = ask(&["ls", "--timeout", "5", "--node", &nodes, "--token", token]);
        let sent = std::mem::take(&mut *sent.lock().expect("nobody panics with it"));
        assert!(sent.contains("GET /v1/"), "{}", String::from_utf8_lossy(&said.stderr));
        (sent.contains("a-secret-of-one-node"), String::from_utf8_lossy(&said.stderr).into_owned())
    };

    let (is_shown, said) = shown(text(&file));
    assert!(!is_shown && said.contains("is shown no token"), "{said}");
    assert!(shown(&format!("{}={address}", text(&file))).0);
}

#[test]
fn what_a_node_says_steers_no_terminal() {
    let (address, _) = stranger("\u{1b}]0;name\u{7}\u{202e}reversed");

    let said = ask(&["ls", "--timeout", "5", "--node", &address]);

    let told = String::from_utf8_lossy(&said.stderr);
    assert!(told.contains("reversed") && !told.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{told:?}");
}
