//! A row of a run on the disk: lengths, kind, a checksum of all of it, key, value.

use crc32fast::Hasher;
use std::fmt::{self, Display};

/// Bytes before a key: length of the key (2), length of the value (4), kind (1), checksum (4).
const HEAD_BYTES: usize = 11;

/// The checksum's place in the head.
const CHECK_AT: usize = 7;

/// Bytes of the longest value of a run. Merges copy rows again and again; a large value lies better in a tree.
const VALUE_BYTES_MAX: usize = 4 << 10;

/// Damage of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damage(pub(crate) &'static str);

/// Damage of a row whose checksum is not its own.
pub(crate) const NOT_AS_WRITTEN: Damage = Damage("a row of a run is not the one that was written");

impl Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Meaning of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The key has this value.
    Value,
    /// The key has no value, whatever older runs or the trees say.
    Removed,
    /// The value is in the trees, whatever older runs say.
    InTree,
}

/// Kind of the row that a run has for a key with this value.
pub(crate) fn kind_of(value: Option<&[u8]>) -> Kind {
    match value {
        None => Kind::Removed,
        Some(value) if value.len() > VALUE_BYTES_MAX => Kind::InTree,
        Some(_) => Kind::Value,
    }
}

/// A row as it lies in a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) key: &'a [u8],
    bytes: &'a [u8],
}

/// Appends a row.
pub(crate) fn write(bytes: &mut Vec<u8>, key: &[u8], kind: Kind, value: &[u8]) {
    let begin = bytes.len();
    bytes.extend_from_slice(&(key.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
    bytes.push(kind as u8);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(value);
    let check = check(&bytes[begin..]);
    bytes[begin + CHECK_AT..begin + HEAD_BYTES].copy_from_slice(&check);
}

/// Rows of a block, one after the other; ends with the first one that cannot be read.
pub(crate) fn rows(block: &[u8]) -> impl Iterator<Item = Result<Row<'_>, Damage>> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let row = (!rest.is_empty()).then(|| Row::first(rest))?;
        rest = row.as_ref().map_or(&[], |row| &rest[row.bytes.len()..]);
        Some(row)
    })
}

impl<'a> Row<'a> {
    /// The first row of these bytes.
    pub(crate) fn first(bytes: &'a [u8]) -> Result<Self, Damage> {
        let lengths = bytes.split_first_chunk().and_then(|(key, rest)| Some((key, rest.first_chunk()?)));
        let (key, value) = lengths.ok_or(Damage("a row of a run ends early"))?;
        let key_bytes = usize::from(u16::from_le_bytes(*key));
        let length = HEAD_BYTES + key_bytes + u32::from_le_bytes(*value) as usize;
        let bytes = bytes.get(..length).ok_or(Damage("a row of a run ends early"))?;
        Ok(Self { key: &bytes[HEAD_BYTES..HEAD_BYTES + key_bytes], bytes })
    }

    /// The row as it was written, checksum included.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether the row is the one that was written.
    pub(crate) fn is_sound(&self) -> bool {
        self.bytes[CHECK_AT..HEAD_BYTES] == check(self.bytes)
    }

    /// Meaning of the row. A damaged one has an empty value, as none but the empty content has: so its reader finds that
    /// one row damaged, and no other.
    pub(crate) fn kind(&self) -> Kind {
        match self.bytes[CHECK_AT - 1] {
            1 if self.is_sound() => Kind::Removed,
            2 if self.is_sound() => Kind::InTree,
            _ => Kind::Value,
        }
    }

    /// The value; empty where the row is damaged.
    pub(crate) fn value(&self) -> &'a [u8] {
        if self.is_sound() { &self.bytes[HEAD_BYTES + self.key.len()..] } else { &[] }
    }
}

/// Checksum of a row whose own place is left out.
fn check(bytes: &[u8]) -> [u8; 4] {
    let mut hasher = Hasher::new();
    hasher.update(&bytes[..CHECK_AT]);
    hasher.update(&bytes[HEAD_BYTES..]);
    hasher.finalize().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_what_was_written_and_a_changed_bit_of_it_is_seen() {
        let mut bytes = Vec::new();
        write(&mut bytes, b"key", Kind::Value, b"value");
        write(&mut bytes, b"next", Kind::Removed, b"");

        let row = Row::first(&bytes).unwrap();
        assert_eq!((row.key, row.kind(), row.value()), (&b"key"[..], Kind::Value, &b"value"[..]));
        let next = Row::first(&bytes[row.bytes().len()..]).unwrap();
        assert_eq!((next.key, next.kind()), (&b"next"[..], Kind::Removed));

        for bit in 0..8 * row.bytes().len() {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            match Row::first(&changed) {
                Ok(row) => assert!(!row.is_sound() && row.value().is_empty(), "bit {bit}"),
                Err(Damage(_)) => assert!(bit < 48, "bit {bit} is none of a length"),
            }
        }
    }
}
