//! HTTP as attackers speak it: bytes on a socket, from as many addresses as loopback has.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Between two tries of one connection.
pub const REST: Duration = Duration::from_millis(200);

/// Addresses that attackers come from; honest authors come from 127.0.0.1.
const SOURCES: usize = 200;

/// Address from which replicas are asked for their health: nobody writes from there.
const MONITOR: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 1);

/// A connection from the attacker's address of this number.
pub async fn connect(to: SocketAddr, number: usize) -> io::Result<TcpStream> {
    socket(source(number))?.connect(to).await
}

/// A connection that takes next to nothing from the other side before it is read.
pub async fn connect_narrow(to: SocketAddr, number: usize) -> io::Result<TcpStream> {
    let socket = socket(source(number))?;
    socket.set_recv_buffer_size(4_096)?;
    socket.connect(to).await
}

/// The attacker's address of this number.
fn source(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, 1 + (number % SOURCES) as u8)
}

fn socket(source: Ipv4Addr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    Ok(socket)
}

/// The head of a GET.
pub fn head(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
}

/// The status of a GET on a connection of its own, from the monitor's address.
pub async fn get(to: SocketAddr, path: &str) -> io::Result<u16> {
    let mut stream = socket(MONITOR)?.connect(to).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    status.ok_or_else(|| io::Error::other("no answer"))
}

/// Reads and throws away until the other side closes.
pub async fn drain(stream: &mut TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

/// Runs `once` again and again on `count` tasks at a time, each with its number, for ever.
pub async fn for_ever<F: Future<Output = io::Result<()>> + 'static>(
    count: usize,
    once: impl Fn(usize) -> F + Clone + 'static,
) {
    let tasks = tokio::task::LocalSet::new();
    for number in 0..count {
        let once = once.clone();
        tasks.spawn_local(async move {
            loop {
                // A refusal is what the attacker deserves; it comes again.
                let _ = once(number).await;
                tokio::time::sleep(REST).await;
            }
        });
    }
    tasks.await;
}
