//! Values on the disk: small ones whole, large ones in pieces.
//!
//! redb gives a large value a run of pages whose number is a power of two: a bundle of 1 MiB and its header would take
//! 2 MiB, a file of 16 MiB twice itself, and each commit would write that. A piece fills one small run. The last byte
//! of what a row stores says how its value is kept.

use crate::tables::{Definition, Name, Writes};
use quorate_ledger::StoreError;
use redb::{ReadableTableMetadata, WriteTransaction};
use std::borrow::Cow;

/// Bytes of a piece: with its key and redb's own, four pages of 4 KiB.
const PIECE_BYTES: usize = 16_384 - 256;

/// The value comes before this byte.
const WHOLE: u8 = 0;

/// Before this byte comes the value's length; the value is in [`Name::Pieces`].
const SPLIT: u8 = 1;

type Table<'t> = redb::Table<'t, &'static [u8], &'static [u8]>;

/// Writer of rows into one table: give it the rows in key order.
pub(crate) struct Writer<'t> {
    table: Table<'t>,
    pieces: Pieces<'t>,
    stored: Vec<u8>,
}

impl<'t> Writer<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction, name: Name) -> Result<Self, redb::Error> {
        let table = transaction.open_table(name.definition())?;
        Ok(Self { table, pieces: Pieces { transaction, name, table: None }, stored: Vec::new() })
    }

    /// Whether the table has no row.
    pub(crate) fn is_empty(&self) -> Result<bool, redb::Error> {
        Ok(self.table.is_empty()?)
    }

    /// Writes a row, or removes it.
    pub(crate) fn put(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), redb::Error> {
        let count = value.map_or(0, |value| count_for(value.len()));
        let old = match value {
            None => self.table.remove(key)?,
            Some(value) if count == 0 => {
                self.stored.clear();
                self.stored.extend_from_slice(value);
                self.stored.push(WHOLE);
                self.table.insert(key, self.stored.as_slice())?
            }
            Some(value) => {
                self.pieces.put(key, value)?;
                self.table.insert(key, head(value.len()).as_slice())?
            }
        };
        let old_count = old.map_or(0, |old| pieces_in(old.value()));
        self.pieces.remove(key, count..old_count)
    }
}

/// Writes rows into a table.
pub(crate) fn write(transaction: &WriteTransaction, name: Name, writes: &Writes) -> Result<(), redb::Error> {
    let mut writer = Writer::open(transaction, name)?;
    writes.iter().try_for_each(|(key, value)| writer.put(key, value.as_ref().map(|value| value.as_slice())))
}

/// The value of a row that stores `stored`; `piece` fetches by key from [`Name::Pieces`].
pub(crate) fn read<'a>(
    name: Name,
    key: &[u8],
    stored: &'a [u8],
    mut piece: impl FnMut(&[u8], &mut Vec<u8>) -> Result<(), StoreError>,
) -> Result<Cow<'a, [u8]>, StoreError> {
    if let Some((&WHOLE, value)) = stored.split_last() {
        return Ok(Cow::Borrowed(value));
    }
    let broken = || StoreError(format!("a row of `{}` does not say how its value is kept", name.as_str()));
    let length = split_length(stored).ok_or_else(broken)?;
    let mut value = Vec::new(); // grows with what is really there
    for index in 0..count_for(length) {
        let before = value.len();
        piece(&piece_key(name, key, index), &mut value)?;
        if value.len() == before {
            break; // a length that is damaged may be any
        }
    }
    if value.len() == length { Ok(Cow::Owned(value)) } else { Err(broken()) }
}

/// The first piece of that value; all of one that stays whole.
pub(crate) fn beginning<'a>(
    name: Name,
    key: &[u8],
    stored: &'a [u8],
    mut piece: impl FnMut(&[u8], &mut Vec<u8>) -> Result<(), StoreError>,
) -> Result<Cow<'a, [u8]>, StoreError> {
    if split_length(stored).is_none() {
        return read(name, key, stored, piece);
    }
    let mut value = Vec::new();
    piece(&piece_key(name, key, 0), &mut value)?;
    Ok(Cow::Owned(value))
}

/// The same of a value in memory.
pub(crate) fn first_piece(value: &[u8]) -> &[u8] {
    &value[..value.len().min(PIECE_BYTES)]
}

/// The pieces of one table's values, opened when the first of them is touched.
struct Pieces<'t> {
    transaction: &'t WriteTransaction,
    name: Name,
    table: Option<Table<'t>>,
}

impl<'t> Pieces<'t> {
    fn table(&mut self) -> Result<&mut Table<'t>, redb::Error> {
        const PIECES: Definition = Name::Pieces.definition();
        let table = match self.table.take() {
            Some(table) => table,
            None => self.transaction.open_table(PIECES)?,
        };
        Ok(self.table.insert(table))
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), redb::Error> {
        for (index, bytes) in value.chunks(PIECE_BYTES).enumerate() {
            let key = piece_key(self.name, key, index);
            self.table()?.insert(key.as_slice(), bytes)?;
        }
        Ok(())
    }

    fn remove(&mut self, key: &[u8], indices: std::ops::Range<usize>) -> Result<(), redb::Error> {
        for index in indices {
            let key = piece_key(self.name, key, index);
            if self.table()?.remove(key.as_slice())?.is_none() {
                break; // a length that is damaged may be any
            }
        }
        Ok(())
    }
}

/// Head of a row whose value is split into pieces.
fn head(length: usize) -> [u8; 9] {
    let mut head = [SPLIT; 9];
    head[..8].copy_from_slice(&(length as u64).to_le_bytes());
    head
}

fn split_length(stored: &[u8]) -> Option<usize> {
    let (&SPLIT, length) = stored.split_last()? else { return None };
    usize::try_from(u64::from_le_bytes(length.try_into().ok()?)).ok()
}

/// Pieces that a stored row has.
fn pieces_in(stored: &[u8]) -> usize {
    split_length(stored).map_or(0, count_for)
}

/// Pieces of a value of this length; none if it stays whole.
fn count_for(length: usize) -> usize {
    if length <= PIECE_BYTES { 0 } else { length.div_ceil(PIECE_BYTES) }
}

/// (table, key of the row, index): no two rows share one, because the index has one length.
fn piece_key(name: Name, key: &[u8], index: usize) -> Vec<u8> {
    let index = (index as u32).to_be_bytes(); // 2^32 pieces are 64 TiB
    [&[name as u8], key, &index].concat()
}
