//! Book of offenders for all threads that meet peers, by this machine's clock.

use super::book::{Book, Change, Who};
use super::offence::{OFFENCES, Offence};
use super::record::{Record, State};
use crate::clock::now_ms;
use quorate_pbft::PublicKey;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Conduct of all peers.
#[derive(Debug)]
pub struct Conduct {
    book: Mutex<Book>,
    /// Zero of the book's time: no step of the wall clock shortens or prolongs anything.
    begun: Instant,
    begun_ms: u64,
}

/// Record of a peer with times since 1970.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The peer.
    pub who: Who,
    /// Its record.
    pub record: Record,
}

impl Default for Conduct {
    fn default() -> Self {
        Self { book: Mutex::default(), begun: Instant::now(), begun_ms: now_ms() }
    }
}

impl Conduct {
    /// Counts an item that was what it should be.
    pub fn good(&self, who: Who) {
        self.lock().good(who, self.now());
    }

    /// Counts an offence.
    pub fn note(&self, who: Who, offence: Offence) {
        self.lock().note(who, offence, self.now());
    }

    /// Treatment of a peer.
    pub fn state(&self, who: Who) -> State {
        self.lock().state(who)
    }

    /// Record of a peer; none if it never offended, or nobody remembers.
    pub fn seen(&self, who: Who) -> Option<Seen> {
        self.lock().record(who).map(|record| self.dated(who, record))
    }

    /// Every record.
    pub fn all(&self) -> Vec<Seen> {
        self.lock().records().map(|(who, record)| self.dated(who, record)).collect()
    }

    /// Count of each offence since the start.
    pub fn totals(&self) -> [(Offence, u64); OFFENCES] {
        let totals = self.lock().totals();
        Offence::ALL.map(|offence| (offence, totals[offence as usize]))
    }

    /// Ends what restrains a peer; false if there is no record of it.
    pub fn release(&self, who: Who) -> bool {
        self.lock().release(who, self.now())
    }

    /// States that have changed since the last look, with times since 1970.
    pub(super) fn look(&self, is_member: impl Fn(&PublicKey) -> bool) -> Vec<Change> {
        let changes = self.lock().look(self.now(), is_member);
        let dated = |change: Change| Change { record: self.dated(change.who, &change.record).record, ..change };
        changes.into_iter().map(dated).collect()
    }

    fn dated(&self, who: Who, record: &Record) -> Seen {
        Seen { who, record: record.clone().moved(self.begun_ms) }
    }

    fn now(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
