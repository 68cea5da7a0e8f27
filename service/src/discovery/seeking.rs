//! Doors that an observer was told of: it connects to some of the members whose addresses it learnt.

use crate::observing::Contact;
use quorate_net::Entrance;
use quorate_pbft::PublicKey;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Members that serve an observer at a time, of those that it found itself: a member has eight places.
const SERVED_MAX: usize = 3;
/// Pause between two looks.
const LOOKS_EVERY: Duration = Duration::from_millis(500);

/// Contacts of an observer to members that no configuration names.
pub(crate) struct Seeker {
    /// Contact to be made, but for the address.
    pub(crate) contact: Contact,
}

impl Seeker {
    /// Looks for members while fewer serve than may, and none at an address of the configuration: that is who the user
    /// chose, and places are scarce.
    pub(crate) async fn keep(self) {
        let mut under_way: JoinSet<PublicKey> = JoinSet::new();
        let mut tried: BTreeSet<PublicKey> = BTreeSet::new();
        let mut follows = self.contact.relay.follows();
        while follows.wait_for(|follows| *follows).await.is_ok() {
            while let Some(ended) = under_way.try_join_next() {
                // A task that panicked has said so; its member is not tried again.
                if let Ok(key) = ended {
                    tried.remove(&key);
                }
            }
            let (members, served) = self.contact.relay.members();
            let is_served = served.difference(&tried).next().is_some();
            let mut count = served.len() + tried.difference(&served).count();
            for key in members {
                if is_served || count >= SERVED_MAX || served.contains(&key) || tried.contains(&key) {
                    continue;
                }
                let addresses = self.contact.directory.due(&key, Entrance::Observers);
                if !addresses.is_empty() {
                    (count, _) = (count + 1, tried.insert(key));
                    let contact = self.contact.clone();
                    under_way.spawn(async move {
                        contact.try_all(key, addresses).await;
                        key
                    });
                }
            }
            sleep(LOOKS_EVERY).await;
        }
    }
}
