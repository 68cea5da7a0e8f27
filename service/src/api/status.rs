//! `/v1/status`, `/v1/health` and `/v1/issues`.

use super::Shared;
use crate::build;
use crate::clock::now_ms;
use crate::engine::{Published, Report};
use crate::health::{self, Fault, RUNBOOKS, Watched, assess};
use axum::Json;
use axum::extract::State;
use quorate_client::api::{Health, Issue, Page, RestartedFrom, Role, StableCheckpoint, Status, Sync, SyncKind};
use quorate_pbft::{ReplicaId, Time};

use super::service::Service;

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
    let me = report.me;
    Status {
        group: service.genesis.group(),
        name: service.genesis.name().to_owned(),
        replica: me.map(ReplicaId::get),
        primary: me.map(|_| report.primary.get()),
        role: if me.is_some() { Role::Replica } else { Role::Observer },
        version: build::VERSION.to_owned(),
        epoch: report.epoch.get(),
        view: report.view.get(),
        executed_seq: ledger.executed().seq.get(),
        pending: report.pending as u64,
        state_root: ledger.executed().state_root,
        lane_hash: ledger.executed().lane_hash,
        stable_checkpoint: StableCheckpoint {
            seq: report.stable.max(service.genesis.founders().base()).get(),
            state_root: report.stable_root.unwrap_or(service.genesis_root),
        },
        mode: report.mode,
        why: service.why(report),
        peers: report.heard().map(ReplicaId::get).collect(),
        quorum: report.quorum as u64,
        behind: report.behind,
        sync: sync(report, !service.domains().is_empty()),
        lag_ms: lag_ms(ledger.executed().time, now_ms()),
        fast_commits: report.fast_commits,
        last_sync: report.last_sync.map(Time::get),
        domains: service.domains(),
        checked: report.checked,
        restarted_from: RestartedFrom::of(&service.genesis),
        health: opinion(service, &published),
    }
}

/// Milliseconds from ledger time to the own clock; none before the first slot, whose time is the first that there is.
fn lag_ms(ledger: Time, now: u64) -> u64 {
    if ledger == Time::default() { 0 } else { now.saturating_sub(ledger.get()) }
}

/// Catching up of a node, of some domains alone or of the whole group. Several members are asked at a time, and nobody says how
/// many bytes are left.
fn sync(report: &Report, is_of_domains: bool) -> Option<Sync> {
    let kind = if is_of_domains { SyncKind::State } else { SyncKind::Bundles };
    (report.behind > 0 || report.grows).then_some(Sync { kind, left_bytes: None, from: None })
}

/// The replica's opinion of itself.
fn opinion(service: &Service, published: &Published) -> Health {
    let watched = service.watched.borrow().clone();
    let facts = service.sources.facts(&published.report, &watched.vitals);
    Health { actions: watched.actions.list(), ..assess(&facts, &health::issues(&facts)) }
}

/// Issues, the most urgent first.
pub async fn issues(State(service): Shared) -> Json<Page<Issue>> {
    let (published, watched) = (service.now(), service.watched.borrow().clone());
    let found = health::issues(&service.sources.facts(&published.report, &watched.vitals));
    let items = found.into_iter().map(|fault| issue(&fault, &watched));
    Json(Page { items: items.collect(), next: None })
}

fn issue(fault: &Fault, watched: &Watched) -> Issue {
    let page = RUNBOOKS.iter().find(|(id, _)| *id == fault.id).map_or("", |(_, page)| *page);
    Issue {
        id: fault.id.to_owned(),
        severity: fault.severity.name().to_owned(),
        since: watched.since.get(fault.id).copied().unwrap_or_else(now_ms),
        what: fault.what.to_owned(),
        evidence: fault.evidence.clone(),
        advice: fault.advice.to_owned(),
        runbook: format!("docs/runbooks/{page}.md"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(report: &Report, is_of_domains: bool) -> Option<SyncKind> {
        sync(report, is_of_domains).map(|sync| sync.kind)
    }

    #[test]
    fn a_node_that_is_behind_says_in_which_form_it_catches_up() {
        let behind = Report { behind: 7, ..Report::of_nobody() };

        assert_eq!(kind(&behind, false), Some(SyncKind::Bundles));
        assert_eq!(kind(&behind, true), Some(SyncKind::State));
        assert_eq!(kind(&Report { grows: true, ..Report::of_nobody() }, true), Some(SyncKind::State));
    }

    #[test]
    fn a_group_that_has_executed_nothing_does_not_lag() {
        assert_eq!([lag_ms(Time::default(), 9_000), lag_ms(Time::new(2_000), 9_000)], [0, 7_000]);
    }

    #[test]
    fn a_node_that_has_executed_all_that_it_knows_of_does_not_catch_up() {
        assert_eq!(sync(&Report::of_nobody(), false), None);
    }
}
