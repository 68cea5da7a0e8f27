//! `/v1/state` and `/v1/snapshots`: the certified state for those who copy it.
//!
//! Answers come from one state for some seconds, so that a copy's last questions meet the state of those before. Nobody
//! waits for the core: the state is the one that proofs are made from.

use super::Shared;
use super::body;
use super::door::Seat;
use super::problem::{Answer, Failure};
use super::proofs::certified;
use super::service::Service;
use crate::engine::Certified;
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use quorate_client::api::{Page, SnapshotEntry};
use quorate_ledger::copy::{self, ASK_BYTES_MAX, Ask};
use quorate_pbft::SeqNum;
use std::sync::Arc;

/// Answers a question about the certified state.
pub async fn answer(
    State(service): Shared,
    seat: Option<Extension<Arc<Seat>>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let whole = body::read(&headers, body, ASK_BYTES_MAX, &service.bodies, seat.as_deref()).await?;
    let ask = Ask::decode(&whole.bytes).ok_or_else(|| Failure::bad_request("the body is no question about a state"));
    make(&service, ask.map_err(IntoResponse::into_response)?).await.map_err(IntoResponse::into_response)
}

/// The states that questions are answered from: the one that is being copied, and the newest that a quorum has signed.
pub async fn snapshots(State(service): Shared) -> Json<Page<SnapshotEntry>> {
    let (held, newest) = (service.copies.held(), service.now().certified);
    let is_other = |newest: &Certified| held.as_ref().is_none_or(|held| held.moment.seq() != newest.moment.seq());
    let newest = newest.filter(is_other);
    let items = held.iter().chain(&newest).map(|Certified { moment, certificate }| SnapshotEntry {
        epoch: certificate.epoch().get(),
        seq: certificate.seq().get(),
        time: moment.time().get(),
        state_root: moment.ledger.state_root(),
        entries: moment.ledger.entries(),
    });
    Json(Page { items: items.collect(), next: None })
}

async fn make(service: &Service, ask: Ask) -> Answer<Response> {
    let _turn = service.copies.turns.acquire().await.map_err(|_| Failure::stopping())?;
    let Certified { moment, certificate } = match service.copies.held() {
        Some(held) => held,
        None => service.copies.hold(certified(service, SeqNum::default()).await?),
    };
    let make = move || Ok(copy::answer(&moment.ledger, &moment.snapshot, &certificate, &ask)?);
    service.answers.send("application/octet-stream", make).await
}
