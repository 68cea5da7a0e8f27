//! History that this node does not keep, and the members that may.

use super::problem::{Answer, Failure};
use super::service::Service;
use quorate_ledger::{Forgotten, Numbers};
use quorate_pbft::{ReplicaId, SeqNum};

/// Refusal of an envelope whose verdict is forgotten: whether it was applied is for others to say.
pub fn envelope(service: &Service, forgotten: Forgotten, numbers: Numbers) -> Failure {
    let begins = match begins(service) {
        Ok(begins) => begins,
        Err(failure) => return failure,
    };
    let (number, since) = (numbers.from_seq, begins.map(since).unwrap_or_default());
    let detail = match forgotten {
        Forgotten::Receipt => format!("the envelope had its verdict, and its receipt is not kept here{since}"),
        Forgotten::Number => format!(
            "number {number} of this author is used, and it is not kept here whether by this envelope or another{since}"
        ),
    };
    Failure::pruned(detail).with_next_seq(numbers.next_seq).asking(others(service))
}

/// The oldest slot whose history is kept; none where all of it is.
pub fn begins(service: &Service) -> Answer<Option<SeqNum>> {
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
