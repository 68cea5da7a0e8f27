//! The order, read from a disk: decided slots and the bundles that their cuts name, put together by L5's words.

use crate::clients::item_digest;
use crate::machine::Machine;
use quorate_pbft::{Bundle, Digest, ItemKind, Message, Position, ReplicaId, SeqNum, Tip, Wanted};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Executed slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// Its place.
    pub(super) seq: u64,
    /// Ledger time: the highest of all slots so far (T1).
    pub(super) time: u64,
    /// Its envelopes, in order.
    pub(super) items: Vec<Digest>,
}

/// Every slot up to `executed`; an error says what is missing on the disk.
pub(super) fn read(machine: &dyn Machine, n: usize, executed: SeqNum) -> Result<Vec<Slot>, String> {
    let (mut slots, mut tips, mut time) = (Vec::new(), BTreeMap::new(), 0);
    for (seq, (cut, at)) in decided(machine, executed) {
        if seq != slots.len() as u64 + 1 {
            break;
        }
        time = time.max(at);
        let mut items = Vec::new();
        for step in 0..n as u64 {
            let lane = ReplicaId::new(((seq + step) % n as u64) as u16);
            if let Some(tip) = cut.get(&lane) {
                let from = tips.entry(lane).or_insert(Tip::default());
                for bundle in between(machine, lane, from, *tip)? {
                    let envelopes = bundle.items.iter().filter(|item| item.kind == ItemKind::Envelope);
                    items.extend(envelopes.map(item_digest));
                    *from = bundle.header.tip();
                }
            }
        }
        slots.push(Slot { seq, time, items });
    }
    let missing = (slots.len() as u64) < executed.get();
    if missing { Err(format!("{} of {executed} executed slots are on the disk", slots.len())) } else { Ok(slots) }
}

type Cut = BTreeMap<ReplicaId, Tip>;

fn decided(machine: &dyn Machine, executed: SeqNum) -> BTreeMap<u64, (Cut, u64)> {
    let (mut found, mut from) = (BTreeMap::new(), SeqNum::new(1));
    while from <= executed {
        let before = found.len();
        for message in machine.supplied(&Wanted::Slots { from, to: executed }) {
            if let Message::Decided { certificate, content } = message {
                let time = content.time.map_or(0, |time| time.get());
                found.insert(certificate.seq.get(), (content.cut.into_iter().collect(), time));
                from = certificate.seq.next();
            }
        }
        if found.len() == before {
            break;
        }
    }
    found
}

/// The bundles above one tip up to another, in order; none where the other is not above it.
fn between(machine: &dyn Machine, lane: ReplicaId, from: &Tip, to: Tip) -> Result<Vec<Arc<Bundle>>, String> {
    let (mut chain, mut at) = (Vec::new(), to);
    while at.position > from.position {
        let bundle = bundle(machine, lane, at).ok_or_else(|| format!("bundle {at:?} of lane {lane} is not there"))?;
        at = Tip { position: Position::new(at.position.get() - 1), digest: bundle.header.parent };
        chain.push(bundle);
    }
    chain.reverse();
    let joined = chain.is_empty() || at == *from;
    if joined { Ok(chain) } else { Err(format!("lane {lane} goes on to {to:?} from {at:?}, executed was {from:?}")) }
}

fn bundle(machine: &dyn Machine, lane: ReplicaId, tip: Tip) -> Option<Arc<Bundle>> {
    let answer = machine.supplied(&Wanted::Bundles { lane, from: tip.position, to: tip.position });
    answer.into_iter().find_map(|message| match message {
        Message::Bundle(bundle) if bundle.header.digest() == tip.digest => Some(bundle),
        _ => None,
    })
}
