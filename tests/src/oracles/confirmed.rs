//! Confirmed is never lost: an envelope that an honest replica executed durably is executed by every honest replica at
//! the same place in the order, and is still there after every restart and at the end.

use super::{Oracle, Verdict};
use crate::clients::{self, EnvelopeName};
use crate::scene::{Fact, Scene, Survey};
use quorate_pbft::{Decided, ItemKind, ReplicaId, SeqNum};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct Confirmed {
    /// Place of each envelope's first execution, and the replica that reported it.
    places: BTreeMap<EnvelopeName, ((SeqNum, usize), ReplicaId)>,
    /// Envelopes whose receipt each replica may have handed out.
    told: BTreeMap<ReplicaId, BTreeSet<EnvelopeName>>,
}

impl Confirmed {
    fn execute(&mut self, by: ReplicaId, decided: &Decided) -> Verdict {
        let told = self.told.entry(by).or_default();
        let items = decided.bundles.iter().flat_map(|bundle| &bundle.items).enumerate();
        let envelopes = items.filter(|(_, item)| item.kind == ItemKind::Envelope);
        for (index, name) in envelopes.filter_map(|(index, item)| Some((index, clients::name(&item.bytes)?))) {
            if !told.insert(name) {
                continue; // a copy: it takes effect once
            }
            let place = (decided.seq, index);
            let (first, who) = *self.places.entry(name).or_insert((place, by));
            if first != place {
                return Err(format!("envelope {name:?}: {who} executed it at {first:?}, {by} at {place:?}"));
            }
        }
        Ok(())
    }

    fn all_there(&self, by: ReplicaId, envelopes: &BTreeSet<EnvelopeName>) -> Verdict {
        match self.told.get(&by).into_iter().flatten().find(|name| !envelopes.contains(name)) {
            None => Ok(()),
            Some(name) => Err(format!("{by} confirmed envelope {name:?} and does not know it any more")),
        }
    }
}

impl Oracle for Confirmed {
    fn name(&self) -> &'static str {
        "confirmed"
    }

    fn watch(&mut self, fact: &Fact<'_>, _scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Executed { by, decided, .. } => self.execute(*by, decided),
            Fact::Verdict { by, name, .. } => {
                self.told.entry(*by).or_default().insert(*name);
                Ok(())
            }
            Fact::Started { replica, machine, .. } => self.all_there(*replica, machine.envelopes()),
            _ => Ok(()),
        }
    }

    fn look_back(&mut self, survey: &Survey<'_>, _scene: &Scene<'_>) -> Verdict {
        let everything: BTreeSet<EnvelopeName> = self.told.values().flatten().copied().collect();
        survey.standings.iter().try_for_each(|standing| {
            self.all_there(standing.replica, standing.envelopes)?;
            match everything.difference(standing.envelopes).next() {
                None => Ok(()),
                Some(name) => Err(format!("{} lacks envelope {name:?}, which others confirmed", standing.replica)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Clients;
    use quorate_pbft::{
        Bundle, BundleHeader, Content, Digest, Epoch, Item, Kind, Position, Signature, Signed, Statement,
    };
    use std::sync::Arc;

    fn decided(seq: u64, items: Vec<Item>) -> Decided {
        let (zero, lane) = (Digest::ZERO, ReplicaId::new(0));
        let header = BundleHeader {
            lane,
            position: Position::new(seq),
            parent: zero,
            items: 1,
            bytes: 0,
            items_root: zero,
            lane_bytes: 0,
        };
        let (kind, seq) = (Kind::Bundle, SeqNum::new(seq));
        let statement =
            Statement { group: zero, epoch: Epoch::new(0), kind, view: Default::default(), seq, digest: zero };
        let statement = Signed { statement, signer: lane, signature: Signature([0; 64]) };
        let bundles = vec![Arc::new(Bundle { header, statement, items })];
        Decided {
            epoch: Epoch::new(0),
            seq,
            content: Content::NULL,
            time: Default::default(),
            bundles,
            lane_hash: zero,
        }
    }

    #[test]
    fn an_envelope_has_one_place_in_the_order_and_a_copy_has_none() {
        let mut clients = Clients::default();
        let (_, item) = clients.write(1, 5);
        let (a, b) = (ReplicaId::new(0), ReplicaId::new(1));
        let mut oracle = Confirmed::default();
        assert_eq!(oracle.execute(a, &decided(3, vec![item.clone()])), Ok(()));
        assert_eq!(oracle.execute(a, &decided(4, vec![item.clone()])), Ok(()), "a copy");
        assert!(oracle.execute(b, &decided(4, vec![item])).is_err());
    }

    #[test]
    fn what_was_confirmed_and_is_gone_after_a_restart_is_noticed() {
        let mut clients = Clients::default();
        let (name, item) = clients.write(1, 5);
        let by = ReplicaId::new(0);
        let mut oracle = Confirmed::default();
        oracle.execute(by, &decided(3, vec![item])).expect("the first place");
        assert_eq!(oracle.all_there(by, &BTreeSet::from([name])), Ok(()));
        assert!(oracle.all_there(by, &BTreeSet::new()).is_err());
    }
}
