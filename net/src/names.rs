//! Names in addresses: looked up as the operating system does it (hosts file, name servers), at each dial. The addresses of
//! a name are tried side by side, each a moment after the one before, so that one which swallows packets is in no one's way;
//! each dial begins with another one, for the first that takes the connection may be the one with a wrong key.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use libp2p::Multiaddr;
use libp2p::core::transport::{DialOpts, ListenerId, Transport, TransportError, TransportEvent};
use libp2p::multiaddr::Protocol;
use tokio::time::timeout;

use crate::lookups::Lookups;

/// Addresses of one name that are tried in one dial.
pub(crate) const ADDRESSES_MAX: usize = 8;
/// Time after which the next address is tried while earlier ones are silent (RFC 8305, §5: up to 2 s). The first one that takes the
/// connection is asked for its key, so a right one that is far is given time before a wrong one that is near.
const NEXT_AFTER: Duration = Duration::from_secs(1);

/// A transport that also dials addresses which begin with `/dns`, `/dns4` or `/dns6`.
pub(crate) struct Named<T> {
    sockets: Arc<Mutex<T>>,
    lookups: Arc<Lookups>,
}

impl<T> Named<T> {
    pub(crate) fn new(sockets: T) -> Self {
        Self { sockets: Arc::new(Mutex::new(sockets)), lookups: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Named<T> {
    fn clone(&self) -> Self {
        Self { sockets: self.sockets.clone(), lookups: self.lookups.clone() }
    }
}

impl<T> Transport for Named<T>
where
    T: Transport<Error = io::Error> + Send + Unpin + 'static,
    T::Dial: Send + 'static,
{
    type Output = T::Output;
    type Error = io::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = BoxFuture<'static, Result<T::Output, io::Error>>;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.lock().listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.lock().remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, opts: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        match Name::of(&address) {
            Some(name) => Ok(dial_one_of(self.clone(), name, address, opts).boxed()),
            None => Ok(self.lock().dial(address, opts)?.boxed()),
        }
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Pin::new(&mut *self.lock()).poll(cx)
    }
}

/// Dials the name's addresses, begun in the order of the operating system.
async fn dial_one_of<T>(
    sockets: Named<T>,
    name: Name,
    address: Multiaddr,
    opts: DialOpts,
) -> Result<T::Output, io::Error>
where
    T: Transport<Error = io::Error>,
{
    let sockets = &sockets;
    let found = sockets.lookups.addresses(&name.host).await?;
    let dials = found.into_iter().filter(name.counts).take(ADDRESSES_MAX).map(|ip| {
        let plain = address.replace(0, |_| Some(ip.into())).expect("its first part is the name");
        async move {
            let dial = sockets.lock().dial(plain, opts);
            match dial {
                Ok(dial) => dial.await,
                Err(TransportError::Other(error)) => Err(error),
                Err(TransportError::MultiaddrNotSupported(address)) => {
                    Err(io::Error::new(io::ErrorKind::Unsupported, address.to_string()))
                }
            }
        }
    });
    let none = || io::Error::new(io::ErrorKind::NotFound, format!("{} has no such address", name.host));
    first_of(dials).await.map_err(|last| last.unwrap_or_else(none))
}

/// Outcome of the first dial that succeeds, or the last error; the other dials are dropped. A dial begins when another has
/// failed, or [`NEXT_AFTER`] after the one before.
pub(crate) async fn first_of<T>(
    mut dials: impl Iterator<Item = impl Future<Output = io::Result<T>>>,
) -> Result<T, Option<io::Error>> {
    let (mut under_way, mut last) = (FuturesUnordered::new(), None);
    loop {
        under_way.extend(dials.next());
        match timeout(NEXT_AFTER, under_way.next()).await {
            Ok(Some(Ok(output))) => return Ok(output),
            Ok(Some(Err(error))) => last = Some(error),
            Ok(None) => return Err(last),
            Err(_) => {} // still silent
        }
    }
}

/// A host's name, and which addresses of it count.
#[derive(Debug)]
struct Name {
    host: String,
    counts: fn(&IpAddr) -> bool,
}

impl Name {
    fn of(address: &Multiaddr) -> Option<Self> {
        let (host, counts): (_, fn(&IpAddr) -> bool) = match address.iter().next()? {
            Protocol::Dns(host) => (host, |_| true),
            Protocol::Dns4(host) => (host, IpAddr::is_ipv4),
            Protocol::Dns6(host) => (host, IpAddr::is_ipv6),
            _ => return None,
        };
        Some(Self { host: host.into_owned(), counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future;

    fn failed(code: i32) -> future::BoxFuture<'static, io::Result<u8>> {
        future::err(io::Error::from_raw_os_error(code)).boxed()
    }

    #[tokio::test]
    async fn an_address_that_swallows_packets_is_in_no_ones_way() {
        let dials = [future::pending().boxed(), future::pending().boxed(), future::ok(3).boxed()];

        let first = timeout(Duration::from_secs(60), first_of(dials.into_iter())).await;

        assert_eq!(first.expect("an outcome").unwrap(), 3);
    }

    #[tokio::test]
    async fn a_dial_that_fails_makes_room_for_the_next_at_once() {
        let first = first_of([failed(1), failed(2), future::ok(3).boxed()].into_iter()).now_or_never();

        assert_eq!(first.expect("without waiting").unwrap(), 3);
    }

    #[tokio::test]
    async fn where_all_dials_fail_the_last_error_is_told() {
        let first = first_of([failed(1), failed(2)].into_iter()).await;

        assert_eq!(first.unwrap_err().and_then(|error| error.raw_os_error()), Some(2));
    }

    #[tokio::test]
    async fn a_name_without_addresses_has_no_outcome() {
        assert!(first_of(std::iter::empty::<future::Ready<io::Result<u8>>>()).await.unwrap_err().is_none());
    }
}
