//! Writes of a slot so far, and those of the envelope in hand on top of them.

mod listing;
mod scan;

pub(crate) use self::listing::path_of;
use self::scan::Written;
use crate::state::gaps::Gaps;
use crate::state::index::{IndexRow, Indexed, KINDS};
use crate::state::store::{Live, LiveStore, ReadLive, Store, StoreError, Table};
use crate::state::tree::{self, Changes, Key, TreeNumber};
use crate::state::{entry, named, rows};
use borsh::{BorshDeserialize, BorshSerialize};
use core::cell::{Cell, RefCell};
use core::ops::ControlFlow;
use quorate_pbft::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// Entries of one slot, kept in memory until its end, so that each is written and hashed once.
///
/// Rows beside the trees go to the store as soon as their envelope is accepted.
pub(crate) struct Overlay<'s> {
    store: &'s mut dyn Store,
    /// Entries that were read or written in this slot: most are asked for several times.
    known: RefCell<Named<Known>>,
    /// Writes of the envelope in hand; none where it removes.
    pending: Named<Option<Vec<u8>>>,
    rows: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
    /// Stretches of each table in which the envelope in hand has removed every row.
    gaps: [RefCell<Gaps>; Table::COUNT],
    /// Beginning of the rows of the folder that was found last to have a file, until some file leaves.
    full: RefCell<Option<Vec<u8>>>,
    /// Domain that was asked last and has no promise, until there is one.
    unpromised: Cell<Option<u32>>,
    /// Contents that rows of accepted envelopes name; none where nobody wants to know.
    named: Option<BTreeSet<Digest>>,
}

/// By the tree and the name of an entry: its key is a hash, and costs more than the look.
type Named<T> = BTreeMap<TreeNumber, BTreeMap<Vec<u8>, T>>;

/// An entry after the envelopes before the one in hand.
struct Known {
    key: Key,
    value: Option<Vec<u8>>,
    is_changed: bool,
}

impl<'s> Overlay<'s> {
    /// Adds to `named` the contents that are named from now on.
    pub(crate) fn new(store: &'s mut dyn Store, named: Option<BTreeSet<Digest>>) -> Self {
        let (known, pending, rows, gaps) = Default::default();
        let (full, unpromised) = Default::default();
        Self { store, known, pending, rows, gaps, full, unpromised, named }
    }

    /// Contents that were named so far.
    pub(crate) fn take_named(&mut self) -> Option<BTreeSet<Digest>> {
        self.named.take()
    }

    /// Rows as they were before the envelope in hand, entries of this slot excepted.
    pub(crate) fn stored(&self) -> LiveStore<'_> {
        LiveStore(&*self.store)
    }

    /// An entry as the envelope in hand sees it.
    pub(crate) fn get<T: BorshDeserialize>(&self, tree: TreeNumber, name: &[u8]) -> Result<Option<T>, StoreError> {
        self.with_value(tree, name, |value| value.map(entry::value_of).transpose())?
    }

    /// Whether an entry is there.
    pub(crate) fn has(&self, tree: TreeNumber, name: &[u8]) -> Result<bool, StoreError> {
        self.with_value(tree, name, |value| value.is_some())
    }

    /// Bytes of an entry's value.
    pub(crate) fn length(&self, tree: TreeNumber, name: &[u8]) -> Result<usize, StoreError> {
        self.with_value(tree, name, |value| value.map_or(0, <[u8]>::len))
    }

    fn with_value<T>(
        &self,
        tree: TreeNumber,
        name: &[u8],
        read: impl FnOnce(Option<&[u8]>) -> T,
    ) -> Result<T, StoreError> {
        if let Some(value) = self.pending.get(&tree).and_then(|entries| entries.get(name)) {
            return Ok(read(value.as_deref()));
        }
        let mut known = self.known.borrow_mut();
        let known = known.entry(tree).or_default();
        if let Some(known) = known.get(name) {
            return Ok(read(known.value.as_deref()));
        }
        let key = tree::key_of(name);
        let value = entry::load_bytes(&*self.store, tree, (name, &key))?;
        let result = read(value.as_deref());
        known.insert(name.to_vec(), Known { key, value, is_changed: false });
        Ok(result)
    }

    /// Sets an entry, if the envelope in hand is accepted.
    pub(crate) fn put(&mut self, tree: TreeNumber, name: Vec<u8>, value: &impl BorshSerialize) {
        assert!(!name.first().is_some_and(|kind| KINDS.contains(kind)), "it has rows in an index");
        self.set(tree, name, Some(entry::bytes_of(value)));
    }

    /// Removes an entry that has no rows in an index, if the envelope in hand is accepted.
    pub(crate) fn remove(&mut self, tree: TreeNumber, name: Vec<u8>) {
        assert!(!name.first().is_some_and(|kind| KINDS.contains(kind)), "it has rows in an index");
        self.set(tree, name, None);
    }

    /// Sets or removes an entry with its rows of the index, if the envelope in hand is accepted.
    pub(crate) fn put_indexed<T: Indexed>(
        &mut self,
        tree: TreeNumber,
        name: Vec<u8>,
        value: Option<&T>,
    ) -> Result<(), StoreError> {
        let before: Option<T> = self.get(tree, &name)?;
        self.put_over(tree, name, before.as_ref(), value)
    }

    /// As [`Overlay::put_indexed`], over what the envelope in hand sees there.
    pub(crate) fn put_over<T: Indexed>(
        &mut self,
        tree: TreeNumber,
        name: Vec<u8>,
        before: Option<&T>,
        value: Option<&T>,
    ) -> Result<(), StoreError> {
        if !before.zip(value).is_some_and(|(before, value)| value.has_rows_of(before)) {
            let rows = |of: Option<&T>| of.map_or(Some(Vec::new()), |of| of.index(tree, name.get(1..)?));
            let (old, new) = (rows(before), rows(value));
            let (old, new) = old.zip(new).ok_or_else(|| entry::damaged("the name of an entry"))?;
            self.replace_rows(old, new);
        }
        self.set(tree, name, value.map(entry::bytes_of));
        Ok(())
    }

    /// Touches only the rows that differ: an entry such as a path's locks has many, and changes one.
    fn replace_rows(&mut self, old: Vec<IndexRow>, new: Vec<IndexRow>) {
        let mut gone: BTreeMap<_, _> = old.into_iter().map(|(table, key, value)| ((table, key), value)).collect();
        for (table, key, value) in new {
            let before = gone.remove(&(table, key.clone()));
            if before.as_ref() != Some(&value) {
                self.put_row(table.into(), key, value);
            }
        }
        gone.into_keys().for_each(|(table, key)| self.remove_row(table, key));
    }

    fn set(&mut self, tree: TreeNumber, name: Vec<u8>, value: Option<Vec<u8>>) {
        self.pending.entry(tree).or_default().insert(name, value);
    }

    /// A row as the envelope in hand sees it.
    pub(crate) fn row<T: BorshDeserialize>(&self, table: Live, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.bytes(table, key)?.map(|value| entry::value_of(&value)).transpose()
    }

    /// A row's bytes as the envelope in hand sees them.
    pub(crate) fn bytes(&self, table: Live, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let table = Table::from(table);
        if !self.rows.is_empty()
            && let Some(value) = self.rows.get(&(table, key.to_vec()))
        {
            return Ok(value.clone());
        }
        self.store.get(table, key)
    }

    /// Rows of `from..=to` that the envelope in hand wrote, ascending.
    pub(super) fn written_rows(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
    ) -> impl DoubleEndedIterator<Item = Written<'_>> {
        let range = (from <= to).then(|| self.rows.range((table, from.to_vec())..=(table, to.to_vec())));
        range.into_iter().flatten().map(|((_, key), value)| (key.as_slice(), value.as_deref()))
    }

    /// Sets a row, if the envelope in hand is accepted.
    pub(crate) fn put_row(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.gaps[table as usize].get_mut().fill(&key);
        if table == Table::Index && rows::is_promise(&key) {
            self.unpromised.set(None);
        }
        self.rows.insert((table, key), Some(value));
    }

    /// Stores a content, if the envelope in hand is accepted: once, for each of its operations may name the same megabytes.
    pub(crate) fn put_content(&mut self, content: &Digest, bytes: impl FnOnce() -> Vec<u8>) {
        self.rows.entry((Table::Contents, content.0.to_vec())).or_insert_with(|| Some(bytes()));
    }

    /// Removes a row, if the envelope in hand is accepted.
    pub(crate) fn remove_row(&mut self, table: Live, key: Vec<u8>) {
        if table == Live::Names {
            self.full.take();
        }
        self.rows.insert((table.into(), key), None);
    }

    /// Sets a row that only says in another way what earlier envelopes did.
    pub(crate) fn derive(&mut self, key: &[u8], value: &impl BorshSerialize) -> Result<(), StoreError> {
        self.put_now(Table::Index, key, &entry::bytes_of(value))
    }

    /// Keys of rows in `from..=to` as the envelope in hand sees them, ascending.
    pub(crate) fn keys(&self, table: Live, from: &[u8], to: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut found = Vec::new();
        self.scan(table, from, to, &mut |key, _| {
            found.push(key.to_vec());
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// The envelope in hand is accepted.
    pub(crate) fn commit(&mut self) -> Result<(), StoreError> {
        self.store.step();
        self.gaps = Default::default();
        for (tree, entries) in core::mem::take(&mut self.pending) {
            let known = self.known.get_mut().entry(tree).or_default();
            for (name, value) in entries {
                let known = known.entry(name).or_insert_with_key(|name| Known::unread(name));
                (known.value, known.is_changed) = (value, true);
            }
        }
        for ((table, key), value) in core::mem::take(&mut self.rows) {
            let Some(value) = value else {
                self.store.delete(table, &key)?;
                continue;
            };
            if let Some(named) = &mut self.named {
                named.extend(named::by_row(table, &key, &value)?);
            }
            self.store.give(table, key, value)?;
        }
        Ok(())
    }

    /// The envelope in hand changes nothing.
    pub(crate) fn rollback(&mut self) {
        self.store.step();
        self.pending.clear();
        self.rows.clear();
        self.full.take();
        self.unpromised.set(None);
        self.gaps = Default::default();
    }

    /// Writes the entries of the slot; what changed in each tree.
    pub(crate) fn write(&mut self) -> Result<BTreeMap<TreeNumber, Changes>, StoreError> {
        self.commit()?;
        let mut changes = BTreeMap::new();
        for (tree, entries) in self.known.take() {
            let changed = entries.into_iter().filter(|(_, known)| known.is_changed);
            let written: Result<Changes, StoreError> =
                changed.map(|(name, known)| self.write_entry(tree, &name, known)).collect();
            changes.insert(tree, written?);
        }
        changes.retain(|_, changes: &mut Changes| !changes.is_empty());
        Ok(changes)
    }

    fn write_entry(
        &mut self,
        tree: TreeNumber,
        name: &[u8],
        known: Known,
    ) -> Result<(Key, Option<Digest>), StoreError> {
        let row = tree::row(tree, &known.key);
        let Some(value) = known.value else {
            self.store.delete(Table::Entries, &row)?;
            return Ok((known.key, None));
        };
        if let Some(named) = &mut self.named {
            named.extend(named::by_entry(name, &value)?);
        }
        let hash = entry::value_hash(&value);
        self.store.give(Table::Entries, row.to_vec(), entry::encode(&hash, name, &value))?;
        Ok((known.key, Some(hash)))
    }

    /// Sets a row outside every envelope.
    pub(crate) fn put_now(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.gaps[table as usize].get_mut().fill(key);
        self.store.put(table, key, value)
    }
}

impl Known {
    /// An entry that is about to be written.
    fn unread(name: &[u8]) -> Self {
        Self { key: tree::key_of(name), value: None, is_changed: false }
    }
}

impl entry::Entries for Overlay<'_> {
    fn entry<T: BorshDeserialize>(&self, tree: TreeNumber, name: &[u8]) -> Result<Option<T>, StoreError> {
        self.get(tree, name)
    }
}
