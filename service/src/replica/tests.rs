//! A replica that is a group, whose parts the test holds up.

use super::{Options, Running};
use crate::api::WAITS_FOR_FUTURE_MAX;
use crate::config::{Config, GENESIS_FILE, Overrides};
use crate::engine::{Committees, Moment, PeerFacts, Published};
use crate::health::CORE_SILENT_MAX;
use crate::init::{Plan, create_database, make};
use crate::membership::Membership;
use crate::metrics::Metrics;
use quorate_client::api::{Issue, Page, SESSION_HEADER};
use quorate_client::calls::Posted;
use quorate_client::http::{Client, ClientError};
use quorate_client::keys::read_seed;
use quorate_client::session::Token;
use quorate_ledger::answers::DIGEST;
use quorate_ledger::{Base, Body, Change, Envelope, Genesis, GenesisFile, Ledger, Level, Mode, Op, Revision, State};
use quorate_net::{Directory, Entrance, Place, Ranges};
use quorate_pbft::{Committee, Constants, Digest, Ed25519Signer, Epoch, ReplicaId, SeqNum, Signer as _};
use quorate_storage::Db;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Time that anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

async fn launched() -> (TempDir, Running, Client) {
    let (folder, dir) = made();
    let (replica, client) = started(dir, Vec::new()).await;
    (folder, replica, client)
}

/// A group of one in a new folder, and the folder of its replica.
fn made() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = Plan {
        out: folder.path().join("group"),
        replicas: 1,
        orgs: vec!["org".to_owned()],
        base_port: 7_700,
        api_port: 8_700,
        horizon_ms: None,
        lan: false,
        name: None,
        domains: vec!["main".to_owned()],
    };
    let dir = make(&plan).expect("a group").replicas.remove(0);
    (folder, dir)
}

fn data(dir: &Path) -> PathBuf {
    dir.join(Config::load(dir, Overrides::default()).expect("what init made").data)
}

/// Slot of the state on the disk, once nobody has the database open.
fn folded(dir: &Path, genesis: &Genesis) -> Option<SeqNum> {
    let db = Db::open(&data(dir)).ok()?;
    Some(Ledger::open(&db.snapshot().ok()?, genesis).ok()?.executed().seq)
}

/// Gives a replica that never ran a genesis whose checkpoints come with every 128th slot alone.
fn begin_anew_without_marks(dir: &Path) -> Genesis {
    let file = dir.join(GENESIS_FILE);
    let genesis = Genesis::parse(&std::fs::read(&file).expect("the genesis")).expect("what init made");
    let constants = Constants { mark_period_ms: 1 << 40, mark_age_ms: 1 << 40, ..Constants::default() };
    let genesis = Genesis::build(GenesisFile { constants, ..genesis.file().clone() }).expect("a good genesis");
    std::fs::write(&file, genesis.bytes()).expect("a disk");
    std::fs::remove_dir_all(data(dir)).expect("what init made");
    create_database(&data(dir), &genesis).expect("a database");
    genesis
}

/// The replica of a folder, with addresses of others.
async fn started(dir: PathBuf, peers: Vec<String>) -> (Running, Client) {
    let (listen, api) = (Some("/ip4/127.0.0.1/tcp/0".into()), Some(([127, 0, 0, 1], 0).into()));
    let config = Config::load(&dir, Overrides { listen, api, peers, ..Overrides::default() }).expect("what init made");
    let options = Options { dir, config, interceptor: None, answers: DIGEST };
    let replica = Running::launch(options).await.expect("a replica");
    let client = Client::new(&replica.api_url(), LIMIT).expect("its address");
    (replica, client)
}

async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let found = async {
        while !is_so().await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LIMIT, found).await.expect("in time");
}

/// The round of the core waits for what is no disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_core_stands_still_is_not_ready_and_says_so_until_it_goes_on() {
    let (_folder, mut replica, client) = launched().await;
    eventually(async || client.is_ready().await.is_ok()).await;
    let mempool = replica.service.mempool.clone();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let begun = Instant::now();
    let holder = std::thread::spawn(move || {
        let _mempool = mempool.lock();
        held.recv()
    });

    eventually(async || client.is_ready().await.is_err()).await;

    assert!(begun.elapsed() + Duration::from_secs(1) > CORE_SILENT_MAX, "{:?}", begun.elapsed());
    let why = client.is_ready().await.expect_err("it stands still");
    assert!(why.contains("its core has been at one step for 1") && !why.contains("disk"), "{why}");
    assert!(why.contains("no write waits"), "{why}");
    assert!(!replica.is_alive());
    let issues: Page<Issue> = client.get(&["issues"], &[]).await.expect("an answer");
    let told = issues.items.iter().find(|issue| issue.id == "standstill").expect("its issue");
    assert_eq!(told.severity, "critical");
    assert!(!told.advice.contains("disk"), "{}", told.advice);
    assert_eq!(client.status().await.expect("a status").health.score, 0.0);
    release.send(()).expect("it waits");
    holder.join().expect("no panic").expect("it was released");
    eventually(async || client.is_ready().await.is_ok()).await;
    replica.stop().await.expect("an orderly end");
}

/// Status of the answer to a reader of a file that is not there whose session has seen a slot.
async fn reads_after(api: std::net::SocketAddr, token: Token) -> u16 {
    let mut stream = TcpStream::connect(api).await.expect("the API");
    let head = format!("{SESSION_HEADER}: {token}\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream
        .write_all(format!("GET /v1/domains/main/files/none?level=sequential HTTP/1.1\r\n{head}").as_bytes())
        .await
        .expect("the API");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// All places for requests that wait.
fn all_of<W>(place: impl Fn(Option<IpAddr>) -> Option<W>) -> Vec<W> {
    let addresses = [1, 2].map(|last| Some([10, 0, 0, last].into()));
    addresses.into_iter().flat_map(|address| std::iter::from_fn(|| place(address)).collect::<Vec<_>>()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_state_is_there_waits_for_no_room_and_one_of_a_slot_far_ahead_takes_none_of_the_others() {
    let (_folder, mut replica, _) = launched().await;
    let (service, group) = (replica.service.clone(), replica.service.genesis.group());
    let at = |slot| Token { group, slot };

    let far = all_of(|from| service.sessions.far.place(from));
    let revisions = service.future.acquire_many(WAITS_FOR_FUTURE_MAX as u32).await.expect("room");
    assert_eq!(reads_after(replica.api, at(0)).await, 404);
    assert_eq!(reads_after(replica.api, at(1_000_000)).await, 429);
    // What nobody has said yet to be executed, as after a change at another member a moment ago.
    assert_eq!(reads_after(replica.api, at(10)).await, 503, "it waited for its slot");
    drop((far, revisions));

    let _near = all_of(|from| service.sessions.near.place(from));
    assert_eq!(reads_after(replica.api, at(10)).await, 429);
    assert_eq!(reads_after(replica.api, at(1_000_000)).await, 503);
    replica.stop().await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_whose_slot_no_member_claims_take_no_room_from_those_whose_slot_one_does() {
    let (_folder, mut replica, _) = launched().await;
    let (service, mut published) = (replica.service.clone(), replica.service.now());
    let place =
        |slot, from, published: &Published| service.sessions.room(SeqNum::new(slot), published, 128).place(from);
    let _unclaimed = [10, 1_000].map(|slot| all_of(|from| place(slot, from, &published)));

    let claims = PeerFacts {
        replica: ReplicaId::new(1),
        heard_at: None,
        is_heard: true,
        executed: Some(SeqNum::new(1_000)),
        view: None,
        hears: None,
        program: None,
        oldest: None,
    };
    Arc::make_mut(&mut published.report).peers.push(claims);
    assert!([10, 1_000].iter().all(|slot| place(*slot, None, &published).is_some()));
    replica.stop().await.expect("an orderly end");
}

fn author(folder: &TempDir) -> Ed25519Signer {
    Ed25519Signer::from_seed(&read_seed(&folder.path().join("group/author-org.key")).expect("its key"))
}

/// Envelope of an author under a number, with so many operations.
fn envelope(author: &Ed25519Signer, replica: &Running, seq: u64, (text, ops): (&str, usize)) -> Vec<u8> {
    attempt(author, replica, (seq, 1), (text, ops), vec![text.into()])
}

/// The same under a number and an attempt, with what travels along.
fn attempt(
    author: &Ed25519Signer,
    replica: &Running,
    (seq, attempt): (u64, u64),
    (text, ops): (&str, usize),
    contents: Vec<Vec<u8>>,
) -> Vec<u8> {
    let content = quorate_client::content::digest(text.as_bytes());
    let put = |number| Op::Put { path: format!("file-{number}"), mode: Mode::File, content };
    let body = Body {
        author: author.public_key(),
        domain: "main".into(),
        from_seq: seq,
        to_seq: seq,
        attempt,
        changes: vec![Change::new(Base::Revision(Revision::GENESIS), (0..ops).map(put).collect(), "", 0)],
        carried: vec![],
    };
    Envelope::sign(&replica.service.genesis.group(), body, contents, author).encode()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_content_never_comes_gives_its_number_to_a_later_attempt_at_the_same_node() {
    let (folder, mut replica, client) = launched().await;
    eventually(async || client.is_ready().await.is_ok()).await;
    let author = author(&folder);
    let lacking = attempt(&author, &replica, (1, 1), ("lost", 1), vec![]);
    let posted = client.submit(lacking, Level::Eventual).await.expect("a ticket");
    let Posted::Ticket(ticket) = posted else { panic!("{posted:?}") };
    eventually(async || {
        let held = client.author("main", &author.public_key()).await.expect("its author").pending;
        held.first().is_some_and(|held| held.id == ticket.receipt.id && held.parked)
    })
    .await;

    let later = attempt(&author, &replica, (1, 2), ("found", 1), vec!["found".into()]);
    // Its number is taken while the parked one is tried again.
    eventually(async || {
        let judged = client.submit(later.clone(), Level::Sequential).await;
        matches!(judged, Ok(Posted::Verdict(receipt)) if receipt.state == State::Applied)
    })
    .await;

    let given_up = client.envelope(&ticket.receipt.id).await;
    assert!(matches!(&given_up, Ok(Posted::Ticket(ticket)) if ticket.receipt.state == State::Expired), "{given_up:?}");
    replica.stop().await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_that_is_not_let_in_costs_its_author_nothing_of_the_pace() {
    let (folder, mut replica, client) = launched().await;
    let author = author(&folder);
    eventually(async || client.is_ready().await.is_ok()).await;
    client.post(envelope(&author, &replica, 2, ("first", 1))).await.expect("it waits");

    for _ in 0..3 {
        let refused =
            client.within(Duration::from_secs(5)).post(envelope(&author, &replica, 2, ("second", 16_000))).await;
        let Err(ClientError::Refused(problem)) = refused else { panic!("{refused:?}") };
        assert_eq!(problem.code, "sequence-taken");
    }
    replica.stop().await.expect("an orderly end");
}

/// Sends an envelope until it has its verdict.
async fn judged(client: &Client, envelope: &[u8]) {
    eventually(async || matches!(client.post(envelope.to_vec()).await, Ok(Posted::Verdict(_)))).await;
}

/// Receipts that a replica has counted.
fn receipts(replica: &Running) -> u64 {
    let text = replica.service.metrics.render();
    let counts = text.lines().filter_map(|line| line.strip_prefix("quorate_receipts_total{")?.split(' ').next_back());
    counts.map(|count| count.parse::<u64>().expect("a count")).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_that_is_sent_again_or_executed_again_at_a_start_is_counted_once() {
    let (folder, dir) = made();
    let genesis = begin_anew_without_marks(&dir);
    let (mut replica, client) = started(dir.clone(), Vec::new()).await;
    eventually(async || client.is_ready().await.is_ok()).await;
    let author = author(&folder);
    for seq in 1..=3 {
        let envelope = envelope(&author, &replica, seq, ("text", 1));
        judged(&client, &envelope).await;
        judged(&client, &envelope).await;
    }
    assert_eq!(receipts(&replica), 3);
    replica.stop().await.expect("an orderly end");
    drop(replica);
    let mut state = None;
    eventually(async || {
        state = folded(&dir, &genesis);
        state.is_some()
    })
    .await;
    assert_eq!(state, Some(SeqNum::new(0)), "the start has slots to execute again");
    let (mut replica, client) = started(dir, Vec::new()).await;
    eventually(async || client.is_ready().await.is_ok()).await;

    judged(&client, &envelope(&author, &replica, 4, ("text", 1))).await;

    assert_eq!(receipts(&replica), 1, "Prometheus adds what is counted after a start to what was before");
    replica.stop().await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_no_member_does_not_count_itself_among_the_members_that_it_hears() {
    let (_folder, mut replica, _) = launched().await;
    let (mut published, metrics) = (replica.service.now(), Metrics::new());
    let mut heard = |me| {
        Arc::make_mut(&mut published.report).me = me;
        metrics.observe(&published);
        metrics.heard.get()
    };

    assert_eq!([Some(ReplicaId::new(0)), None].map(&mut heard), [1, 0]);
    replica.stop().await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_has_left_has_neither_a_number_nor_an_address_in_the_epoch_after() {
    let (folder, mut replica, _) = launched().await;
    replica.stop().await.expect("an orderly end");
    let [signer, new] = [8, 9].map(|seed| Ed25519Signer::from_seed(&[seed; 32]));
    let (old, new, address) = (signer.public_key(), new.public_key(), "/ip4/127.0.0.1/tcp/1");
    let peers = vec![format!("{old}={address}"), format!("{new}={address}")];
    let (mut replica, _) = started(folder.path().join("group/replica-0"), peers).await;
    let (membership, moment) = (replica.service.membership.clone(), replica.service.moment());
    let list = |epoch, key| {
        let members = vec![membership.key, key];
        Arc::new(Committee::new(Digest::ZERO, Epoch::new(epoch), members).expect("two members"))
    };
    let shown = |current, other| {
        membership.follow(&Committees::new(current, vec![other]), &moment);
        let links = membership.links();
        [old, new].map(|key| {
            let link = links.iter().find(|link| link.key == key).expect("its link");
            (link.id.map(ReplicaId::get), link.address.is_some())
        })
    };

    assert_eq!(shown(list(1, old), list(2, new)), [(Some(1), true), (None, true)]);
    let told = Directory::new(membership.directory.group(), old, Ranges::default());
    let address = "/ip4/203.0.113.1/tcp/1".parse().expect("an address");
    told.publish(vec![Place { door: Entrance::Members, address }], &signer);
    told.records_of(&old).iter().for_each(|record| assert_eq!(membership.directory.take(record), Ok(true)));
    assert_eq!(shown(list(2, new), list(1, old)), [(None, false), (Some(1), true)]);
    replica.stop().await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_cannot_be_read_at_a_change_of_members_takes_no_address_from_a_link() {
    let (folder, mut replica, _) = launched().await;
    replica.stop().await.expect("an orderly end");
    let other = Ed25519Signer::from_seed(&[8; 32]).public_key();
    let peers = vec![format!("{other}=/ip4/127.0.0.1/tcp/1")];
    let (mut replica, _) = started(folder.path().join("group/replica-0"), peers).await;
    let (configured, moment) = (replica.service.membership.clone(), replica.service.moment());
    let Membership { key, peer_id, network, relay, checker, envelopes, directory, .. } = &*configured;
    let members = Committee::new(Digest::ZERO, Epoch::new(1), vec![*key, other]).expect("two members");
    let committees = Committees::new(Arc::new(members), vec![]);
    configured.follow(&committees, &moment);
    let (_foreign, dir) = made();
    let snapshot = Db::open(&data(&dir)).expect("a database").snapshot().expect("its tables");
    let damaged = Moment { ledger: moment.ledger.clone(), snapshot };
    assert!(damaged.view().members().is_err());

    let joined = Membership {
        key: *key,
        peer_id: peer_id.clone(),
        network: network.clone(),
        relay: relay.clone(),
        checker: checker.clone(),
        envelopes: envelopes.clone(),
        directory: directory.clone(),
        addresses: BTreeMap::new(),
    };
    joined.follow(&committees, &damaged);

    let links = joined.links();
    assert!(links.len() == 1 && links[0].address.is_some());
    replica.stop().await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_one_has_no_peers() {
    let (_folder, mut replica, _) = launched().await;

    assert_eq!(replica.service.membership.links(), []);
    replica.stop().await.expect("an orderly end");
}
