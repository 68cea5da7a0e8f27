//! Visits: nodes that come to a door for observers and do not stay: for addresses, or for a way to another node.

use super::serving::Session;
use super::wire::{Asking, Telling, frame};
use quorate_net::{Receiver, Sender, pack};
use quorate_pbft::PublicKey;

/// Pages of records that one visitor is given: more than there are keys.
const PAGES_MAX: usize = 128;

impl Session {
    /// Answers a first frame that is no observer's greeting.
    pub(super) async fn visit(self, key: PublicKey, hello: Asking, mut sender: Sender, receiver: Receiver) {
        let is_known = self.service.membership.directory.knows(&key);
        // A member may always come: where observers are not served, members still look for each other.
        let refusal = self.refusal_of(&hello).filter(|(_, is_policy)| !(is_known && *is_policy)).map(|(why, _)| why);
        if let Some(why) = refusal {
            // The visitor may be gone.
            return drop(sender.send(&frame(&Telling::Refused(why))).await);
        }
        match (hello, &self.switchboard) {
            (Asking::Meet { records, .. }, _) => match self.hear(&records).await {
                Ok(()) => self.meet(sender).await,
                Err(why) => drop(sender.send(&frame(&Telling::Refused(why))).await),
            },
            (_, None) => {
                let why = "nothing is relayed here: `relay_server` is not set".to_owned();
                drop(sender.send(&frame(&Telling::Refused(why))).await);
            }
            (Asking::Reserve { .. }, Some(board)) if is_known => board.reserve(key, sender, receiver).await,
            (Asking::Reserve { .. }, Some(_)) => {
                let why = "only members and enrolled observers are called here".to_owned();
                drop(sender.send(&frame(&Telling::Refused(why))).await);
            }
            (Asking::Through { to, .. }, Some(board)) => board.call(key, to, sender, receiver).await,
            (Asking::Take { circuit, .. }, Some(board)) => board.take(key, circuit, sender, receiver).await,
            _ => (),
        }
    }

    /// Gives all records that are the visitor's concern, page by page, and an empty page.
    async fn meet(&self, mut sender: Sender) {
        let mut number = 0;
        for _ in 0..PAGES_MAX {
            let (records, next) = self.records_since(number);
            number = next;
            let page = frame(&Telling::Records(pack(&records).into()));
            self.budget.turn(page.len()).await;
            if sender.send(&page).await.is_err() || records.is_empty() {
                return;
            }
        }
    }
}
