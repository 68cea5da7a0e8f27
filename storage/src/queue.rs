//! The durable queue: envelopes that came while nothing could be ordered, by number.

use crate::batch::Batch;
use crate::row::{decode, encode};
use crate::rows::{Order, Rows as _};
use crate::snapshot::Snapshot;
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::Time;
use std::ops::ControlFlow;

/// An envelope of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Its number: later ones have higher numbers.
    pub number: u64,
    /// When it came, by this machine's clock.
    pub came: Time,
    /// Its canonical bytes.
    pub envelope: Vec<u8>,
}

impl Batch {
    /// Puts an envelope into the queue. Its author is told that it is kept, so the commit syncs.
    pub fn queue(&mut self, number: u64, came: Time, envelope: &[u8]) {
        self.vouch();
        self.set(Name::Queue, &number.to_be_bytes(), encode(&(came, envelope)));
    }

    /// Takes an envelope out of the queue: it has its verdict, or will have none.
    pub fn unqueue(&mut self, number: u64) {
        self.remove(Name::Queue, &number.to_be_bytes());
    }
}

impl Snapshot {
    /// The queue, in the order of the numbers.
    pub fn queue(&self) -> Result<Vec<Queued>, StoreError> {
        let mut found = Vec::new();
        self.rows(Name::Queue, &[], &[u8::MAX; 8], Order::Up, &mut |key, value| {
            let number = key.try_into().map_err(|_| StoreError("a number of the queue does not decode".into()))?;
            let (came, envelope) = decode(value)?;
            found.push(Queued { number: u64::from_be_bytes(number), came, envelope });
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }
}
