//! Rules 16: a file that goes along with a renamed folder stays its author's.

mod support;

use quorate_ledger::policy::{PathRule, Strategy};
use quorate_ledger::{Base, Principal, State};
use support::disputes::{is_open, policy, rule, step, world};
use support::world::{Edit, World, remove, rename, write};

fn text(text: &str) -> Option<String> {
    Some(format!("{text}\n"))
}

/// Author 2 renames the folder `d` to `e` without having seen the file of author 1 in it, which goes along; the base after it.
fn goes_along(rules: u32, paths: Vec<PathRule>) -> (World, Base) {
    let mut world = world(rules);
    world.decide("main", policy(paths));
    world.does(0, &[write("d/x", "x\n")]);
    let base = world.now();
    world.does(1, &[write("d/new", "unseen\n")]);
    let renamed = world.does_on(base, 2, &[rename("d/x", "e/x")]);
    assert_eq!(world.text("e/new"), text("unseen"));
    (world, Base::Envelope(renamed.id))
}

#[test]
fn a_file_that_went_along_unseen_is_not_its_movers_to_take_away() {
    let vote = PathRule {
        strategies: vec![step(Strategy::Vote(None), Some(1_000)), step(Strategy::LastWriterWins, None)],
        ..rule("**")
    };
    let after = |rules, edit: Edit| {
        let (mut world, base) = goes_along(rules, vec![vote.clone()]);
        let put = world.does_on(base, 2, &[write("e/new", "mine\n")]);
        assert_eq!(put.state, State::Conflict);
        world.does_on(Base::Envelope(put.id), 2, &[edit]);
        world.time += 2_000;
        world.slot(&[]);
        world.slot(&[]);
        assert!(!is_open(&world, &put));
        ["e/new", "f"].map(|path| world.text(path))
    };
    assert_eq!(after(15, remove("e/new")), [None, None], "the unseen one is gone");
    assert_eq!(after(16, remove("e/new")), [text("unseen"), None]);
    assert_eq!(after(15, rename("e/new", "f")), [None, text("mine")], "the unseen one is gone");
    assert_eq!(after(16, rename("e/new", "f")), [text("unseen"), text("mine")]);
}

#[test]
fn a_file_that_went_along_unseen_stands_by_its_owners_authority() {
    let after = |rules| {
        let owner = Strategy::Authoritative(Principal::Organisation("org-1".into()));
        let owned = PathRule { strategies: vec![step(owner, None)], ..rule("**") };
        let (mut world, base) = goes_along(rules, vec![owned]);
        (world.does_on(base, 2, &[write("e/new", "mine\n")]).state, world.text("e/new"))
    };
    assert_eq!(after(15), (State::Conflict, text("unseen")), "it counts as a file of its mover");
    assert_eq!(after(16), (State::Merged, text("unseen")));
}
