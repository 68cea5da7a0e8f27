//! Evidence on the disk: proofs against others, until the ledger has recorded them (E5). It binds nobody, so that a damaged row
//! keeps no replica from its vote; who else saw the same accuses by itself.

use crate::batch::Batch;
use crate::row::decode;
use crate::rows::{Order, Rows as _};
use crate::snapshot::Snapshot;
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::Evidence;
use std::ops::ControlFlow;

/// Key of evidence, with what it stands for where its row is not damaged.
type EvidenceRow = (Vec<u8>, Option<Evidence>);

impl Snapshot {
    /// Evidence whose rows are not damaged.
    pub(crate) fn evidence(&self) -> Result<Vec<Evidence>, StoreError> {
        Ok(self.evidence_rows()?.into_iter().filter_map(|(_, evidence)| evidence).collect())
    }

    /// All rows of evidence.
    pub(crate) fn evidence_rows(&self) -> Result<Vec<EvidenceRow>, StoreError> {
        let mut found = Vec::new();
        self.keys(Name::Evidence, &[], &[u8::MAX; 43], Order::Up, &mut |key, _| {
            let value = self.row(Name::Evidence, key).ok().flatten();
            found.push((key.to_vec(), value.and_then(|value| decode(&value).ok())));
            Ok(ControlFlow::Continue(()))
        })?;
        self.poison.check().map(|()| found) // an error of the disk is no damage of a row
    }
}

impl Batch {
    /// Drops damaged rows of evidence; how many.
    pub fn drop_damaged_evidence(&mut self, of: &Snapshot) -> Result<usize, StoreError> {
        let damaged: Vec<_> = of.evidence_rows()?.into_iter().filter(|(_, evidence)| evidence.is_none()).collect();
        damaged.iter().for_each(|(key, _)| self.remove(Name::Evidence, key));
        Ok(damaged.len())
    }
}
