//! `/v1/state` and `/v1/snapshots`: the certified state for those who copy it, and states for those who compare them.
//!
//! Answers come from one state for some seconds, so that a copy's last questions meet the state of those before. Nobody
//! waits for the core: the state is the one that proofs are made from.

use super::Shared;
use super::body;
use super::copies::{Held, Use};
use super::door::Seat;
use super::param::InQuery;
use super::problem::{Answer, Failure};
use super::proofs::certified;
use super::service::Service;
use super::threads::after_all_others;
use crate::engine::Certified;
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use quorate_client::api::{Page, SnapshotEntry};
use quorate_ledger::copy::{self, ASK_BYTES_MAX, Ask};
use quorate_pbft::SeqNum;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// State that a question is about: the certified one that is being copied unless the query says otherwise.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub struct Which {
    /// The state after exactly this slot.
    #[schemars(range(max = u64::MAX))]
    seq: Option<u64>,
    /// The first state that is certified after this slot or a later one.
    #[schemars(range(max = u64::MAX))]
    after: Option<u64>,
    /// The state as it was executed, whether it is signed or not.
    #[serde(default)]
    executed: bool,
}

/// Answers a question about a state.
pub async fn answer(
    State(service): Shared,
    InQuery(which): InQuery<Which>,
    seat: Option<Extension<Arc<Seat>>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let whole = body::read(&headers, body, ASK_BYTES_MAX, &service.bodies, seat.as_deref()).await?;
    let ask =
        Ask::decode(&whole.bytes.joined()).ok_or_else(|| Failure::bad_request("the body is no question about a state"));
    make(&service, which, ask.map_err(IntoResponse::into_response)?).await.map_err(IntoResponse::into_response)
}

/// The states that questions are answered from: the one that is being copied, and the newest that a quorum has signed.
pub async fn snapshots(State(service): Shared) -> Json<Page<SnapshotEntry>> {
    let held = service.copies.held(Use::Copied, None);
    let held = held.and_then(|Held { moment, certificate, .. }| Some(Certified { moment, certificate: certificate? }));
    let is_other = |newest: &Certified| held.as_ref().is_none_or(|held| held.moment.seq() != newest.moment.seq());
    let newest = service.now().certified.filter(is_other);
    let items = held.iter().chain(&newest).map(|Certified { moment, certificate }| SnapshotEntry {
        epoch: certificate.epoch().get(),
        seq: certificate.seq().get(),
        time: moment.time().get(),
        state_root: moment.ledger.state_root(),
        entries: moment.ledger.entries(),
    });
    Json(Page { items: items.collect(), next: None })
}

async fn make(service: &Service, which: Which, ask: Ask) -> Answer<Response> {
    let Held { moment, certificate, .. } = state(service, which).await?;
    let _turn = service.copies.turn().await?;
    let make = move || {
        Ok(match certificate {
            Some(certificate) => copy::answer(&moment.ledger, &moment.snapshot, &certificate, &ask)?,
            None => copy::answer_executed(&moment.ledger, &moment.snapshot, &ask)?,
        })
    };
    let make = || after_all_others(make).unwrap_or_else(|_| Err(Failure::busy("no thread is free for the answer")));
    service.answers.send("application/octet-stream", make).await
}

async fn state(service: &Service, Which { seq, after, executed }: Which) -> Answer<Held> {
    let (seq, after) = (seq.map(SeqNum::new), after.map(SeqNum::new));
    let used = match (executed, seq.or(after)) {
        (true, _) => Use::Executed,
        (false, Some(_)) => Use::Compared,
        (false, None) => Use::Copied,
    };
    if after.is_none()
        && let Some(held) = service.copies.held(used, seq)
    {
        return Ok(held);
    }
    let held = match used {
        Use::Executed => service.copies.hold_executed(service.moment()),
        Use::Compared | Use::Copied => {
            let newest = certified(service, seq.or(after).unwrap_or_default()).await?;
            service.copies.hold(used, newest)
        }
    };
    match seq.filter(|seq| held.moment.seq() != *seq) {
        Some(seq) => {
            Err(Failure::not_found(format!("the state of slot {seq} is not at hand; that of {} is", held.moment.seq())))
        }
        None => Ok(held),
    }
}
