//! Pruning of the state: entries beyond the horizon go at the same slot on every replica.

use crate::format::governance::Proposal;
use crate::state::index::Indexed;
use crate::state::overlay::Overlay;
use crate::state::record::{ConflictRecord, FileRecord, RefusedChange};
use crate::state::store::{Live, ReadLive, StoreError, Table};
use crate::state::tree::TreeNumber;
use crate::state::{entry, name, rows, versions};
use crate::vocabulary::revision::Revision;
use core::ops::ControlFlow;
use quorate_pbft::SeqNum;

/// Deleted paths, and ended affairs, that leave in one slot: more wait for the next, so that no slot is long.
const PATHS_MAX: usize = 1_024;

/// Removes the entries of paths that were deleted before `floor` and that nobody wrote since.
pub(crate) fn deleted(overlay: &mut Overlay, floor: SeqNum) -> Result<(), StoreError> {
    let Some(last) = floor.previous().filter(|last| last.get() > 0) else {
        return Ok(());
    };
    let from = rows::deleted(Revision::GENESIS, 0, &[0; 32]);
    let to = rows::deleted(Revision::slot(last), u32::MAX, &[0xff; 32]);
    let mut found = Vec::new();
    overlay.stored().scan(Live::Index, &from, &to, &mut |key, path| {
        found.push((key.to_vec(), path.to_vec()));
        if found.len() < PATHS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    for (key, path) in found {
        let (since, domain) = place(&key).ok_or_else(|| entry::damaged("a deleted path"))?;
        let path = String::from_utf8(path).map_err(|_| entry::damaged("a deleted path"))?;
        let record: Option<FileRecord> = overlay.get(domain, &name::file(&path))?;
        if record.as_ref().is_some_and(|record| record.is_gone() && record.since == since) {
            overlay.put_indexed::<FileRecord>(domain, name::file(&path), None)?;
            if let Some(version) = record.and_then(|record| record.version()) {
                versions::put(overlay, (domain, &path), since, &version);
            }
            overlay.put_row(Table::Archive, rows::forgotten(&rows::listed(domain, &path)), Vec::new());
        }
    }
    overlay.commit()
}

/// Removes settled conflicts, ended proposals and changes that were refused after a wait, where that was before `floor`.
/// Readers find them in the archive.
pub(crate) fn ended(overlay: &mut Overlay, floor: SeqNum) -> Result<(), StoreError> {
    let Some(last) = floor.previous().filter(|last| last.get() > 0) else {
        return Ok(());
    };
    let (from, to) = rows::over_until(Revision::slot(last));
    let mut found = Vec::new();
    overlay.stored().scan(Live::Index, &from, &to, &mut |key, _| {
        found.extend(rows::over_parts(key).map(|(tree, name)| (tree, name.to_vec())));
        if found.len() < PATHS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    for (tree, name) in found {
        match name.first() {
            Some(&ConflictRecord::KIND) => leave::<ConflictRecord>(overlay, tree, name)?,
            Some(&Proposal::KIND) => leave::<Proposal>(overlay, tree, name)?,
            _ => overlay.put_indexed::<RefusedChange>(tree, name, None)?,
        }
    }
    overlay.commit()
}

fn leave<T: Indexed>(overlay: &mut Overlay, tree: TreeNumber, name: Vec<u8>) -> Result<(), StoreError> {
    let value: T = overlay.get(tree, &name)?.ok_or_else(|| entry::damaged("an entry that is over"))?;
    overlay.put_row(Table::Archive, rows::left(tree, &name), entry::bytes_of(&value));
    overlay.put_indexed::<T>(tree, name, None)
}

fn place(key: &[u8]) -> Option<(Revision, u32)> {
    let since = Revision::from_key(key.get(1..13)?)?;
    Some((since, u32::from_be_bytes(*key.get(13..)?.first_chunk()?)))
}
