//! Other rules from the next epoch on: who may ask for them, and what a program does that does not know them.

use super::*;
use quorate_ledger::{Code, Ledger, MemoryStore, OpenError, RULES, RULES_FIRST, RulesRange, Store, Table};

/// Rules that no program knows.
const LATER: u32 = 1_000;

fn set(rules: u32) -> Reconfiguration {
    Reconfiguration { rules: Some(rules), ..Reconfiguration::default() }
}

fn reason(receipt: Receipt) -> String {
    assert_eq!(receipt.code, Some(Code::BadAct), "{receipt:?}");
    receipt.detail.expect("a reason")
}

#[test]
fn a_group_begins_by_the_rules_of_its_genesis_and_an_epoch_names_its_own() {
    let world = World::new();
    assert_eq!((world.ledger.rules(), world.ledger.next_rules()), (RULES_FIRST, RULES_FIRST));
    let epochs = world.view().epochs(None, 2).expect("memory").items;
    assert_eq!(epochs.iter().map(|epoch| epoch.rules).collect::<Vec<_>>(), [RULES_FIRST]);
}

#[test]
fn rules_only_go_up() {
    let mut world = World::new();
    for rules in [0, RULES_FIRST] {
        assert!(reason(propose(&mut world, set(rules))).contains("others have a higher number"));
    }
}

#[test]
fn other_rules_are_named_for_the_next_epoch_with_the_same_members() {
    let mut world = World::new();
    agreed(&mut world, set(LATER));
    assert_eq!((world.ledger.rules(), world.ledger.next_rules()), (RULES_FIRST, LATER));
    let next = world.ledger.next_voters().expect("an epoch is to come");
    assert!(next.keys().eq(world.ledger.voters().keys()));
    let opened = Ledger::open(&world.store, &world.genesis).expect("until then its rules are known");
    assert_eq!((opened.rules(), opened.next_rules()), (RULES_FIRST, LATER));
    assert!(reason(propose(&mut world, remove(3))).contains("another reconfiguration is pending"));
}

#[test]
fn a_slot_of_rules_that_the_program_does_not_know_is_not_executed_and_says_which_program_is_needed() {
    let mut world = World::new();
    agreed(&mut world, set(LATER));
    world.fill();
    let (before, executed) = (world.ledger.clone(), world.ledger.executed().clone());
    let decided = world.decided(vec![]);
    let error = world.ledger.execute(&mut world.store, &decided).expect_err("the rules are unknown").to_string();
    assert!(error.contains("rules 1000") && error.contains("start one that knows"), "{error}");
    world.ledger = before;
    assert_eq!(*world.ledger.executed(), executed);
}

#[test]
fn a_joiner_can_execute_the_rules_of_this_epoch_and_of_the_next() {
    let mut world = World::new();
    world.slot(&[]);
    let joins = |world: &World, rules: RulesRange, next| {
        let made = statement(world, 4);
        let made = JoinStatement::sign(&world.genesis.group(), made.checkpoint, rules, &replica(4));
        let add = vec![Joiner { statement: Some(made), ..joiner(4) }];
        Reconfiguration { add, rules: next, ..Reconfiguration::default() }
    };
    let (today, both) = (RULES, RulesRange { newest: LATER, ..RULES });
    let late = RulesRange { oldest: LATER, newest: LATER };
    for (rules, next, lacks) in
        [(late, None, RULES_FIRST), (late, Some(LATER), RULES_FIRST), (today, Some(LATER), LATER)]
    {
        let change = joins(&world, rules, next);
        assert!(reason(propose(&mut world, change)).contains(&format!("the group by rules {lacks}")));
    }
    for (rules, next) in [(today, None), (both, Some(LATER))] {
        let change = joins(&world, rules, next);
        proposed(&mut world, change);
    }
}

#[test]
fn nobody_proposes_rules_through_a_node_that_does_not_know_them() {
    let mut world = World::new();
    let edit = Edit::Other(Op::Propose { act: Act::Reconfigure { change: set(LATER) } });
    let base = world.now();
    let draft = world.draft_in(GROUP_DOMAIN, 0, base, &[edit]);
    let envelope = world.sign(&draft);
    let refused = world.ledger.admit(&world.store, &envelope.encode()).expect("memory").expect_err("unknown rules");
    assert!(refused.refusal.detail.contains("start one that knows rules 1000 here first"), "{refused:?}");
    let plan = world.view().plan(&set(LATER)).expect("memory");
    assert!(plan.refused.is_some_and(|why| why.contains("start one that knows rules 1000")));
}

#[test]
fn nobody_approves_rules_through_a_node_that_does_not_know_them() {
    let mut world = World::new();
    let proposal = proposed(&mut world, set(LATER));
    let base = world.now();
    let draft = world.draft_in(GROUP_DOMAIN, 1, base, &[Edit::Other(Op::Approve { proposal })]);
    let envelope = world.sign(&draft);
    let refused = world.ledger.admit(&world.store, &envelope.encode()).expect("memory").expect_err("unknown rules");
    assert!(refused.refusal.detail.contains("start one that knows rules 1000 here first"), "{refused:?}");
}

#[test]
fn rules_9_go_up_by_one_number_at_a_time() {
    let mut world = World::of(support::genesis_by(Some(9)));
    for rules in [11, u32::MAX] {
        assert!(reason(propose(&mut world, set(rules))).contains("one number at a time"));
    }
    agreed(&mut world, set(10));
    assert_eq!(world.ledger.next_rules(), 10);
}

#[test]
fn an_act_of_later_rules_is_refused_by_its_number() {
    let mut world = World::new();
    let act = Act::Later { number: 77, body: vec![1, 2, 3] };
    let receipt = world.does_in(GROUP_DOMAIN, 0, &[Edit::Other(Op::Propose { act })]);
    assert!(reason(receipt).contains("rules 8, by which the group executes, know no act with the number 77"));
}

#[test]
fn a_state_of_rules_that_the_program_does_not_know_does_not_open_and_says_by_which_it_was_made() {
    let mut store = MemoryStore::default();
    let genesis = support::genesis(4);
    Ledger::create(&mut store, &genesis).expect("an empty store");
    let is_name = |value: &Vec<u8>| value.windows(7).any(|part| part == b"rules 8");
    let (key, mut row) =
        support::twin::rows(&store, Table::Entries).into_iter().find(|(_, row)| is_name(row)).expect("named");
    let at = row.windows(7).position(|part| part == b"rules 8").expect("found");
    row[at + 6] = b'7';
    store.put(Table::Entries, &key, &row).expect("memory");
    let error = Ledger::open(&store, &genesis).expect_err("other rules");
    assert!(matches!(&error, OpenError::OtherRules { theirs, .. } if theirs.contains("rules 7")), "{error}");
}
