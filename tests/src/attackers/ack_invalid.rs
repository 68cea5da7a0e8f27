//! Acknowledges the invalid: every other bundle of its lane has an item that nobody signed, it acknowledges that one, and
//! any invalid bundle of others, as valid and stored.
//! Must survive: integrity; an invalid bundle never gets q acknowledgements (L2, E6). May suffer: its own lane.

use super::{Attacker, Mask};
use quorate_pbft::{Bundle, BundleHeader, Item, Kind, Message, ReplicaId, SeqNum, Statement, View, items_root};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Invalid bundles of others that wait for an acknowledgement.
const WAITING_MAX: usize = 64;

pub(super) struct AckInvalid {
    mask: Mask,
    /// The invalid ones in place of its own, by position: the same to everybody.
    made: BTreeMap<u64, Arc<Bundle>>,
    waiting: Vec<Message>,
}

impl AckInvalid {
    pub(super) fn new(mask: Mask) -> Self {
        Self { mask, made: BTreeMap::new(), waiting: Vec::new() }
    }

    fn spoil(&mut self, bundle: &Arc<Bundle>) -> Arc<Bundle> {
        let position = bundle.header.position.get();
        let mask = &self.mask;
        self.made.entry(position).or_insert_with(|| Arc::new(spoiled(mask, bundle))).clone()
    }

    fn acknowledge(&self, header: &BundleHeader) -> Message {
        let (lane, seq) = (View::new(u64::from(header.lane.get())), SeqNum::new(header.position.get()));
        Message::Ack(self.mask.say(Kind::Ack, lane, seq, header.digest()))
    }
}

/// The bundle with its first item broken, under a header and a signature that fit.
fn spoiled(mask: &Mask, bundle: &Bundle) -> Bundle {
    let mut items: Vec<Item> = bundle.items.clone();
    if let Some(byte) = items.first_mut().and_then(|item| item.bytes.last_mut()) {
        *byte ^= 0xff;
    }
    let header = BundleHeader { items_root: items_root(&items), ..bundle.header.clone() };
    let statement = mask.sign(Statement { digest: header.digest(), ..bundle.statement.statement });
    Bundle { header, statement, items }
}

impl Attacker for AckInvalid {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let mut leaving: Vec<Arc<Message>> = self.waiting.iter().cloned().map(Arc::new).collect();
        match &**message {
            Message::Bundle(bundle) if bundle.header.lane == self.mask.me && bundle.header.position.get() % 2 == 1 => {
                let spoiled = self.spoil(bundle);
                leaving.push(Arc::new(self.acknowledge(&spoiled.header)));
                leaving.push(Arc::new(Message::Bundle(spoiled)));
            }
            Message::Status { .. } => {
                self.waiting.clear();
                leaving.push(message.clone());
            }
            _ => leaving.push(message.clone()),
        }
        leaving
    }

    fn overhear(&mut self, message: &Arc<Message>) {
        if let Message::Bundle(bundle) = &**message
            && items_root(&bundle.items) == bundle.header.items_root
            && self.waiting.len() < WAITING_MAX
        {
            self.waiting.push(self.acknowledge(&bundle.header));
        }
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !super::speaks_of(message, self.mask.me)
    }
}
