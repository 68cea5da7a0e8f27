//! `/v1/state`: the certified state for those who copy it.
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
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
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

async fn make(service: &Service, ask: Ask) -> Answer<Response> {
    let _turn = service.copies.turns.acquire().await.map_err(|_| Failure::stopping())?;
    let Certified { moment, certificate } = match service.copies.held() {
        Some(held) => held,
        None => service.copies.hold(certified(service, SeqNum::default()).await?),
    };
    let make = move || Ok(copy::answer(&moment.ledger, &moment.snapshot, &certificate, &ask)?);
    service.answers.send("application/octet-stream", make).await
}
