//! Disputes between authors: a world by its rules, policies that say how they end, and votes.

use super::genesis_by;
use super::world::{Edit, World};
use quorate_ledger::policy::{DomainPolicy, PathRule, Step, Strategy};
use quorate_ledger::{Act, GROUP_DOMAIN, Op, Principal, Receipt, Reconfiguration};

pub fn world(rules: u32) -> World {
    World::of(genesis_by(Some(rules)))
}

/// The world's group agrees on rules of the next number, and its next epoch begins.
pub fn goes_on_by(world: &mut World, rules: u32) {
    let change = Reconfiguration { rules: Some(rules), ..Reconfiguration::default() };
    world.agrees(GROUP_DOMAIN, Act::Reconfigure { change });
    world.fill();
    world.slot(&[]);
    assert_eq!(world.ledger.rules(), rules);
}

pub fn vote(world: &mut World, who: u8, receipt: &Receipt, side: u32) -> Receipt {
    world.does(who, &[Edit::Other(Op::Vote { conflict: receipt.conflicts[0], side })])
}

pub fn is_open(world: &World, receipt: &Receipt) -> bool {
    let conflict = world.view().conflict(&receipt.conflicts[0]).expect("memory").expect("it was opened");
    conflict.record.settled.is_none()
}

pub fn rule(pattern: &str) -> PathRule {
    PathRule { pattern: pattern.into(), ..PathRule::default() }
}

pub fn policy(paths: Vec<PathRule>) -> DomainPolicy {
    DomainPolicy { paths, ..DomainPolicy::new(vec![Principal::Everyone], vec![]) }
}

pub fn step(strategy: Strategy, deadline_ms: Option<u64>) -> Step {
    Step { class: None, strategy, deadline_ms }
}
