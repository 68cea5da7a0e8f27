//! A line stands in a bracket of a kind in which a side wrote it.
//!
//! An entry that one side adds to an object, which the other side puts into a list of arguments, does not parse behind the object.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::ladder::Task;
use crate::language::{self, Lexis};
use crate::lex::{self, Kind};
use crate::limits;
use crate::lines;
use crate::words;

/// Steps of cutting one byte into tokens and finding its line.
const READ_STEPS: usize = 32;

/// Whether a line of the result stands in a bracket of another kind than wherever base and the sides have it.
pub(super) fn hold(input: &Task, merged: &[u8]) -> Option<Check> {
    let language = language::of(input.path);
    language.words()?;
    let files = [input.base.unwrap_or_default(), input.ours, input.theirs];
    if files.into_iter().chain([merged]).any(|file| file.len() > limits::STRUCTURE_BYTES_MAX) {
        return None;
    }
    input.work.take_len(READ_STEPS * input.structured_len(merged))?;
    let mut known: BTreeMap<&[u8], BTreeSet<u8>> = BTreeMap::new();
    for file in files {
        enclosed(file, &language.lexis, |line, bracket| {
            known.entry(line).or_default().insert(bracket);
        });
    }
    let mut is_astray = false;
    enclosed(merged, &language.lexis, |line, bracket| {
        is_astray |= known.get(line).is_some_and(|brackets| !brackets.contains(&bracket));
    });
    is_astray.then_some(Check::Parses)
}

/// Tells each line with a word, and the bracket that is open where it begins: 0 where none is.
fn enclosed<'a>(file: &'a [u8], lexis: &Lexis, mut told: impl FnMut(&'a [u8], u8)) {
    let tokens = lex::tokens(file, lexis);
    let (mut rest, mut open, mut at) = (tokens.iter().peekable(), Vec::new(), 0);
    for line in lines::split(file) {
        at += line.len();
        let line = line.trim_ascii();
        if line.iter().any(|b| words::is_word_byte(*b)) {
            told(line, open.last().copied().unwrap_or_default());
        }
        while let Some(token) = rest.next_if(|token| token.from < at) {
            match token.kind {
                Kind::Open => open.push(file[token.from]),
                Kind::Close => drop(open.pop()),
                _ => (),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    const BASE: &str = "make({\n  gas: 1,\n  pool: {\n    order: 2,\n  },\n});\n";
    const OURS: &str = "make({\n  gas: 1,\n  pool: {\n    order: 2,\n  },\n  least: 3,\n});\n";

    #[test]
    fn parses_stops_an_entry_of_an_object_among_arguments() {
        let theirs = "make(\n  {\n    gas: 1,\n    pool: {\n      order: 2,\n    },\n  },\n  log\n);\n";
        let merged = "make(\n  {\n    gas: 1,\n    pool: {\n      order: 2,\n    },\n  },\n  least: 3,\n  log\n);\n";
        assert_eq!(refused("a.ts", BASE, OURS, theirs, merged), Some(Check::Parses));
    }

    #[test]
    fn an_entry_may_stand_deeper_in_a_bracket_of_its_kind() {
        let theirs = "make(\n  {\n    gas: 1,\n    pool: {\n      order: 2,\n    },\n  },\n  log\n);\n";
        let merged = "make(\n  {\n    gas: 1,\n    pool: {\n      order: 2,\n    },\n    least: 3,\n  },\n  log\n);\n";
        assert_eq!(refused("a.ts", BASE, OURS, theirs, merged), None);
    }
}
