//! Many envelopes over one connection.

use crate::group::{Group, eventually};
use crate::http::{self, Answer};
use quorate_client::api::Offered;
use quorate_client::http::Client;
use quorate_ledger::{Level, State};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Envelopes that a test offers.
const COUNT: u64 = 150;
/// Streams that a node takes at a time.
const PLACES: usize = 128;

pub fn framed(envelopes: &[Vec<u8>]) -> Vec<u8> {
    let frame = |bytes: &Vec<u8>| [&(bytes.len() as u32).to_le_bytes(), bytes.as_slice()].concat();
    envelopes.iter().flat_map(frame).collect()
}

/// Offers a whole body at once.
pub fn streamed(group: &Group, accept: &str, body: &[u8]) -> Answer {
    asked(group, "", accept, body)
}

fn asked(group: &Group, query: &str, accept: &str, body: &[u8]) -> Answer {
    let head = format!(
        "POST /v1/envelopes/stream{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAccept: {accept}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    http::ask(group.api(0), &head, body).expect("an answer")
}

pub fn lines(answer: &Answer) -> BTreeMap<u64, Offered> {
    let text = answer.text();
    let lines = text.lines().filter(|line| !line.is_empty());
    let offered =
        lines.map(|line| serde_json::from_str::<Offered>(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    offered.map(|offered| (offered.at, offered)).collect()
}

fn octets(mut bytes: &[u8]) -> BTreeMap<u64, Offered> {
    let mut found = BTreeMap::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (frame, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        if !frame.is_empty() {
            let offered = Offered::decode(frame).expect("an answer");
            found.insert(offered.at, offered);
        }
        bytes = rest;
    }
    found
}

fn numbered(group: &Group, content: &str) -> Vec<Vec<u8>> {
    (1..=COUNT).map(|seq| group.envelope_at(seq, 1, &format!("f{seq}"), content)).collect()
}

fn status_and_number(offered: &Offered) -> (u16, u64) {
    (offered.status, offered.receipt.as_ref().map_or(0, |receipt| receipt.from_seq))
}

#[test]
fn every_envelope_of_a_stream_is_answered_with_its_own_receipt() {
    let group = Group::unpaced();
    let answer = streamed(&group, "*/*", &framed(&numbered(&group, "x")));

    assert_eq!(answer.status, 200);
    let found: Vec<_> = lines(&answer).values().map(status_and_number).collect();
    assert_eq!(found, (1..=COUNT).map(|seq| (200, seq)).collect::<Vec<_>>());
    assert_eq!(group.file(0, &format!("f{COUNT}"), "sequential").text(), "x");
}

#[test]
fn the_same_envelopes_again_are_answered_with_the_same_receipts_in_bytes() {
    let group = Group::unpaced();
    let body = framed(&numbered(&group, "x"));

    let (first, again) = (streamed(&group, "*/*", &body), streamed(&group, "application/octet-stream", &body));

    assert_eq!(octets(&again.body), lines(&first));
}

#[test]
fn an_envelope_that_the_gate_refuses_stops_no_other() {
    let group = Group::unpaced();
    let mut envelopes = numbered(&group, "x");
    envelopes.insert(10, b"garbage".to_vec());

    let mut found = lines(&streamed(&group, "*/*", &framed(&envelopes)));

    let refused = found.remove(&10).expect("an answer");
    assert_eq!((refused.status, refused.problem.expect("a problem").code), (422, "malformed".to_owned()));
    assert_eq!(found.len() as u64, COUNT);
    assert!(found.values().all(|offered| offered.status == 200));
}

#[test]
fn a_chained_stream_takes_nothing_after_what_the_gate_refuses() {
    let group = Group::unpaced();
    let mut envelopes = numbered(&group, "x");
    envelopes.insert(10, b"garbage".to_vec());

    let found = lines(&asked(&group, "?chained=true", "*/*", &framed(&envelopes)));

    let statuses: Vec<_> = found.values().map(|offered| offered.status).collect();
    assert_eq!(statuses, [[200; 10].as_slice(), &[422]].concat());
    assert_eq!(group.offer(0, &group.envelope_at(11, 2, "a", "x")).status, 200, "number 11 is free");
}

#[test]
fn a_stream_ends_with_a_reason_at_an_envelope_that_is_too_large() {
    let group = Group::unpaced();
    let whole = framed(&[group.envelope_at(1, 1, "a", "x")]);
    let body = [&whole[..], &u32::MAX.to_le_bytes(), &[0; 100]].concat();

    let found = lines(&streamed(&group, "*/*", &body));

    assert_eq!(found[&0].status, 200);
    assert_eq!((found[&1].status, found[&1].problem.clone().expect("a problem").code), (413, "too-large".to_owned()));
}

#[test]
fn a_stream_whose_envelopes_wait_for_another_takes_no_more_until_that_comes() {
    let group = Group::unpaced();
    let content = "x".repeat(30_000);
    let envelopes = numbered(&group, &content).into_iter().skip(1).cycle().take(1_000).collect::<Vec<_>>();
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(async {
        let client = Client::new(&format!("http://{}", group.api(0)), Duration::from_secs(60)).expect("an address");
        let (offers, mut answers) = client.offers(Level::Sequential).await.expect("a stream");
        let sending = tokio::spawn(async move {
            for envelope in &envelopes {
                offers.send(envelope).await.expect("the stream is open");
            }
        });
        assert!(timeout(Duration::from_secs(2), answers.next()).await.is_err(), "number 1 is missing");
        assert!(!sending.is_finished(), "30 MB lie nowhere");

        assert_eq!(group.offer(0, &group.envelope_at(1, 1, "a", "first")).status, 200);
        for _ in 0..1_000 {
            let offered = timeout(Duration::from_secs(30), answers.next()).await.expect("in time").expect("a node");
            let receipt = offered.expect("an answer").receipt.expect("a receipt");
            assert_eq!(receipt.state, State::Applied);
        }
        sending.await.expect("all is sent");
        assert_eq!(answers.next().await.expect("a node"), None);
    });
}

/// Stream that has sent one envelope that is none, and was told so.
fn holding(group: &Group) -> TcpStream {
    let mut stream = TcpStream::connect(group.api(0)).expect("a connection");
    let head = "POST /v1/envelopes/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n";
    let body = framed(&[b"garbage".to_vec()]);
    stream.write_all(&[head.as_bytes(), &body].concat()).expect("it is read");
    let (mut told, mut piece) = (Vec::new(), [0; 1_024]);
    while !String::from_utf8_lossy(&told).contains("malformed") {
        let count = stream.read(&mut piece).expect("an answer");
        assert!(count > 0, "{}", String::from_utf8_lossy(&told));
        told.extend_from_slice(&piece[..count]);
    }
    stream
}

/// Streams of strangers, each of which sends one envelope that is none and then nothing.
#[test]
fn an_author_gets_the_place_of_a_stream_from_which_nothing_was_let_in() {
    let group = Group::unpaced();
    let begun = Instant::now();
    let held: Vec<TcpStream> = (0..PLACES).map(|_| holding(&group)).collect();
    let offers = || streamed(&group, "*/*", &framed(&[group.envelope_at(1, 1, "a", "x")]));
    let at_once = offers().status;
    assert!(at_once == 429 || begun.elapsed() > Duration::from_millis(1_900), "{at_once}: all places are held");
    let found = eventually("a place is free", || Some(offers()).filter(|answer| answer.status == 200));
    assert_eq!(lines(&found)[&0].status, 200);
    assert!(begun.elapsed() < Duration::from_secs(20), "an idle stream ends after 30 s by itself");
    drop(held);
}
