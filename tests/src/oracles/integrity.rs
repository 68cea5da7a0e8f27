//! Integrity: what is executed lies on the lanes, each bundle once and in its place; an honest lane holds only what its
//! owner sent; every envelope was signed by its author, every item is covered by its header.

use super::{Oracle, Verdict};
use crate::clients;
use crate::scene::{Fact, Scene};
use quorate_pbft::{
    Bundle, Decided, Digest, Epoch, ItemKind, Message, Position, ReplicaId, Tip, hash_parts, merkle_root,
};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Integrity {
    /// Bundles that honest owners sent.
    sent: BTreeMap<(Epoch, ReplicaId, Position), Digest>,
    /// The epoch, and the tip of each lane, after each slot that a replica executed, so that a restart can go back.
    tips: BTreeMap<ReplicaId, Vec<(Epoch, Vec<Tip>)>>,
}

impl Integrity {
    fn execute(&mut self, by: ReplicaId, decided: &Decided, scene: &Scene<'_>) -> Verdict {
        let (epoch, seq) = (decided.epoch, decided.seq.get());
        let anew = || vec![Tip::default(); scene.plan.list(epoch).len()];
        let history = self.tips.entry(by).or_insert_with(|| vec![(epoch, anew())]);
        history.truncate(seq as usize);
        // Lanes begin anew with each epoch.
        let mut tips = history.last().filter(|(of, _)| *of == epoch).map_or_else(anew, |(_, tips)| tips.clone());
        for bundle in &decided.bundles {
            let header = &bundle.header;
            let tip = tips.get_mut(header.lane.index()).ok_or("a bundle of a lane that is not there")?;
            if (header.position, header.parent) != (tip.position.next(), tip.digest) {
                return Err(format!("{by} executed bundle {} of lane {} after {tip:?}", header.position, header.lane));
            }
            *tip = header.tip();
            let known = self.sent.get(&(epoch, header.lane, header.position));
            if scene.plan.is_honest_member(epoch, header.lane) && known != Some(&header.digest()) {
                return Err(format!("{by} executed {:?} of honest lane {}, which sent {known:?}", tip, header.lane));
            }
            check_items(bundle)?;
        }
        history.push((epoch, tips));
        Ok(())
    }
}

impl Oracle for Integrity {
    fn name(&self) -> &'static str {
        "integrity"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Sent { from, epoch, message: Message::Bundle(bundle) }
                if scene.plan.seat(*epoch, bundle.header.lane) == Some(*from) =>
            {
                let place = (*epoch, bundle.header.lane, bundle.header.position);
                self.sent.entry(place).or_insert_with(|| bundle.header.digest());
                Ok(())
            }
            Fact::Started { replica, machine, .. } => {
                // A crash may have kept it from sending what it made: a group of one goes on all the same.
                let epoch = machine.progress().map(|progress| progress.epoch).unwrap_or_default();
                if let Some(lane) = scene.plan.number(epoch, *replica) {
                    for bundle in machine.bundles_from(epoch, lane, Position::new(1)) {
                        let place = (epoch, lane, bundle.header.position);
                        self.sent.entry(place).or_insert_with(|| bundle.header.digest());
                    }
                }
                Ok(())
            }
            Fact::Executed { by, decided, .. } => self.execute(*by, decided, scene),
            _ => Ok(()),
        }
    }
}

fn check_items(bundle: &Bundle) -> Verdict {
    let leaf = |kind: u8, bytes: &[u8]| hash_parts("quorate/v1/item", &[&[kind], bytes]);
    let leaves: Vec<Digest> = bundle.items.iter().map(|item| leaf(item.kind as u8, &item.bytes)).collect();
    if merkle_root(&leaves) != bundle.header.items_root {
        return Err(format!("bundle {:?} does not cover its items", bundle.header.tip()));
    }
    let envelopes = bundle.items.iter().filter(|item| item.kind == ItemKind::Envelope);
    match envelopes.filter(|item| clients::name(&item.bytes).is_none()).count() {
        0 => Ok(()),
        forged => Err(format!("bundle {:?} has {forged} envelopes that nobody signed", bundle.header.tip())),
    }
}
