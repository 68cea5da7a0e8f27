//! Way out of an observer: one connection to a member's observers' door.

use std::io;

use libp2p::Multiaddr;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits::HANDSHAKE_TIME;
use crate::observers::link::ObserverLink;
use crate::observers::socket::{self, Side};

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
#[error("{address}: {cause}")]
pub struct DialError {
    /// Address that was dialled.
    pub address: Multiaddr,
    /// Error of the operating system, or of the handshake.
    pub cause: io::Error,
}

/// Connects with the key of this secret. Whose key answers is for the caller to judge.
pub async fn dial(secret: [u8; 32], address: &Multiaddr) -> Result<ObserverLink, DialError> {
    let failed = |cause| DialError { address: address.clone(), cause };
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for socket in socket::sockets(address).await.map_err(failed)? {
        let connected = timeout(HANDSHAKE_TIME, TcpStream::connect(socket)).await;
        match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => return socket::handshake(stream, secret, Side::Dials).await.map_err(failed),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}
