//! Streams of a connection: the smaller peer id asks for both channels, the larger accepts them.
//!
//! Only one side opens, whoever dialled, so each channel has one stream without any talk about duplicates. (The
//! ready-made `libp2p-stream` picks one of a peer's connections at random and drops streams while its reader is busy.)

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
    NotifyHandler, Stream, StreamProtocol, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use crate::channel::Channel;
use crate::limits::NEGOTIATION_TIME;

/// Whether the peer with id `me` opens the streams between it and `peer`.
pub(crate) fn opens(me: &PeerId, peer: &PeerId) -> bool {
    me < peer
}

/// Result of opening a stream.
#[derive(Debug)]
pub(crate) enum Outcome {
    Ready(Stream),
    Failed(String),
}

/// A stream of `peer` on `connection`, opened by either side, or one that could not be opened.
#[derive(Debug)]
pub(crate) struct StreamEvent {
    pub(crate) peer: PeerId,
    pub(crate) connection: ConnectionId,
    pub(crate) channel: Channel,
    pub(crate) outcome: Outcome,
}

/// Opens streams on request and reports those that come.
#[derive(Debug)]
pub(crate) struct Streams {
    me: PeerId,
    queue: VecDeque<ToSwarm<StreamEvent, Channel>>,
}

impl Streams {
    pub(crate) fn new(me: PeerId) -> Self {
        Self { me, queue: VecDeque::new() }
    }

    /// Asks for a stream; a [`StreamEvent`] answers unless the connection closes first.
    pub(crate) fn open(&mut self, peer: PeerId, connection: ConnectionId, channel: Channel) {
        self.queue.push_back(ToSwarm::NotifyHandler {
            peer_id: peer,
            handler: NotifyHandler::One(connection),
            event: channel,
        });
    }

    fn handler(&self, peer: &PeerId) -> Handler {
        Handler { accepts: !opens(&self.me, peer), queue: VecDeque::new() }
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = Handler;
    type ToSwarm = StreamEvent;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(&peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(&peer))
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        (channel, outcome): THandlerOutEvent<Self>,
    ) {
        let event = StreamEvent { peer, connection, channel, outcome };
        self.queue.push_back(ToSwarm::GenerateEvent(event));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<StreamEvent, THandlerInEvent<Self>>> {
        // No waker: the queue grows only while the swarm is being polled, or by its owner, who polls it next.
        self.queue.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// The same for one connection.
///
/// The queue is bounded: what we asked for, and streams that came, of which a connection has only so many.
#[derive(Debug)]
pub(crate) struct Handler {
    accepts: bool,
    queue: VecDeque<ConnectionHandlerEvent<Offer, Channel, (Channel, Outcome)>>,
}

impl Handler {
    fn report(&mut self, channel: Channel, outcome: Outcome) {
        self.queue.push_back(ConnectionHandlerEvent::NotifyBehaviour((channel, outcome)));
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Channel;
    type ToBehaviour = (Channel, Outcome);
    type InboundProtocol = Offer;
    type OutboundProtocol = Offer;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Channel;

    fn listen_protocol(&self) -> SubstreamProtocol<Offer> {
        let offer = if self.accepts { Channel::ALL.to_vec() } else { Vec::new() };
        SubstreamProtocol::new(Offer(offer), ()).with_timeout(NEGOTIATION_TIME)
    }

    /// Members' connections stay, busy or not.
    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn on_behaviour_event(&mut self, channel: Channel) {
        let protocol = SubstreamProtocol::new(Offer(vec![channel]), channel).with_timeout(NEGOTIATION_TIME);
        self.queue.push_back(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Offer, Offer, (), Channel>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: (channel, stream), .. })
            | ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: (channel, stream), ..
            }) => {
                self.report(channel, Outcome::Ready(stream));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: channel, error }) => {
                self.report(channel, Outcome::Failed(error.to_string()));
            }
            _ => {}
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Offer, Channel, (Channel, Outcome)>> {
        self.queue.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// The channels that a stream may become.
#[derive(Debug, Clone)]
pub(crate) struct Offer(Vec<Channel>);

/// A channel under its name on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Named(Channel, StreamProtocol);

impl AsRef<str> for Named {
    fn as_ref(&self) -> &str {
        self.1.as_ref()
    }
}

impl UpgradeInfo for Offer {
    type Info = Named;
    type InfoIter = Vec<Named>;

    fn protocol_info(&self) -> Vec<Named> {
        self.0.iter().map(|&channel| Named(channel, channel.protocol())).collect()
    }
}

impl InboundUpgrade<Stream> for Offer {
    type Output = (Channel, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, chosen: Named) -> Self::Future {
        ready(Ok((chosen.0, stream)))
    }
}

impl OutboundUpgrade<Stream> for Offer {
    type Output = (Channel, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, chosen: Named) -> Self::Future {
        ready(Ok((chosen.0, stream)))
    }
}
