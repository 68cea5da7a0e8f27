//! Own addresses: signed when the node starts, when they change, and before the last signature is over.

use crate::observing::OpenDoor;
use quorate_net::{Announcements, Directory, Entrance, LIFETIME_MAX, Multiaddr, Network, PLACES_MAX, Place};
use quorate_pbft::Ed25519Signer;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::sleep;

/// Pause between two looks at the own addresses.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// Time after which a record is signed anew: two of three may be lost.
const SIGNS_EVERY: Duration = Duration::from_secs(LIFETIME_MAX.as_secs() / 3);

/// Own doors, as they stand.
pub(crate) struct Announcer {
    pub(crate) directory: Arc<Directory>,
    pub(crate) signer: Ed25519Signer,
    pub(crate) network: Network,
    /// Configured address for members: whether the machine's networks are meant, or one address.
    pub(crate) listen: Multiaddr,
    pub(crate) door: watch::Receiver<Option<OpenDoor>>,
    /// Relays at which this node is called.
    pub(crate) called_at: watch::Receiver<Vec<Multiaddr>>,
    /// Announcements for the LAN.
    pub(crate) lan: watch::Sender<Announcements>,
}

impl Announcer {
    /// Keeps the own records new for as long as the node runs.
    pub(crate) async fn keep(self) {
        let (mut last, mut signed): (_, Option<Instant>) = ((Vec::new(), Vec::new()), None);
        loop {
            let (places, lan) = (self.places(), self.lan_places());
            let is_due = signed.is_none_or(|at| at.elapsed() >= SIGNS_EVERY) || self.directory.is_outdated();
            let is_new = (&places, &lan) != (&last.0, &last.1);
            if is_new || is_due && !(places.is_empty() && lan.is_empty()) {
                tracing::debug!(?places, "own addresses");
                self.directory.publish(places.clone(), &self.signer);
                self.lan.send_replace(self.directory.announcements(&lan, &self.signer));
                (last, signed) = ((places, lan), Some(Instant::now()));
            }
            sleep(LOOKS_EVERY).await;
        }
    }

    /// Places of the record: two addresses of the machine, each with both doors; relays take the place of the last.
    fn places(&self) -> Vec<Place> {
        let listening = self.network.listen_addrs();
        let hosts = hosts(&self.listen, &listening);
        let at = |door| move |address| Place { door, address };
        let members = listening.iter().filter(|address| hosts.iter().any(|host| is_of(address, *host)));
        let door = self.door.borrow().as_ref().map(|door| door.address);
        let doors = door.into_iter().flat_map(|door| {
            let hosts = if door.ip().is_unspecified() { hosts.clone() } else { vec![door.ip()] };
            hosts.into_iter().map(move |host| address(host, door.port()))
        });
        let called = self.called_at.borrow().clone();
        let (members, doors): (Vec<_>, Vec<_>) =
            (members.cloned().collect(), called.into_iter().chain(doors).collect());
        let half = PLACES_MAX / 2;
        let members_max = half.max(PLACES_MAX.saturating_sub(doors.len()));
        let members = members.into_iter().take(members_max).map(at(Entrance::Members));
        let mut places: Vec<Place> = members.collect();
        let left = PLACES_MAX - places.len();
        places.extend(doors.into_iter().take(left).map(at(Entrance::Observers)));
        places
    }

    /// Places for the LAN, by the own address there: an announcement is believed only if it comes from where it says.
    fn lan_places(&self) -> Vec<(Ipv4Addr, Vec<Place>)> {
        let listening = self.network.listen_addrs();
        let door = self.door.borrow().as_ref().map(|door| door.address);
        lan_places(&listening, door.map(|door| (door.ip(), door.port())))
    }
}

fn lan_places(listening: &[Multiaddr], door: Option<(IpAddr, u16)>) -> Vec<(Ipv4Addr, Vec<Place>)> {
    let mut found: Vec<(Ipv4Addr, Vec<Place>)> = Vec::new();
    for own in listening {
        let (Some(IpAddr::V4(ip)), Some(port)) = (host(own), port(own)) else { continue };
        if ip.is_loopback() || found.iter().any(|(known, _)| *known == ip) {
            continue;
        }
        let door = door.filter(|(host, _)| host.is_unspecified() || *host == IpAddr::from(ip));
        let door = door.map(|(_, port)| (Entrance::Observers, port));
        let doors = [(Entrance::Members, port)].into_iter().chain(door);
        found.push((ip, doors.map(|(door, port)| Place { door, address: address(ip.into(), port) }).collect()));
    }
    found
}

/// Own hosts' addresses: the configured one, or those of the machine's networks that lead here from elsewhere, best first.
fn hosts(listen: &Multiaddr, listening: &[Multiaddr]) -> Vec<IpAddr> {
    match host(listen) {
        Some(host) if !host.is_unspecified() => vec![host],
        _ => {
            let mut hosts: Vec<IpAddr> = listening.iter().filter_map(host).filter(leads_here).collect();
            hosts.sort_by_key(IpAddr::is_ipv6); // a sort that keeps order: IPv4 first
            hosts.dedup();
            hosts
        }
    }
}

fn leads_here(host: &IpAddr) -> bool {
    match host {
        IpAddr::V4(ip) => !(ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()),
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified()),
    }
}

fn is_of(address: &Multiaddr, host_of: IpAddr) -> bool {
    host(address) == Some(host_of)
}

/// The IP address in `/ip4/…/tcp/…`.
fn host(address: &Multiaddr) -> Option<IpAddr> {
    let text = address.to_string();
    let mut parts = text.split('/').skip(1);
    matches!(parts.next()?, "ip4" | "ip6").then_some(())?;
    parts.next()?.parse().ok()
}

fn port(address: &Multiaddr) -> Option<u16> {
    let text = address.to_string();
    text.split('/').nth(4)?.parse().ok()
}

fn address(host: IpAddr, port: u16) -> Multiaddr {
    let kind = if host.is_ipv4() { "ip4" } else { "ip6" };
    format!("/{kind}/{host}/tcp/{port}").parse().expect("an IP address and a port")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening() -> Vec<Multiaddr> {
        let hosts = ["/ip4/127.0.0.1", "/ip6/fe80::1", "/ip6/2001:db8::1", "/ip4/192.168.0.7"];
        hosts.map(|host| format!("{host}/tcp/7700").parse().unwrap()).into()
    }

    #[test]
    fn a_node_that_listens_everywhere_tells_the_addresses_that_lead_to_it() {
        let found = hosts(&"/ip4/0.0.0.0/tcp/7700".parse().unwrap(), &listening());

        assert_eq!(found, ["192.168.0.7".parse::<IpAddr>().unwrap(), "2001:db8::1".parse().unwrap()]);
    }

    #[test]
    fn a_node_that_listens_at_one_address_tells_this_one_also_on_loopback() {
        let found = hosts(&"/ip4/127.0.0.1/tcp/0".parse().unwrap(), &listening());

        assert_eq!(found, ["127.0.0.1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn the_lan_is_told_of_each_own_address_apart_and_of_none_elsewhere() {
        let told = lan_places(&listening(), Some(("0.0.0.0".parse().unwrap(), 8200)));

        let here: Vec<String> = told[0].1.iter().map(|place| place.address.to_string()).collect();
        assert_eq!((told.len(), told[0].0), (1, Ipv4Addr::new(192, 168, 0, 7)));
        assert_eq!(here, ["/ip4/192.168.0.7/tcp/7700", "/ip4/192.168.0.7/tcp/8200"]);
        assert_eq!(lan_places(&listening(), Some(("127.0.0.1".parse().unwrap(), 8200)))[0].1.len(), 1);
    }
}
