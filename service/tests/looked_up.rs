//! An envelope that was taken is found wherever it is: waiting, in the round that executes it, or judged.

mod lone;

use futures::future::join_all;
use lone::{anywhere, launch, plan};
use quorate_client::author::{Author, Draft, Outcome};
use quorate_client::calls::Posted;
use quorate_client::http::{Client, ClientError};
use quorate_client::keys::read_seed;
use quorate_ledger::answers::DIGEST;
use quorate_ledger::{Base, Body, Change, Envelope, Level, Mode, Op, Revision};
use quorate_pbft::{Digest, Ed25519Signer, Signer as _};
use quorate_service::config::Overrides;
use quorate_service::init::{Plan, make};
use quorate_service::replica::Running;
use std::iter::repeat_with;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// Time within which a group of four has an envelope executed.
const LIMIT: Duration = Duration::from_secs(30);

/// Changes of an author, one after the other: some are asked for while the round of their slot is being made durable.
const CHANGES: u64 = 100;

/// The first of four ports that are free, other ones each time.
fn ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let mut bases = repeat_with(|| NEXT.fetch_add(4, Ordering::Relaxed)).take(3_000);
    bases.find(|base| (*base..base + 4).all(is_free)).expect("four free ports")
}

/// A replica at the port that its peers know.
async fn replica(dir: &Path) -> Running {
    launch(dir, Overrides { listen: None, ..anywhere() }, DIGEST).await.expect("a replica")
}

fn put(path: &str) -> Draft {
    let content = b"a line\n".to_vec();
    let op = Op::Put { path: path.into(), mode: Mode::File, content: quorate_client::content::digest(&content) };
    Draft { base: None, ops: vec![op], contents: vec![content], message: String::new() }
}

struct Group {
    _folder: TempDir,
    replicas: Vec<Running>,
    key: PathBuf,
}

async fn group() -> Group {
    let folder = tempfile::tempdir().expect("a folder");
    let of_four = Plan { replicas: 4, base_port: ports(), ..plan(&folder.path().join("group")) };
    let made = make(&of_four).expect("a group");
    let replicas = join_all(made.replicas.iter().map(|dir| replica(dir))).await;
    Group { _folder: folder, replicas, key: made.authors["org"].clone() }
}

impl Group {
    fn client(&self, at: usize) -> Client {
        Client::new(&self.replicas[at].api_url(), LIMIT).expect("its address")
    }

    async fn stop(mut self) {
        for replica in &mut self.replicas {
            replica.stop().await.expect("an orderly end");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_that_was_taken_is_never_unknown_while_it_gets_its_verdict() {
    let group = group().await;
    let client = group.client(0);
    let mut author = Author::open(&group.key, client.clone(), "main").await.expect("its key");

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

    group.stop().await;
}

/// An envelope of the author, with a change for each number from the first to the last.
fn envelope(author: &Ed25519Signer, group: Digest, (from_seq, to_seq): (u64, u64)) -> Envelope {
    let change = |number: u64| Change::new(Base::Revision(Revision::GENESIS), put(&format!("{number}")).ops, "", 0);
    let (domain, changes) = ("main".to_owned(), (from_seq..=to_seq).map(change).collect());
    let body = Body { author: author.public_key(), domain, from_seq, to_seq, attempt: 1, changes, carried: vec![] };
    Envelope::sign(&group, body, put("").contents, author)
}

/// No verdict tells it, so it is to be forgotten with the round that ends its wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_that_another_one_has_overtaken_is_known_no_more() {
    let group = group().await;
    let (here, elsewhere) = (group.client(0), group.client(1));
    let id = here.status().await.expect("a status").group;
    let author = Ed25519Signer::from_seed(&read_seed(&group.key).expect("its key"));
    let [first, late, whole] = [(1, 1), (3, 3), (2, 3)].map(|numbers| envelope(&author, id, numbers));
    here.submit(first.encode(), Level::Sequential).await.expect("a verdict"); // by now it hears a quorum

    let answer = here.post(late.encode()).await.expect("an answer");
    assert!(matches!(answer, Posted::Ticket(ticket) if ticket.waits_for == Some(2)));
    elsewhere.submit(whole.encode(), Level::Sequential).await.expect("a verdict");

    let here = group.client(0);
    let forgotten = async {
        while let Posted::Ticket(_) = here.envelope(&late.id(&id)).await? {
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    };
    let said = timeout(LIMIT, forgotten).await.expect("in time");
    assert!(matches!(&said, Err(ClientError::Refused(problem)) if problem.status == 404), "{said:?}");
    let numbers = here.author("main", &author.public_key()).await.expect("its numbers");
    assert_eq!((numbers.next_seq, numbers.pending), (4, Vec::new()));
    group.stop().await;
}
