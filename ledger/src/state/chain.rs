//! Chains of envelopes that were sent without waiting for each: who wrote what last.
//!
//! An envelope gets its place in a chain where it is accepted, and keeps it in the row of its number. Its writes are
//! laid out by path when another one is first based on it, so envelopes that nobody builds on cost nothing, and a long
//! chain costs each of its links only what that link wrote. Rows of chains only say again what rows of numbers say.

use crate::state::abort::Abort;
use crate::state::index::IndexRow;
use crate::state::overlay::Overlay;
use crate::state::record::{ChainPlace, Link, NumberRow, ViewRecord};
use crate::state::store::{Live, Read, ReadLive, StoreError, Table};
use crate::state::tree::{self, Key};
use crate::state::{entry, name, numbers, rows};
use crate::vocabulary::file::File;
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::verdict::Code;
use borsh::{BorshDeserialize, BorshSerialize};
use core::ops::ControlFlow;

/// Forks on the way from an envelope to the start of its chain: each is one more look for every path.
const FORKS_MAX: u32 = 64;

/// Rows of a chain that is longer than one link, or left another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Chain {
    /// Depth of the last link.
    length: u64,
    /// Link at which it left another chain.
    left: Option<Link>,
}

/// Place of an envelope that is about to be accepted: at the end of its parent's chain, or the start of a new one.
pub(crate) fn place(
    overlay: &Overlay,
    (id, ordinal): (EnvelopeId, u64),
    parent: Option<&ChainPlace>,
) -> Result<ChainPlace, Abort> {
    let link = Link { chain: id, depth: 1 };
    let Some(parent) = parent else {
        return Ok(ChainPlace { link, left: None, forks: 0, origin: ordinal });
    };
    if chain(overlay, &parent.link.chain)?.length.max(1) == parent.link.depth {
        let link = Link { depth: parent.link.depth + 1, ..parent.link };
        return Ok(ChainPlace { link, ..*parent });
    }
    if parent.forks == FORKS_MAX {
        return Err(Abort::refused(Code::BaseUnknown, format!("the chain of bases forks more than {FORKS_MAX} times")));
    }
    Ok(ChainPlace { link, left: Some(parent.link), forks: parent.forks + 1, origin: parent.origin })
}

/// Rows of the index for the row of a number: where its envelope finds it, and the end of its chain.
pub(crate) fn index(key: &[u8], row: &NumberRow) -> Vec<IndexRow> {
    let envelope = (!row.is_part()).then(|| (Live::Index, rows::envelope(&row.envelope), key.to_vec()));
    let end = row.view().map(|view| view.place).filter(|place| place.link.depth > 1 || place.left.is_some());
    let end = end.map(|ChainPlace { link, left, .. }| {
        (Live::Index, rows::chain(&link.chain), entry::bytes_of(&Chain { length: link.depth, left }))
    });
    envelope.into_iter().chain(end).collect()
}

/// Keys of the index that are there for the row of a number alone, and go with it: where its envelope finds it, what was
/// laid out of its writes, and its chain if it is the last link.
pub(crate) fn rows_of(read: &dyn Read, key: &[u8], row: &NumberRow) -> Result<Vec<Vec<u8>>, StoreError> {
    let envelope = rows::envelope(&row.envelope);
    let mut found = Vec::new();
    if read.get(Table::Index, &envelope)?.as_deref() == Some(key) {
        found.push(envelope);
    }
    let Some(view) = row.view() else { return Ok(found) };
    let (laid, link) = (rows::laid_out(&row.envelope), view.place.link);
    if read.get(Table::Index, &laid)?.is_some() {
        let paths = view.writes.iter().map(|(path, _)| tree::key_of(&name::file(path)));
        found.extend(paths.map(|path| rows::chain_write(&link.chain, &path, link.depth)));
        found.push(laid);
    }
    let chain: Option<Chain> = entry::load_row(read, Table::Index, &rows::chain(&link.chain))?;
    found.extend(chain.filter(|chain| chain.length == link.depth).map(|_| rows::chain(&link.chain)));
    Ok(found)
}

/// Lays out what an envelope wrote, and those that its chain was built on, as far as nobody has yet.
pub(crate) fn lay_out(overlay: &mut Overlay, id: EnvelopeId, view: &ViewRecord) -> Result<(), StoreError> {
    let mut parent = lay(overlay, id, view)?;
    while let Some(id) = parent {
        let row = numbers::of_envelope(overlay, &id)?.map(|(_, row)| row);
        let view = row.as_ref().and_then(NumberRow::view).ok_or_else(|| entry::damaged("the parent of a chain"))?;
        parent = lay(overlay, id, view)?;
    }
    Ok(())
}

/// The envelope to go on with; none where the rest is laid out.
fn lay(overlay: &mut Overlay, id: EnvelopeId, view: &ViewRecord) -> Result<Option<EnvelopeId>, StoreError> {
    let (laid, link) = (rows::laid_out(&id), view.place.link);
    if overlay.stored().get(Live::Index, &laid)?.is_some() {
        return Ok(None);
    }
    for (path, file) in &view.writes {
        let key = tree::key_of(&name::file(path));
        overlay.derive(&rows::chain_write(&link.chain, &key, link.depth), file)?;
    }
    overlay.derive(&laid, &())?;
    Ok(view.parent)
}

fn chain(read: &dyn ReadLive, id: &EnvelopeId) -> Result<Chain, StoreError> {
    let row = read.get(Live::Index, &rows::chain(id))?;
    row.map_or(Ok(Chain::default()), |row| entry::value_of(&row))
}

/// Last write of the chain at a path, up to a place; none where it never wrote there.
pub(crate) fn written(read: &dyn ReadLive, place: &ChainPlace, path: &Key) -> Result<Option<Option<File>>, StoreError> {
    let (mut link, mut left) = (place.link, place.left);
    loop {
        let (from, to) = (rows::chain_write(&link.chain, path, 0), rows::chain_write(&link.chain, path, link.depth));
        let mut found = Ok(None);
        read.scan_back(Live::Index, &from, &to, &mut |_, value| {
            found = entry::value_of(value).map(Some);
            ControlFlow::Break(())
        })?;
        if let Some(file) = found? {
            return Ok(Some(file));
        }
        let Some(before) = left else { return Ok(None) };
        (link, left) = (before, chain(read, &before.chain)?.left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::memory_store::MemoryStore;
    use crate::state::record::NumberAnswer;
    use crate::state::store::Store as _;
    use crate::vocabulary::revision::Revision;
    use quorate_pbft::{Digest, SeqNum};

    #[test]
    fn rows_for_the_paths_of_an_envelope_go_with_its_number_only_where_they_were_laid_out() {
        let (id, ordinal) = (EnvelopeId(Digest([7; 32])), 1);
        let place = ChainPlace { link: Link { chain: id, depth: 1 }, left: None, forks: 0, origin: ordinal };
        let writes = ["a", "b"].map(|path| (path.to_owned(), None)).to_vec();
        let answer = NumberAnswer::Accepted(ViewRecord { first: Revision::GENESIS, parent: None, place, writes });
        let row = NumberRow { envelope: id, ordinal, slot: SeqNum::new(1), answer, before: Digest::ZERO };
        let mut store = MemoryStore::default();
        let count = |store: &MemoryStore| rows_of(store, b"number", &row).expect("memory").len();

        let before = count(&store);
        store.put(Table::Index, &rows::laid_out(&id), &[]).expect("memory");

        assert_eq!((before, count(&store)), (0, 3), "two paths, and the note that they are laid out");
    }
}
