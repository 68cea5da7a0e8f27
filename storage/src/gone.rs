//! Bound at or below which decided slots and bundles are gone.

use crate::key;
use crate::row::{self, Committed};
use crate::rows::Rows;
use crate::tables::Name;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_ledger::StoreError;
use quorate_pbft::{Epoch, Position, ReplicaId, SeqNum, Time};
use std::collections::BTreeMap;

/// The slot up to which decisions and bundles are gone or going.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub(crate) struct Gone {
    pub(crate) epoch: Epoch,
    pub(crate) seq: SeqNum,
    pub(crate) time: Time,
    /// Of each lane: the tip that the slots name, and the bytes up to there.
    pub(crate) lanes: BTreeMap<ReplicaId, (Position, u64)>,
    pub(crate) unfinished: bool,
}

impl Gone {
    pub(crate) fn load(rows: &impl Rows) -> Result<Self, StoreError> {
        Ok(rows.about(key::SERVED)?.unwrap_or_default())
    }

    /// The bound after the next slot. A bundle that is damaged adds no bytes.
    pub(crate) fn after(&self, rows: &impl Rows, slot: &Committed) -> Self {
        let epoch = slot.certificate.epoch;
        let mut next = if epoch == self.epoch { self.clone() } else { Self { epoch, ..Self::default() } };
        (next.seq, next.unfinished) = (self.seq.next(), true);
        next.time = slot.content.time.unwrap_or_default().max(self.time);
        for (lane, tip) in &slot.content.cut {
            if next.lanes.get(lane).is_some_and(|(position, _)| *position >= tip.position) {
                continue;
            }
            let bundle = rows.beginning(Name::Bundles, &key::lane(epoch, *lane, tip.position)).ok().flatten();
            let header =
                bundle.and_then(|bundle| row::parse_header(&bundle).ok()).filter(|header| header.tip() == *tip);
            let bytes = header.map_or(0, |header| header.lane_bytes);
            let known = next.lanes.get(lane).map_or(0, |(_, known)| *known);
            next.lanes.insert(*lane, (tip.position, bytes.max(known)));
        }
        next
    }
}

/// The oldest slot that is served, whatever rows below it are still there.
pub(crate) fn oldest(rows: &impl Rows) -> Result<SeqNum, StoreError> {
    Ok(Gone::load(rows)?.seq.next())
}
