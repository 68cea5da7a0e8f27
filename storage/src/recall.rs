//! E7: what this replica has stored of another one's own statements, so that it can see whether its disk is older than
//! its promises.

use crate::key;
use crate::row::{self, Accepted, Certified, Committed, LaneCert, decode};
use crate::rows::{Order, Rows};
use crate::snapshot::Snapshot;
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::{Constants, Digest, Epoch, Evidence, Kind, Position, ReplicaId, SeqNum, Signed, Statement};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Statements in one answer, the newest of each kind first: 635 KB, and a fifth of a second to verify. A replica whose
/// disk is whole asks for less; one whose disk is old is told by the first of them.
pub const RECALL_STATEMENTS_MAX: usize = Constants::RECALLED_MAX;

/// Rows of one table, or of one lane, that are looked through, newest first, for the asker's statements.
pub const RECALL_LOOKBACK_ROWS: usize = 1_024;

impl Snapshot {
    /// Statements of `asker` above its stable checkpoint (Bundle and Ack: above its executed tips) and its newest of
    /// each kind: in bundles, in certificates of every kind, with accepted contents, in kept halves and in evidence.
    pub(crate) fn recall(
        &self,
        asker: ReplicaId,
        stable: SeqNum,
        tips: &[(ReplicaId, Position)],
    ) -> Result<Vec<Signed>, StoreError> {
        let (Some(group), epoch) = (self.group()?, self.epoch()?) else { return Ok(Vec::new()) };
        let tips: BTreeMap<ReplicaId, Position> = tips.iter().copied().collect();
        let tip = |lane| tips.get(&lane).copied().unwrap_or_default();
        let mut recall = Recall { of: self, group, asker, found: Vec::new() };
        recall.bundles(epoch, tip(asker))?;
        for lane in self.lanes(Name::LaneCerts, epoch)? {
            recall.acks(epoch, lane, tip(lane))?;
        }
        recall.slots(stable)?;
        recall.halves()?;
        Ok(recall.newest_first())
    }
}

struct Recall<'a> {
    of: &'a Snapshot,
    group: Digest,
    asker: ReplicaId,
    found: Vec<Signed>,
}

impl Recall<'_> {
    /// Adds the asker's statements about bundles of its own lane.
    fn bundles(&mut self, epoch: Epoch, tip: Position) -> Result<(), StoreError> {
        let (group, lane) = (self.group, self.asker);
        self.back(Name::Bundles, lane_range(epoch, lane), |key, value| {
            let statement = row::parse_bundle(value, group, epoch)?.statement;
            Ok((Some(statement), key::parse_lane(key)?.2 > tip))
        })
    }

    /// Adds the asker's Acks of bundles of a lane.
    fn acks(&mut self, epoch: Epoch, lane: ReplicaId, tip: Position) -> Result<(), StoreError> {
        let (group, asker) = (self.group, self.asker);
        self.back(Name::LaneCerts, lane_range(epoch, lane), |key, value| {
            let (_, _, position) = key::parse_lane(key)?;
            let claimed = decode::<LaneCert>(value)?.claim(lane, position);
            Ok((row::statement_in(&claimed, asker, group, epoch), position > tip))
        })
    }

    /// Adds the asker's statements about slots and the states after them.
    fn slots(&mut self, stable: SeqNum) -> Result<(), StoreError> {
        let (group, asker) = (self.group, self.asker);
        let range = (Vec::new(), vec![u8::MAX; 16]);
        for kind in [Kind::Commit, Kind::Prepare] {
            self.back(Name::Committed, range.clone(), |key, value| {
                let Committed { epoch, certificate, .. } = decode(value)?;
                let said = row::statement_in(&certificate, asker, group, epoch);
                Ok((said.filter(|said| said.statement.kind == kind), key::parse_slot(key)? > stable))
            })?;
        }
        for table in [Name::Prepared, Name::Stable] {
            self.back(table, range.clone(), |key, value| {
                let Certified { epoch, certificate } = decode(value)?;
                Ok((row::statement_in(&certificate, asker, group, epoch), key::parse_slot(key)? > stable))
            })?;
        }
        self.back(Name::Accepted, range, |key, value| {
            let (seq, row) = (key::parse_slot(key)?, decode::<Accepted>(value)?);
            let pre_prepare = row.pre_prepare(group, seq, key::parse_view(key)?);
            Ok((Some(pre_prepare).filter(|said| said.signer == asker), seq > stable))
        })
    }

    /// Adds the asker's statements in evidence, and those retained because they may become evidence. The core bounds
    /// how much that is (E2, E5).
    fn halves(&mut self) -> Result<(), StoreError> {
        let kept = self.of.kept(self.group)?;
        let proofs = self.of.evidence()?;
        let proved = proofs.iter().flat_map(Evidence::statements);
        self.found.extend(kept.into_iter().chain(proved).filter(|said| said.signer == self.asker));
        Ok(())
    }

    /// Adds what `read` finds in rows, newest first, and whether the row is one that the asker needs: all of those,
    /// and the newest one below them.
    fn back(
        &mut self,
        table: Name,
        (from, to): (Vec<u8>, Vec<u8>),
        mut read: impl FnMut(&[u8], &[u8]) -> Result<(Option<Signed>, bool), StoreError>,
    ) -> Result<(), StoreError> {
        let (mut rows, mut found) = (0, Vec::new());
        self.of.rows(table, &from, &to, Order::Down, &mut |key, value| {
            let (said, is_needed) = read(key, value)?;
            rows += 1;
            if rows > RECALL_LOOKBACK_ROWS || (!is_needed && !found.is_empty()) {
                return Ok(ControlFlow::Break(()));
            }
            found.extend(said);
            Ok(ControlFlow::Continue(()))
        })?;
        self.found.append(&mut found);
        Ok(())
    }

    /// The newest of each kind (Ack: of each lane), then the second newest of each, and so on.
    fn newest_first(mut self) -> Vec<Signed> {
        let order = |said: &Signed| (said.statement.view, said.statement.seq, said.statement.digest);
        self.found.sort_unstable_by_key(|said| std::cmp::Reverse(order(said)));
        self.found.dedup();
        let mut counts = BTreeMap::<(Kind, u64), usize>::new();
        let mut ranked: Vec<(usize, Signed)> = Vec::with_capacity(self.found.len());
        for said in self.found {
            let Statement { kind, view, .. } = said.statement;
            let count = counts.entry((kind, if kind == Kind::Ack { view.get() } else { 0 })).or_default();
            ranked.push((*count, said));
            *count += 1;
        }
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().take(RECALL_STATEMENTS_MAX).map(|(_, said)| said).collect()
    }
}

fn lane_range(epoch: Epoch, lane: ReplicaId) -> (Vec<u8>, Vec<u8>) {
    let at = |position| key::lane(epoch, lane, Position::new(position)).to_vec();
    (at(0), at(u64::MAX))
}
