//! Transactions over several groups: branches that are prepared, promised and decided in two groups with certificates of their own.

#[path = "../support/mod.rs"]
mod support;

mod anchors;
mod cut;
mod decision;
mod held;
mod members;
mod model;
mod preparation;
mod promise;
mod rules;
mod settlement;

use quorate_ledger::{
    Branch, BranchState, GROUP_DOMAIN, Genesis, GenesisFile, GlobalTransaction, GroupsAct, KnownGroup, Op, PathOutcome,
    Receipt, State, TransactionId,
};
use support::certificate_of;
use support::locks::LEASE;
use support::world::{Edit, World, write};

/// A group that executes by these rules, with a name that makes it another group.
fn group(name: &str, rules: u32) -> World {
    let file = support::genesis(4).file().clone();
    let genesis = Genesis::build(GenesisFile { name: name.into(), rules: Some(rules), ..file });
    let mut world = World::of(genesis.expect("a good genesis"));
    world.slot(&[]);
    world
}

/// Home, another group, and the transaction between them.
#[derive(Clone)]
struct Two {
    home: World,
    other: World,
    transaction: GlobalTransaction,
    edits: [Vec<Edit>; 2],
}

/// A file in each group, and a transaction that makes two more.
fn two() -> Two {
    with([write("a", "at home")].into(), [write("b", "elsewhere")].into())
}

/// The same of these edits.
fn with(home_edits: Vec<Edit>, other_edits: Vec<Edit>) -> Two {
    let (mut home, mut other) = (group("home", 16), group("other", 16));
    let known = [known(&home), known(&other)];
    let [home_known, other_known] = known;
    knows(&mut home, other_known);
    knows(&mut other, home_known);
    let transaction = transaction(&[(&home, &home_edits), (&other, &other_edits)], 7);
    Two { home, other, transaction, edits: [home_edits, other_edits] }
}

fn transaction(branches: &[(&World, &Vec<Edit>)], salt: u8) -> GlobalTransaction {
    let branch = |(world, edits): &(&World, &Vec<Edit>)| Branch {
        group: world.genesis.group(),
        domain: "main".into(),
        change: Branch::change_of(&edits.iter().map(|edit| edit.op().0).collect::<Vec<Op>>()),
    };
    GlobalTransaction { salt: [salt; 16], lease_ms: LEASE, branches: branches.iter().map(branch).collect() }
}

/// A group as it is now, for others.
fn known(world: &World) -> KnownGroup {
    let (voters, name) = (world.ledger.voters(), world.genesis.file().name.clone());
    let (group, epoch, members) = (voters.group(), voters.epoch(), voters.keys().copied().collect());
    KnownGroup { name, group, epoch, members }
}

fn knows(world: &mut World, known: KnownGroup) {
    world.agrees(GROUP_DOMAIN, GroupsAct::Know(known).act());
}

/// Proof of the branch of a group as it stands now.
fn proof_of(world: &World, id: &TransactionId) -> Vec<u8> {
    let epochs = world.view().chain_of_epochs().expect("memory");
    let proof = world.view().prove_transaction(id, &certificate_of(&world.ledger), &epochs);
    proof.expect("it was prepared here").encode()
}

fn prepare(world: &mut World, who: u8, transaction: &GlobalTransaction, proof: Vec<u8>, edits: &[Edit]) -> Receipt {
    let first = Edit::Other(Op::Prepare { transaction: transaction.clone(), proof });
    world.does(who, &[&[first], edits].concat())
}

fn decide(world: &mut World, who: u8, transaction: TransactionId, commit: bool, proofs: Vec<Vec<u8>>) -> Receipt {
    world.does(who, &[Edit::Other(Op::Decide { transaction, commit, proofs })])
}

/// Whether a change took effect, or the first reason why not.
fn answer(receipt: &Receipt) -> Result<State, String> {
    match &receipt.detail {
        Some(detail) => Err(format!("{}: {detail}", receipt.code.expect("a refusal"))),
        None => Ok(receipt.state),
    }
}

/// Asserts that it was refused for a reason that has these words.
fn is_refused(receipt: &Receipt, words: &str) {
    let why = answer(receipt).expect_err("a refusal");
    assert!(why.contains(words), "{why}");
}

fn state_of(world: &World, id: &TransactionId) -> Option<BranchState> {
    world.view().transaction(id).expect("memory").map(|record| record.state)
}

impl Two {
    fn id(&self) -> TransactionId {
        self.transaction.id()
    }

    fn prepare_home(&mut self) -> Receipt {
        let edits = self.edits[0].clone();
        prepare(&mut self.home, 0, &self.transaction, vec![], &edits)
    }

    fn prepare_other(&mut self) -> Receipt {
        let (proof, edits) = (proof_of(&self.home, &self.id()), self.edits[1].clone());
        prepare(&mut self.other, 1, &self.transaction, proof, &edits)
    }

    /// Both have prepared.
    fn prepared(mut self) -> Self {
        for receipt in [self.prepare_home(), self.prepare_other()] {
            assert_eq!(answer(&receipt), Ok(State::Applied));
            assert!(receipt.changes.iter().all(|change| change.outcome == PathOutcome::Prepared));
        }
        self
    }

    /// The home decides, with the proof of the other branch where it commits.
    fn decide_home(&mut self, who: u8, commit: bool) -> Receipt {
        let id = self.id();
        let proofs = if commit { vec![proof_of(&self.other, &id)] } else { vec![] };
        decide(&mut self.home, who, id, commit, proofs)
    }

    /// The other group follows, with the proof of the home's branch as it stands now.
    fn decide_other(&mut self, who: u8, commit: bool) -> Receipt {
        let id = self.id();
        let proofs = vec![proof_of(&self.home, &id)];
        decide(&mut self.other, who, id, commit, proofs)
    }

    fn texts(&self) -> [Option<String>; 2] {
        [self.home.text("a"), self.other.text("b")]
    }

    fn states(&self) -> [Option<BranchState>; 2] {
        [&self.home, &self.other].map(|world| state_of(world, &self.id()))
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}
