//! The durable queue: envelopes of level `eventual` that came while nothing could be ordered.
//!
//! A row of the database stands for each, from its ticket to its verdict: what the lane was handed and had not yet
//! bundled is handed to it again after a crash. An author's order is that of its numbers, as for all that waits.

use super::candidate::{Candidate, NotTaken, Place};
use super::waiting::Waiting;
use super::{Mempool, Stream, give_back, left_of};
use quorate_ledger::EnvelopeId;
use quorate_pbft::{PublicKey, Time};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes that the authors of one organisation may have in the queue: an hour of changes of a busy team, and little beside
/// a disk. There is no sum over organisations: one could fill it for the others.
const QUEUE_BYTES_MAX: usize = 64 << 20;
/// Bytes of them that one author may have, unless it is a single envelope: others of the organisation need room too.
const QUEUE_AUTHOR_BYTES_MAX: usize = QUEUE_BYTES_MAX / 4;

/// Accounts of the queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The next row's number.
    next: u64,
    /// Envelopes that are held back.
    held: usize,
    /// Bytes by organisation, those that were handed to the lane included.
    bytes: BTreeMap<String, usize>,
    /// The same by author.
    author_bytes: BTreeMap<PublicKey, usize>,
    /// Rows that nothing needs any more.
    unneeded: Vec<u64>,
}

impl Mempool {
    /// Takes an envelope into the queue, or says why not; the number of the row to be written.
    pub fn queue(&mut self, candidate: Candidate, next_seq: u64, now: Time) -> Result<u64, NotTaken> {
        let has_more = self.of(&candidate.author, &candidate.domain).next().is_some();
        self.check_numbers(&candidate, next_seq).map_err(|why| match why {
            NotTaken::GapTooWide { .. } if has_more => NotTaken::QueueFull, // its numbers do not move on meanwhile
            why => why,
        })?;
        self.check_room(&candidate)?;
        let leaves = self.giving_way_to(&candidate).filter(|held| held.row.is_some());
        self.queue.check_room(&candidate, leaves.map(|held| &held.candidate))?;
        let (row, came) = (self.queue.next, self.wall);
        self.insert_queued(candidate, (row, came), now);
        Ok(row)
    }

    /// Takes an envelope that waits here already into the queue as well; the number of the row to be written, if it has
    /// none and there is room for one.
    pub fn keep(&mut self, id: &EnvelopeId) -> Option<u64> {
        let candidate = self.get(id).filter(|waiting| waiting.row.is_none())?.candidate.clone();
        self.queue.check_room(&candidate, None).ok()?;
        self.queue.charge(&candidate);
        let row = self.queue.next;
        self.queue.next += 1;
        self.get_mut(id)?.row = Some(row);
        Some(row)
    }

    /// Whether a row of the queue stands for a waiting envelope.
    pub fn is_kept(&self, id: &EnvelopeId) -> bool {
        self.get(id).is_some_and(|waiting| waiting.row.is_some())
    }

    /// Notes an envelope whose row was found at a start.
    pub fn restore_queued(&mut self, candidate: Candidate, (row, came): (u64, Time), now: Time) {
        self.queue.next = self.queue.next.max(row + 1);
        let stream = (candidate.author, candidate.domain.clone());
        let holder = self.streams.get(&stream).and_then(|stream| stream.get(&candidate.from_seq));
        match holder.map(|waiting| waiting.candidate.id) {
            None => self.insert_queued(candidate, (row, came), now),
            Some(id) if id == candidate.id => {
                self.queue.charge(&candidate);
                let on_the_lane = self.get_mut(&id).expect("it was just found");
                (on_the_lane.row, on_the_lane.came) = (Some(row), came);
            }
            Some(_) => self.forget_row(row),
        }
    }

    /// Notes that a row is needed no more.
    pub fn forget_row(&mut self, row: u64) {
        self.queue.unneeded.push(row);
    }

    /// Rows that are needed no more, once.
    pub fn take_unneeded(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.queue.unneeded)
    }

    /// Lets go on what the queue holds back; whose it is.
    pub fn release(&mut self) -> BTreeSet<Stream> {
        let mut released = BTreeSet::new();
        for (stream, waiting) in &mut self.streams {
            for (from, waiting) in waiting.iter_mut().filter(|(_, waiting)| waiting.place == Place::Queued) {
                waiting.place = Place::Gap { waits_for: *from };
                self.idle.enter(waiting.place);
                released.insert(stream.clone());
            }
        }
        self.queue.held = 0;
        released
    }

    /// Count of envelopes that the queue holds back.
    pub fn held_back(&self) -> usize {
        self.queue.held
    }

    fn insert_queued(&mut self, candidate: Candidate, (row, came): (u64, Time), now: Time) {
        self.queue.next = self.queue.next.max(row + 1);
        self.queue.held += 1;
        self.queue.charge(&candidate);
        let stream = (candidate.author, candidate.domain.clone());
        let mut waiting = Waiting::new(candidate, Place::Queued, now, came);
        waiting.row = Some(row);
        self.insert(stream, waiting);
    }

    /// Strikes an envelope from the accounts that waits no more.
    pub(super) fn leave_queue(&mut self, waiting: &Waiting) {
        let Some(row) = waiting.row else { return };
        self.queue.unneeded.push(row);
        self.queue.held -= usize::from(waiting.place == Place::Queued);
        let Candidate { organisation, author, .. } = &waiting.candidate;
        give_back(&mut self.queue.bytes, organisation, waiting.candidate.weight());
        give_back(&mut self.queue.author_bytes, author, waiting.candidate.weight());
    }
}

impl Queue {
    fn check_room(&self, candidate: &Candidate, leaves: Option<&Candidate>) -> Result<(), NotTaken> {
        let own = left_of(&self.author_bytes, &candidate.author, leaves);
        let leaves = leaves.filter(|leaves| leaves.organisation == candidate.organisation);
        let queued = left_of(&self.bytes, &candidate.organisation, leaves);
        if queued + candidate.weight() > QUEUE_BYTES_MAX {
            return Err(NotTaken::QueueFull);
        }
        let is_share = own == 0 || own + candidate.weight() <= QUEUE_AUTHOR_BYTES_MAX;
        if is_share { Ok(()) } else { Err(NotTaken::QueueShareFull) }
    }

    fn charge(&mut self, candidate: &Candidate) {
        *self.bytes.entry(candidate.organisation.clone()).or_default() += candidate.weight();
        *self.author_bytes.entry(candidate.author).or_default() += candidate.weight();
    }
}
