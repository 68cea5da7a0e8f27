//! Execution without a ledger: names executed once, evidence recorded once, and a root over all.

use crate::clients::{EnvelopeName, name};
use quorate_pbft::{Decided, Digest, Evidence, EvidenceKey, Executed, ItemKind, SeqNum, VerifyContext, hash_parts};
use std::collections::BTreeSet;

/// The state of one replica, slot by slot, so that a crash can go back.
#[derive(Debug, Clone, Default)]
pub struct Book {
    slots: Vec<Page>,
    envelopes: BTreeSet<EnvelopeName>,
    recorded: BTreeSet<EvidenceKey>,
}

#[derive(Debug, Clone)]
struct Page {
    seq: SeqNum,
    root: Digest,
    envelopes: Vec<EnvelopeName>,
    recorded: Vec<EvidenceKey>,
}

impl Book {
    /// Executes a slot: a pure function of what was decided and of the state before.
    pub fn execute(&mut self, decided: &Decided, context: &VerifyContext<'_>) -> Executed {
        let mut page = Page { seq: decided.seq, root: Digest::ZERO, envelopes: Vec::new(), recorded: Vec::new() };
        let mut settled = BTreeSet::new();
        for item in decided.bundles.iter().flat_map(|bundle| &bundle.items) {
            match item.kind {
                ItemKind::Envelope => {
                    let new = name(&item.bytes).filter(|name| self.envelopes.insert(*name));
                    page.envelopes.extend(new);
                }
                ItemKind::Evidence => {
                    let evidence = borsh::from_slice::<Evidence>(&item.bytes).ok();
                    let valid = evidence.filter(|evidence| evidence.is_valid(context));
                    settled.extend(valid.map(|evidence| evidence.key()));
                }
                ItemKind::ReadMark | ItemKind::Member | ItemKind::Analysis => (),
            }
        }
        page.recorded.extend(settled.iter().filter(|key| self.recorded.insert(**key)));
        page.root = self.root_after(decided);
        let (seq, state_root) = (page.seq, page.root);
        self.slots.push(page);
        // Whoever still holds what was recorded earlier may forget it as well.
        let members_after = context.committee.digest();
        Executed { seq, state_root, members_after, recorded: settled.into_iter().collect(), deadline: None, next: None }
    }

    fn root_after(&self, decided: &Decided) -> Digest {
        let before = self.slots.last().map_or(Digest::ZERO, |page| page.root);
        let counts = [self.envelopes.len() as u64, self.recorded.len() as u64, decided.time.get()];
        let counts: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
        hash_parts("quorate/tests/root", &[&before.0, &decided.lane_hash.0, &counts])
    }

    /// Goes back to the state after `seq`.
    pub fn forget_above(&mut self, seq: SeqNum) {
        while let Some(page) = self.slots.pop_if(|page| page.seq > seq) {
            self.envelopes.retain(|name| !page.envelopes.contains(name));
            self.recorded.retain(|key| !page.recorded.contains(key));
        }
    }

    /// Envelopes that the newest slot executed.
    pub fn newest(&self) -> impl Iterator<Item = EnvelopeName> {
        self.slots.last().into_iter().flat_map(|page| page.envelopes.iter().copied())
    }

    /// Envelopes executed.
    pub fn envelopes(&self) -> &BTreeSet<EnvelopeName> {
        &self.envelopes
    }

    /// Evidence recorded.
    pub fn recorded(&self) -> &BTreeSet<EvidenceKey> {
        &self.recorded
    }
}
