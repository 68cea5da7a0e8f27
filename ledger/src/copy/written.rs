//! Rows of an entry in a store that a copy fills: written with it, and gone with it.

use super::derived;
use super::errand::Entry;
use super::vouched::Vouched;
use crate::state::index::{IndexRow, Indexed as _};
use crate::state::record::{FileRecord, NumberRow};
use crate::state::store::{Live, Store, StoreError, Table};
use crate::state::tree::{Key, TreeNumber, row};
use crate::state::{chain, entry, rows};
use core::ops::ControlFlow;
use std::collections::BTreeSet;

/// Entries of a tree that are removed at once: their keys are in memory.
const REMOVED_AT_ONCE: usize = 1_024;

/// Rows that are there for an entry of a store alone: those of the index, those of an author's numbers left out, which
/// go with the rows of the past; and the keys of those by which readers find it.
#[allow(clippy::type_complexity)] // two lists of rows
fn rows_of(
    store: &dyn Store,
    (domain, number): (&str, TreeNumber),
    key: &Key,
) -> Result<(Vec<IndexRow>, Vec<Vec<u8>>), StoreError> {
    let Some(stored) = store.get(Table::Entries, &row(number, key))? else { return Ok(Default::default()) };
    let (name, value) = entry::decode(&stored).ok_or_else(|| entry::damaged("an entry"))?;
    let listings = derived::listings(domain, name, value)?.into_iter().map(|(key, _)| key).collect();
    let mut index = derived::of(number, name, value, &Vouched::default())?;
    if let Some((&FileRecord::KIND, path)) = name.split_first() {
        let listed = [&number.to_be_bytes(), path].concat();
        index.push((Live::Index, rows::fileless(&listed), Vec::new())); // by a program before disk format 7, if there is a file
    }
    Ok((index, listings))
}

/// Writes an entry in place of the one that is there. Rows of the past that do not lead to it go: a store of another
/// state, as of a diverged replica, may hold some.
pub(super) fn write(store: &mut dyn Store, (domain, number): (&str, TreeNumber), new: Entry) -> Result<(), StoreError> {
    let Entry { key, name, value, vouched, joined, .. } = new;
    let index = derived::of(number, &name, &value, &vouched)?;
    let kept: BTreeSet<_> = index.iter().map(|(table, key, _)| (*table, key.as_slice())).collect();
    for old in rows_of(&*store, (domain, number), &key)?.0 {
        if !kept.contains(&(old.0, old.1.as_slice())) {
            remove_own(store, &old)?;
        }
    }
    if !joined {
        remove_past(store, number, &key)?;
    }
    for (table, key, value) in index {
        store.give(table.into(), key, value)?;
    }
    for (key, value) in derived::listings(domain, &name, &value)? {
        store.give(Table::Archive, key, value)?;
    }
    for (key, value) in vouched.rows {
        store.give(Table::Past, key, value)?;
    }
    store.give(Table::Entries, row(number, &key).to_vec(), entry::encode(&entry::value_hash(&value), &name, &value))
}

/// Removes an entry with all that is there for it.
pub(super) fn remove(store: &mut dyn Store, (domain, number): (&str, TreeNumber), key: &Key) -> Result<(), StoreError> {
    let (index, listings) = rows_of(&*store, (domain, number), key)?;
    index.iter().try_for_each(|old| remove_own(store, old))?;
    listings.iter().try_for_each(|key| store.delete(Table::Archive, key))?;
    remove_past(store, number, key)?;
    store.delete(Table::Entries, &row(number, key))
}

/// Removes a row of the index that an entry has: another one may have its place since, as that of a ticket of which the two
/// states say otherwise.
fn remove_own(store: &mut dyn Store, (table, key, value): &IndexRow) -> Result<(), StoreError> {
    let is_own = store.get((*table).into(), key)?.as_ref() == Some(value);
    if is_own { store.delete((*table).into(), key) } else { Ok(()) }
}

/// Removes all entries of a tree: of a domain that the group does not have.
pub(super) fn remove_tree(store: &mut dyn Store, (domain, number): (&str, TreeNumber)) -> Result<(), StoreError> {
    loop {
        let mut keys = Vec::new();
        store.scan(Table::Entries, &row(number, &[0; 32]), &row(number, &[0xff; 32]), &mut |key, _| {
            keys.extend(key.get(4..).and_then(|key| Key::try_from(key).ok()));
            if keys.len() < REMOVED_AT_ONCE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if keys.is_empty() {
            return Ok(());
        }
        keys.iter().try_for_each(|key| remove(store, (domain, number), key))?;
    }
}

fn remove_past(store: &mut dyn Store, number: TreeNumber, key: &Key) -> Result<(), StoreError> {
    let ((from, to), mut past) = (rows::past_of(number, key), Vec::new());
    store.scan(Table::Past, &from, &to, &mut |key, value| {
        past.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    for (key, value) in past {
        if key.len() == rows::PAST_BYTES + rows::NUMBER_BYTES {
            let number: NumberRow = entry::value_of(&value)?;
            chain::rows_of(&*store, &key, &number)?.iter().try_for_each(|key| store.delete(Table::Index, key))?;
        }
        store.delete(Table::Past, &key)?;
    }
    Ok(())
}
