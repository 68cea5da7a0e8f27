//! An edit that one side alone made to a named item is in the result, and made to that item.
//!
//! A line diff follows lines, not names: where one side moves a function and another of the same lines comes to stand in its
//! place, an edit of the one would land in the other.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Check;
use super::names::Names;
use crate::items::{Code, Item};
use crate::ladder::Task;
use crate::language;
use crate::limits;

/// Steps of cutting one byte into items, naming and comparing them.
const READ_STEPS: usize = 16;

/// Places of the named items of a file by their numbers; none of a name that stands twice.
pub(super) type Places = BTreeMap<usize, Option<Range<usize>>>;

pub(super) fn kept(input: &Task, merged: &[u8]) -> Option<Check> {
    input.work.take_len(READ_STEPS * input.structured_len(merged))?;
    let mut names = Names::default();
    let mut read = |file| Some((file, places(input, file, &mut names)?));
    let [base, ours, theirs, merged] = [read(input.base?)?, read(input.ours)?, read(input.theirs)?, read(merged)?];
    let is_told = |id: &usize| [&base, &ours, &theirs, &merged].iter().all(|(_, file)| file.get(id) != Some(&None));
    let strays = |id: &usize| {
        let same = |one: &(&[u8], Places), other: &(&[u8], Places)| is_same(one, other, id);
        same(&base, &ours) && !same(&merged, &theirs) || same(&base, &theirs) && !same(&merged, &ours)
    };
    base.1.keys().any(|id| is_told(id) && strays(id)).then_some(Check::ItemAccounting)
}

/// Places in `base` of the named items, of more lines than one, that a side has no more.
pub(crate) fn items_gone(input: &Task, text: &[u8], side: &[u8]) -> Vec<Range<usize>> {
    let mut names = Names::default();
    let mut read = |file: &[u8]| {
        input.work.take_len(READ_STEPS * file.len())?;
        places(input, file, &mut names)
    };
    let (Some(base), Some(side)) = (read(text), read(side)) else { return Vec::new() };
    let gone = base.into_iter().filter(|(id, _)| !side.contains_key(id)).filter_map(|(_, place)| place);
    gone.filter(|item| said(&text[item.clone()]).count() > 1).collect()
}

/// Whether an item says the same in two files, or stands in neither.
fn is_same((one, of_one): &(&[u8], Places), (other, of_other): &(&[u8], Places), id: &usize) -> bool {
    match (of_one.get(id), of_other.get(id)) {
        (Some(Some(here)), Some(Some(there))) => said(&one[here.clone()]).eq(said(&other[there.clone()])),
        (here, there) => here.is_none() && there.is_none(),
    }
}

/// The lines that are not blank, without the blanks around them.
fn said(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

/// Where each named item stands; none out of steps.
pub(super) fn places(input: &Task, file: &[u8], names: &mut Names) -> Option<Places> {
    if file.len() > limits::STRUCTURE_BYTES_MAX {
        return None;
    }
    let code = Code::read(file, language::of(input.path), input.options.rules)?;
    let mut out = Places::new();
    let mut open: Vec<(usize, Item)> = code.items().into_iter().map(|item| (0, item)).collect();
    while let Some((container, item)) = open.pop() {
        let Some(name) = item.name else { continue };
        let id = names.id(container, name);
        input.work.take_len(READ_STEPS * item.span.len())?;
        open.extend(item.body.into_iter().flat_map(|body| code.items_in(body, true)).map(|member| (id, member)));
        let place = if out.contains_key(&id) { None } else { Some(item.span) };
        out.insert(id, place);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn item_accounting_stops_an_edit_that_landed_in_another_function() {
        let of = |a: &str, b: &str| format!("fn a() {{\n    {a}\n}}\nfn b() {{\n    {b}\n}}\n");
        let (base, ours) = (of("f(1)", "f(1)"), "fn b() {\n    f(1)\n}\nfn a() {\n    f(1)\n}\n");
        let (theirs, merged) = (of("f(2)", "f(1)"), ours.replacen("f(1)", "f(2)", 1));
        assert_eq!(refused("a.rs", &base, ours, &theirs, &merged), Some(Check::ItemAccounting));
    }
}
