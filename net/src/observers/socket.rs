//! Addresses of the observers' door as sockets, and the handshake that proves keys.

use std::io;
use std::net::SocketAddr;

use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, noise};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::compat::{FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};

use crate::limits::HANDSHAKE_TIME;
use crate::member;
use crate::observers::link::ObserverLink;

/// Name of the handshake in Noise's prologue-free form; both sides write none on the wire.
const INFO: &str = "/noise";

/// Side of a handshake.
#[derive(Debug, Clone, Copy)]
pub enum Side {
    /// The side that was dialled.
    Listens,
    /// The side that dialled.
    Dials,
}

/// Sockets of `/ip4|ip6|dns…/tcp/…`, looked up where it is a name.
pub(super) async fn sockets(address: &Multiaddr) -> io::Result<Vec<SocketAddr>> {
    let parts: Vec<Protocol<'_>> = address.iter().collect();
    let (host, port) = match parts.as_slice() {
        [Protocol::Ip4(ip), Protocol::Tcp(port), ..] => return Ok(vec![(*ip, *port).into()]),
        [Protocol::Ip6(ip), Protocol::Tcp(port), ..] => return Ok(vec![(*ip, *port).into()]),
        [Protocol::Dns(host) | Protocol::Dns4(host) | Protocol::Dns6(host), Protocol::Tcp(port), ..] => (host, *port),
        _ => return Err(io::Error::new(io::ErrorKind::Unsupported, "use /ip4, /ip6 or /dns4, then /tcp and the port")),
    };
    Ok(tokio::net::lookup_host((host.as_ref(), port)).await?.collect())
}

/// Proves both keys; an error after [`HANDSHAKE_TIME`].
pub(super) async fn handshake(socket: TcpStream, secret: [u8; 32], side: Side) -> io::Result<ObserverLink> {
    socket.set_nodelay(true)?;
    prove(socket, secret, side).await
}

/// The same on any stream.
async fn prove(
    socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    secret: [u8; 32],
    side: Side,
) -> io::Result<ObserverLink> {
    let keys = member::key_pair(secret);
    let noise = noise::Config::new(&keys).map_err(io::Error::other)?;
    let socket = socket.compat();
    let proved = async {
        match side {
            Side::Listens => noise.upgrade_inbound(socket, INFO).await,
            Side::Dials => noise.upgrade_outbound(socket, INFO).await,
        }
    };
    let proved = timeout(HANDSHAKE_TIME, proved).await.map_err(|_| io::ErrorKind::TimedOut)?;
    let (peer, stream) = proved.map_err(io::Error::other)?;
    let key = member::key_of(&peer).ok_or_else(|| io::Error::other("the peer's key is not ed25519"))?;
    Ok(ObserverLink::new(key, stream.compat()))
}

impl ObserverLink {
    /// A second connection inside this one, whose both sides prove their keys anew: this one leads to a relay, and goes on
    /// to the node behind it. Nobody else has the keys of the inner one, the relay neither.
    pub async fn through(self, secret: [u8; 32], side: Side) -> io::Result<Self> {
        prove(self.into_stream(), secret, side).await
    }
}
