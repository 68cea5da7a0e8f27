//! Rows of the past that an entry vouches for, as far back as execution may ask for them, and the contents that both
//! name.
//!
//! Rows are taken one by one in the order in which they are vouched for: versions and numbers from the newest down,
//! sides of a conflict from the first. So a row that comes from elsewhere is checked before the next one is looked at.

use super::frame::WantedRows;
use crate::format::envelope::Envelope;
use crate::format::genesis::Genesis;
use crate::format::signature::Predicate;
use crate::policy::attestation::PendingChange;
use crate::state::branch::Promise;
use crate::state::index::Indexed;
use crate::state::numbers::{self, is_known};
use crate::state::record::{ConflictRecord, FileRecord, NumberRow, Sequence, Side, Version};
use crate::state::store::{Read, StoreError, Table};
use crate::state::tree::{TreeNumber, key_of};
use crate::state::{entry, name, rows, versions};
use crate::vocabulary::file::File;
use crate::vocabulary::ids::{ConflictId, EnvelopeId};
use core::ops::ControlFlow;
use quorate_pbft::{Digest, SeqNum, hash};
use std::collections::BTreeMap;

/// Rows of one entry, as far as they were taken.
#[derive(Debug, Default)]
pub(super) struct Vouched {
    /// Keys and values in [`Table::Past`], in the order in which they were taken.
    pub(super) rows: Vec<(Vec<u8>, Vec<u8>)>,
    /// Contents that the entry or one of the rows names, each with the place below the entry of a row that does; an empty
    /// one for the entry itself.
    pub(super) contents: BTreeMap<Digest, Vec<u8>>,
    rest: Rest,
}

/// Rows that are still to come.
#[derive(Debug, Default)]
enum Rest {
    #[default]
    None,
    /// Versions back to the one that stood where the horizon begins.
    Versions {
        expected: Digest,
        floor: SeqNum,
    },
    /// Numbers back to the last that later envelopes may build on.
    Numbers {
        expected: Digest,
        sequence: Box<Sequence>,
        floor: SeqNum,
    },
    Sides {
        of: ConflictId,
        hashed: Digest,
        next: u32,
        left: u32,
        whole: Digest,
    },
    Pending(EnvelopeId),
}

impl Vouched {
    /// An entry of which no row was taken yet. `floor` is the oldest slot within the horizon.
    pub(super) fn of(name: &[u8], value: &[u8], floor: SeqNum) -> Result<Self, StoreError> {
        let mut made = Self::default();
        match name.split_first() {
            Some((&FileRecord::KIND, _)) => {
                let record: FileRecord = entry::value_of(value)?;
                made.names(&[], record.file);
                made.follow_versions(record.before, record.since.seq(), floor);
            }
            Some((&name::SEQUENCE, _)) => {
                let sequence: Box<Sequence> = Box::new(entry::value_of(value)?);
                if sequence.numbers != Digest::ZERO {
                    made.rest = Rest::Numbers { expected: sequence.numbers, sequence, floor };
                }
            }
            Some((&ConflictRecord::KIND, id)) => {
                let conflict: ConflictRecord = entry::value_of(value)?;
                made.names(&[], conflict.base);
                let (of, hashed, whole) = (ConflictId(digest(id)?), Digest::ZERO, conflict.sides_hash);
                made.rest = Rest::Sides { of, hashed, next: 0, left: conflict.sides, whole };
                made.close_sides()?;
            }
            Some((&Promise::KIND, _)) => {
                let promise: Promise = entry::value_of(value)?;
                promise.writes.into_iter().for_each(|(_, file)| made.names(&[], file));
            }
            Some((&PendingChange::KIND, id)) => made.rest = Rest::Pending(EnvelopeId(digest(id)?)),
            _ => (),
        }
        Ok(made)
    }

    /// All rows of an entry that a store holds.
    pub(super) fn held(
        read: &dyn Read,
        genesis: &Genesis,
        (tree, name, value): (TreeNumber, &[u8], &[u8]),
        floor: SeqNum,
    ) -> Result<Self, StoreError> {
        let mut found = Self::of(name, value, floor)?;
        found.take_held(read, genesis, (tree, name), &[], |_, _| ControlFlow::Continue(()))??;
        if found.missing().is_none() { Ok(found) } else { Err(entry::damaged(found.what())) }
    }

    /// Takes rows from a store, those behind a place unless it is empty, until none is missing, or `enough` breaks; it is
    /// asked before each row, with its length. The inner error is that of a row which is not the one that is vouched for.
    pub(super) fn take_held(
        &mut self,
        read: &dyn Read,
        genesis: &Genesis,
        (tree, name): (TreeNumber, &[u8]),
        after: &[u8],
        mut enough: impl FnMut(&mut Self, usize) -> ControlFlow<()>,
    ) -> Result<Result<(), StoreError>, StoreError> {
        let entry = key_of(name);
        let (mut from, mut to) = rows::past_of(tree, &entry);
        let after = (!after.is_empty()).then(|| rows::at_place(tree, &entry, after));
        if let Some(after) = &after {
            *(if name.first() == Some(&ConflictRecord::KIND) { &mut from } else { &mut to }) = after.clone();
        }
        let mut taken = Ok(());
        let mut each = |key: &[u8], value: &[u8]| {
            if after.as_deref() == Some(key) {
                return ControlFlow::Continue(());
            }
            if self.missing().is_none() || enough(self, value.len()).is_break() {
                return ControlFlow::Break(());
            }
            taken = self.take(genesis, key, value);
            if taken.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        match name.first() {
            Some(&ConflictRecord::KIND) => read.scan(Table::Past, &from, &to, &mut each)?,
            _ => read.scan_back(Table::Past, &from, &to, &mut each)?,
        }
        Ok(taken)
    }

    /// Running hash, or id, that the next row must fit; none once all rows are here.
    pub(super) fn missing(&self) -> Option<Digest> {
        match &self.rest {
            Rest::None => None,
            Rest::Versions { expected, .. } | Rest::Numbers { expected, .. } => Some(*expected),
            Rest::Sides { whole, next: 0, .. } => Some(*whole),
            Rest::Sides { hashed, .. } => Some(*hashed),
            Rest::Pending(id) => Some(id.0),
        }
    }

    /// Running hash at which a server need not go on: that of a held row; of sides, which are counted from the first, the
    /// hash of all, once some are here.
    pub(super) fn until(&self, held: Digest) -> Digest {
        match &self.rest {
            Rest::Sides { next: 0, .. } => Digest::ZERO,
            Rest::Sides { whole, .. } => *whole,
            _ => held,
        }
    }

    /// Goes to the place behind which rows are asked for, by one who holds those up to there; `last` is the row there. Whether
    /// rows of this entry may follow: sides are counted from the first, and those that are held must be of all sides that the
    /// entry has.
    pub(super) fn go_to(&mut self, wanted: &WantedRows, last: Option<(&[u8], &[u8])>) -> Result<bool, StoreError> {
        if wanted.after.is_empty() {
            return Ok(self.is_chain() || self.missing() == Some(wanted.from));
        }
        let Some((key, value)) = last else { return Ok(false) };
        match core::mem::take(&mut self.rest) {
            rest @ Rest::Versions { .. } => {
                self.rest = rest;
                self.go_behind(key, value)?;
            }
            Rest::Numbers { sequence, floor, .. } => self.follow_numbers(&entry::value_of(value)?, sequence, floor),
            Rest::Sides { of, left, whole, .. } => {
                let index = wanted.after.as_slice().try_into().map(u32::from_be_bytes).ok();
                let index = index.filter(|index| wanted.held == whole && index.saturating_add(1) < left);
                let Some(next) = index.map(|index| index + 1) else { return Ok(false) };
                self.rest = Rest::Sides { of, hashed: wanted.from, next, left: left - next, whole };
            }
            Rest::None | Rest::Pending(_) => (),
        }
        Ok(self.missing() == Some(wanted.from))
    }

    /// Goes behind a version of a path, which was taken before; whether more follow.
    pub(super) fn go_behind(&mut self, key: &[u8], value: &[u8]) -> Result<bool, StoreError> {
        if let Rest::Versions { floor, .. } = core::mem::take(&mut self.rest) {
            let revision = rows::version_revision(key).ok_or_else(|| entry::damaged("a version"))?;
            self.follow_versions(entry::value_of::<Version>(value)?.before, revision.seq(), floor);
        }
        Ok(self.missing().is_some())
    }

    /// Whether rows follow each other by a running hash from the newest down, so that some may be held already.
    pub(super) fn is_chain(&self) -> bool {
        matches!(self.rest, Rest::Versions { .. } | Rest::Numbers { .. })
    }

    /// Whether the next row down a chain is one that is held.
    pub(super) fn ends_at(&self, held: Digest) -> bool {
        self.is_chain() && self.missing() == Some(held)
    }

    /// Asks for no row that lies further back than a later state does.
    pub(super) fn raise_floor(&mut self, later: SeqNum) {
        if let Rest::Versions { floor, .. } | Rest::Numbers { floor, .. } = &mut self.rest {
            *floor = later.max(*floor);
        }
    }

    /// Notes that the rows from here on are held already.
    pub(super) fn close(&mut self) {
        self.rest = Rest::None;
    }

    /// Takes the next row; an error where it is not the one that is vouched for.
    pub(super) fn take(&mut self, genesis: &Genesis, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let place = key.get(rows::PAST_BYTES..).unwrap_or_default();
        match core::mem::take(&mut self.rest) {
            Rest::None => return Err(entry::damaged("a row that no entry vouches for")),
            Rest::Versions { expected, floor } => {
                let (revision, version): (_, Version) = (rows::version_revision(key), entry::value_of(value)?);
                let revision = revision.filter(|at| versions::hash_of(*at, &version) == expected);
                let revision = revision.ok_or_else(|| entry::damaged("a version"))?;
                self.names(place, version.file);
                self.follow_versions(version.before, revision.seq(), floor);
            }
            Rest::Numbers { expected, sequence, floor } => {
                let (at, row): (_, NumberRow) = (rows::number_parts(key), entry::value_of(value)?);
                if at.is_none_or(|at| numbers::hash_of(at, &row) != expected) {
                    return Err(entry::damaged("a number of an author"));
                }
                written_by(&row).for_each(|file| self.names(place, Some(file)));
                self.follow_numbers(&row, sequence, floor);
            }
            Rest::Sides { of, hashed, next, left, whole } => {
                let side: Side = entry::value_of(value)?;
                if place != next.to_be_bytes() {
                    return Err(entry::damaged("a side of a conflict"));
                }
                self.names(place, side.file);
                let hashed = hash("quorate/v1/side", &(hashed, &side));
                self.rest = Rest::Sides { of, hashed, next: next + 1, left: left - 1, whole };
                self.close_sides()?;
            }
            Rest::Pending(id) => {
                let damaged = || entry::damaged("a pending envelope");
                let envelope = Envelope::decode(value, genesis.limits()).map_err(|_| damaged())?;
                let is_it = genesis.groups().any(|group| envelope.id(&group) == id);
                // The id does not cover the signature. The wider predicate holds in groups of both.
                if !place.is_empty() || !is_it || !Predicate::Cofactored.holds(&envelope.signed(&id)) {
                    return Err(damaged());
                }
            }
        }
        self.rows.push((key.to_vec(), value.to_vec()));
        Ok(())
    }

    fn names(&mut self, place: &[u8], file: Option<File>) {
        if let Some(file) = file {
            self.contents.entry(file.content).or_insert_with(|| place.to_vec());
        }
    }

    /// Goes on with the version before, if execution may ask for it; one row below the floor comes along, so that none
    /// can be left out unseen.
    fn follow_versions(&mut self, before: Digest, since: SeqNum, floor: SeqNum) {
        if before != Digest::ZERO && since >= floor {
            self.rest = Rest::Versions { expected: before, floor };
        }
    }

    /// Goes on with the number before, if later envelopes may build on it.
    fn follow_numbers(&mut self, row: &NumberRow, sequence: Box<Sequence>, floor: SeqNum) {
        if row.before != Digest::ZERO && is_known(row.ordinal, row.slot, &sequence, floor) {
            self.rest = Rest::Numbers { expected: row.before, sequence, floor };
        }
    }

    fn close_sides(&mut self) -> Result<(), StoreError> {
        let Rest::Sides { hashed, left: 0, whole, .. } = &self.rest else { return Ok(()) };
        if hashed != whole {
            return Err(entry::damaged("a side of a conflict"));
        }
        self.rest = Rest::None;
        Ok(())
    }

    pub(super) fn what(&self) -> &'static str {
        match self.rest {
            Rest::None => "nothing",
            Rest::Versions { .. } => "a version",
            Rest::Numbers { .. } => "a number of an author",
            Rest::Sides { .. } => "a side of a conflict",
            Rest::Pending(_) => "a pending envelope",
        }
    }
}

/// Contents that a row of the past of an entry names.
pub(super) fn named_by(name: &[u8], row: &[u8]) -> Result<Vec<Digest>, StoreError> {
    let file = match name.first() {
        Some(&name::SEQUENCE) => return Ok(written_by(&entry::value_of(row)?).map(|file| file.content).collect()),
        Some(&FileRecord::KIND) => entry::value_of::<Version>(row)?.file,
        Some(&ConflictRecord::KIND) => entry::value_of::<Side>(row)?.file,
        _ => None,
    };
    Ok(file.map(|file| file.content).into_iter().collect())
}

fn written_by(row: &NumberRow) -> impl Iterator<Item = File> {
    row.view().into_iter().flat_map(|view| &view.writes).filter_map(|(_, file)| *file)
}

fn digest(id: &[u8]) -> Result<Digest, StoreError> {
    id.try_into().map(Digest).map_err(|_| entry::damaged("the name of an entry"))
}
