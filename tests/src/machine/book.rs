//! Execution without a ledger: names executed once, evidence recorded once, and a root over all.

use crate::clients::{CHANGER, EnvelopeName, name};
use quorate_pbft::{
    Committee, Decided, Digest, Epoch, Evidence, EvidenceKey, Executed, ItemKind, PublicKey, SeqNum, VerifyContext,
    hash_parts,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The state of one replica, slot by slot, so that a crash can go back.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// Keys of the members of the epochs after the first.
    lists: Arc<Vec<Vec<PublicKey>>>,
    /// Slots that named the next members, with these.
    named: Vec<(SeqNum, Arc<Committee>)>,
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
    /// The book of a group that has these members after those of its first epoch, one list after the other: each time that a
    /// [`CHANGER`]'s envelope is executed and no change is on its way.
    pub fn with_lists(lists: Vec<Vec<PublicKey>>) -> Self {
        Self { lists: Arc::new(lists), ..Self::default() }
    }

    /// The members of a later epoch, once a slot has named them.
    pub fn committee(&self, epoch: Epoch) -> Option<&Arc<Committee>> {
        self.named.iter().map(|(_, committee)| committee).find(|committee| committee.epoch() == epoch)
    }

    /// Names the next members, if there are some and none are named yet.
    fn change(&mut self, decided: &Decided, context: &VerifyContext<'_>) {
        let next = decided.epoch.next();
        let members = usize::try_from(decided.epoch.get()).ok().and_then(|at| self.lists.get(at));
        let Some(members) = members.filter(|_| self.committee(next).is_none()) else { return };
        let committee = Committee::new(context.committee.group(), next, members.clone()).expect("distinct keys");
        let last = context.constants.last_slot(decided.seq);
        self.named.push((decided.seq, Arc::new(committee.after(last))));
    }

    /// Executes a slot: a pure function of what was decided and of the state before.
    pub fn execute(&mut self, decided: &Decided, context: &VerifyContext<'_>) -> Executed {
        let mut page = Page { seq: decided.seq, root: Digest::ZERO, envelopes: Vec::new(), recorded: Vec::new() };
        let mut settled = BTreeSet::new();
        for item in decided.bundles.iter().flat_map(|bundle| &bundle.items) {
            match item.kind {
                ItemKind::Envelope => {
                    let new = name(&item.bytes).filter(|name| self.envelopes.insert(*name));
                    page.envelopes.extend(new);
                    if new.is_some_and(|(author, _)| author == CHANGER) {
                        self.change(decided, context);
                    }
                }
                ItemKind::Evidence => {
                    let evidence = borsh::from_slice::<Evidence>(&item.bytes).ok();
                    settled.extend(evidence.filter(|of| self.is_valid(of, context)).map(|of| of.key()));
                }
                ItemKind::ReadMark | ItemKind::Member | ItemKind::Analysis => (),
            }
        }
        page.recorded.extend(settled.iter().filter(|key| self.recorded.insert(**key)));
        page.root = self.root_after(decided);
        let (seq, state_root) = (page.seq, page.root);
        self.slots.push(page);
        // Whoever still holds what was recorded earlier may forget it as well.
        let recorded = settled.into_iter().collect();
        let next = self.committee(decided.epoch.next()).cloned();
        let last = next.as_ref().filter(|next| next.base() == seq);
        let members_after =
            last.or(self.committee(decided.epoch)).map_or(context.committee.digest(), |list| list.digest());
        Executed { seq, state_root, members_after, recorded, deadline: None, next }
    }

    /// Evidence outlives its epoch: its members' keys are known for ever.
    fn is_valid(&self, evidence: &Evidence, context: &VerifyContext<'_>) -> bool {
        let epoch = evidence.key().epoch;
        match self.committee(epoch) {
            Some(committee) => evidence.is_valid(&VerifyContext { committee, ..*context }),
            None => epoch == Epoch::new(0) && evidence.is_valid(context),
        }
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
        self.named.retain(|(named, _)| *named <= seq);
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
