//! What a branch has promised stays possible up to its decision, and its contents stay in the store.

use super::{BranchState, Two, is_refused, state_of, text, transaction, two, with};
use crate::support::disputes::{policy, rule};
use crate::support::locks::{LEASE, acquire};
use crate::support::twin::{Rows, certified, rows};
use crate::support::world::{Edit, World, remove, rename, write};
use quorate_ledger::LockMode::{S, X};
use quorate_ledger::policy::{DomainPolicy, PathRule, Quota};
use quorate_ledger::{Code, Ledger, MemoryStore, Op, Principal, State, Sweep, Table};

/// A branch at home that changes `d/x` and makes `d/new`.
fn promised() -> Two {
    let mut two = with([write("d/x", "two"), write("d/new", "new")].into(), [write("b", "elsewhere")].into());
    two.home.does(0, &[write("d/x", "one"), write("f", "a file")]);
    two.prepared()
}

fn keeps_its_promise(mut two: Two) {
    assert_eq!(two.decide_home(0, true).state, State::Applied);
    assert_eq!([two.home.text("d/x"), two.home.text("d/new")], [text("two"), text("new")]);
}

#[test]
fn nobody_writes_a_promised_path_in_any_way_its_author_neither() {
    let edits = [
        vec![write("d/x", "three")],
        vec![remove("d/x")],
        vec![rename("d/x", "g")],
        vec![rename("f", "d/new")],
        vec![write("d/new", "three")],
        vec![write("d/new/below", "three")],
        vec![acquire("d/x", X)],
        vec![acquire("d", S)],
    ];
    let two = promised();
    for (edits, who) in edits.iter().flat_map(|edits| [(edits, 0), (edits, 2)]) {
        let mut two = two.clone();
        let receipt = two.home.does(who, edits);
        let waits = receipt.changes.iter().any(|change| change.outcome == quorate_ledger::PathOutcome::Queued);
        assert!(receipt.code == Some(Code::Lock) || waits, "{edits:?}: {receipt:?}");
        keeps_its_promise(two);
    }
}

#[test]
fn paths_beside_the_promised_ones_are_written_as_ever() {
    let mut two = promised();
    assert_eq!(two.home.does(2, &[write("d/y", "y"), write("g", "g")]).state, State::Applied);
    keeps_its_promise(two);
}

#[test]
fn no_file_comes_to_where_a_promised_path_needs_a_folder() {
    let mut two = with([write("d/e/new", "new")].into(), [write("b", "elsewhere")].into());
    two.home.does(0, &[write("f", "a file")]);
    let mut two = two.prepared();
    for edits in [vec![write("d", "")], vec![write("d/e", "")], vec![rename("f", "d")]] {
        is_refused(&two.home.does(2, &edits), "path-is-folder");
    }
    assert_eq!(two.home.does(2, &[write("d/f", "")]).state, State::Applied);
    assert_eq!(two.decide_home(0, true).state, State::Applied);
    assert_eq!(two.home.text("d/e/new"), text("new"));
}

#[test]
fn no_promised_file_goes_along_with_its_folder() {
    let mut two = with([write("d/new", "two")].into(), [write("b", "elsewhere")].into());
    two.home.does(0, &[write("d/x", "x")]);
    let base = two.home.now();
    two.home.does(1, &[write("d/new", "one")]);
    let mut two = two.prepared();
    assert_eq!(two.home.does_on(base, 2, &[rename("d/x", "e/x")]).state, State::Applied);
    assert_eq!([two.home.text("e/x"), two.home.text("d/new")], [text("x"), text("one")]);
    assert_eq!((two.decide_home(0, true).state, two.home.text("d/new")), (State::Applied, text("two")));
}

#[test]
fn a_change_that_waited_for_the_word_of_others_writes_no_promised_path() {
    let mut two = two();
    two.home.decide("main", policy(vec![PathRule { approvals: 1, ..rule("reviewed") }]));
    let waits = two.home.does(2, &[write("a", "mine"), write("reviewed", "")]);
    assert_eq!(waits.state, State::Pending);
    let mut two = two.prepared();
    let attest = Op::Attest { envelope: waits.id, approve: true };
    let draft = two.home.draft(3, two.home.now(), &[Edit::Other(attest)]);
    let outcome = two.home.slot(&[&draft]);
    assert_eq!(outcome.receipts[1].code, Some(Code::Lock));
    assert_eq!((two.decide_home(0, true).state, two.home.text("a")), (State::Applied, text("at home")));
}

#[test]
fn a_new_policy_changes_nothing_of_what_was_promised() {
    let mut two = promised();
    let others = (1..4).map(|n| Principal::Organisation(format!("org-{n}"))).collect();
    let paths = vec![PathRule { forbidden: vec!["two".into()], ..rule("**") }];
    two.home.decide("main", DomainPolicy { paths, ..DomainPolicy::new(others, vec![Principal::Everyone]) });
    assert_eq!(two.home.does(2, &[write("d/x", "three")]).code, Some(Code::Lock));
    keeps_its_promise(two);
}

#[test]
fn a_home_keeps_nobody_out_once_its_lease_is_over() {
    let mut two = promised();
    two.home.passes(LEASE);
    assert_eq!(two.home.does(2, &[write("d/x", "three")]).state, State::Applied);
    assert_eq!(two.home.text("d/x"), text("three"));
}

#[test]
fn a_branch_needs_its_folders_up_to_the_end_of_its_lease() {
    let mut two = with([write("d/new", "new")].into(), [write("b", "elsewhere")].into()).prepared();
    let words = format!("the transaction {}, which is not decided, writes below it", two.id());
    is_refused(&two.home.does(2, &[write("d", "")]), &words);
    two.home.passes(LEASE);
    assert_eq!(two.home.does(2, &[write("d", "")]).state, State::Applied);
}

#[test]
fn a_path_is_promised_anew_after_a_lease_and_nothing_of_the_first_promise_comes_back() {
    let edits = vec![write("d/new", "new")];
    let mut two = with(edits.clone(), edits.clone()).prepared();
    two.home.passes(LEASE);
    let another = transaction(&[(&two.home, &edits), (&two.other, &edits)], 8);
    let first = two.id();
    assert_eq!(super::prepare(&mut two.home, 0, &another, vec![], &edits).code, None);
    is_refused(&super::decide(&mut two.home, 0, first, false, vec![]), "it was decided here before");
    is_refused(&two.home.does(2, &[write("d", "")]), "writes below it");
    assert_eq!(two.home.does(2, &[write("d/new", "")]).code, Some(Code::Lock));
    assert_eq!(super::decide(&mut two.home, 0, another.id(), false, vec![]).code, None);
    assert_eq!(two.home.does(2, &[write("d", "")]).state, State::Applied);
}

#[test]
fn an_organisation_has_16_branches_in_a_domain_that_are_not_decided() {
    let edits = |n: u8| vec![write(&n.to_string(), "x")];
    let mut two = two();
    let number = |n: u8| transaction(&[(&two.home, &edits(n)), (&two.other, &edits(n))], n);
    let all: Vec<_> = (0..17).map(number).collect();
    for (n, one) in (0..16).zip(&all) {
        assert_eq!(super::prepare(&mut two.home, 0, one, vec![], &edits(n)).code, None);
    }
    let another = |world: &World, who| super::prepare(&mut world.clone(), who, &all[16], vec![], &edits(16)).code;
    assert_eq!(another(&two.home, 0), Some(Code::Quota));
    assert_eq!(another(&two.home, 1), None, "others have room");
    let (mut decided, mut over) = (two.home.clone(), two.home.clone());
    assert_eq!(super::decide(&mut decided, 0, all[0].id(), false, vec![]).code, None);
    assert_eq!(another(&decided, 0), None, "a decision gives room back");
    over.passes(LEASE);
    assert_eq!(another(&over, 0), None, "and so does the end of a lease");
}

#[test]
fn a_full_domain_commits_what_it_has_promised() {
    let mut two = two();
    let quota = Quota { files_max: Some(1), ..Quota::default() };
    two.home.decide("main", DomainPolicy { quota, ..policy(vec![]) });
    let mut two = two.prepared();
    assert_eq!(two.home.does(2, &[write("full", "")]).state, State::Applied);
    assert_eq!((two.decide_home(0, true).code, two.home.text("a")), (None, text("at home")));
    assert_eq!(two.home.does(2, &[write("more", "")]).code, Some(Code::Quota), "its file counts");
}

#[test]
fn who_is_kept_out_hears_of_the_transaction() {
    let mut two = promised();
    let words = format!("transaction {} of \"org-0\" has locked", two.id());
    is_refused(&two.home.does(2, &[write("d/x", "")]), &words);
    let (edits, id) = (two.edits[0].clone(), two.id());
    let another = transaction(&[(&two.home, &edits), (&two.other, &edits)], 8);
    is_refused(&super::prepare(&mut two.home, 1, &another, vec![], &edits), &format!("transaction {id}"));
}

#[test]
fn others_keep_their_promise_however_long_the_decision_takes() {
    let mut two = two().prepared();
    assert_eq!(two.other.view().next_deadline(), Ok(None), "no time ends it");
    two.other.passes(100 * 60 * 60 * 1_000);
    assert_eq!(two.other.does(2, &[write("b", "mine")]).code, Some(Code::Lock));
    two.decide_home(0, true);
    assert_eq!((two.decide_other(3, true).state, two.other.text("b")), (State::Applied, text("elsewhere")));
    assert_eq!(two.other.does(2, &[write("b", "mine")]).state, State::Applied);
}

#[test]
fn whoever_waits_for_a_promised_path_has_its_turn_after_the_decision() {
    let mut two = promised();
    two.home.does(2, &[acquire("d/x", X)]);
    assert_eq!(two.home.place(2, "d/x"), Some(1));
    assert_eq!(two.decide_home(0, true).state, State::Applied);
    assert!(two.home.token(2, "d/x").is_some());
}

#[test]
fn a_copy_of_a_state_keeps_its_promises_and_decides_alike() {
    for commit in [true, false] {
        let mut two = promised();
        let (store, _) = certified(&two.home.ledger, &two.home.store);
        let promises = |store: &MemoryStore| -> Rows {
            let all = rows(store, Table::Index).into_iter();
            all.filter(|(key, _)| matches!(key[0], b'B' | b'H')).collect()
        };
        let kept = promises(&two.home.store);
        assert_eq!((promises(&store), kept.len()), (kept, 3), "the branch, and its two paths");
        let mut copied = two.clone();
        copied.home.ledger = Ledger::open(&store, &two.home.genesis).expect("a copy opens");
        copied.home.store = store;
        for two in [&mut two, &mut copied] {
            assert_eq!(two.home.does(2, &[write("d/x", "three")]).code, Some(Code::Lock));
            is_refused(&two.home.does(2, &[write("d/new/below", "")]), "has locked d/new");
            assert_eq!(two.decide_home(0, commit).state, State::Applied);
        }
        assert_eq!(copied.home.ledger.executed(), two.home.ledger.executed());
        assert_eq!(promises(&copied.home.store), Rows::new());
    }
}

#[test]
fn promised_contents_stay_in_the_store_up_to_the_decision() {
    let mut two = two().prepared();
    let content = crate::support::digest(b"elsewhere");
    let swept = |two: &mut Two| {
        (0..4).for_each(|_| two.other.passes(1_000_000_000_000));
        let (oldest, mut sweep) = (two.other.ledger.executed().seq.next(), Sweep::default());
        while !two.other.ledger.forget(&mut two.other.store, &mut sweep, oldest, 5).expect("memory does not fail") {}
        quorate_ledger::Read::get(&two.other.store, Table::Contents, &content.0).expect("memory").is_some()
    };
    assert!(swept(&mut two));
    two.home.passes(LEASE);
    two.decide_other(0, false);
    assert!(!swept(&mut two), "nobody names it any more");
}

#[test]
fn sixty_four_paths_are_promised_by_one_transaction() {
    let edits: Vec<Edit> = (0..64).map(|n| write(&format!("many/{n}"), "x")).collect();
    let mut two = with(edits.clone(), [write("b", "")].into()).prepared();
    let again = transaction(&[(&two.home, &edits), (&two.other, &edits)], 9);
    assert_eq!(super::prepare(&mut two.home, 0, &again, vec![], &edits).code, Some(Code::Lock));
    assert_eq!(two.decide_home(0, true).state, State::Applied);
    assert_eq!((state_of(&two.home, &two.id()), two.home.text("many/63")), (Some(BranchState::Committed), text("x")));
}
