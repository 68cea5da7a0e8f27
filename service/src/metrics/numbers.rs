//! Members that gauges have now, by number or key: each epoch gives numbers anew, and a value of a member that has left would stay.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Members that have a value in some gauges.
#[derive(Debug, Default)]
pub struct Numbers(Mutex<Shown>);

/// The members, while the gauges are set.
#[derive(Debug, Default)]
pub struct Shown(BTreeSet<String>);

impl Numbers {
    /// The members, locked until the gauges are set: another look waits.
    pub fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    /// Takes the members that have a value from now on. Those that had one and have none any more.
    pub fn replace(&mut self, now: impl Iterator<Item = String>) -> BTreeSet<String> {
        let now = now.collect();
        let gone = &self.0 - &now;
        self.0 = now;
        gone
    }
}
