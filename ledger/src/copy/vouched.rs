//! Rows of the past that an entry vouches for, as far back as execution may ask for them, and the contents that both
//! name.

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

/// Rows of one entry.
#[derive(Default)]
pub(super) struct Vouched {
    /// Keys and values in [`Table::Past`], newest first.
    pub(super) rows: Vec<(Vec<u8>, Vec<u8>)>,
    /// Contents that the entry or one of the rows names.
    pub(super) contents: BTreeSet<Digest>,
}

/// Rows that an entry vouches for, each checked; one row below the horizon's floor comes along, so that none can be left
/// out unseen.
pub(super) fn of(
    read: &dyn Read,
    genesis: &Genesis,
    (tree, name, value): (TreeNumber, &[u8], &[u8]),
    floor: SeqNum,
) -> Result<Vouched, StoreError> {
    let mut found = Vouched::default();
    match name.split_first() {
        Some((&FileRecord::KIND, _)) => found.versions(read, (tree, name), &entry::value_of(value)?, floor)?,
        Some((&name::SEQUENCE, _)) => found.numbers(read, (tree, name), &entry::value_of(value)?, floor)?,
        Some((&ConflictRecord::KIND, id)) => found.sides(read, tree, id, &entry::value_of(value)?)?,
        Some((&PendingChange::KIND, id)) => found.pending(read, genesis, tree, id)?,
        _ => (),
    }
    Ok(found)
}

impl Vouched {
    fn names(&mut self, file: Option<File>) {
        self.contents.extend(file.map(|file| file.content));
    }

    /// Versions back to the one that stood where the horizon begins.
    fn versions(
        &mut self,
        read: &dyn Read,
        (tree, name): (TreeNumber, &[u8]),
        record: &FileRecord,
        floor: SeqNum,
    ) -> Result<(), StoreError> {
        self.names(record.file);
        let (mut expected, mut is_known) = (record.before, record.since.seq() >= floor);
        past(read, tree, name, |key, value| {
            if expected == Digest::ZERO || !is_known {
                return Ok(ControlFlow::Break(()));
            }
            let (revision, version): (_, Version) = (rows::version_revision(key), entry::value_of(value)?);
            let revision = revision.filter(|at| versions::hash_of(*at, &version) == expected);
            let revision = revision.ok_or_else(|| entry::damaged("a version"))?;
            self.names(version.file);
            self.rows.push((key.to_vec(), value.to_vec()));
            (expected, is_known) = (version.before, revision.seq() >= floor);
            Ok(ControlFlow::Continue(()))
        })?;
        is_whole(expected == Digest::ZERO || !is_known, "a version")
    }

    /// Numbers back to the last that later envelopes may build on.
    fn numbers(
        &mut self,
        read: &dyn Read,
        (tree, name): (TreeNumber, &[u8]),
        sequence: &Sequence,
        floor: SeqNum,
    ) -> Result<(), StoreError> {
        let (mut expected, mut may_be_asked) = (sequence.numbers, true);
        past(read, tree, name, |key, value| {
            if expected == Digest::ZERO || !may_be_asked {
                return Ok(ControlFlow::Break(()));
            }
            let (at, row): (_, NumberRow) = (rows::number_parts(key), entry::value_of(value)?);
            if at.is_none_or(|at| numbers::hash_of(at, &row) != expected) {
                return Err(entry::damaged("a number of an author"));
            }
            let writes = row.view().into_iter().flat_map(|view| &view.writes);
            writes.for_each(|(_, file)| self.names(*file));
            (expected, may_be_asked) = (row.before, is_known(row.ordinal, row.slot, sequence, floor));
            self.rows.push((key.to_vec(), value.to_vec()));
            Ok(ControlFlow::Continue(()))
        })?;
        is_whole(expected == Digest::ZERO || !may_be_asked, "a number of an author")
    }

    fn sides(
        &mut self,
        read: &dyn Read,
        tree: TreeNumber,
        id: &[u8],
        conflict: &ConflictRecord,
    ) -> Result<(), StoreError> {
        let id = ConflictId(digest(id)?);
        let mut hashed = Digest::ZERO;
        for index in 0..conflict.sides {
            let key = rows::side(tree, &id, index);
            let value = read.get(Table::Past, &key)?.ok_or_else(|| entry::damaged("a side of a conflict"))?;
            let side: Side = entry::value_of(&value)?;
            hashed = hash("quorate/v1/side", &(hashed, &side));
            self.names(side.file);
            self.rows.push((key, value));
        }
        self.names(conflict.base);
        is_whole(hashed == conflict.sides_hash, "a side of a conflict")
    }

    fn pending(&mut self, read: &dyn Read, genesis: &Genesis, tree: TreeNumber, id: &[u8]) -> Result<(), StoreError> {
        let id = EnvelopeId(digest(id)?);
        let key = rows::pending(tree, &id);
        let value = read.get(Table::Past, &key)?.ok_or_else(|| entry::damaged("a pending envelope"))?;
        let envelope = Envelope::decode(&value, genesis.limits()).map_err(|_| entry::damaged("a pending envelope"))?;
        self.rows.push((key, value));
        is_whole(envelope.id(&genesis.group()) == id, "a pending envelope")
    }
}

/// Calls `each` for the rows of the past of an entry, newest first, until it breaks or errs.
fn past(
    read: &dyn Read,
    tree: TreeNumber,
    name: &[u8],
    mut each: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let (from, to) = rows::past_of(tree, &key_of(name));
    let mut failed = None;
    read.scan_back(Table::Past, &from, &to, &mut |key, value| match each(key, value) {
        Ok(flow) => flow,
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    })?;
    failed.map_or(Ok(()), Err)
}

fn digest(id: &[u8]) -> Result<Digest, StoreError> {
    id.try_into().map(Digest).map_err(|_| entry::damaged("the name of an entry"))
}

fn is_whole(whole: bool, what: &str) -> Result<(), StoreError> {
    if whole { Ok(()) } else { Err(entry::damaged(what)) }
}
