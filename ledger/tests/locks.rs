//! Locks on paths, one claim each.

mod support;

use quorate_ledger::LockMode::{Is, Ix, S, Six, X};
use quorate_ledger::keys::{Purpose, prove_possession};
use quorate_ledger::policy::{DomainPolicy, Quota};
use quorate_ledger::{Base, GROUP_DOMAIN, LockEnd, Op, PathOutcome, Principal, Revision, State};
use quorate_pbft::Signer;
use support::locks::{LEASE, WAIT, acquire, acquire_for, answer, fence, grab, release};
use support::world::{Edit, World, remove, rename, write};
use support::{author, body_of};

const LOCKED: &str = "ownership: lock";

#[test]
fn an_exclusive_lock_keeps_the_writes_of_others_away_and_lets_the_holders_through() {
    let mut world = World::new();
    world.does(0, &[grab("a", X)]);
    assert_eq!(answer(&world.does(1, &[write("a", "1")])), LOCKED);
    assert_eq!(world.does(0, &[write("a", "0")]).state, State::Applied);
    assert_eq!(answer(&world.does(1, &[remove("a")])), LOCKED);
    assert_eq!(answer(&world.does(1, &[rename("a", "b")])), LOCKED);
    assert_eq!(world.does(1, &[write("b", "1")]).state, State::Applied);
    world.does(0, &[grab("c", X)]);
    assert_eq!(answer(&world.does(1, &[rename("b", "c/d")])), LOCKED);
}

#[test]
fn a_lock_on_a_folder_protects_what_is_below_and_one_on_the_root_everything() {
    let mut world = World::new();
    world.does(0, &[grab("src", X)]);
    assert_eq!(answer(&world.does(1, &[write("src/a/b", "1")])), LOCKED);
    assert_eq!(world.does(1, &[write("srcs/a", "1")]).state, State::Applied);
    world.does(0, &[release("src"), grab("", S)]);
    assert_eq!(world.does(1, &[write("srcs/b", "1")]).state, State::Refused);
    world.does(0, &[release("")]);
    assert_eq!(world.does(1, &[write("srcs/b", "1")]).state, State::Applied);
}

#[test]
fn a_shared_lock_keeps_writers_out_and_an_intention_does_not() {
    let mut world = World::new();
    world.does(0, &[grab("a", S)]);
    assert_eq!(answer(&world.does(1, &[write("a", "1")])), LOCKED);
    for mode in [Is, Ix] {
        world.does(2, &[grab("b", mode)]);
        assert_eq!(world.does(1, &[write("b", &format!("{mode:?}"))]).state, State::Applied);
        world.does(2, &[release("b")]);
    }
}

#[test]
fn an_edit_does_not_follow_a_file_into_a_locked_folder() {
    let mut world = World::new();
    let base = Base::Revision(world.does(0, &[write("a", "1\n2\n3\n")]).revision.expect("a verdict"));
    world.does(0, &[grab("locked", X), rename("a", "locked/a")]);
    assert_eq!(answer(&world.does_on(base, 1, &[write("a", "1\n2\n4\n")])), LOCKED);
}

#[test]
fn whoever_cannot_wait_is_refused_and_whoever_can_stands_in_line() {
    let mut world = World::new();
    world.does(0, &[grab("a", X)]);
    assert_eq!(answer(&world.does(1, &[grab("a", X)])), LOCKED);
    let queued = world.does(1, &[acquire("a", X)]);
    assert_eq!(queued.changes[0].outcome, PathOutcome::Queued);
    world.does(2, &[acquire("a", S)]);
    assert_eq!((world.place(1, "a"), world.place(2, "a")), (Some(1), Some(2)));
    assert_eq!(world.lock(1, "a").map(|lock| lock.waits_for), Some(vec![author(0).public_key()]));
}

#[test]
fn a_shared_lock_does_not_pass_an_exclusive_one_that_waits() {
    let mut world = World::new();
    world.does(0, &[grab("a", S)]);
    world.does(1, &[acquire("a", X)]);
    world.does(2, &[acquire("a", S)]);
    assert_eq!(world.token(2, "a"), None);
    world.does(0, &[release("a")]);
    assert!(world.token(1, "a").is_some());
    assert_eq!(world.token(2, "a"), None);
    world.does(1, &[release("a")]);
    assert!(world.token(2, "a").is_some());
}

#[test]
fn who_waits_for_a_folder_is_not_passed_by_locks_below_it() {
    let mut world = World::new();
    world.does(0, &[grab("d/a", X)]);
    world.does(1, &[acquire("d", X)]);
    world.does(2, &[acquire("d/b", X)]);
    assert_eq!(world.token(2, "d/b"), None);
    world.does(0, &[release("d/a")]);
    assert!(world.token(1, "d").is_some());
    world.does(1, &[release("d")]);
    assert!(world.token(2, "d/b").is_some());
}

#[test]
fn modes_that_fit_are_held_together() {
    let mut world = World::new();
    world.does(0, &[grab("d", Ix), grab("d/a", X)]);
    world.does(1, &[grab("d", Ix), grab("d/b", X)]);
    world.does(2, &[grab("d", Is), grab("d/c", S)]);
    assert!([(0, "d/a"), (1, "d/b"), (2, "d/c")].iter().all(|(who, path)| world.token(*who, path).is_some()));
    assert_eq!(answer(&world.does(3, &[grab("d", S)])), LOCKED);
    assert_eq!(answer(&world.does(2, &[grab("d/a", Is)])), LOCKED);
}

#[test]
fn asking_for_more_joins_the_modes_and_gives_a_new_token() {
    let mut world = World::new();
    world.does(0, &[grab("a", S)]);
    let first = world.token(0, "a").expect("held");
    world.does(0, &[grab("a", Ix)]);
    let held = world.lock(0, "a").and_then(|lock| lock.held).expect("held");
    assert_eq!(held.mode, Six);
    assert!(held.token > first);
    assert_eq!(answer(&world.does(0, &[fence(first), write("a", "1")])), LOCKED);
    assert_eq!(world.does(0, &[fence(held.token), write("a", "1")]).state, State::Applied);
}

#[test]
fn who_holds_a_path_and_asks_for_more_comes_before_those_who_hold_nothing() {
    let mut world = World::new();
    world.does(0, &[grab("a", S)]);
    world.does(1, &[grab("a", S)]);
    world.does(2, &[acquire("a", X)]);
    world.does(0, &[acquire("a", X)]);
    assert_eq!((world.place(0, "a"), world.place(2, "a")), (Some(1), Some(2)));
    world.does(1, &[release("a")]);
    assert_eq!(world.lock(0, "a").and_then(|lock| lock.held).map(|held| held.mode), Some(X));
    assert_eq!(world.token(2, "a"), None);
}

#[test]
fn a_lease_ends_at_its_time_and_the_next_in_line_has_the_lock() {
    let mut world = World::new();
    world.does(0, &[grab("a", X)]);
    let until = world.lock(0, "a").and_then(|lock| lock.held).expect("held").until.get();
    world.does(1, &[acquire("a", X)]);
    world.passes(until - world.time - 3);
    assert_eq!(world.time, until - 1);
    assert!(world.token(0, "a").is_some());
    world.time -= 1; // the next slot is at `until` exactly
    assert_eq!(world.does(1, &[write("a", "1")]).state, State::Applied);
    assert_eq!(world.token(0, "a"), None);
    assert!(world.token(1, "a").is_some());
    let (_, left) = world.view().locks_of("main", &author(0).public_key()).expect("known");
    assert_eq!(left.last().map(|left| left.why), Some(LockEnd::Lease));
}

#[test]
fn the_next_deadline_is_the_end_of_the_first_lease() {
    let mut world = World::new();
    let draft = world.draft(0, world.now(), &[grab("a", X)]);
    let outcome = world.slot(&[&draft]);
    let until = world.lock(0, "a").and_then(|lock| lock.held).expect("held").until;
    assert_eq!(outcome.deadline, Some(until));
    assert_eq!(world.view().next_deadline(), Ok(Some(until)));
    world.does(0, &[release("a")]);
    assert_eq!(world.view().next_deadline(), Ok(None));
}

#[test]
fn whoever_waits_too_long_leaves_the_line_and_lets_those_behind_go_on() {
    let mut world = World::new();
    world.does(0, &[acquire_for("a", S, 100 * LEASE, 0)]);
    world.does(1, &[acquire_for("a", X, LEASE, 500)]);
    world.does(2, &[acquire("a", S)]);
    world.passes(600);
    assert_eq!(world.lock(1, "a"), None);
    assert!(world.token(2, "a").is_some());
    let (_, left) = world.view().locks_of("main", &author(1).public_key()).expect("known");
    assert_eq!(left.last().map(|left| (left.path.as_str(), left.why)), Some(("a", LockEnd::Waited)));
}

#[test]
fn a_lease_is_renewed_with_the_same_token_unless_somebody_waits() {
    let mut world = World::new();
    world.does(0, &[grab("a", X)]);
    let before = world.lock(0, "a").and_then(|lock| lock.held).expect("held");
    world.passes(LEASE / 2);
    assert_eq!(world.does(0, &[grab("a", X)]).changes[0].outcome, PathOutcome::Locked);
    let after = world.lock(0, "a").and_then(|lock| lock.held).expect("held");
    assert_eq!(after.token, before.token);
    assert!(after.until > before.until);
    world.does(1, &[acquire("a", S)]);
    assert_eq!(answer(&world.does(0, &[grab("a", X)])), LOCKED);
    assert_eq!(answer(&world.does(0, &[grab("a", S)])), LOCKED);
    world.passes(2 * LEASE);
    assert!(world.token(1, "a").is_some());
}

#[test]
fn the_token_of_a_lock_that_is_gone_is_stale_whoever_names_it() {
    let mut world = World::new();
    world.does(0, &[grab("a", X)]);
    let stale = world.token(0, "a").expect("held");
    assert_eq!(answer(&world.does(1, &[fence(stale), write("b", "1")])), LOCKED);
    world.passes(2 * LEASE);
    assert_eq!(answer(&world.does(0, &[fence(stale), write("b", "1")])), LOCKED);
    world.does(0, &[grab("a", X)]);
    assert_eq!(answer(&world.does(0, &[fence(stale), write("b", "1")])), LOCKED);
    let token = world.token(0, "a").expect("held");
    assert!(token > stale);
    assert_eq!(world.does(0, &[fence(token), write("b", "1")]).state, State::Applied);
}

#[test]
fn a_lock_that_is_over_protects_nothing_in_the_slot_of_its_end() {
    let mut world = World::new();
    world.does(0, &[grab("a", X)]);
    let token = world.token(0, "a").expect("held");
    world.time += 2 * LEASE;
    let drafts = [
        world.draft(1, world.now(), &[write("a", "1")]),
        world.draft(0, world.now(), &[fence(token), write("b", "0")]),
    ];
    let receipts = world.slot(&[&drafts[0], &drafts[1]]).receipts;
    assert_eq!(receipts.iter().map(answer).collect::<Vec<_>>(), ["Applied", LOCKED]);
}

#[test]
fn two_who_would_wait_for_each_other_do_not_and_the_younger_is_refused() {
    let mut world = World::new();
    world.does(0, &[grab("a", X)]);
    world.does(1, &[grab("b", X)]);
    world.does(0, &[acquire("b", X)]);
    let refused = world.does(1, &[acquire("a", X)]);
    assert_eq!(answer(&refused), LOCKED);
    assert!(refused.detail.expect("a reason").contains("deadlock"));
    assert!(world.token(1, "b").is_some());
    world.does(1, &[release("b")]);
    assert!(world.token(0, "b").is_some());
}

#[test]
fn two_holders_of_a_shared_lock_who_both_want_more_are_a_deadlock() {
    let mut world = World::new();
    world.does(0, &[grab("a", S)]);
    world.does(1, &[grab("a", S)]);
    world.does(0, &[acquire("a", X)]);
    assert!(world.does(1, &[acquire("a", X)]).detail.expect("a reason").contains("deadlock"));
    world.does(1, &[release("a")]);
    assert_eq!(world.lock(0, "a").and_then(|lock| lock.held).map(|held| held.mode), Some(X));
}

#[test]
fn a_deadlock_is_found_across_domains_and_along_three_authors() {
    let mut world = World::new();
    world.does(0, &[grab("a", X)]);
    world.does_in("other", 1, &[grab("b", X)]);
    world.does(2, &[grab("c/d", X)]);
    world.does_in("other", 0, &[acquire("b", X)]);
    world.does(1, &[acquire("c", S)]);
    let refused = world.does(2, &[acquire("", X)]);
    assert!(refused.detail.expect("a reason").contains("deadlock"));
}

/// The circle closes by a grant: author 0, who waits for author 1, converts a lock that author 1 now waits for.
#[test]
fn the_youngest_request_of_a_circle_leaves_the_line_also_when_it_is_anothers() {
    let mut world = World::new();
    world.does(1, &[grab("b", X)]);
    world.does(0, &[grab("a", Is)]);
    world.does(2, &[grab("a", S)]);
    world.does(0, &[acquire("b", X)]);
    world.does(1, &[acquire("a", Ix)]); // waits for author 2
    assert_eq!(world.does(0, &[acquire("a", S)]).state, State::Applied);
    assert_eq!(world.lock(1, "a"), None);
    let (_, left) = world.view().locks_of("main", &author(1).public_key()).expect("known");
    assert_eq!(left.last().map(|left| left.why), Some(LockEnd::Deadlock));
    assert!(world.lock(0, "b").is_some_and(|lock| lock.wants.is_some()));
}

#[test]
fn nobody_gives_back_or_renews_the_locks_of_others() {
    let mut world = World::new();
    world.does(0, &[grab("a", X)]);
    assert_eq!(answer(&world.does(1, &[release("a")])), LOCKED);
    assert!(world.token(0, "a").is_some());
}

#[test]
fn a_refused_envelope_leaves_the_line_as_it_was() {
    let mut world = World::new();
    world.does(0, &[grab("x", X)]);
    assert_eq!(answer(&world.does(1, &[grab("a", X), write("x", "1")])), LOCKED);
    assert_eq!(world.lock(1, "a"), None);
    assert!(world.token(2, "a").is_none());
    assert_eq!(world.does(2, &[grab("a", X)]).state, State::Applied);
}

#[test]
fn an_author_has_64_locks_and_no_more() {
    let mut world = World::new();
    for n in 0..4 {
        let locks: Vec<Edit> = (0..16).map(|m| grab(&format!("{n}/{m}"), X)).collect();
        assert_eq!(world.does(0, &locks).state, State::Applied);
    }
    assert_eq!(answer(&world.does(0, &[grab("one-more", X)])), "access: quota");
    assert_eq!(answer(&world.does_in("other", 0, &[grab("one-more", X)])), "access: quota");
    world.does(0, &[release("0/0")]);
    assert_eq!(world.does(0, &[grab("one-more", X)]).state, State::Applied);
}

#[test]
fn one_envelope_asks_for_16_locks_and_no_more() {
    let mut world = World::new();
    let locks: Vec<Edit> = (0..17).map(|n| grab(&format!("{n}"), X)).collect();
    assert_eq!(answer(&world.does(0, &locks)), "content: bad-act");
}

#[test]
fn leases_waits_and_paths_are_tried_at_their_limits() {
    let mut world = World::new();
    let hour = 60 * 60 * 1_000;
    for (lease, wait, good) in
        [(99, 0, false), (100, 0, true), (hour, hour, true), (hour + 1, 0, false), (hour, hour + 1, false)]
    {
        let expected = if good { "Applied" } else { "content: bad-act" };
        assert_eq!(answer(&world.does(0, &[acquire_for("a", X, lease, wait)])), expected, "{lease} {wait}");
    }
    let deep = vec!["d"; 64].join("/");
    assert_eq!(answer(&world.does(0, &[grab(&deep, X)])), "Applied");
    for bad in [&format!("{deep}/d"), "a/../b", "/", "a/"] {
        assert_eq!(answer(&world.does(0, &[grab(bad, X)])), "content: bad-path", "{bad}");
    }
}

#[test]
fn the_groups_own_domain_has_no_locks() {
    let mut world = World::new();
    assert_eq!(answer(&world.does_in("@group", 0, &[grab("a", X)])), "content: bad-act");
}

#[test]
fn strangers_and_readers_lock_nothing() {
    let mut world = World::new();
    let body = quorate_ledger::Body { from_seq: 1, to_seq: 1, ..body_of(9, 1, vec![]) };
    assert_eq!(body.changes[0].base, Base::Revision(Revision::GENESIS));
    let op = Op::Acquire { path: "a".into(), mode: X, lease_ms: LEASE, wait_ms: WAIT };
    let mut draft = world.draft(0, world.now(), &[]);
    draft.body =
        quorate_ledger::Body { changes: vec![quorate_ledger::Change::new(world.now(), vec![op], "", 0)], ..body };
    let receipt = world.slot(&[&draft]).receipts.into_iter().next().expect("a verdict");
    assert_eq!(receipt.state, State::Refused);
    assert_eq!(world.view().locks("main", "", None, 10).expect("known").items, []);
}

#[test]
fn the_list_is_paged_by_path_and_author() {
    let mut world = World::new();
    world.does(0, &[grab("a", S), grab("b/c", X)]);
    world.does(1, &[grab("a", S), grab("d", X)]);
    let first = world.view().locks("main", "", None, 2).expect("known");
    assert_eq!(first.items.iter().map(|lock| lock.path.as_str()).collect::<Vec<_>>(), ["a", "a"]);
    let rest = world.view().locks("main", "", first.next.as_deref(), 10).expect("known");
    assert_eq!(rest.items.iter().map(|lock| lock.path.as_str()).collect::<Vec<_>>(), ["b/c", "d"]);
    assert_eq!(rest.next, None);
    let half = world.view().locks("main", "", None, 1).expect("known");
    let other = world.view().locks("main", "", half.next.as_deref(), 1).expect("known");
    assert_eq!((half.items.len(), other.items.len()), (1, 1), "one path with many locks is no longer page");
    assert_eq!([&half.items[0], &other.items[0]], [&first.items[0], &first.items[1]]);
    assert!(world.view().locks("main", "", Some("a"), 1).is_err(), "no cursor of this list");
    let below = world.view().locks("main", "b", None, 10).expect("known");
    assert_eq!(below.items.iter().map(|lock| lock.path.as_str()).collect::<Vec<_>>(), ["b/c"]);
}

/// Locking a path and writing it in one envelope is a write like any other.
#[test]
fn what_is_written_under_a_lock_that_the_same_envelope_takes_moves_anchors() {
    let mut world = World::new();
    let seen = world.ledger.revision();
    let receipt = world.does(0, &[grab("a", X), write("a", "four")]);
    assert_eq!(receipt.changes[0].outcome, PathOutcome::Applied);
    let anchored = world.does(1, &[Edit::Other(Op::Anchor { revision: seen }), write("b", "x")]);
    assert_eq!(answer(&anchored), "domain: anchor");
}

#[test]
fn what_is_written_under_a_lock_that_the_same_envelope_takes_counts_for_the_quota() {
    let mut world = World::new();
    let everyone = vec![Principal::Everyone];
    let quota = Quota { files_max: Some(1), bytes_max: None };
    world.decide("main", DomainPolicy { quota, ..DomainPolicy::new(everyone, vec![]) });
    assert_eq!(answer(&world.does(0, &[grab("a", X), write("a", "x")])), "Applied");
    assert_eq!(answer(&world.does(0, &[write("b", "x")])), "access: quota");
}

fn revoke(world: &mut World, who: u8) {
    let key = author(who).public_key();
    assert_eq!(world.does_in(GROUP_DOMAIN, who, &[Edit::Other(Op::Revoke { key })]).state, State::Applied);
}

#[test]
fn a_revoked_author_keeps_nobody_out_and_the_next_in_line_has_the_lock() {
    let mut world = World::new();
    world.does(0, &[grab("a", X), grab("c", X)]);
    world.does(1, &[acquire("a", X)]);
    revoke(&mut world, 0);
    assert_eq!(answer(&world.does(2, &[write("c", "x")])), "Applied");
    world.passes(1);
    assert_eq!((world.token(0, "a"), world.lock(0, "a"), world.lock(0, "c")), (None, None, None));
    assert!(world.token(1, "a").is_some());
}

#[test]
fn a_revoked_author_who_stood_in_line_never_gets_the_lock() {
    let mut world = World::new();
    world.does(0, &[grab("a", X)]);
    world.does(1, &[acquire("a", X)]);
    revoke(&mut world, 1);
    assert_eq!(answer(&world.does(0, &[release("a")])), "Applied");
    assert_eq!((world.token(1, "a"), answer(&world.does(2, &[write("a", "x")]))), (None, "Applied".into()));
}

#[test]
fn whoever_goes_on_with_a_new_key_leaves_no_lock_behind() {
    let mut world = World::new();
    world.does(0, &[grab("a", X)]);
    let proof = prove_possession(Purpose::Author, "org-0", &author(7));
    let rotate = Op::Rotate { key: author(7).public_key(), proof };
    assert_eq!(answer(&world.does_in(GROUP_DOMAIN, 0, &[Edit::Other(rotate)])), "Applied");
    assert_eq!(answer(&world.does(7, &[write("a", "x")])), "Applied");
}
