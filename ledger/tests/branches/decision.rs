//! Decisions: no two branches of one transaction end differently.

use super::{
    BranchState, Two, decide, group, is_refused, known, knows, prepare, proof_of, state_of, text, transaction, two,
    with,
};
use crate::support::author;
use crate::support::locks::LEASE;
use crate::support::world::{Edit, remove, write};
use quorate_ledger::{Base, GROUP_DOMAIN, Op, PathOutcome, State};
use quorate_pbft::Signer;

const BOTH: [Option<BranchState>; 2] = [Some(BranchState::Committed); 2];
const NEITHER: [Option<BranchState>; 2] = [Some(BranchState::Aborted); 2];

#[test]
fn a_transaction_takes_effect_in_both_groups() {
    let mut two = two().prepared();
    assert_eq!(two.texts(), [None, None], "nothing takes effect before the decision");
    let committed = two.decide_home(3, true);
    assert_eq!((committed.state, two.texts()), (State::Applied, [text("at home"), None]));
    assert_eq!(committed.changes.iter().map(|change| change.outcome).collect::<Vec<_>>(), [PathOutcome::Applied]);
    assert_eq!(two.decide_other(2, true).state, State::Applied);
    assert_eq!((two.texts(), two.states()), ([text("at home"), text("elsewhere")], BOTH));
}

#[test]
fn the_decision_is_the_change_in_the_log_of_a_promised_path() {
    let mut two = two().prepared();
    let decided = two.decide_home(3, true);
    let log = two.home.view().log("main", Some("a"), None, 10).expect("a domain");
    assert_eq!(log.items.iter().map(|entry| entry.id).collect::<Vec<_>>(), [decided.id]);
    let file = two.home.view().file("main", "a", None).expect("memory").found().expect("it is there");
    assert_eq!(Some(file.revision), decided.revision);
}

#[test]
fn a_branch_may_change_and_delete_what_stands_there() {
    let mut two = with([write("x", "two"), remove("y")].into(), [write("b", "elsewhere")].into());
    two.home.does(0, &[write("x", "one"), write("y", "one")]);
    let mut two = two.prepared();
    assert_eq!([two.home.text("x"), two.home.text("y")], [text("one"), text("one")]);
    two.decide_home(0, true);
    assert_eq!([two.home.text("x"), two.home.text("y")], [text("two"), None]);
}

#[test]
fn a_home_aborts_where_its_lease_is_over_and_nobody_sends_anything() {
    let mut two = two().prepared();
    two.home.passes(LEASE);
    let record = two.home.view().transaction(&two.id()).expect("memory").expect("it was prepared");
    assert_eq!((record.state, record.decided), (BranchState::Aborted, Some(two.home.ledger.revision())));
    let (locks, _) = two.home.view().locks_of("main", &two.id().holder()).expect("a domain");
    assert_eq!(locks, []);
    assert_eq!(two.decide_other(3, false).state, State::Applied);
    assert_eq!((two.texts(), two.states()), ([None, None], NEITHER));
}

#[test]
fn only_the_organisation_of_its_author_aborts_it_before_its_lease_is_over() {
    let mut two = two().prepared();
    is_refused(&two.decide_home(2, false), "role: before its lease is over, only \"org-0\" aborts it");
    assert_eq!(two.states(), [Some(BranchState::Prepared); 2]);
}

#[test]
fn branches_whose_leases_are_over_end_whole_and_at_most_256_locks_of_them_in_a_slot() {
    let many = |n: u8| -> Vec<Edit> { (0..64).map(|at| write(&format!("{n}/{at}"), "x")).collect() };
    let mut two = two();
    let all: Vec<_> = (0..5).map(|n| transaction(&[(&two.home, &many(n)), (&two.other, &many(n))], n)).collect();
    for (n, one) in (0..).zip(&all) {
        assert_eq!(super::prepare(&mut two.home, n % 2, one, vec![], &many(n)).code, None);
    }
    let open = |two: &Two| two.home.view().transactions(None, 10).expect("memory").items.len();
    two.home.time += LEASE;
    is_refused(&decide(&mut two.home, 0, all[4].id(), true, vec![]), "its lease is over");
    assert_eq!(open(&two), 1);
    two.home.passes(0);
    assert_eq!(open(&two), 0);
}

#[test]
fn an_author_who_decides_goes_on_from_what_was_promised() {
    let mut two = two().prepared();
    let decided = two.decide_home(0, true);
    let next = two.home.does_on(Base::Envelope(decided.id), 0, &[write("a", "next")]);
    assert_eq!((next.state, two.home.text("a")), (State::Applied, text("next")));
}

#[test]
fn the_organisation_of_its_author_aborts_it_at_any_time() {
    let mut two = two().prepared();
    assert_eq!(two.decide_home(0, false).state, State::Applied);
    assert_eq!(two.decide_other(3, false).state, State::Applied);
    assert_eq!(two.states(), NEITHER);
}

#[test]
fn a_home_whose_lease_is_over_does_not_commit() {
    let mut two = two().prepared();
    two.home.passes(LEASE);
    is_refused(&two.decide_home(0, true), "it was decided here before");
    assert_eq!(two.home.text("a"), None);
}

#[test]
fn a_home_commits_with_the_promises_of_all_others_alone() {
    let mut two = two();
    two.prepare_home();
    let id = two.id();
    is_refused(&decide(&mut two.home, 0, id, true, vec![]), "a proof of each other branch");
    let own = proof_of(&two.home, &id);
    is_refused(&decide(&mut two.home, 0, id, true, vec![own]), "does not hold");
    two.prepare_other();
    assert_eq!(two.decide_home(0, true).state, State::Applied);
}

#[test]
fn a_transaction_of_three_groups_of_which_one_never_prepares_is_aborted_in_the_others() {
    let mut worlds = ["one", "two", "three"].map(|name| group(name, 16));
    let all = [0, 1, 2].map(|at| known(&worlds[at]));
    for (at, of) in [(0, 1), (0, 2), (1, 0), (2, 0)] {
        knows(&mut worlds[at], all[of].clone());
    }
    let (edits, [mut home, mut second, mut third]) = (vec![write("a", "x")], worlds);
    let transaction = transaction(&[(&home, &edits), (&second, &edits), (&third, &edits)], 1);
    let id = transaction.id();
    assert_eq!(prepare(&mut home, 0, &transaction, vec![], &edits).code, None);
    let proof = proof_of(&home, &id);
    assert_eq!(prepare(&mut second, 0, &transaction, proof.clone(), &edits).code, None);
    let promised = proof_of(&second, &id);
    is_refused(&decide(&mut home, 0, id, true, vec![promised.clone()]), "a proof of each other branch");
    is_refused(&decide(&mut home, 0, id, true, vec![promised.clone(), promised]), "does not hold");
    home.passes(LEASE);
    let over = proof_of(&home, &id);
    is_refused(&prepare(&mut third, 0, &transaction, over.clone(), &edits), "its home has decided it already");
    is_refused(&decide(&mut second, 0, id, true, vec![over.clone()]), "its home has not decided so");
    assert_eq!(decide(&mut second, 0, id, false, vec![over.clone()]).state, State::Applied);
    assert_eq!(prepare(&mut third, 0, &transaction, proof, &edits).code, None, "an older proof makes a promise");
    assert_eq!(decide(&mut third, 0, id, false, vec![over]).state, State::Applied);
    assert_eq!([&home, &second, &third].map(|world| state_of(world, &id)), [Some(BranchState::Aborted); 3]);
    assert_eq!([home, second, third].map(|world| world.text("a")), [None, None, None]);
}

#[test]
fn the_promise_of_another_transaction_is_none() {
    let mut two = two().prepared();
    let edits = vec![write("z", "z")];
    let another = transaction(&[(&two.home, &edits), (&two.other, &edits)], 8);
    let mut more = Two { transaction: another, edits: [edits.clone(), edits], ..two.clone() }.prepared();
    let foreign = proof_of(&more.other, &more.id());
    is_refused(&decide(&mut two.home, 0, two.transaction.id(), true, vec![foreign]), "of another transaction");
    assert_eq!(more.decide_home(0, true).state, State::Applied);
}

#[test]
fn a_decision_that_contradicts_the_homes_is_refused() {
    for commit in [true, false] {
        let mut two = two().prepared();
        is_refused(&two.decide_other(1, commit), "its home has not decided so");
        two.decide_home(0, commit);
        is_refused(&two.decide_other(1, !commit), "its home has not decided so");
        assert_eq!(two.decide_other(1, commit).state, State::Applied);
    }
}

#[test]
fn what_was_decided_stays_so() {
    let mut two = two().prepared();
    two.decide_home(0, true);
    two.decide_other(0, true);
    is_refused(&two.decide_home(0, true), "it was decided here before");
    is_refused(&two.decide_home(0, false), "it was decided here before");
    is_refused(&two.decide_other(0, true), "it was decided here before");
    let [edits, _] = two.edits.clone();
    is_refused(&super::prepare(&mut two.home, 0, &two.transaction, vec![], &edits), "it was prepared here before");
    assert_eq!(two.states(), BOTH);
}

#[test]
fn what_nobody_has_prepared_is_not_decided() {
    let mut two = two();
    let id = two.id();
    is_refused(&decide(&mut two.home, 0, id, false, vec![]), "no transaction");
    two.prepare_home();
    let elsewhere = Edit::Other(Op::Decide { transaction: id, commit: false, proofs: vec![] });
    is_refused(&two.home.does_in("other", 0, &[elsewhere]), "no transaction");
}

#[test]
fn an_author_who_was_revoked_meanwhile_has_consented_already() {
    let mut two = two().prepared();
    let revoke = Edit::Other(Op::Revoke { key: author(0).public_key() });
    assert_eq!(two.home.does_in(GROUP_DOMAIN, 0, &[revoke]).state, State::Applied);
    assert_eq!((two.decide_home(2, true).state, two.home.text("a")), (State::Applied, text("at home")));
}
