//! Writing down what the core asks for: each record in its table, and E1 once more at the last door before the disk.

use crate::batch::Batch;
use crate::error::RecordError;
use crate::key::{self, Place};
use crate::own;
use crate::pruned::Pruned;
use crate::row::{self, Accepted, Committed, LaneCert, Own, decode, encode};
use crate::rows::{Order, Rows};
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::{
    Broken, Bundle, ClaimedCert, Content, Digest, Epoch, Evidence, EvidenceKey, Kind, NewView, Position, QuorumCert,
    Record, SeqNum, Signed, View, ViewChange,
};
use std::ops::ControlFlow;

/// PrePrepare, Prepare and Commit: one digest for each (epoch, view, seq) between them (E2).
const VOTES: [Kind; 3] = [Kind::PrePrepare, Kind::Prepare, Kind::Commit];

impl Batch {
    /// Takes one record. Any error means that this replica's core broke a promise, or that the disk failed: the process
    /// must stop without sending anything, and drop the batch.
    pub fn record(&mut self, record: &Record) -> Result<(), RecordError> {
        self.durable |= is_promise(record);
        match record {
            Record::Statement(signed) => self.record_statement(signed),
            Record::View { epoch, view, changing } => self.record_view(*epoch, *view, *changing),
            Record::Bundle(bundle) => self.record_bundle(bundle),
            Record::LaneCert(cert) => self.record_lane_cert(cert),
            Record::Accepted { pre_prepare, content } => self.record_accepted(pre_prepare, content),
            Record::Prepared(cert) => self.record_prepared(cert),
            Record::Committed { certificate, content } => self.record_committed(certificate, content),
            Record::Stable(cert) => self.record_stable(cert),
            Record::Conflicting(cert) => self.record_conflicting(cert),
            Record::Evidence(evidence) => self.record_evidence(evidence),
            Record::ViewChange { statement, body } => self.record_view_change(statement, body),
            Record::NewView { statement, body } => self.record_new_view(statement, body),
            Record::NamedNewView { statement, body } => self.record_named_start(statement, body),
            Record::Broken(broken) => {
                self.set(Name::About, key::BROKEN, encode(broken));
                Ok(())
            }
        }
    }

    /// The ledger has recorded evidence under this key (E5): the proof may go.
    pub fn recorded(&mut self, proved: &EvidenceKey) -> Result<(), StoreError> {
        let (from, to) = (key::evidence(proved, Digest::ZERO), key::evidence(proved, Digest([u8::MAX; 32])));
        self.remove_range(Name::Evidence, &from, &to)
    }

    /// A copy is made for a key that was in no member list yet: it has signed nothing that the copy does not tell (E7).
    pub fn end_mark_of_key(&mut self) -> Result<(), StoreError> {
        let broken: Option<Broken> = self.row(Name::About, key::BROKEN)?.map(|value| decode(&value)).transpose()?;
        if broken.is_some_and(|broken| broken.is_of_key()) {
            self.remove(Name::About, key::BROKEN);
        }
        Ok(())
    }

    /// E1: one statement for a key, for ever; for a vote also one digest for its place (E2).
    fn record_statement(&mut self, signed: &Signed) -> Result<(), RecordError> {
        let place = Place::of(signed);
        if place.kind == Kind::Status {
            return Err(RecordError::Malformed("a status is never stored (E1)"));
        }
        self.check_group(signed.statement.group)?;
        for kind in places_of(place.kind) {
            let other = Place { kind: *kind, ..place };
            let Some(stored) = own::at(self, signed.statement.group, other)? else { continue };
            if stored.statement.digest != signed.statement.digest || stored.signer != signed.signer {
                return Err(RecordError::Contradiction { stored: stored.into(), new: (*signed).into() });
            }
            if other == place {
                return Ok(()); // a copy: the stored bytes stay
            }
        }
        if self.pruned_below()?.covers(signed) {
            return Err(RecordError::Pruned((*signed).into()));
        }
        self.set(Name::Statements, &place.key(), encode(&Own::of(signed)));
        Ok(())
    }

    fn record_view(&mut self, epoch: Epoch, view: View, changing: bool) -> Result<(), RecordError> {
        let key = epoch.get().to_be_bytes();
        if let Some(stored) = self.row(Name::Views, &key)? {
            let (stored, was_changing): (View, bool) = decode(&stored)?;
            // "still changing" comes before "started" in one view
            if (view, !changing) < (stored, !was_changing) {
                return Err(RecordError::ViewWentBack { stored, new: view });
            }
        }
        self.set(Name::Views, &key, encode(&(view, changing)));
        Ok(())
    }

    /// Beside an acknowledged bundle another one may be certified at the same place: both stay, the later one under
    /// the longer key (L2, E5).
    fn record_bundle(&mut self, bundle: &Bundle) -> Result<(), RecordError> {
        let (header, statement) = (&bundle.header, &bundle.statement);
        let (group, epoch) = (statement.statement.group, statement.statement.epoch);
        self.check_group(group)?;
        if row::header_statement(header, statement.signature, group, epoch) != *statement {
            return Err(RecordError::Malformed("a bundle whose statement is not its header's"));
        }
        let key = key::lane(epoch, header.lane, header.position);
        match self.row(Name::Bundles, &key)? {
            None => self.set(Name::Bundles, &key, row::bundle(bundle)),
            Some(stored) if row::parse_header(&stored)? == *header => (),
            Some(_) => {
                let beside = key::beside(&key, statement.statement.digest);
                self.set(Name::Bundles, &beside, row::bundle(bundle));
            }
        }
        Ok(())
    }

    fn record_lane_cert(&mut self, cert: &QuorumCert) -> Result<(), RecordError> {
        let lane = cert.lane().ok_or(RecordError::Malformed("a lane certificate that is not one of Acks"))?;
        let value = LaneCert { digest: cert.digest(), signatures: cert.claim().signatures.clone() };
        let position = Position::new(cert.seq().get());
        self.set(Name::LaneCerts, &key::lane(cert.epoch(), lane, position), encode(&value));
        Ok(())
    }

    fn record_accepted(&mut self, pre_prepare: &Signed, content: &Content) -> Result<(), RecordError> {
        let Signed { statement, signer, signature } = *pre_prepare;
        self.check_group(statement.group)?;
        if statement.kind != Kind::PrePrepare || statement.digest != content.digest() {
            return Err(RecordError::Malformed("an accepted content that is not its PrePrepare's"));
        }
        let value = Accepted { epoch: statement.epoch, signer, signature, content: content.clone() };
        self.set(Name::Accepted, &key::slot_view(statement.seq, statement.view), encode(&value));
        Ok(())
    }

    /// Of several views the highest stays (V4).
    fn record_prepared(&mut self, cert: &QuorumCert) -> Result<(), RecordError> {
        let key = key::slot(cert.seq());
        if let Some(stored) = self.row(Name::Prepared, &key)? {
            let stored: ClaimedCert = decode(&stored)?;
            if (stored.epoch, stored.view) >= (cert.epoch(), cert.view()) {
                return Ok(());
            }
        }
        self.set(Name::Prepared, &key, encode(cert.claim()));
        Ok(())
    }

    /// N4: keyed by slot; the first certificate stays.
    fn record_committed(&mut self, cert: &QuorumCert, content: &Content) -> Result<(), RecordError> {
        let (seq, new) = (cert.seq(), cert.digest());
        if content.digest() != new {
            return Err(RecordError::Malformed("a decided content that is not its certificate's"));
        }
        if let Some(stored) = committed(self, seq)? {
            let stored = stored.certificate.digest;
            return if stored == new { Ok(()) } else { Err(RecordError::TwoDecisions { seq, stored, new }) };
        }
        let value = Committed { certificate: cert.claim().clone(), content: content.clone() };
        self.set(Name::Committed, &key::slot(seq), encode(&value));
        Ok(())
    }

    fn record_stable(&mut self, cert: &QuorumCert) -> Result<(), RecordError> {
        self.set(Name::Stable, &key::slot(cert.seq()), encode(cert.claim()));
        Ok(())
    }

    /// E4: as it is, beside the one that it contradicts.
    fn record_conflicting(&mut self, cert: &QuorumCert) -> Result<(), RecordError> {
        self.set(Name::Conflicting, &key::conflicting(cert), encode(cert.claim()));
        Ok(())
    }

    fn record_evidence(&mut self, evidence: &Evidence) -> Result<(), RecordError> {
        self.set(Name::Evidence, &key::evidence(&evidence.key(), evidence.id()), encode(evidence));
        Ok(())
    }

    /// The newest demand replaces the one before: views only go up (V3).
    fn record_view_change(&mut self, statement: &Signed, body: &ViewChange) -> Result<(), RecordError> {
        self.check_group(statement.statement.group)?;
        let key = statement.statement.epoch.get().to_be_bytes();
        self.set(Name::ViewChanges, &key, encode(&(statement, body)));
        Ok(())
    }

    /// V4: entries of later demands name the start of their view.
    fn record_new_view(&mut self, statement: &Signed, body: &NewView) -> Result<(), RecordError> {
        self.check_group(statement.statement.group)?;
        self.set(Name::NewViews, &key::view(statement.statement.epoch, body.view), encode(&(statement, body)));
        Ok(())
    }

    /// Beside the one that was entered, under the longer key.
    fn record_named_start(&mut self, statement: &Signed, body: &NewView) -> Result<(), RecordError> {
        self.check_group(statement.statement.group)?;
        let key = key::named_start(statement.statement.epoch, body.view, statement.statement.digest);
        self.set(Name::NewViews, &key, encode(&(statement, body)));
        Ok(())
    }

    /// The first record says whose disk this is; the group then need not stand in every row.
    fn check_group(&mut self, new: Digest) -> Result<(), RecordError> {
        let stored = match self.group {
            Some(stored) => stored,
            None => match self.row(Name::About, key::GROUP)? {
                Some(stored) => decode(&stored)?,
                None => {
                    self.set(Name::About, key::GROUP, encode(&new));
                    new
                }
            },
        };
        self.group = Some(stored);
        if stored == new { Ok(()) } else { Err(RecordError::OtherGroup { stored, new }) }
    }

    fn pruned_below(&mut self) -> Result<&Pruned, StoreError> {
        if self.pruned.is_none() {
            self.pruned = Some(Pruned::load(self)?);
        }
        Ok(self.pruned.get_or_insert_default())
    }

    fn remove_range(&mut self, table: Name, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        let mut keys = Vec::new();
        self.keys(table, from, to, Order::Up, &mut |key, _| {
            keys.push(key.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        keys.iter().for_each(|key| self.remove(table, key));
        Ok(())
    }
}

/// Whether messages rest on the record. What peers said and can say again does not ask for a sync: it is on the disk
/// with the next promise, for the journal keeps its order.
fn is_promise(record: &Record) -> bool {
    match record {
        Record::Bundle(_) | Record::LaneCert(_) | Record::Accepted { .. } => false,
        Record::Prepared(_) | Record::Committed { .. } | Record::Stable(_) => false,
        Record::Statement(_) | Record::View { .. } | Record::Conflicting(_) | Record::Evidence(_) => true,
        Record::ViewChange { .. } | Record::NewView { .. } | Record::NamedNewView { .. } | Record::Broken(_) => true,
    }
}

/// The decided slot, if it is stored.
pub(crate) fn committed(rows: &impl Rows, seq: SeqNum) -> Result<Option<Committed>, StoreError> {
    kept(rows, seq).transpose()
}

/// The same, or the damage of its row, which others can do without. The commit fails where the disk has.
pub(crate) fn kept(rows: &impl Rows, seq: SeqNum) -> Option<Result<Committed, StoreError>> {
    let value = rows.row(Name::Committed, &key::slot(seq)).transpose()?;
    Some(value.and_then(|value| decode(&value)))
}

/// The kinds that must agree with a statement of this kind at its place.
fn places_of(kind: Kind) -> &'static [Kind] {
    match kind {
        Kind::PrePrepare | Kind::Prepare | Kind::Commit => &VOTES,
        Kind::Bundle => &[Kind::Bundle],
        Kind::Ack => &[Kind::Ack],
        Kind::Checkpoint => &[Kind::Checkpoint],
        Kind::ViewChange => &[Kind::ViewChange],
        Kind::NewView => &[Kind::NewView],
        Kind::Status => &[],
    }
}
