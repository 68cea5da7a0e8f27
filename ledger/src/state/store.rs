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
    /// The history: what happened at each revision and to each path.
    History,
    /// Single values: genesis, execution point, counters.
    Meta,
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

    /// As [`Read::scan`], descending.
    fn scan_back(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;
}

/// Reading and writing inside one commit; reads see the writes before them.
pub trait Store: Read {
    /// Sets a value.
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError>;

    /// As [`Store::put`], for whoever has no more use for key and value: they need not be copied.
    fn give(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        self.put(table, &key, &value)
    }

    /// Removes a value; nothing happens if there is none.
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError>;
}
