//! News of requests for locks come in order, from any position on.

mod support;

use quorate_ledger::LockMode::{Is, Ix, S, X};
use quorate_ledger::LockStep::{Granted, Left, Released, Waits};
use quorate_ledger::{LockEnd, LockStep, Op, Revision};
use quorate_pbft::Signer;
use support::author;
use support::locks::{LEASE, acquire, acquire_for, grab, release};
use support::world::{Edit, World, at};

/// Position, author, path and what happened, after a revision.
fn told(world: &World, after: Revision) -> Vec<(String, u8, String, LockStep)> {
    let who = |key| (0..4).find(|who| author(*who).public_key() == key).expect("an author");
    let news = world.view().lock_news(after, world.ledger.revision()).expect("memory");
    news.into_iter().map(|news| (news.revision.to_string(), who(news.author), news.path, news.step)).collect()
}

fn line(position: &str, who: u8, path: &str, step: LockStep) -> (String, u8, String, LockStep) {
    (position.into(), who, path.into(), step)
}

#[test]
fn a_lock_is_told_when_it_is_granted_awaited_given_back_and_passed_on() {
    let mut world = World::new();
    world.does(0, &[grab("a", X)]);
    world.does(1, &[acquire("a", X)]);
    world.does(0, &[release("a")]);
    let all = [
        line("1.1", 0, "a", Granted(1)),
        line("2.1", 1, "a", Waits),
        line("3.1", 0, "a", Released),
        line("3.1", 1, "a", Granted(2)),
    ];
    assert_eq!(told(&world, Revision::GENESIS), all);
    assert_eq!(told(&world, at("1.1")), all[1..], "from any position on");
    assert_eq!(told(&world, at("3.1")), []);
}

#[test]
fn what_is_over_by_itself_is_told_at_the_end_of_its_slot() {
    let mut world = World::new();
    world.does(0, &[grab("a", X)]);
    world.does(1, &[acquire_for("a", X, LEASE, 200)]);
    world.does(2, &[acquire("a", X)]);
    world.passes(300);
    world.passes(LEASE);
    let ends = [
        line("4", 1, "a", Left(LockEnd::Waited)),
        line("5", 0, "a", Left(LockEnd::Lease)),
        line("5", 2, "a", Granted(2)),
    ];
    assert_eq!(told(&world, at("3.1")), ends);
}

/// Author 0, who waits for author 1, converts a lock that author 1 waits for: author 1's request is the youngest.
#[test]
fn a_request_that_leaves_a_deadlock_is_told() {
    let mut world = World::new();
    world.does(1, &[grab("b", X)]);
    world.does(0, &[grab("a", Is)]);
    world.does(2, &[grab("a", S)]);
    world.does(0, &[acquire("b", X)]);
    world.does(1, &[acquire("a", Ix)]);
    world.does(0, &[acquire("a", S)]);
    let last = [line("6.1", 0, "a", Granted(4)), line("6.1", 1, "a", Left(LockEnd::Deadlock))];
    assert_eq!(told(&world, at("5.1")), last);
}

#[test]
fn what_a_refused_envelope_asked_for_is_not_told() {
    let mut world = World::new();
    world.does(0, &[grab("a", X)]);
    world.does(1, &[grab("b", X), grab("a", X)]);
    assert_eq!(told(&world, at("1.1")), []);
    let revoke = Op::Revoke { key: author(0).public_key() };
    world.does_in("@group", 0, &[Edit::Other(revoke)]);
    world.passes(1);
    assert_eq!(told(&world, at("1.1")), [line("4", 0, "a", Left(LockEnd::Lease))]);
}
