//! Time (T).

use super::*;

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
