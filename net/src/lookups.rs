//! Lookups of names by the operating system, which may wait for a dead name server for as long as a dial has.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::time::timeout;

/// Time after which the answer before serves, where there is one. The lookup goes on, and its answer serves the next dial.
const PATIENCE: Duration = Duration::from_secs(1);

type Outcome = Result<Vec<IpAddr>, Arc<io::Error>>;

/// Lookups of names: one at a time of each, however many dials ask, because each takes a thread until its servers are given up.
#[derive(Default)]
pub(crate) struct Lookups(Mutex<BTreeMap<String, Entry>>);

/// Name that was asked for.
#[derive(Default)]
struct Entry {
    under_way: Option<Shared<BoxFuture<'static, Outcome>>>,
    /// Last addresses that were found, of which the next dial begins with the first.
    addresses: Vec<IpAddr>,
}

impl Lookups {
    /// Addresses of a host, each time another one first; of the answer before if there is none in a second.
    pub(crate) async fn addresses(self: &Arc<Self>, host: &str) -> io::Result<Vec<IpAddr>> {
        let (lookup, patience) = self.begin(host);
        let outcome = timeout(patience, lookup).await;
        let mut entries = self.lock();
        let known = entries.get_mut(host).map(|entry| &mut entry.addresses).filter(|known| !known.is_empty());
        match (known, outcome) {
            (Some(known), _) => {
                let addresses = known.clone();
                known.rotate_left(1);
                Ok(addresses)
            }
            (None, Ok(Err(error))) => Err(io::Error::new(error.kind(), error)),
            (None, Ok(Ok(_)) | Err(_)) => {
                Err(io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address")))
            }
        }
    }

    /// The lookup of a host that is under way, or a new one, and the time that its answer is waited for.
    fn begin(self: &Arc<Self>, host: &str) -> (Shared<BoxFuture<'static, Outcome>>, Duration) {
        let mut entries = self.lock();
        let entry = entries.entry(host.to_owned()).or_default();
        let patience = if entry.addresses.is_empty() { Duration::MAX } else { PATIENCE };
        let lookup = entry.under_way.get_or_insert_with(|| {
            let task = tokio::spawn(self.clone().look_up(host.to_owned()));
            task.map(|ended| ended.unwrap_or_else(|stopped| Err(Arc::new(stopped.into())))).boxed().shared()
        });
        (lookup.clone(), patience)
    }

    async fn look_up(self: Arc<Self>, host: String) -> Outcome {
        let found = tokio::net::lookup_host((host.as_str(), 0)).await;
        let found = found.map(|sockets| sockets.map(|socket| socket.ip()).collect()).map_err(Arc::new);
        self.ended(&host, &found);
        found
    }

    /// Keeps what was found; addresses that were known stay in their order, where they are the same ones.
    fn ended(&self, host: &str, found: &Outcome) {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(host) else { return };
        entry.under_way = None;
        let Ok(found) = found else { return };
        entry.addresses.retain(|known| found.contains(known));
        let new: Vec<IpAddr> = found.iter().filter(|ip| !entry.addresses.contains(ip)).copied().collect();
        entry.addresses.extend(new);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        [203, 0, 113, last].into()
    }

    /// Lookups that know these addresses of `host`, and one of it that never ends.
    fn stuck(known: &[IpAddr]) -> Arc<Lookups> {
        let lookups = Arc::new(Lookups::default());
        let under_way = Some(futures::future::pending().boxed().shared());
        lookups.lock().insert("host".to_owned(), Entry { under_way, addresses: known.to_vec() });
        lookups
    }

    #[tokio::test]
    async fn the_answer_before_serves_while_a_lookup_waits_for_a_dead_server() {
        assert_eq!(stuck(&[ip(1)]).addresses("host").await.unwrap(), [ip(1)]);
    }

    #[tokio::test]
    async fn each_dial_begins_with_another_address() {
        let lookups = stuck(&[ip(1), ip(2)]);

        assert_eq!(lookups.addresses("host").await.unwrap(), [ip(1), ip(2)]);
        assert_eq!(lookups.addresses("host").await.unwrap(), [ip(2), ip(1)]);
    }

    #[tokio::test]
    async fn a_lookup_goes_on_when_the_dial_that_began_it_is_over_and_no_second_one_begins() {
        let lookups = stuck(&[]);

        for _ in 0..2 {
            assert!(timeout(Duration::from_millis(50), lookups.addresses("host")).await.is_err());
        }
        lookups.ended("host", &Ok(vec![ip(1)]));

        assert_eq!(lookups.lock()["host"].addresses, [ip(1)]);
    }

    #[test]
    fn addresses_that_a_name_has_no_more_are_forgotten() {
        let lookups = stuck(&[ip(2), ip(1)]);

        lookups.ended("host", &Ok(vec![ip(1), ip(3)]));

        assert_eq!(lookups.lock()["host"].addresses, [ip(1), ip(3)]);
    }

    #[tokio::test]
    async fn the_hosts_of_this_machine_are_found() {
        let found = Arc::new(Lookups::default()).addresses("localhost").await.unwrap();

        assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty(), "{found:?}");
    }
}
