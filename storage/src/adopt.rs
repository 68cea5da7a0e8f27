//! Promises of another disk, carried over: a state that was made anew goes on with what its replica had signed (E1).

use crate::batch::Batch;
use crate::key::{self, Place};
use crate::own;
use crate::promises::PROMISES;
use crate::row::{self, encode};
use crate::rows::{Order, Rows};
use crate::snapshot::Snapshot;
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::{Digest, Epoch, Kind, Position, ReplicaId, SeqNum, Tip, items_root};
use std::ops::ControlFlow;

/// Rows of [`Name::About`] that tell of promises; the others tell of the database.
const ABOUT: [&[u8]; 3] = [key::GROUP, key::PRUNED, key::BROKEN];

/// Key behind all others.
const LAST: [u8; 64] = [u8::MAX; 64];

impl Snapshot {
    /// Whether a state has executed more of the own lane than these promises know of: the disk is older than they are (E7).
    /// `me` is the own number in the epoch of the state. A disk that keeps its key from voting promises nothing.
    pub fn is_outrun(&self, (me, epoch): (Option<ReplicaId>, Epoch), tips: &[Tip]) -> Result<bool, StoreError> {
        let Some(tip) = me.and_then(|me| tips.get(me.index())) else { return Ok(false) };
        let newest = own::newest(self, epoch, Kind::Bundle)?.map(|(key, _)| Place::parse(&key)).transpose()?;
        let newest = newest.map_or(0, |place| place.seq.get());
        Ok(tip.position.get() > newest && self.broken()?.is_none())
    }
}

impl Batch {
    /// Takes the promises of a disk over, for a state after `seq` with these executed tips. Decided slots and bundles up
    /// to there stay behind unread, but for the newest bundle of each lane: the slots between may be missing. Damaged bundles
    /// of others above that are left behind, too, and given back: each was acknowledged by others as well, or binds nobody.
    pub fn adopt(
        &mut self,
        of: &Snapshot,
        (epoch, seq, tips): (Epoch, SeqNum, &[Tip]),
    ) -> Result<Vec<(Epoch, ReplicaId, Position)>, StoreError> {
        self.take_over_queue(of)?;
        for key in ABOUT {
            of.row(Name::About, key)?.into_iter().for_each(|value| self.set(Name::About, key, value));
        }
        for table in PROMISES.into_iter().filter(|table| !matches!(table, Name::About | Name::Queue | Name::Evidence)) {
            self.take_over(of, table, &[], &LAST)?;
        }
        for (key, evidence) in of.evidence_rows()? {
            evidence.into_iter().for_each(|evidence| self.set(Name::Evidence, &key, encode(&evidence)));
        }
        self.take_over(of, Name::Committed, &key::slot(seq.next()), &LAST)?;
        let mut left = Vec::new();
        for of_epoch in (epoch.get()..=of.epoch()?.get()).map(Epoch::new) {
            for lane in of.lanes(Name::Bundles, of_epoch)? {
                let tip = tips.get(lane.index()).filter(|_| of_epoch == epoch);
                let tip = tip.map_or(Position::default(), |tip| tip.position);
                left.extend(self.take_over_lane(of, (of_epoch, lane), tip)?);
            }
        }
        self.durable = true;
        of.poison.check().map(|()| left) // an error of the disk is no damage of a row
    }

    /// Bundles of a lane above a tip; of those up to it the newest, which is kept for others, unless it is damaged. Positions of
    /// damaged ones above the tip; an error where the lane is the own one.
    fn take_over_lane(
        &mut self,
        of: &Snapshot,
        (epoch, lane): (Epoch, ReplicaId),
        tip: Position,
    ) -> Result<Vec<(Epoch, ReplicaId, Position)>, StoreError> {
        let at = |position| key::lane(epoch, lane, Position::new(position));
        let newest = of.nearest_key(Name::Bundles, &at(0), &at(u64::MAX), Order::Down)?;
        self.take_over_sound(of, Name::Bundles, newest);
        let (first, last) = (at(tip.next().get()), key::beside(&at(u64::MAX), Digest([u8::MAX; 32])));
        if own::me(of, epoch)? == Some(lane) {
            return self.take_over(of, Name::Bundles, &first, &last).map(|()| Vec::new());
        }
        let (group, mut left) = (of.group()?.unwrap_or_default(), Vec::new());
        of.keys(Name::Bundles, &first, &last, Order::Up, &mut |key, _| {
            let is_sound = |value: &Vec<u8>| {
                let bundle = row::parse_bundle(value, group, epoch).ok();
                bundle.is_some_and(|bundle| items_root(&bundle.items) == bundle.header.items_root)
            };
            match of.row(Name::Bundles, key).ok().flatten().filter(is_sound) {
                Some(value) => self.set(Name::Bundles, key, value),
                None => left.push((epoch, lane, key::parse_lane(key)?.2)),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(left)
    }

    /// Rows of the queue bind nobody: those that are damaged stay behind, and their authors hand the envelopes in again.
    fn take_over_queue(&mut self, of: &Snapshot) -> Result<(), StoreError> {
        let mut numbers = Vec::new();
        of.keys(Name::Queue, &[], &LAST, Order::Up, &mut |key, _| {
            numbers.push(key.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        self.take_over_sound(of, Name::Queue, numbers);
        Ok(())
    }

    fn take_over_sound(&mut self, of: &Snapshot, table: Name, keys: impl IntoIterator<Item = Vec<u8>>) {
        for key in keys {
            if let Ok(Some(value)) = of.row(table, &key) {
                self.set(table, &key, value);
            }
        }
    }

    fn take_over(&mut self, of: &Snapshot, table: Name, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        of.rows(table, from, to, Order::Up, &mut |key, value| {
            self.set(table, key, value.to_vec());
            Ok(ControlFlow::Continue(()))
        })
    }
}
