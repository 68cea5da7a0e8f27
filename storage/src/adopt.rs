//! Promises of another disk, carried over: a state that was made anew goes on with what its replica had signed (E1).

use crate::batch::Batch;
use crate::key::{self, Place};
use crate::own;
use crate::promises::PROMISES;
use crate::rows::{Order, Rows};
use crate::snapshot::Snapshot;
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::{Epoch, Kind, Position, SeqNum, Tip};
use std::ops::ControlFlow;

/// Rows of [`Name::About`] that tell of promises; the others tell of the database.
const ABOUT: [&[u8]; 3] = [key::GROUP, key::PRUNED, key::BROKEN];

impl Snapshot {
    /// Whether a state has executed more of the own lane than these promises know of: the disk is older than they are (E7).
    pub fn is_outrun(&self, epoch: Epoch, tips: &[Tip]) -> Result<bool, StoreError> {
        let Some(me) = own::me(self, epoch)? else { return Ok(false) };
        let newest = own::newest(self, epoch, Kind::Bundle)?.map(|(key, _)| Place::parse(&key)).transpose()?;
        let newest = newest.map_or(0, |place| place.seq.get());
        Ok(tips.get(me.index()).is_some_and(|tip| tip.position.get() > newest))
    }
}

impl Batch {
    /// Takes the promises of a disk over, for a state after `seq` with these executed tips. Decided slots and bundles up
    /// to there stay behind, but for the newest bundle of each lane: the slots between may be missing.
    pub fn adopt(&mut self, of: &Snapshot, (epoch, seq, tips): (Epoch, SeqNum, &[Tip])) -> Result<(), StoreError> {
        for table in PROMISES {
            self.take_over(of, table, |key| table != Name::About || ABOUT.contains(&key))?;
        }
        self.take_over(of, Name::Committed, |key| key > key::slot(seq).as_slice())?;
        let newest = of.lanes(Name::Bundles, epoch)?.into_iter().map(|lane| {
            let at = |position| key::lane(epoch, lane, Position::new(position));
            of.nearest(Name::Bundles, &at(0), &at(u64::MAX), Order::Down)
        });
        let newest = newest.collect::<Result<Vec<_>, _>>()?;
        let is_newest = |key: &[u8]| newest.iter().flatten().any(|(newest, _)| newest == key);
        self.take_over(of, Name::Bundles, |key| {
            key::parse_lane(key).is_ok_and(|(of, lane, position)| {
                let tip = tips.get(lane.index()).map_or(Position::default(), |tip| tip.position);
                of > epoch || (of == epoch && (position > tip || is_newest(key)))
            })
        })?;
        self.durable = true;
        Ok(())
    }

    fn take_over(
        &mut self,
        of: &Snapshot,
        table: Name,
        mut wanted: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), StoreError> {
        of.rows(table, &[], &[u8::MAX; 64], Order::Up, &mut |key, value| {
            if wanted(key) {
                self.set(table, key, value.to_vec());
            }
            Ok(ControlFlow::Continue(()))
        })
    }
}
