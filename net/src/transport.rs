//! TCP, Noise and Yamux put together, and a listen address tried out.

use std::future::ready;
use std::io;
use std::net::{SocketAddr, TcpListener};

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::core::{ConnectedPoint, Transport as _};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, TransportError, noise, tcp};

use crate::error::Error;
use crate::limits::HANDSHAKE_TIME;
use crate::mux::Multiplex;
use crate::names::Named;

/// Another key that answered at the address of a dialled one.
#[derive(Debug, thiserror::Error)]
#[error("another key answers: {0}")]
struct WrongKey(PeerId);

/// Connections that have proved the other side's key: of a dialled address the one that it names. The swarm looks at the key
/// of the first handshake alone, so that a wrong key at one address would end the dials of the others.
pub(crate) fn build(keys: &Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, Error> {
    let sockets = Named::new(tcp::tokio::Transport::new(tcp::Config::default().nodelay(true)));
    let encryption = noise::Config::new(keys).map_err(|cause| Error::Encryption { cause })?;
    let secured = sockets.upgrade(Version::V1Lazy).authenticate(encryption);
    let proved = secured.multiplex(Multiplex).timeout(HANDSHAKE_TIME).boxed();
    let expected = proved.and_then(|(peer, streams), point| ready(expected(peer, &point).map(|()| (peer, streams))));
    Ok(expected.map_err(|error| error.into_inner()).boxed())
}

fn expected(peer: PeerId, point: &ConnectedPoint) -> io::Result<()> {
    let ConnectedPoint::Dialer { address, .. } = point else { return Ok(()) };
    let is_other = |part| matches!(part, Protocol::P2p(named) if named != peer);
    if address.iter().any(is_other) { Err(io::Error::other(WrongKey(peer))) } else { Ok(()) }
}

/// The other key that answered, where the dial of an address failed by that.
pub(crate) fn wrong_key(error: &TransportError<io::Error>) -> Option<PeerId> {
    let TransportError::Other(boxed) = error else { return None };
    let error = boxed.get_ref()?.downcast_ref::<io::Error>()?;
    error.get_ref()?.downcast_ref().map(|WrongKey(peer)| *peer)
}

/// Fails if another program listens on `address`.
///
/// libp2p binds with `SO_REUSEPORT`, and two replicas started by mistake on one port would share its connections
/// without a word; the standard library's listener does not set it, so it finds the other one.
pub(crate) fn probe(address: &Multiaddr) -> Result<(), Error> {
    let Some(socket) = socket(address) else {
        return Ok(()); // libp2p says what is wrong with it
    };
    match TcpListener::bind(socket) {
        Ok(_closed_again) => Ok(()),
        Err(cause) => Err(Error::Listen { address: address.clone(), cause }),
    }
}

fn socket(address: &Multiaddr) -> Option<SocketAddr> {
    let parts: Vec<Protocol<'_>> = address.iter().collect();
    match parts.as_slice() {
        [Protocol::Ip4(ip), Protocol::Tcp(port)] => Some((*ip, *port).into()),
        [Protocol::Ip6(ip), Protocol::Tcp(port)] => Some((*ip, *port).into()),
        _ => None,
    }
}
