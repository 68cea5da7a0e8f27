//! Way out of an observer: one connection to a member's observers' door.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use libp2p::Multiaddr;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits::HANDSHAKE_TIME;
use crate::names::{ADDRESSES_MAX, first_of};
use crate::observers::link::ObserverLink;
use crate::observers::socket::{self, Side};

/// Count of dials.
static DIALS: AtomicU64 = AtomicU64::new(0);

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
    first_that_answers(secret, turned(sockets, DIALS.fetch_add(1, Relaxed))).await.map_err(failed)
}

/// The sockets, another one first than at other dials: several members may stand behind a name. Steps of the golden ratio lead
/// to each of them also where names are dialled in turns.
fn turned(mut sockets: Vec<SocketAddr>, dial: u64) -> Vec<SocketAddr> {
    let turn = dial.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let first = (turn * sockets.len() as u64) >> 32;
    sockets.rotate_left(first as usize);
    sockets
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
    use std::collections::BTreeSet;
    use tokio::net::TcpListener;

    #[test]
    fn each_address_of_a_name_is_the_first_of_some_dials_also_where_other_names_are_dialled_in_turns() {
        let sockets: Vec<SocketAddr> = (1..=4).map(|last| ([203, 0, 113, last], 7_700).into()).collect();
        for step in 1..=8 {
            let first = (0..32).map(|dial| turned(sockets.clone(), dial * step)[0]);
            assert_eq!(first.collect::<BTreeSet<_>>().len(), 4, "every {step} dials");
        }
    }

    #[tokio::test]
    async fn an_address_of_a_name_that_takes_connections_and_is_silent_hides_no_other() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut door = ObserversDoor::open([1; 32], &"/ip4/127.0.0.1/tcp/0".parse().unwrap()).await.unwrap();
        let sockets = vec![silent.local_addr().unwrap(), door.address()];

        let (dialled, came) = tokio::join!(first_that_answers([2; 32], sockets), door.next());

        assert!(dialled.is_ok() && came.is_some());
    }
}
