//! Keeper: looks at the book, tells what changed, and restrains the links of members.

use super::book::{Change, Who};
use super::offence::Offence;
use super::record::{Record, State};
use super::watched::Conduct;
use crate::membership::Membership;
use crate::metrics::Metrics;
use quorate_net::{Allowance, Network, PeerInfo};
use quorate_pbft::PublicKey;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Looks between two at the addresses that were turned away.
const HOSTS_EVERY: u64 = 8;
/// Offences of one kind that one look counts at most: more say no more.
const COUNTED_MAX: u64 = 100;
/// Lines about observers in a minute: strangers with ever new keys fill no log.
const LINES_A_MINUTE: u32 = 10;

/// Keeper of one node.
pub struct Keeper {
    /// The book.
    pub conduct: Arc<Conduct>,
    /// Links to the members.
    pub membership: Arc<Membership>,
    /// Gauges that it sets.
    pub metrics: Arc<Metrics>,
}

/// Counters of the network at the last look, and lines that were written since a minute began.
struct Last {
    oversized: BTreeMap<PublicKey, u64>,
    hosts: BTreeMap<IpAddr, (u64, u64)>,
    lines: (Instant, u32),
}

impl Keeper {
    /// Looks for as long as it is polled.
    pub async fn keep(self) {
        let mut last = Last { oversized: BTreeMap::new(), hosts: BTreeMap::new(), lines: (Instant::now(), 0) };
        for look in 0_u64.. {
            let links = self.membership.links();
            self.count_oversized(&links, &mut last);
            if let Some(network) = self.membership.network.as_ref().filter(|_| look.is_multiple_of(HOSTS_EVERY)) {
                self.count_hosts(network, &mut last);
            }
            let changes = self.conduct.look(|key| links.iter().any(|link| link.key == *key));
            changes.iter().for_each(|change| self.tell(change, &links, &mut last));
            self.restrain(&links);
            self.metrics.conduct(&self.conduct, &links);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn count_oversized(&self, links: &[PeerInfo], last: &mut Last) {
        for link in links {
            let before = last.oversized.insert(link.key, link.oversized).unwrap_or_default();
            self.count(Who::Member(link.key), Offence::Oversized, link.oversized.saturating_sub(before));
        }
        last.oversized.retain(|key, _| links.iter().any(|link| link.key == *key));
    }

    fn count_hosts(&self, network: &Network, last: &mut Last) {
        let hosts = network.refused_hosts();
        for (host, counts) in &hosts {
            let (broken, crowded) = last.hosts.get(host).copied().unwrap_or_default();
            self.count(Who::Host(*host), Offence::BrokenHandshake, counts.broken.saturating_sub(broken));
            self.count(Who::Host(*host), Offence::OverRate, counts.crowded.saturating_sub(crowded));
        }
        last.hosts = hosts.into_iter().map(|(host, counts)| (host, (counts.broken, counts.crowded))).collect();
    }

    fn count(&self, who: Who, offence: Offence, times: u64) {
        (0..times.min(COUNTED_MAX)).for_each(|_| self.conduct.note(who, offence));
    }

    /// Members are read as their state says: their votes in each of them. Who has left has little to say.
    fn restrain(&self, links: &[PeerInfo]) {
        let Some(network) = &self.membership.network else { return };
        let committees = self.membership.checker.committees();
        for link in links {
            let allowance = match self.conduct.state(Who::Member(link.key)) {
                _ if committees.has_left(&link.key) => Allowance::Least,
                State::Normal => Allowance::Full,
                State::Strict => Allowance::Less,
                State::Suspended => Allowance::Least,
            };
            network.restrain(&link.key, allowance);
        }
    }

    fn tell(&self, Change { who, record }: &Change, links: &[PeerInfo], last: &mut Last) {
        if !matches!(who, Who::Member(_)) && !last.has_line() {
            return;
        }
        let peer = who.name(|key| links.iter().find(|link| link.key == *key).and_then(|link| link.id));
        let Record { reason, until, .. } = record;
        let reason = reason.map_or("", Offence::name);
        match record.state {
            State::Normal => tracing::info!(event = "peer-normal", peer, "a peer is no longer restrained"),
            State::Strict => {
                tracing::warn!(
                    event = "peer-strict",
                    peer,
                    reason,
                    until,
                    "a peer sends garbage: it is read at a lower rate"
                )
            }
            State::Suspended => {
                tracing::warn!(
                    event = "peer-suspended",
                    peer,
                    reason,
                    until,
                    "a peer sends much garbage: it is suspended, but for a member's votes"
                )
            }
        }
    }
}

impl Last {
    /// Whether one more line about others than members fits into this minute.
    fn has_line(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.lines.0) >= Duration::from_secs(60) {
            self.lines = (now, 0);
        }
        self.lines.1 += 1;
        self.lines.1 <= LINES_A_MINUTE
    }
}
