//! A statement that both sides added to one declaration, at different places, stands there once on each side and twice in the
//! result.

use std::collections::BTreeMap;

use super::Check;
use super::accounting::identifiers;
use super::items::{Places, places};
use super::names::Names;
use crate::Rules;
use crate::ladder::Task;
use crate::lines;
use crate::words;

/// Steps of cutting one byte into items and counting its lines.
const READ_STEPS: usize = 32;

/// Words that a line says at least: `return false` and `else` may well be said twice.
const WORDS_MIN: usize = 3;

pub(super) fn stands_twice(input: &Task, merged: &[u8]) -> Option<Check> {
    input.work.take_len(READ_STEPS * input.structured_len(merged))?;
    let mut names = Names::default();
    let files = [input.base?, input.ours, input.theirs, merged];
    let rules = input.options.rules;
    let [base, ours, theirs, result] = files.map(|file| Some(lines_of(file, &places(input, file, &mut names)?, rules)));
    let (base, ours, theirs, result) = (base?, ours?, theirs?, result?);
    let is_doubled = |(at, count): (&(usize, &[u8]), &usize)| {
        let [b, o, t] = [&base, &ours, &theirs].map(|side| side.get(at).copied().unwrap_or_default());
        o > b && t > b && *count > o.max(t)
    };
    result.iter().any(is_doubled).then_some(Check::LineAccounting)
}

/// Counts of the lines of each declaration, without those of others inside of it; before rules 24 of those that hold no other.
fn lines_of<'a>(file: &'a [u8], places: &Places, rules: Rules) -> BTreeMap<(usize, &'a [u8]), usize> {
    let says_much = |line: &[u8]| identifiers(line).count() >= WORDS_MIN || rules >= Rules::V24 && is_signature(line);
    let mut items: Vec<_> = places.iter().filter_map(|(id, place)| Some((place.clone()?, *id))).collect();
    items.sort_by_key(|(place, _)| (place.start, std::cmp::Reverse(place.end)));
    let mut out = BTreeMap::new();
    for (i, (place, id)) in items.iter().enumerate() {
        let mut inner =
            items[i + 1..].iter().map(|(inner, _)| inner).take_while(|inner| inner.start < place.end).peekable();
        if rules < Rules::V24 && inner.peek().is_some() {
            continue;
        }
        let (mut at, mut end) = (place.start, 0);
        for line in lines::split(&file[place.clone()]) {
            while let Some(inner) = inner.next_if(|inner| inner.start < at + line.len()) {
                end = end.max(inner.end);
            }
            at += line.len();
            if at <= end {
                continue; // of a declaration inside of this one
            }
            let line = line.trim_ascii();
            if line.contains(&b'(') && says_much(line) {
                *out.entry((*id, line)).or_default() += 1;
            }
        }
    }
    out
}

/// Words in front of a call that make no signature of it.
const BEFORE_CALL: &[&[u8]] =
    &[b"return", b"await", b"yield", b"throw", b"new", b"else", b"defer", b"go", b"delete", b"case"];

/// Whether a line is a type and a name with brackets, and no body: a method of an interface.
fn is_signature(line: &[u8]) -> bool {
    let head = line.strip_suffix(b");").and_then(|line| line.split(|b| *b == b'(').next()).unwrap_or_default();
    let mut words = head.split(|b| *b == b' ').filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    words.next().is_some_and(|name| words::is_word_byte(name[0])) && !BEFORE_CALL.contains(&first)
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn line_accounting_stops_a_call_that_both_sides_added_to_one_function() {
        let of = |lines: [&str; 3]| format!("fn f() {{\n{}}}\n", lines.concat());
        let (run, log) = ("    run(one, two);\n", "    log(it, now);\n");
        let [base, ours, theirs] = [["", run, ""], [log, run, ""], ["", run, log]].map(of);
        assert_eq!(refused("a.rs", &base, &ours, &theirs, &of([log, run, log])), Some(Check::LineAccounting));
    }

    #[test]
    fn line_accounting_stops_a_method_without_body_that_both_sides_added_to_one_interface() {
        let of = |said: &str| {
            if said.is_empty() { String::new() } else { format!("\n  // {said}\n  int getPeerCount();\n") }
        };
        let file = |one: &str, other: &str| format!("interface P {{\n  void stop();\n{}{}}}\n", of(one), of(other));
        let [base, ours, theirs, both] =
            [["", ""], ["current count", ""], ["", "number of peers"], ["current count", "number of peers"]]
                .map(|[one, other]| file(one, other));
        assert_eq!(refused("P.java", &base, &ours, &theirs, &both), Some(Check::LineAccounting));
    }

    #[test]
    fn functions_of_their_own_may_say_the_same() {
        let of = |name: &str| format!("fn {name}() {{\n    log(it, now);\n}}\n");
        let [base, one, two] = ["fn first() {\n}\n".into(), of("one"), of("two")];
        let (ours, theirs) = (format!("{base}{one}"), format!("{base}{two}"));
        assert_eq!(refused("a.rs", &base, &ours, &theirs, &format!("{ours}{two}")), None);
    }
}
