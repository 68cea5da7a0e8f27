//! A node that answers from a script: one answer for each request, in order; the last one again and again.

use quorate_client::api::{Offered, Problem, Ticket};
use quorate_ledger::{Envelope, Limits, Receipt, State};
use quorate_pbft::Digest;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// Answer to a request.
#[derive(Clone)]
pub enum Reply {
    /// Closes the connection without a word.
    Hangup,
    /// Holds the connection open without a word.
    Silence,
    /// A receipt of the envelope in the body, or of the last one that was sent, with this state and revision.
    Verdict(State, &'static str),
    /// 202 with a ticket for the envelope in the body.
    Ticket,
    /// The same for the last one that was sent, with this reason.
    Waits(&'static str),
    /// Takes so many envelopes of a stream, and then refuses the first.
    Refusing(usize, Problem),
    /// Status line and headers without the length, and the body.
    Http(&'static str, String),
}

/// Request as it came.
pub struct Request {
    /// Method and target.
    pub line: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Starts the node; its address, and the requests as they come.
pub fn node(script: Vec<Reply>) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let (seen, requests) = channel();
    thread::spawn(move || {
        let (mut held, mut sent) = (Vec::new(), Vec::new());
        let mut replies = script.into_iter().peekable();
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let Some(request) = read(&stream) else { continue };
            let Some(reply) = replies.next() else { return };
            if replies.peek().is_none() {
                replies = vec![reply.clone(), reply.clone()].into_iter().peekable();
                replies.next();
            }
            if !request.body.is_empty() {
                sent.clone_from(&request.body);
            }
            let answer = answer(&reply, &sent);
            let _ = seen.send(request);
            if let Reply::Refusing(count, problem) = &reply {
                refuse(&stream, *count, problem.clone());
            }
            match answer {
                Some(answer) => drop((&stream).write_all(answer.as_bytes())),
                None => held.push(stream),
            }
        }
    });
    (address, requests)
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).ok()?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Request { line, body })
}

/// The bytes of an answer; none where the connection stays open without a word.
fn answer(reply: &Reply, sent: &[u8]) -> Option<String> {
    let (head, body) = match reply {
        Reply::Http(head, body) => (*head, body.clone()),
        Reply::Verdict(state, revision) => {
            ("200 OK\r\ncontent-type: application/json", json(&receipt(sent, *state, Some(revision))))
        }
        Reply::Ticket => {
            let ticket = Ticket { receipt: receipt(sent, State::Waiting, None), waits_for: None, why: None };
            ("202 Accepted\r\ncontent-type: application/json", json(&ticket))
        }
        Reply::Waits(why) => {
            let (receipt, why) = (receipt(sent, State::Waiting, None), Some((*why).to_owned()));
            ("202 Accepted\r\ncontent-type: application/json", json(&Ticket { receipt, waits_for: None, why }))
        }
        Reply::Hangup => return Some(String::new()),
        Reply::Silence | Reply::Refusing(..) => return None,
    };
    Some(format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()))
}

/// Each envelope of a stream is a chunk.
fn refuse(mut stream: &TcpStream, count: usize, problem: Problem) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("the client waits");
    let mut reader = BufReader::new(stream);
    for _ in 0..count {
        let mut size = String::new();
        reader.read_line(&mut size).expect("a chunk");
        let size = usize::from_str_radix(size.trim(), 16).expect("its size");
        reader.read_exact(&mut vec![0; size + 2]).expect("its bytes");
    }
    let (at, status, problem) = (0, problem.status, Some(problem));
    let refused = Offered { at, status, receipt: None, ticket: None, problem, retry_after: None };
    stream.write_all(&refused.encode()).expect("the client waits");
}

/// The group of every scripted node.
pub const GROUP: Digest = Digest([9; 32]);

fn receipt(sent: &[u8], state: State, revision: Option<&str>) -> Receipt {
    let envelope = Envelope::decode(sent, &Limits::default()).expect("the client sends envelopes");
    Receipt {
        id: envelope.id(&GROUP),
        domain: envelope.body.domain,
        author: envelope.body.author,
        from_seq: envelope.body.from_seq,
        to_seq: envelope.body.to_seq,
        state,
        revision: revision.and_then(|text| text.parse().ok()),
        lane: None,
        stage: None,
        code: None,
        detail: None,
        conflicts: vec![],
        changes: vec![],
    }
}

pub fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data")
}
