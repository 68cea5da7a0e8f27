//! An envelope that was taken is found wherever it is: waiting, in the round that executes it, or judged.

mod lone;

use futures::future::join_all;
use quorate_client::author::{Author, Draft, Outcome};
use quorate_client::calls::Posted;
use quorate_client::http::Client;
use quorate_ledger::answers::DIGEST;
use quorate_ledger::{Level, Mode, Op};
use quorate_service::config::{Config, Overrides};
use quorate_service::init::{Plan, make};
use quorate_service::replica::{Options, Running};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

/// Time within which a group of four has an envelope executed.
const LIMIT: Duration = Duration::from_secs(30);

/// Changes of an author, one after the other: some are asked for while the round of their slot is being made durable.
const CHANGES: u64 = 100;

/// The first of four ports that are free.
fn ports() -> u16 {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    (20_000..32_000).step_by(4).find(|base| (*base..base + 4).all(is_free)).expect("four free ports")
}

async fn launch(dir: &Path) -> Running {
    let flags = Overrides { api: Some((Ipv4Addr::LOCALHOST, 0).into()), ..Overrides::default() };
    let config = Config::load(dir, flags).expect("what init made");
    let options = Options { dir: dir.to_owned(), config, interceptor: None, answers: DIGEST };
    Running::launch(options).await.expect("a replica")
}

fn put(path: &str) -> Draft {
    let content = b"a line\n".to_vec();
    let op = Op::Put { path: path.into(), mode: Mode::File, content: quorate_client::content::digest(&content) };
    Draft { base: None, ops: vec![op], contents: vec![content], message: String::new() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_that_was_taken_is_never_unknown_while_it_gets_its_verdict() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = Plan { replicas: 4, base_port: ports(), ..lone::plan(&folder.path().join("group")) };
    let made = make(&plan).expect("a group");
    let mut replicas = join_all(made.replicas.iter().map(|dir| launch(dir))).await;
    let client = Client::new(&replicas[0].api_url(), LIMIT).expect("its address");
    let mut author = Author::open(&made.authors["org"], client.clone(), "main").await.expect("its key");

    for change in 0..CHANGES {
        let outcome = author.submit(&put(&format!("{change}")), Level::Eventual).await.expect("an answer");
        let Outcome::Ticket(ticket) = outcome else { continue };
        let id = ticket.receipt.id;
        while let Posted::Ticket(_) = client.envelope(&id).await.expect("a ticket or a receipt") {
            let numbers = client.author("main", &author.key()).await.expect("its numbers");
            let is_held = numbers.pending.iter().any(|pending| pending.id == id);
            assert!(is_held || numbers.next_seq > ticket.receipt.to_seq, "change {change}: {numbers:?}");
        }
    }

    for replica in &mut replicas {
        replica.stop().await.expect("an orderly end");
    }
}
