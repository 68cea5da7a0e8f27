//! An ordered list counts on: where a side counted its items anew, one that the other adds has a number that is taken.

use super::Check;
use crate::ladder::Task;
use crate::language::{self, Shape};
use crate::lines;

/// Digits of an item's number; Markdown takes no more than nine.
const DIGITS_MAX: usize = 9;

/// Whether lists of prose break off counting more often than the sides explain.
pub(super) fn counts_on(input: &Task, merged: &[u8]) -> Option<Check> {
    if !matches!(language::of(input.path).shape, Shape::Markdown | Shape::Text) {
        return None;
    }
    input.work.take_len(input.len() + merged.len())?;
    let [base, ours, theirs] = [input.base.unwrap_or_default(), input.ours, input.theirs].map(breaks);
    let explained = ours.max(theirs).max((ours + theirs).saturating_sub(base));
    (breaks(merged) > explained).then_some(Check::Numbering)
}

/// A list that may go on.
struct List {
    indent: usize,
    last: u32,
    /// Whether all its items have one number, as where the reader's machine counts.
    is_constant: bool,
    breaks: usize,
}

impl List {
    fn take(&mut self, number: u32) {
        self.is_constant &= number == self.last;
        self.breaks += usize::from(self.last.checked_add(1) != Some(number));
        self.last = number;
    }

    fn broken(&self) -> usize {
        if self.is_constant { 0 } else { self.breaks }
    }
}

/// Count of items whose number is not the one after that of the item before.
fn breaks(file: &[u8]) -> usize {
    let (mut open, mut out): (Vec<List>, usize) = (Vec::new(), 0);
    let mut fence: Option<&[u8]> = None;
    for line in lines::split(file) {
        let bare = line.trim_ascii();
        let mark = [&b"```"[..], b"~~~"].into_iter().find(|mark| bare.starts_with(mark));
        if fence.is_some() || mark.is_some() {
            fence = if fence.is_none() { mark } else { fence.filter(|open| Some(*open) != mark) };
            continue;
        }
        if bare.is_empty() {
            continue;
        }
        let indent = line.len() - line.trim_ascii_start().len();
        let number = number(bare);
        // What stands further out ends a list, and so does anything but an item at its own place.
        while open.last().is_some_and(|list| list.indent > indent || (list.indent == indent && number.is_none())) {
            out += open.pop().map_or(0, |list| list.broken());
        }
        let Some(number) = number else { continue };
        match open.last_mut().filter(|list| list.indent == indent) {
            Some(list) => list.take(number),
            None => open.push(List { indent, last: number, is_constant: true, breaks: 0 }),
        }
    }
    out + open.iter().map(List::broken).sum::<usize>()
}

/// The number of an item: digits, a dot or bracket, a blank.
fn number(line: &[u8]) -> Option<u32> {
    let digits = line.iter().take(DIGITS_MAX + 1).take_while(|b| b.is_ascii_digit()).count();
    let is_item = matches!(line.get(digits), Some(b'.' | b')')) && line.get(digits + 1).is_none_or(|b| *b == b' ');
    let number = std::str::from_utf8(&line[..digits]).ok()?;
    if is_item && digits <= DIGITS_MAX { number.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn numbering_stops_an_item_whose_number_is_taken() {
        let [base, ours, theirs] = ["1. a\n2. b\n", "1. a\n2. n\n3. b\n", "1. a\n2. b\n3. c\n"];
        let merged = "1. a\n2. n\n3. b\n3. c\n";
        assert_eq!(refused("a.md", base, ours, theirs, merged), Some(Check::Numbering));
    }

    #[test]
    fn a_list_counts_on_over_what_stands_in_its_items() {
        assert_eq!(breaks(b"1. a\n\n   more\n   1. x\n   2. y\n2. b\n   1. z\n3. c\n"), 0);
        assert_eq!(breaks(b"1. a\n2. b\n2. c\n4) d\n"), 2);
    }

    #[test]
    fn lists_of_ones_and_two_lists_and_code_are_no_breaks() {
        assert_eq!(breaks(b"1. a\n1. b\n1. c\n"), 0);
        assert_eq!(breaks(b"1. a\n2. b\n\nWords.\n\n1. c\n2. d\n"), 0);
        assert_eq!(breaks(b"```\n1. a\n3. b\n```\n2020. a\n2021 b\n1.5 c\n"), 0);
    }
}
