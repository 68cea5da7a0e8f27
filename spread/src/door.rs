//! Places at a node's door, in equal shares for organisations.

use crate::limits::HINTS_MAX;
use crate::neighbour::{Link, Neighbour};
use crate::spread::Spread;
use crate::word::Contact;
use quorate_pbft::PublicKey;
use std::collections::BTreeMap;

/// Answer of a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// A place is free, or made free.
    Welcome {
        /// The neighbour that gives its place up.
        in_place_of: Option<PublicKey>,
    },
    /// Places are all taken.
    Busy {
        /// Others to try.
        hints: Vec<Contact>,
    },
}

impl Spread {
    /// Decides whether a node that proved its key may stay. A full door gives a stranger's place to who is enrolled, and
    /// else one of the organisation with most places to an organisation with at least two fewer. So keys that cost
    /// nothing keep nobody out, and an organisation with many followers leaves room for the others.
    pub fn arrive(&mut self, key: PublicKey, organisation: Option<u32>) -> Door {
        let is_linked = self.neighbours.contains_key(&key);
        let mut groups: BTreeMap<Option<u32>, Vec<(u64, PublicKey)>> = BTreeMap::new();
        for (key, neighbour) in self.neighbours.iter().filter(|(_, neighbour)| neighbour.link == Link::Came) {
            groups.entry(neighbour.organisation).or_default().push((neighbour.age, *key));
        }
        let taken: usize = groups.values().map(Vec::len).sum();
        if taken < self.shape.places && !is_linked {
            return Door::Welcome { in_place_of: None };
        }
        let own = groups.get(&organisation).map_or(0, Vec::len);
        let largest = groups.iter().max_by_key(|(name, keys)| (name.is_none(), keys.len()));
        let youngest = largest.filter(|(name, keys)| name.is_none() || keys.len() > own + 1);
        let youngest = youngest.and_then(|(_, keys)| keys.iter().max()).map(|(_, key)| *key);
        match youngest.filter(|_| organisation.is_some() && !is_linked) {
            Some(youngest) => Door::Welcome { in_place_of: Some(youngest) },
            None => Door::Busy { hints: self.hints(&key) },
        }
    }

    /// A few addresses for somebody else, of neighbours before others.
    pub(crate) fn hints(&mut self, but: &PublicKey) -> Vec<Contact> {
        let linked = self.neighbours.iter().filter(|(_, neighbour)| Neighbour::follows_slots(neighbour));
        let keys: Vec<PublicKey> = linked.map(|(key, _)| *key).filter(|key| key != but).collect();
        let keys = self.dice.take(keys, HINTS_MAX);
        keys.iter().filter_map(|key| self.known.contact(key)).collect()
    }
}
