//! Slots that a sound replica lacks, and that the others have forgotten: it goes on from a newer state (S1, M3).

use quorate_client::http::{Client, ClientError};
use quorate_pbft::{Epoch, Question, SeqNum, Wanted};

/// Whether a node says that it has forgotten a slot, and none of the others gives it.
pub(super) async fn is_forgotten(seq: SeqNum, from: &[Client]) -> bool {
    let mut is_forgotten = false;
    for node in from {
        match ask(node, seq).await {
            Ok(true) => return false,
            Err(ClientError::Refused(problem)) if problem.code == "history-pruned" => is_forgotten = true,
            _ => (), // it is behind, too, or gives nothing now
        }
    }
    is_forgotten
}

/// Whether a node gives a slot.
async fn ask(node: &Client, seq: SeqNum) -> Result<bool, ClientError> {
    // Slots are asked for by their numbers alone, whatever their epoch.
    let question = Question { epoch: Epoch::default(), wanted: Wanted::Slots { from: seq, to: seq } };
    let answer = node.order(borsh::to_vec(&question).expect("writing into memory cannot fail")).await?;
    Ok(answer.len() > borsh::to_vec(&Vec::<u8>::new()).expect("an empty list").len())
}
