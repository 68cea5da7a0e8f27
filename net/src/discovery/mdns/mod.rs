//! Announcements on the LAN (multicast DNS): each node asks who of its group is there, and says where it is itself.
//!
//! A node answers a question at most once in [`ANSWERS_EVERY`], asks rarely, and takes only packets that come from port 5353
//! of a host on one of its own networks. IPv4 alone: nodes of a LAN without IPv4 need a configured address.

mod packet;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use if_watch::IfEvent;
use if_watch::tokio::IfWatcher;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::discovery::directory::{Announcements, Directory};
use crate::discovery::mdns::packet::{Packet, Service};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const PORT: u16 = 5353;
/// Pause between two answers.
const ANSWERS_EVERY: Duration = Duration::from_secs(1);
/// Pauses before the next question: short ones after the start and after a network came, then long ones.
const ASKS_FIRST: Duration = Duration::from_secs(1);
const ASKS_EVERY: Duration = Duration::from_secs(60);
/// Bytes of a packet that are looked at.
const PACKET_BYTES_MAX: usize = 1_500;
/// Packets that wait to be looked at; more are dropped.
const PACKETS_MAX: usize = 64;
/// Networks on which a node announces itself.
const NETWORKS_MAX: usize = 16;

/// Packet with the interface's address and its sender's.
type Heard = (Ipv4Addr, SocketAddr, Vec<u8>);

/// Network that the machine is on.
struct Lan {
    socket: Arc<UdpSocket>,
    /// Network's bits of an address.
    mask: u32,
    reader: AbortHandle,
}

impl Drop for Lan {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

struct Announcer {
    directory: Arc<Directory>,
    service: Service,
    own: watch::Receiver<Announcements>,
    lans: BTreeMap<Ipv4Addr, Lan>,
    readers: JoinSet<()>,
    tell: mpsc::Sender<Heard>,
    answer_at: Option<Instant>,
    answered: Option<Instant>,
    ask_at: Instant,
    pause: Duration,
}

/// Announces `own` on the networks of this machine, and notes in the directory who else is there, until it is dropped.
///
/// # Errors
/// When the operating system does not tell of its networks.
pub async fn announce(directory: Arc<Directory>, own: watch::Receiver<Announcements>) -> io::Result<()> {
    let mut networks = IfWatcher::new()?;
    let (tell, mut heard) = mpsc::channel(PACKETS_MAX);
    let service = Service::of(&directory.group());
    let mut announcer = Announcer {
        directory,
        service,
        own,
        lans: BTreeMap::new(),
        readers: JoinSet::new(),
        tell,
        answer_at: None,
        answered: None,
        ask_at: Instant::now(),
        pause: ASKS_FIRST,
    };
    loop {
        let due = announcer.answer_at.map_or(announcer.ask_at, |at| at.min(announcer.ask_at));
        tokio::select! {
            Some(event) = networks.next() => announcer.on_network(event?),
            Some((lan, sender, packet)) = heard.recv() => announcer.on_packet(lan, sender, &packet),
            Ok(()) = announcer.own.changed() => announcer.answer_soon(),
            Some(_) = announcer.readers.join_next() => (),
            () = sleep_until(due) => announcer.on_due(),
        }
    }
}

impl Announcer {
    fn on_network(&mut self, event: IfEvent) {
        match event {
            IfEvent::Up(net) => {
                let (IpAddr::V4(ip), bits) = (net.addr(), net.prefix_len()) else { return };
                if ip.is_loopback() || self.lans.len() >= NETWORKS_MAX {
                    return;
                }
                match self.join(ip, bits) {
                    Ok(lan) => {
                        tracing::debug!(%ip, "announcing on a network");
                        self.lans.insert(ip, lan);
                        (self.ask_at, self.pause) = (Instant::now(), ASKS_FIRST);
                        self.answer_soon();
                    }
                    Err(error) => tracing::warn!(event = "mdns-off", %ip, %error, "no announcements on this network"),
                }
            }
            IfEvent::Down(net) => {
                if let IpAddr::V4(ip) = net.addr() {
                    self.lans.remove(&ip);
                }
            }
        }
    }

    fn join(&mut self, ip: Ipv4Addr, bits: u8) -> io::Result<Lan> {
        let socket = Arc::new(socket(ip)?);
        let reader = self.readers.spawn(listen(ip, socket.clone(), self.tell.clone()));
        let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or_default();
        Ok(Lan { socket, mask, reader })
    }

    fn on_packet(&mut self, lan: Ipv4Addr, sender: SocketAddr, packet: &[u8]) {
        let (IpAddr::V4(from), Some(Lan { mask, .. })) = (sender.ip(), self.lans.get(&lan)) else { return };
        let is_near = sender.port() == PORT && from.to_bits() & mask == lan.to_bits() & mask;
        match self.service.read(packet).filter(|_| is_near) {
            Some(Packet::Question) => self.answer_soon(),
            Some(Packet::Announcement(bytes)) => match self.directory.see(&bytes, sender.ip()) {
                Ok(true) => tracing::debug!(%sender, "a node of the group is on this network"),
                Ok(false) => (),
                Err(error) => tracing::debug!(%sender, %error, "announcement refused"),
            },
            None => (),
        }
    }

    fn answer_soon(&mut self) {
        let now = Instant::now();
        let at = self.answered.map_or(now, |last| (last + ANSWERS_EVERY).max(now));
        self.answer_at.get_or_insert(at);
    }

    fn on_due(&mut self) {
        let now = Instant::now();
        if self.answer_at.is_some_and(|at| at <= now) {
            (self.answer_at, self.answered) = (None, Some(now));
            let own = self.own.borrow().clone();
            let there = self.lans.iter().filter_map(|(ip, lan)| Some((lan, own.get(ip)?)));
            there.for_each(|(lan, own)| lan.send(&self.service.answer(own)));
        }
        if self.ask_at <= now {
            let question = self.service.question();
            self.lans.values().for_each(|lan| lan.send(&question));
            self.answer_soon();
            self.ask_at = now + self.pause;
            self.pause = (self.pause * 2).min(ASKS_EVERY);
        }
    }
}

impl Lan {
    /// Sends on this network; a packet that does not leave is asked for again.
    fn send(&self, packet: &[u8]) {
        if let Err(error) = self.socket.try_send_to(packet, (GROUP, PORT).into()) {
            tracing::debug!(%error, "no announcement left");
        }
    }
}

/// A socket for one network, on a port that other programs of this machine use as well.
fn socket(ip: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT).into())?;
    socket.set_multicast_all_v4(false)?;
    socket.set_multicast_if_v4(&ip)?;
    socket.set_multicast_ttl_v4(255)?;
    socket.join_multicast_v4(&GROUP, &ip)?;
    UdpSocket::from_std(socket.into())
}

async fn listen(ip: Ipv4Addr, socket: Arc<UdpSocket>, tell: mpsc::Sender<Heard>) {
    let mut buffer = [0; PACKET_BYTES_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            // Without room it is dropped, and asked for again.
            Ok((bytes, sender)) => drop(tell.try_send((ip, sender, buffer[..bytes].to_vec()))),
            Err(_) => tokio::time::sleep(ANSWERS_EVERY).await,
        }
    }
}
