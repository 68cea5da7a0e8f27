//! Rung 5: code by its declarations.
//!
//! The three files are cut into items. Items match by kind and name, wherever they stand; their order merges like
//! lines; what both changed inside merges by members, and in the end by lines again. Two new declarations at one
//! place stand one after the other, by name, for their order means nothing. Anything else is left to a conflict.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff3::{self, Chunk, Region, Touch};
use crate::items::{Code, Item};
use crate::ladder::Task;
use crate::language;
use crate::lines::Interner;
use crate::text::{self, Mode};
use crate::{Rules, Work};

/// Most items of one file or container that are matched; above it the file is text.
const ITEMS_MAX: usize = 10_000;

/// Steps of cutting one byte into items and naming them, on one level.
const READ_STEPS: usize = 16;

/// Merges a code file by its items; none where that is no answer.
pub(crate) fn merge(input: &Task) -> Option<Vec<u8>> {
    let language = language::of(input.path);
    let files = [input.base?, input.ours, input.theirs];
    input.work.take_len(READ_STEPS * input.len())?;
    let read = |file: usize| Code::read(files[file], language, input.options.rules);
    let codes = [read(0)?, read(1)?, read(2)?];
    let [base, ours, theirs] = [0, 1, 2].map(|i| Cut::new(input, files[i], &codes[i], codes[i].items()));
    merge_items(input, base, ours, theirs, 0)
}

/// Items of one side.
struct Cut<'a> {
    text: &'a [u8],
    code: &'a Code<'a>,
    items: Vec<Item>,
}

impl<'a> Cut<'a> {
    fn new(input: &Task, text: &'a [u8], code: &'a Code<'a>, items: Vec<Item>) -> Self {
        let items = if input.options.rules >= Rules::V26 { whole_lines(text, items) } else { items };
        Cut { text, code, items }
    }

    fn bytes(&self, i: usize) -> &'a [u8] {
        &self.text[self.items[i].span.clone()]
    }

    /// A name for each item: its own, or for what has none its text with a count of the same before it.
    fn keys(&self) -> Option<Vec<String>> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut keys = Vec::new();
        for (i, item) in self.items.iter().enumerate() {
            let key = item
                .name
                .clone()
                .unwrap_or_else(|| format!("\0{}", String::from_utf8_lossy(self.bytes(i).trim_ascii())));
            let count = seen.entry(key.clone()).or_default();
            *count += 1;
            if *count > 1 && item.name.is_some() {
                return None;
            }
            keys.push(if *count > 1 { format!("{key}\0{count}") } else { key });
        }
        Some(keys)
    }
}

/// Items that share no line. Those that do are one without a name: what ends a statement may be part of a word.
fn whole_lines(text: &[u8], items: Vec<Item>) -> Vec<Item> {
    let mut out: Vec<Item> = Vec::new();
    for item in items {
        match out.last_mut().filter(|last| !text[last.span.clone()].ends_with(b"\n")) {
            Some(last) => {
                *last = Item { span: last.span.start..item.span.end, name: None, unordered: false, body: None };
            }
            None => out.push(item),
        }
    }
    out
}

fn merge_items(input: &Task, base: Cut, ours: Cut, theirs: Cut, depth: usize) -> Option<Vec<u8>> {
    if depth > crate::items::DEPTH_MAX || [&base, &ours, &theirs].iter().any(|c| c.items.len() > ITEMS_MAX) {
        return None;
    }
    let (b, o, t) = (base.keys()?, ours.keys()?, theirs.keys()?);
    input.work.take_len(READ_STEPS * (b.len() + o.len() + t.len()))?;
    let order = merge_order(&b, (&o, &ours), (&t, &theirs), input.work)?;
    let distinct: BTreeSet<&String> = order.iter().collect();
    if distinct.len() != order.len() {
        return None;
    }
    // Whatever left the order must not have been edited by the side that still has it.
    let places = [&b, &o, &t].map(|keys| keys.iter().zip(0..).collect::<BTreeMap<&String, usize>>());
    for (i, key) in b.iter().enumerate().filter(|(_, key)| !distinct.contains(key)) {
        let kept_as_it_was =
            |side: usize, cut: &Cut| places[side].get(key).is_none_or(|j| cut.bytes(*j) == base.bytes(i));
        if !kept_as_it_was(1, &ours) || !kept_as_it_was(2, &theirs) {
            return None;
        }
    }
    let mut out = Vec::new();
    for key in &order {
        let places = [0, 1, 2].map(|side| places[side].get(key).copied());
        let bytes = merge_item(input, [&base, &ours, &theirs], places, depth)?;
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.extend_from_slice(line_end(input.options.rules, [&base, &ours, &theirs]));
        }
        out.extend_from_slice(&bytes);
    }
    Some(out)
}

/// End of a last line that has none and stands elsewhere now, as that of the line above it.
fn line_end(rules: Rules, files: [&Cut; 3]) -> &'static [u8] {
    let has_returns = |cut: &&Cut| {
        let last = cut.text.iter().rposition(|b| *b == b'\n');
        last.is_some_and(|at| cut.text[..at].ends_with(b"\r"))
    };
    if rules >= Rules::V26 && files.iter().any(has_returns) { b"\r\n" } else { b"\n" }
}

/// The order of names: like lines, but new declarations of both sides at one place stand by name.
fn merge_order(
    base: &[String],
    ours: (&[String], &Cut),
    theirs: (&[String], &Cut),
    work: &Work,
) -> Option<Vec<String>> {
    let mut interner = Interner::default();
    let [b, o, t] =
        [base, ours.0, theirs.0].map(|keys| keys.iter().map(|k| interner.id(k.as_bytes())).collect::<Vec<_>>());
    let mut out = Vec::new();
    let chunks = diff3::align([&b, &o, &t], interner.len(), Touch::Always, work)?;
    // What was added beside something was likely meant for it: not where the other side took that away.
    let beside = |pair: &[Chunk]| match pair {
        [Chunk::Ours(b, o), Chunk::Theirs(c, t)] => (b.is_empty() && t.is_empty()) || (o.is_empty() && c.is_empty()),
        [Chunk::Theirs(c, t), Chunk::Ours(b, o)] => (b.is_empty() && t.is_empty()) || (o.is_empty() && c.is_empty()),
        _ => false,
    };
    if chunks.windows(2).any(beside) {
        return None;
    }
    for chunk in chunks {
        match chunk {
            Chunk::Same(range) => out.extend_from_slice(&base[range]),
            Chunk::Ours(_, range) | Chunk::Both(_, range) => out.extend_from_slice(&ours.0[range]),
            Chunk::Theirs(_, range) => out.extend_from_slice(&theirs.0[range]),
            Chunk::Conflict(region) => out.extend(both_new(&region, ours, theirs)?),
        }
    }
    Some(out)
}

fn both_new(region: &Region, ours: (&[String], &Cut), theirs: (&[String], &Cut)) -> Option<Vec<String>> {
    let free = |cut: &Cut, range: &std::ops::Range<usize>| cut.items[range.clone()].iter().all(|i| i.unordered);
    if !region.base.is_empty() || !free(ours.1, &region.ours) || !free(theirs.1, &region.theirs) {
        return None;
    }
    let (o, t) = (&ours.0[region.ours.clone()], &theirs.0[region.theirs.clone()]);
    // Each side keeps its own order; the side whose first name is smaller goes first.
    let (first, second) = if o.first() <= t.first() { (o, t) } else { (t, o) };
    let known: BTreeSet<&String> = first.iter().collect();
    let rest = second.iter().filter(|key| !known.contains(key));
    Some(first.iter().chain(rest).cloned().collect())
}

fn merge_item(input: &Task, cuts: [&Cut; 3], places: [Option<usize>; 3], depth: usize) -> Option<Vec<u8>> {
    let at = |side: usize| places[side].map(|i| cuts[side].bytes(i));
    match (at(0), at(1), at(2)) {
        (_, Some(ours), Some(theirs)) if ours == theirs => Some(ours.to_vec()),
        (None, Some(only), None) | (None, None, Some(only)) => Some(only.to_vec()),
        (Some(base), Some(ours), Some(theirs)) if base == theirs => Some(ours.to_vec()),
        (Some(base), Some(ours), Some(theirs)) if base == ours => Some(theirs.to_vec()),
        (Some(base), Some(ours), Some(theirs)) => {
            let whole = Task { base: Some(base), ours, theirs, ..*input };
            text::whole(&text::merge(&whole, Mode::of(input))?.0).or_else(|| merge_members(input, cuts, places, depth))
        }
        _ => None,
    }
}

/// A container: what stands before and after its members by lines, the members by name.
fn merge_members(input: &Task, cuts: [&Cut; 3], places: [Option<usize>; 3], depth: usize) -> Option<Vec<u8>> {
    let mut parts = Vec::new();
    for (cut, place) in cuts.into_iter().zip(places) {
        let item = &cut.items[place?];
        parts.push((cut, item.span.clone(), item.body.clone()?));
        input.work.take_len(READ_STEPS * item.span.len())?;
    }
    let outside = |from: fn(&std::ops::Range<usize>, &std::ops::Range<usize>) -> std::ops::Range<usize>| {
        let of = |i: usize| &parts[i].0.text[from(&parts[i].1, &parts[i].2)];
        let part = Task { base: Some(of(0)), ours: of(1), theirs: of(2), ..*input };
        if part.base == Some(part.ours) || part.ours == part.theirs {
            return Some(part.theirs.to_vec());
        }
        text::whole(&text::merge(&part, Mode::of(input))?.0)
    };
    let head = outside(|span, body| span.start..body.start)?;
    let foot = outside(|span, body| body.end..span.end)?;
    let cut = |i: usize| {
        let (cut, _, body) = &parts[i];
        Cut::new(input, cut.text, cut.code, cut.code.items_in(body.clone(), true))
    };
    let members = merge_items(input, cut(0), cut(1), cut(2), depth + 1)?;
    Some([head, members, foot].concat())
}
