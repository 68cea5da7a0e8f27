//! Envelopes that were taken here and have no verdict yet (rule A2).
//!
//! One that follows what is executed, or what is already on the own lane, goes on the lane at once. One with a gap
//! before it waits here and goes on the lane when the gap has closed. What was executed without a verdict, because the
//! lanes ran in another order, comes back here. Everything is bounded, by author and in all.

use quorate_ledger::EnvelopeId;
use quorate_pbft::{PublicKey, Time};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes that one author may have waiting at one replica.
const AUTHOR_BYTES_MAX: usize = 64 << 20;
/// Envelopes that one author may have waiting in one domain at one replica: as many as one bundle of 1 MiB holds.
const AUTHOR_ENVELOPES_MAX: usize = 4_096;
/// Bytes that all authors of one organisation together may have waiting (rule B). There is no sum over organisations:
/// one could fill it for the others.
const ORGANISATION_BYTES_MAX: usize = 512 << 20;

/// What an envelope counts beside its bytes: its places in the maps here, with copies of its domain's name. Without it
/// a budget of bytes would hold many times as much in small envelopes, each for a domain of its own.
const ENTRY_BYTES: usize = 1_024;

/// Ledger time until what lacks something is tried for the first time again; doubles with each try, because each costs
/// the lane its bytes.
const PARK_MS: u64 = 1_000;
/// Ledger time between two looks for what has waited too long: a look reads everything that waits.
const LOOK_EVERY_MS: u64 = 1_000;

/// A checked envelope, as far as waiting goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Names it.
    pub id: EnvelopeId,
    /// Who signed it.
    pub author: PublicKey,
    /// Whom the author belonged to when it came.
    pub organisation: String,
    /// Where it belongs.
    pub domain: String,
    /// Its first number.
    pub from_seq: u64,
    /// Its last number.
    pub to_seq: u64,
    /// Its attempt for the first number.
    pub attempt: u64,
    /// The whole of it, canonical.
    pub bytes: Vec<u8>,
}

impl Offered {
    /// What it takes of the budgets.
    fn weight(&self) -> usize {
        self.bytes.len() + ENTRY_BYTES
    }
}

/// Where a waiting envelope is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Handed to the core for the own lane.
    Lane,
    /// Here, until this number is executed or on the lane.
    Gap {
        /// The number that must come first.
        waits_for: u64,
    },
    /// Here, because something else is missing; it is tried again at this ledger time.
    Parked {
        /// When.
        until: Time,
    },
}

impl Place {
    /// With a gap before it, the number that must come first.
    pub fn waits_for(self) -> Option<u64> {
        match self {
            Self::Gap { waits_for } => Some(waits_for),
            Self::Lane | Self::Parked { .. } => None,
        }
    }
}

/// Why an envelope does not wait here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Another envelope holds one of its numbers.
    #[error("another envelope holds number {from_seq} or one after it; {next_seq} is free")]
    SequenceTaken {
        /// Where it begins.
        from_seq: u64,
        /// The first free number.
        next_seq: u64,
    },
    /// It begins below the next number and is no copy.
    #[error("it begins at {from_seq}, the next number is {next_seq}")]
    Overlap {
        /// Where it begins.
        from_seq: u64,
        /// The next number.
        next_seq: u64,
    },
    /// Too far ahead.
    #[error("it begins at {from_seq}, too far above the next number {next_seq}")]
    GapTooWide {
        /// Where it begins.
        from_seq: u64,
        /// The next number.
        next_seq: u64,
    },
    /// No room: come again later.
    #[error("too much of this author waits here already")]
    AuthorFull,
    /// No room: come again later.
    #[error("too much of this author's organisation waits here already")]
    OrganisationFull,
    /// No room: come again later.
    #[error("too much waits here already")]
    Full,
}

#[derive(Debug)]
struct Waiting {
    offered: Offered,
    place: Place,
    /// Ledger time when it was taken: of the last slot before, which may be long ago.
    taken: Time,
    /// Ledger time of the first look after a slot that came later; its wait counts from here.
    since: Option<Time>,
    /// How often it was parked.
    tries: u32,
}

impl Waiting {
    fn new(offered: Offered, place: Place, taken: Time) -> Self {
        Self { offered, place, taken, since: None, tries: 0 }
    }

    /// Milliseconds of ledger time that it has waited, as far as they count.
    fn waited(&mut self, now: Time) -> u64 {
        if self.since.is_none() && now > self.taken {
            self.since = Some(now);
        }
        self.since.map_or(0, |since| now.get().saturating_sub(since.get()))
    }
}

/// An author's envelopes in one domain.
pub type Stream = (PublicKey, String);

/// All of them, in the order of their numbers.
#[derive(Debug)]
pub struct Pending {
    gap_max: u64,
    wait_ms: u64,
    /// When it was last looked for what has waited too long.
    looked_at: Time,
    streams: BTreeMap<Stream, BTreeMap<u64, Waiting>>,
    ids: BTreeMap<EnvelopeId, (Stream, u64)>,
    author_bytes: BTreeMap<PublicKey, usize>,
    organisation_bytes: BTreeMap<String, usize>,
    bytes: usize,
}

impl Pending {
    /// None yet. A gap may be `gap_max` numbers wide and stay open for `wait_ms` of ledger time.
    pub fn new(gap_max: u64, wait_ms: u64) -> Self {
        let (streams, ids, author_bytes, organisation_bytes, bytes) = Default::default();
        let looked_at = Time::default();
        Self { gap_max, wait_ms, looked_at, streams, ids, author_bytes, organisation_bytes, bytes }
    }

    /// Takes an envelope and says where it waits, or why it does not. `next_seq` is its author's next number as
    /// executed, `now` ledger time. A copy of one that waits is where that is.
    pub fn take(&mut self, offered: Offered, next_seq: u64, now: Time) -> Result<Place, NotTaken> {
        if let Some(place) = self.place(&offered.id) {
            return Ok(place);
        }
        self.check_numbers(&offered, next_seq)?;
        self.check_room(&offered)?;
        let stream = (offered.author, offered.domain.clone());
        let covered = self.covered(&stream, next_seq);
        let place = if offered.from_seq <= covered { Place::Lane } else { Place::Gap { waits_for: covered } };
        self.insert(stream, Waiting::new(offered, place, now));
        Ok(place)
    }

    /// Notes an envelope that the own lane holds already.
    pub fn restore(&mut self, offered: Offered, now: Time) {
        if self.place(&offered.id).is_none() {
            let stream = (offered.author, offered.domain.clone());
            self.insert(stream, Waiting::new(offered, Place::Lane, now));
        }
    }

    fn check_numbers(&self, offered: &Offered, next_seq: u64) -> Result<(), NotTaken> {
        let from_seq = offered.from_seq;
        if from_seq < next_seq {
            return Err(match offered.to_seq < next_seq {
                true => NotTaken::SequenceTaken { from_seq, next_seq },
                false => NotTaken::Overlap { from_seq, next_seq },
            });
        }
        if from_seq - next_seq > self.gap_max {
            return Err(NotTaken::GapTooWide { from_seq, next_seq });
        }
        let taken = self.streams.get(&(offered.author, offered.domain.clone())).is_some_and(|stream| {
            let below = stream.range(..=offered.to_seq).next_back();
            below.is_some_and(|(_, waiting)| waiting.offered.to_seq >= from_seq)
        });
        let next_seq = self.free(&offered.author, &offered.domain, next_seq);
        if taken { Err(NotTaken::SequenceTaken { from_seq, next_seq }) } else { Ok(()) }
    }

    fn check_room(&self, offered: &Offered) -> Result<(), NotTaken> {
        let bytes = self.author_bytes.get(&offered.author).copied().unwrap_or(0);
        let waiting = self.streams.get(&(offered.author, offered.domain.clone())).map_or(0, BTreeMap::len);
        if bytes + offered.weight() > AUTHOR_BYTES_MAX || waiting >= AUTHOR_ENVELOPES_MAX {
            return Err(NotTaken::AuthorFull);
        }
        let summed = self.organisation_bytes.get(&offered.organisation).copied().unwrap_or(0);
        let is_full = summed + offered.weight() > ORGANISATION_BYTES_MAX;
        if is_full { Err(NotTaken::OrganisationFull) } else { Ok(()) }
    }

    /// The first number from `next_seq` on that no envelope of an unbroken run on the lane holds.
    fn covered(&self, stream: &Stream, next_seq: u64) -> u64 {
        let mut covered = next_seq;
        for (from, waiting) in self.streams.get(stream).into_iter().flatten() {
            if waiting.place != Place::Lane || *from > covered {
                break;
            }
            covered = covered.max(waiting.offered.to_seq + 1);
        }
        covered
    }

    /// The first number above all that this author has executed (`next_seq`) or waiting here.
    fn free(&self, author: &PublicKey, domain: &str, next_seq: u64) -> u64 {
        let last = self.of(author, domain).last();
        last.map_or(next_seq, |offered| next_seq.max(offered.to_seq + 1))
    }

    fn insert(&mut self, stream: Stream, waiting: Waiting) {
        let (id, from, weight) = (waiting.offered.id, waiting.offered.from_seq, waiting.offered.weight());
        *self.author_bytes.entry(stream.0).or_default() += weight;
        *self.organisation_bytes.entry(waiting.offered.organisation.clone()).or_default() += weight;
        self.bytes += waiting.offered.bytes.len();
        self.ids.insert(id, (stream.clone(), from));
        self.streams.entry(stream).or_default().insert(from, waiting);
    }

    /// It has its verdict, or will never have one.
    pub fn remove(&mut self, id: &EnvelopeId) -> Option<Offered> {
        let (stream, from) = self.ids.remove(id)?;
        let waiting = self.streams.get_mut(&stream)?.remove(&from)?;
        if self.streams.get(&stream).is_some_and(BTreeMap::is_empty) {
            self.streams.remove(&stream);
        }
        let weight = waiting.offered.weight();
        self.bytes -= waiting.offered.bytes.len();
        give_back(&mut self.author_bytes, &stream.0, weight);
        give_back(&mut self.organisation_bytes, &waiting.offered.organisation, weight);
        Some(waiting.offered)
    }

    /// It was executed without a verdict, because of a gap before it: it waits here again.
    pub fn came_back(&mut self, id: &EnvelopeId, waits_for: u64) {
        if let Some(waiting) = self.get_mut(id) {
            waiting.place = Place::Gap { waits_for };
        }
    }

    /// Something else than a number is missing, or the lane had no room: it is tried again later, by the replica's own
    /// clock, as ledger time stands still in an idle group.
    pub fn park(&mut self, id: &EnvelopeId, now: Time) {
        if let Some(waiting) = self.get_mut(id) {
            let pause = PARK_MS.saturating_mul(1 << waiting.tries.min(20));
            waiting.tries += 1;
            waiting.place = Place::Parked { until: Time::new(now.get().saturating_add(pause)) };
        }
    }

    fn get_mut(&mut self, id: &EnvelopeId) -> Option<&mut Waiting> {
        let (stream, from) = self.ids.get(id)?;
        self.streams.get_mut(stream)?.get_mut(from)
    }

    /// The envelopes of an author that can go on the lane now, in order; they count as being there.
    pub fn ready(&mut self, author: &PublicKey, domain: &str, next_seq: u64, now: Time) -> Vec<Offered> {
        let stream = (*author, domain.to_owned());
        let mut covered = next_seq;
        let mut ready = Vec::new();
        for (from, waiting) in self.streams.get_mut(&stream).into_iter().flatten() {
            let parked = matches!(waiting.place, Place::Parked { until } if until > now);
            if *from > covered || parked {
                if let Place::Gap { waits_for } = &mut waiting.place {
                    *waits_for = covered;
                }
                continue;
            }
            covered = covered.max(waiting.offered.to_seq + 1);
            if waiting.place != Place::Lane {
                waiting.place = Place::Lane;
                ready.push(waiting.offered.clone());
            }
        }
        ready
    }

    /// Whether it is time to look for what is overdue: once in a second of the replica's own clock, as a look reads
    /// everything and ledger time stands still in an idle group.
    pub fn is_time_to_look(&mut self, now: Time) -> bool {
        let due = now.get().saturating_sub(self.looked_at.get()) >= LOOK_EVERY_MS;
        if due {
            self.looked_at = now;
        }
        due
    }

    /// Takes out what has waited here for too long in ledger time.
    pub fn expire(&mut self, now: Time) -> Vec<Offered> {
        let wait_ms = self.wait_ms;
        let all = self.streams.values_mut().flat_map(BTreeMap::values_mut);
        let overdue = all.filter_map(|waiting| {
            let overdue = waiting.waited(now) >= wait_ms && waiting.place != Place::Lane;
            overdue.then_some(waiting.offered.id)
        });
        let ids: Vec<EnvelopeId> = overdue.collect();
        ids.iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Whose parked envelopes may be tried again.
    pub fn unparked(&self, now: Time) -> BTreeSet<Stream> {
        let due = |waiting: &&Waiting| matches!(waiting.place, Place::Parked { until } if until <= now);
        let all = self.streams.values().flat_map(BTreeMap::values);
        all.filter(due).map(|waiting| (waiting.offered.author, waiting.offered.domain.clone())).collect()
    }

    /// Where an envelope waits; none if it does not.
    pub fn place(&self, id: &EnvelopeId) -> Option<Place> {
        self.get(id).map(|waiting| waiting.place)
    }

    /// A waiting envelope.
    pub fn offered(&self, id: &EnvelopeId) -> Option<&Offered> {
        self.get(id).map(|waiting| &waiting.offered)
    }

    fn get(&self, id: &EnvelopeId) -> Option<&Waiting> {
        let (stream, from) = self.ids.get(id)?;
        self.streams.get(stream)?.get(from)
    }

    /// An author's waiting envelopes in a domain, by number.
    pub fn of(&self, author: &PublicKey, domain: &str) -> impl Iterator<Item = &Offered> {
        let stream = self.streams.get(&(*author, domain.to_owned()));
        stream.into_iter().flat_map(BTreeMap::values).map(|waiting| &waiting.offered)
    }

    /// All waiting envelopes with their places, by author, domain and number.
    pub fn all(&self) -> impl Iterator<Item = (&Offered, Place)> {
        self.streams.values().flat_map(BTreeMap::values).map(|waiting| (&waiting.offered, waiting.place))
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Their bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Bytes that wait no more. Nothing is kept of whoever has none waiting.
fn give_back<K: Ord>(budgets: &mut BTreeMap<K, usize>, whose: &K, bytes: usize) {
    if let Some(left) = budgets.get_mut(whose) {
        *left -= bytes;
        if *left == 0 {
            budgets.remove(whose);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::Digest;

    const START: Time = Time::new(1_000);
    const GAP_MAX: u64 = 1_024;
    const WAIT_MS: u64 = 600_000;

    fn pending() -> Pending {
        Pending::new(GAP_MAX, WAIT_MS)
    }

    fn offered(from_seq: u64, to_seq: u64) -> Offered {
        sized(from_seq, to_seq, 10)
    }

    fn sized(from_seq: u64, to_seq: u64, bytes: usize) -> Offered {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&from_seq.to_be_bytes());
        id[8] = (to_seq - from_seq) as u8;
        let (author, organisation, domain) = (PublicKey([7; 32]), "org-0".to_owned(), "main".to_owned());
        let (id, bytes) = (EnvelopeId(Digest(id)), vec![0; bytes]);
        Offered { id, author, organisation, domain, from_seq, to_seq, attempt: 1, bytes }
    }

    fn numbers(ready: &[Offered]) -> Vec<u64> {
        ready.iter().map(|offered| offered.from_seq).collect()
    }

    #[test]
    fn a_run_without_gaps_goes_on_the_lane_at_once() {
        let mut pending = pending();

        assert_eq!(pending.take(offered(1, 1), 1, START), Ok(Place::Lane));
        assert_eq!(pending.take(offered(2, 4), 1, START), Ok(Place::Lane));
        assert_eq!(pending.take(offered(5, 5), 1, START), Ok(Place::Lane));
    }

    #[test]
    fn an_envelope_after_a_gap_waits_until_it_closes() {
        let mut pending = pending();
        assert_eq!(pending.take(offered(3, 3), 1, START), Ok(Place::Gap { waits_for: 1 }));
        assert_eq!(pending.take(offered(4, 4), 1, START), Ok(Place::Gap { waits_for: 1 }));
        let author = PublicKey([7; 32]);
        assert!(pending.ready(&author, "main", 2, START).is_empty());

        assert_eq!(numbers(&pending.ready(&author, "main", 3, START)), [3, 4]);
        assert!(pending.ready(&author, "main", 3, START).is_empty(), "once");
    }

    #[test]
    fn a_gap_that_the_own_lane_closes_needs_no_execution() {
        let mut pending = pending();
        pending.take(offered(2, 2), 1, START).unwrap();
        pending.take(offered(1, 1), 1, START).unwrap();

        assert_eq!(numbers(&pending.ready(&PublicKey([7; 32]), "main", 1, START)), [2]);
    }

    #[test]
    fn what_came_back_without_a_verdict_goes_again() {
        let mut pending = pending();
        pending.take(offered(1, 1), 1, START).unwrap();
        pending.came_back(&offered(1, 1).id, 1);
        assert_eq!(pending.place(&offered(1, 1).id), Some(Place::Gap { waits_for: 1 }));

        assert_eq!(numbers(&pending.ready(&PublicKey([7; 32]), "main", 1, START)), [1]);
    }

    #[test]
    fn the_same_envelope_again_is_where_it_was() {
        let mut pending = pending();
        pending.take(offered(2, 2), 1, START).unwrap();

        assert_eq!(pending.take(offered(2, 2), 1, START), Ok(Place::Gap { waits_for: 1 }));
        assert_eq!(pending.len(), 1);
    }

    #[test]
    fn a_number_is_held_by_one_envelope() {
        let mut pending = pending();
        pending.take(offered(2, 4), 1, START).unwrap();

        for (from, to) in [(4, 4), (1, 2), (3, 3), (2, 5)] {
            let refused = pending.take(offered(from, to), 1, START);
            assert_eq!(refused, Err(NotTaken::SequenceTaken { from_seq: from, next_seq: 5 }), "{from}..{to}");
        }
        assert_eq!(pending.take(offered(5, 5), 1, START), Ok(Place::Gap { waits_for: 1 }));
        assert_eq!(pending.take(offered(1, 1), 1, START), Ok(Place::Lane));
    }

    #[test]
    fn what_begins_below_the_next_number_is_taken_or_overlaps() {
        let mut pending = pending();

        let taken = pending.take(offered(3, 4), 5, START);
        let overlaps = pending.take(offered(3, 5), 5, START);

        assert_eq!(taken, Err(NotTaken::SequenceTaken { from_seq: 3, next_seq: 5 }));
        assert_eq!(overlaps, Err(NotTaken::Overlap { from_seq: 3, next_seq: 5 }));
    }

    #[test]
    fn a_gap_may_be_1024_wide_and_no_wider() {
        let mut pending = pending();

        assert!(pending.take(offered(1 + GAP_MAX, 1 + GAP_MAX), 1, START).is_ok());
        let wider = pending.take(offered(2 + GAP_MAX, 2 + GAP_MAX), 1, START);
        assert_eq!(wider, Err(NotTaken::GapTooWide { from_seq: 2 + GAP_MAX, next_seq: 1 }));
    }

    #[test]
    fn an_author_has_a_budget_that_verdicts_give_back() {
        let mut pending = pending();
        pending.take(sized(1, 1, AUTHOR_BYTES_MAX - ENTRY_BYTES), 1, START).unwrap();
        assert_eq!(pending.take(offered(2, 2), 1, START), Err(NotTaken::AuthorFull));

        pending.remove(&offered(1, 1).id).unwrap();

        assert_eq!((pending.len(), pending.bytes()), (0, 0));
        assert_eq!(pending.take(offered(2, 2), 2, START), Ok(Place::Lane));
    }

    #[test]
    fn an_organisation_has_a_budget_summed_over_its_authors() {
        let mut pending = pending();
        let of = |author: u8, organisation: &str, bytes| {
            let id = EnvelopeId(Digest([author; 32]));
            let (author, organisation) = (PublicKey([author; 32]), organisation.to_owned());
            Offered { id, author, organisation, ..sized(1, 1, bytes) }
        };
        let authors = (ORGANISATION_BYTES_MAX / AUTHOR_BYTES_MAX) as u8;
        for author in 0..authors {
            pending.take(of(author, "org-0", AUTHOR_BYTES_MAX - ENTRY_BYTES), 1, START).unwrap();
        }

        assert_eq!(pending.take(of(authors, "org-0", 1), 1, START), Err(NotTaken::OrganisationFull));
        assert_eq!(pending.take(of(authors, "org-1", 1), 1, START), Ok(Place::Lane));
        pending.remove(&EnvelopeId(Digest([0; 32]))).unwrap();
        assert_eq!(pending.take(of(authors + 1, "org-0", 1), 1, START), Ok(Place::Lane));
    }

    #[test]
    fn small_envelopes_for_domains_of_their_own_count_more_than_their_bytes() {
        let mut pending = pending();
        let small = |n: usize| {
            let id = EnvelopeId(Digest(core::array::from_fn(|at| (n >> (8 * at.min(4))) as u8)));
            Offered { id, domain: format!("nowhere-{n}"), ..sized(2, 2, 200) }
        };
        let taken = (0..).take_while(|n| pending.take(small(*n), 1, START).is_ok()).count();
        assert_eq!(taken, AUTHOR_BYTES_MAX / (200 + ENTRY_BYTES));
    }

    #[test]
    fn time_that_an_idle_group_slept_before_the_first_slot_does_not_count() {
        let mut pending = pending();
        pending.take(offered(3, 3), 1, Time::default()).unwrap();

        assert!(pending.expire(START).is_empty());
        assert!(pending.expire(Time::new(START.get() + WAIT_MS - 1)).is_empty());
        assert_eq!(numbers(&pending.expire(Time::new(START.get() + WAIT_MS))), [3]);
    }

    #[test]
    fn waiting_for_a_gap_ends_after_ten_minutes_and_waiting_on_the_lane_does_not() {
        let mut pending = pending();
        pending.take(offered(1, 1), 1, START).unwrap();
        pending.take(offered(3, 3), 1, START).unwrap();
        let first_slot = START.get() + 1;
        let end = first_slot + WAIT_MS;

        assert!(pending.expire(Time::new(first_slot)).is_empty());
        assert!(pending.expire(Time::new(end - 1)).is_empty());
        assert_eq!(numbers(&pending.expire(Time::new(end))), [3]);
        assert_eq!(pending.len(), 1);
    }

    #[test]
    fn what_lacks_something_is_tried_again_after_pauses_that_double() {
        let mut pending = pending();
        pending.take(offered(1, 1), 1, START).unwrap();
        pending.take(offered(2, 2), 1, START).unwrap();
        let (author, id) = (PublicKey([7; 32]), offered(1, 1).id);

        pending.park(&id, START);
        let first = Time::new(START.get() + PARK_MS);
        assert!(pending.unparked(START).is_empty() && pending.ready(&author, "main", 1, START).is_empty());
        assert_eq!(pending.unparked(first).len(), 1);
        assert_eq!(numbers(&pending.ready(&author, "main", 1, first)), [1]);

        pending.park(&id, first);
        assert!(pending.unparked(Time::new(first.get() + PARK_MS)).is_empty());
        assert_eq!(pending.unparked(Time::new(first.get() + 2 * PARK_MS)).len(), 1);
    }
}
