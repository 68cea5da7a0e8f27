//! Bounds below which own statements were pruned.

use crate::key;
use crate::row::decode;
use crate::rows::Rows;
use crate::tables::Name;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_ledger::StoreError;
use quorate_pbft::{Epoch, Kind, Position, ReplicaId, SeqNum, Signed};
use std::collections::BTreeMap;

/// At or below what own statements are gone or going: nothing is signed there any more (E1).
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Pruned {
    /// For votes and checkpoints.
    pub seq: SeqNum,
    /// For Bundle and Ack statements: the executed tip of each lane after that slot. Lanes of `epoch`.
    pub tips: BTreeMap<ReplicaId, Position>,
    /// The epoch of that slot.
    pub epoch: Epoch,
}

impl Pruned {
    /// Whether a statement's place is one of those.
    pub fn covers(&self, signed: &Signed) -> bool {
        let said = &signed.statement;
        let below = |lane: ReplicaId| {
            let tip = self.tips.get(&lane).filter(|_| self.epoch == said.epoch);
            tip.is_some_and(|tip| said.seq.get() <= tip.get())
        };
        match said.kind {
            Kind::PrePrepare | Kind::Prepare | Kind::Commit | Kind::Checkpoint => said.seq <= self.seq,
            Kind::Bundle => below(signed.signer),
            Kind::Ack => below(ReplicaId::new(said.view.get() as u16)),
            Kind::ViewChange | Kind::NewView | Kind::Status => false,
        }
    }

    pub(crate) fn load(rows: &impl Rows) -> Result<Self, StoreError> {
        Ok(Progress::load(rows)?.pruned)
    }
}

/// Progress of `Batch::prune`: the bounds go up first, then the rows at or below them go.
#[derive(Default, BorshSerialize, BorshDeserialize)]
pub(crate) struct Progress {
    pub(crate) pruned: Pruned,
    pub(crate) unfinished: bool,
}

impl Progress {
    pub(crate) fn load(rows: &impl Rows) -> Result<Self, StoreError> {
        rows.row(Name::About, key::PRUNED)?.map_or(Ok(Self::default()), |value| decode(&value))
    }
}
