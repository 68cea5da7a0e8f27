//! Writes a file, waits until it is executed, and reads it back.
//!
//! `cargo run --example put -- http://127.0.0.1:8700 author-org-0.key notes/today.txt "a line"`

use quorate_client::author::{Author, Draft, Outcome};
use quorate_client::http::Client;
use quorate_client::{Level, Mode, Op, content};
use std::error::Error;
use std::path::Path;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [node, key, path, text] = &arguments[..] else { return Err("usage: put NODE KEY PATH TEXT".into()) };
    let client = Client::new(node, Duration::from_secs(30))?;
    let mut author = Author::open(Path::new(key), client.clone(), "main").await?;
    author.settle().await?; // what an earlier run has left without an answer

    let bytes = text.clone().into_bytes();
    let put = Op::Put { path: path.clone(), mode: Mode::File, content: content::digest(&bytes) };
    let draft = Draft { base: None, ops: vec![put], contents: vec![bytes], message: "an example".into() };
    match author.submit(&draft, Level::Sequential).await? {
        Outcome::Verdict(receipt) => println!("{}: {:?} at {:?}", receipt.id, receipt.state, receipt.revision),
        Outcome::Ticket(ticket) => println!("{}: no verdict yet", ticket.receipt.id),
    }

    let there = client.renewed().file("main", path, Level::Sequential).await?;
    println!("{path}: {}", there.map_or("no file".into(), |bytes| String::from_utf8_lossy(&bytes).into_owned()));
    Ok(())
}
