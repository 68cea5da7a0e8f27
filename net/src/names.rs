//! Names in addresses: looked up as the operating system does it (hosts file, name servers), at each dial.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use libp2p::Multiaddr;
use libp2p::core::transport::{DialOpts, ListenerId, Transport, TransportError, TransportEvent};
use libp2p::multiaddr::Protocol;

/// Addresses of one name that are tried in one dial.
const ADDRESSES_MAX: usize = 8;

/// A transport that also dials addresses which begin with `/dns`, `/dns4` or `/dns6`.
pub(crate) struct Named<T>(Arc<Mutex<T>>);

impl<T> Named<T> {
    pub(crate) fn new(sockets: T) -> Self {
        Self(Arc::new(Mutex::new(sockets)))
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
            Some(name) => Ok(dial_one_of(Self(self.0.clone()), name, address, opts).boxed()),
            None => Ok(self.lock().dial(address, opts)?.boxed()),
        }
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Pin::new(&mut *self.lock()).poll(cx)
    }
}

/// Dials the name's addresses one after the other, in the order of the operating system.
async fn dial_one_of<T>(
    sockets: Named<T>,
    name: Name,
    address: Multiaddr,
    opts: DialOpts,
) -> Result<T::Output, io::Error>
where
    T: Transport<Error = io::Error>,
{
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{} has no such address", name.host));
    for found in name.lookup().await?.take(ADDRESSES_MAX) {
        let plain = address.replace(0, |_| Some(found.ip().into())).expect("its first part is the name");
        let dial = sockets.lock().dial(plain, opts);
        let outcome = match dial {
            Ok(dial) => dial.await,
            Err(TransportError::Other(error)) => Err(error),
            Err(TransportError::MultiaddrNotSupported(address)) => {
                Err(io::Error::new(io::ErrorKind::Unsupported, address.to_string()))
            }
        };
        match outcome {
            Ok(output) => return Ok(output),
            Err(error) => last = error,
        }
    }
    Err(last)
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

    async fn lookup(&self) -> io::Result<impl Iterator<Item = SocketAddr> + use<>> {
        let counts = self.counts;
        let found = tokio::net::lookup_host((self.host.as_str(), 0)).await?;
        let found: Vec<SocketAddr> = found.filter(|socket| counts(&socket.ip())).collect();
        Ok(found.into_iter())
    }
}
