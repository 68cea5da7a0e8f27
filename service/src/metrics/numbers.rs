//! Numbers of members that gauges have now: each epoch gives them anew, and a value of a member that has left would stay.

use quorate_pbft::ReplicaId;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers that have a value in some gauges.
#[derive(Debug, Default)]
pub struct Numbers(Mutex<Shown>);

/// The numbers, while the gauges are set.
#[derive(Debug, Default)]
pub struct Shown(BTreeSet<u16>);

impl Numbers {
    /// The numbers, locked until the gauges are set: another look waits.
    pub fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    /// Takes the numbers that have a value from now on. Those that had one and have none any more.
    pub fn replace(&mut self, now: impl Iterator<Item = ReplicaId>) -> BTreeSet<u16> {
        let now = now.map(ReplicaId::get).collect();
        let gone = &self.0 - &now;
        self.0 = now;
        gone
    }
}
