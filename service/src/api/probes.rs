//! For machines that watch this one: is it alive, can it vote, and its numbers.

use super::Shared;
use super::problem::{Answer, Failure};
use crate::engine::Report;
use crate::health::BEHIND_SLOTS_MAX;
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

/// 200 when the replica can vote, hears a quorum and is not far behind, else 503 with its mode and why.
pub async fn ready(State(service): Shared) -> Answer<&'static str> {
    let report = service.now().report;
    if service.drain.is_cancelled() {
        return Err(Failure::stopping());
    }
    if is_ready(&report) {
        return Ok("ready\n");
    }
    let why = match report.why.is_empty() {
        true => format!("{} slots behind the others", report.behind),
        false => report.why.clone(),
    };
    let status = StatusCode::SERVICE_UNAVAILABLE.as_u16();
    let problem = Problem::new(status, "not-ready", format!("{}: {why}", report.mode));
    Err(Problem { mode: Some(report.mode), why: Some(why), ..problem }.into())
}

fn is_ready(report: &Report) -> bool {
    report.mode == Mode::Active && report.hears_quorum() && report.behind <= BEHIND_SLOTS_MAX
}

/// OpenMetrics text.
pub async fn metrics(State(service): Shared) -> Response {
    let links = service.network.peers();
    service.metrics.links(&links);
    service.metrics.refused_connections(service.network.refused());
    ([(header::CONTENT_TYPE, OPENMETRICS)], service.metrics.render()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_ready_while_it_is_little_behind() {
        let report = |behind| Report { quorum: 1, behind, ..Report::of_nobody() };
        assert!(is_ready(&report(BEHIND_SLOTS_MAX)) && !is_ready(&report(BEHIND_SLOTS_MAX + 1)));
        assert!(!is_ready(&Report { mode: Mode::Following, ..report(0) }));
        assert!(!is_ready(&Report { quorum: 2, ..report(0) }), "it hears itself alone");
    }
}
