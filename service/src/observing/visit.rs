//! Visits: nodes that come to a door for observers and do not stay: for addresses, or for a way to another node.

use super::serving::Session;
use super::wire::{Asking, Telling, frame};
use quorate_net::{Receiver, Sender, pack};
use quorate_pbft::PublicKey;
use std::time::Duration;
use tokio::time::timeout;

/// Time of a visit for addresses: no visitor that left, or does not read, holds a place longer.
const VISIT_MAX: Duration = Duration::from_secs(30);
/// Pages of records that one visitor is given: more than there are keys.
const PAGES_MAX: usize = 128;

impl Session {
    /// Answers a first frame that is no observer's greeting.
    pub(super) async fn visit(self, key: PublicKey, hello: Asking, sender: Sender, receiver: Receiver) {
        let is_known = self.service.membership.directory.knows(&key);
        // A member may always come: where observers are not served, members still look for each other.
        let refusal = self.refusal_of(&hello).filter(|(_, is_policy)| !(is_known && *is_policy)).map(|(why, _)| why);
        if let Some(why) = refusal {
            return refuse(sender, why).await;
        }
        match (hello, &self.switchboard) {
            // One that takes too long has been given what it took.
            (Asking::Meet { records, .. }, _) => drop(timeout(VISIT_MAX, self.meet(&records, sender)).await),
            (_, None) => refuse(sender, "nothing is relayed here: `relay_server` is not set".to_owned()).await,
            (Asking::Reserve { .. }, Some(board)) if is_known => board.reserve(key, sender, receiver).await,
            (Asking::Reserve { .. }, Some(_)) => {
                refuse(sender, "only members and enrolled observers are called here".to_owned()).await;
            }
            (Asking::Through { to, .. }, Some(board)) => board.call(key, to, sender, receiver).await,
            (Asking::Take { circuit, .. }, Some(board)) => board.take(key, circuit, sender, receiver).await,
            _ => (),
        }
    }

    /// Takes a visitor's records, and gives all that are its concern, page by page, and an empty page.
    async fn meet(&self, records: &[u8], mut sender: Sender) {
        let Ok(_place) = self.visits.places.try_acquire() else {
            let _ = sender.send(&frame(&Telling::Busy(Vec::new()))).await; // the visitor may be gone
            return;
        };
        if let Err(why) = self.hear(records, &self.visits.budget).await {
            return refuse(sender, why).await;
        }
        let mut number = 0;
        for _ in 0..PAGES_MAX {
            let (records, next) = self.records_since(number);
            number = next;
            let page = frame(&Telling::Records(pack(&records).into()));
            self.visits.budget.turn(page.len()).await;
            if sender.send(&page).await.is_err() || records.is_empty() {
                return;
            }
        }
    }
}

async fn refuse(mut sender: Sender, why: String) {
    // The visitor may be gone.
    let _ = sender.send(&frame(&Telling::Refused(why))).await;
}
