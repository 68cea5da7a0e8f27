//! The task that owns the swarm: it turns what happens on sockets into links, and what routes want into socket work.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use libp2p::core::ConnectedPoint;
use libp2p::core::transport::ListenerId;
use libp2p::identity::Keypair;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError, ListenError, NetworkBehaviour, Stream, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, TransportError};
use libp2p_allow_block_list::{AllowedPeers, Behaviour as AllowList, NotAllowed};
use libp2p_connection_limits::{Behaviour as Limits, ConnectionLimits, Exceeded};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::compat::FuturesAsyncReadCompatExt;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::channel::Channel;
use crate::door::{Crowded, Door};
use crate::error::Error;
use crate::flaps::{self, Flaps};
use crate::hosts::Host;
use crate::limits::{CONNECTIONS_PER_PEER_MAX, HANDSHAKES_MAX, LISTEN_TIME, PULSE, STREAMS_MAX};
use crate::link::{Link, LinkEnd};
use crate::peer::Peer;
use crate::route::{Route, Running, Todo};
use crate::shared::Shared;
use crate::streams::{Outcome, StreamEvent, Streams, opens};
use crate::telling::Cursor;
use crate::transport;

/// Bulk frames waiting for a peer from which on it is told of no records: a frame that a full queue refuses counts as lost.
const WAITING_MAX: usize = 64;

/// Behaviours that refuse stand first.
#[derive(NetworkBehaviour)]
struct Behaviour {
    limits: Limits,
    door: Door,
    members: AllowList<AllowedPeers>,
    streams: Streams,
}

/// A peer and the way to it.
struct Line {
    peer: Arc<Peer>,
    route: Route,
    flaps: Flaps,
    records: Cursor,
}

pub(crate) struct Driver {
    swarm: Swarm<Behaviour>,
    shared: Arc<Shared>,
    places: HashMap<PeerId, usize>,
    lines: BTreeMap<usize, Line>,
    links: JoinSet<LinkEnd>,
    /// Numbers votes links, so that the inbox tells one from the next.
    links_made: u64,
    listener_errors: u64,
    _stopped: DropGuard,
}

impl Driver {
    /// A driver that listens nowhere and has dialled nobody. `stopped` is cancelled when it is dropped.
    pub(crate) fn new(keys: Keypair, shared: Arc<Shared>, stopped: CancellationToken) -> Result<Self, Error> {
        let now = Instant::now();
        let me = keys.public().to_peer_id();
        let transport = transport::build(&keys)?;
        let config = libp2p::swarm::Config::with_tokio_executor().with_max_negotiating_inbound_streams(STREAMS_MAX);
        let mut driver = Self {
            places: HashMap::new(),
            lines: BTreeMap::new(),
            swarm: Swarm::new(transport, Behaviour::new(me, now), me, config),
            shared,
            links: JoinSet::new(),
            links_made: 0,
            listener_errors: 0,
            _stopped: stopped.drop_guard(),
        };
        driver.follow_members();
        Ok(driver)
    }

    /// Lets in and dials the peers of now, and ends the links to those that are none any more.
    fn follow_members(&mut self) {
        let (peers, now, me) = (self.shared.peers(), Instant::now(), *self.swarm.local_peer_id());
        let allowed = &mut self.swarm.behaviour_mut().members;
        self.lines.retain(|place, line| {
            let stays = peers.iter().any(|peer| peer.place == *place);
            if !stays {
                allowed.disallow_peer(line.peer.peer_id);
                self.places.remove(&line.peer.peer_id);
                line.peer.set_up(false);
            }
            stays
        });
        for peer in peers {
            let (peer_id, has_address) = (peer.peer_id, self.shared.has_address(&peer));
            if let Some(line) = self.lines.get_mut(&peer.place) {
                line.route.set_address(has_address, now);
                continue;
            }
            allowed.allow_peer(peer_id);
            let route = Route::new(opens(&me, &peer_id), has_address, now);
            self.places.insert(peer_id, peer.place);
            self.lines.insert(peer.place, Line { peer, route, flaps: Flaps::default(), records: Cursor::default() });
        }
    }

    /// Listens on all of `addresses`, or on none.
    pub(crate) async fn listen(&mut self, addresses: &[Multiaddr]) -> Result<(), Error> {
        for address in addresses {
            transport::probe(address)?;
        }
        let mut waiting = Vec::new();
        for address in addresses {
            waiting.push(self.swarm.listen_on(address.clone()).map_err(|error| refused(address, error))?);
        }
        let named = tokio::time::timeout(LISTEN_TIME, self.wait_for_addresses(waiting)).await;
        if named.is_err() {
            tracing::warn!(
                event = "listen-slow",
                ?addresses,
                "the operating system has not named all listen addresses yet"
            );
        }
        Ok(())
    }

    async fn wait_for_addresses(&mut self, mut waiting: Vec<ListenerId>) {
        while !waiting.is_empty() {
            let event = self.swarm.select_next_some().await;
            if let SwarmEvent::NewListenAddr { listener_id, .. } = &event {
                waiting.retain(|listener| listener != listener_id);
            }
            self.on_swarm_event(event);
        }
    }

    /// Works until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let shared = self.shared.clone();
        let mut news = shared.directory.as_ref().map(|directory| directory.changes());
        loop {
            self.do_due();
            let due = self.lines.values().flat_map(|line| [line.route.due(), line.flaps.due(), line.records.due()]);
            let due = due.flatten().min();
            tokio::select! {
                () = stop.cancelled() => break,
                () = shared.changed.notified() => self.follow_members(),
                () = changed(&mut news) => self.on_news(),
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                Some(ended) = self.links.join_next_with_id() => self.on_link_end(ended),
                () = sleep_until(due) => {}
            }
        }
        tracing::debug!("network stops");
    }

    fn do_due(&mut self) {
        let now = Instant::now();
        let is_due = |line: &Line| line.route.due().is_some_and(|due| due <= now);
        let due: Vec<usize> = self.lines.iter().filter(|(_, line)| is_due(line)).map(|(place, _)| *place).collect();
        for place in due {
            self.steer(place, |route| route.on_due(now));
        }
        for line in self.lines.values_mut() {
            let Line { peer, flaps, .. } = line;
            flaps.on_due(now).into_iter().for_each(|line| log_link(peer, line));
        }
        self.tell_due(now);
    }

    /// Asks the route to a peer for its next steps, and does them.
    fn steer(&mut self, place: usize, ask: impl FnOnce(&mut Route) -> Vec<Todo>) {
        if let Some(line) = self.lines.get_mut(&place) {
            let todo = ask(&mut line.route);
            self.perform(place, todo);
        }
    }

    fn perform(&mut self, place: usize, todo: Vec<Todo>) {
        for one in todo {
            match one {
                Todo::Dial => self.dial(place),
                Todo::Open(connection, channel) => {
                    let peer = self.lines[&place].peer.peer_id;
                    self.swarm.behaviour_mut().streams.open(peer, connection, channel);
                }
                Todo::Close(connection) => {
                    self.swarm.close_connection(connection);
                }
            }
        }
    }

    fn dial(&mut self, place: usize) {
        let peer = self.lines[&place].peer.clone();
        let addresses = self.shared.due(&peer);
        if addresses.is_empty() {
            self.lines.get_mut(&place).into_iter().for_each(|line| line.route.on_dial_failed(Instant::now()));
            return;
        }
        // A port of its own: from the listening port a second dial would meet the first one's remains.
        let dial = DialOpts::peer_id(peer.peer_id)
            .addresses(addresses)
            .condition(PeerCondition::Always)
            .allocate_new_port()
            .build();
        if let Err(error) = self.swarm.dial(dial) {
            self.on_dial_failed(place, &error);
        }
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Streams(event)) => self.on_stream(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, concurrent_dial_errors, .. } => {
                tracing::debug!(peer = %peer_id, address = %endpoint.get_remote_address(), "connected");
                if let Some(line) = self.places.get(&peer_id).and_then(|place| self.lines.get(place)) {
                    note_wrong_keys(&line.peer, concurrent_dial_errors.as_deref().unwrap_or_default());
                    match &endpoint {
                        ConnectedPoint::Dialer { address, .. } => self.shared.reached(&line.peer, address),
                        ConnectedPoint::Listener { local_addr, .. } => self.shared.came(&line.peer, local_addr),
                    }
                }
                self.on_connected(peer_id, connection_id);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, cause, .. } => {
                tracing::debug!(peer = %peer_id, ?cause, "connection closed");
                self.on_disconnected(peer_id, connection_id);
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => {
                if let Some(&place) = self.places.get(&peer) {
                    self.on_dial_failed(place, &error);
                }
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                self.on_refused(&send_back_addr, &error);
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::info!(event = "listening", %address, "listening");
                self.shared.listening(address);
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => self.shared.not_listening(&address),
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::error!(
                    event = "listener-closed",
                    ?addresses,
                    ?reason,
                    "listener closed; peers cannot reach this replica there"
                );
            }
            SwarmEvent::ListenerError { error, .. } => self.on_listener_error(&error),
            _ => {}
        }
    }

    fn on_connected(&mut self, peer: PeerId, connection: ConnectionId) {
        if let Some(&place) = self.places.get(&peer) {
            self.steer(place, |route| route.on_connected(connection, Instant::now()));
        }
    }

    /// The links on it end by themselves.
    fn on_disconnected(&mut self, peer: PeerId, connection: ConnectionId) {
        if let Some(&place) = self.places.get(&peer) {
            self.steer(place, |route| {
                route.on_disconnected(connection, Instant::now());
                Vec::new()
            });
        }
    }

    fn on_dial_failed(&mut self, place: usize, error: &DialError) {
        let Some(Line { peer, route, .. }) = self.lines.get_mut(&place) else { return };
        if let DialError::Transport(failed) = error {
            note_wrong_keys(peer, failed);
        }
        tracing::debug!(peer = %peer.id(), %error, "cannot connect");
        route.on_dial_failed(Instant::now());
    }

    fn on_stream(&mut self, event: StreamEvent) {
        let Some(&place) = self.places.get(&event.peer) else {
            return;
        };
        let Some(Line { peer, route, .. }) = self.lines.get_mut(&place) else { return };
        match event.outcome {
            Outcome::Ready(stream) if route.wants_stream_on(event.connection) => {
                self.on_stream_ready(place, event.connection, event.channel, stream);
            }
            Outcome::Ready(_late) => {}
            Outcome::Failed(cause) => {
                let peer = peer.id();
                tracing::debug!(%peer, channel = %event.channel, cause, "cannot open a stream");
                route.on_open_failed(event.connection, event.channel, Instant::now());
            }
        }
    }

    fn on_stream_ready(&mut self, place: usize, connection: ConnectionId, channel: Channel, stream: Stream) {
        let peer = self.lines[&place].peer.clone();
        let inbox = self.shared.inbox.clone();
        peer.outbox[channel].drains(Instant::now());
        if channel == Channel::Votes {
            self.links_made += 1;
            peer.links.add(1);
            peer.set_up(true);
            inbox.up(place, self.links_made);
            self.flap(place, true);
        }
        let now = Instant::now();
        if channel == Channel::Bulk {
            self.lines.get_mut(&place).into_iter().for_each(|line| line.records.on_linked(now));
        }
        let link = Link { peer, channel, inbox, pulse: PULSE, directory: self.shared.directory.clone() };
        let task = self.links.spawn(link.run(stream.compat()));
        self.steer(place, |route| route.on_linked(channel, Running { connection, since: now, task }, now));
    }

    /// Address records may have come: there may be peers to look for, and to tell of others.
    fn on_news(&mut self) {
        self.follow_members();
        let now = Instant::now();
        self.lines.values_mut().for_each(|line| line.records.on_news(now));
    }

    /// Tells the peers whose turn it is of the next records, a frame each; one whose queue is full, again at the next turn.
    fn tell_due(&mut self, now: Instant) {
        for Line { peer, records, .. } in self.lines.values_mut() {
            let Some(number) = records.number(now) else { continue };
            match self.shared.records_since(number) {
                Some((frame, next)) => {
                    let has_room = peer.outbox[Channel::Bulk].waiting().0 < WAITING_MAX;
                    let is_queued = has_room && peer.send(Channel::Bulk, frame).is_ok();
                    records.on_told(if is_queued { next } else { number }, now);
                }
                None => records.on_all_told(),
            }
        }
    }

    /// A link that was replaced ends too; nobody asks about it any more.
    fn on_link_end(&mut self, ended: Result<(Id, LinkEnd), JoinError>) {
        let task = match &ended {
            Ok((task, _)) => *task,
            Err(error) => error.id(),
        };
        let channel_of = |(_, line): (&usize, &Line)| Some((line.peer.clone(), line.route.channel_of(task)?));
        let Some((peer, channel)) = self.lines.iter().find_map(channel_of) else {
            return;
        };
        let is_silent = match &ended {
            Ok((_, end)) => {
                tracing::debug!(peer = %peer.id(), %channel, %end, "stream ended");
                end.is_silence()
            }
            Err(error) => {
                tracing::error!(event = "link-failed", peer = %peer.id(), %channel, %error, "a link failed; this is a defect");
                false
            }
        };
        peer.outbox[channel].rests(Instant::now());
        if channel == Channel::Votes {
            peer.set_up(false);
            self.shared.inbox.down(peer.place);
            self.flap(peer.place, false);
        } else if let Some(line) = self.lines.get_mut(&peer.place) {
            line.records.on_unlinked();
        }
        self.steer(peer.place, |route| route.on_unlinked(channel, is_silent, Instant::now()));
    }

    fn flap(&mut self, place: usize, is_up: bool) {
        let Some(Line { peer, flaps, .. }) = self.lines.get_mut(&place) else { return };
        flaps.on_change(is_up, Instant::now()).into_iter().for_each(|line| log_link(peer, line));
    }

    fn on_refused(&self, address: &Multiaddr, error: &ListenError) {
        let (refused, host) = (&self.shared.refused, Host::of(address).map(|Host(host)| host));
        match error {
            ListenError::Denied { cause } if cause.downcast_ref::<NotAllowed>().is_some() => {
                refused.strangers.add(1);
            }
            ListenError::Denied { cause } if is_crowded(cause) => {
                refused.crowded.add(1);
                host.into_iter().for_each(|host| refused.count(host, |counts| counts.crowded += 1));
            }
            _ => {
                refused.broken.add(1);
                host.into_iter().for_each(|host| refused.count(host, |counts| counts.broken += 1));
            }
        }
        tracing::debug!(%address, %error, "connection refused");
    }

    /// A listener tries again at once and for ever; the log shows the 1st, 2nd, 4th, 8th … time.
    fn on_listener_error(&mut self, error: &std::io::Error) {
        self.listener_errors += 1;
        if self.listener_errors.is_power_of_two() {
            tracing::warn!(event = "no-connection", %error, times = self.listener_errors, "cannot accept a connection");
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.stopped();
    }
}

impl Behaviour {
    fn new(me: PeerId, now: Instant) -> Self {
        let members = AllowList::default();
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(HANDSHAKES_MAX))
            .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX));
        Self { limits: Limits::new(limits), door: Door::new(now), members, streams: Streams::new(me) }
    }
}

/// Counts the dials of a peer that failed by the key that answered. The log shows the 1st, 2nd, 4th, 8th … time.
fn note_wrong_keys(peer: &Peer, failed: &[(Multiaddr, TransportError<std::io::Error>)]) {
    for (address, error) in failed {
        let Some(obtained) = transport::wrong_key(error) else { continue };
        let times = peer.wrong_key.add(1);
        if times.is_power_of_two() {
            tracing::warn!(event = "wrong-key", peer = %peer.id(), key = %peer.key, %address, %obtained, times, "another key answers at this address");
        }
    }
}

/// Writes that a peer came up or went down, and for how many changes that stands.
fn log_link(peer: &Peer, flaps::Line { is_up, changes }: flaps::Line) {
    let (peer, key, times) = (peer.id(), peer.key, peer.links.get());
    match is_up {
        true => tracing::info!(event = "peer-up", %peer, %key, times, changes, "peer up"),
        false => tracing::info!(event = "peer-down", %peer, %key, changes, "peer down"),
    }
}

fn is_crowded(cause: &libp2p::swarm::ConnectionDenied) -> bool {
    cause.downcast_ref::<Exceeded>().is_some() || cause.downcast_ref::<Crowded>().is_some()
}

fn refused(address: &Multiaddr, error: TransportError<std::io::Error>) -> Error {
    let cause = match error {
        TransportError::Other(cause) => cause,
        TransportError::MultiaddrNotSupported(_) => {
            std::io::Error::new(std::io::ErrorKind::Unsupported, "only /ip4/…/tcp/… and /ip6/…/tcp/… are supported")
        }
    };
    Error::Listen { address: address.clone(), cause }
}

/// Waits for a change of the directory; for ever without one.
async fn changed(news: &mut Option<watch::Receiver<u64>>) {
    match news {
        // The directory lives as long as the driver.
        Some(news) => drop(news.changed().await),
        None => std::future::pending().await,
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
