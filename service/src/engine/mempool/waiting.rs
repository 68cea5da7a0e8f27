//! An envelope that waits, and for how long.

use super::{Candidate, Place};
use quorate_pbft::Time;

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) candidate: Candidate,
    pub(super) place: Place,
    /// Ledger time when it was taken: of the last slot before, which may be long ago.
    taken: Time,
    /// Ledger time of the first look after a slot that came later; its wait counts from here.
    since: Option<Time>,
    /// Count of its parkings.
    pub(super) tries: u32,
    /// When it came, by this machine's clock.
    pub(super) came: Time,
    /// Its number in the durable queue, as long as it is there.
    pub(super) row: Option<u64>,
}

impl Waiting {
    pub(super) fn new(candidate: Candidate, place: Place, taken: Time, came: Time) -> Self {
        Self { candidate, place, taken, since: None, tries: 0, came, row: None }
    }

    /// Whether its author has given it up for a later one: under the same first number, with a higher attempt (A3). One that
    /// is on the lane, behind a gap or in the queue stays.
    pub(super) fn gives_way_to(&self, later: &Candidate) -> bool {
        let (from_seq, attempt) = (self.candidate.from_seq, self.candidate.attempt);
        self.place.is_parked() && from_seq == later.from_seq && attempt < later.attempt
    }

    /// Milliseconds of ledger time that it has waited, as far as they count.
    pub(super) fn waited(&mut self, now: Time) -> u64 {
        if self.since.is_none() && now > self.taken {
            self.since = Some(now);
        }
        self.since.map_or(0, |since| now.get().saturating_sub(since.get()))
    }
}
