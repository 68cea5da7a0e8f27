//! Every strategy with every class of conflict, in one table.

mod support;

use quorate_ledger::policy::{DomainPolicy, PathRule, Principle, Step, Strategy};
use quorate_ledger::{Class, Code, Decider, Op, Principal, Receipt, State};
use quorate_pbft::Signer;
use support::author;
use support::world::{Edit, World, remove, write};

/// A format in which a key may stand once.
const PATH: &str = "a.toml";

const CLASSES: [Class; 3] = [Class::Value, Class::Structural, Class::Semantic];

/// Expected end.
#[derive(Debug, PartialEq)]
enum End {
    /// The change takes effect with this state, and this content stands at the path.
    Stands(State, Option<&'static str>),
    /// The conflict keeps all sides, and this authority decides.
    Open(Decider),
    /// The later change is refused.
    Refused,
}

/// Base, what author 1 makes of it, what author 2 makes of it.
fn sides(class: Class) -> (&'static str, Edit, Edit) {
    match class {
        Class::Value => ("1\n", write(PATH, "2\n"), write(PATH, "10\n")),
        Class::Structural => ("1\n", write(PATH, "2\n"), remove(PATH)),
        // As text it merges, with the new key twice.
        Class::Semantic => (
            "a = 1\nm = 1\nz = 1\n",
            write(PATH, "new = 1\na = 1\nm = 1\nz = 1\n"),
            write(PATH, "a = 1\nm = 1\nz = 1\nnew = 1\n"),
        ),
    }
}

/// Content that author 2 wants.
fn later(class: Class) -> Option<&'static str> {
    match class {
        Class::Value => Some("10\n"),
        Class::Structural => None,
        Class::Semantic => Some("a = 1\nm = 1\nz = 1\nnew = 1\n"),
    }
}

fn world_with(strategies: Vec<Step>) -> World {
    let rule = PathRule { pattern: "**".into(), strategies, ..PathRule::default() };
    let policy = DomainPolicy { paths: vec![rule], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let mut world = World::new();
    world.decide("main", policy);
    world
}

fn clash(world: &mut World, class: Class) -> Receipt {
    let (base, one, two) = sides(class);
    world.does(0, &[write(PATH, base)]);
    let base = world.now();
    world.does_on(base, 1, &[one]);
    world.does_on(base, 2, &[two])
}

fn end(world: &World, receipt: &Receipt) -> End {
    match (receipt.state, receipt.conflicts.first()) {
        (State::Refused, _) => End::Refused,
        (State::Conflict, Some(id)) => {
            End::Open(world.view().conflict(id).expect("memory").expect("a conflict").record.decider)
        }
        (state, _) => End::Stands(state, world.text(PATH).map(|text| &*text.leak())),
    }
}

fn organisation(n: u8) -> Principal {
    Principal::Organisation(format!("org-{n}"))
}

/// End that a strategy alone brings about for a class.
fn expected(strategy: &Strategy, class: Class) -> End {
    let open = || End::Open(Decider::Writers(None));
    match strategy {
        Strategy::Merge => open(),
        Strategy::Authoritative(_) => End::Stands(State::Applied, later(class)),
        Strategy::Rule(Principle::LargerNumber) if class == Class::Value => End::Stands(State::Merged, Some("10\n")),
        Strategy::Rule(Principle::UnionOfLines) if class == Class::Value => End::Stands(State::Merged, Some("10\n2\n")),
        Strategy::Rule(Principle::UnionOfLines) if class == Class::Semantic => {
            End::Stands(State::Merged, Some("a = 1\nm = 1\nz = 1\nnew = 1\n"))
        }
        Strategy::Rule(Principle::Regenerate(owner)) => End::Open(Decider::Arbiter(owner.clone())),
        Strategy::Rule(_) => open(),
        Strategy::Vote(needed) => End::Open(Decider::Writers(*needed)),
        Strategy::Arbitrate(who) => End::Open(Decider::Arbiter(who.clone())),
        Strategy::LastWriterWins => End::Stands(State::Applied, later(class)),
        Strategy::Reject => End::Refused,
    }
}

fn strategies() -> Vec<Strategy> {
    vec![
        Strategy::Merge,
        Strategy::Authoritative(organisation(2)),
        Strategy::Rule(Principle::LargerNumber),
        Strategy::Rule(Principle::UnionOfLines),
        Strategy::Rule(Principle::NewestVersion),
        Strategy::Rule(Principle::UnionOfLists),
        Strategy::Rule(Principle::Regenerate(organisation(3))),
        Strategy::Vote(Some(2)),
        Strategy::Vote(None),
        Strategy::Arbitrate(Principal::Author(author(3).public_key())),
        Strategy::LastWriterWins,
        Strategy::Reject,
    ]
}

#[test]
fn every_strategy_answers_every_class_as_the_table_says() {
    for strategy in strategies() {
        for class in CLASSES {
            let step = Step { class: None, strategy: strategy.clone(), deadline_ms: None };
            let mut world = world_with(vec![step]);
            let receipt = clash(&mut world, class);
            assert_eq!(end(&world, &receipt), expected(&strategy, class), "{strategy:?} with a {class:?} conflict");
        }
    }
}

#[test]
fn a_strategy_for_one_class_leaves_the_others_to_the_next() {
    for strategy in strategies() {
        for class in CLASSES {
            for of in CLASSES {
                let merge = Step { class: None, strategy: Strategy::Merge, deadline_ms: None };
                let only = Step { class: Some(of), strategy: strategy.clone(), deadline_ms: None };
                let mut world = world_with(vec![merge, only]);
                let receipt = clash(&mut world, class);
                let expected = if of == class { expected(&strategy, class) } else { End::Open(Decider::Writers(None)) };
                assert_eq!(end(&world, &receipt), expected, "{strategy:?} for {of:?} with a {class:?} conflict");
            }
        }
    }
}

#[test]
fn a_conflict_has_the_class_of_its_sides() {
    for class in CLASSES {
        let mut world = World::new();
        let id = clash(&mut world, class).conflicts[0];
        let conflict = world.view().conflict(&id).expect("memory").expect("a conflict");
        assert_eq!(conflict.record.class, class);
        assert_eq!(conflict.record.check.is_some(), class == Class::Semantic, "only a check makes a semantic one");
    }
}

#[test]
fn whoever_decides_can_end_a_conflict_of_every_class() {
    for class in CLASSES {
        let voted = Step { class: None, strategy: Strategy::Vote(Some(2)), deadline_ms: None };
        let mut world = world_with(vec![voted]);
        let conflict = clash(&mut world, class).conflicts[0];
        for who in [0, 3] {
            world.does(who, &[Edit::Other(Op::Vote { conflict, side: 1 })]);
        }
        assert_eq!(world.text(PATH).as_deref(), later(class), "two votes for the later side");

        let arbiter = Strategy::Arbitrate(organisation(3));
        let mut world = world_with(vec![Step { class: None, strategy: arbiter, deadline_ms: None }]);
        let conflict = clash(&mut world, class).conflicts[0];
        let refused = world.does(0, &[Edit::Other(Op::Vote { conflict, side: 1 })]);
        assert_eq!(refused.code, Some(Code::BadAct));
        world.does(3, &[write(PATH, "peace\n")]);
        assert_eq!(world.text(PATH).as_deref(), Some("peace\n"));
    }
}
