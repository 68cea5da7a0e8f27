//! Versions of paths against snapshots of every revision: long stories of four authors, told by dice.
//!
//! Rows about the past must say what was read when it was the present, whatever became of each change, and the same
//! verdicts must come from a store that was pruned and opened anew before each slot.

mod chain;
mod drafts;
mod past;
mod story;
#[path = "../support/mod.rs"]
mod support;

use core::ops::Range;
use quorate_ledger::{Code, State};
use story::{Seen, Setting, Story, Tally};

/// A horizon that no story reaches.
const FOREVER_MS: u64 = 1 << 40;
/// Slots from one look at the rows to the next, and from one look at the past to the next.
const ROWS_EVERY: u64 = 5;
const PAST_EVERY: u64 = 20;

fn tell(seeds: Range<u64>, setting: Setting, slots: u64) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let mut story = Story::new(seed, setting);
        for slot in 1..=slots {
            story.slot();
            if slot % ROWS_EVERY == 0 {
                story.check_rows();
            }
            if slot % PAST_EVERY == 0 {
                story.check_past();
            }
        }
        tally.add(&story.tally);
    }
    tally
}

#[test]
fn each_version_is_vouched_for_and_each_revision_read_back() {
    let tally = tell(0..8, Setting { horizon_ms: FOREVER_MS, is_by_place: true }, 60);
    tally.has(&[Seen::Verdict(State::Applied), Seen::Verdict(State::Merged), Seen::Verdict(State::Conflict)]);
    tally.has(&[Seen::Refused(Code::MissingPath), Seen::ByItself(State::Applied)]);
    tally.has(&[Seen::Version, Seen::ConflictAlone, Seen::Named, Seen::Place]);
}

#[test]
fn deadlines_votes_and_the_word_of_others_leave_versions_as_any_change_does() {
    let tally = tell(100..110, Setting { horizon_ms: FOREVER_MS, is_by_place: false }, 60);
    tally.has(&[Seen::Verdict(State::Pending), Seen::ByItself(State::Applied), Seen::OnPending]);
    tally.has(&[Seen::Word(true), Seen::Word(false), Seen::Refused(Code::BaseRefused)]);
    tally.has(&[Seen::Version, Seen::ConflictAlone, Seen::Named]);
}

#[test]
fn pruned_versions_are_missed_by_no_change_within_a_short_horizon() {
    let tally = tell(200..206, Setting { horizon_ms: 64, is_by_place: false }, 120);
    tally.has(&[Seen::Pruned, Seen::FormerLife, Seen::OnPending, Seen::Refused(Code::BaseTooOld)]);
    tally.has(&[Seen::Version, Seen::Named, Seen::Postponed]);
}

#[test]
fn pruned_versions_are_missed_by_no_change_where_hardly_anything_is_remembered() {
    let tally = tell(300..304, Setting { horizon_ms: 10, is_by_place: true }, 120);
    tally.has(&[Seen::Pruned, Seen::FormerLife, Seen::Refused(Code::BaseTooOld)]);
    tally.has(&[Seen::Version, Seen::Named, Seen::Postponed]);
}
