//! A home that is gone: the organisations of the group that waits decide in its place.

use super::{BranchState, Two, decide, is_refused, known, proof_of, state_of, text, two};
use crate::support::replica;
use crate::support::twin::certified;
use crate::support::world::{Edit, World, write};
use quorate_ledger::keys::Purpose;
use quorate_ledger::proof::restart_from;
use quorate_ledger::{
    Act, Code, Enrolment, GROUP_DOMAIN, Genesis, GenesisFile, GroupsAct, KnownGroup, Op, Receipt, State,
};
use quorate_pbft::{Epoch, SeqNum};

fn propose(world: &mut World, act: Act) -> Receipt {
    world.does_in(GROUP_DOMAIN, 0, &[Edit::Other(Op::Propose { act })])
}

fn settle(two: &mut Two, commit: bool) {
    let act = GroupsAct::Settle { transaction: two.id(), commit }.act();
    two.other.agrees(GROUP_DOMAIN, act);
    assert_eq!(state_of(&two.other, &two.id()), Some(BranchState::Settled(commit)));
}

#[test]
fn the_organisations_decide_where_the_home_is_gone_and_anybody_carries_it_out() {
    for commit in [true, false] {
        let mut two = two().prepared();
        let id = two.id();
        is_refused(&decide(&mut two.other, 2, id, commit, vec![]), "one proof of the decision there is needed");
        settle(&mut two, commit);
        assert_eq!(two.other.does(2, &[write("b", "mine")]).code, Some(Code::Lock), "it is not carried out yet");
        is_refused(&decide(&mut two.other, 2, id, !commit, vec![]), "one proof of the decision there is needed");
        assert_eq!(decide(&mut two.other, 2, id, commit, vec![]).state, State::Applied);
        assert_eq!(two.other.text("b"), commit.then(|| "elsewhere".to_owned()));
        assert_eq!(two.other.does(2, &[write("b", "mine")]).state, State::Applied);
    }
}

#[test]
fn a_home_that_answers_after_all_is_followed_until_what_was_settled_is_carried_out() {
    let mut two = two().prepared();
    let (id, promised) = (two.id(), proof_of(&two.other, &two.id()));
    settle(&mut two, false);
    is_refused(&two.decide_home(0, true), "has not promised its branch");
    assert_eq!(decide(&mut two.home, 0, id, true, vec![promised]).state, State::Applied, "it was not told");
    assert_eq!((two.decide_other(3, true).state, two.other.text("b")), (State::Applied, text("elsewhere")));
}

/// The group that goes on from where another one was left, under members of whom one was there before.
fn restarted(world: &World) -> World {
    let (_, checkpoint) = certified(&world.ledger, &world.store);
    let restart = restart_from(&world.genesis, &checkpoint).expect("signed by its members").0;
    let members = [(0, 0), (11, 1), (12, 2), (13, 0)];
    let member = |(n, org)| Enrolment::prove(Purpose::Member, &format!("org-{org}"), &replica(n));
    let file = GenesisFile {
        name: "again".into(),
        rules: Some(world.ledger.rules()),
        restarted_from: Some(restart),
        organisations: (0..3).map(|org| format!("org-{org}")).collect(),
        members: members.map(member).into(),
        authors: vec![],
        domains: vec![],
        ..world.genesis.file().clone()
    };
    world.restarted(Genesis::build(file).expect("a good genesis")).expect("its own state")
}

#[test]
fn a_home_that_was_restarted_goes_on_with_its_branch_and_the_others_settle_theirs() {
    let mut two = two().prepared();
    let id = two.id();
    two.home = restarted(&two.home);
    assert_eq!(two.decide_home(0, true).state, State::Applied);
    assert_eq!(two.home.text("a"), text("at home"));
    is_refused(&two.decide_other(0, true), "does not hold by the members");
    settle(&mut two, true);
    assert_eq!(decide(&mut two.other, 2, id, true, vec![]).state, State::Applied);
}

#[test]
fn a_group_that_was_restarted_since_it_has_promised_follows_the_home() {
    let mut two = two().prepared();
    two.decide_home(0, true);
    two.other = restarted(&two.other);
    assert_eq!(two.other.does(2, &[write("b", "mine")]).code, Some(Code::Lock));
    assert_eq!((two.decide_other(0, true).state, two.other.text("b")), (State::Applied, text("elsewhere")));
}

#[test]
fn only_a_branch_that_waits_for_another_group_is_settled() {
    let mut two = two();
    let act = |two: &Two| GroupsAct::Settle { transaction: two.id(), commit: false }.act();
    let wanted = act(&two);
    is_refused(&propose(&mut two.other, wanted.clone()), "waits here for its home");
    let mut two = two.prepared();
    is_refused(&propose(&mut two.home, wanted.clone()), "its home is this group");
    two.decide_home(0, false);
    two.decide_other(0, false);
    is_refused(&propose(&mut two.other, wanted), "waits here for its home");
}

#[test]
fn a_group_is_known_with_a_newer_epoch_alone() {
    let mut two = two();
    let again = known(&two.home);
    let know = |known: KnownGroup| GroupsAct::Know(known).act();
    is_refused(&propose(&mut two.other, know(again.clone())), "is known here already");
    let newer = KnownGroup { epoch: Epoch::new(4), ..again.clone() };
    assert_eq!(propose(&mut two.other, know(newer)).state, State::Applied);
    let cases = [
        (KnownGroup { members: vec![], ..again.clone() }, "these keys make no group"),
        (KnownGroup { members: [again.members[0]; 2].into(), ..again.clone() }, "these keys make no group"),
        (KnownGroup { group: two.other.genesis.group(), ..again.clone() }, "no name of another group"),
        (KnownGroup { name: "no name".into(), ..again.clone() }, "no name of another group"),
    ];
    cases.into_iter().for_each(|(known, why)| is_refused(&propose(&mut two.other, know(known)), why));
}

#[test]
fn a_group_is_forgotten_at_any_time_and_known_anew_with_the_largest_slot_that_was_shown_of_it() {
    let mut two = two().prepared();
    let (again, id) = (known(&two.home), two.id());
    let seen = two.other.view().foreign_groups().expect("memory").remove(0).1.seen;
    assert!(seen > SeqNum::default(), "its branch was shown");
    let forget = GroupsAct::Forget(again.group).act();
    two.other.agrees(GROUP_DOMAIN, forget.clone());
    assert_eq!(two.other.view().foreign_groups(), Ok(vec![]));
    is_refused(&propose(&mut two.other, forget), "is not known here");
    is_refused(&two.decide_other(3, false), "is not known here");
    two.other.agrees(GROUP_DOMAIN, GroupsAct::Know(again).act());
    let anew = two.other.view().foreign_groups().expect("memory").remove(0).1;
    assert_eq!(anew.seen, seen, "what rests on its state rests on it still");
    settle(&mut two, false);
    assert_eq!(decide(&mut two.other, 2, id, false, vec![]).state, State::Applied);
}
