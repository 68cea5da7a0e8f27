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

/// Gives equal names equal numbers, in order of first sight.
#[derive(Default)]
pub(crate) struct Interner<'a> {
    ids: BTreeMap<&'a [u8], u32>,
}

impl<'a> Interner<'a> {
    pub(crate) fn id(&mut self, slice: &'a [u8]) -> u32 {
        let next = self.ids.len() as u32;
        *self.ids.entry(slice).or_insert(next)
    }

    pub(crate) fn len(&self) -> u32 {
        self.ids.len() as u32
    }
}

/// Numbers for the slices of several sequences, equal ones for equal slices, in order of first sight; and their count.
///
/// Of a sequence only what lies between the ends that it shares with an earlier one is looked up. Slices are found by sorting
/// hashes, and those of one hash by sorting bytes: no choice of lines costs more than a sort.
pub(crate) fn numbered<const N: usize>(sequences: [&[&[u8]]; N]) -> ([Vec<u32>; N], u32) {
    let ends: [Ends; N] = std::array::from_fn(|i| Ends::of(&sequences[..i], sequences[i]));
    let own = |i: usize| &sequences[i][ends[i].before..sequences[i].len() - ends[i].after];
    let slices: Vec<&[u8]> = (0..N).flat_map(|i| own(i).iter().copied()).collect();
    let (ids, count) = numbers(&slices);
    let (mut rest, mut out) = (&ids[..], Vec::with_capacity(N));
    for (i, ends) in ends.iter().enumerate() {
        let (own, others) = rest.split_at(own(i).len());
        rest = others;
        let twin: &[u32] = out.get(ends.twin).map_or(&[], |twin: &Vec<u32>| twin);
        out.push([&twin[..ends.before], own, &twin[twin.len() - ends.after..]].concat());
    }
    (std::array::from_fn(|i| std::mem::take(&mut out[i])), count)
}

/// Ends that a sequence shares with the earlier one of which it shares most.
#[derive(Default)]
struct Ends {
    twin: usize,
    before: usize,
    after: usize,
}

impl Ends {
    fn of(earlier: &[&[&[u8]]], sequence: &[&[u8]]) -> Self {
        let ends = earlier.iter().enumerate().map(|(twin, other)| {
            let (before, after) = common_ends(other, sequence);
            Self { twin, before, after }
        });
        ends.max_by_key(|ends| ends.before + ends.after).unwrap_or_default()
    }
}

/// Count of slices with which both sequences begin, and of those behind them with which both end.
pub(crate) fn common_ends(a: &[&[u8]], b: &[&[u8]]) -> (usize, usize) {
    let before = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let after = a[before..].iter().rev().zip(b[before..].iter().rev()).take_while(|(a, b)| a == b).count();
    (before, after)
}

fn numbers(slices: &[&[u8]]) -> (Vec<u32>, u32) {
    let first = first_equal(slices);
    let (mut ids, mut count) = (Vec::with_capacity(slices.len()), 0);
    for (at, first) in first.into_iter().enumerate() {
        match ids.get(first) {
            Some(id) => ids.push(*id),
            None => ids.push(count),
        }
        count += u32::from(first == at);
    }
    (ids, count)
}

/// For each slice the place of the first that is equal to it.
fn first_equal(slices: &[&[u8]]) -> Vec<usize> {
    // A hash with the place below it.
    let mut order: Vec<u128> = slices.iter().zip(0..).map(|(slice, at)| u128::from(hash(slice)) << 64 | at).collect();
    order.sort_unstable();
    let place = |entry: &u128| *entry as u64 as usize;
    let mut first: Vec<usize> = (0..slices.len()).collect();
    for alike in order.chunk_by(|a, b| a >> 64 == b >> 64).filter(|alike| alike.len() > 1) {
        let mut places: Vec<usize> = alike.iter().map(place).collect();
        if places.iter().any(|at| slices[*at] != slices[places[0]]) {
            // Stable: of equal ones the first stays in front.
            places.sort_by_key(|at| slices[*at]);
        }
        for equal in places.chunk_by(|a, b| slices[*a] == slices[*b]) {
            equal.iter().for_each(|at| first[*at] = equal[0]);
        }
    }
    first
}

/// FNV-1a.
fn hash(slice: &[u8]) -> u64 {
    slice.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Whether this is text: UTF-8 without a NUL byte.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_slices_have_equal_numbers_in_order_of_first_sight() {
        let lines = |text: &'static str| split(text.as_bytes());
        let ends = [lines("a\nb\na\nc\n"), lines("a\nx\na\nc\n"), lines("y\nx\n"), lines("")];
        let (ids, count) = numbered(ends.each_ref().map(Vec::as_slice));
        assert_eq!(ids, [vec![0, 1, 0, 2], vec![0, 3, 0, 2], vec![4, 3], vec![]]);
        assert_eq!(count, 5);
    }

    #[test]
    fn slices_of_one_hash_are_told_apart() {
        // Two texts of one hash by FNV-1a.
        let (a, b) = (&b"8yn0iYCKYHlIj4-BwPqk"[..], &b"GReLUrM4wMqfg9yzV3KQ"[..]);
        assert_eq!(hash(a), hash(b));
        let (ids, count) = numbered([&[a, b, a], &[b, b]]);
        assert_eq!((ids, count), ([vec![0, 1, 0], vec![1, 1]], 2));
    }
}
