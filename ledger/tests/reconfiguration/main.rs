//! Reconfigurations: how members join, leave and change their keys, and what stands before and after the boundary.

#[path = "../support/mod.rs"]
mod support;

mod disk;
mod evidence;
mod refusals;
mod rules;
mod story;

use quorate_ledger::{
    Act, GROUP_DOMAIN, JoinStatement, Joiner, Op, ProposalFate, ProposalId, RULES, Receipt, Reconfiguration, Rekey,
};
use quorate_pbft::{PublicKey, Signer};
use support::world::{Edit, World};
use support::{certificate_of, replica};

fn key(n: u8) -> PublicKey {
    replica(n).public_key()
}

/// Replica `n` of organisation 0, without a statement.
fn joiner(n: u8) -> Joiner {
    Joiner { addresses: vec![format!("/ip4/10.0.0.{}/tcp/7700", n + 1)], ..Joiner::prove("org-0", &replica(n)) }
}

/// Statement of replica `n` about the newest slot.
fn statement(world: &World, n: u8) -> JoinStatement {
    let checkpoint = certificate_of(&world.ledger).claim().clone();
    JoinStatement::sign(&world.genesis.group(), checkpoint, RULES, &replica(n))
}

/// Replica `n` joins, and says that it is ready.
fn add(world: &World, n: u8) -> Reconfiguration {
    let joiner = Joiner { statement: Some(statement(world, n)), ..joiner(n) };
    Reconfiguration { add: vec![joiner], ..Reconfiguration::default() }
}

fn remove(n: u8) -> Reconfiguration {
    Reconfiguration { remove: vec![key(n)], ..Reconfiguration::default() }
}

/// Member `old` of organisation `old` goes on as `new`.
fn rekey(world: &World, old: u8, new: u8) -> Reconfiguration {
    let joiner = Joiner::prove(&format!("org-{old}"), &replica(new));
    let new = Joiner { statement: Some(statement(world, new)), ..joiner };
    Reconfiguration { rekey: vec![Rekey { old: key(old), new }], ..Reconfiguration::default() }
}

fn propose(world: &mut World, change: Reconfiguration) -> Receipt {
    world.does_in(GROUP_DOMAIN, 0, &[Edit::Other(Op::Propose { act: Act::Reconfigure { change } })])
}

/// Proposes what may be proposed.
fn proposed(world: &mut World, change: Reconfiguration) -> ProposalId {
    let receipt = propose(world, change);
    assert_eq!(receipt.code, None, "{receipt:?}");
    ProposalId::of(&receipt.id, 0)
}

fn approve(world: &mut World, proposal: ProposalId, who: u8) {
    let receipt = world.does_in(GROUP_DOMAIN, who, &[Edit::Other(Op::Approve { proposal })]);
    assert_eq!(receipt.code, None, "{receipt:?}");
}

/// Three of four organisations agree.
fn agreed(world: &mut World, change: Reconfiguration) -> ProposalId {
    let proposal = proposed(world, change);
    approve(world, proposal, 1);
    approve(world, proposal, 2);
    proposal
}

fn ready(world: &mut World, proposal: ProposalId, n: u8) -> Receipt {
    let statement = statement(world, n);
    world.does_in(GROUP_DOMAIN, 3, &[Edit::Other(Op::Ready { proposal, key: key(n), statement })])
}

/// How a proposal ended; none while it is open.
fn end(world: &World, proposal: ProposalId) -> Option<ProposalFate> {
    let found = world.view().proposal(&proposal).expect("memory").expect("proposed");
    found.proposal.end.map(|end| end.how)
}

fn members(world: &World) -> Vec<PublicKey> {
    world.view().members().expect("memory").into_iter().map(|member| member.key).collect()
}
