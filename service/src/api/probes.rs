//! For machines that watch this one: is it alive, can it vote, and its numbers.

use super::Shared;
use super::problem::{Answer, Failure};
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

/// 200 when the replica can vote, else 503 with its mode and why.
pub async fn ready(State(service): Shared) -> Answer<&'static str> {
    let report = service.now().report;
    if service.stop.is_cancelled() {
        return Err(Failure::stopping());
    }
    if report.mode == Mode::Active {
        return Ok("ready\n");
    }
    let status = StatusCode::SERVICE_UNAVAILABLE.as_u16();
    let problem = Problem::new(status, "not-ready", format!("{}: {}", report.mode, report.why));
    Err(Problem { mode: Some(report.mode), why: Some(report.why.clone()), ..problem }.into())
}

/// OpenMetrics text.
pub async fn metrics(State(service): Shared) -> Response {
    let links = service.network.peers();
    service.metrics.links(&links);
    ([(header::CONTENT_TYPE, OPENMETRICS)], service.metrics.render()).into_response()
}
