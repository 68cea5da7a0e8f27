//! Validity of a lane's items: a pure function of the bytes, the genesis and the rules of the epoch (rule E6).

use crate::format::analysis::Analysis;
use crate::format::body::Body;
use crate::format::constants::Limits;
use crate::format::envelope::Envelope;
use crate::format::genesis::Genesis;
use crate::format::rules::BRANCHES_SINCE;
use crate::format::signature::{Keys, Predicate, Signed};
use crate::format::two_phase;
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::verdict::Refusal;
use borsh::BorshDeserialize as _;
use core::sync::atomic::{AtomicU64, Ordering};
use quorate_pbft::{Committee, Digest, Ed25519, Epoch, Evidence, Item, ItemKind, PayloadCheck, VerifyContext};
use std::sync::Arc;

/// Checks items for [`quorate_pbft::VerifyContext`]: structure, size, and the signature against the key that an
/// envelope carries. Whether that key speaks for anybody is asked at execution.
#[derive(Debug, Clone)]
pub struct EnvelopeCheck {
    group: Digest,
    limits: Limits,
    by: Predicate,
    /// The first epoch whose rules know transactions over several groups.
    branches_since: Arc<AtomicU64>,
    keys: Arc<Keys>,
}

/// An envelope whose form is right and whose signature is still to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchecked {
    /// Names it.
    pub id: EnvelopeId,
    /// As decoded.
    pub envelope: Envelope,
    /// Its author's signature, and what it is to fit.
    pub signed: Signed,
}

impl EnvelopeCheck {
    /// The check of this group, which takes all epochs to have the newest rules. Clones share what they know of keys and epochs.
    pub fn new(genesis: &Genesis) -> Self {
        let (group, limits, by) = (genesis.group(), genesis.limits().clone(), Predicate::of(genesis));
        Self { group, limits, by, branches_since: Arc::default(), keys: Arc::default() }
    }

    /// The same, to which an envelope that these rules do not know is none.
    pub(crate) fn of_rules(self, rules: u32) -> Self {
        let since = if rules >= BRANCHES_SINCE { 0 } else { u64::MAX };
        Self { branches_since: Arc::new(AtomicU64::new(since)), ..self }
    }

    /// Has this epoch be the first whose rules know transactions over several groups.
    pub(crate) fn know_branches_from(&self, epoch: u64) {
        self.branches_since.store(epoch, Ordering::SeqCst);
    }

    /// Reads an encoding and checks its form: stage `structure`.
    pub fn decode(&self, bytes: &[u8]) -> Result<Unchecked, Refusal> {
        let envelope = Envelope::decode(bytes, &self.limits)?;
        let id = envelope.id(&self.group);
        let signed = envelope.signed(&id);
        Ok(Unchecked { id, envelope, signed })
    }

    /// Whether all these signatures are their authors'.
    pub fn all_signed(&self, signed: &[Signed]) -> bool {
        self.by.all_hold_with(signed, &self.keys)
    }
}

impl PayloadCheck for EnvelopeCheck {
    fn is_valid(&self, item: &Item) -> bool {
        match item.kind {
            ItemKind::Envelope => self
                .decode(&item.bytes)
                .is_ok_and(|unchecked| self.all_signed(core::slice::from_ref(&unchecked.signed))),
            ItemKind::Evidence => evidence(&item.bytes).is_some(),
            ItemKind::ReadMark => item.bytes.len() == 32,
            ItemKind::Member => false,
            ItemKind::Analysis => Analysis::decode(&item.bytes).is_some(),
        }
    }

    fn is_known(&self, item: &Item, epoch: Epoch) -> bool {
        item.kind != ItemKind::Envelope
            || epoch.get() >= self.branches_since.load(Ordering::SeqCst)
            || Body::deserialize(&mut &item.bytes[..]).is_ok_and(|body| !two_phase::has_step(&body))
    }

    fn all_valid(&self, items: &[&Item]) -> bool {
        let (envelopes, others): (Vec<&Item>, Vec<&Item>) =
            items.iter().copied().partition(|item| item.kind == ItemKind::Envelope);
        let signed = envelopes.into_iter().map(|item| self.decode(&item.bytes).map(|unchecked| unchecked.signed));
        let signed: Result<Vec<Signed>, Refusal> = signed.collect();
        others.into_iter().all(|item| self.is_valid(item)) && signed.is_ok_and(|signed| self.all_signed(&signed))
    }
}

/// Evidence as an item: one encoding, well formed. Its signatures are checked at execution (E5).
pub(crate) fn evidence(bytes: &[u8]) -> Option<Evidence> {
    let evidence: Evidence = borsh::from_slice(bytes).ok()?;
    evidence.is_well_formed().then_some(evidence)
}

/// Whether evidence holds in this group, to whoever has its genesis: by the predicate of execution, or that of remains, and
/// by rules, for to a program before rules 16 some envelopes are none.
pub(crate) fn proves(
    (evidence, holds): (&Evidence, fn(&Evidence, &VerifyContext<'_>) -> bool),
    committee: &Committee,
    genesis: &Genesis,
    rules: u32,
) -> bool {
    let payload = EnvelopeCheck::new(genesis).of_rules(rules);
    holds(evidence, &VerifyContext { committee, verify: &Ed25519, payload: &payload, constants: genesis.constants() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, author, body};

    fn is_valid(kind: ItemKind, bytes: Vec<u8>) -> bool {
        EnvelopeCheck::new(&testing::genesis(4)).is_valid(&Item { kind, bytes })
    }

    #[test]
    fn an_envelope_of_this_group_may_be_on_a_lane() {
        let ours = Envelope::sign(&testing::genesis(4).group(), body(1, vec![]), vec![], &author(0));
        let theirs = Envelope::sign(&testing::genesis(7).group(), body(1, vec![]), vec![], &author(0));
        assert!(is_valid(ItemKind::Envelope, ours.encode()));
        assert!(!is_valid(ItemKind::Envelope, theirs.encode()));
    }

    #[test]
    fn whoever_signs_may_be_unknown_until_execution() {
        let stranger = Envelope::sign(&testing::genesis(4).group(), testing::body_of(9, 1, vec![]), vec![], &author(9));
        assert!(is_valid(ItemKind::Envelope, stranger.encode()));
    }

    #[test]
    fn a_read_mark_is_one_digest() {
        assert!(is_valid(ItemKind::ReadMark, vec![1; 32]));
        assert!(!is_valid(ItemKind::ReadMark, vec![1; 33]));
    }

    #[test]
    fn garbage_is_no_evidence() {
        assert!(!is_valid(ItemKind::Evidence, vec![0; 100]));
        assert!(!is_valid(ItemKind::Member, vec![]));
    }
}
