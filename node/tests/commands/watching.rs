//! `quorate watch` over nodes that go away and forget.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Status line and headers of an answer, and its body.
pub type Reply = (String, String);

/// A node that gives one of these answers to each connection, in their order, and then none.
pub fn node(script: Vec<Reply>) -> String {
    heard_node(script).0
}

/// The same, and the heads of the requests that it gets.
pub fn heard_node(script: Vec<Reply>) -> (String, Receiver<String>) {
    slow_node(script, Duration::ZERO)
}

/// The same, with a pause before each answer.
pub fn slow_node(script: Vec<Reply>, pause: Duration) -> (String, Receiver<String>) {
    let (tell, heard) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        let mut held = Vec::new();
        let mut script = script.into_iter();
        for mut stream in listener.incoming().flatten() {
            let _ = tell.send(request(&stream)); // the test may listen no more
            std::thread::sleep(pause);
            match script.next() {
                Some((head, body)) => drop(write!(stream, "HTTP/1.1 {head}\r\nconnection: close\r\n\r\n{body}")),
                None => held.push(stream),
            }
        }
    });
    (address, heard)
}

/// Reads a request to its end, for a connection that is closed before loses the answer; its head in lower case.
fn request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let head: Vec<String> = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    assert!(!head.is_empty(), "a request");
    let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    reader.read_exact(&mut vec![0; length.unwrap_or(0)]).expect("its body");
    head.join("\n").to_lowercase()
}

/// Status of a node that has executed this slot.
pub fn status(executed: u64) -> Reply {
    let hash = "09".repeat(32);
    let status = json!({
        "group": hash, "name": "group", "replica": 0, "primary": 0, "role": "replica", "version": "0.1.0", "epoch": 0,
        "view": 0, "executed_seq": executed, "pending": 0, "state_root": hash, "lane_hash": hash,
        "stable_checkpoint": { "seq": 0, "state_root": hash }, "mode": "active", "why": "", "peers": [],
        "health": { "score": 1.0, "reasons": [] },
    });
    ("200 OK\r\ncontent-type: application/json".into(), status.to_string())
}

/// The tree of a domain with no file, at slot 900.
pub fn tree() -> Reply {
    let tree = json!({ "items": [], "next": null });
    ("200 OK\r\ncontent-type: application/json\r\nquorate-at: 900".into(), tree.to_string())
}

fn event(position: &str) -> Reply {
    ("200 OK\r\ncontent-type: text/event-stream".into(), format!("id: {position}\nevent: receipt\ndata: {{}}\n\n"))
}

/// A refusal with this status line.
pub fn problem(status: &str, stage: Option<&str>, code: &str, detail: &str) -> Reply {
    let number: u16 = status[..3].parse().expect("a number");
    let problem = json!({ "status": number, "stage": stage, "code": code, "detail": detail });
    (format!("{status}\r\ncontent-type: application/problem+json"), problem.to_string())
}

fn pruned() -> Reply {
    problem("410 Gone", None, "history-pruned", "revision 6.1 is forgotten: history begins with slot 800")
}

fn watch(node: &str, more: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["watch", "--json", "--timeout", "20", "--node", node]).args(more).env_remove("QUORATE_DOMAIN");
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program was built")
}

/// Its first two lines, and what it says on standard error until it is ended.
fn two_lines(mut watch: Child) -> (Vec<String>, String) {
    let lines = BufReader::new(watch.stdout.take().expect("it is piped")).lines();
    let lines: Vec<String> = lines.map_while(Result::ok).take(2).collect();
    watch.kill().expect("it can be ended");
    let mut said = String::new();
    watch.stderr.take().expect("it is piped").read_to_string(&mut said).expect("text");
    watch.wait().expect("it ends");
    (lines, said)
}

#[test]
fn a_watch_from_now_goes_on_from_now_where_the_node_has_forgotten_what_came_meanwhile() {
    let (node, heard) = heard_node(vec![status(5), event("6.1"), pruned(), status(900), event("901.1")]);

    let (lines, said) = two_lines(watch(&node, &[]));

    assert_eq!(lines, [r#"{"position":"6.1"}"#, r#"{"position":"901.1"}"#], "{said}");
    assert!(said.contains("some of what happened meanwhile is not shown: revision 6.1 is forgotten"), "{said}");
    let heads: Vec<String> = heard.iter().take(5).collect();
    assert!(heads[2].contains("last-event-id: 6.1"), "{heads:?}");
    assert!(heads[4].contains("from=900") && !heads[4].contains("last-event-id"), "{heads:?}");
}

#[test]
fn a_watch_from_a_position_ends_where_the_node_has_forgotten_what_came_after_it() {
    let node = node(vec![status(5), event("6.1"), pruned()]);

    let ended = watch(&node, &["--from", "5"]).wait_with_output().expect("it ends");

    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.code() == Some(1) && said.contains("history-pruned"), "{said}");
}

/// Receipt of a transaction that is signed in domain `here`, with this effect.
fn receipt(position: &str, path: &str) -> Reply {
    let hash = "09".repeat(32);
    let receipt = json!({
        "kind": "receipt", "id": hash, "domain": "here", "author": hash, "from_seq": 1, "to_seq": 1, "state": "applied",
        "revision": position, "lane": 0, "stage": null, "code": null, "detail": null, "conflicts": [],
        "changes": [{ "path": path, "outcome": "applied", "rung": "one-sided" }],
    });
    let data = format!("id: {position}\nevent: receipt\ndata: {receipt}\n\n");
    ("200 OK\r\ncontent-type: text/event-stream".into(), data)
}

#[test]
fn a_watch_of_one_domain_tells_a_transaction_of_another_one_that_changes_files_there() {
    let script = vec![
        tree(),
        status(5),
        receipt("6.1", "a"),
        receipt("7.1", "there//a"),
        receipt("8.1", "elsewhere//a"),
        receipt("9.1", "there//b"),
    ];

    let (lines, said) = two_lines(watch(&node(script), &["--domain", "there"]));

    let positions: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).expect("a document")).collect();
    let positions: Vec<&str> = positions.iter().filter_map(|line| line["position"].as_str()).collect();
    assert_eq!(positions, ["7.1", "9.1"], "{said}");
}

#[test]
fn a_watch_that_fails_tells_so_in_one_line_of_json() {
    let ended = watch(&node(vec![status(5), pruned()]), &["--from", "5"]).wait_with_output().expect("it ends");

    let told = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains("history-pruned"), "{told}");
}

#[test]
fn a_watch_of_a_domain_that_is_not_there_says_what_it_waits_for() {
    let unknown = problem("404 Not Found", Some("domain"), "unknown-domain", "no domain nosuch");
    let script = vec![unknown, status(5), event("6.1"), event("7.1")];

    let (lines, said) = two_lines(watch(&node(script), &["--domain", "nosuch"]));

    assert_eq!(lines.len(), 2, "{said}");
    assert!(said.contains("no domain nosuch yet; waiting for it"), "{said}");
}

#[test]
fn a_watch_from_a_position_that_is_still_to_come_says_what_it_waits_for() {
    let script = vec![status(5), event("901.1"), event("902.1")];

    let (lines, said) = two_lines(watch(&node(script), &["--from", "900.1"]));

    assert_eq!(lines.len(), 2, "{said}");
    assert!(said.contains("900.1 is after slot 5, the newest here; waiting for it"), "{said}");
}
