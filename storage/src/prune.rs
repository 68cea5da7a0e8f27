//! Pruning by E1's rule: rows two checkpoint periods below a stable, executed checkpoint go.
//!
//! Of the slots so covered go own Vote and Checkpoint statements, accepted contents, prepared and stable certificates;
//! of the lane positions that they executed own Bundle and Ack statements and lane certificates. The newest own
//! statement of each kind (Ack: of each lane) and the newest certificate of each lane stay. Own ViewChange and NewView
//! statements, and starts of views, go when a later view has decided the last covered slot: see `starts.rs`. Of the epochs before the
//! one of that slot all of these go, and the demands; the newest own statement of each kind stays. Decided slots with their
//! certificates and bundles stay for longer: from them a replica that is behind catches up (N9), see `served.rs`.
//!
//! Rows that stay of a bundle with nothing but a read mark: its own of some 230 bytes, and a decided slot of some 400,
//! which it may share with other bundles.

use crate::batch::Batch;
use crate::gone;
use crate::key::{self, Place};
use crate::own;
use crate::pruned::{Progress, Pruned};
use crate::record::kept;
use crate::recover::KINDS;
use crate::row::{Committed, encode};
use crate::rows::{Order, Row, Rows};
use crate::starts;
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::{Digest, Epoch, Kind, Position, ReplicaId, SeqNum, View};
use std::ops::ControlFlow;

/// Slots that one call goes on by: their contents are read.
pub const PRUNE_SLOTS_MAX: u64 = 64;

/// Rows that one call removes: a few milliseconds within a commit that others wait for.
pub const PRUNE_ROWS_MAX: usize = 1_024;

impl Batch {
    /// Forgets what a stable checkpoint at `stable`, which this replica has executed, allows; `period` is the group's
    /// `CHECKPOINT_PERIOD`. Does a bounded part of the work and says whether some is left for the next call.
    pub fn prune(&mut self, stable: SeqNum, period: u64) -> Result<bool, StoreError> {
        let target = SeqNum::new(stable.get().saturating_sub(2 * period));
        let mut progress = Progress::load(self)?;
        let view = progress.pruned.view;
        if !progress.unfinished {
            if progress.pruned.seq >= target {
                return Ok(false);
            }
            progress.pruned = self.go_on(progress.pruned, target)?;
            progress.pruned.view = starts::view_floor(self, &progress.pruned)?;
        }
        let mut sweep = Sweep { batch: self, left: PRUNE_ROWS_MAX };
        sweep.slots(progress.pruned.seq)?;
        sweep.lanes(&progress.pruned)?;
        if progress.unfinished || progress.pruned.view > view {
            sweep.views(&progress.pruned)?;
        }
        if let Some(last) = progress.pruned.epoch.previous() {
            sweep.epochs(last)?;
        }
        progress.unfinished = sweep.left == 0;
        self.set(Name::About, key::PRUNED, encode(&progress));
        let is_left = progress.unfinished || progress.pruned.seq < target;
        self.pruned = Some(progress.pruned);
        Ok(is_left)
    }

    /// The bounds some slots further on.
    fn go_on(&mut self, mut bounds: Pruned, target: SeqNum) -> Result<Pruned, StoreError> {
        if let Some(gone) = gone::oldest(self)?.previous() {
            bounds.seq = bounds.seq.max(gone.min(target)); // no decision is here up to there
        }
        let last = target.min(bounds.seq.plus(PRUNE_SLOTS_MAX));
        while bounds.seq < last {
            bounds.seq = bounds.seq.next();
            let Some(slot) = self.undamaged(bounds.seq) else { continue };
            let epoch = slot.certificate.epoch;
            if epoch != bounds.epoch {
                bounds = Pruned { epoch, seq: bounds.seq, ..Pruned::default() };
            }
            for (lane, tip) in slot.content.cut {
                let bound = bounds.tips.entry(lane).or_default();
                *bound = tip.position.max(*bound);
            }
        }
        Ok(bounds)
    }

    /// The decided slot, if it is stored and not damaged: a later one names tips above its own. Notes damage.
    fn undamaged(&mut self, seq: SeqNum) -> Option<Committed> {
        match kept(self, seq)? {
            Ok(slot) => Some(slot),
            Err(damage) => {
                self.damage.get_or_insert_with(|| StoreError(format!("decided slot {seq}: {damage}")));
                None
            }
        }
    }

    /// The first damage that pruning has gone past.
    pub fn damage(&self) -> Option<&StoreError> {
        self.damage.as_ref()
    }
}

/// Removes rows until none may be removed any more.
pub(crate) struct Sweep<'a> {
    pub(crate) batch: &'a mut Batch,
    /// Rows that may still go.
    pub(crate) left: usize,
}

impl Sweep<'_> {
    /// Prunes the slots up to `seq`, but keeps their decisions.
    fn slots(&mut self, seq: SeqNum) -> Result<(), StoreError> {
        let epochs = own::epochs(self.batch)?;
        for kind in [Kind::PrePrepare, Kind::Prepare, Kind::Commit, Kind::Checkpoint] {
            let mut newest = None;
            for epoch in &epochs {
                newest = newest.or(own::newest(self.batch, *epoch, kind)?);
                for view in own::views(self.batch, *epoch, kind)? {
                    let range =
                        Place::new(*epoch, kind, view.get(), 0)..Place::new(*epoch, kind, view.get(), seq.get());
                    self.remove(Name::Statements, &range.start.key(), &range.end.key(), newest.as_ref())?;
                }
            }
        }
        self.remove(Name::Accepted, &[], &key::slot_view(seq, View::new(u64::MAX)), None)?;
        self.remove(Name::Prepared, &[], &key::slot(seq), None)?;
        self.remove(Name::Stable, &[], &key::slot(seq), None)
    }

    /// Own Ack and Bundle statements and lane certificates up to the bounds' tips.
    fn lanes(&mut self, bounds: &Pruned) -> Result<(), StoreError> {
        let epoch = bounds.epoch;
        let me = own::me(self.batch, epoch)?;
        for (lane, tip) in &bounds.tips {
            self.statements(epoch, Kind::Ack, View::new(u64::from(lane.get())), *tip)?;
            if me == Some(*lane) {
                self.statements(epoch, Kind::Bundle, View::new(0), *tip)?;
            }
            let at = |position| key::lane(epoch, *lane, position);
            let (first, last) = (at(Position::new(0)), at(Position::new(u64::MAX)));
            let newest = self.batch.nearest(Name::LaneCerts, &first, &last, Order::Down)?;
            self.remove(Name::LaneCerts, &first, &at(*tip), newest.as_ref())?;
        }
        Ok(())
    }

    /// Own statements about views below the bound, and the starts that nothing rests on any more.
    fn views(&mut self, bounds: &Pruned) -> Result<(), StoreError> {
        let Some(last) = bounds.view.previous() else { return Ok(()) };
        for kind in [Kind::ViewChange, Kind::NewView] {
            let newest = own::newest(self.batch, bounds.epoch, kind)?;
            let (from, to) =
                (Place::new(bounds.epoch, kind, 0, 0), Place::new(bounds.epoch, kind, last.get(), u64::MAX));
            self.remove(Name::Statements, &from.key(), &to.key(), newest.as_ref())?;
        }
        let unneeded = starts::unneeded(self.batch, bounds)?;
        unneeded.iter().for_each(|key| self.batch.remove(Name::NewViews, key));
        Ok(())
    }

    /// Rows of all epochs up to one whose slots are covered: nothing is signed there any more, nor does a start ask for them.
    fn epochs(&mut self, last: Epoch) -> Result<(), StoreError> {
        let epochs = own::epochs(self.batch)?;
        for kind in KINDS {
            let mut newest = None;
            for epoch in &epochs {
                newest = newest.or(own::newest(self.batch, *epoch, kind)?);
                if *epoch <= last {
                    let [from, to] = [0, u64::MAX].map(|end| Place::new(*epoch, kind, end, end).key());
                    self.remove(Name::Statements, &from, &to, newest.as_ref())?;
                }
            }
        }
        let lanes = key::lane(last, ReplicaId::new(u16::MAX), Position::new(u64::MAX));
        self.remove(Name::LaneCerts, &[], &lanes, None)?;
        let starts = key::named_start(last, View::new(u64::MAX), Digest([u8::MAX; 32]));
        self.remove(Name::NewViews, &[], &starts, None)?;
        self.remove(Name::ViewChanges, &[], &last.get().to_be_bytes(), None)
    }

    fn statements(&mut self, epoch: Epoch, kind: Kind, view: View, tip: Position) -> Result<(), StoreError> {
        let newest = own::newest_in(self.batch, epoch, kind, view)?;
        let (from, to) = (Place::new(epoch, kind, view.get(), 0), Place::new(epoch, kind, view.get(), tip.get()));
        self.remove(Name::Statements, &from.key(), &to.key(), newest.as_ref())
    }

    /// Removes the rows of `from..=to` but one, as many as may be.
    pub(crate) fn remove(&mut self, table: Name, from: &[u8], to: &[u8], but: Option<&Row>) -> Result<(), StoreError> {
        let (max, mut keys) = (self.left, Vec::new());
        let spared = but.map(|(key, _)| key.as_slice());
        self.batch.keys(table, from, to, Order::Up, &mut |key, _| {
            if keys.len() == max {
                return Ok(ControlFlow::Break(()));
            }
            if spared != Some(key) {
                keys.push(key.to_vec());
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.left -= keys.len();
        keys.iter().for_each(|key| self.batch.remove(table, key));
        Ok(())
    }
}
