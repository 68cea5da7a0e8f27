//! `/v1/order`: decided slots, bundles and proofs of the order, for those who carry them to a place without a network.

use super::Shared;
use super::body;
use super::door::Seat;
use super::param::InQuery;
use super::problem::{Answer, Failure};
use super::proofs::certified;
use super::service::Service;
use crate::engine::{Certified, Moment};
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use quorate_ledger::StoreError;
use quorate_ledger::proof::ProveError;
use quorate_pbft::{Message, Question, SeqNum, Wanted};
use quorate_storage::SupplyLimits;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Bytes of a question.
const QUESTION_BYTES_MAX: usize = 256;
/// Slots of one answer.
const SLOTS_MAX: u64 = 64;

/// Time for the newest state to be signed, before an older one that is will do: an idle group takes a second.
const SIGNED_WITHIN: Duration = Duration::from_secs(2);

/// Slot up to which the order is proved: that of the newest certified state unless the query names one.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub struct UpTo {
    /// The slot; 0 is before the first.
    #[schemars(range(max = u64::MAX))]
    seq: Option<u64>,
}

/// Proves which bundles were executed up to a slot.
pub async fn proof(State(service): Shared, InQuery(UpTo { seq }): InQuery<UpTo>) -> Answer<Response> {
    let (seq, newest) = (seq.map(SeqNum::new), service.moment().seq());
    if let Some(seq) = seq.filter(|seq| *seq > newest) {
        return Err(Failure::not_found(format!("slot {seq} is not executed here; the newest is {newest}")));
    }
    let soon = async { timeout(SIGNED_WITHIN, certified(&service, newest)).await.ok() };
    let signed = if seq.is_none() { soon.await } else { None };
    let Certified { moment, certificate } = match signed {
        Some(signed) => signed?,
        None => certified(&service, seq.unwrap_or_default()).await?,
    };
    let _turn = service.copies.turn().await?;
    let prove = move || {
        let seq = seq.unwrap_or(certificate.seq());
        match moment.view().prove_order(&certificate, seq) {
            Err(ProveError::Unknown(_)) => Err(gone(seq, oldest(&moment)?)),
            Err(ProveError::Store(error)) => Err(missing(&moment, seq, error)),
            proof => Ok(proof?.encode()),
        }
    };
    service.answers.send("application/octet-stream", prove).await
}

/// Answers a question about decided slots or bundles, as members answer each other (N9).
pub async fn answer(
    State(service): Shared,
    seat: Option<Extension<Arc<Seat>>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let whole = body::read(&headers, body, QUESTION_BYTES_MAX, &service.bodies, seat.as_deref()).await?;
    let question = borsh::from_slice(&whole.bytes.joined()).ok().and_then(bounded);
    let question = question.ok_or_else(|| Failure::bad_request("the body is no question about slots or bundles"));
    make(&service, question.map_err(IntoResponse::into_response)?).await.map_err(IntoResponse::into_response)
}

async fn make(service: &Service, question: Question) -> Answer<Response> {
    let moment = service.moment();
    let _turn = service.copies.turn().await?;
    let make = move || {
        let mut messages = moment.snapshot.supply(&question, SupplyLimits::default())?;
        messages.retain(|message| !matches!(message, Message::LaneCert(_))); // a decided tip vouches for its lane
        if let Wanted::Slots { from, .. } = question.wanted
            && from <= moment.seq()
            && first(&messages) != Some(from)
        {
            return Err(gone(from, oldest(&moment)?));
        }
        Ok(borsh::to_vec(&messages).expect("writing into memory cannot fail"))
    };
    service.answers.send("application/octet-stream", make).await
}

/// A question within the bounds of one answer; none of one that only members ask.
fn bounded(Question { epoch, wanted }: Question) -> Option<Question> {
    let wanted = match wanted {
        Wanted::Slots { from, to } => Wanted::Slots { from, to: to.min(from.plus(SLOTS_MAX - 1)) },
        Wanted::Bundles { .. } => wanted,
        Wanted::StableCheckpoint | Wanted::Content { .. } | Wanted::NewView { .. } | Wanted::Recall { .. } => {
            return None;
        }
    };
    Some(Question { epoch, wanted })
}

fn first(messages: &[Message]) -> Option<SeqNum> {
    messages.iter().find_map(|message| match message {
        Message::Decided { certificate, .. } => Some(certificate.seq),
        _ => None,
    })
}

/// The oldest decided slot that is still here.
fn oldest(moment: &Moment) -> Result<Option<SeqNum>, StoreError> {
    let wanted = Wanted::Slots { from: SeqNum::new(1), to: SeqNum::new(u64::MAX) };
    let question = Question { epoch: moment.ledger.executed().epoch, wanted };
    let found = moment.snapshot.supply(&question, SupplyLimits::default())?;
    Ok(first(&found))
}

/// Nodes of the tree of slots go with the slots that were forgotten.
fn missing(moment: &Moment, seq: SeqNum, error: StoreError) -> Failure {
    match oldest(moment) {
        Ok(oldest) if oldest.is_none_or(|oldest| seq < oldest) => gone(seq, oldest),
        _ => error.into(),
    }
}

fn gone(seq: SeqNum, oldest: Option<SeqNum>) -> Failure {
    let oldest = oldest.map_or_else(|| "no slot".to_owned(), |oldest| format!("slot {oldest} is the oldest that"));
    Failure::pruned(format!("slot {seq} is forgotten here; {oldest} is kept")).needing(seq)
}
