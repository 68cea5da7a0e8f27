//! Authors' numbers (A1 to A3), bases and chains.

mod support;

use quorate_ledger::{Base, Change, Code, DeferReason, Dependency, Limits, State};
use quorate_pbft::Signer;
use support::author;
use support::world::{Draft, World, revision, write};

#[test]
fn copies_on_several_lanes_execute_once() {
    let mut world = World::new();
    let draft = world.draft(0, world.now(), &[write("a", "x")]);
    let item = world.item(&draft);
    let outcome = world.slot_of((0..4).map(|lane| (lane, vec![item.clone()])).collect());
    assert_eq!(outcome.receipts.len(), 1);
    assert!(outcome.deferred.iter().all(|copy| copy.why == DeferReason::Copy));
    assert_eq!(outcome.deferred.len(), 3);
}

#[test]
fn a_gap_is_no_verdict_and_closes_later() {
    let mut world = World::new();
    let first = world.draft(0, world.now(), &[write("a", "1")]);
    let second = world.draft(0, world.now(), &[write("b", "2")]);
    let outcome = world.slot(&[&second]);
    assert_eq!((outcome.receipts.len(), &outcome.deferred[0].why), (0, &DeferReason::Gap { next: 1 }));
    assert_eq!(world.slot(&[&first, &second]).receipts.len(), 2);
}

#[test]
fn a_refusal_moves_no_number_and_the_next_attempt_may_pass() {
    let mut world = World::new();
    let mut draft = world.draft(0, revision("99"), &[write("a", "x")]);
    assert_eq!(world.verdict(&draft).code, Some(Code::BaseUnknown));
    assert_eq!(world.slot(&[&draft]).deferred[0].why, DeferReason::Copy);
    draft.body.changes[0].base = world.now();
    assert_eq!(world.slot(&[&draft]).deferred[0].why, DeferReason::Taken);
    draft.body.attempt = 7;
    assert_eq!(world.verdict(&draft).state, State::Applied);
}

#[test]
fn the_first_of_two_envelopes_for_one_number_counts_and_the_repetition_is_recorded() {
    let mut world = World::new();
    let first = world.draft(0, world.now(), &[write("a", "1")]);
    let mut second = first.clone();
    second.body.changes[0].message = "another".into();
    let outcome = world.slot(&[&first, &second]);
    assert_eq!((outcome.receipts.len(), &outcome.deferred[0].why), (1, &DeferReason::Taken));
    let standing = world.view().author("main", &author(0).public_key()).expect("known");
    assert_eq!((standing.next_seq, standing.repeated), (2, vec![1]));
}

#[test]
fn a_later_attempt_for_a_number_that_is_taken_is_no_repetition() {
    let mut world = World::new();
    let first = world.draft(0, world.now(), &[write("a", "1")]);
    let mut second = first.clone();
    second.body.attempt = 2;
    world.slot(&[&first, &second]);
    let standing = world.view().author("main", &author(0).public_key()).expect("known");
    assert_eq!(standing.repeated, Vec::<u64>::new());
}

#[test]
fn an_envelope_takes_as_many_numbers_as_it_has_changes() {
    let mut world = World::new();
    let mut draft = world.draft(0, world.now(), &[write("a", "1")]);
    draft.body.to_seq = 3;
    let more = Change::new(Base::Previous, vec![], "", 0);
    draft.body.changes.extend([more.clone(), more]);
    assert_eq!(world.verdict(&draft).state, State::Applied);
    assert_eq!(world.ledger.next_seq(&world.store, &author(0).public_key(), "main"), Ok(4));
}

#[test]
fn numbers_are_counted_for_each_domain() {
    let mut world = World::new();
    world.does(0, &[write("a", "1")]);
    assert_eq!(world.ledger.next_seq(&world.store, &author(0).public_key(), "main"), Ok(2));
    assert_eq!(world.ledger.next_seq(&world.store, &author(0).public_key(), "other"), Ok(1));
}

#[test]
fn a_dependency_that_is_missing_is_waited_for() {
    let mut world = World::new();
    let mut dependent = world.draft(0, world.now(), &[write("a", "1")]);
    let dependency = Dependency { author: author(1).public_key(), domain: "other".into(), seq: 1 };
    dependent.body.changes[0].wishes.depends_on = vec![dependency.clone()];
    assert_eq!(world.slot(&[&dependent]).deferred[0].why, DeferReason::Dependency(dependency));
    let needed = world.draft_in("other", 1, world.now(), &[write("b", "2")]);
    assert_eq!(world.slot(&[&needed, &dependent]).receipts.len(), 2);
}

#[test]
fn strangers_are_refused_by_the_signature_stage() {
    let mut world = World::new();
    let receipt = world.does(9, &[write("a", "x")]);
    assert_eq!(receipt.code, Some(Code::UnknownAuthor));
}

#[test]
fn a_domain_that_does_not_exist_is_refused_after_the_paths() {
    let mut world = World::new();
    let draft = world.draft_in("nowhere", 0, world.now(), &[write("a", "x")]);
    assert_eq!(world.verdict(&draft).code, Some(Code::UnknownDomain));
    let draft = world.draft_in("nowhere", 0, world.now(), &[write("..", "x")]);
    assert_eq!(world.verdict(&draft).code, Some(Code::BadPath));
}

#[test]
fn a_base_in_the_future_is_unknown() {
    let mut world = World::new();
    world.does(0, &[write("a", "x")]);
    assert_eq!(world.does_on(revision("2"), 0, &[write("a", "y")]).code, Some(Code::BaseUnknown));
}

#[test]
fn a_base_beyond_the_horizon_is_too_old() {
    let mut world = World::with(Limits { base_horizon_ms: 1_000, ..Limits::default() });
    world.does(0, &[write("a", "x")]);
    world.time += 500;
    world.does(0, &[write("b", "x")]);
    assert_eq!(world.does_on(revision("1"), 1, &[write("c", "x")]).state, State::Applied);
    world.time += 600;
    world.slot(&[]);
    world.slot(&[]);
    assert_eq!(world.does_on(revision("1"), 1, &[write("d", "x")]).state, State::Applied);
    world.time += 2_000;
    world.slot(&[]);
    assert_eq!(world.does_on(revision("2"), 1, &[write("e", "x")]).code, Some(Code::BaseTooOld));
}

/// T1: a view change may fill the first slots with nulls, which have no time.
#[test]
fn slots_before_the_first_time_are_not_an_age_ago() {
    let mut world = World::new();
    world.time = 1_700_000_000_000;
    world.null_slot();
    world.null_slot();
    world.slot(&[]);
    assert_eq!(world.does_on(revision("0"), 0, &[write("a", "x")]).state, State::Applied);
    assert_eq!(world.does_on(revision("1"), 1, &[write("b", "x")]).state, State::Applied);
}

#[test]
fn superseded_bytes_move_the_horizon_of_their_domain_only() {
    let mut world = World::with(Limits { base_horizon_bytes: 1_000, ..Limits::default() });
    for length in 0..20 {
        let base = world.now();
        world.does_on(base, 0, &[write("a", &"x".repeat(100 + length))]);
    }
    assert_eq!(world.does_on(revision("1"), 1, &[write("b", "x")]).code, Some(Code::BaseTooOld));
    let draft = world.draft_in("other", 1, revision("1"), &[write("b", "x")]);
    assert_eq!(world.verdict(&draft).state, State::Applied);
}

/// SEMANTICS, bases: two puts sent without waiting, around another author's put to a third line.
#[test]
fn a_chain_of_two_puts_around_another_authors_keeps_all_three_edits() {
    let mut world = World::new();
    world.does(0, &[write("a", "1\n2\n3\n4\n5\n")]);
    let first = world.draft(1, revision("1"), &[write("a", "one\n2\n3\n4\n5\n")]);
    let id = Base::Envelope(world.id(&first));
    let second = world.draft(1, id, &[write("a", "one\n2\nthree\n4\n5\n")]);
    let other = world.draft(2, revision("1"), &[write("a", "1\n2\n3\n4\nfive\n")]);
    for order in [[&first, &other, &second], [&other, &first, &second], [&first, &second, &other]] {
        let mut world = world.clone();
        let outcome = world.slot(&order);
        assert_eq!((outcome.receipts.len(), outcome.deferred.len()), (3, 0));
        assert_eq!(world.text("a").as_deref(), Some("one\n2\nthree\n4\nfive\n"));
    }
}

#[test]
fn a_chain_of_two_puts_in_slots_of_their_own_keeps_all_three_edits() {
    let mut world = World::new();
    world.does(0, &[write("a", "1\n2\n3\n4\n5\n")]);
    let first = world.draft(1, revision("1"), &[write("a", "one\n2\n3\n4\n5\n")]);
    let id = Base::Envelope(world.id(&first));
    let second = world.draft(1, id, &[write("a", "one\n2\nthree\n4\n5\n")]);
    world.verdict(&first);
    world.does_on(revision("1"), 2, &[write("a", "1\n2\n3\n4\nfive\n")]);
    world.verdict(&second);
    assert_eq!(world.text("a").as_deref(), Some("one\n2\nthree\n4\nfive\n"));
}

#[test]
fn a_long_chain_remembers_what_each_link_wrote_last() {
    let mut world = World::new();
    world.does(0, &[write("a", "0\n"), write("b", "0\n")]);
    let mut base = revision("1");
    for n in 1..=40 {
        let path = if n % 3 == 0 { "b" } else { "a" };
        let link = world.draft(1, base, &[write(path, &format!("{n}\n"))]);
        base = Base::Envelope(world.id(&link));
        let receipt = world.verdict(&link);
        assert_eq!(receipt.state, State::Applied, "{n}");
    }
    assert_eq!((world.text("a").as_deref(), world.text("b").as_deref()), (Some("40\n"), Some("39\n")));
}

#[test]
fn a_chain_may_fork_and_each_branch_sees_its_own_past() {
    let mut world = World::new();
    world.does(0, &[write("a", "1\n2\n3\n4\n5\n6\n7\n")]);
    let first = world.draft(1, revision("1"), &[write("a", "one\n2\n3\n4\n5\n6\n7\n")]);
    let fork = Base::Envelope(world.id(&first));
    let left = world.draft(1, fork, &[write("a", "one\n2\nthree\n4\n5\n6\n7\n")]);
    let right = world.draft(1, fork, &[write("a", "one\n2\n3\n4\nfive\n6\n7\n")]);
    let on_left = Base::Envelope(world.id(&left));
    let on_right = Base::Envelope(world.id(&right));
    let left_again = world.draft(1, on_left, &[write("a", "one\n2\nTHREE\n4\n5\n6\n7\n")]);
    let right_again = world.draft(1, on_right, &[write("a", "one\n2\n3\n4\nfive\n6\nseven\n")]);
    let outcome = world.slot(&[&first, &left, &right, &left_again, &right_again]);
    assert_eq!(outcome.receipts.len(), 5);
    assert_eq!(world.text("a").as_deref(), Some("one\n2\nTHREE\n4\nfive\n6\nseven\n"));
}

#[test]
fn changes_of_one_envelope_can_build_on_each_other() {
    let mut world = World::new();
    world.does(0, &[write("a", "1\n")]);
    let mut draft = world.draft(1, revision("1"), &[write("a", "2\n")]);
    let next = world.draft(1, Base::Previous, &[write("a", "3\n"), write("b", "x\n")]);
    draft.body.to_seq = next.body.to_seq;
    draft.body.changes.extend(next.body.changes);
    draft.contents.extend(next.contents);
    assert_eq!(world.verdict(&draft).state, State::Applied);
    assert_eq!(world.text("a").as_deref(), Some("3\n"));
}

#[test]
fn a_base_that_was_refused_refuses() {
    let mut world = World::new();
    let mut first = world.draft(0, revision("99"), &[write("a", "x")]);
    world.verdict(&first);
    let refused = Base::Envelope(world.id(&first));
    (first.body.attempt, first.body.changes[0].base) = (2, world.now());
    assert_eq!(world.verdict(&first).state, State::Applied);
    let mut second = world.draft(0, refused, &[write("a", "y")]);
    (second.body.from_seq, second.body.to_seq) = (2, 2);
    assert_eq!(world.verdict(&second).code, Some(Code::BaseRefused));
}

#[test]
fn somebody_elses_envelope_is_no_base() {
    let mut world = World::new();
    let theirs = world.draft(0, world.now(), &[write("a", "x")]);
    world.verdict(&theirs);
    let base = Base::Envelope(world.id(&theirs));
    assert_eq!(world.does_on(base, 1, &[write("a", "y")]).code, Some(Code::BaseUnknown));
}

#[test]
fn the_gate_lets_in_what_may_get_a_verdict() {
    use quorate_ledger::Sequencing;
    let mut world = World::new();
    let first = world.draft(0, world.now(), &[write("a", "x")]);
    let second = world.draft(0, world.now(), &[write("b", "x")]);
    let admit = |world: &World, draft: &Draft| {
        let bytes = world.sign(draft).encode();
        let admitted = world.ledger.admit(&world.store, &bytes).expect("memory does not fail");
        admitted.map(|admission| admission.sequencing).map_err(|refused| refused.refusal.code)
    };
    assert_eq!(admit(&world, &first), Ok(Sequencing::Ready));
    assert_eq!(admit(&world, &second), Ok(Sequencing::Waits { next: 1 }));
    let receipt = world.verdict(&first);
    assert_eq!(admit(&world, &first), Ok(Sequencing::Judged(receipt)));
    let mut other = first.clone();
    other.body.attempt = 9;
    assert_eq!(admit(&world, &other), Err(Code::Overlap));
    let mut far = second.clone();
    (far.body.from_seq, far.body.to_seq) = (1_027, 1_027);
    assert_eq!(admit(&world, &far), Err(Code::GapTooWide));
    (far.body.from_seq, far.body.to_seq) = (1_026, 1_026);
    assert_eq!(admit(&world, &far), Ok(Sequencing::Waits { next: 2 }));
    let stranger = world.draft(9, world.now(), &[]);
    assert_eq!(admit(&world, &stranger), Err(Code::UnknownAuthor));
}
