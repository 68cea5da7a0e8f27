//! Doors that an observer was told of: it connects to some of the members whose addresses it learnt, and where these have no
//! place, to observers that they named.

use crate::observing::{Contact, Pause};
use quorate_net::{Entrance, Multiaddr};
use quorate_pbft::PublicKey;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Members and observers that serve an observer at a time, of those that it found itself: a node has eight places.
const SERVED_MAX: usize = 3;
/// Pause after which a member is asked all the same while observers serve that lead: they may all lie together.
const LED_FOR: Duration = Duration::from_secs(300);
/// Pause between two looks.
const LOOKS_EVERY: Duration = Duration::from_millis(500);
/// Pause before a member that refused is asked again, doubled each time, and its bound: a handshake costs a voter as much as
/// ten small questions.
const REFUSED_FOR: Duration = Duration::from_secs(10);
const REFUSED_FOR_MAX: Duration = Duration::from_secs(320);

/// Contacts of an observer to nodes that no configuration names.
pub(crate) struct Seeker {
    /// Contact to be made, but for the address.
    pub(crate) contact: Contact,
}

/// Contacts under way, and members that refused.
#[derive(Default)]
struct Tries {
    under_way: JoinSet<(PublicKey, Pause)>,
    tried: BTreeSet<PublicKey>,
    /// When a member that refused is asked again, and the pause after that.
    refused: BTreeMap<PublicKey, (Instant, Duration)>,
    /// When a member was asked last.
    asked_at: Option<Instant>,
}

impl Seeker {
    /// Looks for doors while fewer serve than may, and no member at an address of the configuration: that is who the user
    /// chose, and places are scarce. An observer there is no reason to stop: it may be behind, or lie.
    pub(crate) async fn keep(self) {
        let (mut tries, mut follows) = (Tries::default(), self.contact.relay.follows());
        while follows.wait_for(|follows| *follows).await.is_ok() {
            tries.look_back(&self.contact);
            let (members, served) = self.contact.relay.members();
            let is_served = served.iter().any(|key| members.contains(key) && !tries.tried.contains(key));
            let now = Instant::now();
            let is_due = tries.asked_at.is_none_or(|at| now.duration_since(at) >= LED_FOR);
            let asks_members = !is_served && (is_due || !self.contact.relay.is_led());
            for key in members.iter().filter(|key| asks_members && !served.contains(key)) {
                if tries.room(&served, &members).0 && tries.may_ask(key, now) {
                    let addresses = self.contact.directory.due(key, Entrance::Observers);
                    tries.asked_at = if addresses.is_empty() { tries.asked_at } else { Some(now) };
                    tries.begin(&self.contact, *key, addresses);
                }
            }
            if !is_served && tries.room(&served, &members).1 {
                let is_linked = |key: &PublicKey| served.contains(key) || tries.tried.contains(key);
                if let Some((key, address)) = self.contact.hints.due(is_linked, now) {
                    tries.begin(&self.contact, key, vec![address]);
                }
            }
            sleep(LOOKS_EVERY).await;
        }
    }
}

impl Tries {
    /// Takes note of contacts that have ended.
    fn look_back(&mut self, contact: &Contact) {
        while let Some(ended) = self.under_way.try_join_next() {
            // A task that panicked has said so; its key is not tried again.
            let Ok((key, pause)) = ended else { continue };
            self.tried.remove(&key);
            match pause {
                Pause::Usual => drop(self.refused.remove(&key)),
                Pause::For(pause) => {
                    contact.hints.rest(&key, pause);
                    let last = self.refused.get(&key).map_or(REFUSED_FOR / 2, |(_, last)| *last);
                    let next = (last * 2).min(REFUSED_FOR_MAX);
                    self.refused.insert(key, (Instant::now() + next, next));
                }
            }
        }
        let members = contact.relay.members().0;
        self.refused.retain(|key, _| members.contains(key));
    }

    /// Whether a member, and whether an observer, may be tried beside those that serve: one link is for a member.
    fn room(&self, served: &BTreeSet<PublicKey>, members: &[PublicKey]) -> (bool, bool) {
        let links = || served.union(&self.tried);
        let (all, others) = (links().count(), links().filter(|key| !members.contains(key)).count());
        (all < SERVED_MAX || all == others, all < SERVED_MAX && others < SERVED_MAX - 1)
    }

    fn may_ask(&self, key: &PublicKey, now: Instant) -> bool {
        !self.tried.contains(key) && self.refused.get(key).is_none_or(|(again, _)| *again <= now)
    }

    fn begin(&mut self, contact: &Contact, key: PublicKey, addresses: Vec<Multiaddr>) {
        if addresses.is_empty() {
            return;
        }
        self.tried.insert(key);
        let contact = contact.clone();
        self.under_way.spawn(async move { (key, contact.try_all(key, addresses).await) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_three_links_one_is_for_a_member() {
        let key = |number| PublicKey([number; 32]);
        let (tries, members) = (Tries::default(), [key(1), key(2)]);
        let room = |served: &[u8]| tries.room(&served.iter().map(|number| key(*number)).collect(), &members);
        assert_eq!([room(&[]), room(&[10]), room(&[1, 10])], [(true, true); 3]);
        assert_eq!(
            [room(&[10, 11]), room(&[10, 11, 12])],
            [(true, false); 2],
            "also where the configuration names observers"
        );
        assert_eq!([room(&[1, 10, 11]), room(&[1, 2, 10])], [(false, false); 2]);
    }
}
