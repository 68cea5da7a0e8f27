//! Observers that other observers serve: at a door of their own, whoever else stands there, and whatever another one says.

mod lone;
mod standing;

use lone::plan;
use quorate_client::api::Mode as NodeMode;
use quorate_client::calls::Posted;
use quorate_client::http::Client;
use quorate_client::keys::read_seed;
use quorate_ledger::{GROUP_DOMAIN, Level, Mode, Op, Scope, State};
use quorate_net::{Multiaddr, ObserverLink, ObserversDoor, Sender, dial};
use quorate_pbft::{Digest, Ed25519Signer, Epoch, Message, Question, SeqNum, Wanted};
use quorate_service::config::Reads;
use quorate_service::init::make;
use quorate_service::observer::Options;
use quorate_service::observing::wire::{Asking, Holdings, Telling, VERSION, frame, parse};
use quorate_service::replica::{Running, read_genesis};
use sha2::{Digest as _, Sha256};
use standing::{PATIENCE, enrols, envelope, eventually, free_port, launch};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// A replica that is a group, and the first author.
struct Group {
    folder: tempfile::TempDir,
    genesis: PathBuf,
    id: Digest,
    author: Ed25519Signer,
    replica: Running,
    door: String,
    numbers: u64,
}

/// Address of a door that is to open.
fn place() -> String {
    format!("/ip4/127.0.0.1/tcp/{}", free_port())
}

impl Group {
    async fn stand() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let plan = plan(&folder.path().join("group"));
        let made = make(&plan).expect("a group");
        let (door, genesis) = (place(), plan.out.join("genesis.json"));
        let replica = launch(&made.replicas[0], &door).await;
        let id = read_genesis(&genesis).expect("a genesis").group();
        let author = Ed25519Signer::from_seed(&read_seed(&plan.out.join("author-org.key")).expect("a key"));
        Self { folder, genesis, id, author, replica, door, numbers: 0 }
    }

    /// An observer that serves others if it has a door.
    async fn observe(&self, name: &str, peers: &[&str], listen: Option<&str>) -> Running {
        let options = Options {
            genesis: self.genesis.clone(),
            peers: peers.iter().map(|peer| (*peer).to_owned()).collect(),
            bootstrap: Vec::new(),
            mdns: false,
            dir: self.folder.path().join(name),
            api: ([127, 0, 0, 1], 0).into(),
            listen: listen.map(str::to_owned),
            domains: Scope::new(),
            checked: false,
            reads: Reads::Open,
        };
        Running::observe(options).await.expect("an observer")
    }

    /// A file that is written by way of the replica.
    async fn write(&mut self, path: &str, content: &str) {
        let bytes = self.file(path, content);
        self.is_applied(&self.replica, bytes).await;
    }

    /// The author's next change: a file.
    fn file(&mut self, path: &str, content: &str) -> Vec<u8> {
        let hash = Digest(Sha256::digest(content.as_bytes()).into());
        let op = Op::Put { path: path.to_owned(), mode: Mode::File, content: hash };
        self.numbers += 1;
        self.envelope("main", self.numbers, op, vec![content.as_bytes().to_vec()])
    }

    async fn enrols(&self, secret: u8) {
        let bytes = self.envelope(GROUP_DOMAIN, 1, Op::Propose { act: enrols(secret, self.id) }, vec![]);
        self.is_applied(&self.replica, bytes).await;
    }

    fn envelope(&self, domain: &str, number: u64, op: Op, contents: Vec<Vec<u8>>) -> Vec<u8> {
        envelope(&self.author, self.id, (domain, number), op, contents)
    }

    async fn is_applied(&self, by: &Running, bytes: Vec<u8>) {
        let posted = client(by).submit(bytes, Level::Sequential).await.expect("an answer");
        assert!(matches!(&posted, Posted::Verdict(receipt) if receipt.state == State::Applied), "{posted:?}");
    }

    /// An observer with this key at a door, and whether it is served.
    async fn greets(&self, secret: u8, door: &str) -> Option<Guest> {
        let link = reach(secret, door).await;
        let (mut sender, mut receiver) = link.split(usize::MAX);
        sender.send(&frame(&Asking::Hello { version: VERSION, group: self.id })).await.expect("the door stands open");
        let answer = timeout(PATIENCE, receiver.recv()).await.expect("in time").expect("a frame");
        match parse(&answer).expect("a frame of a door") {
            Telling::Welcome => Some(Guest(tokio::spawn(async move {
                let beats = async {
                    while sender.beat().await.is_ok() {
                        sleep(Sender::BEAT).await;
                    }
                };
                let frames = async { while receiver.recv().await.is_ok() {} };
                tokio::select! {
                    () = beats => {}
                    () = frames => {}
                }
            }))),
            Telling::Busy(_) => None,
            other => panic!("{other:?}"),
        }
    }

    /// The decision of slot 1, with a digest that nobody signed.
    async fn forged(&self) -> Message {
        let (mut sender, mut receiver) = reach(99, &self.door).await.split(usize::MAX);
        sender.send(&frame(&Asking::Hello { version: VERSION, group: self.id })).await.expect("it stands open");
        let wanted = Wanted::Slots { from: SeqNum::new(1), to: SeqNum::new(1) };
        let question = Question { epoch: Epoch::new(0), wanted };
        sender.send(&frame(&Asking::Ask(question))).await.expect("it stands open");
        loop {
            let heard = timeout(PATIENCE, receiver.recv()).await.expect("in time").expect("a frame");
            if let Some(Telling::Message(message)) = parse(&heard)
                && let Message::Decided { mut certificate, content } = *message
            {
                certificate.seq = certificate.seq.next();
                return Message::Decided { certificate, content };
            }
        }
    }

    async fn close(mut self) {
        self.replica.stop().await.expect("an orderly end");
    }
}

/// Link that is served until it is dropped.
struct Guest(JoinHandle<()>);

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn reach(secret: u8, door: &str) -> ObserverLink {
    let address: Multiaddr = door.parse().expect("an address");
    eventually(async || dial([secret; 32], &address).await.ok()).await
}

fn client(node: &Running) -> Client {
    Client::new(&node.api_url(), PATIENCE).expect("an address")
}

/// Waits until a node shows a file as it was written.
async fn shows(node: &Running, path: &str, content: &str) {
    let short = |node: &Running| Client::new(&node.api_url(), Duration::from_millis(500)).expect("an address");
    eventually(async || {
        let answer = short(node).get_bytes(&["domains", "main", "files", path], &[("level", "sequential")]).await;
        answer.ok().filter(|answer| answer.body == content.as_bytes()).map(drop)
    })
    .await;
}

/// Lie of one who serves.
#[derive(Clone)]
enum Lie {
    /// Claims of all there is, and no answer.
    Withholds,
    /// The word for ever that there is nothing new.
    IsStale,
    /// Answers that nobody signed.
    Forges(Box<Message>),
}

/// A door that lies.
async fn liar(secret: u8, lie: Lie) -> String {
    let at = place();
    let mut door = ObserversDoor::open([secret; 32], &at.parse().expect("an address")).await.expect("a door");
    tokio::spawn(async move {
        while let Some(arrival) = door.next().await {
            tokio::spawn(lies(arrival.link, lie.clone()));
        }
    });
    at
}

async fn lies(link: ObserverLink, lie: Lie) -> Option<()> {
    let (mut sender, mut receiver) = link.split(usize::MAX);
    receiver.recv().await.ok()?;
    sender.send(&frame(&Telling::Welcome)).await.ok()?;
    let claimed = if matches!(lie, Lie::IsStale) { SeqNum::new(1) } else { SeqNum::new(1 << 40) };
    let holds = Holdings { executed: claimed, oldest: SeqNum::new(1), stable: SeqNum::default(), hops: 0 };
    loop {
        sender.send(&frame(&Telling::Holds(holds))).await.ok()?;
        let asked = timeout(Duration::from_millis(500), receiver.recv()).await;
        if let (Ok(Ok(asked)), Lie::Forges(message)) = (&asked, &lie)
            && matches!(parse(asked), Some(Asking::Ask(_)))
        {
            sender.send(&frame(&Telling::Message(message.clone()))).await.ok()?;
        }
        if let Ok(Err(_)) = asked {
            return None;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_finds_a_members_door_full_follows_observers_and_goes_to_another_when_one_ends() {
    let mut group = Group::stand().await;
    let places = [place(), place()];
    let mut first = group.observe("first", &[&group.door], Some(&places[0])).await;
    let mut second = group.observe("second", &[&group.door], Some(&places[1])).await;
    group.write("before", "one").await;
    shows(&first, "before", "one").await;
    shows(&second, "before", "one").await;
    let mut guests = Vec::new();
    for secret in 10..16 {
        guests.extend(group.greets(secret, &group.door).await);
    }
    assert_eq!(guests.len(), 6, "all eight places are taken");

    let mut far = group.observe("far", &[&group.door], None).await;

    shows(&far, "before", "one").await;
    let status =
        eventually(async || Some(client(&far).status().await.ok()?).filter(|status| status.why.is_empty())).await;
    assert_eq!(status.mode, NodeMode::Following);
    let handed = group.file("handed", "up");
    group.is_applied(&far, handed).await;
    shows(&far, "handed", "up").await;
    let strong = client(&far).get_bytes(&["domains", "main", "files", "handed"], &[("level", "strong")]).await;
    assert_eq!(strong.expect("a mark that was handed up").body, b"up");

    first.stop().await.expect("an orderly end");
    group.write("after", "two").await;
    shows(&far, "after", "two").await;

    for node in [&mut far, &mut second] {
        node.stop().await.expect("an orderly end");
    }
    group.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observers_that_withhold_lie_or_stand_still_hold_nobody_back() {
    let mut group = Group::stand().await;
    group.write("before", "one").await;
    let forged = Box::new(group.forged().await);
    let at = place();
    let mut near = group.observe("near", &[&group.door], Some(&at)).await;
    shows(&near, "before", "one").await;
    let liars = [liar(201, Lie::Withholds).await, liar(202, Lie::IsStale).await, liar(203, Lie::Forges(forged)).await];

    let mut far = group.observe("far", &[&liars[0], &liars[1], &liars[2], &at], None).await;

    shows(&far, "before", "one").await;
    let begun = Instant::now();
    for number in 0..5 {
        group.write(&format!("file-{number}"), "more").await;
    }
    shows(&far, "file-4", "more").await;
    println!("five changes came past three liars in {} ms", begun.elapsed().as_millis());

    for node in [&mut far, &mut near] {
        node.stop().await.expect("an orderly end");
    }
    group.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_that_say_nothing_keep_out_nobody_who_is_enrolled() {
    let group = Group::stand().await;
    group.enrols(100).await;
    let first = group.greets(1, &group.door).await;
    let mut silent = Vec::new();
    for secret in 2..=8 {
        silent.push(reach(secret, &group.door).await);
    }

    let enrolled = group.greets(100, &group.door).await;

    assert!(first.is_some() && enrolled.is_some());
    group.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_strangers_at_an_observers_door_keep_out_nobody_who_is_enrolled() {
    let group = Group::stand().await;
    group.enrols(100).await;
    let at = place();
    let mut near = group.observe("near", &[&group.door], Some(&at)).await;
    let newest = client(&group.replica).status().await.expect("an answer").executed_seq;
    eventually(async || (client(&near).status().await.ok()?.executed_seq >= newest).then_some(())).await;
    let mut strangers = Vec::new();
    for secret in 1..=50 {
        strangers.extend(group.greets(secret, &at).await);
    }

    let enrolled = group.greets(100, &at).await;

    assert_eq!(strangers.len(), 7, "one place is kept");
    assert!(enrolled.is_some());
    near.stop().await.expect("an orderly end");
    group.close().await;
}
