//! Listener for observers: bounded in handshakes, and in observers that are served at a time.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use libp2p::Multiaddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::Error;
use crate::observers::link::ObserverLink;
use crate::observers::socket::{self, Side};

/// Handshakes of observers under way, and those of one address: less than members may have, who never wait for these.
const HANDSHAKES_MAX: usize = 32;
const HANDSHAKES_PER_ADDRESS_MAX: usize = 8;
/// Observers that proved their key and wait to be looked at.
const ARRIVALS_MAX: usize = 16;
/// Between two connections that are taken in, so that strangers' handshakes, 0.2 ms each, take a hundredth of a core.
const ARRIVES_EVERY: Duration = Duration::from_millis(20);
/// Pause after the operating system refused a connection, as when file handles have run out.
const REFUSED_FOR: Duration = Duration::from_millis(100);

/// Observer at the door.
pub struct Arrival {
    /// The connection.
    pub link: ObserverLink,
    /// Host that it came from; none of one that came through a relay.
    pub from: Option<IpAddr>,
    /// Place among those that are served at a time, given back when dropped; none when all are taken.
    pub place: Option<OwnedSemaphorePermit>,
}

/// A second way in: links that came through a relay.
#[derive(Clone)]
pub struct Backway {
    tell: mpsc::Sender<Arrival>,
    places: Arc<Semaphore>,
}

impl Backway {
    /// An observer whose key is proved comes in like others; a full hall drops it.
    pub fn arrive(&self, link: ObserverLink) {
        self.enter(link, None);
    }

    fn enter(&self, link: ObserverLink, from: Option<IpAddr>) {
        let place = self.places.clone().try_acquire_owned().ok();
        drop(self.tell.try_send(Arrival { link, from, place }));
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
    /// Opens a door with the key of this secret for `observers_max` observers at a time, on the current tokio runtime.
    ///
    /// # Errors
    /// When the address is none or taken.
    pub async fn open(secret: [u8; 32], address: &Multiaddr, observers_max: usize) -> Result<Self, Error> {
        let refused = |cause| Error::Listen { address: address.clone(), cause };
        let sockets = socket::sockets(address).await.map_err(refused)?;
        let listener = TcpListener::bind(sockets.as_slice()).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (tell, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let stop = CancellationToken::new();
        let backway = Backway { tell, places: Arc::new(Semaphore::new(observers_max)) };
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
                    self.receive(socket, from.ip());
                    tokio::time::sleep(ARRIVES_EVERY).await;
                }
                Err(_) => tokio::time::sleep(REFUSED_FOR).await,
            }
        }
    }

    /// Lets a socket try its handshake; without room it is closed at once.
    fn receive(&self, socket: TcpStream, from: IpAddr) {
        let Ok(turn) = self.handshakes.clone().try_acquire_owned() else { return };
        let Some(counted) = self.hosts.clone().enter(from) else { return };
        let (secret, backway) = (self.secret, self.backway.clone());
        tokio::spawn(async move {
            let proved = socket::handshake(socket, secret, Side::Listens).await;
            drop((turn, counted));
            match proved {
                Ok(link) => backway.enter(link, Some(from)),
                Err(error) => tracing::debug!(%from, %error, "no handshake with an observer"),
            }
        });
    }
}

/// Handshakes under way by address.
#[derive(Debug, Default)]
struct Hosts(Mutex<HashMap<IpAddr, usize>>);

/// A handshake that is counted until it is dropped.
struct Counted(Arc<Hosts>, IpAddr);

impl Hosts {
    fn enter(self: Arc<Self>, host: IpAddr) -> Option<Counted> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = hosts.entry(host).or_default();
        if *count >= HANDSHAKES_PER_ADDRESS_MAX {
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

    async fn door(observers_max: usize) -> (ObserversDoor, Multiaddr) {
        let door = ObserversDoor::open([1; 32], &"/ip4/127.0.0.1/tcp/0".parse().unwrap(), observers_max).await.unwrap();
        let address = format!("/ip4/127.0.0.1/tcp/{}", door.address().port()).parse().unwrap();
        (door, address)
    }

    fn key(secret: u8) -> [u8; 32] {
        key_pair([secret; 32]).public().try_into_ed25519().unwrap().to_bytes()
    }

    #[tokio::test]
    async fn both_sides_learn_the_other_ones_key() {
        let (mut door, address) = door(1).await;

        let (dialled, came) = tokio::join!(dial([2; 32], &address), door.next());

        assert_eq!(dialled.unwrap().key(), key(1));
        assert_eq!(came.unwrap().link.key(), key(2));
    }

    #[tokio::test]
    async fn frames_go_both_ways_and_beats_are_none() {
        let (mut door, address) = door(1).await;
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
        let (mut door, address) = door(1).await;
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
        let (mut door, address) = door(1).await;
        let (dialled, came) = tokio::join!(dial([2; 32], &address), door.next());
        let (mut near_out, _near_in) = dialled.unwrap().split(100);
        let (_far_out, mut far_in) = came.unwrap().link.split(100);

        near_out.send(&[7; 101]).await.unwrap();

        assert!(matches!(far_in.recv().await, Err(LinkError::Oversized { bytes: 101, max: 100 })));
    }

    #[tokio::test]
    async fn an_observer_more_than_there_are_places_comes_in_without_one() {
        let (mut door, address) = door(1).await;
        let (_first, came) = tokio::join!(dial([2; 32], &address), door.next());
        let place = came.unwrap().place;
        assert!(place.is_some());

        let (_second, full) = tokio::join!(dial([3; 32], &address), door.next());
        assert!(full.unwrap().place.is_none());

        drop(place);
        let (_third, free) = tokio::join!(dial([4; 32], &address), door.next());
        assert!(free.unwrap().place.is_some());
    }

    #[tokio::test]
    async fn a_door_that_is_dropped_frees_its_address() {
        let (door, address) = door(1).await;
        drop(door);
        for _ in 0..100 {
            if ObserversDoor::open([1; 32], &address, 1).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the address is still taken");
    }
}
