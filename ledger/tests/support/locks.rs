//! Shorthand for locks.

use super::author;
use super::world::{Edit, World};
use quorate_ledger::{LockEntry, LockMode, Op, Receipt};
use quorate_pbft::Signer;

/// Milliseconds of a lease in tests: some slots take two each.
pub const LEASE: u64 = 1_000;
/// Milliseconds that a request waits in tests.
pub const WAIT: u64 = 10_000;

pub fn acquire(path: &str, mode: LockMode) -> Edit {
    acquire_for(path, mode, LEASE, WAIT)
}

pub fn acquire_for(path: &str, mode: LockMode, lease_ms: u64, wait_ms: u64) -> Edit {
    Edit::Other(Op::Acquire { path: path.into(), mode, lease_ms, wait_ms })
}

/// Takes a lock or is refused.
pub fn grab(path: &str, mode: LockMode) -> Edit {
    acquire_for(path, mode, LEASE, 0)
}

pub fn release(path: &str) -> Edit {
    Edit::Other(Op::Release { path: path.into() })
}

pub fn fence(token: u64) -> Edit {
    Edit::Other(Op::Fence { token })
}

impl World {
    /// The lock, or the place in line, of an author at a path of a domain.
    pub fn lock_in(&self, domain: &str, who: u8, path: &str) -> Option<LockEntry> {
        let key = author(who).public_key();
        let (locks, _) = self.view().locks_of(domain, &key).expect("a domain");
        locks.into_iter().find(|lock| lock.path == path)
    }

    pub fn lock(&self, who: u8, path: &str) -> Option<LockEntry> {
        self.lock_in("main", who, path)
    }

    /// The token with which an author holds a path of `main`.
    pub fn token(&self, who: u8, path: &str) -> Option<u64> {
        self.lock(who, path)?.held.map(|held| held.token)
    }

    /// The place in line of an author at a path of `main`.
    pub fn place(&self, who: u8, path: &str) -> Option<u32> {
        self.lock(who, path)?.place
    }

    /// Lets ledger time pass, and a slot without envelopes.
    pub fn passes(&mut self, ms: u64) {
        self.time += ms;
        self.slot_of(vec![]);
    }
}

/// Answer of a receipt: its code in words, or the state of an envelope that was not refused.
pub fn answer(receipt: &Receipt) -> String {
    match (receipt.stage, receipt.code) {
        (Some(stage), Some(code)) => format!("{stage}: {code}"),
        _ => format!("{:?}", receipt.state),
    }
}
