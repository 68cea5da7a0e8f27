//! §4.2: from a proposal to an execution (N).

use super::*;

/// §4.2: the pre-prepare's conditions.
#[test]
fn a_backup_prepares_what_the_primary_proposes() {
    let mut backup = Alone::new(4, 1);
    let content = empty(1_000);
    backup.propose(0, 0, 1, &content);
    assert_eq!(backup.said(Kind::Prepare), [(0, 1, content.digest())]);
}

/// §4.2: "it is in view v".
#[test]
fn a_backup_refuses_a_proposal_of_another_view() {
    let mut backup = Alone::new(4, 2);
    backup.propose(1, 1, 1, &empty(1_000));
    assert!(matches!(backup.refused()[..], [Rejected::OtherView { .. }]));
    assert_eq!(backup.said(Kind::Prepare), []);
}

/// Pitfall 27.
#[test]
fn a_backup_refuses_a_proposal_by_somebody_else_than_the_primary() {
    let mut backup = Alone::new(4, 1);
    let content = empty(1_000);
    let statement = say(2, Kind::PrePrepare, 0, 1, content.digest());
    backup.hear(2, Message::PrePrepare { statement, content, certificates: Vec::new() });
    assert!(matches!(backup.refused()[..], [Rejected::NotPrimary { .. }]));
}

/// §4.2: "it has not accepted a pre-prepare message for view v and sequence number n containing a different digest".
#[test]
fn a_backup_refuses_a_second_digest_for_the_same_view_and_slot_and_proves_it() {
    let mut backup = Alone::new(4, 1);
    backup.propose(0, 0, 1, &empty(1_000));
    backup.propose(0, 0, 1, &empty(1_001));
    assert!(backup.refused().iter().any(|refused| matches!(refused, Rejected::Equivocation { .. })));
    assert!(backup.effects.iter().any(|effect| matches!(effect, Effect::Accuse(of) if of.key().signer == id(0))));
    assert_eq!(backup.said(Kind::Prepare).len(), 1);
}

/// §4.2: "the sequence number is between a low water mark, h, and a high water mark, H".
#[test]
fn the_window_ends_at_its_last_slot() {
    let window = Constants::default().window;
    let mut backup = Alone::new(4, 1);
    backup.propose(0, 0, window, &empty(1_000));
    assert_eq!(backup.said(Kind::Prepare).len(), 1);
    backup.propose(0, 0, window + 1, &empty(1_000));
    assert!(matches!(backup.refused()[..], [Rejected::OutsideWindow { .. }]));
}

/// N3: q Prepares, the own among them.
#[test]
fn a_replica_commits_on_q_prepares_and_not_on_fewer() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let q = committee(n).quorum();
        let mut backup = Alone::new(n, n - 1);
        let content = empty(1_000);
        backup.propose(0, 0, 1, &content);
        for signer in 0..q - 2 {
            backup.prepare(signer, 0, 1, content.digest());
        }
        assert_eq!(backup.said(Kind::Commit), [], "{n} replicas, q − 1 Prepares");
        backup.prepare(q - 2, 0, 1, content.digest());
        assert_eq!(backup.said(Kind::Commit).len(), 1, "{n} replicas, q Prepares");
    }
}

/// N2: a vote whose PrePrepare differs is not counted.
#[test]
fn prepares_for_another_digest_are_not_counted() {
    let mut backup = Alone::new(4, 3);
    let content = empty(1_000);
    backup.propose(0, 0, 1, &content);
    backup.prepare(1, 0, 1, content.digest());
    backup.hear(
        2,
        Message::Prepare {
            statement: say(2, Kind::Prepare, 0, 1, Digest([9; 32])),
            pre_prepare: say(0, Kind::PrePrepare, 0, 1, content.digest()),
        },
    );
    assert!(backup.refused().iter().any(|refused| matches!(refused, Rejected::Unfit { .. })));
    assert_eq!(backup.said(Kind::Commit), []);
}

/// Pitfall 28: a signer counts once, however often it speaks and whoever hands it over.
#[test]
fn a_signer_counts_once() {
    let mut backup = Alone::new(4, 3);
    let content = empty(1_000);
    backup.propose(0, 0, 1, &content);
    for from in [0, 1, 2] {
        let pre_prepare = say(0, Kind::PrePrepare, 0, 1, content.digest());
        let statement = say(1, Kind::Prepare, 0, 1, content.digest());
        backup.hear(from, Message::Prepare { statement, pre_prepare });
    }
    assert_eq!(backup.said(Kind::Commit), []);
}

/// N4.
#[test]
fn q_commits_decide_and_fewer_do_not() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let q = committee(n).quorum();
        let mut backup = Alone::new(n, n - 1);
        let content = empty(1_000);
        backup.propose(0, 0, 1, &content);
        (0..q - 1).for_each(|signer| backup.commit(signer, 0, 1, content.digest()));
        assert!(!backup.is_committed(1), "{n} replicas, q − 1 Commits");
        backup.commit(q - 1, 0, 1, content.digest());
        assert!(backup.is_committed(1), "{n} replicas, q Commits");
    }
}

/// N5: as many Prepares as there are members decide, and one less does not.
#[test]
fn n_prepares_of_one_view_decide_and_fewer_do_not() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let mut backup = Alone::new(n, n - 1);
        let content = empty(1_000);
        backup.propose(0, 0, 1, &content);
        (0..n - 2).for_each(|signer| backup.prepare(signer, 0, 1, content.digest()));
        assert!(!backup.is_committed(1), "{n} replicas, n − 1 Prepares");
        backup.prepare(n - 2, 0, 1, content.digest());
        assert!(backup.is_committed(1), "{n} replicas, n Prepares");
        assert_eq!(backup.replica.report().fast_commits, 1);
    }
}

/// N4, pitfall 21: one sink.
#[test]
fn a_second_decision_for_a_slot_stops_the_replica() {
    let mut backup = Alone::new(4, 3);
    backup.decide(1, &empty(1_000));
    backup.decide(1, &empty(1_000));
    assert!(backup.broken().is_empty(), "a copy is nothing");
    backup.decide(1, &empty(1_001));
    assert!(matches!(backup.broken()[..], [quorate_pbft::Broken::TwoCommits { .. }]));
}

/// N8.
#[test]
fn a_replica_that_holds_a_decision_never_votes_for_another_digest() {
    let mut backup = Alone::new(4, 3);
    backup.decide(1, &empty(1_000));
    backup.propose(0, 0, 1, &empty(1_001));
    assert_eq!(backup.said(Kind::Prepare), []);
}

/// N6: execution waits for what is before.
#[test]
fn slots_are_executed_in_order_without_gaps() {
    let mut backup = Alone::new(4, 3);
    backup.decide(2, &empty(1_001));
    backup.execute();
    assert_eq!(backup.replica.executed_point().seq.get(), 0);
    backup.decide(1, &empty(1_000));
    backup.execute();
    assert_eq!(backup.replica.executed_point().seq.get(), 2);
}

/// N2: a PrePrepare inside a Prepare counts as received; its content is fetched by digest.
#[test]
fn a_content_that_was_only_named_is_asked_for_and_then_voted_for() {
    let mut backup = Alone::new(4, 3);
    let content = empty(1_000);
    backup.prepare(1, 0, 1, content.digest());
    backup.tick(150);
    let asked = |message: &Message| matches!(message, Message::Ask(Question { wanted: Wanted::Content { .. }, .. }));
    assert!(backup.sent().any(asked));
    assert_eq!(backup.said(Kind::Prepare), []);
    backup.hear(1, Message::Content { content, certificates: Vec::new() });
    assert_eq!(backup.said(Kind::Prepare).len(), 1);
}

/// N9: it asks one at a time, the next after a time-out.
#[test]
fn a_question_without_an_answer_goes_to_the_next_peer() {
    let mut backup = Alone::new(4, 3);
    let content = empty(1_000);
    backup.prepare(1, 0, 1, content.digest());
    let mut asked = Vec::new();
    for _ in 0..4 {
        backup.effects.clear();
        backup.tick(220);
        for effect in &backup.effects {
            if let Effect::Send { to, message } = effect
                && matches!(**message, Message::Ask(Question { wanted: Wanted::Content { .. }, .. }))
            {
                asked.push(to.get());
            }
        }
    }
    asked.dedup();
    assert!(asked.len() >= 2, "asked {asked:?}");
}

/// N7: votes for empty slots have a pace.
#[test]
fn a_second_empty_slot_is_voted_for_twenty_milliseconds_after_the_first() {
    let mut backup = Alone::new(4, 3);
    backup.propose(0, 0, 1, &empty(1_000));
    backup.propose(0, 0, 2, &empty(1_000));
    assert_eq!(backup.said(Kind::Prepare).len(), 1);
    backup.tick(20);
    assert_eq!(backup.said(Kind::Prepare).len(), 2);
}
