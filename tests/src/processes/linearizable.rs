//! Is there one order of all operations on a register that explains what every client saw?
//!
//! Wing and Gong, *Testing and Verifying Concurrent Objects* (JPDC 17, 1993): try, depth first, every operation that no
//! other one wholly precedes. Lowe, *Testing for Linearizability* (CCPE 29, 2017): never twice the same set of operations
//! with the same state. Registers are checked one by one (Herlihy and Wing 1990: linearizability is local).

use super::history::{Action, Operation, Value, Written};
use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

/// States tried for one register before the search is given up: minutes of work.
const STATES_MAX: usize = 5_000_000;

/// Operations of a failure that are told.
const TOLD_MAX: usize = 12;

/// No order explains the history, or none was found in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unexplained {
    /// Operations of the longest order that explains what it holds.
    pub explained: usize,
    /// Operations in all.
    pub operations: usize,
    /// Operations that could come next in it, none of which fits.
    pub stuck_at: Vec<Operation>,
    /// The register at that point.
    pub register: Register,
    /// The search was given up; there may be an order.
    pub given_up: bool,
}

impl fmt::Display for Unexplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.given_up { "no order found in time" } else { "no order explains it" };
        write!(f, "{verdict}: after {} of {} operations {:?}, ", self.explained, self.operations, self.register)?;
        write!(f, "none can follow of {:?}", self.stuck_at)
    }
}

/// The register as the clients may think of it: the specification.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Register {
    /// The last write that took effect.
    pub value: Value,
    /// Another write was disputed since.
    pub disputed: bool,
}

impl Register {
    /// The register after an operation; none if it cannot happen now.
    fn after(self, action: Action) -> Option<Self> {
        match action {
            Action::Read(seen) => (seen == self.value).then_some(self),
            Action::Write { expected, number, outcome } => {
                let moved = expected != self.value;
                match outcome {
                    Written::Applied => (!moved).then_some(Self { value: Some(number), disputed: false }),
                    Written::Disputed => (moved || self.disputed).then_some(Self { disputed: true, ..self }),
                    // As an unknown write goes, either may be; which, follows from the state but in one case, where
                    // being applied is what others can see.
                    Written::Unknown if moved => Some(Self { disputed: true, ..self }),
                    Written::Unknown => Some(Self { value: Some(number), disputed: false }),
                }
            }
        }
    }
}

/// Judges the operations on one register, in the order of their calls.
pub fn check(operations: &[Operation]) -> Result<(), Unexplained> {
    assert!(operations.is_sorted_by_key(|operation| operation.call), "a history is in the order of its calls");
    Search::new(operations).run()
}

/// Choice on the way down.
struct Step {
    /// Operations that could come here.
    candidates: Vec<usize>,
    /// Count of those that were tried.
    tried: usize,
    /// The register before it.
    before: Register,
}

struct Search<'h> {
    operations: &'h [Operation],
    done: Vec<u64>,
    done_count: usize,
    /// Operations with an answer that are not done.
    answered_left: usize,
    seen: HashSet<(Vec<u64>, Register)>,
    best: Unexplained,
}

impl<'h> Search<'h> {
    fn new(operations: &'h [Operation]) -> Self {
        let best = Unexplained {
            explained: 0,
            operations: operations.len(),
            stuck_at: Vec::new(),
            register: Register::default(),
            given_up: false,
        };
        Self {
            operations,
            done: vec![0; operations.len().div_ceil(64)],
            done_count: 0,
            answered_left: operations.iter().filter(|operation| operation.answer.is_some()).count(),
            seen: HashSet::new(),
            best,
        }
    }

    fn run(mut self) -> Result<(), Unexplained> {
        let mut register = Register::default();
        let mut path = vec![self.step(register)];
        while self.answered_left > 0 {
            let Some(step) = path.last_mut() else { return Err(self.best) };
            if self.seen.len() >= STATES_MAX {
                return Err(Unexplained { given_up: true, ..self.best });
            }
            register = step.before;
            let Some(next) = step.candidates.get(step.tried).copied() else {
                path.pop();
                if let Some(step) = path.last() {
                    self.undo(step.candidates[step.tried - 1]);
                }
                continue;
            };
            step.tried += 1;
            let Some(after) = register.after(self.operations[next].action) else { continue };
            self.make(next);
            if self.seen.insert((self.done.clone(), after)) {
                path.push(self.step(after));
            } else {
                self.undo(next);
            }
        }
        Ok(())
    }

    /// The choice that follows; remembers the farthest one.
    fn step(&mut self, register: Register) -> Step {
        let candidates = self.candidates();
        if self.done_count >= self.best.explained {
            self.best.explained = self.done_count;
            self.best.register = register;
            self.best.stuck_at = candidates.iter().take(TOLD_MAX).map(|index| self.operations[*index]).collect();
        }
        Step { candidates, tried: 0, before: register }
    }

    /// Operations that nothing undone wholly precedes: called before, or just when, the first answer came.
    fn candidates(&self) -> Vec<usize> {
        let (mut candidates, mut first_answer) = (Vec::new(), Duration::MAX);
        for index in (0..self.operations.len()).filter(|index| !self.is_done(*index)) {
            let operation = &self.operations[index];
            if operation.call > first_answer {
                break;
            }
            first_answer = first_answer.min(operation.answer.unwrap_or(Duration::MAX));
            candidates.push(index);
        }
        candidates.retain(|index| self.operations[*index].call <= first_answer);
        candidates
    }

    fn is_done(&self, index: usize) -> bool {
        self.done[index / 64] >> (index % 64) & 1 == 1
    }

    fn make(&mut self, index: usize) {
        self.done[index / 64] |= 1 << (index % 64);
        self.done_count += 1;
        self.answered_left -= usize::from(self.operations[index].answer.is_some());
    }

    fn undo(&mut self, index: usize) {
        self.done[index / 64] &= !(1 << (index % 64));
        self.done_count -= 1;
        self.answered_left += usize::from(self.operations[index].answer.is_some());
    }
}

#[cfg(test)]
mod tests;
