//! Back-pressure from the core to a peer: while the core takes nothing, the peer is read no further than its budget, and
//! nothing that it sent is lost.

use quorate_net::{Channel, Config, Events, Member, Network};
use quorate_pbft::{
    Admitted, Committee, Constants, Digest, Ed25519, Ed25519Signer, Epoch, Item, Kind, Message, PayloadCheck,
    PublicKey, ReplicaId, SeqNum, Signer, Statement, View,
};
use quorate_service::engine::Committees;
use quorate_service::metrics::Metrics;
use quorate_service::pool::{Checker, Dropped, Pool};
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

/// Votes that the peer sends: more than a reader's budget, fewer than a sender's queue holds.
const VOTES: u64 = 3_000;
/// Votes of one peer that may be unverified at once.
const BUDGET: u64 = 1_024;
/// Time within which loopback must have done its work.
const LIMIT: Duration = Duration::from_secs(20);

struct NoItems;

impl PayloadCheck for NoItems {
    fn is_valid(&self, _: &Item) -> bool {
        false
    }
}

fn seed(replica: u16) -> [u8; 32] {
    [replica as u8 + 1; 32]
}

fn committee() -> Committee {
    let keys: Vec<PublicKey> = (0..4).map(|replica| Ed25519Signer::from_seed(&seed(replica)).public_key()).collect();
    Committee::new(Digest::ZERO, Epoch::default(), keys).expect("four members")
}

async fn network(me: u16, peer: Option<&Network>) -> (Network, Events) {
    let committee = committee();
    let address = peer.map(|peer| peer.listen_addrs()[0].clone());
    let member = |id: ReplicaId| Member {
        id,
        key: committee.key(id).expect("a member").0,
        addresses: address.clone().filter(|_| id.get() == 0).into_iter().collect(),
    };
    let members = (0..4).map(|id| member(ReplicaId::new(id))).collect();
    let listen = vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")];
    let config = Config { secret: seed(me), members, listen, directory: None };
    quorate_net::start(config).await.expect("loopback")
}

fn key(replica: u16) -> PublicKey {
    Ed25519Signer::from_seed(&seed(replica)).public_key()
}

fn vote(seq: u64) -> Message {
    let (group, epoch, view) = (Digest::ZERO, Epoch::default(), View::default());
    let statement = Statement { group, epoch, kind: Kind::Commit, view, seq: SeqNum::new(seq), digest: Digest::ZERO };
    Message::Commit(statement.sign(ReplicaId::new(0), &Ed25519Signer::from_seed(&seed(0))))
}

fn checker() -> Checker {
    Checker {
        committees: RwLock::new(Committees::of(Arc::new(committee()))),
        constants: Constants::default(),
        verify: Arc::new(Ed25519),
        payload: Arc::new(NoItems),
        certified: Arc::default(),
    }
}

/// Threads that verify, and hand on one message for each that the test takes.
fn pool(events: Events, metrics: Arc<Metrics>) -> (Pool, Receiver<Admitted>) {
    let (give, take) = sync_channel(0);
    let deliver = move |message, _room| drop(give.send(message));
    let pool = Pool::start(2, events, Arc::new(checker()), metrics, Arc::default(), deliver, |_, _| ());
    (pool.expect("threads"), take)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_are_no_messages_are_counted_under_the_name_of_their_sender() {
    let (sender, _events) = network(0, None).await;
    let (receiver, events) = network(1, Some(&sender)).await;
    let metrics = Arc::new(Metrics::new());
    let (pool, _verified) = pool(events, metrics.clone());

    for _ in 0..5 {
        sender.send(key(1), Channel::Votes, vec![0xee; 100].into()).expect("room in the sender's queue");
    }

    let begin = Instant::now();
    while !metrics.render().contains("quorate_frames_invalid_total{peer=\"0\"} 5") {
        assert!(begin.elapsed() < LIMIT, "{}", metrics.render());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sender.stop().await;
    receiver.stop().await;
    tokio::task::spawn_blocking(move || drop(pool)).await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_that_takes_nothing_stops_its_peer_and_loses_nothing() {
    let (sender, _events) = network(0, None).await;
    let (receiver, events) = network(1, Some(&sender)).await;
    let (pool, verified) = pool(events, Arc::new(Metrics::new()));
    let came = || receiver.peers()[0].traffic.votes.frames_in;

    for seq in 1..=VOTES {
        let frame = borsh::to_vec(&vote(seq)).expect("writing into memory cannot fail");
        sender.send(key(1), Channel::Votes, frame.into()).expect("room in the sender's queue");
    }
    let begin = Instant::now();
    while came() < BUDGET {
        assert!(begin.elapsed() < LIMIT, "{} votes came", came());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(came(), BUDGET, "no more is read than the peer's budget");

    let seqs = tokio::task::spawn_blocking(move || -> Vec<u64> {
        let next = || verified.recv_timeout(LIMIT).expect("every vote that was sent");
        let seq = |message: Admitted| match message.message() {
            Message::Commit(signed) => signed.statement.seq.get(),
            other => panic!("not a vote: {other:?}"),
        };
        (0..VOTES).map(|_| seq(next())).collect()
    });
    let seqs = seqs.await.expect("no panic");
    assert!(seqs.into_iter().eq(1..=VOTES), "every vote came, in the order in which it was sent");

    sender.stop().await;
    receiver.stop().await;
    tokio::task::spawn_blocking(move || drop(pool)).await.expect("no panic");
}

/// A full disk keeps the core in one round for as long as it is full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_the_core_still_fills_its_senders_budget() {
    let (sender, _events) = network(0, None).await;
    let (receiver, events) = network(1, Some(&sender)).await;
    let (give, waiting) = channel();
    let deliver = move |message, room| drop(give.send((message, room)));
    let pool =
        Pool::start(2, events, Arc::new(checker()), Arc::new(Metrics::new()), Arc::default(), deliver, |_, _| ());

    for seq in 1..=VOTES {
        let frame = borsh::to_vec(&vote(seq)).expect("writing into memory cannot fail");
        sender.send(key(1), Channel::Votes, frame.into()).expect("room in the sender's queue");
    }
    let waiting = tokio::task::spawn_blocking(move || {
        let seqs: Vec<_> = (0..BUDGET).map(|_| waiting.recv_timeout(LIMIT).expect("a vote")).collect();
        (waiting, seqs)
    });
    let (waiting, taken) = waiting.await.expect("no panic");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(waiting.try_iter().count(), 0, "no more is read than the peer's budget");

    drop(taken);
    let next = tokio::task::spawn_blocking(move || waiting.recv_timeout(LIMIT).is_ok());
    assert!(next.await.expect("no panic"), "what the core takes makes room");
    sender.stop().await;
    receiver.stop().await;
    tokio::task::spawn_blocking(move || drop(pool)).await.expect("no panic");
}

/// B: a ViewChange costs a thousand times a vote to check; on the channel of votes nothing would bound how often.
#[test]
fn a_bulk_message_counts_on_its_own_channel_only() {
    let message = Message::Recalled { incarnation: 1, statements: Vec::new() };
    let frame = borsh::to_vec(&message).expect("writing into memory cannot fail");
    let check = |channel| checker().check(key(1), channel, &frame);
    assert!(matches!(check(Channel::Votes), Err(Dropped::WrongChannel)));
    assert!(check(Channel::Bulk).is_ok());
}

/// Votes have a pace on their own stream, and no honest member sends any on the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_on_the_stream_of_bulk_is_taken_and_charged_to_its_sender() {
    let (sender, _events) = network(0, None).await;
    let (receiver, events) = network(1, Some(&sender)).await;
    let (give, taken) = channel();
    let deliver = move |_, _| give.send(()).expect("the test listens");
    let (tell, charged) = channel();
    let charge = move |key, bytes| tell.send((key, bytes)).expect("the test listens");
    let pool = Pool::start(1, events, Arc::new(checker()), Arc::new(Metrics::new()), Arc::default(), deliver, charge);

    for (seq, stream) in [(1, Channel::Votes), (2, Channel::Bulk)] {
        let frame = borsh::to_vec(&vote(seq)).expect("writing into memory cannot fail");
        sender.send(key(1), stream, frame.into()).expect("room in the sender's queue");
    }
    let outcome = tokio::task::spawn_blocking(move || {
        (0..2).for_each(|_| taken.recv_timeout(LIMIT).expect("both are taken"));
        drop(pool);
        charged.try_iter().collect::<Vec<_>>()
    });

    let charges = outcome.await.expect("no panic");
    assert!(matches!(charges[..], [(from, 16_384..17_000)] if from == key(0)), "{charges:?}");
    sender.stop().await;
    receiver.stop().await;
}
