//! Sections: a run is a list of them, each of one table. A section has blocks of rows, and behind them its head: where
//! its blocks begin, and a filter of its keys. The run's top lists the sections.

use super::filter;
use super::row::{self, Damage, Kind, Row};
use super::sizes::Sizes;
use crate::tables::Name;
use borsh::{BorshDeserialize, BorshSerialize};

/// A section in the top of its run.
#[derive(Debug, Clone, BorshSerialize, BorshDeserialize)]
pub(crate) struct Section {
    /// Number of the table.
    pub(crate) table: u8,
    pub(crate) first: Vec<u8>,
    pub(crate) last: Vec<u8>,
    /// Where its blocks begin in the file.
    pub(crate) at: u64,
    pub(crate) blocks_bytes: u32,
    pub(crate) head_bytes: u32,
    head_check: u32,
    /// All rows, and those of them that remove one.
    pub(crate) rows: u32,
    pub(crate) removed: u32,
}

impl Section {
    /// Bytes in the file.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.blocks_bytes) + u64::from(self.head_bytes)
    }

    /// The head, if these are its bytes.
    pub(crate) fn head(&self, bytes: &[u8]) -> Result<Head, Damage> {
        let head = (crc32fast::hash(bytes) == self.head_check).then(|| borsh::from_slice(bytes).ok()).flatten();
        head.ok_or(Damage("the head of a section of a run is not the one that was written"))
    }
}

/// The head of a section.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub(crate) struct Head {
    /// For each block the shortest bytes that are not above its first key and above all keys before it, one after the
    /// other.
    separators: Vec<u8>,
    /// For each block where its separator ends, and where the block ends in the section.
    ends: Vec<(u32, u32)>,
    filter: Vec<u8>,
}

impl Head {
    pub(crate) fn blocks(&self) -> usize {
        self.ends.len()
    }

    /// The only block in which a key may be.
    pub(crate) fn block_of(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (1, self.ends.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.separator(middle) <= key { low = middle + 1 } else { high = middle }
        }
        low - 1
    }

    /// Begin and end of a block in its section.
    pub(crate) fn block(&self, index: usize) -> (u32, u32) {
        (index.checked_sub(1).map_or(0, |before| self.ends[before].1), self.ends[index].1)
    }

    pub(crate) fn may_hold(&self, print: u64) -> bool {
        filter::may_hold(&self.filter, print)
    }

    /// Bytes in memory.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.separators.len() + self.ends.len() * size_of::<(u32, u32)>() + self.filter.len()
    }

    fn separator(&self, index: usize) -> &[u8] {
        let begin = index.checked_sub(1).map_or(0, |before| self.ends[before].0);
        &self.separators[begin as usize..self.ends[index].0 as usize]
    }
}

/// A section in the making: rows come in the order of their keys.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    bytes: Vec<u8>,
    /// Where the block in the making begins.
    block_at: usize,
    head: Head,
    prints: Vec<u64>,
    first: Vec<u8>,
    last: Vec<u8>,
    rows: u32,
    removed: u32,
}

impl Draft {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    pub(crate) fn is_full(&self, sizes: &Sizes) -> bool {
        self.bytes.len() >= sizes.section
    }

    pub(crate) fn put(&mut self, key: &[u8], kind: Kind, value: &[u8], sizes: &Sizes) {
        self.enter(key, kind, sizes);
        row::write(&mut self.bytes, key, kind, value);
    }

    /// Puts a row as it lies in another run, with its checksum.
    pub(crate) fn copy(&mut self, row: &Row<'_>, sizes: &Sizes) {
        self.enter(row.key, row.kind(), sizes);
        self.bytes.extend_from_slice(row.bytes());
    }

    fn enter(&mut self, key: &[u8], kind: Kind, sizes: &Sizes) {
        if self.is_empty() {
            self.first = key.to_vec();
            self.head.ends.push((0, 0)); // no separator: the first block is that of all lower keys
        } else if self.bytes.len() - self.block_at >= sizes.block {
            self.end_block();
            self.head.separators.extend_from_slice(separator(&self.last, key));
            self.head.ends.push((self.head.separators.len() as u32, 0));
        }
        let print = filter::print(key);
        if self.prints.last() != Some(&print) {
            self.prints.push(print);
        }
        self.last.clear();
        self.last.extend_from_slice(key);
        self.rows += 1;
        self.removed += u32::from(kind == Kind::Removed);
    }

    fn end_block(&mut self) {
        self.block_at = self.bytes.len();
        if let Some((_, end)) = self.head.ends.last_mut() {
            *end = self.bytes.len() as u32;
        }
    }

    /// The section's place in the top, and its bytes for the file; the draft is empty again.
    pub(crate) fn end(&mut self, name: Name, at: u64) -> (Section, Vec<u8>) {
        self.end_block();
        let Self { mut bytes, mut head, prints, first, last, rows, removed, .. } = std::mem::take(self);
        head.filter = filter::build(&prints);
        let (blocks_bytes, encoded) = (bytes.len() as u32, crate::row::encode(&head));
        let (head_bytes, head_check) = (encoded.len() as u32, crc32fast::hash(&encoded));
        bytes.extend_from_slice(&encoded);
        let section =
            Section { table: name as u8, first, last, at, blocks_bytes, head_bytes, head_check, rows, removed };
        (section, bytes)
    }
}

/// The shortest begin of `next` that is above `last`, which is below it.
fn separator<'a>(last: &[u8], next: &'a [u8]) -> &'a [u8] {
    let shared = last.iter().zip(next).take_while(|(a, b)| a == b).count();
    &next[..(shared + 1).min(next.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_separator_is_above_the_key_before_and_not_above_the_next() {
        for (last, next) in [(&b"abc"[..], &b"abd"[..]), (b"ab", b"abc"), (b"", b"x"), (b"abc", b"b")] {
            let between = separator(last, next);
            assert!(last < between && between <= next, "{last:?} {between:?} {next:?}");
        }
    }

    #[test]
    fn a_section_finds_each_of_its_keys_in_the_block_that_it_names() {
        let (sizes, mut draft) = (Sizes::SMALL, Draft::default());
        let key = |number: u16| number.to_be_bytes();
        (0..400).for_each(|number| draft.put(&key(3 * number), Kind::Value, b"value", &sizes));
        let (section, bytes) = draft.end(Name::Contents, 0);

        let head = section.head(&bytes[section.blocks_bytes as usize..]).unwrap();

        assert!(head.blocks() > 10 && draft.is_empty());
        for number in 0..400 {
            let (begin, end) = head.block(head.block_of(&key(3 * number)));
            let mut block = row::rows(&bytes[begin as usize..end as usize]);
            let found = block.any(|row| row.unwrap().key == key(3 * number));
            assert!(found && head.may_hold(filter::print(&key(3 * number))), "{number}");
        }
        assert_eq!((section.first.as_slice(), section.last.as_slice()), (&key(0)[..], &key(3 * 399)[..]));
    }

    #[test]
    fn a_head_with_a_changed_bit_is_none() {
        let mut draft = Draft::default();
        draft.put(b"key", Kind::Removed, b"", &Sizes::SMALL);
        let (section, mut bytes) = draft.end(Name::Past, 0);
        assert_eq!((section.rows, section.removed), (1, 1));

        *bytes.last_mut().unwrap() ^= 1;
        assert!(section.head(&bytes[section.blocks_bytes as usize..]).is_err());
    }
}
