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
    /// Its canonical bytes; none where its row is damaged.
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
        self.keys(Name::Queue, &[], &[u8::MAX; 8], Order::Up, &mut |key, _| {
            let number = key.try_into().map_err(|_| StoreError("a number of the queue does not decode".into()))?;
            let value = self.row(Name::Queue, key).ok().flatten();
            let (came, envelope) = value.and_then(|value| decode(&value).ok()).unwrap_or_default();
            found.push(Queued { number: u64::from_be_bytes(number), came, envelope });
            Ok(ControlFlow::Continue(()))
        })?;
        self.poison.check().map(|()| found) // an error of the disk is no damage of a row
    }
}
