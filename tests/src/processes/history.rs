//! History of the clients: one operation after the other for each client, many at a time over all.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Value of a register: the number of the write that put it there; none before the first.
pub type Value = Option<u64>;

/// Operation on a register, with its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A strong read saw this.
    Read(Value),
    /// A change based on having read `expected`. No two writes of a run have the same number.
    Write {
        /// Value that its author had read.
        expected: Value,
        /// Its own number.
        number: u64,
        /// Result by the receipt.
        outcome: Written,
    },
}

/// The verdict on a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The write took effect.
    Applied,
    /// Another write had changed or disputed the register since it was read: it goes on as it was, in conflict.
    Disputed,
    /// No verdict until the end: it may have happened, or may still.
    Unknown,
}

/// Operation of a client, with its times. Times are since the history began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Index of the client.
    pub client: usize,
    /// Operation and result.
    pub action: Action,
    /// When it was asked.
    pub call: Duration,
    /// When the answer was there; none if there was none.
    pub answer: Option<Duration>,
}

/// Operations of a run, by register.
#[derive(Debug)]
pub struct History {
    begin: Instant,
    registers: Mutex<BTreeMap<usize, Vec<Operation>>>,
}

impl History {
    /// An empty one that begins now.
    pub fn new() -> Self {
        Self { begin: Instant::now(), registers: Mutex::default() }
    }

    /// The time in a history.
    pub fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Writes an operation down once all is known of it that will be.
    pub fn record(&self, register: usize, operation: Operation) {
        self.locked().entry(register).or_default().push(operation);
    }

    /// Copies the operations, each register's in the order of the calls.
    pub fn registers(&self) -> BTreeMap<usize, Vec<Operation>> {
        let mut registers = self.locked().clone();
        registers.values_mut().for_each(|operations| operations.sort_by_key(|operation| operation.call));
        registers
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<usize, Vec<Operation>>> {
        self.registers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}
