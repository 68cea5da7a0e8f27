//! Addresses that are known, bounded.

use crate::dice::Dice;
use crate::limits::{ADDRESS_BYTES_MAX, KNOWN_MAX};
use crate::word::Contact;
use quorate_pbft::{PublicKey, Ticks};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
struct Entry {
    address: Vec<u8>,
    /// From the configuration: never forgotten.
    is_pinned: bool,
    /// Milliseconds to it and back, once measured.
    rtt_ms: Option<u64>,
    /// Earliest time of the next dial.
    not_before: Ticks,
}

/// Nodes by key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known(BTreeMap<PublicKey, Entry>);

impl Known {
    /// Learns an address. A full book forgets a random other one, so that nobody can fill it for good; a pinned address
    /// and the way to a node whose address is known stay.
    pub(crate) fn learn(&mut self, contact: Contact, is_pinned: bool, dice: &mut Dice) {
        if contact.address.len() > ADDRESS_BYTES_MAX || self.0.contains_key(&contact.key) {
            return;
        }
        if self.0.len() >= KNOWN_MAX {
            let others: Vec<PublicKey> =
                self.0.iter().filter(|(_, entry)| !entry.is_pinned).map(|(key, _)| *key).collect();
            dice.take(others, 1).iter().for_each(|key| drop(self.0.remove(key)));
        }
        if self.0.len() < KNOWN_MAX {
            let entry = Entry { address: contact.address, is_pinned, rtt_ms: None, not_before: Ticks::default() };
            self.0.insert(contact.key, entry);
        }
    }

    pub(crate) fn measured(&mut self, key: &PublicKey, rtt_ms: u64) {
        self.0.get_mut(key).into_iter().for_each(|entry| entry.rtt_ms = Some(rtt_ms));
    }

    pub(crate) fn not_before(&mut self, key: &PublicKey, at: Ticks) {
        self.0.get_mut(key).into_iter().for_each(|entry| entry.not_before = at.max(entry.not_before));
    }

    pub(crate) fn contact(&self, key: &PublicKey) -> Option<Contact> {
        self.0.get(key).map(|entry| Contact { key: *key, address: entry.address.clone() })
    }

    /// Nodes that may be dialled now, with their measured ways.
    pub(crate) fn candidates(&self, now: Ticks) -> impl Iterator<Item = (PublicKey, Option<u64>)> {
        self.0.iter().filter(move |(_, entry)| entry.not_before <= now).map(|(key, entry)| (*key, entry.rtt_ms))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
