//! An envelope that was taken is found wherever it is: waiting, in the round that executes it, or judged.

mod lone;

use futures::future::join_all;
use lone::{anywhere, launch, plan};
use quorate_client::author::{Author, Draft, Outcome};
use quorate_client::calls::Posted;
use quorate_client::http::{Client, ClientError};
use quorate_client::keys::read_seed;
use quorate_client::outbox::Outbox;
use quorate_ledger::answers::DIGEST;
use quorate_ledger::{Base, Body, Change, Envelope, Genesis, GenesisFile, Level, Limits, Mode, Op, Revision, State};
use quorate_pbft::{Digest, Ed25519Signer, Signer as _};
use quorate_service::config::Overrides;
use quorate_service::init::{Plan, create_database, make};
use quorate_service::replica::Running;
use serde_json::{Value, json};
use std::fs;
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
fn envelope(author: &Ed25519Signer, group: Digest, numbers: (u64, u64)) -> Envelope {
    envelope_in("main", author, group, numbers)
}

fn envelope_in(domain: &str, author: &Ed25519Signer, group: Digest, (from_seq, to_seq): (u64, u64)) -> Envelope {
    let change = |number: u64| Change::new(Base::Revision(Revision::GENESIS), put(&format!("{number}")).ops, "", 0);
    let (domain, changes) = (domain.to_owned(), (from_seq..=to_seq).map(change).collect());
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

/// A group of one in which an envelope waits a millisecond of ledger time for the number before its own.
struct Impatient {
    _folder: TempDir,
    replica: Running,
    author: Ed25519Signer,
    key: PathBuf,
    group: Digest,
    /// Envelopes so far in the domain whose changes move ledger time.
    ticks: u64,
}

impl Impatient {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let domains = vec!["main".to_owned(), "clock".to_owned()];
        let made = make(&Plan { domains, ..plan(&folder.path().join("group")) }).expect("a group");
        let (dir, file) = (&made.replicas[0], made.replicas[0].join("genesis.json"));
        let genesis = Genesis::parse(&fs::read(&file).expect("a file")).expect("a genesis");
        let limits = Limits { wait_ms: 1, ..genesis.limits().clone() };
        let genesis = Genesis::build(GenesisFile { limits, ..genesis.file().clone() }).expect("a genesis");
        fs::write(&file, genesis.bytes()).expect("our folder");
        fs::remove_dir_all(dir.join("data")).expect("our folder");
        create_database(&dir.join("data"), &genesis).expect("a database");
        let replica = launch(dir, anywhere(), DIGEST).await.expect("a replica");
        let author = Ed25519Signer::from_seed(&read_seed(&made.authors["org"]).expect("its key"));
        let key = made.authors["org"].clone();
        Self { _folder: folder, replica, author, key, group: genesis.group(), ticks: 0 }
    }

    fn client(&self) -> Client {
        Client::new(&self.replica.api_url(), LIMIT).expect("its address")
    }

    /// Offers an envelope, which waits for the author's first number.
    async fn takes(&self, late: &Envelope) {
        let answer = self.client().post(late.encode()).await.expect("an answer");
        assert!(matches!(answer, Posted::Ticket(ticket) if ticket.waits_for == Some(1)));
    }

    /// Lets ledger time go on until the wait of an envelope is over.
    async fn outwaits(&mut self, late: &Envelope) {
        let client = self.client();
        while self.state_of(late).await != Some(State::Expired) {
            self.ticks += 1;
            let tick = envelope_in("clock", &self.author, self.group, (self.ticks, self.ticks));
            client.renewed().submit(tick.encode(), Level::Sequential).await.expect("a verdict");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn state_of(&self, late: &Envelope) -> Option<State> {
        match self.client().envelope(&late.id(&self.group)).await.ok()? {
            Posted::Verdict(receipt) => Some(receipt.state),
            Posted::Ticket(ticket) => Some(ticket.receipt.state),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_that_waited_for_too_long_is_told_as_expired_until_it_comes_again() {
    let mut group = Impatient::new().await;
    let late = envelope(&group.author, group.group, (3, 4));
    group.takes(&late).await;
    timeout(LIMIT, group.outwaits(&late)).await.expect("in time");

    let told: Value = group.client().get(&["envelopes", &late.id(&group.group).to_string()], &[]).await.expect("200");
    let key = group.author.public_key().to_string();
    assert_eq!((&told["state"], &told["domain"], &told["author"]), (&json!("expired"), &json!("main"), &json!(key)));
    assert_eq!((&told["from_seq"], &told["to_seq"], &told["revision"]), (&json!(3), &json!(4), &Value::Null));

    group.takes(&late).await;
    assert_eq!(group.state_of(&late).await, Some(State::Waiting), "taken anew");
    let first = envelope(&group.author, group.group, (1, 2));
    group.client().submit(first.encode(), Level::Sequential).await.expect("a verdict");
    let judged = group.client().submit(late.encode(), Level::Sequential).await.expect("a verdict");
    assert!(matches!(judged, Posted::Verdict(_)));
    assert!(group.state_of(&late).await.is_some_and(|state| state != State::Expired));
    group.replica.stop().await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_wait_has_expired_is_sent_again_by_its_author_and_has_its_verdict() {
    let mut group = Impatient::new().await;
    let late = envelope(&group.author, group.group, (2, 2));
    let folder = tempfile::tempdir().expect("a folder");
    let mut outbox = Outbox::open(&folder.path().join("a.key")).expect("an outbox");
    outbox.enter(group.group).expect("its first group");
    outbox.keep(&group.group, &late).expect("a disk");
    group.takes(&late).await;
    timeout(LIMIT, group.outwaits(&late)).await.expect("in time");
    let first = envelope(&group.author, group.group, (1, 1));
    group.client().submit(first.encode(), Level::Sequential).await.expect("a verdict");

    let key = folder.path().join("a.key");
    fs::copy(&group.key, &key).expect("our folder");
    drop(outbox);
    let mut author = Author::open(&key, group.client(), "main").await.expect("its key");
    let settled = author.settle().await.expect("verdicts");

    assert_eq!(settled.iter().map(|receipt| receipt.id).collect::<Vec<_>>(), [late.id(&group.group)]);
    group.replica.stop().await.expect("an orderly end");
}
