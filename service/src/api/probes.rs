//! For machines that watch this one: is it alive, can it vote, and its numbers.

use super::Shared;
use super::problem::{Answer, Failure};
use crate::engine::Report;
use crate::health::{BEHIND_SLOTS_MAX, Standstill};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use quorate_client::api::{Mode, Problem};

/// Media type that Prometheus reads.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// 200 when the replica can vote, hears a quorum and knows how far it is, or the observer hears a member, it is not far behind,
/// and its core does not stand still, else 503 with its mode and why.
pub async fn ready(State(service): Shared) -> Answer<&'static str> {
    let report = service.report();
    if service.drain.is_cancelled() {
        return Err(Failure::stopping().in_mode(report.mode));
    }
    let standstill = service.sources.standstill();
    if is_ready(&report) && standstill.is_none() {
        return Ok("ready\n");
    }
    let why = match standstill.map_or_else(|| service.why(&report), Standstill::words) {
        nothing if nothing.is_empty() && !report.knows_the_newest() => {
            "too few members have said yet how far they are".to_owned()
        }
        nothing if nothing.is_empty() => format!("{} slots behind the others", report.behind),
        why => why,
    };
    let status = StatusCode::SERVICE_UNAVAILABLE.as_u16();
    let problem = Problem::new(status, "not-ready", format!("{}: {why}", report.mode));
    Err(Problem { mode: Some(report.mode), why: Some(why), ..problem }.into())
}

fn is_ready(report: &Report) -> bool {
    let is_well = report.mode == Mode::Active || report.observes && report.mode == Mode::Following;
    is_well && report.hears_quorum() && report.knows_the_newest() && report.behind <= BEHIND_SLOTS_MAX
}

/// OpenMetrics text.
pub async fn metrics(State(service): Shared) -> Response {
    service.metrics.links(&service.membership.links());
    if let Some(network) = &service.membership.network {
        service.metrics.refused_connections(network.refused());
    }
    ([(header::CONTENT_TYPE, OPENMETRICS)], service.metrics.render()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::PeerFacts;
    use quorate_pbft::{ReplicaId, SeqNum};

    #[test]
    fn a_replica_is_ready_while_it_is_little_behind() {
        let report = |behind| Report { quorum: 1, behind, ..Report::of_nobody() };
        assert!(is_ready(&report(BEHIND_SLOTS_MAX)) && !is_ready(&report(BEHIND_SLOTS_MAX + 1)));
        assert!(!is_ready(&Report { mode: Mode::Following, ..report(0) }));
        assert!(!is_ready(&Report { quorum: 2, ..report(0) }), "it hears itself alone");
    }

    #[test]
    fn a_replica_that_hears_members_who_have_not_said_how_far_they_are_is_not_ready() {
        let peer = |executed| PeerFacts {
            replica: ReplicaId::new(1),
            heard_at: None,
            is_heard: true,
            executed,
            view: None,
            hears: None,
            program: None,
            oldest: None,
        };
        let report = |executed| Report { quorum: 2, peers: vec![peer(executed)], ..Report::of_nobody() };
        assert!(!is_ready(&report(None)));
        assert!(is_ready(&report(Some(SeqNum::new(0)))));
    }
}
