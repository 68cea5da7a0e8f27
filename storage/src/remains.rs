//! Statements on one disk that help to tell who lied (E4).

use crate::key::{self, Place};
use crate::row::{Accepted, Committed, LaneCert, Own, decode};
use crate::snapshot::Snapshot;
use crate::starts;
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::{ClaimedCert, Digest, Remains, SeqNum, View};

impl Snapshot {
    /// Decided digests of the newest epoch, ascending by slot.
    pub fn decisions(&self) -> Result<Vec<(SeqNum, Digest)>, StoreError> {
        let (epoch, mut found) = (self.epoch()?, Vec::new());
        self.each(Name::Committed, &[], &key::slot(SeqNum::new(u64::MAX)), |at, value| {
            let row: Committed = decode(value)?;
            if row.certificate.epoch == epoch {
                found.push((key::parse_slot(at)?, row.certificate.digest));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Signed statements of the newest epoch on this disk; of decided slots those that are `wanted`.
    pub fn remains(&self, wanted: impl Fn(SeqNum) -> bool) -> Result<Remains, StoreError> {
        let Some(group) = self.group()? else { return Ok(Remains::default()) };
        let epoch = self.epoch()?;
        let mut remains = Remains {
            statements: Vec::new(),
            certificates: Vec::new(),
            view_changes: starts::own_demand(self, epoch)?.into_iter().collect(),
            new_views: self.starts(epoch, |_| true)?,
            evidence: self.evidence()?,
        };
        self.each(Name::Statements, &Place::FIRST, &Place::LAST, |at, value| {
            let place = Place::parse(at)?;
            if place.epoch == epoch {
                remains.statements.push(decode::<Own>(value)?.signed(group, place));
            }
            Ok(())
        })?;
        let last = key::slot_view(SeqNum::new(u64::MAX), View::new(u64::MAX));
        self.each(Name::Accepted, &[], &last, |at, value| {
            let (seq, row) = (key::parse_slot(at)?, decode::<Accepted>(value)?);
            remains.statements.push(row.pre_prepare(group, seq, key::parse_view(at)?));
            Ok(())
        })?;
        for table in [Name::Prepared, Name::Stable, Name::Conflicting] {
            self.each(table, &[], &[u8::MAX; 57], |_, value| {
                let certificate: ClaimedCert = decode(value)?;
                remains.certificates.extend((certificate.epoch == epoch).then_some(certificate));
                Ok(())
            })?;
        }
        self.each(Name::Committed, &[], &last, |at, value| {
            if wanted(key::parse_slot(at)?) {
                let row: Committed = decode(value)?;
                remains.certificates.extend((row.certificate.epoch == epoch).then_some(row.certificate));
            }
            Ok(())
        })?;
        for lane in self.lanes(Name::LaneCerts, epoch)? {
            let at = |position| key::lane(epoch, lane, quorate_pbft::Position::new(position));
            self.each(Name::LaneCerts, &at(0), &at(u64::MAX), |key, value| {
                let (_, _, position) = key::parse_lane(key)?;
                remains.certificates.push(decode::<LaneCert>(value)?.claim(epoch, lane, position));
                Ok(())
            })?;
        }
        Ok(remains)
    }
}
