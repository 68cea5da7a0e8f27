//! Certified digests: what statements are held against (E2), and what the door lets in unchecked (G2).

use crate::evidence::witness::POSITIONS_REMEMBERED_MAX;
use crate::wire::{Digest, Kind, ReplicaId, SeqNum, Signed};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

/// References that the door knows: those of a few rounds, for late words follow their certificate soon.
const RECENT_MAX: usize = 256;

/// Subject of certificates. Each has one digest at a slot or position, whatever the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// Contents of slots: decided.
    Slot,
    /// Bundles of this replica's lane: certified or executed.
    Lane(ReplicaId),
    /// States after slots: stable.
    State,
}

impl Subject {
    /// The subject of a statement; none of those about views, which statuses compare.
    pub(crate) fn of(signed: &Signed) -> Option<Self> {
        match signed.statement.kind {
            Kind::PrePrepare | Kind::Prepare | Kind::Commit => Some(Self::Slot),
            Kind::Bundle => Some(Self::Lane(signed.signer)),
            Kind::Ack => Some(Self::Lane(signed.statement.view.lane())),
            Kind::Checkpoint => Some(Self::State),
            Kind::ViewChange | Kind::NewView | Kind::Status => None,
        }
    }
}

/// The newest references, in the order in which they came: a copy for the door, which verifies on other threads.
#[derive(Debug, Clone, Default)]
pub struct Certified {
    recent: VecDeque<(Subject, SeqNum, Digest)>,
    /// Signers that said something odd: all that they say is checked.
    suspects: BTreeSet<ReplicaId>,
    count: u64,
}

impl Certified {
    /// Changes so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether a statement says what is certified, and its signer never said anything odd.
    pub(crate) fn agrees(&self, signed: &Signed) -> bool {
        if self.suspects.contains(&signed.signer) {
            return false;
        }
        let said = Subject::of(signed).map(|subject| (subject, signed.statement.seq, signed.statement.digest));
        said.is_some_and(|said| self.recent.iter().rev().any(|known| *known == said))
    }

    pub(crate) fn suspect(&mut self, signer: ReplicaId) {
        self.count += u64::from(self.suspects.insert(signer));
    }

    fn add(&mut self, subject: Subject, seq: SeqNum, digest: Digest) {
        self.count += 1;
        self.recent.push_back((subject, seq, digest));
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }
}

/// Certified digests by slot or position.
#[derive(Debug, Clone, Default)]
pub(crate) struct References {
    known: BTreeMap<Subject, BTreeMap<SeqNum, Digest>>,
    pub(crate) certified: Certified,
}

impl References {
    /// Learns what is certified, of slots and states at most `slots_max`. Whether that is news.
    pub(crate) fn add(&mut self, subject: Subject, seq: SeqNum, digest: Digest, slots_max: usize) -> bool {
        let lane = matches!(subject, Subject::Lane(_));
        let known = self.known.entry(subject).or_default();
        let news = known.insert(seq, digest) != Some(digest);
        if known.len() > if lane { POSITIONS_REMEMBERED_MAX } else { slots_max } {
            known.pop_first();
        }
        // One that has no room is not known here, so the door must not let words pass for it.
        if news && known.contains_key(&seq) {
            self.certified.add(subject, seq, digest);
        }
        news
    }

    /// The digest that is certified where a statement speaks of.
    pub(crate) fn of(&self, signed: &Signed) -> Option<Digest> {
        self.known.get(&Subject::of(signed)?)?.get(&signed.statement.seq).copied()
    }

    pub(crate) fn drop_slots_up_to(&mut self, seq: SeqNum) {
        for subject in [Subject::Slot, Subject::State] {
            self.known.entry(subject).or_default().retain(|of, _| *of > seq);
        }
    }
}

#[cfg(feature = "testing")]
impl References {
    /// References of the subject that has most.
    pub(crate) fn most(&self) -> usize {
        self.known.values().map(BTreeMap::len).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G2: the door's copy has room for few, and lets words pass for what it holds.
    #[test]
    fn the_door_learns_a_reference_once_and_none_that_has_no_room() {
        let mut references = References::default();
        for (seq, of, news, count) in
            [(5, 1, true, 1), (5, 1, false, 1), (6, 1, true, 2), (4, 1, true, 2), (6, 2, true, 3)]
        {
            let found = references.add(Subject::Slot, SeqNum::new(seq), Digest([of; 32]), 2);
            assert_eq!((found, references.certified.count()), (news, count), "{of} in slot {seq}");
        }
    }
}
