//! Any schedule over three groups: proofs old and new, decisions of all kinds, other writers, time that passes in one group alone.

use super::{BranchState, decide, group, known, knows, prepare, proof_of, state_of, transaction};
use crate::support::locks::LEASE;
use crate::support::world::{Edit, World, remove, rename, write};
use proptest::prelude::*;
use quorate_ledger::{GlobalTransaction, State};

/// Path of each branch.
const PATH: &str = "x/y";

#[derive(Debug, Clone)]
enum Step {
    Prepare,
    /// Commit or not, with proofs of these ages.
    Decide(bool, usize),
    Prove,
    Pass,
    /// What somebody else does.
    Other(usize),
}

fn any_step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        3 => Just(Step::Prepare),
        4 => (any::<bool>(), 0usize..3).prop_map(|(commit, age)| Step::Decide(commit, age)),
        3 => Just(Step::Prove),
        1 => Just(Step::Pass),
        2 => (0usize..6).prop_map(Step::Other),
    ];
    (0usize..3, step)
}

/// Three groups that know each other, each with a file to be moved.
#[derive(Clone)]
struct Three {
    worlds: Vec<World>,
    transaction: GlobalTransaction,
    /// Proofs that somebody has of each group's branch, oldest first.
    proofs: Vec<Vec<Vec<u8>>>,
}

impl Three {
    fn new() -> Self {
        let mut worlds: Vec<World> = ["one", "two", "three"].map(|name| group(name, 16)).into();
        let all: Vec<_> = worlds.iter().map(known).collect();
        for (at, world) in worlds.iter_mut().enumerate() {
            all.iter().enumerate().filter(|(of, _)| *of != at).for_each(|(_, known)| knows(world, known.clone()));
            world.does(2, &[write("w", "to be moved")]);
        }
        let edits: Vec<Vec<Edit>> = (0..3).map(promised).collect();
        let transaction = transaction(&worlds.iter().zip(&edits).collect::<Vec<_>>(), 3);
        Self { worlds, transaction, proofs: vec![vec![]; 3] }
    }

    fn states(&self) -> Vec<Option<BranchState>> {
        self.worlds.iter().map(|world| state_of(world, &self.transaction.id())).collect()
    }

    /// A proof of a group's branch that is so old; nothing where there is none.
    fn proof(&self, of: usize, age: usize) -> Vec<u8> {
        let known = &self.proofs[of];
        known.len().checked_sub(1 + age.min(known.len())).map_or(vec![], |at| known[at].clone())
    }

    fn takes(&mut self, at: usize, step: &Step) {
        let (id, transaction) = (self.transaction.id(), self.transaction.clone());
        match step {
            Step::Prepare => {
                let proof = if at == 0 { vec![] } else { self.proof(0, 0) };
                prepare(&mut self.worlds[at], 0, &transaction, proof, &promised(at));
                self.takes(at, &Step::Prove);
            }
            Step::Decide(commit, age) => {
                let proofs = match (at, commit) {
                    (0, true) => vec![self.proof(1, *age), self.proof(2, *age)],
                    (0, false) => vec![],
                    _ => vec![self.proof(0, *age)],
                };
                let receipt = decide(&mut self.worlds[at], 0, id, *commit, proofs);
                if receipt.state == State::Applied && *commit {
                    assert_eq!(self.worlds[at].text(PATH), Some(at.to_string()), "what was promised stands there");
                }
            }
            Step::Prove if state_of(&self.worlds[at], &id).is_some() => {
                let proof = proof_of(&self.worlds[at], &id);
                self.proofs[at].push(proof);
            }
            Step::Prove => (),
            Step::Pass => self.worlds[at].passes(LEASE / 2),
            Step::Other(which) => drop(self.worlds[at].does(2, &[others(*which)])),
        }
    }
}

fn promised(at: usize) -> Vec<Edit> {
    vec![write(PATH, &at.to_string())]
}

fn others(which: usize) -> Edit {
    let all = [
        write(PATH, "other"),
        write("x", "a file"),
        write("x/y/z", "below"),
        remove(PATH),
        remove("x"),
        rename("w", PATH),
    ];
    all[which].clone()
}

fn is_one_end(states: &[Option<BranchState>]) -> bool {
    let has = |end| states.contains(&Some(end));
    !(has(BranchState::Committed) && has(BranchState::Aborted))
        && (states[0].is_some() || states.iter().all(Option::is_none))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_two_branches_end_differently_and_all_come_to_an_end(steps in prop::collection::vec(any_step(), 8..40)) {
        thread_local!(static THREE: Three = Three::new());
        let mut three = THREE.with(Clone::clone);
        for (at, step) in &steps {
            three.takes(*at, step);
            prop_assert!(is_one_end(&three.states()), "{:?} after {:?}", three.states(), step);
        }
        three.worlds[0].passes(LEASE);
        three.takes(0, &Step::Decide(false, 0));
        three.takes(0, &Step::Prove);
        let commits = three.states()[0] == Some(BranchState::Committed);
        for at in 1..3 {
            three.takes(at, &Step::Decide(commits, 0));
        }
        let states = three.states();
        prop_assert!(is_one_end(&states) && !states.contains(&Some(BranchState::Prepared)), "{:?}", states);
        prop_assert!(!commits || states.iter().all(|state| *state == Some(BranchState::Committed)), "{:?}", states);
    }
}
