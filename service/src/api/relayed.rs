//! Envelopes that an observer hands on to a member.

use super::grown::Grown;
use super::problem::{Answer, Failure};
use super::reply::{Reply, settled};
use super::service::Service;
use crate::observing::wire::{Answered, HANDED_ON_BYTES_MAX};
use crate::observing::{ANSWERS_WITHIN, Passing, Relay};
use axum::http::StatusCode;
use quorate_client::api::PROBLEM_TYPE;
use quorate_ledger::{Envelope, EnvelopeId, Level, Receipt, Revision};
use quorate_pbft::{PublicKey, SeqNum};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

/// Slots that a node which has caught up may be behind: under load nobody who follows is ever at the last one.
const BEHIND_MAX: u64 = 16;

/// Hands an envelope of an observer on to a member, perhaps by way of other observers: while a domain is closed, of those
/// alone that are enrolled and may read all. `passed` observers have handed it on before, the last of them `from`. A verdict is answered with the observer's own receipt, anything else
/// with the member's word. All of it takes no longer than a member's answer may.
pub async fn hand_on(
    service: &Arc<Service>,
    relay: &Relay,
    (bytes, level): (Grown, Level),
    (passed, from): (u8, Option<PublicKey>),
) -> Answer<Reply> {
    if bytes.len() > HANDED_ON_BYTES_MAX {
        let detail = format!("an observer hands on {HANDED_ON_BYTES_MAX} bytes at most; offer it to a member");
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail));
    }
    let (bytes, end) = (bytes.joined(), Instant::now() + ANSWERS_WITHIN);
    let id =
        Envelope::decode(&bytes, service.genesis.limits()).ok().map(|envelope| envelope.id(&service.genesis.group()));
    let trusted = trusted(service, relay.serving()).await?;
    let trusts = |key: &PublicKey| trusted.contains(key);
    let (answered, nobody_else) = relay.offer(level, &bytes, &Passing { passed, from, trusts: &trusts }).await;
    if !nobody_else && !answered.as_ref().is_some_and(is_taken) {
        return Err(Failure::unknown_fate());
    }
    let answered = answered.ok_or_else(|| Failure::no_quorum(service.report().mode, &relay.silence()))?;
    let status = StatusCode::from_u16(answered.status).ok().filter(|status| MEMBERS_STATUSES.contains(status));
    let status = status.ok_or_else(|| not_believed("a status that no member gives"))?;
    if status == StatusCode::OK {
        let told = serde_json::from_slice::<Receipt>(&answered.body).ok().and_then(|receipt| receipt.revision);
        if !service.domains().is_empty() {
            // Receipts are not kept here: the verdict is the member's word, and shows here once its slot does.
            if let Some(told) = told {
                service.until_by(end, |published| published.moment.seq() >= told.seq()).await?;
            }
            return Ok(Reply::Member(status, answered));
        }
        let id = id.ok_or_else(|| not_believed("a verdict on what is no envelope"))?;
        let receipt = executed(service, &id, told, end).await?;
        let receipt = receipt.ok_or_else(|| not_believed("a verdict that no slot executed here holds"))?;
        return settled(service, Arc::new(receipt), level, end).await;
    }
    if ![JSON_TYPE, PROBLEM_TYPE].contains(&answered.content_type.as_str()) {
        return Err(not_believed("an answer that is no JSON"));
    }
    Ok(Reply::Member(status, answered))
}

/// Whether an answer is a verdict or a ticket: another of those that were asked may have the envelope too.
fn is_taken(answered: &Answered) -> bool {
    answered.status < 300
}

/// Those of some observers to whom every change may be shown: all while no domain is closed, else who is enrolled and may
/// read every domain. None before this node has caught up: it may not know yet what is closed.
async fn trusted(service: &Service, observers: Vec<PublicKey>) -> Answer<BTreeSet<PublicKey>> {
    let published = service.now();
    if published.moment.seq() == SeqNum::default() || published.report.behind > BEHIND_MAX {
        return Ok(BTreeSet::new());
    }
    let moment = published.moment;
    let look = move || {
        let view = moment.view();
        let is_closed = view.closed_domain().is_some();
        let mut trusted = BTreeSet::new();
        for key in observers {
            if !is_closed || view.observer(&key)?.is_some_and(|observer| view.closed_to(&observer).is_none()) {
                trusted.insert(key);
            }
        }
        Ok(trusted)
    };
    service.blocking(look).await
}

/// Statuses of an answer to an envelope.
const MEMBERS_STATUSES: [StatusCode; 11] = [
    StatusCode::OK,
    StatusCode::ACCEPTED,
    StatusCode::BAD_REQUEST,
    StatusCode::CONFLICT,
    StatusCode::GONE,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::INSUFFICIENT_STORAGE,
];

/// Media type of a receipt and a ticket.
const JSON_TYPE: &str = "application/json";

/// A member's answer that this observer does not hand on as its own.
pub fn not_believed(what: &str) -> Failure {
    let detail = format!("a member answered with {what}; ask a member for the envelope's receipt");
    Failure::new(StatusCode::BAD_GATEWAY, "not-believed", detail)
}

/// The receipt of an envelope, once its slot is executed here; none where the slot that a member named is, without it: the
/// history here may begin later.
async fn executed(service: &Service, id: &EnvelopeId, told: Option<Revision>, end: Instant) -> Answer<Option<Receipt>> {
    let mut published = service.published.clone();
    let look = async {
        loop {
            let newest = published.borrow_and_update().moment.seq();
            let receipt = service.receipt(*id).await?;
            if receipt.is_some() || told.is_some_and(|told| told.seq() <= newest) {
                return Ok(receipt);
            }
            published.changed().await.map_err(|_| Failure::stopping())?;
        }
    };
    timeout_at(end, look).await.unwrap_or_else(|_| Err(Failure::too_slow()))
}
