//! Lines: slices of the input up to and with their line feed, and numbers for equal ones.

use std::collections::BTreeMap;

/// Splits into lines that keep their `\n`; together they are the input again.
pub(crate) fn split(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|b| *b == b'\n').collect()
}

/// Lines in the order of their bytes.
pub(crate) fn sorted(text: &[u8]) -> Vec<&[u8]> {
    let mut lines = split(text);
    lines.sort_unstable();
    lines
}

/// Gives equal slices equal numbers, in order of first sight.
#[derive(Default)]
pub(crate) struct Interner<'a> {
    ids: BTreeMap<&'a [u8], u32>,
}

impl<'a> Interner<'a> {
    pub(crate) fn id(&mut self, slice: &'a [u8]) -> u32 {
        let next = self.ids.len() as u32;
        *self.ids.entry(slice).or_insert(next)
    }

    pub(crate) fn ids(&mut self, slices: &[&'a [u8]]) -> Vec<u32> {
        slices.iter().map(|s| self.id(s)).collect()
    }

    pub(crate) fn len(&self) -> u32 {
        self.ids.len() as u32
    }
}

/// Whether this is text: UTF-8 without a NUL byte.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok()
}
