//! Changes that wait for the word of others.

mod support;

use quorate_ledger::policy::{Approvals, DomainPolicy, PathRule};
use quorate_ledger::{
    Act, Base, Code, EndedWait, EnvelopeId, Ledger, Op, Outcome, Principal, Progress, ProposalId, State, Waited,
};
use quorate_pbft::Signer;
use support::author;
use support::world::{Edit, World, remove, rename, write};

/// A world in which two organisations must approve changes of `reviewed/**`, and two of authors 1, 2 attest `tested/**`.
fn world() -> World {
    let validators = vec![Principal::Author(author(1).public_key()), Principal::Author(author(2).public_key())];
    let reviewed = PathRule { pattern: "reviewed/**".into(), approvals: 2, ..PathRule::default() };
    let tested = PathRule { pattern: "tested/**".into(), validators, ..PathRule::default() };
    let everyone = vec![Principal::Everyone];
    let policy = DomainPolicy { paths: vec![reviewed, tested], ..DomainPolicy::new(everyone, vec![]) };
    let mut world = World::new();
    world.decide("main", policy);
    world
}

fn attest(world: &mut World, who: u8, envelope: EnvelopeId, approve: bool) -> Outcome {
    let draft = world.draft(who, world.now(), &[Edit::Other(Op::Attest { envelope, approve })]);
    world.slot(&[&draft])
}

fn states(outcome: &Outcome) -> Vec<(State, Option<Code>)> {
    outcome.receipts.iter().map(|receipt| (receipt.state, receipt.code)).collect()
}

#[test]
fn a_change_takes_effect_when_enough_organisations_have_approved_it() {
    let mut world = world();
    let receipt = world.does(0, &[write("reviewed/a", "x"), write("b", "y")]);
    assert_eq!((receipt.state, world.text("b")), (State::Pending, None), "the envelope waits whole");
    assert_eq!(states(&attest(&mut world, 1, receipt.id, true)), [(State::Applied, None)]);
    assert_eq!(world.text("reviewed/a"), None);
    let outcome = attest(&mut world, 2, receipt.id, true);
    assert_eq!(states(&outcome), [(State::Applied, None), (State::Applied, None)]);
    assert_eq!((outcome.receipts[1].id, outcome.receipts[1].revision), (receipt.id, Some(support::world::at("6.2"))));
    assert_eq!(world.text("reviewed/a").as_deref(), Some("x"));
    assert_eq!(world.ledger.receipt(&world.store, &receipt.id), Ok(Some(outcome.receipts[1].clone())));
    assert_eq!(world.view().pending("main", &receipt.id), Ok(None));
    let again = attest(&mut world, 3, receipt.id, true);
    assert_eq!(states(&again), [(State::Refused, Some(Code::UnknownPending))]);
}

#[test]
fn the_authors_own_organisation_has_no_say() {
    let mut world = world();
    let receipt = world.does(0, &[write("reviewed/a", "x")]);
    assert_eq!(states(&attest(&mut world, 0, receipt.id, true)), [(State::Refused, Some(Code::Role))]);
}

#[test]
fn a_change_is_refused_when_it_cannot_be_approved_any_more() {
    let mut world = world();
    let receipt = world.does(0, &[write("reviewed/a", "x")]);
    attest(&mut world, 1, receipt.id, false);
    let outcome = attest(&mut world, 2, receipt.id, false);
    assert_eq!(states(&outcome), [(State::Applied, None), (State::Refused, Some(Code::Approvals))]);
    assert_eq!(world.text("reviewed/a"), None);
}

#[test]
fn validators_attest_by_two_thirds_and_one() {
    let mut world = world();
    let receipt = world.does(0, &[write("tested/a", "x")]);
    attest(&mut world, 1, receipt.id, true);
    let (_, progress) = world.view().pending("main", &receipt.id).expect("known").expect("it waits");
    assert_eq!(progress, Progress::Waits);
    world.ledger = Ledger::open(&world.store, &world.genesis).expect("it was written");
    assert_eq!(states(&attest(&mut world, 2, receipt.id, true)), [(State::Applied, None), (State::Applied, None)]);
    let refused = world.does(0, &[write("tested/b", "x")]);
    let outcome = attest(&mut world, 1, refused.id, false);
    assert_eq!(states(&outcome), [(State::Applied, None), (State::Refused, Some(Code::Validator))]);
}

#[test]
fn a_change_that_waited_is_merged_with_what_came_meanwhile() {
    let mut world = world();
    let first = world.does(0, &[write("tested/a", "1\n2\n3\n4\n5\n")]);
    for who in [1, 2] {
        attest(&mut world, who, first.id, true);
    }
    let base = world.now();
    let slow = world.does_on(base, 0, &[write("tested/a", "one\n2\n3\n4\n5\n")]);
    let quick = world.does_on(base, 3, &[write("tested/a", "1\n2\n3\n4\nfive\n")]);
    for who in [1, 2] {
        attest(&mut world, who, quick.id, true);
    }
    attest(&mut world, 1, slow.id, true);
    let outcome = attest(&mut world, 2, slow.id, true);
    assert_eq!(outcome.receipts[1].state, State::Merged);
    assert_eq!(world.text("tested/a").as_deref(), Some("one\n2\n3\n4\nfive\n"));
}

#[test]
fn numbers_go_on_while_a_change_waits() {
    let mut world = world();
    let waiting = world.does(0, &[write("tested/a", "x")]);
    assert_eq!(world.does(0, &[write("b", "y")]).state, State::Applied);
    let chained = world.does_on(Base::Envelope(waiting.id), 0, &[write("c", "z")]);
    assert_eq!(chained.state, State::Applied);
}

#[test]
fn an_author_has_only_so_many_changes_waiting() {
    let mut world = world();
    let receipts: Vec<_> = (0..65).map(|n| world.does(0, &[write(&format!("tested/{n}"), "x")])).collect();
    assert!(receipts[..64].iter().all(|receipt| receipt.state == State::Pending));
    assert_eq!(receipts[64].code, Some(Code::Quota));
    attest(&mut world, 1, receipts[0].id, false);
    assert_eq!(world.does(0, &[write("tested/x", "x")]).state, State::Pending);
}

/// Readers, and somebody who is named as a validator and nothing else: their words count, their changes do not.
#[test]
fn whoever_the_policy_names_may_speak_without_being_a_writer() {
    let named = vec![Principal::Author(author(3).public_key())];
    let tested = PathRule { pattern: "tested/**".into(), validators: named, ..PathRule::default() };
    let reviewed = PathRule { pattern: "reviewed/**".into(), approvals: 1, ..PathRule::default() };
    let organisation = |n: u8| Principal::Organisation(format!("org-{n}"));
    let policy = DomainPolicy {
        paths: vec![tested, reviewed],
        ..DomainPolicy::new(vec![organisation(0), organisation(1)], vec![organisation(2)])
    };
    let mut world = World::new();
    world.decide("main", policy);
    let (tested, reviewed) = (world.does(0, &[write("tested/a", "x")]), world.does(0, &[write("reviewed/a", "x")]));

    assert_eq!(states(&attest(&mut world, 3, tested.id, true))[1], (State::Applied, None));
    assert_eq!(states(&attest(&mut world, 2, reviewed.id, true))[1], (State::Applied, None));
    assert_eq!(world.does(3, &[write("a", "x")]).code, Some(Code::NotMember));
    assert_eq!(world.does(2, &[write("a", "x")]).code, Some(Code::Role));
    let other = world.does(0, &[write("reviewed/b", "x")]);
    let also_writes = [Edit::Other(Op::Attest { envelope: other.id, approve: true }), write("a", "x")];
    assert_eq!(world.does(2, &also_writes).code, Some(Code::Role));
}

/// The validator's organisation is no member: nobody asked it what it thinks of the policy, of changes or of conflicts.
#[test]
fn a_validator_who_is_no_member_attests_and_has_no_say_in_anything_else() {
    let named = vec![Principal::Author(author(3).public_key())];
    let tested = PathRule { pattern: "tested/**".into(), validators: named, ..PathRule::default() };
    let reviewed = PathRule { pattern: "reviewed/**".into(), approvals: 1, ..PathRule::default() };
    let members = [0, 1, 2].map(|n| Principal::Organisation(format!("org-{n}")));
    let policy = DomainPolicy { paths: vec![tested, reviewed], ..DomainPolicy::new(members.to_vec(), vec![]) };
    let mut world = World::new();
    world.decide("main", policy.clone());
    let change = world.does(0, &[write("reviewed/a", "x")]);
    let proposed = world.does(0, &[Edit::Other(Op::Propose { act: Act::SetPolicy { policy } })]);
    let base = world.now();
    world.does_on(base, 0, &[write("a", "x")]);
    let conflict = world.does_on(base, 1, &[write("a", "y")]).conflicts[0];

    let words = [
        Op::Attest { envelope: change.id, approve: true },
        Op::Approve { proposal: ProposalId::of(&proposed.id, 0) },
        Op::Vote { conflict, side: 0 },
    ];
    for word in words {
        assert_eq!(world.does(3, &[Edit::Other(word)]).code, Some(Code::Role));
    }
    let tested = world.does(0, &[write("tested/a", "x")]);
    assert_eq!(states(&attest(&mut world, 3, tested.id, true))[1], (State::Applied, None));
}

/// If a policy says who speaks for an organisation, nobody else approves for it.
#[test]
fn only_those_who_speak_for_an_organisation_approve_for_it() {
    let by = vec![Principal::Author(author(1).public_key())];
    let reviewed = PathRule { pattern: "reviewed/**".into(), approvals: 1, ..PathRule::default() };
    let approvals = Approvals { organisations: None, by };
    let everyone = DomainPolicy::new(vec![Principal::Everyone], vec![]);
    let policy = DomainPolicy { paths: vec![reviewed], approvals, ..everyone };
    let mut world = World::new();
    world.decide("main", policy);
    let change = world.does(0, &[write("reviewed/a", "x")]);
    assert_eq!(states(&attest(&mut world, 2, change.id, true)), [(State::Refused, Some(Code::Role))]);
    assert_eq!(states(&attest(&mut world, 1, change.id, true))[1], (State::Applied, None));
}

#[test]
fn what_waits_is_listed_from_the_longest_waiting_on_in_pages() {
    let mut world = world();
    let waiting: Vec<EnvelopeId> =
        (0..5).map(|n| world.does(n % 4, &[write(&format!("tested/{n}"), "x")]).id).collect();
    let listed = |world: &World, from, limit| {
        let page = world.view().pending_changes("main", from, limit).expect("known");
        (page.items.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), page.next)
    };
    let (first, next) = listed(&world, None, 3);
    let next = next.map(|next| next.parse().expect("a revision"));
    assert_eq!((first, next.is_some()), (waiting[..3].to_vec(), true));
    assert_eq!(listed(&world, next, 3), (waiting[3..].to_vec(), None));
    attest(&mut world, 2, waiting[1], false);
    assert_eq!(listed(&world, None, 9).0, [waiting[0], waiting[2], waiting[3], waiting[4]]);
    attest(&mut world, 3, waiting[2], false);
    assert_eq!(
        listed(&world, next, 3),
        (waiting[3..].to_vec(), None),
        "a page goes on after a change that was decided"
    );
}

/// The last word on two changes at once, of which the first says the last word on the second: it is decided once.
#[test]
fn a_change_whose_approval_speaks_for_another_one_that_is_approved_with_it_is_decided_once() {
    let mut world = world();
    let second = world.does(1, &[write("reviewed/b", "y")]);
    let speaks = Edit::Other(Op::Attest { envelope: second.id, approve: true });
    let first = world.does(0, &[write("reviewed/a", "x"), speaks]);
    attest(&mut world, 2, second.id, true);
    attest(&mut world, 2, first.id, true);
    let both = [first.id, second.id].map(|envelope| Edit::Other(Op::Attest { envelope, approve: true }));
    let last = world.draft(3, world.now(), &both);
    let outcome = world.slot(&[&last]);
    assert_eq!(states(&outcome), [(State::Applied, None); 3]);
    assert_eq!((world.text("reviewed/a"), world.text("reviewed/b")), (Some("x".into()), Some("y".into())));
}

#[test]
fn a_validators_own_change_is_attested_by_the_others() {
    let mut world = world();
    let own = world.does(1, &[write("tested/a", "x")]);
    assert_eq!(states(&attest(&mut world, 1, own.id, true)), [(State::Refused, Some(Code::Role))]);
    world.give_back(1);
    assert_eq!(states(&attest(&mut world, 2, own.id, true))[1], (State::Applied, None));
}

#[test]
fn the_only_validator_need_not_wait_for_anybody() {
    let validators = vec![Principal::Author(author(1).public_key())];
    let tested = PathRule { pattern: "tested/**".into(), validators, ..PathRule::default() };
    let mut world = World::new();
    world.decide("main", DomainPolicy { paths: vec![tested], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) });
    assert_eq!(world.does(1, &[write("tested/a", "x")]).state, State::Applied);
    assert_eq!(world.does(0, &[write("tested/b", "x")]).state, State::Pending);
}

#[test]
fn its_author_may_go_on_from_a_change_that_waits() {
    let mut world = world();
    world.does(1, &[write("b", "one\ntwo\nthree\n")]);
    let waits = world.does(0, &[write("reviewed/a", "x"), write("b", "mine\ntwo\nthree\n")]);
    assert_eq!(waits.state, State::Pending);
    let receipt = world.does_on(Base::Envelope(waits.id), 0, &[write("b", "mine\ntwo\nfour\n")]);
    assert_eq!(receipt.state, State::Merged);
    assert_eq!(world.text("b").as_deref(), Some("one\ntwo\nfour\n"), "what waits does not stand yet");
}

/// A side of a conflict that was based on a refused change, and what everybody builds on it.
#[test]
fn what_a_refused_change_brought_can_still_be_served() {
    let mut world = world();
    let waits = world.does(0, &[write("reviewed/a", "x"), write("b", "bytes of b")]);
    let moved = world.does_on(Base::Envelope(waits.id), 0, &[rename("b", "c")]);
    let conflict = moved.conflicts[0];
    for who in [1, 2, 3] {
        world.does(who, &[Edit::Other(Op::Attest { envelope: waits.id, approve: false })]);
        world.does(who, &[Edit::Other(Op::Vote { conflict, side: 1 })]);
    }
    assert_eq!(world.text("c").as_deref(), Some("bytes of b"));
    let base = world.now();
    world.does_on(base, 2, &[remove("c")]);
    assert_eq!(world.does_on(base, 1, &[write("c", "2\n")]).state, State::Conflict);
}

#[test]
fn the_wait_of_a_change_is_told_after_its_end_with_the_revision_that_ordered_it() {
    let mut world = world();
    let [beside, reviewed] =
        [(3, "b"), (0, "reviewed/a")].map(|(who, path)| world.draft(who, world.now(), &[write(path, "x")]));
    let pending = world.slot(&[&beside, &reviewed]).receipts[1].clone();
    assert_eq!(world.view().waited("main", &pending.id), Ok(Waited::Not), "it waits still");
    attest(&mut world, 1, pending.id, false);
    let refused = attest(&mut world, 2, pending.id, false).receipts[1].clone();

    let since = pending.revision.expect("it was ordered");
    assert_eq!(since.place(), Some(2));
    let ended = Waited::Until(Box::new(EndedWait { since, receipt: refused }));
    assert_eq!(world.view().waited("main", &pending.id), Ok(ended));
}

#[test]
fn a_change_that_nobody_had_to_approve_has_not_waited() {
    let mut world = world();
    let applied = world.does(0, &[write("b", "x")]);
    let refused = attest(&mut world, 0, applied.id, true).receipts[0].clone();

    for id in [applied.id, refused.id, EnvelopeId(quorate_pbft::Digest([9; 32]))] {
        assert_eq!(world.view().waited("main", &id), Ok(Waited::Not));
    }
}

#[test]
fn a_word_is_told_with_the_bundle_that_brought_it() {
    let mut world = world();
    let pending = world.does(0, &[write("tested/a", "x")]);
    let word = attest(&mut world, 1, pending.id, true).receipts[0].clone();

    let revision = word.revision.expect("it was ordered");
    let brought = world.view().brought(revision, &word.id).expect("known").expect("an envelope");
    assert_eq!((brought.id, brought.author, Some(brought.lane)), (word.id, word.author, word.lane));
    assert_eq!(brought.epoch, world.ledger.executed().epoch);
}
