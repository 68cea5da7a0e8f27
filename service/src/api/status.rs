//! `/v1/status` and `/v1/health`.

use super::Shared;
use crate::build;
use crate::engine::Published;
use axum::Json;
use axum::extract::State;
use quorate_client::api::{Health, Mode, Role, StableCheckpoint, Status};
use quorate_pbft::{ReplicaId, Time};

use super::service::Service;

/// Slots behind the others from which a replica is not ready.
pub const BEHIND_SLOTS_MAX: u64 = 64;
/// Slots behind the others that are not worth a word: what a busy group is apart for a moment.
const BEHIND_SLOTS_USUAL: u64 = 4;

/// Answers with the replica's status.
pub async fn status(State(service): Shared) -> Json<Status> {
    Json(of(&service))
}

/// The replica's opinion of itself.
pub async fn health(State(service): Shared) -> Json<Health> {
    Json(opinion(&service, &service.now()))
}

/// The status now.
pub fn of(service: &Service) -> Status {
    let published = service.now();
    let (ledger, report) = (&published.moment.ledger, &published.report);
    Status {
        group: service.genesis.group(),
        name: service.genesis.name().to_owned(),
        replica: Some(service.me.get()),
        primary: Some(report.primary.get()),
        role: Role::Replica,
        version: build::VERSION.to_owned(),
        epoch: report.epoch.get(),
        view: report.view.get(),
        executed_seq: ledger.executed().seq.get(),
        pending: report.pending as u64,
        state_root: ledger.executed().state_root,
        lane_hash: ledger.executed().lane_hash,
        stable_checkpoint: StableCheckpoint {
            seq: report.stable.get(),
            state_root: report.stable_root.unwrap_or(service.genesis_root),
        },
        mode: report.mode,
        why: report.why.clone(),
        peers: report.heard().map(ReplicaId::get).collect(),
        quorum: report.quorum as u64,
        behind: report.behind,
        last_sync: report.last_sync.map(Time::get),
        health: opinion(service, &published),
    }
}

/// 100, less what is wrong.
fn opinion(service: &Service, published: &Published) -> Health {
    let report = &published.report;
    let mut reasons = Vec::new();
    let mut score = 100u8;
    let mut fault = |cost: u8, reason: String| {
        score = score.saturating_sub(cost);
        reasons.push(reason);
    };
    match report.mode {
        Mode::Active => (),
        Mode::Diverged => fault(100, format!("diverged: {}", report.why)),
        Mode::ReadOnly | Mode::Recovering | Mode::Following => fault(60, format!("{}: {}", report.mode, report.why)),
    }
    if report.mode == Mode::Active && !report.hears_quorum() {
        fault(60, report.why.clone());
    }
    if report.behind > BEHIND_SLOTS_USUAL {
        fault(20, format!("{} slots behind the others", report.behind));
    }
    if let Some(damage) = service.damage.get() {
        fault(50, format!("{damage}: restore the database from a backup, or make a new one"));
    }
    let silent: Vec<String> = report.silent().map(|replica| replica.to_string()).collect();
    if !silent.is_empty() {
        fault(10, format!("not heard in the last 2 s: {}", silent.join(", ")));
    }
    if service.genesis.name().contains(crate::init::TEST_WORDS) {
        fault(5, "TEST KEYS: one command has held all keys of this group".to_owned());
    }
    Health { score, reasons }
}
