//! Time (T).

use super::*;
use quorate_pbft::Cause;

/// T1: ledger time is the running maximum.
#[test]
fn ledger_time_never_goes_back() {
    let mut backup = Alone::new(4, 3);
    backup.decide(1, &empty(1_000));
    backup.decide(2, &empty(500));
    backup.execute();
    assert_eq!(backup.replica.executed_point().time.get(), WALL + 1_000);
}

/// T2 ahead.
#[test]
fn a_proposal_from_the_future_waits_until_the_clock_comes_near() {
    let mut backup = Alone::new(4, 3);
    let ahead = Constants::default().clock_ahead_ms;
    let content = empty(backup.now + ahead + 100);
    backup.propose(0, 0, 1, &content);
    assert_eq!(backup.said(Kind::Prepare), []);
    backup.tick(100);
    assert_eq!(backup.said(Kind::Prepare).len(), 1);
}

/// T2 behind.
#[test]
fn an_old_proposal_is_refused_from_the_primary_and_accepted_by_repair() {
    let mut backup = Alone::new(4, 3);
    backup.tick(Constants::default().clock_behind_ms + 10_000);
    let content = empty(1_000);
    backup.propose(0, 0, 1, &content);
    assert!(backup.refused().iter().any(|refused| matches!(refused, Rejected::Clock { .. })));
    assert_eq!(backup.said(Kind::Prepare), []);
    backup.prepare(1, 0, 1, content.digest());
    backup.hear(1, Message::Content { content, certificates: Vec::new() });
    assert_eq!(backup.said(Kind::Prepare).len(), 1);
}

/// T3: an idle group ticks for a deadline.
#[test]
fn an_idle_primary_proposes_an_empty_slot_when_a_deadline_has_come() {
    let mut primary = Alone::new(4, 0);
    primary.step(Input::Deadline(Some(quorate_pbft::Time::new(WALL + primary.now + 500))));
    primary.tick(400);
    assert_eq!(primary.said(Kind::PrePrepare), []);
    primary.tick(100);
    assert_eq!(primary.said(Kind::PrePrepare).len(), 1);
}

/// T2 behind: both must be long.
#[test]
fn a_new_proposal_is_accepted_after_a_long_time_and_an_old_one_soon_after_the_start() {
    let behind = Constants::default().clock_behind_ms;
    let old = Content { time: Some(quorate_pbft::Time::new(WALL - behind)), ..empty(0) };
    for (voting_ms, content) in [(behind + 10_000, empty(behind)), (1, old.clone()), (behind, old)] {
        let mut backup = Alone::new(4, 3);
        backup.tick(voting_ms);
        backup.propose(0, 0, 1, &content);
        assert_eq!(backup.said(Kind::Prepare).len(), 1, "after {voting_ms} ms");
    }
}

/// A backup whose clock is far above the times of these slots, each of which it votes for before or after the decision.
fn behind_its_clock(times: impl IntoIterator<Item = u64>, is_decided: bool) -> Alone {
    let mut backup = Alone::new(4, 3);
    backup.tick(Constants::default().clock_behind_ms + 10_000);
    for (seq, time) in (1..).zip(times) {
        let content = Content { mark: true, ..empty(time) };
        backup.tick(20);
        backup.prepare(0, 0, seq, content.digest());
        let certificates = Vec::new();
        let decide = |backup: &mut Alone| backup.decide(seq, &content);
        is_decided.then(|| decide(&mut backup));
        backup.hear(0, Message::Content { content: content.clone(), certificates });
        decide(&mut backup);
        backup.execute();
        assert_eq!(backup.said(Kind::Prepare).len() as u64, seq);
    }
    backup
}

/// Lets time pass in steps that are no pause of the process.
fn wait(backup: &mut Alone, ms: u64) {
    (0..ms / 100).for_each(|_| backup.tick(100));
    backup.tick(ms % 100);
}

/// T3: a clock that leapt was as wrong as its primary seemed to be.
#[test]
fn a_clock_that_is_right_again_in_time_blames_nobody() {
    let behind = Constants::default().clock_behind_ms;
    let mut backup = behind_its_clock(vec![1_000; 16], false);
    wait(&mut backup, 5_000);
    backup.leap(2_000);
    wait(&mut backup, 2 * behind);
    assert_eq!(backup.asks_for_view(), None);
}

/// T3: old stamps cannot set ledger time back, and a primary that gives no others holds it up for ever.
#[test]
fn a_primary_of_whom_sixteen_slots_left_ledger_time_far_behind_is_left_after_as_long_again() {
    let behind = Constants::default().clock_behind_ms;
    for (slots, leaves) in [(15, false), (16, true), (40, true)] {
        let mut backup = behind_its_clock(vec![1_000; slots], false);
        let counted = (slots.max(16) - 16) as u64 * 20;
        wait(&mut backup, behind - counted - 1);
        assert_eq!(backup.asks_for_view(), None, "{slots} slots");
        backup.tick(1);
        assert_eq!(
            (backup.asks_for_view(), backup.replica.report().cause),
            match leaves {
                true => (Some(1), Some(Cause::Time)),
                false => (None, None),
            }
        );
    }
}

/// T3: a replica that was asleep finds what its group did meanwhile, and one new stamp mends ledger time.
#[test]
fn slots_that_were_decided_before_the_vote_and_those_before_a_new_stamp_blame_nobody() {
    let behind = Constants::default().clock_behind_ms;
    let asleep = behind_its_clock(vec![1_000; 20], true);
    let mended = behind_its_clock([1_000; 15].into_iter().chain([behind + 10_000]).chain([1_000; 15]), false);
    for mut backup in [asleep, mended] {
        wait(&mut backup, 2 * behind);
        assert_eq!(backup.asks_for_view(), None);
    }
}
