//! TCP, Noise and Yamux put together, and a listen address tried out.

use std::net::{SocketAddr, TcpListener};

use libp2p::core::Transport as _;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, noise, tcp};

use crate::error::Error;
use crate::limits::HANDSHAKE_TIME;
use crate::mux::Multiplex;
use crate::names::Named;

/// Connections that have proved the other side's key.
pub(crate) fn build(keys: &Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, Error> {
    let sockets = Named::new(tcp::tokio::Transport::new(tcp::Config::default().nodelay(true)));
    let encryption = noise::Config::new(keys).map_err(|cause| Error::Encryption { cause })?;
    let secured = sockets.upgrade(Version::V1Lazy).authenticate(encryption);
    Ok(secured.multiplex(Multiplex).timeout(HANDSHAKE_TIME).boxed())
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
