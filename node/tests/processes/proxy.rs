//! Servers that stand before a node, and do something to its answers, or to the questions.

use crate::http;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Deed to the answer of the question of this number, from 1 on.
type Deed = dyn Fn(usize, &mut http::Answer) + Send + Sync;

/// Address of a server that answers as the node behind it does, but for what the deed does to the answers.
pub fn before(node: SocketAddr, deed: impl Fn(usize, &mut http::Answer) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let (deed, asked): (Arc<Deed>, _) = (Arc::new(deed), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (deed, asked) = (deed.clone(), asked.clone());
            std::thread::spawn(move || answer(stream, node, &*deed, &asked));
        }
    });
    address
}

/// Answers one question of a connection.
fn answer(mut stream: TcpStream, node: SocketAddr, deed: &Deed, asked: &AtomicUsize) -> Option<()> {
    let (mut come, mut piece) = (Vec::new(), [0; 4_096]);
    let (head, begin) = loop {
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        come.extend_from_slice(&piece[..count]);
        if let Some(end) = come.windows(4).position(|four| four == b"\r\n\r\n") {
            break (String::from_utf8_lossy(&come[..end]).to_lowercase(), end + 4);
        }
    };
    let length = head.split("content-length: ").nth(1)?.lines().next()?.trim().parse::<usize>().ok()?;
    while come.len() < begin + length {
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        come.extend_from_slice(&piece[..count]);
    }
    let mut answer = http::post(node, "/v1/state", &come[begin..]).ok()?;
    deed(1 + asked.fetch_add(1, Ordering::SeqCst), &mut answer);
    let (status, length) = (answer.status, answer.body.len());
    let kind = if status < 400 { "application/octet-stream" } else { "application/problem+json" };
    let head = format!("Connection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}");
    write!(stream, "HTTP/1.1 {status} OK\r\n{head}\r\n\r\n").ok()?;
    stream.write_all(&answer.body).ok()
}

/// Address of a server that answers a GET with what the node behind it says to another one.
pub fn asking(node: SocketAddr, instead: impl Fn(&str) -> String + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let instead = Arc::new(instead);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let instead = instead.clone();
            std::thread::spawn(move || answer_another(stream, node, &*instead));
        }
    });
    address
}

fn answer_another(mut stream: TcpStream, node: SocketAddr, instead: &dyn Fn(&str) -> String) -> Option<()> {
    let head = http::read_until(&mut stream, "\r\n\r\n").ok()?;
    let answer = http::get(node, &instead(head.split(' ').nth(1)?)).ok()?;
    let own = ["content-length:", "transfer-encoding:", "connection:"];
    let theirs = answer.headers.lines().skip(1).filter(|line| !own.iter().any(|name| line.starts_with(name)));
    let theirs: String = theirs.map(|line| format!("{line}\r\n")).collect();
    let (status, length) = (answer.status, answer.body.len());
    write!(stream, "HTTP/1.1 {status} OK\r\n{theirs}content-length: {length}\r\nconnection: close\r\n\r\n").ok()?;
    stream.write_all(&answer.body).ok()
}
