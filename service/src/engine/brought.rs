//! Envelopes that each lane brought lately, by the places that they claim: an honest member puts an envelope on its lane
//! once, and again only after it was executed there without a verdict. Analyses too: an honest member puts one on its lane
//! as a conflict begins, and again where it owed too much work for the one before to have an effect.

use super::waiting::WAITING_MAX;
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
/// Conflicts that are kept: as many as members look at in 256 slots, or as begin by eight lanes.
const CONFLICTS_MAX: usize = 8_192;
/// Analyses of one conflict that a lane brings again at the most, after some without an effect.
const AGAIN_MAX: u8 = 2;
/// Early analyses of one lane that are kept: as many of 4 KiB as it may owe.
const EARLY_MAX: usize = 4_096;
/// Time for which they are, in milliseconds: in that a lane pays all that it may owe.
const EARLY_KEPT_MS: u64 = 17 * 60_000;

/// Claims of all lanes, and the conflicts that began last.
#[derive(Debug, Default)]
pub(super) struct Brought {
    hasher: RandomState,
    lanes: BTreeMap<ReplicaId, Lane>,
    /// Conflicts that have begun, with the analysis of each lane.
    conflicts: Lately<BTreeMap<ReplicaId, Analysed>, CONFLICTS_MAX, { u64::MAX }>,
}

/// Analysis that a lane brings of a conflict.
#[derive(Debug, Default)]
struct Analysed {
    /// Place of the one that counts, once it came.
    place: Option<Place>,
    /// Times that another one was let come.
    again: u8,
}

#[derive(Debug, Default)]
struct Lane {
    executed: Position,
    /// Newest place of each claim, and the bundle that had it before.
    claims: Lately<Option<(Place, Option<Position>)>, CLAIMS_MAX, KEPT_MS>,
    /// First analysis of each conflict that has not begun here: its place, and the bytes that it was charged.
    early: Lately<Option<(Place, u64)>, EARLY_MAX, EARLY_KEPT_MS>,
    /// Conflicts that began by its analyses, as this replica had not seen them begin.
    begun: usize,
}

/// Values of the keys that came last: the oldest goes once it is too old, or they are too many.
#[derive(Debug, Default)]
struct Lately<V, const MAX: usize, const KEPT_MS: u64> {
    values: HashMap<u64, V>,
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

    /// Notes that a conflict has begun; bytes that lanes were charged for their first analyses of it, which came before.
    pub(super) fn begins(&mut self, conflict: &ConflictId, now: Time) -> Vec<(ReplicaId, u64)> {
        let key = self.hasher.hash_one(conflict);
        let brought = self.conflicts.of(key, now);
        let early =
            self.lanes.iter_mut().filter_map(|(id, lane)| Some((*id, lane.early.values.get_mut(&key)?.take()?)));
        let early: Vec<_> = early.collect();
        brought.extend(early.iter().map(|(lane, (place, _))| (*lane, Analysed { place: Some(*place), again: 0 })));
        early.into_iter().map(|(lane, (_, bytes))| (lane, bytes)).collect()
    }

    /// Whether an analysis is its lane's first of a conflict that has begun.
    pub(super) fn is_wanted(&mut self, lane: ReplicaId, place: Place, conflict: &ConflictId) -> bool {
        let brought = self.conflicts.values.get_mut(&self.hasher.hash_one(conflict));
        brought.is_some_and(|lanes| *lanes.entry(lane).or_default().place.get_or_insert(place) == place)
    }

    /// Whether a conflict is not known to have begun, and may begin by an analysis of a lane: as many do as wait at an honest member.
    pub(super) fn may_begin(&self, lane: ReplicaId, conflict: &ConflictId) -> bool {
        let has_room = self.lanes.get(&lane).is_none_or(|of| of.begun < WAITING_MAX);
        has_room && !self.conflicts.values.contains_key(&self.hasher.hash_one(conflict))
    }

    /// Counts a conflict that begins by an analysis of a lane.
    pub(super) fn begun_by(&mut self, lane: ReplicaId) {
        self.lanes.entry(lane).or_default().begun += 1;
    }

    /// Whether a lane may bring another analysis of a conflict, if the one before had no effect.
    pub(super) fn may_come_again(&self, lane: ReplicaId, conflict: &ConflictId) -> bool {
        let lanes = self.conflicts.values.get(&self.hasher.hash_one(conflict));
        lanes.is_some_and(|lanes| lanes.get(&lane).is_none_or(|of| of.again < AGAIN_MAX))
    }

    /// Lets a lane bring another analysis of a conflict, as the one before had no effect; whether it may.
    pub(super) fn comes_again(&mut self, lane: ReplicaId, conflict: &ConflictId) -> bool {
        let lanes = self.conflicts.values.get_mut(&self.hasher.hash_one(conflict));
        let of = lanes.map(|lanes| lanes.entry(lane).or_default()).filter(|of| of.again < AGAIN_MAX);
        of.map(|of| *of = Analysed { place: None, again: of.again + 1 }).is_some()
    }

    /// Notes so many bytes that a lane was charged for an analysis, if its conflict has not begun; whether it is the lane's first.
    pub(super) fn is_charged(
        &mut self,
        lane: ReplicaId,
        place: Place,
        analysis: (&ConflictId, u64),
        now: Time,
    ) -> bool {
        let key = self.hasher.hash_one(analysis.0);
        if self.conflicts.values.contains_key(&key) {
            return false;
        }
        *self.lanes.entry(lane).or_default().early.of(key, now).get_or_insert((place, analysis.1))
            == (place, analysis.1)
    }

    /// The same in the next epoch, in which lanes have other owners.
    pub(super) fn crossed(mut self) -> Self {
        self.lanes.clear();
        self.conflicts.values.values_mut().for_each(BTreeMap::clear);
        self
    }

    /// Notes that a lane was executed up to a bundle.
    pub(super) fn executed(&mut self, lane: ReplicaId, position: Position) {
        self.lanes.entry(lane).or_default().executed = position;
    }
}

impl Lane {
    fn note(&mut self, key: u64, place: Place, now: Time) -> Option<Earlier> {
        let known = self.claims.of(key, now);
        let earlier = known.and_then(|(at, earlier)| if at == place { earlier } else { Some(at.0) });
        *known = Some((place, earlier));
        earlier.map(|position| if position > self.executed { Earlier::Waits } else { Earlier::Executed })
    }
}

impl<V: Default, const MAX: usize, const KEPT_MS: u64> Lately<V, MAX, KEPT_MS> {
    /// Value of a key, a new one if there is none.
    fn of(&mut self, key: u64, now: Time) -> &mut V {
        let most = MAX - usize::from(!self.values.contains_key(&key));
        while let Some((oldest, since)) = self.order.front()
            && (self.order.len() > most || now.get().saturating_sub(since.get()) > KEPT_MS)
        {
            self.values.remove(oldest);
            self.order.pop_front();
        }
        self.values.entry(key).or_insert_with(|| {
            self.order.push_back((key, now));
            V::default()
        })
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

    fn conflict(number: u8) -> ConflictId {
        ConflictId(Digest([number; 32]))
    }

    #[test]
    fn a_lane_brings_an_analysis_again_twice_where_the_one_before_had_no_effect() {
        let mut brought = Brought::default();
        assert!(!brought.comes_again(LANE, &conflict(1)), "it has not begun");
        brought.begins(&conflict(1), Time::new(0));

        assert!(brought.is_wanted(LANE, at(1), &conflict(1)));
        assert!(!brought.is_wanted(LANE, at(2), &conflict(1)));
        for position in [2, 3] {
            assert!(brought.comes_again(LANE, &conflict(1)));
            assert!(brought.is_wanted(LANE, at(position), &conflict(1)));
        }
        assert!(!brought.comes_again(LANE, &conflict(1)));
        assert!(!brought.is_wanted(LANE, at(4), &conflict(1)));
    }

    #[test]
    fn an_analysis_that_was_charged_before_its_conflict_is_given_back_once_as_it_begins() {
        let (mut brought, now, known) = (Brought::default(), Time::new(0), conflict(1));

        assert!(!brought.is_wanted(LANE, at(1), &known));
        assert!(brought.is_charged(LANE, at(1), (&known, 7), now));
        assert!(!brought.is_charged(LANE, at(2), (&known, 7), now), "one is given back");
        assert_eq!(brought.begins(&known, Time::new(600_000)), [(LANE, 7)]);
        assert_eq!(brought.begins(&known, now), []);

        assert!(brought.is_wanted(LANE, at(1), &known), "it comes again");
        assert!(!brought.is_wanted(LANE, at(2), &known), "its lane has brought one");
    }

    #[test]
    fn an_analysis_that_was_not_charged_is_given_back_to_nobody_and_may_come_once() {
        let (mut brought, now, known) = (Brought::default(), Time::new(0), conflict(1));

        assert!(!brought.is_wanted(LANE, at(1), &known));
        assert_eq!(brought.begins(&known, now), []);

        assert!(brought.is_wanted(LANE, at(2), &known));
        assert!(!brought.is_wanted(LANE, at(3), &known));
        assert!(brought.is_wanted(ReplicaId::new(2), at(3), &known), "each lane for itself");
    }

    #[test]
    fn early_analyses_of_a_lane_are_bounded_and_push_out_no_other_lanes() {
        let (mut brought, now, other) = (Brought::default(), Time::new(0), ReplicaId::new(2));
        let named = |number: usize| {
            let mut id = [7; 32];
            id[..8].copy_from_slice(&number.to_be_bytes());
            ConflictId(Digest(id))
        };
        assert!(brought.is_charged(other, at(1), (&named(0), 7), now));

        assert!((0..2 * EARLY_MAX).all(|number| brought.is_charged(LANE, at(1), (&named(number), 7), now)));

        assert_eq!(brought.lanes[&LANE].early.values.len(), EARLY_MAX);
        assert_eq!(brought.begins(&named(0), now), [(other, 7)]);
    }

    #[test]
    fn claims_are_forgotten_after_a_while_and_bounded_in_number() {
        let mut brought = Brought::default();
        brought.note(LANE, at(1), &claim(0), Time::new(0));

        assert_eq!(brought.note(LANE, at(2), &claim(0), Time::new(KEPT_MS + 1)), None);
        for number in 1..=2 * CLAIMS_MAX as u64 {
            brought.note(LANE, at(3), &claim(number), Time::new(KEPT_MS + 1));
        }

        assert_eq!(brought.lanes[&LANE].claims.values.len(), CLAIMS_MAX);
        assert_eq!(brought.lanes[&LANE].claims.order.len(), CLAIMS_MAX);
    }
}
