//! Envelopes that an observer hands on to a member.

use super::problem::{Answer, Failure};
use super::reply::{Reply, settled};
use super::service::{Service, WAIT_MAX};
use crate::observing::Relay;
use crate::observing::wire::HANDED_ON_BYTES_MAX;
use axum::http::StatusCode;
use quorate_client::api::PROBLEM_TYPE;
use quorate_ledger::{Envelope, EnvelopeId, Level, Receipt, Revision};
use std::sync::Arc;
use tokio::time::timeout;

/// Hands an envelope of an observer on to a member. A verdict is answered with the observer's own receipt, anything else
/// with the member's word.
pub async fn hand_on(service: &Arc<Service>, relay: &Relay, bytes: Vec<u8>, level: Level) -> Answer<Reply> {
    if bytes.len() > HANDED_ON_BYTES_MAX {
        let detail = format!("an observer hands on {HANDED_ON_BYTES_MAX} bytes at most; offer it to a member");
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail));
    }
    let id =
        Envelope::decode(&bytes, service.genesis.limits()).ok().map(|envelope| envelope.id(&service.genesis.group()));
    let answered = relay.offer(level, &bytes).await;
    let answered = answered.ok_or_else(|| Failure::no_quorum(service.now().report.mode, &relay.silence()))?;
    let status = StatusCode::from_u16(answered.status).ok().filter(|status| MEMBERS_STATUSES.contains(status));
    let status = status.ok_or_else(|| not_believed("a status that no member gives"))?;
    if status == StatusCode::OK {
        let told = serde_json::from_slice::<Receipt>(&answered.body).ok().and_then(|receipt| receipt.revision);
        if !service.domains().is_empty() {
            // Receipts are not kept here: the verdict is the member's word, and shows here once its slot does.
            if let Some(told) = told {
                service.until(|published| published.moment.seq() >= told.seq()).await?;
            }
            return Ok(Reply::Member(status, answered));
        }
        let id = id.ok_or_else(|| not_believed("a verdict on what is no envelope"))?;
        let receipt = executed(service, &id, told).await?;
        let receipt = receipt.ok_or_else(|| not_believed("a verdict that no slot executed here holds"))?;
        return settled(service, Arc::new(receipt), level).await;
    }
    if ![JSON_TYPE, PROBLEM_TYPE].contains(&answered.content_type.as_str()) {
        return Err(not_believed("an answer that is no JSON"));
    }
    Ok(Reply::Member(status, answered))
}

/// Statuses of an answer to an envelope.
const MEMBERS_STATUSES: [StatusCode; 9] = [
    StatusCode::OK,
    StatusCode::ACCEPTED,
    StatusCode::BAD_REQUEST,
    StatusCode::CONFLICT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
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
async fn executed(service: &Service, id: &EnvelopeId, told: Option<Revision>) -> Answer<Option<Receipt>> {
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
    timeout(WAIT_MAX, look).await.unwrap_or_else(|_| Err(Failure::too_slow()))
}
