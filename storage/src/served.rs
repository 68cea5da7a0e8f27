//! Decided slots and bundles: kept for replicas that are behind, for as long as this node wants to (S1).
//!
//! Rows of slots whose votes are pruned may go. The bound goes up first, and the core says in its status what is still
//! served; then the rows below it go. The newest bundle of each lane stays.

use crate::batch::Batch;
use crate::gone::Gone;
use crate::key;
use crate::prune::Sweep;
use crate::pruned::Pruned;
use crate::record::kept;
use crate::row::encode;
use crate::rows::{Order, Rows};
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::{Digest, Epoch, Position, ReplicaId, SeqNum, Time};

/// Rows that one call removes.
pub const SERVED_ROWS_MAX: usize = 512;

/// Slots that one call goes on by: as many as a replica that catches up executes in a round.
const SLOTS_MAX: u64 = 64;

/// Decided slot, for whoever says how long it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldSlot {
    /// Its epoch.
    pub epoch: Epoch,
    /// Ledger time of it.
    pub time: Time,
    /// Bytes of all lanes of the epoch up to it.
    pub lane_bytes: u64,
}

impl Gone {
    fn as_old(&self) -> OldSlot {
        let lane_bytes = self.lanes.values().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes)); // a header may be damaged
        OldSlot { epoch: self.epoch, time: self.time, lane_bytes }
    }
}

impl Batch {
    /// Notes that no slot up to that of a state is here, for the state is a copy; `lanes` are the executed tips of its epoch,
    /// in order, each with the bytes of its lane up to there.
    pub fn serve_behind(
        &mut self,
        (epoch, seq, time): (Epoch, SeqNum, Time),
        lanes: impl Iterator<Item = (Position, u64)>,
    ) {
        let lanes = (0..).map(ReplicaId::new).zip(lanes).collect();
        self.set(Name::About, key::SERVED, encode(&Gone { epoch, seq, time, lanes, unfinished: false }));
    }

    /// Forgets decided slots up to `last` and their bundles, from the oldest on, as long as they are too old to keep and
    /// their votes are pruned. Does a bounded part of the work; the oldest slot that is still served, and whether some of
    /// the work is left for the next call.
    pub fn prune_slots(
        &mut self,
        last: SeqNum,
        is_old: impl Fn(&OldSlot) -> bool,
    ) -> Result<(SeqNum, bool), StoreError> {
        let stored = Gone::load(self)?;
        let last = last.min(Pruned::load(self)?.seq);
        let mut gone = if stored.unfinished { stored } else { self.go_on_to(stored, last, is_old)? };
        let was_work = gone.unfinished;
        if was_work {
            let mut sweep = Sweep { batch: self, left: SERVED_ROWS_MAX };
            sweep.served(&gone)?;
            gone.unfinished = sweep.left == 0;
            self.set(Name::About, key::SERVED, encode(&gone));
        }
        Ok((gone.seq.next(), was_work))
    }

    fn go_on_to(&self, mut gone: Gone, last: SeqNum, is_old: impl Fn(&OldSlot) -> bool) -> Result<Gone, StoreError> {
        for _ in 0..SLOTS_MAX {
            if gone.seq >= last {
                break;
            }
            let slot = match kept(self, gone.seq.next()) {
                Some(Ok(slot)) => slot,
                Some(Err(_)) => {
                    (gone.seq, gone.unfinished) = (gone.seq.next(), true); // damaged: the next says how old it is
                    continue;
                }
                None => {
                    match self.before_first(gone.seq)? {
                        Some(before) => gone.seq = before,
                        None => break,
                    }
                    continue;
                }
            };
            let next = gone.after(self, &slot);
            if !is_old(&next.as_old()) {
                break;
            }
            gone = next;
        }
        Ok(gone)
    }

    /// The slot before the first that is here, after one: a copy of the state begins anywhere.
    fn before_first(&self, after: SeqNum) -> Result<Option<SeqNum>, StoreError> {
        let last = key::slot(SeqNum::new(u64::MAX));
        let first = self.nearest_key(Name::Committed, &key::slot(after.next()), &last, Order::Up)?;
        let first = first.map(|key| key::parse_slot(&key)).transpose()?;
        Ok(first.and_then(SeqNum::previous))
    }
}

impl Sweep<'_> {
    fn served(&mut self, gone: &Gone) -> Result<(), StoreError> {
        self.remove(Name::Committed, &[], &key::slot(gone.seq), None)?;
        if let Some(epoch) = gone.epoch.previous() {
            let last = key::lane(epoch, ReplicaId::new(u16::MAX), Position::new(u64::MAX));
            self.remove(Name::Bundles, &[], &key::beside(&last, Digest([u8::MAX; 32])), None)?;
        }
        for (lane, (tip, _)) in &gone.lanes {
            let at = |position| key::lane(gone.epoch, *lane, position);
            let (first, last) = (at(Position::new(0)), at(Position::new(u64::MAX)));
            let newest = self.batch.nearest_key(Name::Bundles, &first, &last, Order::Down)?;
            let newest = newest.map(|key| (key, Vec::new())); // its key is spared, its value not looked at
            self.remove(Name::Bundles, &first, &key::beside(&at(*tip), Digest([u8::MAX; 32])), newest.as_ref())?;
        }
        Ok(())
    }
}
