//! Envelopes that each lane brought lately, by the places that they claim: an honest member puts an envelope on its lane
//! once, and again only after it was executed there without a verdict. Analyses too: an honest member puts one on its lane
//! as a conflict begins.

use quorate_ledger::ConflictId;
use quorate_pbft::{Position, ReplicaId, Time};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};

/// Ledger time after a verdict within which another lane may still bring the envelope, once: its author may have sent it to
/// several members at once.
pub(super) const FRESH_MS: u64 = 10_000;
/// Time after which a claim is forgotten, in milliseconds: older copies are known by their verdict.
const KEPT_MS: u64 = 2 * FRESH_MS;
/// Claims of one lane that are kept: those of ten seconds at the highest rate that was measured.
const CLAIMS_MAX: usize = 65_536;

/// Claims of all lanes, and the conflicts that began lately.
#[derive(Debug, Default)]
pub(super) struct Brought {
    hasher: RandomState,
    lanes: BTreeMap<ReplicaId, Lane>,
    conflicts: Lane,
    early: Early,
}

/// Analyses of conflicts that have not begun here, by their bytes on each lane.
#[derive(Debug, Default)]
struct Early {
    bytes: HashMap<u64, BTreeMap<ReplicaId, u64>>,
    order: VecDeque<(u64, Time)>,
}

#[derive(Debug, Default)]
struct Lane {
    executed: Position,
    /// Newest place of each claim, and the bundle that had it before.
    claims: HashMap<u64, (Place, Option<Position>)>,
    order: VecDeque<(u64, Time)>,
}

/// Place of an item: its bundle, and its number there.
type Place = (Position, usize);

/// Earlier coming of a claim on the same lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earlier {
    /// In a bundle that waits for its execution, or in this one.
    Waits,
    /// In a bundle that was executed.
    Executed,
}

impl Brought {
    /// Notes a claim, and tells whether the lane brought it before in another place.
    pub(super) fn note(&mut self, lane: ReplicaId, place: Place, claim: &impl Hash, now: Time) -> Option<Earlier> {
        let key = self.hasher.hash_one(claim);
        self.lanes.entry(lane).or_default().note(key, place, now)
    }

    /// Notes that a conflict has begun; bytes of the first analysis of it on each lane that was before this replica.
    pub(super) fn begins(&mut self, conflict: &ConflictId, now: Time) -> BTreeMap<ReplicaId, u64> {
        let key = self.hasher.hash_one(conflict);
        self.conflicts.note(key, Place::default(), now);
        self.early.bytes.remove(&key).unwrap_or_default()
    }

    /// Notes a lane's analysis of so many bytes, and tells whether it is the first one of a conflict that began lately: later
    /// than that, no lane's earlier one is forgotten.
    pub(super) fn is_wanted(&mut self, lane: ReplicaId, place: Place, analysis: (&ConflictId, u64), now: Time) -> bool {
        let (conflict, bytes) = analysis;
        let key = self.hasher.hash_one(conflict);
        self.conflicts.forget(now);
        if self.conflicts.claims.contains_key(&key) {
            return self.note(lane, place, conflict, now).is_none();
        }
        self.early.note(key, lane, bytes, now);
        false
    }

    /// Notes that a lane was executed up to a bundle.
    pub(super) fn executed(&mut self, lane: ReplicaId, position: Position) {
        self.lanes.entry(lane).or_default().executed = position;
    }
}

impl Early {
    fn note(&mut self, key: u64, lane: ReplicaId, bytes: u64, now: Time) {
        forget(&mut self.order, now, |key| drop(self.bytes.remove(&key)));
        let lanes = self.bytes.entry(key).or_insert_with(|| {
            self.order.push_back((key, now));
            BTreeMap::new()
        });
        lanes.entry(lane).or_insert(bytes);
    }
}

/// Forgets keys that are too old, or too many.
fn forget(order: &mut VecDeque<(u64, Time)>, now: Time, mut gone: impl FnMut(u64)) {
    while let Some((key, since)) = order.front() {
        if order.len() < CLAIMS_MAX && now.get().saturating_sub(since.get()) <= KEPT_MS {
            break;
        }
        gone(*key);
        order.pop_front();
    }
}

impl Lane {
    fn note(&mut self, key: u64, place: Place, now: Time) -> Option<Earlier> {
        self.forget(now);
        let earlier = match self.claims.get(&key) {
            Some((known, earlier)) if *known == place => *earlier,
            Some((known, _)) => Some(known.0),
            None => {
                self.order.push_back((key, now));
                None
            }
        };
        self.claims.insert(key, (place, earlier));
        earlier.map(|position| if position > self.executed { Earlier::Waits } else { Earlier::Executed })
    }

    fn forget(&mut self, now: Time) {
        forget(&mut self.order, now, |key| {
            self.claims.remove(&key);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_ledger::Claim;
    use quorate_pbft::Digest;

    const LANE: ReplicaId = ReplicaId::new(3);

    fn claim(number: u64) -> Claim {
        let begin = borsh::to_vec(&([7u8; 32], "a", number, number, 1u64)).expect("memory");
        Claim::read(&begin).expect("it begins like an envelope")
    }

    fn at(position: u64) -> Place {
        (Position::new(position), 0)
    }

    #[test]
    fn a_claim_that_comes_again_is_told_from_a_bundle_that_comes_again() {
        let (mut brought, now) = (Brought::default(), Time::new(0));

        assert_eq!(brought.note(LANE, at(1), &claim(1), now), None);
        assert_eq!(brought.note(LANE, at(1), &claim(1), now), None);
        assert_eq!(brought.note(LANE, at(1), &claim(2), now), None);
        assert_eq!(brought.note(LANE, (Position::new(1), 1), &claim(1), now), Some(Earlier::Waits));
        assert_eq!(brought.note(LANE, at(2), &claim(1), now), Some(Earlier::Waits));
        brought.executed(LANE, Position::new(1));
        assert_eq!(brought.note(LANE, at(2), &claim(1), now), Some(Earlier::Executed));
        assert_eq!(brought.note(LANE, at(2), &claim(1), now), Some(Earlier::Executed));
        assert_eq!(brought.note(LANE, at(3), &claim(1), now), Some(Earlier::Waits));
        assert_eq!(brought.note(ReplicaId::new(2), at(3), &claim(1), now), None, "each lane for itself");
    }

    #[test]
    fn an_analysis_that_is_there_before_its_conflict_is_given_back_once_as_it_begins() {
        let (mut brought, now) = (Brought::default(), Time::new(0));
        let [known, other] = [1, 2].map(|byte| ConflictId(Digest([byte; 32])));

        assert!([1, 2].iter().all(|position| !brought.is_wanted(LANE, at(*position), (&known, 7), now)));
        assert_eq!(brought.begins(&known, now), BTreeMap::from([(LANE, 7)]));
        assert_eq!(brought.begins(&known, now), BTreeMap::new());
        assert!(brought.is_wanted(LANE, at(3), (&known, 7), now), "its lane may have been refused");
        assert!(!brought.is_wanted(LANE, at(4), (&known, 7), now));

        assert!(!brought.is_wanted(LANE, at(5), (&other, 7), now));
        assert!(!brought.is_wanted(LANE, at(6), (&known, 7), Time::new(KEPT_MS + 1)));
        assert_eq!(brought.begins(&other, Time::new(KEPT_MS + 1)), BTreeMap::new(), "it is forgotten");
    }

    #[test]
    fn claims_are_forgotten_after_a_while_and_bounded_in_number() {
        let mut brought = Brought::default();
        brought.note(LANE, at(1), &claim(0), Time::new(0));

        assert_eq!(brought.note(LANE, at(2), &claim(0), Time::new(KEPT_MS + 1)), None);
        for number in 1..=2 * CLAIMS_MAX as u64 {
            brought.note(LANE, at(3), &claim(number), Time::new(KEPT_MS + 1));
        }

        assert_eq!(brought.lanes[&LANE].claims.len(), CLAIMS_MAX);
        assert_eq!(brought.lanes[&LANE].order.len(), CLAIMS_MAX);
    }
}
