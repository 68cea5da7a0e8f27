//! A group on this machine. Members are sorted by peer id: the lower number dials and opens streams.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use quorate_net::{Channel, Config, Event, Events, Member, Network};
use quorate_pbft::{PublicKey, ReplicaId};

/// Longest wait for anything; failing tests need it, passing ones do not.
pub const LIMIT: Duration = Duration::from_secs(60);

pub struct Node {
    pub net: Network,
    pub events: Events,
    keys: Vec<PublicKey>,
}

/// Members of the group with their secrets and addresses.
#[derive(Clone)]
pub struct Group {
    pub members: Vec<Member>,
    secrets: Vec<[u8; 32]>,
}

fn id(number: usize) -> ReplicaId {
    ReplicaId::new(u16::try_from(number).unwrap())
}

pub fn keys(secret: [u8; 32]) -> Keypair {
    Keypair::ed25519_from_bytes(secret).unwrap()
}

impl Group {
    pub fn of(count: usize) -> Self {
        let mut secrets: Vec<[u8; 32]> = (1..=count).map(|byte| [byte as u8; 32]).collect();
        secrets.sort_by_key(|secret| keys(*secret).public().to_peer_id());
        let member = |(number, secret): (usize, &[u8; 32])| Member {
            id: id(number),
            key: keys(*secret).public().try_into_ed25519().unwrap().to_bytes(),
            addresses: vec![free_address()],
        };
        Self { members: secrets.iter().enumerate().map(member).collect(), secrets }
    }

    pub fn config(&self, number: usize) -> Config {
        Config {
            secret: self.secrets[number],
            members: self.members.clone(),
            listen: vec![self.address(number)],
            directory: None,
        }
    }

    pub fn seed(&self, number: usize) -> [u8; 32] {
        self.secrets[number]
    }

    pub fn keys(&self, number: usize) -> Keypair {
        keys(self.secrets[number])
    }

    /// The member's public key; nobody's for a number that none has.
    pub fn key(&self, number: usize) -> PublicKey {
        PublicKey(self.members.get(number).map_or([9; 32], |member| member.key))
    }

    /// A started network as a node of this group.
    pub fn node(&self, (net, events): (Network, Events)) -> Node {
        Node { net, events, keys: self.members.iter().map(|member| PublicKey(member.key)).collect() }
    }

    pub fn peer_id(&self, number: usize) -> PeerId {
        self.keys(number).public().to_peer_id()
    }

    pub fn address(&self, number: usize) -> Multiaddr {
        self.members[number].addresses[0].clone()
    }

    /// Starts a member that knows the first `count` of the group.
    pub async fn start_among(&self, number: usize, count: usize) -> Node {
        let config = Config { members: self.members[..count].to_vec(), ..self.config(number) };
        self.node(quorate_net::start(config).await.unwrap())
    }

    pub async fn start(&self, number: usize) -> Node {
        self.node(quorate_net::start(self.config(number)).await.unwrap())
    }
}

/// An address that nobody else takes before it is used: on a loopback address of this process's own, a port below those
/// that the system hands out, each given once. (Port 0 may give two tests one port, where the first listens later.)
fn free_address() -> Multiaddr {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    let [.., high, low] = std::process::id().to_be_bytes();
    let next = || (Ipv4Addr::new(127, 100, high, low), NEXT.fetch_add(1, Ordering::Relaxed)).into();
    let is_free = |address: &SocketAddr| std::net::TcpListener::bind(address).is_ok();
    listening_at(std::iter::repeat_with(next).take(10_000).find(is_free).unwrap())
}

pub fn listening_at(socket: SocketAddr) -> Multiaddr {
    format!("/ip4/{}/tcp/{}", socket.ip(), socket.port()).parse().unwrap()
}

pub fn socket(address: &Multiaddr) -> SocketAddr {
    let parts: Vec<Protocol<'_>> = address.iter().collect();
    let [Protocol::Ip4(ip), Protocol::Tcp(port)] = parts[..] else { panic!("{address}") };
    (ip, port).into()
}

impl Node {
    /// The next event; panics after [`LIMIT`].
    pub async fn next(&mut self) -> Event {
        let next = tokio::time::timeout(LIMIT, self.events.recv()).await;
        next.expect("an event in time").expect("a running network")
    }

    /// Waits for the Ups of `count` peers. Frames that come before are lost.
    pub async fn up(&mut self, count: usize) {
        let mut up = 0;
        while up < count {
            match self.next().await {
                Event::Up { .. } => up += 1,
                Event::Down { .. } => up -= 1,
                Event::Received { .. } => {}
            }
        }
    }

    /// The next frame, whatever else happens before.
    pub async fn frame(&mut self) -> (usize, Channel, quorate_net::Bytes) {
        loop {
            if let Event::Received { from, channel, frame } = self.next().await {
                return (self.number(from), channel, frame.clone());
            }
        }
    }

    fn number(&self, key: PublicKey) -> usize {
        self.keys.iter().position(|known| *known == key).unwrap()
    }

    /// Waits for the link to a member, which takes no event: frames for one that is away for long are dropped.
    async fn linked(&self, number: usize) {
        let key = self.keys[number];
        until("a link", || self.net.peers().iter().any(|peer| peer.key == key && peer.is_up)).await;
    }

    /// Both can send and receive on both channels.
    pub async fn talks_with(&mut self, my_number: usize, other: &mut Node, other_number: usize) {
        self.linked(other_number).await;
        other.linked(my_number).await;
        for channel in Channel::ALL {
            self.net.send(self.keys[other_number], channel, "there".into()).unwrap();
            assert_eq!(other.frame().await, (my_number, channel, "there".into()));
            other.net.send(other.keys[my_number], channel, "back".into()).unwrap();
            assert_eq!(self.frame().await, (other_number, channel, "back".into()));
        }
    }
}

/// Looks again and again until `is_so`; panics after [`LIMIT`].
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LIMIT, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
