//! A statement that both sides added to one declaration, at different places, stands there once on each side and twice in the
//! result.

use std::collections::BTreeMap;

use super::Check;
use super::accounting::identifiers;
use super::items::{Places, places};
use super::names::Names;
use crate::ladder::Task;
use crate::lines;

/// Steps of cutting one byte into items and counting its lines.
const READ_STEPS: usize = 32;

/// Words that a line says at least: `return false` and `else` may well be said twice.
const WORDS_MIN: usize = 3;

pub(super) fn stands_twice(input: &Task, merged: &[u8]) -> Option<Check> {
    input.work.take_len(READ_STEPS * input.structured_len(merged))?;
    let mut names = Names::default();
    let files = [input.base?, input.ours, input.theirs, merged];
    let [base, ours, theirs, result] = files.map(|file| Some(lines_of(file, &places(input, file, &mut names)?)));
    let (base, ours, theirs, result) = (base?, ours?, theirs?, result?);
    let is_doubled = |(at, count): (&(usize, &[u8]), &usize)| {
        let [b, o, t] = [&base, &ours, &theirs].map(|side| side.get(at).copied().unwrap_or_default());
        o > b && t > b && *count > o.max(t)
    };
    result.iter().any(is_doubled).then_some(Check::LineAccounting)
}

/// Counts of the lines of each declaration that holds no other.
fn lines_of<'a>(file: &'a [u8], places: &Places) -> BTreeMap<(usize, &'a [u8]), usize> {
    let mut items: Vec<_> = places.iter().filter_map(|(id, place)| Some((place.clone()?, *id))).collect();
    items.sort_by_key(|(place, _)| (place.start, std::cmp::Reverse(place.end)));
    let mut out = BTreeMap::new();
    for (i, (place, id)) in items.iter().enumerate() {
        if items.get(i + 1).is_some_and(|(next, _)| next.start < place.end) {
            continue;
        }
        for line in lines::split(&file[place.clone()]).into_iter().map(<[u8]>::trim_ascii) {
            if line.contains(&b'(') && identifiers(line).count() >= WORDS_MIN {
                *out.entry((*id, line)).or_default() += 1;
            }
        }
    }
    out
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
    fn functions_of_their_own_may_say_the_same() {
        let of = |name: &str| format!("fn {name}() {{\n    log(it, now);\n}}\n");
        let [base, one, two] = ["fn first() {\n}\n".into(), of("one"), of("two")];
        let (ours, theirs) = (format!("{base}{one}"), format!("{base}{two}"));
        assert_eq!(refused("a.rs", &base, &ours, &theirs, &format!("{ours}{two}")), None);
    }
}
