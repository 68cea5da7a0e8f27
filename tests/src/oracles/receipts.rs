//! Confirmed is never lost: a receipt that somebody was told stays on that disk and is the same everywhere; at the end
//! every replica has a receipt for every envelope, and each envelope took effect at most once.

use super::{Oracle, Verdict};
use crate::clients::EnvelopeName;
use crate::scene::{Fact, Scene, Survey};
use quorate_pbft::{Digest, ReplicaId};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct Receipts {
    first: BTreeMap<EnvelopeName, (ReplicaId, Digest)>,
    told: BTreeMap<ReplicaId, BTreeSet<EnvelopeName>>,
}

impl Receipts {
    fn same(&mut self, by: ReplicaId, name: EnvelopeName, receipt: Digest) -> Verdict {
        let (first, known) = self.first.entry(name).or_insert((by, receipt));
        if *known == receipt {
            return Ok(());
        }
        Err(format!("{first} has receipt {known} for envelope {name:?}, {by} has {receipt}"))
    }

    fn all_there(&mut self, by: ReplicaId, receipts: &BTreeMap<EnvelopeName, Digest>) -> Verdict {
        receipts.iter().try_for_each(|(name, receipt)| self.same(by, *name, *receipt))?;
        let told = self.told.entry(by).or_default();
        match told.iter().find(|name| !receipts.contains_key(name)) {
            None => Ok(()),
            Some(name) => Err(format!("{by} confirmed envelope {name:?} and has no receipt for it")),
        }
    }
}

impl Oracle for Receipts {
    fn name(&self) -> &'static str {
        "receipts"
    }

    fn watch(&mut self, fact: &Fact<'_>, _scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Verdict { by, name, receipt, .. } => {
                self.told.entry(*by).or_default().insert(*name);
                self.same(*by, *name, *receipt)
            }
            Fact::Started { replica, receipts, .. } => self.all_there(*replica, receipts),
            _ => Ok(()),
        }
    }

    fn look_back(&mut self, survey: &Survey<'_>, _scene: &Scene<'_>) -> Verdict {
        for standing in &survey.standings {
            self.all_there(standing.replica, &standing.machine.receipts())?;
            let log = standing.machine.log("main");
            let once: BTreeSet<_> = log.iter().collect();
            if once.len() != log.len() {
                return Err(format!("{} has an envelope twice in its log: {log:?}", standing.replica));
            }
        }
        Ok(())
    }
}
