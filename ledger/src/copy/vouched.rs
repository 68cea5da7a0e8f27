//! Rows of the past that an entry vouches for, as far back as execution may ask for them, and the contents that both
//! name.
//!
//! Rows are taken one by one in the order in which they are vouched for: versions and numbers from the newest down,
//! sides of a conflict from the first. So a row that comes from elsewhere is checked before the next one is looked at.

use crate::format::envelope::Envelope;
use crate::format::genesis::Genesis;
use crate::policy::attestation::PendingChange;
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
use std::collections::BTreeSet;

/// Rows of one entry, as far as they were taken.
#[derive(Debug, Default)]
pub(super) struct Vouched {
    /// Keys and values in [`Table::Past`], in the order in which they were taken.
    pub(super) rows: Vec<(Vec<u8>, Vec<u8>)>,
    /// Contents that the entry or one of the rows names.
    pub(super) contents: BTreeSet<Digest>,
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
                made.names(record.file);
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
                made.names(conflict.base);
                let (of, hashed, whole) = (ConflictId(digest(id)?), Digest::ZERO, conflict.sides_hash);
                made.rest = Rest::Sides { of, hashed, left: conflict.sides, whole };
                made.close_sides()?;
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
        found.take_held(read, genesis, (tree, name), |_| ControlFlow::Continue(()))?;
        if found.missing().is_none() { Ok(found) } else { Err(entry::damaged(found.what())) }
    }

    /// Takes rows from a store until none is missing, or `enough` breaks; it is asked before each row.
    pub(super) fn take_held(
        &mut self,
        read: &dyn Read,
        genesis: &Genesis,
        (tree, name): (TreeNumber, &[u8]),
        mut enough: impl FnMut(&Self) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (from, to) = rows::past_of(tree, &key_of(name));
        let mut failed = None;
        let mut each = |key: &[u8], value: &[u8]| {
            if self.missing().is_none() || enough(self).is_break() {
                return ControlFlow::Break(());
            }
            match self.take(genesis, key, value) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        match name.first() {
            Some(&ConflictRecord::KIND) => read.scan(Table::Past, &from, &to, &mut each)?,
            _ => read.scan_back(Table::Past, &from, &to, &mut each)?,
        }
        failed.map_or(Ok(()), Err)
    }

    /// Running hash, or id, that the next row must fit; none once all rows are here.
    pub(super) fn missing(&self) -> Option<Digest> {
        match &self.rest {
            Rest::None => None,
            Rest::Versions { expected, .. } | Rest::Numbers { expected, .. } => Some(*expected),
            Rest::Sides { whole, .. } if self.rows.is_empty() => Some(*whole),
            Rest::Sides { hashed, .. } => Some(*hashed),
            Rest::Pending(id) => Some(id.0),
        }
    }

    /// Running hash at which a server need not go on: that of a held row; of sides, which are counted from the first, the
    /// hash of all, once some are here.
    pub(super) fn until(&self, held: Digest) -> Digest {
        match &self.rest {
            Rest::Sides { whole, .. } if !self.rows.is_empty() => *whole,
            Rest::Sides { .. } => Digest::ZERO,
            _ => held,
        }
    }

    /// Whether the rows from this hash on are asked for, by who holds those up to the other one. Of sides some may be
    /// here; but then they must be of all sides that the entry has.
    pub(super) fn begins_at(&self, from: Digest, held: Digest) -> bool {
        let is_of_others = matches!(&self.rest, Rest::Sides { whole, .. } if from != *whole && held != *whole);
        self.missing() == Some(from) && !is_of_others
    }

    /// Whether rows follow each other by a running hash from the newest down, so that some may be held already.
    pub(super) fn is_chain(&self) -> bool {
        matches!(self.rest, Rest::Versions { .. } | Rest::Numbers { .. })
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
        match core::mem::take(&mut self.rest) {
            Rest::None => return Err(entry::damaged("a row that no entry vouches for")),
            Rest::Versions { expected, floor } => {
                let (revision, version): (_, Version) = (rows::version_revision(key), entry::value_of(value)?);
                let revision = revision.filter(|at| versions::hash_of(*at, &version) == expected);
                let revision = revision.ok_or_else(|| entry::damaged("a version"))?;
                self.names(version.file);
                self.follow_versions(version.before, revision.seq(), floor);
            }
            Rest::Numbers { expected, sequence, floor } => {
                let (at, row): (_, NumberRow) = (rows::number_parts(key), entry::value_of(value)?);
                if at.is_none_or(|at| numbers::hash_of(at, &row) != expected) {
                    return Err(entry::damaged("a number of an author"));
                }
                let writes = row.view().into_iter().flat_map(|view| &view.writes);
                writes.for_each(|(_, file)| self.names(*file));
                if row.before != Digest::ZERO && is_known(row.ordinal, row.slot, &sequence, floor) {
                    self.rest = Rest::Numbers { expected: row.before, sequence, floor };
                }
            }
            Rest::Sides { of, hashed, left, whole } => {
                let side: Side = entry::value_of(value)?;
                let index = self.rows.len() as u32; // a conflict counts its sides in a u32
                if key.get(rows::PAST_BYTES..) != Some(&index.to_be_bytes()[..]) {
                    return Err(entry::damaged("a side of a conflict"));
                }
                self.names(side.file);
                let hashed = hash("quorate/v1/side", &(hashed, &side));
                self.rest = Rest::Sides { of, hashed, left: left - 1, whole };
                self.close_sides()?;
            }
            Rest::Pending(id) => {
                let damaged = || entry::damaged("a pending envelope");
                let envelope = Envelope::decode(value, genesis.limits()).map_err(|_| damaged())?;
                let is_it = genesis.groups().any(|group| envelope.id(&group) == id);
                if key.len() != rows::PAST_BYTES || !is_it {
                    return Err(damaged());
                }
            }
        }
        self.rows.push((key.to_vec(), value.to_vec()));
        Ok(())
    }

    fn names(&mut self, file: Option<File>) {
        self.contents.extend(file.map(|file| file.content));
    }

    /// Goes on with the version before, if execution may ask for it; one row below the floor comes along, so that none
    /// can be left out unseen.
    fn follow_versions(&mut self, before: Digest, since: SeqNum, floor: SeqNum) {
        if before != Digest::ZERO && since >= floor {
            self.rest = Rest::Versions { expected: before, floor };
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

    fn what(&self) -> &'static str {
        match self.rest {
            Rest::None => "nothing",
            Rest::Versions { .. } => "a version",
            Rest::Numbers { .. } => "a number of an author",
            Rest::Sides { .. } => "a side of a conflict",
            Rest::Pending(_) => "a pending envelope",
        }
    }
}

fn digest(id: &[u8]) -> Result<Digest, StoreError> {
    id.try_into().map(Digest).map_err(|_| entry::damaged("the name of an entry"))
}
