//! Versions of a path: the newest is its record, each earlier one a row, so that a file which nobody touches again is
//! kept once.
//!
//! A replica may forget a version when what took its place is older than the slot at which the horizon begins, or when the
//! path's record is gone: execution asks for none of these.

use crate::state::overlay::Overlay;
use crate::state::record::{FileRecord, Version};
use crate::state::store::{Live, ReadLive, StoreError, Table};
use crate::state::tree::{self, Key};
use crate::state::{entry, name, rows};
use crate::vocabulary::file::File;
use crate::vocabulary::revision::Revision;
use core::ops::ControlFlow;
use quorate_pbft::{Digest, hash};

/// Makes a row of a version that a path's record will not tell of any more.
pub(crate) fn put(overlay: &mut Overlay, (domain, path): (u32, &str), since: Revision, version: &Version) {
    let row = rows::version(domain, &tree::key_of(&name::file(path)), since);
    overlay.put_row(Table::Past, row, entry::bytes_of(version));
}

/// Running hash over the versions of a path up to one.
pub(crate) fn hash_of(since: Revision, version: &Version) -> Digest {
    hash("quorate/v1/version", &(since, version))
}

/// Calls `each` for the versions that were there at `last`, newest first, until it breaks. `record` is what the reader
/// has of the path.
pub(crate) fn back_from(
    read: &dyn ReadLive,
    (domain, path): (u32, &Key),
    record: Option<&FileRecord>,
    last: Revision,
    each: &mut dyn FnMut(Revision, Version) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let newest = record.filter(|record| record.since <= last);
    if let Some((since, version)) = newest.and_then(|record| Some((record.since, record.version()?)))
        && each(since, version).is_break()
    {
        return Ok(());
    }
    let (from, to) = (rows::version(domain, path, Revision::GENESIS), rows::version(domain, path, last));
    let mut failed = None;
    read.scan_back(Live::Past, &from, &to, &mut |key, value| {
        match (rows::version_revision(key), entry::value_of(value)) {
            (Some(revision), Ok(version)) => return each(revision, version),
            (None, _) => failed = Some(entry::damaged("a version's key")),
            (_, Err(error)) => failed = Some(error),
        }
        ControlFlow::Break(())
    })?;
    failed.map_or(Ok(()), Err)
}

/// Version of a path in a revision, and the revision that made it so; none where nobody had written yet.
pub(crate) fn at(
    read: &dyn ReadLive,
    of: (u32, &Key),
    record: Option<&FileRecord>,
    at: Revision,
) -> Result<Option<(Revision, Option<File>)>, StoreError> {
    let mut found = None;
    back_from(read, of, record, at, &mut |revision, version| {
        found = Some((revision, version.file));
        ControlFlow::Break(())
    })?;
    Ok(found)
}
