//! Work that parties owe, as far as time has not paid it (docs/adr/work-of-one-member.md).

use super::ledger::Ledger;
use super::record::WorkOwed;
use core::time::Duration;
use quorate_pbft::Time;

/// Work that a party may owe before its further envelopes have a share of their budgets, and a member's further analyses
/// do nothing: as long as the whole of one bound of an envelope takes at the worst.
pub(crate) const WORK_MAX: Duration = Duration::from_secs(5);
/// Part of the time that one party's work may take for long, as one in so many.
const PART_MIN: usize = 4;
/// The same for each faulty member that the group survives: each is two parties, and all of them have half of the time.
const PART_OF_FAULTY: usize = 4;

impl Ledger {
    /// Work that a party still owes at a time, of which a part has paid.
    pub(crate) fn owed(&self, owed: &WorkOwed, now: Time) -> Duration {
        let part = PART_MIN.max(PART_OF_FAULTY * self.voters_shared().faulty_max());
        owed.at(now, part as u64)
    }
}
