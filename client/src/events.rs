//! Server-sent events, resumed where they broke off.

use crate::http::{Client, ClientError};
use crate::transport;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use quorate_ledger::Revision;
use quorate_pbft::SeqNum;
use std::time::Duration;
use tokio::time::timeout;

/// The header that says where to go on.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Bytes of one event: more than a receipt with all its paths, so that a node cannot fill our memory.
const EVENT_BYTES_MAX: usize = 16 << 20;

/// Time without a byte after which a connection is lost: a node says every ten seconds that it lives.
const SILENCE_MAX: Duration = Duration::from_secs(35);

/// Server-sent event before its data is decoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Raw {
    /// Cursor after this event.
    pub id: Option<String>,
    /// Its kind.
    pub event: String,
    /// Its JSON; [`Client::decode`] reads it, as an [`Event`](crate::api::Event) for one.
    pub data: String,
}

/// An endless sequence of events.
#[derive(Debug)]
pub struct Events {
    client: Client,
    from: Option<String>,
    last: Option<String>,
    stream: Option<Incoming>,
    parser: Parser,
    silence_max: Duration,
}

impl Events {
    /// Events from a position on, or from now.
    pub fn new(client: Client, from: Option<String>) -> Self {
        let parser = Parser::default();
        Self { client, from, last: None, stream: None, parser, silence_max: SILENCE_MAX }
    }

    /// The next event; waits for it as long as the node is there.
    pub async fn next(&mut self) -> Result<Raw, ClientError> {
        loop {
            if let Some(event) = self.parser.next() {
                self.last = event.id.clone().or(self.last.take());
                return Ok(event);
            }
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None => {
                    let client = self.client.renewed();
                    // Its own position from the beginning: a stream that ends before its first event loses none.
                    if self.from.is_none() {
                        self.from = Some(now(&client).await?);
                    }
                    self.stream.insert(open(&client, &self.from, &self.last).await?)
                }
            };
            match timeout(self.silence_max, transport::chunk(stream)).await {
                Ok(Ok(Some(bytes))) => self.parser.take(&bytes).map_err(|why| self.client.garbled(why))?,
                Ok(Ok(None) | Err(_)) | Err(_) => self.reopen().await?,
            }
        }
    }

    /// Goes on from now, wherever it began: for who is told that the node has forgotten what came after the last event.
    pub async fn skip(&mut self) -> Result<(), ClientError> {
        (self.from, self.last) = (None, None);
        self.reopen().await
    }

    /// The connection is gone. An event that was half read comes again.
    async fn reopen(&mut self) -> Result<(), ClientError> {
        (self.stream, self.parser) = (None, Parser::default());
        self.client = self.client.renewed();
        self.client.tries().pause("the stream ended".into(), None).await
    }
}

/// Position of the newest slot that the node has executed.
async fn now(client: &Client) -> Result<String, ClientError> {
    Ok(Revision::slot(SeqNum::new(client.status().await?.executed_seq)).to_string())
}

async fn open(client: &Client, from: &Option<String>, last: &Option<String>) -> Result<Incoming, ClientError> {
    let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("text/event-stream"))]);
    if let Some(last) = last.as_ref().and_then(|last| HeaderValue::from_str(last).ok()) {
        headers.insert(LAST_EVENT_ID, last);
    }
    let url = client.url(&["events"], &[("from", from.as_deref().unwrap_or_default())])?;
    Ok(client.stream(url, headers).await?.into_body())
}

/// Cuts a byte stream into events (WHATWG HTML, "server-sent events").
#[derive(Debug, Default)]
struct Parser {
    bytes: Vec<u8>,
    lines: std::collections::VecDeque<String>,
    event: Raw,
}

impl Parser {
    fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.bytes.extend_from_slice(bytes);
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let line = String::from_utf8(line).map_err(|_| "an event that is not UTF-8")?;
            self.lines.push_back(line.trim_end_matches(['\n', '\r']).into());
        }
        let waiting = self.bytes.len() + self.event.data.len();
        if waiting > EVENT_BYTES_MAX { Err(format!("an event of more than {EVENT_BYTES_MAX} bytes")) } else { Ok(()) }
    }

    /// The next event that is whole.
    fn next(&mut self) -> Option<Raw> {
        while let Some(line) = self.lines.pop_front() {
            if !line.is_empty() {
                self.field(&line);
            } else if !self.event.data.is_empty() {
                return Some(std::mem::take(&mut self.event));
            }
        }
        None
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.event.id = Some(value.into()),
            "event" => self.event.event = value.into(),
            "data" if self.event.data.is_empty() => self.event.data = value.into(),
            "data" => self.event.data = format!("{}\n{value}", self.event.data),
            _ => (), // a comment, or a field that we do not use
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::iter;
    use std::net::TcpListener;
    use std::thread;

    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

    /// A node whose streams begin with these bytes, the first and each one after it, and then say nothing.
    fn silent_after(first: &'static str, then: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        thread::spawn(move || {
            let mut held = Vec::new();
            let beginnings = iter::once(first).chain(iter::repeat(then));
            for (stream, beginning) in listener.incoming().zip(beginnings) {
                let mut stream = stream.expect("a connection");
                let _ = stream.read(&mut [0; 4_096]);
                let _ = stream.write_all(format!("{HEAD}{beginning}").as_bytes());
                held.push(stream);
            }
        });
        address
    }

    #[tokio::test]
    async fn a_stream_without_a_sign_of_life_is_opened_again() {
        let node = silent_after(":\n\n", "id: 8.1\nevent: receipt\ndata: x\n\n");
        let client = Client::new(&node, Duration::from_secs(20)).expect("an address");
        let mut events = Events { silence_max: Duration::from_millis(50), ..Events::new(client, Some("7".into())) };

        let event = timeout(Duration::from_secs(20), events.next()).await.expect("in time").expect("an event");

        assert_eq!(event.id.as_deref(), Some("8.1"));
    }

    #[test]
    fn events_are_found_wherever_the_stream_is_cut() {
        let stream = b": hello\n\nid: 7.1\nevent: receipt\ndata: {\"a\":\ndata: 1}\n\ndata: x\r\n\r\n";
        for cut in 0..stream.len() {
            let mut parser = Parser::default();
            let mut events = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                parser.take(part).expect("small and UTF-8");
                events.extend(std::iter::from_fn(|| parser.next()));
            }
            let first = Raw { id: Some("7.1".into()), event: "receipt".into(), data: "{\"a\":\n1}".into() };
            assert_eq!(events, [first, Raw { data: "x".into(), ..Raw::default() }], "{cut}");
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::default();
        let long = vec![b'x'; EVENT_BYTES_MAX + 1];
        assert!(parser.take(&long).is_err());
    }
}
