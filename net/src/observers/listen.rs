//! Listener for observers: bounded in those who have not said what they want.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use libp2p::Multiaddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::Error;
use crate::hosts::Host;
use crate::observers::link::ObserverLink;
use crate::observers::socket::{self, Side};

/// Handshakes of observers under way up to the first frame, and those of one host: less than members may have, who never wait for
/// these.
const HANDSHAKES_MAX: usize = 32;
const HANDSHAKES_PER_HOST_MAX: usize = 8;
/// Observers that proved their key and wait to be looked at.
const ARRIVALS_MAX: usize = 16;
/// Between two handshakes that begin, so that strangers', 0.2 ms each, take a hundredth of a core.
const ARRIVES_EVERY: Duration = Duration::from_millis(20);
/// Between two connections of which one is closed at once: all observers have the thread that takes them in.
const CLOSES_EVERY: Duration = Duration::from_millis(1);
/// Pause after the operating system refused a connection, as when file handles have run out.
const REFUSED_FOR: Duration = Duration::from_millis(100);

/// Observer at the door.
pub struct Arrival {
    /// The connection.
    pub link: ObserverLink,
    /// Host that it came from; none of one that came through a relay.
    pub from: Option<IpAddr>,
    /// Turn of its handshake, to be given back with its first frame; none of one that came through a relay.
    pub turn: Option<Turn>,
}

/// Handshake among those that may be under way, of all and of its host; given back when dropped.
pub struct Turn {
    _of_all: OwnedSemaphorePermit,
    _of_host: Counted,
}

/// A second way in: links that came through a relay.
#[derive(Clone)]
pub struct Backway {
    tell: mpsc::Sender<Arrival>,
}

impl Backway {
    /// An observer whose key is proved comes in like others; a full hall drops it.
    pub fn arrive(&self, link: ObserverLink) {
        self.enter(Arrival { link, from: None, turn: None });
    }

    fn enter(&self, arrival: Arrival) {
        drop(self.tell.try_send(arrival));
    }
}

/// A door for observers that stands open until it is dropped.
pub struct ObserversDoor {
    arrivals: mpsc::Receiver<Arrival>,
    address: SocketAddr,
    backway: Backway,
    _stop: DropGuard,
}

impl ObserversDoor {
    /// Opens a door with the key of this secret, on the current tokio runtime.
    ///
    /// # Errors
    /// When the address is none or taken.
    pub async fn open(secret: [u8; 32], address: &Multiaddr) -> Result<Self, Error> {
        let refused = |cause| Error::Listen { address: address.clone(), cause };
        let sockets = socket::sockets(address).await.map_err(refused)?;
        let listener = TcpListener::bind(sockets.as_slice()).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (tell, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let stop = CancellationToken::new();
        let backway = Backway { tell };
        let doorman = Doorman {
            secret,
            backway: backway.clone(),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
            hosts: Arc::default(),
        };
        let until = stop.clone();
        tokio::spawn(async move { until.run_until_cancelled(doorman.stand(listener)).await });
        Ok(Self { arrivals, address, backway, _stop: stop.drop_guard() })
    }

    /// The next observer that proved its key.
    pub async fn next(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }

    /// The way in for links of a relay.
    pub fn backway(&self) -> Backway {
        self.backway.clone()
    }

    /// Address that it listens at, the port filled in.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Task that accepts connections.
struct Doorman {
    secret: [u8; 32],
    backway: Backway,
    handshakes: Arc<Semaphore>,
    hosts: Arc<Hosts>,
}

impl Doorman {
    async fn stand(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((socket, from)) => {
                    let pause = match self.turn(from.ip()) {
                        Some(turn) => {
                            self.receive(socket, from.ip(), turn);
                            ARRIVES_EVERY
                        }
                        None => CLOSES_EVERY,
                    };
                    tokio::time::sleep(pause).await;
                }
                Err(_) => tokio::time::sleep(REFUSED_FOR).await,
            }
        }
    }

    /// Room for one more handshake, of all and of this host.
    fn turn(&self, from: IpAddr) -> Option<Turn> {
        let all = self.handshakes.clone().try_acquire_owned().ok()?;
        Some(Turn { _of_all: all, _of_host: self.hosts.clone().enter(Host::at(from))? })
    }

    /// Lets a socket try its handshake.
    fn receive(&self, socket: TcpStream, from: IpAddr, turn: Turn) {
        let (secret, backway) = (self.secret, self.backway.clone());
        tokio::spawn(async move {
            match socket::handshake(socket, secret, Side::Listens).await {
                Ok(link) => backway.enter(Arrival { link, from: Some(from), turn: Some(turn) }),
                Err(error) => tracing::debug!(%from, %error, "no handshake with an observer"),
            }
        });
    }
}

/// Handshakes under way by host.
#[derive(Debug, Default)]
struct Hosts(Mutex<HashMap<Host, usize>>);

/// A handshake that is counted until it is dropped.
struct Counted(Arc<Hosts>, Host);

impl Hosts {
    fn enter(self: Arc<Self>, host: Host) -> Option<Counted> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = hosts.entry(host).or_default();
        if *count >= HANDSHAKES_PER_HOST_MAX {
            return None;
        }
        *count += 1;
        drop(hosts);
        Some(Counted(self, host))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut hosts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = hosts.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                hosts.remove(&self.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::BULK_FRAME_BYTES_MAX;
    use crate::member::key_pair;
    use crate::observers::dial::dial;
    use crate::observers::link::LinkError;
    use std::time::Instant;
    use tokio::io::AsyncReadExt;

    async fn door() -> (ObserversDoor, Multiaddr) {
        let door = ObserversDoor::open([1; 32], &"/ip4/127.0.0.1/tcp/0".parse().unwrap()).await.unwrap();
        let address = format!("/ip4/127.0.0.1/tcp/{}", door.address().port()).parse().unwrap();
        (door, address)
    }

    fn key(secret: u8) -> [u8; 32] {
        key_pair([secret; 32]).public().try_into_ed25519().unwrap().to_bytes()
    }

    #[tokio::test]
    async fn both_sides_learn_the_other_ones_key() {
        let (mut door, address) = door().await;

        let (dialled, came) = tokio::join!(dial([2; 32], &address), door.next());

        assert_eq!(dialled.unwrap().key(), key(1));
        assert_eq!(came.unwrap().link.key(), key(2));
    }

    #[tokio::test]
    async fn frames_go_both_ways_and_beats_are_none() {
        let (mut door, address) = door().await;
        let (dialled, came) = tokio::join!(dial([2; 32], &address), door.next());
        let (mut near_out, mut near_in) = dialled.unwrap().split(BULK_FRAME_BYTES_MAX);
        let (mut far_out, mut far_in) = came.unwrap().link.split(100);

        near_out.beat().await.unwrap();
        near_out.send(b"question").await.unwrap();
        assert_eq!(far_in.recv().await.unwrap(), "question");

        far_out.send(&[7; 200_000]).await.unwrap();
        assert_eq!(near_in.recv().await.unwrap().len(), 200_000);
    }

    #[tokio::test]
    async fn a_flood_of_beats_ends_the_link() {
        let (mut door, address) = door().await;
        let (dialled, came) = tokio::join!(dial([2; 32], &address), door.next());
        let (mut near_out, _near_in) = dialled.unwrap().split(100);
        let (_far_out, mut far_in) = came.unwrap().link.split(100);

        for _ in 0..20 {
            near_out.beat().await.unwrap();
        }
        near_out.send(b"question").await.unwrap();

        assert!(matches!(far_in.recv().await, Err(LinkError::Read(_))));
    }

    #[tokio::test]
    async fn a_question_above_its_bound_ends_the_link() {
        let (mut door, address) = door().await;
        let (dialled, came) = tokio::join!(dial([2; 32], &address), door.next());
        let (mut near_out, _near_in) = dialled.unwrap().split(100);
        let (_far_out, mut far_in) = came.unwrap().link.split(100);

        near_out.send(&[7; 101]).await.unwrap();

        assert!(matches!(far_in.recv().await, Err(LinkError::Oversized { bytes: 101, max: 100 })));
    }

    /// Whether a key that dials is at the door soon.
    async fn is_let_in(door: &mut ObserversDoor, address: &Multiaddr) -> Option<Arrival> {
        let dialled = dial([2; 32], address).await;
        if dialled.is_ok() { door.next().await } else { None }
    }

    #[tokio::test]
    async fn one_host_has_so_many_turns_until_those_who_came_have_said_what_they_want() {
        let (mut door, address) = door().await;
        let mut silent = Vec::new();
        for _ in 0..HANDSHAKES_PER_HOST_MAX {
            silent.push(is_let_in(&mut door, &address).await.expect("a turn"));
        }

        assert!(is_let_in(&mut door, &address).await.is_none());
        silent[0].turn = None;

        assert!(is_let_in(&mut door, &address).await.is_some());
    }

    #[tokio::test]
    async fn sockets_that_are_closed_at_once_are_in_no_ones_way() {
        let (mut door, address) = door().await;
        let mut silent = Vec::new();
        for _ in 0..HANDSHAKES_PER_HOST_MAX {
            silent.push(is_let_in(&mut door, &address).await.expect("a turn"));
        }
        let begin = Instant::now();

        for _ in 0..1_000 {
            let mut socket = TcpStream::connect(door.address()).await.unwrap();
            let _closed = socket.read(&mut [0; 1]).await;
        }

        assert!(begin.elapsed() < 1_000 * ARRIVES_EVERY, "{:?}", begin.elapsed());
    }

    #[tokio::test]
    async fn a_door_that_is_dropped_frees_its_address() {
        let (door, address) = door().await;
        drop(door);
        for _ in 0..100 {
            if ObserversDoor::open([1; 32], &address).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the address is still taken");
    }
}
