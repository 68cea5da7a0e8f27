//! What execution leaves, where there is no ledger.

use quorate_pbft::{Decided, Digest, Evidence, EvidenceKey, Executed, ItemKind, SeqNum, hash_parts};
use std::collections::{BTreeMap, BTreeSet};

/// What execution leaves: a root over everything executed, and the evidence that was recorded.
#[derive(Clone, Default, Debug)]
pub struct Ledger {
    pub root: Digest,
    pub recorded: BTreeSet<EvidenceKey>,
    pub items: Vec<Vec<u8>>,
    pub history: BTreeMap<SeqNum, (Digest, Digest)>,
}

impl Ledger {
    pub(super) fn execute(&mut self, decided: &Decided, members_after: Digest) -> Executed {
        let mut recorded = Vec::new();
        for item in decided.bundles.iter().flat_map(|bundle| &bundle.items) {
            match item.kind {
                ItemKind::Envelope => self.items.push(item.bytes.clone()),
                ItemKind::Evidence => {
                    if let Ok(evidence) = borsh::from_slice::<Evidence>(&item.bytes)
                        && self.recorded.insert(evidence.key())
                    {
                        recorded.push(evidence.key());
                    }
                }
                _ => (),
            }
        }
        let time = decided.time.get().to_le_bytes();
        self.root = hash_parts("test/root", &[&self.root.0, &decided.lane_hash.0, &time]);
        self.history.insert(decided.seq, (decided.content.digest(), self.root));
        let recorded = recorded.into_iter().chain(self.already(decided)).collect();
        Executed { seq: decided.seq, state_root: self.root, members_after, recorded, deadline: None, next: None }
    }

    /// Evidence in this slot that was recorded before: whoever still holds it may forget it as well.
    fn already(&self, decided: &Decided) -> Vec<EvidenceKey> {
        let items = decided.bundles.iter().flat_map(|bundle| &bundle.items);
        let evidence = items.filter(|item| item.kind == ItemKind::Evidence);
        let keys = evidence.filter_map(|item| Some(borsh::from_slice::<Evidence>(&item.bytes).ok()?.key()));
        keys.filter(|key| self.recorded.contains(key)).collect()
    }
}
