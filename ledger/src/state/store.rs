//! Store interface: ordered tables of bytes, read and written inside one durable commit.

use core::ops::ControlFlow;

/// The tables that the ledger keeps. Each is ordered by its keys' bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Leaves of the state trees: (tree, SHA-256 of the entry's name) to (value hash, entry).
    Entries,
    /// Names in their order, for listing: (tree, name) to what the listing needs.
    Names,
    /// Contents by their SHA-256.
    Contents,
    /// Receipts by envelope id, and what looks them up by place.
    Receipts,
    /// Nodes of the append-only receipt tree: (level, index) to digest.
    Range,
    /// Rows that an entry vouches for by a running hash: (tree, key of the entry, place) to versions of a path, numbers
    /// of an author, sides of a conflict, the bytes of an envelope that waits.
    Past,
    /// Rows that only say in another order what entries and rows of the past say; they can be made again.
    Index,
    /// History, which execution never reads: the log, lists of slots, news, and what left the state.
    Archive,
    /// Single values: genesis, execution point, counters.
    Meta,
}

impl Table {
    #[cfg(feature = "execution")]
    pub(crate) const COUNT: usize = Self::Meta as usize + 1;
}

/// The tables that executing a slot reads beside the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Live {
    /// [`Table::Names`].
    Names,
    /// [`Table::Contents`].
    Contents,
    /// [`Table::Past`].
    Past,
    /// [`Table::Index`].
    Index,
}

impl From<Live> for Table {
    fn from(table: Live) -> Self {
        match table {
            Live::Names => Self::Names,
            Live::Contents => Self::Contents,
            Live::Past => Self::Past,
            Live::Index => Self::Index,
        }
    }
}

/// The disk said no. The replica stops rather than going on with half a truth.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("storage: {0}")]
pub struct StoreError(pub String);

/// Reading. A reader sees one moment: what was written before it began.
#[allow(clippy::type_complexity)] // a name for what a scan hands out would hide it
pub trait Read {
    /// The value under a key.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Calls `each` for keys in `from..=to`, ascending, until it breaks.
    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// The first keys of `from..=to`, `most` at most; a store may read no value for it.
    fn first_keys(&self, table: Table, from: &[u8], to: &[u8], most: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut found = Vec::new();
        self.scan(table, from, to, &mut |key, _| {
            found.push(key.to_vec());
            if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(found)
    }

    /// As [`Read::scan`], descending.
    fn scan_back(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;
}

/// Reading as execution may: there is no way to history.
#[allow(clippy::type_complexity)] // as above
pub(crate) trait ReadLive {
    /// The value under a key.
    fn get(&self, table: Live, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// As [`Read::scan`].
    fn scan(
        &self,
        table: Live,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// As [`Read::scan_back`].
    fn scan_back(
        &self,
        table: Live,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;
}

/// A store as execution may read it.
#[derive(Clone, Copy)]
pub(crate) struct LiveStore<'a>(pub(crate) &'a dyn Read);

impl ReadLive for LiveStore<'_> {
    fn get(&self, table: Live, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(table.into(), key)
    }

    fn scan(
        &self,
        table: Live,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.0.scan(table.into(), from, to, each)
    }

    fn scan_back(
        &self,
        table: Live,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.0.scan_back(table.into(), from, to, each)
    }
}

/// Reading and writing inside one commit; reads see the writes before them.
pub trait Store: Read {
    /// Sets a value.
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError>;

    /// As [`Store::put`], for whoever has no more use for key and value: they need not be copied.
    fn give(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        self.put(table, &key, &value)
    }

    /// A step of execution is over, as an envelope is: nothing to do, and a sign of life for who keeps the store.
    fn step(&mut self) {}

    /// Removes a value; nothing happens if there is none.
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError>;
}
