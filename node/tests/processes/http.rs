//! HTTP as small as it gets: one request, one connection, the answer as bytes.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Time for one answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(40);

/// An answer.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, as they came.
    pub headers: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// GET.
pub fn get(to: SocketAddr, path: &str) -> std::io::Result<Answer> {
    ask(to, &format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"), &[])
}

fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, Duration::from_secs(20))?;
    stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
    Ok(stream)
}

/// Begins a GET whose answer may never end.
pub fn open(to: SocketAddr, path: &str) -> std::io::Result<TcpStream> {
    let mut stream = connect(to)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    Ok(stream)
}

/// Text that comes until it contains `text` or the stream ends.
pub fn read_until(stream: &mut TcpStream, text: &str) -> std::io::Result<String> {
    let (mut come, mut piece) = (String::new(), [0; 4_096]);
    while !come.contains(text) {
        match stream.read(&mut piece)? {
            0 => break,
            count => come += &String::from_utf8_lossy(&piece[..count]),
        }
    }
    Ok(come)
}

/// POST of bytes.
pub fn post(to: SocketAddr, path: &str, body: &[u8]) -> std::io::Result<Answer> {
    let length = body.len();
    ask(
        to,
        &format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"),
        body,
    )
}

/// A request head, a body, and what comes back until the connection ends.
pub fn ask(to: SocketAddr, head: &str, body: &[u8]) -> std::io::Result<Answer> {
    let mut stream = connect(to)?;
    stream.write_all(head.as_bytes())?;
    // A refusal may come before all of the body went out; then the answer is what counts.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let headers = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = headers.split(' ').nth(1)?.parse().ok()?;
    let body = bytes[end + 4..].to_vec();
    let body = if headers.contains("transfer-encoding: chunked") { unchunk(&body) } else { body };
    Some(Answer { status, headers, body })
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let Some(size @ 1..) = size else { break };
        let piece = bytes.get(end + 2..end + 2 + size).unwrap_or_default();
        whole.extend_from_slice(piece);
        bytes = bytes.get(end + 4 + size..).unwrap_or_default();
    }
    whole
}
