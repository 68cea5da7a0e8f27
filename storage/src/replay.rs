//! What a start executes again: slots that were decided after the state was folded.

use crate::key;
use crate::record::committed;
use crate::row::{self, decode};
use crate::rows::Rows;
use crate::snapshot::Snapshot;
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::{Bundle, ClaimedCert, Content, Epoch, Position, ReplicaId, SeqNum, Tip};
use std::sync::Arc;

impl Snapshot {
    /// What was decided at a slot.
    pub fn decided(&self, seq: SeqNum) -> Result<Option<(Epoch, Content)>, StoreError> {
        Ok(committed(self, seq)?.map(|slot| (slot.certificate.epoch, slot.content)))
    }

    /// The certificate of a stable checkpoint.
    pub fn certified(&self, seq: SeqNum) -> Result<Option<ClaimedCert>, StoreError> {
        self.row(Name::Stable, &key::slot(seq))?.map(|row| decode(&row)).transpose()
    }

    /// The bundles of a lane from above a position up to a tip, ascending; none if one of them is not here.
    pub fn path(
        &self,
        (epoch, lane): (Epoch, ReplicaId),
        above: Position,
        tip: Tip,
    ) -> Result<Option<Vec<Arc<Bundle>>>, StoreError> {
        let (mut path, mut wanted) = (Vec::new(), tip);
        while wanted.position > above {
            let Some(bundle) = self.bundle(epoch, lane, wanted)? else { return Ok(None) };
            let Some(below) = wanted.position.previous() else { break };
            wanted = Tip { position: below, digest: bundle.header.parent };
            path.push(Arc::new(bundle));
        }
        path.reverse();
        Ok(Some(path))
    }

    fn bundle(&self, epoch: Epoch, lane: ReplicaId, tip: Tip) -> Result<Option<Bundle>, StoreError> {
        let Some(group) = self.group()? else { return Ok(None) };
        let first = key::lane(epoch, lane, tip.position);
        for key in [first.as_slice(), &key::beside(&first, tip.digest)] {
            let row = self.row(Name::Bundles, key)?;
            let bundle = row.map(|row| row::parse_bundle(&row, group, epoch)).transpose()?;
            if let Some(bundle) = bundle.filter(|bundle| bundle.header.tip() == tip) {
                return Ok(Some(bundle));
            }
        }
        Ok(None)
    }
}
