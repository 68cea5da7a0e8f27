//! Histories by hand, good ones and one for each anomaly.

use super::*;

use Level::{Causal, Eventual, Sequential, Strong};

/// Operation of a session from one moment to another.
fn one(session: usize, level: Level, time: (Moment, Moment), act: Act) -> Operation {
    Operation { session, level, replica: session, begun: time.0, ended: Some(time.1), act }
}

fn write(file: usize, version: u64) -> Act {
    Act::Write { file, version }
}

fn read(file: usize, shown: Option<u64>, slot: u64) -> Act {
    Act::Read { file, shown, slot }
}

/// History in which version v stands in slot 10 v.
fn history(operations: Vec<Operation>) -> History {
    let mut history = History { operations, ..History::default() };
    for operation in &history.operations {
        if let Act::Write { file, version } = operation.act {
            history.places.insert(version, (10 * version, 0));
            for replica in 0..2 {
                let shelf = history.shelves.entry(replica).or_default();
                let newest = shelf.entry(file).or_default();
                *newest = version.max(*newest);
            }
        }
    }
    history
}

fn found(history: &History) -> Option<(&'static str, Anomaly)> {
    CHECKERS.iter().find_map(|(name, check)| Some((*name, check(history).err()?.anomaly)))
}

/// Writes and reads at all levels by three sessions, a token handed, and reads that lag as their level lets them.
fn good() -> History {
    history(vec![
        one(0, Sequential, (1, 4), write(0, 1)),
        one(1, Strong, (5, 8), read(0, Some(1), 11)),
        one(0, Eventual, (6, 7), write(0, 2)),
        one(2, Eventual, (9, 10), read(0, None, 3)),
        one(0, Causal, (9, 14), read(0, Some(2), 21)),
        one(0, Strong, (15, 15), Act::Hand { to: 2 }),
        one(2, Causal, (16, 18), read(0, Some(2), 21)),
        one(2, Sequential, (19, 22), write(1, 3)),
        one(1, Sequential, (23, 25), read(1, None, 12)),
        one(1, Strong, (26, 29), read(1, Some(3), 31)),
        one(1, Causal, (30, 31), read(0, Some(2), 31)),
    ])
}

#[test]
fn a_history_with_lagging_weak_reads_is_good() {
    assert_eq!(check(&good()), Ok(()));
}

#[test]
fn a_read_without_an_answer_shows_nothing_that_counts() {
    let mut unanswered = good();
    unanswered.operations[9] = Operation { ended: None, ..one(1, Strong, (26, 0), read(1, None, 0)) };
    assert_eq!(check(&unanswered), Ok(()));
}

#[test]
fn a_strong_read_that_lacks_a_confirmed_change_is_stale() {
    let stale = history(vec![one(0, Sequential, (1, 4), write(0, 1)), one(1, Strong, (5, 8), read(0, None, 9))]);
    assert_eq!(found(&stale), Some(("linearizable", Anomaly::StaleRead)));
}

#[test]
fn a_strong_read_that_began_before_the_confirmation_may_lack_it() {
    let beside = history(vec![one(0, Sequential, (1, 4), write(0, 1)), one(1, Strong, (3, 8), read(0, None, 9))]);
    assert_eq!(check(&beside), Ok(()));
}

#[test]
fn a_strong_read_that_shows_less_than_one_before_it_goes_back() {
    let back = history(vec![
        Operation { ended: None, ..one(0, Sequential, (1, 0), write(0, 1)) },
        one(1, Strong, (2, 4), read(0, Some(1), 11)),
        one(2, Strong, (5, 8), read(0, None, 9)),
    ]);
    assert_eq!(found(&back), Some(("linearizable", Anomaly::GoingBack)));
}

#[test]
fn a_strong_read_of_a_version_that_is_written_later_is_from_the_future() {
    let early = history(vec![one(1, Strong, (1, 2), read(0, Some(1), 11)), one(0, Sequential, (3, 4), write(0, 1))]);
    assert_eq!(found(&early), Some(("linearizable", Anomaly::FromTheFuture)));
}

#[test]
fn a_version_that_nobody_wrote_is_noticed_at_every_level() {
    for level in [Strong, Sequential, Causal, Eventual] {
        let invented = history(vec![one(1, level, (1, 2), read(0, Some(7), 1))]);
        assert_eq!(found(&invented).map(|(_, anomaly)| anomaly), Some(Anomaly::FromTheFuture), "{level:?}");
    }
}

#[test]
fn a_change_that_stands_before_one_that_was_confirmed_before_it_is_noticed() {
    let reversed = history(vec![one(0, Sequential, (1, 2), write(0, 2)), one(1, Sequential, (3, 4), write(1, 1))]);
    assert_eq!(found(&reversed), Some(("linearizable", Anomaly::OrderReversed)));
}

#[test]
fn a_confirmed_change_without_a_place_is_lost() {
    let mut lost = history(vec![one(0, Sequential, (1, 4), write(0, 1)), one(1, Strong, (5, 8), read(0, None, 11))]);
    lost.places.clear();
    assert_eq!(found(&lost), Some(("linearizable", Anomaly::LostUpdate)));
}

#[test]
fn a_session_that_is_answered_from_an_earlier_slot_goes_back() {
    let back = history(vec![
        one(0, Sequential, (1, 2), write(0, 1)),
        one(1, Sequential, (3, 4), read(0, Some(1), 11)),
        one(1, Sequential, (5, 6), read(0, None, 9)),
    ]);
    assert_eq!(found(&back), Some(("sequential", Anomaly::GoingBack)));
}

#[test]
fn an_eventual_read_may_go_back_and_binds_the_session_all_the_same() {
    let mut lagging = vec![
        one(0, Sequential, (1, 2), write(0, 1)),
        one(1, Eventual, (3, 4), read(0, Some(1), 11)),
        one(1, Eventual, (5, 6), read(0, None, 9)),
    ];
    assert_eq!(check(&history(lagging.clone())), Ok(()));
    lagging[2].level = Sequential;
    assert_eq!(found(&history(lagging)), Some(("sequential", Anomaly::GoingBack)));
}

#[test]
fn a_session_that_lacks_its_own_confirmed_change_is_noticed() {
    let unseen = history(vec![one(0, Sequential, (1, 2), write(0, 1)), one(0, Sequential, (3, 4), read(0, None, 9))]);
    assert_eq!(found(&unseen), Some(("sequential", Anomaly::OwnWriteUnseen)));
}

#[test]
fn an_answer_that_is_not_the_state_after_its_slot_is_noticed() {
    let torn = history(vec![one(0, Sequential, (1, 2), write(0, 1)), one(1, Eventual, (3, 4), read(0, None, 11))]);
    assert_eq!(found(&torn), Some(("sequential", Anomaly::AnotherState)));
}

#[test]
fn a_causal_read_sees_its_session_s_eventual_change_and_a_sequential_one_need_not() {
    let mut own = vec![one(0, Eventual, (1, 2), write(0, 1)), one(0, Sequential, (3, 4), read(0, None, 9))];
    assert_eq!(check(&history(own.clone())), Ok(()));
    own[1].level = Causal;
    assert_eq!(found(&history(own)), Some(("causal", Anomaly::OwnWriteUnseen)));
}

#[test]
fn a_session_that_took_a_token_and_lacks_what_it_had_seen_is_noticed() {
    let unseen = history(vec![
        one(0, Sequential, (1, 2), write(0, 1)),
        one(0, Strong, (3, 3), Act::Hand { to: 1 }),
        one(1, Causal, (4, 5), read(0, None, 9)),
    ]);
    assert_eq!(found(&unseen), Some(("causal", Anomaly::TokenUnseen)));
}

#[test]
fn an_author_s_later_change_that_stands_before_an_earlier_one_is_a_causal_reversal() {
    let reversed = history(vec![one(0, Eventual, (1, 2), write(0, 2)), one(0, Eventual, (3, 4), write(1, 1))]);
    assert_eq!(found(&reversed), Some(("causal", Anomaly::CausalReversal)));
}

#[test]
fn an_answer_seen_without_the_question_is_a_causal_reversal() {
    // Session 1 answers in file 1 what it read in file 0; session 2 sees the answer, and then not what it answers.
    let reversed = |level| {
        let mut history = history(vec![
            Operation { ended: None, ..one(0, Eventual, (1, 0), write(0, 3)) },
            one(1, Eventual, (2, 3), read(0, Some(3), 31)),
            one(1, Eventual, (4, 5), write(1, 4)),
            one(2, Eventual, (6, 7), read(1, Some(4), 41)),
            one(2, level, (8, 9), read(0, None, 20)),
        ]);
        history.operations[4].session = 2;
        causal::check(&history).err().map(|breach| breach.anomaly)
    };
    assert_eq!(reversed(Causal), Some(Anomaly::CausalReversal));
    assert_eq!(reversed(Eventual), None);
}

#[test]
fn replicas_that_differ_in_the_end_diverge() {
    let mut divided = good();
    divided.shelves.insert(1, Shelf::from([(0, 1), (1, 3)]));
    assert_eq!(found(&divided), Some(("eventual", Anomaly::Divergence)));
}

#[test]
fn an_accepted_change_that_is_not_there_in_the_end_is_lost() {
    let mut lost = history(vec![one(0, Eventual, (1, 2), write(0, 1))]);
    lost.places.clear();
    assert_eq!(found(&lost), Some(("eventual", Anomaly::LostUpdate)));
    let mut overwritten = good();
    for shelf in overwritten.shelves.values_mut() {
        shelf.insert(0, 1);
    }
    assert_eq!(found(&overwritten), Some(("eventual", Anomaly::LostUpdate)));
}
