//! Way out of an observer: one connection to a member's observers' door.

use std::io;
use std::net::SocketAddr;

use libp2p::Multiaddr;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits::HANDSHAKE_TIME;
use crate::names::{ADDRESSES_MAX, first_of};
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

/// Connects with the key of this secret to the first address of a name that proves one; whether it is the right key is for
/// the caller to judge.
pub async fn dial(secret: [u8; 32], address: &Multiaddr) -> Result<ObserverLink, DialError> {
    let failed = |cause| DialError { address: address.clone(), cause };
    let sockets = socket::sockets(address).await.map_err(failed)?;
    first_that_answers(secret, sockets).await.map_err(failed)
}

/// An address that takes the connection and says nothing is in no other's way.
async fn first_that_answers(secret: [u8; 32], sockets: Vec<SocketAddr>) -> io::Result<ObserverLink> {
    let dials = sockets.into_iter().take(ADDRESSES_MAX).map(|socket| async move {
        let stream = timeout(HANDSHAKE_TIME, TcpStream::connect(socket)).await??;
        socket::handshake(stream, secret, Side::Dials).await
    });
    first_of(dials).await.map_err(|last| last.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::listen::ObserversDoor;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_address_of_a_name_that_takes_connections_and_is_silent_hides_no_other() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut door = ObserversDoor::open([1; 32], &"/ip4/127.0.0.1/tcp/0".parse().unwrap()).await.unwrap();
        let sockets = vec![silent.local_addr().unwrap(), door.address()];

        let (dialled, came) = tokio::join!(first_that_answers([2; 32], sockets), door.next());

        assert!(dialled.is_ok() && came.is_some());
    }
}
