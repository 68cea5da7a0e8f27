//! Late words that say what is certified: let in unchecked, looked at when another word contradicts them (E2, G2).

use super::*;

/// Not among those whose Commits make the certificate.
const LIAR: usize = 5;
/// Members of the group.
const N: usize = 7;

/// A replica that knows slot 1 decided.
fn who_knows_a_decision() -> (Alone, Digest) {
    let mut replica = Alone::new(N, 6);
    let content = empty(1_000);
    replica.decide(1, &content);
    replica.effects.clear();
    (replica, content.digest())
}

fn commit(digest: Digest) -> Signed {
    say(LIAR, Kind::Commit, 0, 1, digest)
}

fn unsigned(signed: Signed) -> Signed {
    Signed { signature: Signature([9; 64]), ..signed }
}

fn admit(replica: &Alone, from: usize, signed: Signed) -> Result<Admitted, Invalid> {
    let constants = Constants::default();
    let message = Unverified::new(cluster::id(from), Message::Commit(signed));
    message.admit(&cluster::context(&committee(N), &constants), replica.replica.certified())
}

/// As the door lets it in.
fn hear(replica: &mut Alone, signed: Signed) {
    let admitted = admit(replica, LIAR, signed).expect("let in");
    replica.step(Input::from(admitted));
}

fn accused(replica: &Alone) -> usize {
    replica.effects.iter().filter(|effect| matches!(effect, Effect::Accuse(_))).count()
}

#[test]
fn a_late_word_of_its_sender_that_says_what_is_certified_is_let_in_unchecked() {
    let (replica, decided) = who_knows_a_decision();
    assert!(matches!(admit(&replica, LIAR, unsigned(commit(decided))), Ok(Admitted::Word(_))));
}

#[test]
fn a_word_of_another_one_or_about_something_else_is_checked() {
    let (replica, decided) = who_knows_a_decision();
    let another = say(LIAR, Kind::Commit, 0, 2, decided);
    for (from, signed) in [(1, commit(decided)), (LIAR, commit(Digest([1; 32]))), (LIAR, another)] {
        assert!(matches!(admit(&replica, from, signed), Ok(Admitted::Verified(_))));
        assert!(admit(&replica, from, unsigned(signed)).is_err());
    }
}

#[test]
fn two_words_of_which_one_was_let_in_unchecked_prove_the_liar() {
    let (mut replica, decided) = who_knows_a_decision();
    hear(&mut replica, commit(decided));
    assert_eq!(accused(&replica), 0);
    hear(&mut replica, commit(Digest([1; 32])));
    assert_eq!(accused(&replica), 1);
}

/// In the other order too: it was let in before the contrary one was heard.
#[test]
fn an_unchecked_word_beside_a_contrary_one_is_looked_at() {
    for (word, proofs) in [(commit as fn(Digest) -> Signed, 1), (|digest| unsigned(commit(digest)), 0)] {
        let (mut replica, decided) = who_knows_a_decision();
        let admitted = admit(&replica, LIAR, word(decided)).expect("let in");
        hear(&mut replica, commit(Digest([1; 32])));
        replica.step(Input::from(admitted));
        assert_eq!(accused(&replica), proofs);
    }
}

#[test]
fn whoever_said_something_odd_is_checked_from_then_on() {
    let (mut replica, decided) = who_knows_a_decision();
    hear(&mut replica, commit(Digest([1; 32])));
    assert!(admit(&replica, LIAR, unsigned(commit(decided))).is_err());
    assert!(matches!(admit(&replica, LIAR, commit(decided)), Ok(Admitted::Verified(_))));
}

#[test]
fn a_word_that_its_signer_did_not_sign_proves_nothing_and_hides_nothing() {
    let (mut replica, decided) = who_knows_a_decision();
    hear(&mut replica, unsigned(commit(decided)));
    hear(&mut replica, commit(Digest([1; 32])));
    assert_eq!(accused(&replica), 0);
    hear(&mut replica, commit(decided));
    assert_eq!(accused(&replica), 1);
}

/// A liar sends its word unsigned first, then signed: the first must not stand for the second.
#[test]
fn a_signed_word_takes_the_place_of_an_unsigned_one() {
    let (mut replica, decided) = who_knows_a_decision();
    hear(&mut replica, unsigned(commit(decided)));
    hear(&mut replica, commit(decided));
    hear(&mut replica, commit(Digest([1; 32])));
    assert_eq!(accused(&replica), 1);
}

/// E3: a ViewChange that leaves out an unchecked vote, before it or after it.
#[test]
fn an_omitted_vote_that_was_let_in_unchecked_counts_if_it_is_genuine() {
    for (word, proofs) in [(commit as fn(Digest) -> Signed, 1), (|digest| unsigned(commit(digest)), 0)] {
        for vote_first in [true, false] {
            let (mut replica, decided) = who_knows_a_decision();
            if vote_first {
                hear(&mut replica, word(decided));
            }
            replica.demand(LIAR, 1);
            if !vote_first {
                hear(&mut replica, word(decided));
            }
            assert_eq!(accused(&replica), proofs, "vote first: {vote_first}");
        }
    }
}

/// E7: whoever asks is told nothing that it did not sign, for such an answer would be no good to it as a whole.
#[test]
fn a_recall_tells_unchecked_words_that_are_genuine() {
    for (word, told) in [(commit as fn(Digest) -> Signed, true), (|digest| unsigned(commit(digest)), false)] {
        let (mut replica, decided) = who_knows_a_decision();
        hear(&mut replica, word(decided));
        replica.hear(LIAR, ask(Wanted::Recall { incarnation: 5 }));
        let recalled = replica.sent_to(LIAR).into_iter().find_map(|message| match message {
            Message::Recalled { statements, .. } => Some(statements.contains(&word(decided))),
            _ => None,
        });
        assert_eq!(recalled, Some(told));
    }
}

/// Its words may have to be verified by the core itself, so it is not told them as often as it likes.
#[test]
fn a_recall_soon_after_another_one_is_refused() {
    let (mut replica, _) = who_knows_a_decision();
    let asked = |replica: &mut Alone, incarnation| {
        replica.effects.clear();
        replica.hear(LIAR, ask(Wanted::Recall { incarnation }));
        replica.effects.iter().any(|effect| matches!(effect, Effect::Refused(Rejected::TooOften { .. })))
    };
    assert_eq!([5, 6].map(|incarnation| asked(&mut replica, incarnation)), [false, true]);
    replica.tick(Constants::default().status_period_ms);
    assert!(!asked(&mut replica, 6));
}

#[test]
fn whoever_sent_a_word_that_is_not_genuine_is_checked_from_when_it_is_found_out() {
    let (mut replica, decided) = who_knows_a_decision();
    hear(&mut replica, unsigned(commit(decided)));
    assert!(matches!(admit(&replica, LIAR, unsigned(commit(decided))), Ok(Admitted::Word(_))));
    replica.demand(LIAR, 1);
    assert!(admit(&replica, LIAR, unsigned(commit(decided))).is_err());
}

/// G2: the shell copies what the door knows when this count has changed.
#[test]
fn each_decision_and_each_odd_word_changes_the_count_of_what_the_door_knows() {
    let mut replica = Alone::new(N, 6);
    let mut counts = vec![replica.replica.certified().count()];
    for seq in [1, 2] {
        replica.decide(seq, &empty(1_000));
        counts.push(replica.replica.certified().count());
    }
    replica.hear(LIAR, Message::Commit(commit(Digest([1; 32]))));
    counts.push(replica.replica.certified().count());
    assert!(counts.windows(2).all(|pair| pair[0] < pair[1]), "{counts:?}");
}

/// G2: late words follow their certificate soon.
#[test]
fn the_door_knows_the_newest_256_certified_digests() {
    let mut replica = Alone::new(N, 6);
    let first = commit(empty(1_001).digest());
    let known = (1..=257).map(|seq| {
        replica.decide(seq, &empty(1_000 + seq));
        replica.execute();
        admit(&replica, LIAR, unsigned(first)).is_ok()
    });
    assert_eq!(known.collect::<Vec<_>>(), [[true; 256].as_slice(), &[false]].concat());
}

/// G2: the door's copy of what is certified may be older than what the core knows, or another's.
#[test]
fn a_word_that_was_let_in_for_a_certificate_that_is_not_here_is_refused() {
    let (knows, decided) = who_knows_a_decision();
    let admitted = admit(&knows, LIAR, commit(decided)).expect("let in");
    let mut other = Alone::new(N, 6);
    other.step(Input::from(admitted));
    assert!(matches!(other.refused()[..], [Rejected::Unknown { .. }]));
}
