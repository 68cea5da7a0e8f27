//! `/v1/partitions`: which members hear each other, what waits here, and what earlier outages have cost.

use super::Shared;
use super::envelopes;
use super::problem::{Answer, Failure};
use super::service::Service;
use crate::clock::now_ms;
use crate::engine::Report;
use crate::health;
use axum::Json;
use axum::extract::State;
use quorate_client::api::{Backlog, Component, Hears, Oldest, Partitions};
use quorate_pbft::ReplicaId;

/// Answers from local state, with or without a quorum.
pub async fn partitions(State(service): Shared) -> Answer<Json<Partitions>> {
    let (report, outages, now) = (service.report(), service.outages.borrow().clone(), now_ms());
    let me = report.me.ok_or_else(|| Failure::not_found("an observer orders nothing: ask a member"))?;
    Ok(Json(Partitions {
        replica: me.get(),
        quorum: report.quorum as u64,
        can_order: report.can_order,
        since: outages.current().map(|outage| outage.began),
        components: components(&report, me),
        hears: hears(&report, me, now),
        waiting: backlog(&service, now),
        estimate: outages.estimate(now),
        healed: outages.healed().cloned().collect(),
    }))
}

fn components(report: &Report, me: ReplicaId) -> Vec<Component> {
    let component = |found: health::Component| Component {
        can_order: found.members.len() >= report.quorum,
        members: numbers(&found.members),
        ours: found.is_ours,
        assumed: !found.is_ours,
    };
    health::components(report, me).into_iter().map(component).collect()
}

/// The word of each member, by number.
fn hears(report: &Report, me: ReplicaId, now: u64) -> Vec<Hears> {
    let others = report.peers.iter().map(|peer| Hears {
        replica: peer.replica.get(),
        hears: peer.hears.as_deref().map(numbers),
        age_ms: peer.heard_at.map(|at| now.saturating_sub(at.get())),
    });
    let own: Vec<ReplicaId> = report.heard().collect();
    let own = Hears { replica: me.get(), hears: Some(numbers(&own)), age_ms: Some(0) };
    let mut all: Vec<Hears> = others.chain([own]).collect();
    all.sort_by_key(|hears| hears.replica);
    all
}

fn backlog(service: &Service, now: u64) -> Backlog {
    let mempool = service.mempool();
    let oldest = mempool.oldest().map(|(candidate, place, came)| (candidate.id, candidate.domain.clone(), place, came));
    let (count, queued, bytes) = (mempool.len() as u64, mempool.held_back() as u64, mempool.bytes() as u64);
    drop(mempool);
    let oldest_ms = oldest.as_ref().map(|(.., came)| now.saturating_sub(came.get()));
    let oldest = oldest.map(|(id, domain, place, _)| {
        let (waits_for, why) = (place.waits_for(), envelopes::why(service, place, &domain));
        Oldest { id, domain, waits_for, why }
    });
    Backlog { envelopes: count, queued, bytes, oldest_ms, oldest }
}

fn numbers(replicas: &[ReplicaId]) -> Vec<u16> {
    replicas.iter().map(|replica| replica.get()).collect()
}
