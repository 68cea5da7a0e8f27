//! History that this node does not keep, and the members that may.

use super::Shared;
use super::problem::{Answer, Failure, Unnamed};
use super::service::Service;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use quorate_client::api::Forgotten as Told;
use quorate_ledger::{EnvelopeId, Forgotten, Numbers};
use quorate_pbft::{ReplicaId, SeqNum};

/// Adds the other members to an answer about history that is not kept here: those that make such an answer do not know them.
pub async fn name_members(State(service): Shared, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Unnamed>() {
        Some(Unnamed(failure)) => failure.asking(others(&service)).into_response(),
        None => response,
    }
}

/// Refusal of an envelope whose verdict is forgotten: whether it was applied is for others to say.
pub fn envelope(service: &Service, forgotten: Forgotten, numbers: Numbers) -> Failure {
    let begins = match begins(service) {
        Ok(begins) => begins,
        Err(failure) => return failure,
    };
    let (number, since) = (numbers.from_seq, begins.map(since).unwrap_or_default());
    let (told, detail) = match forgotten {
        Forgotten::Receipt => {
            let detail = format!("the envelope had its verdict, and its receipt is not kept here{since}");
            (Told::Receipt, detail)
        }
        Forgotten::Number => {
            let detail = format!(
                "number {number} of this author is used, and it is not kept here whether by this envelope or another{since}"
            );
            (Told::Number, detail)
        }
    };
    Failure::pruned(detail).with_forgotten(told).with_next_seq(numbers.next_seq).asking(others(service))
}

/// Answer about an envelope without a receipt and a place here: where history is pruned, it may have been ordered all the same.
pub fn unknown(service: &Service, id: &EnvelopeId) -> Failure {
    match begins(service) {
        Err(failure) => failure,
        Ok(None) => Failure::not_found(format!("no envelope {id} was ordered, and none waits here")),
        Ok(Some(oldest)) => {
            let detail = format!(
                "no envelope {id} waits or is kept here; what was ordered before slot {oldest} is kept no more"
            );
            Failure::not_found(detail).asking(others(service))
        }
    }
}

/// The oldest slot whose history is kept; none where all of it is.
fn begins(service: &Service) -> Answer<Option<SeqNum>> {
    let oldest = service.moment().view().history_from()?;
    Ok(Some(oldest).filter(|oldest| *oldest > SeqNum::default()))
}

fn since(oldest: SeqNum) -> String {
    format!(": history begins with slot {oldest}")
}

/// The other members of the epoch.
fn others(service: &Service) -> Vec<u16> {
    service.report().peers.iter().map(|peer| ReplicaId::get(peer.replica)).collect()
}
