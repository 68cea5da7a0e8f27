//! Offences by name, peers that are restrained, and the state of each member.

use super::numbers::Numbers;
use super::{Kind, Sender};
use crate::conduct::{Conduct, Offence, State, Who};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use quorate_net::PeerInfo;
use std::sync::atomic::Ordering;

/// Metrics of the conduct of peers.
#[derive(Debug, Default)]
pub struct ConductMetrics {
    offences: Family<Kind, Counter>,
    restrained: Family<Kind, Gauge>,
    members: Family<Sender, Gauge>,
    shown: Numbers,
}

impl ConductMetrics {
    /// Registers every metric, at zero.
    pub fn register(&self, r: &mut Registry) {
        r.register("offences", "Offences of peers by name", self.offences.clone());
        r.register("peers_restrained", "Members and observers that are strict or suspended", self.restrained.clone());
        r.register(
            "peer_conduct",
            "0 for a normal member, 1 for a strict one, 2 for a suspended one",
            self.members.clone(),
        );
        for offence in Offence::ALL {
            drop(self.offences.get_or_create(&Kind::of(offence.name())));
        }
        for state in [State::Strict, State::Suspended] {
            drop(self.restrained.get_or_create(&Kind::of(state.name())));
        }
    }

    /// Sets what the book has now.
    pub fn set(&self, conduct: &Conduct, links: &[PeerInfo]) {
        for (offence, count) in conduct.totals() {
            self.offences.get_or_create(&Kind::of(offence.name())).inner().store(count, Ordering::Relaxed);
        }
        let all = conduct.all();
        for state in [State::Strict, State::Suspended] {
            let count = all.iter().filter(|seen| seen.record.state == state).count();
            self.restrained.get_or_create(&Kind::of(state.name())).set(count as i64);
        }
        let mut shown = self.shown.lock();
        for peer in shown.replace(links.iter().map(PeerInfo::name)) {
            self.members.remove(&Sender { peer });
        }
        for link in links {
            let state = conduct.state(Who::Member(link.key));
            self.members.get_or_create(&Sender { peer: link.name() }).set(state as i64);
        }
    }
}
