//! Promises of one disk, held against what they were signed with: whether a replica may go on from them (E1).
//!
//! A signature shows a statement as it was made, and the count of a table that none is gone. So a replica whose state is
//! mended votes on; where a promise is damaged or missing it must not.

use crate::key::{self, Place};
use crate::own;
use crate::row::{Accepted, LaneCert, Own, decode, parse_bundle};
use crate::rows::{Order, Rows};
use crate::snapshot::Snapshot;
use crate::starts;
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::{
    ClaimedCert, Committee, Epoch, Kind, Position, PublicKey, SeqNum, Signed, Tip, Verify, View, items_root,
};

/// Tables that a replica goes on from; bundles are looked at one by one.
pub(crate) const PROMISES: [Name; 11] = [
    Name::About,
    Name::Statements,
    Name::Views,
    Name::LaneCerts,
    Name::Accepted,
    Name::Prepared,
    Name::Conflicting,
    Name::Evidence,
    Name::ViewChanges,
    Name::NewViews,
    Name::Queue,
];

/// Signer of a disk's promises, and the members of its epoch.
pub struct Promiser<'a> {
    /// Members of the newest epoch.
    pub committee: &'a Committee,
    /// Public key of the replica.
    pub member: &'a PublicKey,
    /// Slots above a checkpoint, of which starts of views tell.
    pub window: u64,
    /// Check of signatures.
    pub verify: &'a dyn Verify,
}

/// Reason why promises are not known to be whole.
#[derive(Debug, thiserror::Error)]
pub enum Unkept {
    /// A promise is damaged or missing, or the disk does not give it.
    #[error(transparent)]
    Damaged(#[from] StoreError),
    /// Promises of an epoch whose members are not known here. They may be whole.
    #[error(
        "promises of epoch {of} cannot be checked by the state that is here, which knows the members of epoch {known}"
    )]
    LaterEpoch {
        /// Their epoch.
        of: Epoch,
        /// Newest epoch that is known.
        known: Epoch,
    },
}

impl Snapshot {
    /// Checks all promises; an error says which one is damaged or missing. `tips` are the executed ones.
    pub fn check_promises(&self, by: &Promiser<'_>, tips: &[Tip]) -> Result<(), Unkept> {
        PROMISES.into_iter().try_for_each(|table| self.check_count(table))?;
        let epoch = self.epoch()?;
        if epoch > by.committee.epoch() {
            return Err(Unkept::LaterEpoch { of: epoch, known: by.committee.epoch() });
        }
        self.check_about()?;
        self.check_statements(by)?;
        self.check_accepted(by)?;
        self.check_certificates(by)?;
        self.check_views(by)?;
        Ok(self.check_own_bundles(by, tips)?)
    }

    /// Counts the folded rows: a lost page of a tree takes rows with it, and leaves their number. Reads each, but of the queue
    /// and of evidence, which bind nobody.
    fn check_count(&self, table: Name) -> Result<(), StoreError> {
        let base = self.base();
        let (mut rows, mut last, mut is_ascending) = (0, Vec::new(), true);
        let mut range = base.range(table, &[], &[u8::MAX; 64], Order::Up)?;
        while let Some(row) = base.next(&mut range)? {
            if !matches!(table, Name::Queue | Name::Evidence) {
                base.value(table, &row)?;
            }
            is_ascending &= rows == 0 || row.key() > last.as_slice();
            (rows, last) = (rows + 1, row.key().to_vec());
        }
        if is_ascending && rows == base.rows_of(table)? {
            return Ok(());
        }
        Err(StoreError(format!("rows of `{}` are missing", table.as_str())))
    }

    /// No row tells of what nobody writes: a key that has changed is a row that is missing.
    fn check_about(&self) -> Result<(), StoreError> {
        self.broken()?;
        self.about::<quorate_pbft::Digest>(key::GROUP)?;
        self.pruned()?;
        self.each(Name::About, &[], &[u8::MAX; 64], |at, _| {
            sound(key::ABOUT.contains(&at), || "a row of the table `about`".to_owned())
        })
    }

    fn check_statements(&self, by: &Promiser<'_>) -> Result<(), StoreError> {
        let group = by.committee.group();
        self.each(Name::Statements, &Place::FIRST, &Place::LAST, |at, value| {
            let place = Place::parse(at)?;
            let signed = decode::<Own>(value)?.signed(group, place);
            let is_own = by.verify.verify(by.member, &signed.statement.signed_bytes(), &signed.signature);
            sound(is_own, || format!("the own statement {signed}"))
        })
    }

    fn check_accepted(&self, by: &Promiser<'_>) -> Result<(), StoreError> {
        let (group, last) = (by.committee.group(), key::slot_view(SeqNum::new(u64::MAX), View::new(u64::MAX)));
        self.each(Name::Accepted, &[], &last, |at, value| {
            let (seq, row) = (key::parse_slot(at)?, decode::<Accepted>(value)?);
            let signed = row.pre_prepare(group, seq, key::parse_view(at)?);
            sound(is_valid(&signed, by), || format!("the proposal accepted for slot {seq}"))
        })
    }

    fn check_certificates(&self, by: &Promiser<'_>) -> Result<(), StoreError> {
        let is_valid = |claimed: ClaimedCert| {
            claimed.epoch < by.committee.epoch() || by.committee.check(claimed, by.verify).is_ok()
        };
        self.each(Name::Prepared, &[], &[u8::MAX; 8], |at, value| {
            let (seq, claimed) = (key::parse_slot(at)?, decode::<ClaimedCert>(value)?);
            sound(claimed.seq == seq && is_valid(claimed), || format!("the prepared certificate of slot {seq}"))
        })?;
        self.each(Name::LaneCerts, &[], &[u8::MAX; 18], |at, value| {
            let (epoch, lane, position) = key::parse_lane(at)?;
            let claimed = decode::<LaneCert>(value)?.claim(epoch, lane, position);
            sound(is_valid(claimed), || format!("the certificate of bundle {position} of lane {lane}"))
        })?;
        self.each(Name::Conflicting, &[], &[u8::MAX; 57], |_, value| {
            sound(is_valid(decode(value)?), || "a certificate that contradicts another".to_owned())
        })
    }

    /// No view lies below one of an own statement, and none that was demanded has begun without its start.
    fn check_views(&self, by: &Promiser<'_>) -> Result<(), StoreError> {
        let (epoch, window) = (by.committee.epoch(), by.window);
        let demand = starts::own_demand(self, epoch)?;
        if let Some((signed, body)) = &demand {
            sound(is_valid(signed, by) && body.digest(window) == signed.statement.digest, || "the own demand".into())?;
        }
        for (_, (signed, body)) in starts::all(self, epoch)? {
            let is_sound = is_valid(&signed, by) && body.digest(window) == signed.statement.digest;
            sound(is_sound, || format!("the start of view {}", body.view))?;
        }
        let (view, changing) = self.own_view(epoch)?;
        let of_votes = [Kind::PrePrepare, Kind::Prepare, Kind::Commit, Kind::ViewChange, Kind::NewView];
        for kind in of_votes {
            let newest = own::newest(self, epoch, kind)?;
            let newest = newest.map(|(at, _)| Place::parse(&at)).transpose()?;
            sound(newest.is_none_or(|place| place.view <= view), || format!("view {view}"))?;
        }
        let demanded = demand.is_some_and(|(_, body)| body.view == view) && !changing;
        let has_begun = !demanded || self.row(Name::NewViews, &key::view(epoch, view))?.is_some();
        sound(has_begun, || format!("the start of view {view}"))
    }

    /// The own lane goes on from its last bundle, without a gap above what was executed.
    fn check_own_bundles(&self, by: &Promiser<'_>, tips: &[Tip]) -> Result<(), StoreError> {
        let (epoch, group) = (by.committee.epoch(), by.committee.group());
        let Some(me) = by.committee.replica_of(by.member) else { return Ok(()) };
        let newest = own::newest(self, epoch, Kind::Bundle)?.map(|(at, _)| Place::parse(&at)).transpose()?;
        let last = newest.map_or(0, |place| place.seq.get());
        let first = tips.get(me.index()).map_or(0, |tip| tip.position.get()).saturating_add(1);
        for position in first..=last {
            let said = own::at(self, group, Place::new(epoch, Kind::Bundle, 0, position))?;
            let stored = self.row(Name::Bundles, &key::lane(epoch, me, Position::new(position)))?;
            let stored = stored.map(|value| parse_bundle(&value, group, epoch)).transpose()?;
            let is_sound = said.zip(stored).is_some_and(|(said, bundle)| {
                bundle.statement == said && items_root(&bundle.items) == bundle.header.items_root
            });
            sound(is_sound, || format!("the own bundle {position}"))?;
        }
        Ok(())
    }

    fn own_view(&self, epoch: Epoch) -> Result<(View, bool), StoreError> {
        let stored = self.row(Name::Views, &epoch.get().to_be_bytes())?;
        stored.map_or(Ok((View::default(), false)), |value| decode(&value))
    }
}

/// A statement of an earlier epoch needs no check: nothing is signed there any more.
fn is_valid(signed: &Signed, by: &Promiser<'_>) -> bool {
    signed.statement.epoch < by.committee.epoch() || signed.is_valid(by.committee, by.verify)
}

fn sound(is_sound: bool, what: impl FnOnce() -> String) -> Result<(), StoreError> {
    if is_sound { Ok(()) } else { Err(StoreError(format!("{} is damaged or missing", what()))) }
}
