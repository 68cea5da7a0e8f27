//! Envelopes that were taken here and have no verdict yet (rule A2).
//!
//! An envelope that follows what is executed, or what is already on the own lane, goes on the lane at once. An envelope
//! with a gap before it waits here and goes on the lane when the gap has closed. An envelope that was executed without
//! a verdict, because the lanes ran in another order, comes back here. Count and bytes are bounded, by author and in
//! total.

mod candidate;
mod expired;
mod queue;
#[cfg(test)]
mod tests;
mod waiting;

pub use candidate::{Candidate, Lack, NotTaken, Place};
use expired::Expired;
use queue::Queue;
use quorate_ledger::EnvelopeId;
use quorate_pbft::{PublicKey, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use waiting::Waiting;

/// Bytes that one author may have waiting at one replica.
const AUTHOR_BYTES_MAX: usize = 64 << 20;
/// Envelopes that one author may have waiting in one domain at one replica: as many as one bundle of 1 MiB holds.
const AUTHOR_ENVELOPES_MAX: usize = 4_096;
/// Bytes that all authors of one organisation together may have waiting (rule B). There is no sum over organisations:
/// one could fill it for the others.
const ORGANISATION_BYTES_MAX: usize = 512 << 20;

/// Ledger time until what lacks something is tried for the first time again; doubles with each try, because each costs
/// the lane its bytes.
const PARK_MS: u64 = 1_000;
/// Ledger time between two looks for what has waited too long: a look reads everything that waits.
const LOOK_EVERY_MS: u64 = 1_000;

/// An author's envelopes in one domain.
pub type Stream = (PublicKey, String);

/// Mempool: waiting envelopes, in the order of their numbers.
#[derive(Debug, Default)]
pub struct Mempool {
    gap_max: u64,
    wait_ms: u64,
    /// When it was last looked for what has waited too long.
    looked_at: Time,
    streams: BTreeMap<Stream, BTreeMap<u64, Waiting>>,
    ids: BTreeMap<EnvelopeId, (Stream, u64)>,
    author_bytes: BTreeMap<PublicKey, usize>,
    organisation_bytes: BTreeMap<String, usize>,
    bytes: usize,
    idle: Idle,
    /// This machine's clock.
    wall: Time,
    queue: Queue,
    /// Envelopes whose wait has ended in a round that is not published, without their bytes, and the places that they had.
    ended: BTreeMap<EnvelopeId, (Candidate, Place)>,
    expired: Expired,
}

/// Counts of waiting envelopes of which nothing can be ordered now.
#[derive(Debug, Default)]
struct Idle {
    /// Envelopes with a gap before them.
    gapped: usize,
    /// Parked ones that lack more than room.
    parked: usize,
}

impl Idle {
    fn of(&mut self, place: Place) -> Option<&mut usize> {
        match place {
            Place::Gap { .. } => Some(&mut self.gapped),
            place => (!place.is_orderable()).then_some(&mut self.parked),
        }
    }

    fn enter(&mut self, place: Place) {
        self.of(place).into_iter().for_each(|count| *count += 1);
    }

    fn leave(&mut self, place: Place) {
        self.of(place).into_iter().for_each(|count| *count -= 1);
    }
}

impl Mempool {
    /// None yet. A gap may be `gap_max` numbers wide and stay open for `wait_ms` of ledger time.
    pub fn new(gap_max: u64, wait_ms: u64) -> Self {
        Self { gap_max, wait_ms, ..Self::default() }
    }

    /// Sets this machine's clock: when what comes next has come.
    pub fn set_clock(&mut self, wall: Time) {
        self.wall = wall;
    }

    /// Takes an envelope and says where it waits, or why it does not. `next_seq` is its author's next number as
    /// executed, `now` ledger time. A copy of one that waits is where that is; the wait of one that was given up for it
    /// ([`Mempool::given_up_for`]) ends as expired.
    pub fn take(&mut self, candidate: Candidate, next_seq: u64, now: Time) -> Result<Place, NotTaken> {
        if let Some(place) = self.place(&candidate.id) {
            return Ok(place);
        }
        self.check_numbers(&candidate, next_seq)?;
        self.check_room(&candidate)?;
        let stream = (candidate.author, candidate.domain.clone());
        let covered = self.covered(&stream, next_seq);
        let place = if candidate.from_seq <= covered { Place::Lane } else { Place::Gap { waits_for: covered } };
        self.insert(stream, Waiting::new(candidate, place, now, self.wall));
        Ok(place)
    }

    /// Notes an envelope that the own lane holds already.
    pub fn restore(&mut self, candidate: Candidate, now: Time) {
        if self.place(&candidate.id).is_none() {
            let stream = (candidate.author, candidate.domain.clone());
            self.insert(stream, Waiting::new(candidate, Place::Lane, now, self.wall));
        }
    }

    fn check_numbers(&self, candidate: &Candidate, next_seq: u64) -> Result<(), NotTaken> {
        let from_seq = candidate.from_seq;
        if from_seq < next_seq {
            return Err(match candidate.to_seq < next_seq {
                true => NotTaken::SequenceTaken { from_seq, next_seq },
                false => NotTaken::Overlap { from_seq, next_seq },
            });
        }
        if from_seq - next_seq > self.gap_max {
            return Err(NotTaken::GapTooWide { from_seq, next_seq });
        }
        let taken = self.streams.get(&(candidate.author, candidate.domain.clone())).is_some_and(|stream| {
            let mut below = stream.range(..=candidate.to_seq).rev().map(|(_, waiting)| waiting);
            let last = below.find(|waiting| !waiting.gives_way_to(candidate));
            last.is_some_and(|waiting| waiting.candidate.to_seq >= from_seq)
        });
        let next_seq = self.free(&candidate.author, &candidate.domain, next_seq);
        if taken { Err(NotTaken::SequenceTaken { from_seq, next_seq }) } else { Ok(()) }
    }

    /// Parked envelope in whose place a candidate comes: its author has signed that one under the same number later.
    pub fn given_up_for(&self, candidate: &Candidate) -> Option<EnvelopeId> {
        self.giving_way_to(candidate).map(|held| held.candidate.id)
    }

    fn giving_way_to(&self, candidate: &Candidate) -> Option<&Waiting> {
        let stream = self.streams.get(&(candidate.author, candidate.domain.clone()))?;
        stream.get(&candidate.from_seq).filter(|held| held.gives_way_to(candidate))
    }

    fn check_room(&self, candidate: &Candidate) -> Result<(), NotTaken> {
        let leaves = self.giving_way_to(candidate).map(|held| &held.candidate);
        let bytes = left_of(&self.author_bytes, &candidate.author, leaves);
        let waiting = self.streams.get(&(candidate.author, candidate.domain.clone())).map_or(0, BTreeMap::len);
        let waiting = waiting - leaves.iter().len();
        if bytes + candidate.weight() > AUTHOR_BYTES_MAX || waiting >= AUTHOR_ENVELOPES_MAX {
            return Err(NotTaken::AuthorFull);
        }
        let leaves = leaves.filter(|leaves| leaves.organisation == candidate.organisation);
        let summed = left_of(&self.organisation_bytes, &candidate.organisation, leaves);
        let is_full = summed + candidate.weight() > ORGANISATION_BYTES_MAX;
        if is_full { Err(NotTaken::OrganisationFull) } else { Ok(()) }
    }

    /// The first number from `next_seq` on that no envelope of an unbroken run on the lane holds.
    fn covered(&self, stream: &Stream, next_seq: u64) -> u64 {
        let mut covered = next_seq;
        for (from, waiting) in self.streams.get(stream).into_iter().flatten() {
            if waiting.place != Place::Lane || *from > covered {
                break;
            }
            covered = covered.max(waiting.candidate.to_seq + 1);
        }
        covered
    }

    /// The first number above all that this author has executed (`next_seq`) or waiting here.
    fn free(&self, author: &PublicKey, domain: &str, next_seq: u64) -> u64 {
        let last = self.of(author, domain).last();
        last.map_or(next_seq, |candidate| next_seq.max(candidate.to_seq + 1))
    }

    fn insert(&mut self, stream: Stream, waiting: Waiting) {
        let before = self.streams.get(&stream).and_then(|held| held.get(&waiting.candidate.from_seq));
        before.map(|before| before.candidate.id).iter().for_each(|id| self.end_expired(id));
        let (id, from, weight) = (waiting.candidate.id, waiting.candidate.from_seq, waiting.candidate.weight());
        *self.author_bytes.entry(stream.0).or_default() += weight;
        *self.organisation_bytes.entry(waiting.candidate.organisation.clone()).or_default() += weight;
        self.bytes += waiting.candidate.bytes.len();
        self.idle.enter(waiting.place);
        self.ended.remove(&id);
        self.expired.forget(&id);
        self.ids.insert(id, (stream.clone(), from));
        self.streams.entry(stream).or_default().insert(from, waiting);
    }

    /// Ends the wait of an envelope that has its verdict, or will never have one; its bytes, if it waited. Readers know it
    /// until that is published.
    pub fn end(&mut self, id: &EnvelopeId) -> Option<Vec<u8>> {
        if let Some(candidate) = self.expired.forget(id) {
            self.ended.insert(*id, (candidate, Place::Lane)); // ordered all the same, by way of another node
        }
        let place = self.place(id)?;
        let mut candidate = self.remove(id)?;
        let bytes = mem::take(&mut candidate.bytes);
        self.ended.insert(*id, (candidate, place));
        Some(bytes)
    }

    /// Ends the wait of an envelope that lasted too long here, and remembers it for those who ask: the same bytes may be sent again.
    pub fn end_expired(&mut self, id: &EnvelopeId) {
        if self.end(id).is_some() {
            let ended = self.ended.get(id).map(|(candidate, _)| candidate.clone());
            ended.into_iter().for_each(|candidate| self.expired.note(candidate));
        }
    }

    /// Envelope whose wait ended as expired, of the newest since the start. A look at what is [`Mempool::known`] comes first.
    pub fn expired(&self, id: &EnvelopeId) -> Option<&Candidate> {
        self.expired.get(id)
    }

    /// Forgets the waits that have ended: the state that says how is published.
    pub fn forget_ended(&mut self) {
        self.ended.clear();
    }

    /// Removes an envelope.
    pub fn remove(&mut self, id: &EnvelopeId) -> Option<Candidate> {
        let (stream, from) = self.ids.remove(id)?;
        let waiting = self.streams.get_mut(&stream)?.remove(&from)?;
        if self.streams.get(&stream).is_some_and(BTreeMap::is_empty) {
            self.streams.remove(&stream);
        }
        self.leave_queue(&waiting);
        let weight = waiting.candidate.weight();
        self.bytes -= waiting.candidate.bytes.len();
        self.idle.leave(waiting.place);
        give_back(&mut self.author_bytes, &stream.0, weight);
        give_back(&mut self.organisation_bytes, &waiting.candidate.organisation, weight);
        Some(waiting.candidate)
    }

    /// Puts an envelope back that was executed without a verdict, because of a gap before it.
    pub fn came_back(&mut self, id: &EnvelopeId, waits_for: u64) {
        self.move_to(id, Place::Gap { waits_for });
    }

    fn move_to(&mut self, id: &EnvelopeId, place: Place) {
        let Some(waiting) = self.get_mut(id) else { return };
        let before = mem::replace(&mut waiting.place, place);
        self.idle.leave(before);
        self.idle.enter(place);
    }

    /// Parks an envelope that lacks something else than a number, or found no room on the lane: it is tried again
    /// later, by the replica's own clock, as ledger time stands still in an idle group.
    pub fn park(&mut self, id: &EnvelopeId, lacks: Lack, now: Time) {
        if let Some(waiting) = self.get_mut(id) {
            let pause = PARK_MS.saturating_mul(1 << waiting.tries.min(20));
            waiting.tries += 1;
            self.move_to(id, Place::Parked { until: Time::new(now.get().saturating_add(pause)), lacks });
        }
    }

    fn get_mut(&mut self, id: &EnvelopeId) -> Option<&mut Waiting> {
        let (stream, from) = self.ids.get(id)?;
        self.streams.get_mut(stream)?.get_mut(from)
    }

    /// The envelopes of an author that can go on the lane now, in order; they count as being there.
    pub fn ready(&mut self, author: &PublicKey, domain: &str, next_seq: u64, now: Time) -> Vec<Candidate> {
        let stream = (*author, domain.to_owned());
        let mut covered = next_seq;
        let mut ready = Vec::new();
        for (from, waiting) in self.streams.get_mut(&stream).into_iter().flatten() {
            let parked = matches!(waiting.place, Place::Parked { until, .. } if until > now);
            if *from > covered || parked || waiting.place == Place::Queued {
                if let Place::Gap { waits_for } = &mut waiting.place {
                    *waits_for = covered;
                }
                continue;
            }
            covered = covered.max(waiting.candidate.to_seq + 1);
            if waiting.place != Place::Lane {
                self.idle.leave(waiting.place);
                waiting.place = Place::Lane;
                ready.push(waiting.candidate.clone());
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

    /// Ends the waits that have lasted too long in ledger time.
    pub fn expire(&mut self, now: Time) -> Vec<EnvelopeId> {
        let wait_ms = self.wait_ms;
        let all = self.streams.values_mut().flat_map(BTreeMap::values_mut);
        let overdue = all.filter_map(|waiting| {
            let may_end = !matches!(waiting.place, Place::Lane | Place::Queued);
            (waiting.waited(now) >= wait_ms && may_end).then_some(waiting.candidate.id)
        });
        let ids: Vec<EnvelopeId> = overdue.collect();
        ids.iter().for_each(|id| self.end_expired(id));
        ids
    }

    /// Ends every wait, and with it the need of each row of the queue: this node has no lane.
    pub fn expire_all(&mut self) -> Vec<EnvelopeId> {
        let ids: Vec<EnvelopeId> = self.ids.keys().copied().collect();
        ids.iter().for_each(|id| self.end_expired(id));
        ids
    }

    /// Streams with parked envelopes that may be tried again.
    pub fn unparked(&self, now: Time) -> BTreeSet<Stream> {
        let due = |waiting: &&Waiting| matches!(waiting.place, Place::Parked { until, .. } if until <= now);
        let all = self.streams.values().flat_map(BTreeMap::values);
        all.filter(due).map(|waiting| (waiting.candidate.author, waiting.candidate.domain.clone())).collect()
    }

    /// Place of a waiting envelope; none for another.
    pub fn place(&self, id: &EnvelopeId) -> Option<Place> {
        self.get(id).map(|waiting| waiting.place)
    }

    /// An envelope without a published verdict, and its place. Who reads a state after this misses none.
    pub fn known(&self, id: &EnvelopeId) -> Option<(&Candidate, Place)> {
        let waiting = self.get(id).map(|waiting| (&waiting.candidate, waiting.place));
        waiting.or_else(|| self.ended.get(id).map(|(candidate, place)| (candidate, *place)))
    }

    /// An author's envelopes in a domain without a published verdict, first those whose wait has ended.
    pub fn known_of(&self, author: &PublicKey, domain: &str) -> impl Iterator<Item = &Candidate> {
        let ended = self.ended.values().map(|(candidate, _)| candidate);
        ended.filter(move |ended| ended.author == *author && ended.domain == domain).chain(self.of(author, domain))
    }

    fn get(&self, id: &EnvelopeId) -> Option<&Waiting> {
        let (stream, from) = self.ids.get(id)?;
        self.streams.get(stream)?.get(from)
    }

    /// An author's waiting envelopes in a domain, by number.
    pub fn of(&self, author: &PublicKey, domain: &str) -> impl Iterator<Item = &Candidate> {
        let stream = self.streams.get(&(*author, domain.to_owned()));
        stream.into_iter().flat_map(BTreeMap::values).map(|waiting| &waiting.candidate)
    }

    /// Waiting envelopes that could be ordered now, and when each came by this machine's clock.
    pub fn orderable(&self) -> impl Iterator<Item = (EnvelopeId, Time)> {
        let all = self.streams.values().flat_map(BTreeMap::values);
        all.filter(|waiting| waiting.place.is_orderable()).map(|waiting| (waiting.candidate.id, waiting.came))
    }

    /// The envelope that waits longest, its place, and when it came by this machine's clock.
    pub fn oldest(&self) -> Option<(&Candidate, Place, Time)> {
        let oldest = self.streams.values().flat_map(BTreeMap::values).min_by_key(|waiting| waiting.came)?;
        Some((&oldest.candidate, oldest.place, oldest.came))
    }

    /// Count of waiting envelopes.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Count of those of them that wait for an earlier number of their author: nothing can be ordered of them now.
    pub fn behind_gaps(&self) -> usize {
        self.idle.gapped
    }

    /// Count of those that lack something else, but for room: nothing can be ordered of them either.
    pub fn parked(&self) -> usize {
        self.idle.parked
    }

    /// Whether one could be ordered now.
    pub fn has_orderable(&self) -> bool {
        self.ids.len() > self.idle.gapped + self.idle.parked
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

/// Bytes on an account without those of an envelope that leaves it.
fn left_of<K: Ord>(budgets: &BTreeMap<K, usize>, whose: &K, leaves: Option<&Candidate>) -> usize {
    budgets.get(whose).map_or(0, |bytes| bytes - leaves.map_or(0, Candidate::weight))
}

/// Bytes that wait no more. An entry without bytes is dropped.
fn give_back<K: Ord>(budgets: &mut BTreeMap<K, usize>, whose: &K, bytes: usize) {
    if let Some(left) = budgets.get_mut(whose) {
        *left -= bytes;
        if *left == 0 {
            budgets.remove(whose);
        }
    }
}
