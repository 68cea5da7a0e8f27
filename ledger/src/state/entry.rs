//! Entries as rows: the hash of the value, the name, the value.

use crate::state::rows;
use crate::state::store::{Read, StoreError, Table};
use crate::state::tree::{self, Key, TreeNumber};
use crate::vocabulary::path::Shown;
use borsh::{BorshDeserialize, BorshSerialize};
use core::ops::ControlFlow;
use quorate_pbft::{Digest, hash_parts};
use sha2::{Digest as _, Sha256};

/// Bytes that most values fit into. `borsh::to_vec` reserves 1,024, which rows that wait for their commit would keep.
const VALUE_BYTES: usize = 256;

/// Hash of an entry's value, as a leaf of a tree holds it.
pub(crate) fn value_hash(value: &[u8]) -> Digest {
    hash_parts("quorate/v1/value", &[value])
}

/// The row of an entry whose value has this hash.
pub(crate) fn encode(value_hash: &Digest, name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(36 + name.len() + value.len());
    row.extend_from_slice(&value_hash.0);
    row.extend_from_slice(&(name.len() as u32).to_le_bytes()); // names are paths and keys: far below 4 GiB
    row.extend_from_slice(name);
    row.extend_from_slice(value);
    row
}

/// Name and value of a row.
pub(crate) fn decode(row: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = row.get(32..)?.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// An entry's value as it stands in the store.
pub(crate) fn load_bytes(
    read: &dyn Read,
    number: TreeNumber,
    (name, key): (&[u8], &Key),
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(mut row) = read.get(Table::Entries, &tree::row(number, key))? else {
        return Ok(None);
    };
    let (found, value) = decode(&row).ok_or_else(|| damaged("an entry"))?;
    if found != name {
        return Err(damaged("the name of an entry"));
    }
    let start = row.len() - value.len();
    row.drain(..start);
    Ok(Some(row))
}

/// An entry as it stands in the store.
pub(crate) fn load<T: BorshDeserialize>(
    read: &dyn Read,
    number: TreeNumber,
    name: &[u8],
) -> Result<Option<T>, StoreError> {
    load_bytes(read, number, (name, &tree::key_of(name)))?.map(|value| value_of(&value)).transpose()
}

/// Checks each row of the state against its key and its hash, so that damage is found at the start.
pub(crate) fn check_rows(read: &dyn Read) -> Result<(), StoreError> {
    let mut damage = None;
    read.scan(Table::Entries, &[], &[0xff; 37], &mut |key, row| match is_sound(key, row) {
        true => ControlFlow::Continue(()),
        false => {
            let name = decode(row).map_or_else(String::new, |(name, _)| String::from_utf8_lossy(name).into_owned());
            damage = Some(StoreError(format!("the entry {} of the state is damaged", Shown(&name))));
            ControlFlow::Break(())
        }
    })?;
    damage.map_or(Ok(()), Err)
}

/// Whether a row hashes to its hash, and stands where its name says.
pub(crate) fn is_sound(key: &[u8], row: &[u8]) -> bool {
    let named = decode(row).is_some_and(|(name, _)| key.get(4..) == Some(&tree::key_of(name)[..]));
    named && decode(row).is_some_and(|(_, value)| row.starts_with(&value_hash(value).0))
}

/// Whether the row of an entry is the one that was written, or there is none.
pub(crate) fn has_sound_row(read: &dyn Read, number: TreeNumber, name: &[u8]) -> Result<bool, StoreError> {
    let key = tree::row(number, &tree::key_of(name));
    Ok(read.get(Table::Entries, &key)?.is_none_or(|row| is_sound(&key, &row)))
}

/// A content as it was stored; an error where the disk has changed it.
pub(crate) fn sound_content(hash: &Digest, bytes: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let is_sound = Sha256::digest(&bytes)[..] == hash.0;
    if is_sound { Ok(bytes) } else { Err(StoreError(format!("the content {hash} is damaged"))) }
}

/// Source of entries: the state as an envelope in hand sees it, or as it was committed.
pub(crate) trait Entries {
    /// An entry of a tree.
    fn entry<T: BorshDeserialize>(&self, number: TreeNumber, name: &[u8]) -> Result<Option<T>, StoreError>;
}

impl Entries for &dyn Read {
    fn entry<T: BorshDeserialize>(&self, number: TreeNumber, name: &[u8]) -> Result<Option<T>, StoreError> {
        load(*self, number, name)
    }
}

/// An entry as it stands in the store, or as it was when it left the state.
pub(crate) fn load_ever<T: BorshDeserialize>(
    read: &dyn Read,
    number: TreeNumber,
    name: &[u8],
) -> Result<Option<T>, StoreError> {
    match load(read, number, name)? {
        Some(found) => Ok(Some(found)),
        None => load_row(read, Table::Archive, &rows::left(number, name)),
    }
}

/// A row of another table as it stands in the store.
pub(crate) fn load_row<T: BorshDeserialize>(
    read: &dyn Read,
    table: Table,
    key: &[u8],
) -> Result<Option<T>, StoreError> {
    read.get(table, key)?.map(|value| value_of(&value)).transpose()
}

/// Calls `each` for the entries of the group's tree.
pub(crate) fn entries(
    read: &dyn Read,
    mut each: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (from, to) = (tree::row(0, &[0; 32]), tree::row(0, &[0xff; 32]));
    let mut result = Ok(());
    read.scan(Table::Entries, &from, &to, &mut |_, row| {
        result = decode(row).ok_or_else(|| damaged("an entry")).and_then(|(n, v)| each(n, v));
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    result
}

/// Reads back what this ledger wrote.
pub(crate) fn value_of<T: BorshDeserialize>(value: &[u8]) -> Result<T, StoreError> {
    borsh::from_slice(value).map_err(|_| damaged(core::any::type_name::<T>()))
}

/// The one encoding of a value.
pub(crate) fn bytes_of(value: &impl BorshSerialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(VALUE_BYTES);
    value.serialize(&mut bytes).expect("writing into memory cannot fail");
    bytes
}

pub(crate) fn damaged(what: &str) -> StoreError {
    StoreError(format!("{what} in the state cannot be read"))
}
