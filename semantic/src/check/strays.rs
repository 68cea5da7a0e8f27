//! A line that one side added to a named item stands in that item, or in what the other side renamed it to.
//!
//! Where one side takes an item away and writes another in its place, or moves it, a line diff puts what the other side added to the
//! item into the one that stands there now.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Check;
use super::items::{Places, places};
use super::names::Names;
use crate::ladder::Task;
use crate::lines;
use crate::words;
use crate::work::Work;

/// Steps of cutting one byte into items, and of finding its line.
const READ_STEPS: usize = 24;

/// A file with the places of its named items, and of its lines that say something.
struct File<'a> {
    text: &'a [u8],
    items: Places,
    lines: BTreeMap<&'a [u8], Vec<usize>>,
}

pub(super) fn hold(input: &Task, merged: &[u8]) -> Option<Check> {
    input.work.take_len(READ_STEPS * input.structured_len(merged))?;
    let mut names = Names::default();
    let mut read = |text| File::read(input, text, &mut names);
    let (base, ours, theirs, merged) = (read(input.base?)?, read(input.ours)?, read(input.theirs)?, read(merged)?);
    let strays = |side: &File, other: &File| strays([&base, side, other, &merged], input.work);
    (strays(&ours, &theirs)? || strays(&theirs, &ours)?).then_some(Check::ItemAccounting)
}

/// Whether a line that a side added to an item of base stands in another one. None out of steps.
fn strays([base, side, other, merged]: [&File; 4], work: &Work) -> Option<bool> {
    for (line, at) in &side.lines {
        let (&[at], Some(places)) = (&at[..], merged.lines.get(line)) else { continue };
        if base.lines.contains_key(line) || other.lines.contains_key(line) {
            continue;
        }
        work.take_len(side.items.len() + merged.items.len() * places.len())?;
        let Some(item) = side.innermost(at) else { continue };
        let Some(Some(was)) = base.items.get(&item) else { continue };
        let is_home = |at: &usize| match merged.items.get(&item) {
            Some(Some(span)) if span.contains(at) => true,
            Some(None) => true, // of two of one name nobody knows which it is
            _ => merged.innermost(*at).is_some_and(|now| is_renamed((base, was), other, now)),
        };
        if !places.iter().any(is_home) {
            return Some(true);
        }
    }
    Some(false)
}

/// Whether an item is what the other side made of one of base: another name, and half of its lines.
fn is_renamed((base, was): (&File, &Range<usize>), other: &File, now: usize) -> bool {
    let Some(Some(span)) = other.items.get(&now).filter(|_| !base.items.contains_key(&now)) else { return false };
    let (lines, kept) = said(&base.text[was.clone()]).fold((0, 0), |(lines, kept), line| {
        let stays = other.lines.get(line).is_some_and(|places| places.iter().any(|at| span.contains(at)));
        (lines + 1, kept + usize::from(stays))
    });
    2 * kept >= lines || lines < 2
}

/// The lines with a word, without the blanks around them.
fn said(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines::split(text).into_iter().map(<[u8]>::trim_ascii).filter(|line| line.iter().any(|b| words::is_word_byte(*b)))
}

impl<'a> File<'a> {
    /// Reads a file; none out of steps, or where it has no items.
    fn read(input: &Task, text: &'a [u8], names: &mut Names) -> Option<Self> {
        let (items, mut lines) = (places(input, text, names)?, BTreeMap::<&[u8], Vec<usize>>::new());
        let mut at = 0;
        for line in lines::split(text) {
            said(line).for_each(|said| lines.entry(said).or_default().push(at));
            at += line.len();
        }
        Some(Self { text, items, lines })
    }

    /// The smallest item around the end of the line that begins here.
    fn innermost(&self, at: usize) -> Option<usize> {
        let around = self.items.iter().filter_map(|(id, span)| Some((id, span.as_ref()?)));
        let around = around.filter(|(_, span)| span.contains(&at));
        around.min_by_key(|(_, span)| span.len()).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    fn class(methods: &[&str]) -> String {
        format!("class A {{\n{}}}\n", methods.concat())
    }

    const POOL: &str = "    int openPool(int a) {\n        sort(38);\n        return 4;\n    }\n";

    #[test]
    fn item_accounting_stops_a_line_in_what_was_written_in_the_place_of_its_item() {
        let node = "    int takeNode(int a) {\n        scan(42);\n        return 7;\n    }\n";
        let with = |method: &str| method.replace("        return", "        leaf(15);\n        return");
        let (base, ours, theirs) = (class(&[POOL]), class(&[node]), class(&[&with(POOL)]));
        let merged = class(&[&with(node)]);
        assert_eq!(refused("A.java", &base, &ours, &theirs, &merged), Some(Check::ItemAccounting));
    }

    #[test]
    fn item_accounting_stops_a_line_that_stays_where_its_item_was_moved_away() {
        let lock = "    int writeLock(int a) {\n        join(41);\n        return 7;\n    }\n";
        let find = "    int find(int a) {\n        return 6;\n    }\n";
        let with = |method: &str| method.replace("{\n", "{\n        check(98);\n");
        let (base, theirs) = (class(&[POOL, find]), class(&[&with(POOL), find]));
        let moved = POOL.replace("38", "503");
        let (ours, merged) = (class(&[lock, find, &moved]), class(&[&with(lock), find, &moved]));
        assert_eq!(refused("A.java", &base, &ours, &theirs, &merged), Some(Check::ItemAccounting));
    }

    #[test]
    fn a_line_goes_along_with_an_item_that_the_other_side_renamed() {
        let with = |method: &str| method.replace("        return", "        leaf(15);\n        return");
        let renamed = POOL.replace("openPool", "openAll");
        let (base, ours, theirs) = (class(&[POOL]), class(&[&renamed]), class(&[&with(POOL)]));
        assert_eq!(refused("A.java", &base, &ours, &theirs, &class(&[&with(&renamed)])), None);
    }
}
