//! Forgetting: history that a node's policy does not keep, rows of the past that execution cannot ask for any more, and
//! contents that no row names.
//!
//! Most of these rows are not keyed by slot, so a [`Sweep`] walks the tables row by row, a few at a time: no index of
//! what is old has to be kept. What a copy would take stays, whatever the policy says.
//!
//! Contents are found without a name by marking: the sweep looks at each row that may name one, while execution notes
//! those that it names meanwhile. A content that neither found has no name, and gets none again unless it comes along
//! with an envelope: execution knows a content from a row that names it. A sweep is in memory; one that a crash ends
//! begins anew.

use super::unnamed::Named;
use crate::format::receipt::State;
use crate::state::ledger::Ledger;
use crate::state::numbers::is_known;
use crate::state::record::{FileRecord, NumberRow, Sequence, Verdict};
use crate::state::store::{Read, Store, StoreError, Table};
use crate::state::tree::{TreeNumber, key_of};
use crate::state::{chain, entry, name, named, rows, slot_log};
use crate::vocabulary::revision::Revision;
use borsh::BorshDeserialize;
use core::ops::ControlFlow;
use quorate_pbft::{Digest, SeqNum};
use std::collections::BTreeSet;

/// Tables that a sweep walks, and for what.
const WALKS: [(Task, Table); 8] = [
    (Task::Forget, Table::Receipts),
    (Task::Forget, Table::Archive),
    (Task::Forget, Table::Past),
    (Task::Forget, Table::Range),
    (Task::Mark, Table::Entries),
    (Task::Mark, Table::Past),
    (Task::Mark, Table::Archive),
    (Task::Drop, Table::Contents),
];

/// Task of a walk through a table.
#[derive(Debug, Clone, Copy)]
enum Task {
    /// Old rows go.
    Forget,
    /// Contents that rows name are marked.
    Mark,
    /// Contents without a mark go.
    Drop,
}

/// The row of [`Table::Meta`] with the oldest slot whose history is whole.
const OLDEST: &[u8] = b"history-from";

/// Bytes of the longest key of these tables: a path and what stands before it.
const KEY_BYTES_MAX: usize = 8_192;

/// Bytes of rows after which one look at a table ends: a change that waits may be as large as an envelope.
const LOOK_BYTES: usize = 1 << 20;

/// Contents that are looked at to be dropped in one go: those that go leave in one batch.
const DROPPED_MAX: usize = 8_192;

/// Row of a table.
type Row = (Vec<u8>, Vec<u8>);

/// A row that a sweep looks at, and the next one of its table, where that was read along with it.
#[derive(Clone, Copy)]
struct Looked<'a> {
    table: Table,
    key: &'a [u8],
    value: &'a [u8],
    next: Option<&'a Row>,
}

/// Walk through the tables: where it goes on. Only execution may write to them meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Sweep {
    walk: usize,
    from: Vec<u8>,
    named: Named,
    /// Damage of a row that may name contents: none is dropped then.
    damage: Option<StoreError>,
}

impl Sweep {
    /// Moves on behind the rows that were looked at. Whether all tables are done; it begins anew then.
    fn pass(&mut self, last: Option<&[u8]>) -> bool {
        match last {
            Some(last) => self.from = [last, &[0]].concat(),
            None => (self.walk, self.from) = ((self.walk + 1) % WALKS.len(), Vec::new()),
        }
        !self.is_begun()
    }

    /// Whether it is on its way through the tables.
    pub fn is_begun(&self) -> bool {
        self.walk > 0 || !self.from.is_empty()
    }

    /// Damage that the last sweep has met; it goes past it, and drops no contents from there on.
    pub fn damage(&self) -> Option<&StoreError> {
        self.damage.as_ref()
    }

    /// Whether the next walk begins at the first content, not behind those that the last one held.
    pub fn is_anew(&self) -> bool {
        self.named.is_first()
    }
}

impl Ledger {
    /// Looks at the next rows of a sweep, so many at most, and forgets those of slots before `oldest` that neither
    /// readers nor execution are promised, with about as many of the index at most, then the contents that none of the
    /// others names. Whether the sweep is through.
    pub fn forget(
        &mut self,
        store: &mut dyn Store,
        sweep: &mut Sweep,
        oldest: SeqNum,
        most: usize,
    ) -> Result<bool, StoreError> {
        raise_history(store, oldest)?;
        if !sweep.is_begun() {
            sweep.damage = None;
        }
        let (task, table) = WALKS[sweep.walk];
        let looked = match task {
            Task::Forget => self.forget_old(store, (table, &sweep.from), oldest, most),
            Task::Mark => self.mark(store, table, sweep, most),
            Task::Drop => self.drop_unnamed(store, sweep, most),
        };
        // Rows behind one that cannot be told from the next are not looked at. What the disk does not give is met by a commit.
        let looked = looked.unwrap_or_else(|damage| {
            sweep.damage.get_or_insert(damage);
            None
        });
        let is_through = sweep.pass(looked.as_deref());
        if is_through {
            sweep.named = if sweep.damage.is_some() { Named::default() } else { sweep.named.behind() };
            self.replace_named(None);
        }
        Ok(is_through)
    }

    /// Notes that the past before the horizon is not whole: no reader is to take an older version for one that is not there.
    pub fn begin_history_with_horizon(&self, store: &mut dyn Store) -> Result<(), StoreError> {
        let floors = self.domains().values().map(|domain| domain.usage.marks.floor());
        raise_history(store, floors.fold(self.head().times.floor(), SeqNum::max))
    }

    /// Forgets old rows among the next ones of a table, until so many of the index are gone with them; the last that was
    /// looked at, if there may be more.
    fn forget_old(
        &self,
        store: &mut dyn Store,
        (table, from): (Table, &[u8]),
        oldest: SeqNum,
        most: usize,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let ((found, last), mut gone) = (next_rows(store, (table, from), most)?, 0);
        for (at, (key, value)) in found.iter().enumerate() {
            let row = Looked { table, key, value, next: found.get(at + 1) };
            let is_old = match table {
                Table::Receipts => is_old_receipt(value, oldest),
                Table::Archive => is_old_news(store, row, oldest),
                Table::Range => Ok(slot_log::is_off_all_paths(key, oldest)),
                _ => self.is_old_past(store, row, oldest),
            };
            // One that cannot be read stays: to find damage is not a sweep's, and to stop here would help nobody.
            if let Ok(Some(index)) = is_old.and_then(|is_old| is_old.then(|| index_of(store, row)).transpose()) {
                store.delete(table, key)?;
                index.iter().try_for_each(|key| store.delete(Table::Index, key))?;
                gone += index.len();
            }
            if gone >= most {
                return Ok(Some(key.clone()));
            }
        }
        Ok(last)
    }

    /// Marks the contents that the next rows of a table name, and those that execution has named since the last call;
    /// from the first one on it notes them.
    fn mark(
        &mut self,
        read: &dyn Read,
        table: Table,
        sweep: &mut Sweep,
        most: usize,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.mark_noted(sweep);
        let (found, last) = next_rows(read, (table, &sweep.from), most)?;
        for (key, value) in &found {
            match self.named_by((table, key), value) {
                Ok(named) => sweep.named.extend(named),
                Err(damage) => drop(sweep.damage.get_or_insert(damage)),
            }
        }
        Ok(last)
    }

    fn named_by(&self, (table, key): (Table, &[u8]), value: &[u8]) -> Result<Vec<Digest>, StoreError> {
        if table == Table::Entries {
            let (name, value) = entry::decode(value).ok_or_else(|| entry::damaged("an entry"))?;
            return named::by_entry(name, value);
        }
        let mut named = named::by_row(table, key, value)?;
        if table == Table::Past {
            named.extend(named::by_waiting(key, value, self.genesis().limits())?);
        }
        Ok(named)
    }

    fn drop_unnamed(
        &mut self,
        store: &mut dyn Store,
        sweep: &mut Sweep,
        most: usize,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.mark_noted(sweep);
        let most = most.min(DROPPED_MAX);
        let (begin, until) = (sweep.named.from(), sweep.named.until());
        let from = sweep.from.as_slice().max(&begin);
        if sweep.damage.is_some() {
            return Ok(None); // what a row names that cannot be read is not known
        }
        let found = store.first_keys(Table::Contents, from, &until, most)?;
        for key in found.iter().filter(|key| !sweep.named.has(key)) {
            store.delete(Table::Contents, key)?;
        }
        Ok(found.into_iter().nth(most.saturating_sub(1))) // there may be more behind it
    }

    fn mark_noted(&mut self, sweep: &mut Sweep) {
        sweep.named.extend(self.replace_named(Some(BTreeSet::new())).into_iter().flatten());
    }

    /// The oldest slot at whose end the files of a domain can still be read.
    pub(crate) fn versions_from(&self, read: &dyn Read, tree: TreeNumber) -> Result<SeqNum, StoreError> {
        Ok(history_from(read)?.min(self.floor(tree)))
    }

    /// Rows of the past have keys of lengths of their own: versions, numbers, sides, envelopes that wait. The last two
    /// stay.
    fn is_old_past(&self, read: &dyn Read, row: Looked<'_>, oldest: SeqNum) -> Result<bool, StoreError> {
        let place = row.key.len().saturating_sub(rows::PAST_BYTES);
        let tree = row.key.first_chunk().map(|tree| TreeNumber::from_be_bytes(*tree));
        let tree = tree.ok_or_else(|| entry::damaged("a row of the past"))?;
        let oldest = oldest.min(self.floor(tree));
        match place {
            rows::VERSION_BYTES => is_old_version(read, row, oldest),
            rows::NUMBER_BYTES => is_old_number(read, row, oldest),
            _ => Ok(false),
        }
    }
}

/// The oldest slot whose history is whole: receipts, log, lists.
pub(crate) fn history_from(read: &dyn Read) -> Result<SeqNum, StoreError> {
    let stored = read.get(Table::Meta, OLDEST)?;
    let stored = stored.map(|bytes| bytes.try_into().map_err(|_| entry::damaged("where history begins")));
    Ok(stored.transpose()?.map_or(SeqNum::default(), |bytes| SeqNum::new(u64::from_be_bytes(bytes))))
}

/// Notes that the history before a slot is not here.
pub(super) fn begin_history(store: &mut dyn Store, oldest: SeqNum) -> Result<(), StoreError> {
    store.put(Table::Meta, OLDEST, &oldest.get().to_be_bytes())
}

/// Notes that the history before a slot is not here any more; it never is again.
fn raise_history(store: &mut dyn Store, oldest: SeqNum) -> Result<(), StoreError> {
    if history_from(store)? < oldest { begin_history(store, oldest) } else { Ok(()) }
}

/// The next rows of a table, and the last of their keys, if there may be more behind it.
#[allow(clippy::type_complexity)] // rows and a key
fn next_rows(
    read: &dyn Read,
    (table, from): (Table, &[u8]),
    most: usize,
) -> Result<(Vec<Row>, Option<Vec<u8>>), StoreError> {
    let (mut found, mut bytes, mut is_cut) = (Vec::new(), 0, false);
    read.scan(table, from, &[0xff; KEY_BYTES_MAX], &mut |key, value| {
        bytes += key.len() + value.len();
        found.push((key.to_vec(), value.to_vec()));
        is_cut = found.len() == most || bytes >= LOOK_BYTES;
        if is_cut { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let last = found.last().filter(|_| is_cut).map(|(key, _)| key.clone());
    Ok((found, last))
}

/// The row behind one whose key begins with the same bytes.
fn row_behind(read: &dyn Read, row: Looked<'_>, prefix: usize) -> Result<Option<Row>, StoreError> {
    let prefix = &row.key[..prefix];
    if let Some(next) = row.next {
        return Ok(Some(next).filter(|(key, _)| key.starts_with(prefix)).cloned());
    }
    let mut found = None;
    read.scan(row.table, &[row.key, &[0]].concat(), &rows::below(prefix, KEY_BYTES_MAX).1, &mut |key, value| {
        found = Some((key.to_vec(), value.to_vec()));
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// A change that waits has its last receipt still to come.
fn is_old_receipt(value: &[u8], oldest: SeqNum) -> Result<bool, StoreError> {
    let receipt = entry::value_of::<Verdict>(value)?.receipt;
    Ok(receipt.state != State::Pending && receipt.revision.is_some_and(|revision| revision.seq() < oldest))
}

/// The log, but for its newest row in a domain; slots; news of locks and conflicts; forgotten paths without a version.
fn is_old_news(read: &dyn Read, row: Looked<'_>, oldest: SeqNum) -> Result<bool, StoreError> {
    let key = row.key;
    let revision_at = |at: usize| key.get(at..at + 12).and_then(Revision::from_key);
    let is_old = |revision: Option<Revision>| revision.is_some_and(|revision| revision.seq() < oldest);
    Ok(match key.first() {
        Some(b'l') => is_old(revision_at(5)) && row_behind(read, row, 5)?.is_some(),
        Some(b'N' | b'j') => is_old(revision_at(1)),
        Some(b'i') => key[1..].first_chunk().is_some_and(|seq| u64::from_be_bytes(*seq) < oldest.get()),
        Some(b'P') => !has_versions(read, &key[1..])?,
        _ => false,
    })
}

fn has_versions(read: &dyn Read, listed: &[u8]) -> Result<bool, StoreError> {
    let parts = listed.split_first_chunk().map(|(tree, path)| (TreeNumber::from_be_bytes(*tree), path));
    let parts = parts.and_then(|(tree, path)| Some((tree, core::str::from_utf8(path).ok()?)));
    let (tree, path) = parts.ok_or_else(|| entry::damaged("a forgotten path"))?;
    let (from, to) = rows::past_of(tree, &key_of(&name::file(path)));
    Ok(!read.first_keys(Table::Past, &from, &to, 1)?.is_empty())
}

/// A version is asked for as long as a reader may ask for a time before the next one came.
fn is_old_version(read: &dyn Read, row: Looked<'_>, oldest: SeqNum) -> Result<bool, StoreError> {
    let next = match row_behind(read, row, rows::PAST_BYTES)? {
        Some((key, _)) => rows::version_revision(&key),
        None => match entry_of::<FileRecord>(read, row.key)? {
            Some(record) => Some(record.since),
            None => rows::version_revision(row.key), // the path is forgotten
        },
    };
    Ok(next.ok_or_else(|| entry::damaged("a version's key"))?.seq() < oldest)
}

/// A number stays while the next one is asked for: so none can be left out of a copy unseen.
fn is_old_number(read: &dyn Read, row: Looked<'_>, oldest: SeqNum) -> Result<bool, StoreError> {
    let Some((_, next)) = row_behind(read, row, rows::PAST_BYTES)? else { return Ok(false) };
    let next: NumberRow = entry::value_of(&next)?;
    let sequence = entry_of::<Sequence>(read, row.key)?.ok_or_else(|| entry::damaged("an author's numbers"))?;
    Ok(next.slot < oldest || !is_known(next.ordinal, next.slot, &sequence, SeqNum::default()))
}

/// Rows of the index that go with a row: the chain of a number has one for each path that its envelope wrote.
fn index_of(read: &dyn Read, row: Looked<'_>) -> Result<Vec<Vec<u8>>, StoreError> {
    let is_number = row.table == Table::Past && rows::number_parts(row.key).is_some();
    if is_number { chain::rows_of(read, row.key, &entry::value_of(row.value)?) } else { Ok(Vec::new()) }
}

/// The entry that vouches for a row of the past.
fn entry_of<T: BorshDeserialize>(read: &dyn Read, key: &[u8]) -> Result<Option<T>, StoreError> {
    let Some(row) = read.get(Table::Entries, &key[..rows::PAST_BYTES])? else { return Ok(None) };
    let (_, value) = entry::decode(&row).ok_or_else(|| entry::damaged("an entry"))?;
    entry::value_of(value).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::memory_store::MemoryStore;

    #[test]
    fn a_look_at_large_rows_ends_after_bounded_bytes_and_the_next_goes_on() {
        let mut store = MemoryStore::default();
        for number in 0..8u8 {
            store.put(Table::Past, &[number], &vec![number; LOOK_BYTES / 2]).expect("memory");
        }
        let (mut from, mut looks, mut seen) = (Vec::new(), 0, Vec::new());
        loop {
            let (found, last) = next_rows(&store, (Table::Past, &from), 128).expect("memory");
            assert!(found.len() <= 2, "a megabyte and the row that passes it");
            seen.extend(found.into_iter().map(|(key, _)| key[0]));
            looks += 1;
            let Some(last) = last else { break };
            from = [last.as_slice(), &[0]].concat();
        }
        assert_eq!((seen, looks), ((0..8).collect::<Vec<u8>>(), 5));
    }
}
