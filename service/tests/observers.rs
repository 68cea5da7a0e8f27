//! The door for observers at a replica that is a group: who is served, and what the others are told.

mod lone;
mod standing;

use lone::plan;
use quorate_client::keys::read_seed;
use quorate_ledger::policy::DomainPolicy;
use quorate_ledger::{
    Act, GROUP_DOMAIN, JoinStatement, Joiner, Level, ObserverAct, Op, Principal, RULES, Reconfiguration, Scope,
};
use quorate_net::{
    Bytes, Directory, Entrance, Multiaddr, ObserversDoor, Place, Ranges, Receiver, Sender, dial, pack, unpack,
};
use quorate_pbft::{Digest, Ed25519Signer, Epoch, Message, PublicKey, Question, SeqNum, Signer as _, View, Wanted};
use quorate_service::config::{REPLICA_KEY_FILE, Reads};
use quorate_service::init::make;
use quorate_service::observer::Options;
use quorate_service::observing::wire::{Asking, Holdings, Telling, VERSION, frame, parse};
use quorate_service::replica::{Running, read_genesis};
use standing::{PATIENCE, enrols, envelope, eventually, free_port, launch};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Observers that are served at a time.
const PLACES: u8 = 8;

struct Door {
    _folder: tempfile::TempDir,
    author: Ed25519Signer,
    replica: Running,
    address: Multiaddr,
    group: Digest,
}

/// An observer at the door.
struct Observer {
    sender: Sender,
    receiver: Receiver,
}

impl Door {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let plan = plan(&folder.path().join("group"));
        let made = make(&plan).expect("a group");
        let address = format!("/ip4/127.0.0.1/tcp/{}", free_port());
        let replica = launch(&made.replicas[0], &address).await;
        let group = read_genesis(&plan.out.join("genesis.json")).expect("a genesis").group();
        let author = Ed25519Signer::from_seed(&read_seed(&plan.out.join("author-org.key")).expect("a key"));
        Self { _folder: folder, author, replica, address: address.parse().expect("an address"), group }
    }

    /// An observer with this key, and the answer to its greeting.
    async fn greet(&self, secret: u8, group: Digest) -> (Observer, Telling) {
        self.greet_by(secret, Asking::Hello { version: VERSION, group }).await
    }

    /// An observer of one domain, and the answer to its greeting.
    async fn greet_of(&self, secret: u8, domain: &str) -> (Observer, Telling) {
        let (group, domains) = (self.group, vec![domain.to_owned()]);
        self.greet_by(secret, Asking::HelloOf { version: VERSION, group, domains }).await
    }

    async fn greet_by(&self, secret: u8, hello: Asking) -> (Observer, Telling) {
        let link = eventually(async || dial([secret; 32], &self.address).await.ok()).await;
        let (sender, receiver) = link.split(usize::MAX);
        let mut observer = Observer { sender, receiver };
        observer.ask(&hello).await;
        let answer = observer.hear().await;
        (observer, answer)
    }

    /// The group of one organisation decides on an act, by way of an observer that is served; the reason for which this one
    /// is served no more, where that came before the answer.
    async fn decides(&self, by: &mut Observer, domain: &str, number: u64, act: Act) -> Option<String> {
        let bytes = envelope(&self.author, self.group, (domain, number), Op::Propose { act }, vec![]);
        by.ask(&Asking::Offer { number, level: Level::Sequential, bytes, passed: 0 }).await;
        let answer = loop {
            match by.hear().await {
                Telling::Answer { answer, .. } => break answer,
                Telling::Refused(why) => return Some(why), // its place went to another, or its enrolment is over
                Telling::Message(_) | Telling::Records(_) => (),
                other => panic!("{other:?}"),
            }
        };
        let receipt = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status == 200 && receipt.contains("applied"), "{} {receipt}", answer.status);
        None
    }

    /// Records that a visitor with this one is given.
    async fn meet(&self, own: &[Bytes]) -> Vec<Vec<u8>> {
        let link = eventually(async || dial([9; 32], &self.address).await.ok()).await;
        let (sender, receiver) = link.split(usize::MAX);
        let (mut visitor, mut found) = (Observer { sender, receiver }, Vec::new());
        visitor.ask(&Asking::Meet { version: VERSION, group: self.group, records: pack(own).into() }).await;
        loop {
            let Telling::Records(page) = visitor.hear().await else { panic!("records") };
            match unpack(&page).expect("a page of records") {
                page if page.is_empty() => return found,
                page => found.extend(page),
            }
        }
    }

    async fn close(mut self) {
        self.replica.stop().await.expect("an orderly end");
    }
}

impl Observer {
    async fn ask(&mut self, asking: &Asking) {
        self.sender.send(&frame(asking)).await.expect("the door stands open");
    }

    /// The reason for which it is served no more.
    async fn ends(&mut self) -> String {
        loop {
            match self.hear().await {
                Telling::Refused(why) => return why,
                Telling::Message(_) | Telling::Records(_) => (),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The first word of this kind, within a time in which each kind comes often.
    async fn hears<T>(&mut self, kind: impl Fn(Telling) -> Option<T>) -> T {
        let heard = async {
            loop {
                if let Some(heard) = kind(self.hear().await) {
                    return heard;
                }
            }
        };
        timeout(PATIENCE / 4, heard).await.expect("in time")
    }

    async fn hear(&mut self) -> Telling {
        let bytes = timeout(PATIENCE, self.receiver.recv()).await.expect("in time").expect("a frame");
        parse(&bytes).expect("a frame of a member")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_observer_more_than_there_are_places_is_told_so_until_one_goes() {
    let door = Door::open().await;
    let mut served = Vec::new();
    for number in 1..=PLACES {
        let (observer, answer) = door.greet(number, door.group).await;
        assert!(matches!(answer, Telling::Welcome), "{answer:?}");
        served.push(observer);
    }

    let (_, answer) = door.greet(PLACES + 1, door.group).await;
    assert!(matches!(answer, Telling::Busy(_)), "{answer:?}");

    served.pop();
    eventually(async || {
        let (_, answer) = door.greet(PLACES + 1, door.group).await;
        matches!(answer, Telling::Welcome).then_some(())
    })
    .await;
    door.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_of_another_group_is_refused_with_the_group_that_is_here() {
    let door = Door::open().await;

    let (_, answer) = door.greet(1, Digest([7; 32])).await;

    let Telling::Refused(why) = answer else { panic!("{answer:?}") };
    assert!(why.contains(&door.group.to_string()), "{why}");
    door.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_for_voters_are_not_answered_and_the_link_goes_on() {
    let door = Door::open().await;
    let (mut observer, _) = door.greet(1, door.group).await;
    let ask = |wanted| Asking::Ask(Question { epoch: Epoch::new(0), wanted });

    observer.ask(&ask(Wanted::NewView { view: View::new(1), digest: Digest::default() })).await;
    observer.ask(&Asking::Mark { number: 5, nonce: Digest([1; 32]), passed: 0 }).await;
    let marked = loop {
        match observer.hear().await {
            Telling::Marked { number: 5, outcome } => break outcome.expect("a group of one orders it"),
            Telling::Message(message) => assert!(!matches!(*message, Message::NewView { .. })),
            Telling::Records(_) => (),
            other => panic!("{other:?}"),
        }
    };
    observer.ask(&ask(Wanted::Slots { from: SeqNum::new(1), to: SeqNum::new(u64::MAX) })).await;
    loop {
        if let Telling::Message(message) = observer.hear().await
            && let Message::Decided { certificate, .. } = *message
            && certificate.seq == marked.seq
        {
            break;
        }
    }
    door.close().await;
}

/// The key of an observer with this secret.
fn key(secret: u8) -> PublicKey {
    Ed25519Signer::from_seed(&[secret; 32]).public_key()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolled_observer_has_a_place_before_strangers() {
    let door = Door::open().await;
    let mut served = Vec::new();
    for secret in 1..=PLACES {
        let (observer, answer) = door.greet(secret, door.group).await;
        assert!(matches!(answer, Telling::Welcome), "{answer:?}");
        served.push(observer);
    }
    let mut first = served.remove(0);

    door.decides(&mut first, GROUP_DOMAIN, 1, enrols(100, door.group)).await;

    eventually(async || {
        let (_, answer) = door.greet(100, door.group).await;
        matches!(answer, Telling::Welcome).then_some(())
    })
    .await;
    door.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_is_given_the_members_record_and_can_leave_none_of_a_stranger() {
    let door = Door::open().await;
    let signer = Ed25519Signer::from_seed(&[9; 32]);
    let stranger = Directory::new(door.group, signer.public_key(), Ranges::default());
    let place = Place { door: Entrance::Members, address: "/ip4/203.0.113.9/tcp/1".parse().expect("an address") };
    stranger.publish(vec![place], &signer);
    let (own, _) = stranger.since(0);

    let found = eventually(async || Some(door.meet(&own).await).filter(|found| !found.is_empty())).await;
    let again = door.meet(&[]).await;

    assert_eq!((found.len(), again.len()), (1, 1), "the member's own, and no other");
    assert!(!again.contains(&own[0].to_vec()));
    door.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_domain_is_open_to_the_enrolled_observers_of_its_readers_until_they_are_revoked() {
    let door = Door::open().await;
    let (mut enrolled, _) = door.greet(1, door.group).await;
    door.decides(&mut enrolled, GROUP_DOMAIN, 1, enrols(1, door.group)).await;
    let (mut enrolled, _) = door.greet(1, door.group).await;
    let (mut stranger, _) = door.greet(2, door.group).await;

    let org = || vec![Principal::Organisation("org".into())];
    door.decides(&mut enrolled, "main", 1, Act::SetPolicy { policy: DomainPolicy::new(org(), org()) }).await;

    assert!(stranger.ends().await.contains("not everyone may read domain \"main\""));
    let (_, answer) = door.greet(2, door.group).await;
    assert!(matches!(answer, Telling::Refused(_)), "{answer:?}");
    let ended = door.decides(&mut enrolled, GROUP_DOMAIN, 2, ObserverAct::Revoke(key(1)).act()).await;
    let why = match ended {
        Some(why) => why,
        None => enrolled.ends().await,
    };
    assert!(why.contains("was revoked"), "{why}");
    door.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_relayed_where_the_configuration_does_not_say_so() {
    let door = Door::open().await;
    let link = eventually(async || dial([9; 32], &door.address).await.ok()).await;
    let (sender, receiver) = link.split(usize::MAX);
    let mut visitor = Observer { sender, receiver };

    let to = Ed25519Signer::from_seed(&[8; 32]).public_key();
    visitor.ask(&Asking::Through { version: VERSION, group: door.group, to }).await;

    let answer = visitor.hear().await;
    assert!(matches!(&answer, Telling::Refused(why) if why.contains("relay_server")), "{answer:?}");
    door.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_frame_that_is_no_greeting_is_refused_with_the_version_and_is_no_offence() {
    let door = Door::open().await;

    for _ in 0..9 {
        let link = eventually(async || dial([4; 32], &door.address).await.ok()).await;
        let (sender, receiver) = link.split(usize::MAX);
        let mut later = Observer { sender, receiver };
        later.sender.send(&[0xee; 8]).await.expect("the door stands open");
        assert!(later.ends().await.contains(&format!("version {VERSION}")));
    }
    let (_, answer) = door.greet(4, door.group).await;

    assert!(matches!(answer, Telling::Welcome), "{answer:?}");
    door.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_comes_again_ends_its_older_link() {
    let door = Door::open().await;
    let (mut older, _) = door.greet(1, door.group).await;
    let (_newer, answer) = door.greet(1, door.group).await;
    assert!(matches!(answer, Telling::Welcome), "{answer:?}");
    let ends = async { while older.receiver.recv().await.is_ok() {} };
    timeout(PATIENCE, ends).await.expect("the older link ends");
    door.close().await;
}

/// Its statuses are of an epoch that such an observer does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_says_what_it_has_to_an_observer_that_is_in_an_earlier_epoch() {
    let door = Door::open().await;
    let (mut observer, _) = door.greet(1, door.group).await;
    observer.ask(&Asking::Mark { number: 1, nonce: Digest([1; 32]), passed: 0 }).await;
    observer.hears(|telling| matches!(telling, Telling::Marked { .. }).then_some(())).await;
    let (mut later, _) = door.greet(2, door.group).await;
    let certificate = |telling| match telling {
        Telling::Message(message) => match *message {
            Message::StableCheckpoint(claimed) => Some(claimed),
            _ => None,
        },
        _ => None,
    };
    let checkpoint = later.hears(certificate).await;
    let joins = Ed25519Signer::from_seed(&[77; 32]);
    let statement = JoinStatement::sign(&door.group, checkpoint, RULES, &joins);
    let joiner = Joiner { statement: Some(statement), ..Joiner::prove("org", &joins) };
    let change = Reconfiguration { add: vec![joiner], ..Reconfiguration::default() };
    door.decides(&mut later, GROUP_DOMAIN, 1, Act::Reconfigure { change }).await;

    observer.ask(&Asking::In(Epoch::new(0))).await;

    let holds = |telling| if let Telling::Holds(holdings) = telling { Some(holdings) } else { None };
    let Holdings { executed, oldest, hops, .. } = observer.hears(holds).await;
    assert!(executed > SeqNum::new(1) && oldest == SeqNum::new(1), "{executed} {oldest}");
    assert_eq!(hops, 0, "it is a member");
    door.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_record_ends_the_session_that_brings_it() {
    const ISSUED: std::ops::Range<usize> = 32..40; // behind the key
    let door = Door::open().await;
    let mut forged = eventually(async || door.meet(&[]).await.pop()).await;
    let issued = u64::from_le_bytes(forged[ISSUED].try_into().expect("eight bytes"));
    forged[ISSUED].copy_from_slice(&(issued + 1).to_le_bytes());
    let (mut observer, _) = door.greet(5, door.group).await;

    observer.ask(&Asking::Records(pack(&[forged.into()]).into())).await;

    assert!(observer.ends().await.contains("signature"));
    door.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_closed_domain_another_is_followed_by_enrolled_observers_alone() {
    let door = Door::open().await;
    let refusal = |answer| if let Telling::Refused(why) = answer { why } else { panic!("{answer:?}") };
    assert!(refusal(door.greet_of(2, "nowhere").await.1).contains("no domain \"nowhere\""));
    assert!(matches!(door.greet_of(2, "main").await.1, Telling::Welcome));
    let (mut enrolled, _) = door.greet(1, door.group).await;
    door.decides(&mut enrolled, GROUP_DOMAIN, 1, enrols(1, door.group)).await;

    let org = || vec![Principal::Organisation("org".into())];
    let closed = Act::CreateDomain { name: "lab".into(), policy: DomainPolicy::new(org(), org()) };
    door.decides(&mut enrolled, GROUP_DOMAIN, 2, closed).await;

    assert!(refusal(door.greet_of(2, "main").await.1).contains("must be enrolled"));
    assert!(matches!(door.greet_of(1, "main").await.1, Telling::Welcome));
    door.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visitors_that_leave_at_once_are_no_observers_wait() {
    let door = Door::open().await;
    let (mut observer, _) = door.greet(1, door.group).await;
    let records = vec![Bytes::new(); 16];
    let hello = frame(&Asking::Meet { version: VERSION, group: door.group, records: pack(&records).into() });
    let (mut waits, at_once) = (Vec::new(), Duration::from_secs(2));
    while waits.len() < 4 && waits.last().is_none_or(|waited| *waited >= at_once) {
        // The door takes fifty in a second.
        for _ in 0..400 {
            let link = eventually(async || dial([9; 32], &door.address).await.ok()).await;
            link.split(usize::MAX).0.send(&hello).await.expect("a frame leaves");
        }
        let asked = Instant::now();
        observer.ask(&Asking::Mark { number: 5, nonce: Digest([1; 32]), passed: 0 }).await;
        while !matches!(observer.hear().await, Telling::Marked { number: 5, .. }) {}
        waits.push(asked.elapsed());
    }

    assert!(waits.last().is_some_and(|waited| *waited < at_once), "{waits:?}");
    door.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_greets_a_node_that_serves_it_at_no_other_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = plan(&folder.path().join("group"));
    let made = make(&plan).expect("a group");
    let secret = *read_seed(&made.replicas[0].join(REPLICA_KEY_FILE)).expect("a key");
    let addresses = [(); 2].map(|()| format!("/ip4/127.0.0.1/tcp/{}", free_port()));
    let [first, second] = addresses.clone().map(|address| address.parse().expect("an address"));
    let mut observer = follow(&plan.out, addresses).await;
    let mut door = ObserversDoor::open(secret, &first).await.expect("a door");
    let (mut sender, mut receiver) = door.next().await.expect("an observer").link.split(usize::MAX);
    receiver.recv().await.expect("a greeting");
    sender.send(&frame(&Telling::Welcome)).await.expect("the observer waits");
    while !matches!(parse(&receiver.recv().await.expect("a frame")), Some(Asking::In(_))) {}

    let mut door = ObserversDoor::open(secret, &second).await.expect("a door");
    let (_, mut receiver) = door.next().await.expect("an observer").link.split(usize::MAX);

    let greeting = timeout(PATIENCE, receiver.recv()).await.expect("in time");
    assert!(greeting.is_err(), "{greeting:?}");
    observer.stop().await.expect("an orderly end");
}

/// An observer of the group in this folder that knows these addresses.
async fn follow(group: &Path, addresses: [String; 2]) -> Running {
    let options = Options {
        genesis: group.join("genesis.json"),
        peers: addresses.into(),
        bootstrap: Vec::new(),
        mdns: false,
        dir: group.join("observer"),
        api: ([127, 0, 0, 1], 0).into(),
        listen: None,
        domains: Scope::default(),
        checked: false,
        reads: Reads::Open,
    };
    Running::observe(options).await.expect("an observer")
}
