//! Bounds below which own statements were pruned.

use crate::key;
use crate::rows::Rows;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_ledger::StoreError;
use quorate_pbft::{Epoch, Kind, Position, ReplicaId, SeqNum, Signed, View};
use std::collections::BTreeMap;

/// At or below what own statements are gone or going: nothing is signed there any more, nor in an earlier epoch (E1).
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Pruned {
    /// The epoch that the bounds are of.
    pub epoch: Epoch,
    /// For votes and checkpoints: a slot of that epoch.
    pub seq: SeqNum,
    /// For Bundle and Ack statements: the executed tip of each lane after that slot.
    pub tips: BTreeMap<ReplicaId, Position>,
    /// Below it, ViewChange and NewView statements are gone; no own view was ever lower since.
    pub view: View,
}

impl Pruned {
    /// Whether a statement's place is one of those.
    pub fn covers(&self, signed: &Signed) -> bool {
        let said = &signed.statement;
        if said.epoch != self.epoch {
            return said.epoch < self.epoch && said.kind != Kind::Status;
        }
        let below = |lane: ReplicaId| self.tips.get(&lane).is_some_and(|tip| said.seq.get() <= tip.get());
        match said.kind {
            Kind::PrePrepare | Kind::Prepare | Kind::Commit | Kind::Checkpoint => said.seq <= self.seq,
            Kind::Bundle => below(signed.signer),
            Kind::Ack => below(ReplicaId::new(said.view.get() as u16)),
            Kind::ViewChange | Kind::NewView => said.view < self.view,
            Kind::Status => false,
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
        Ok(rows.about(key::PRUNED)?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::{Digest, Signature, Statement};

    fn said(epoch: u64, kind: Kind, seq: u64) -> Signed {
        let (group, epoch, view, seq, digest) =
            (Digest::ZERO, Epoch::new(epoch), View::new(0), SeqNum::new(seq), Digest::ZERO);
        let statement = Statement { group, epoch, kind, view, seq, digest };
        Signed { statement, signer: ReplicaId::new(0), signature: Signature([0; 64]) }
    }

    /// Lanes begin anew with an epoch: position 3 of the next one lies below no floor of this one.
    #[test]
    fn floors_are_of_one_epoch_and_cover_all_before_it() {
        let tips = BTreeMap::from([(ReplicaId::new(0), Position::new(9))]);
        let pruned = Pruned { epoch: Epoch::new(1), seq: SeqNum::new(20), tips, view: View::new(0) };
        for (kind, below, above) in [(Kind::Bundle, 9, 10), (Kind::Ack, 9, 10), (Kind::Commit, 20, 21)] {
            assert!(pruned.covers(&said(1, kind, below)) && !pruned.covers(&said(1, kind, above)), "{kind:?}");
            assert!(pruned.covers(&said(0, kind, above)), "{kind:?} of an epoch that was dropped whole");
            assert!(!pruned.covers(&said(2, kind, below)), "{kind:?} of the next epoch");
        }
    }
}
