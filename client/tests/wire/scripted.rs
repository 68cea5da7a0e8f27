//! A node that answers from a script: one answer for each request, in order; the last one again and again.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// What it does with a request.
#[derive(Clone)]
pub enum Reply {
    /// Closes the connection without a word.
    Hangup,
    /// Status line and headers without the length, and the body.
    Http(&'static str, String),
}

/// One request as it came.
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
        let mut replies = script.into_iter().peekable();
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let Some(request) = read(&stream) else { continue };
            let Some(reply) = replies.next() else { return };
            if replies.peek().is_none() {
                replies = vec![reply.clone(), reply.clone()].into_iter().peekable();
                replies.next();
            }
            let _ = seen.send(request);
            answer(stream, &reply);
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

fn answer(mut stream: TcpStream, reply: &Reply) {
    if let Reply::Http(head, body) = reply {
        let _ = write!(stream, "HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    }
}
