//! History that this node does not keep, and the members that may.

use super::Shared;
use super::problem::{Answer, Failure, Unnamed};
use super::service::Service;
use crate::engine::Report;
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
        Some(Unnamed(failure)) => {
            let members = others(&service, failure.needed);
            failure.asking(members).into_response()
        }
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
    Failure::pruned(detail).with_forgotten(told).with_next_seq(numbers.next_seq).asking(others(service, None))
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
            Failure::not_found(detail).asking(others(service, None))
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

/// The other members of the epoch that may keep history from a slot on, or else from before what is kept here.
fn others(service: &Service, needed: Option<SeqNum>) -> Vec<u16> {
    let needed = needed.or_else(|| begins(service).ok().flatten()?.previous());
    that_may_keep(&service.report(), needed)
}

/// The other members but for those that say that they have forgotten that slot; of slots before its epoch none says anything.
fn that_may_keep(report: &Report, needed: Option<SeqNum>) -> Vec<u16> {
    let may_keep = |oldest: SeqNum| needed.is_none_or(|needed| oldest <= needed.max(report.begins));
    let peers = report.peers.iter().filter(|peer| peer.oldest.is_none_or(may_keep));
    peers.map(|peer| ReplicaId::get(peer.replica)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::PeerFacts;

    #[test]
    fn members_that_say_that_they_have_forgotten_a_slot_are_not_named() {
        let peer = |number, oldest: Option<u64>| PeerFacts {
            replica: ReplicaId::new(number),
            heard_at: None,
            is_heard: true,
            executed: None,
            view: None,
            hears: None,
            program: None,
            oldest: oldest.map(SeqNum::new),
        };
        let peers = vec![peer(1, Some(100)), peer(2, Some(40)), peer(3, None)];
        let report = Report { begins: SeqNum::new(30), peers, ..Report::of_nobody() };
        let named = |needed: Option<u64>| that_may_keep(&report, needed.map(SeqNum::new));

        assert_eq!((named(Some(99)), named(Some(39))), (vec![2, 3], vec![3]));
        assert_eq!((named(Some(100)), named(None)), (vec![1, 2, 3], vec![1, 2, 3]));
        let begins_later = Report { begins: SeqNum::new(40), ..report.clone() };
        assert_eq!(that_may_keep(&begins_later, Some(SeqNum::new(1))), [2, 3], "of the epoch before it says nothing");
    }
}
