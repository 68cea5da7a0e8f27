//! A line stands in the block, or below the heading, in which a side wrote it.
//!
//! One side adds a line to a function that the other side replaces: the place that is left of it is in another one.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use super::accounting::identifiers;
use crate::ladder::Task;
use crate::language::{self, Both, Language, Shape};
use crate::lex::{self, Kind};
use crate::limits;
use crate::lines;
use crate::pairs;
use crate::words;

/// Steps of cutting one byte into tokens and finding its line.
const READ_STEPS: usize = 32;

/// Steps of comparing one byte of a line that opens a block with another's.
const ALIKE_STEPS: usize = 16;

/// Blocks around a line, the innermost last, each by the line that opens it.
type Around<'a> = Vec<&'a [u8]>;

/// Whether a line of the result stands in a block in which it stands on no side, and in none that one of theirs became.
pub(super) fn hold(input: &Task, merged: &[u8]) -> Option<Check> {
    let language = language::of(input.path);
    let files = [input.base.unwrap_or_default(), input.ours, input.theirs];
    let is_large = |file: &[u8]| file.len() > limits::STRUCTURE_BYTES_MAX;
    if !has_blocks(language) || files.into_iter().chain([merged]).any(is_large) {
        return None;
    }
    input.work.take_len(READ_STEPS * input.structured_len(merged))?;
    let mut homes: BTreeMap<&[u8], BTreeSet<Home>> = BTreeMap::new();
    let (mut known, mut left) = (BTreeSet::new(), BTreeSet::new());
    for (number, file) in files.into_iter().enumerate() {
        placed(file, language, |line, around| {
            homes.entry(line).or_default().insert(home(around));
            known.extend(around.last().filter(|_| number == 0));
        });
    }
    placed(merged, language, |_, around| left.extend(around.last()));
    let mut is_astray = false;
    placed(merged, language, |line, around| {
        let is_known = |homes: &&BTreeSet<Home>| homes.iter().any(|(block, _)| *block == home(around).0);
        let Some(homes) = homes.get(line).filter(|homes| !is_known(homes)) else { return };
        let bytes = line.len() + homes.iter().map(|(block, outer)| block.len() + outer.len()).sum::<usize>();
        let may = input.work.take_len(ALIKE_STEPS * bytes * (around.len() + 1)).is_some();
        // Headings are in no other, and a bracket belongs to the block that it ends.
        let is_whole = language.shape == Shape::Markdown || !line.iter().any(|b| words::is_word_byte(*b));
        is_astray |= may && !is_at_home(around, homes, [&known, &left], is_whole);
    });
    is_astray.then_some(Check::ItemAccounting)
}

/// The block of a line, and the one around that.
type Home<'a> = (&'a [u8], &'a [u8]);

fn home<'a>(around: &Around<'a>) -> Home<'a> {
    let mut blocks = around.iter().rev().copied();
    (blocks.next().unwrap_or_default(), blocks.next().unwrap_or_default())
}

/// Whether a line's block is one of those in which it was written, edited, or a new one inside of it, or the one around it
/// where it is gone. `known` are the blocks of base, `left` those of the result.
fn is_at_home(around: &Around, homes: &BTreeSet<Home>, [known, left]: [&BTreeSet<&[u8]>; 2], is_whole: bool) -> bool {
    let (block, _) = home(around);
    let is_one = |block: &[u8]| homes.iter().any(|(own, _)| may_be(own, block));
    if is_whole {
        return homes.iter().any(|(own, _)| pairs::alike(own, block) >= pairs::ALIKE_MIN);
    }
    for block in around.iter().rev() {
        if is_one(block) {
            return true;
        }
        if known.contains(block) {
            break;
        }
    }
    let is_free = around.iter().all(|block| !known.contains(block)) && homes.iter().any(|(own, _)| own.is_empty());
    is_free || homes.iter().any(|(own, outer)| *outer == block && !own.is_empty() && !left.contains(own))
}

/// Whether one block may be an edit of the other: by half of the words of the lines that open them, or all of one's. The last
/// line of a head over several says nothing.
fn may_be(one: &[u8], other: &[u8]) -> bool {
    let says_nothing =
        |block: &[u8]| !block.is_empty() && (block[0] == b')' || !block.iter().any(|b| words::is_word_byte(*b)));
    let bag = |block| identifiers(block).collect::<BTreeSet<_>>();
    let (a, b) = (bag(one), bag(other));
    let has_all = !a.is_empty() && !b.is_empty() && (a.is_subset(&b) || b.is_subset(&a));
    says_nothing(one) || says_nothing(other) || has_all || pairs::alike(one, other) >= pairs::ALIKE_MIN
}

fn has_blocks(language: &Language) -> bool {
    let has = |words: &language::Words| words.both != Both::Blocks && words.end.is_none();
    language.shape == Shape::Markdown || !language.has_indented_blocks() && language.words().is_some_and(has)
}

/// Tells each line that says something, with the blocks around it. A closing bracket stands in the block that it ends, and
/// says something where a mark follows it.
fn placed<'a>(file: &'a [u8], language: &Language, mut told: impl FnMut(&'a [u8], &Around<'a>)) {
    let tokens = if language.shape == Shape::Markdown { Vec::new() } else { lex::tokens(file, &language.lexis) };
    let (mut rest, mut around, mut at) = (tokens.iter().peekable(), Around::new(), 0);
    for line in lines::split(file) {
        at += line.len();
        let line = line.trim_ascii();
        if language.shape == Shape::Markdown && line.starts_with(b"#") {
            around = vec![line];
            continue;
        }
        if line.iter().any(|b| words::is_word_byte(*b)) || line.ends_with(b",") || line.ends_with(b";") {
            told(line, &around);
        }
        while let Some(token) = rest.next_if(|token| token.from < at) {
            match token.kind {
                Kind::Open => around.push(line),
                Kind::Close => drop(around.pop()),
                _ => (),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn item_accounting_stops_a_line_in_another_function() {
        let base = "func TestIds(t *T) {\n\tr := round(100)\n\tuse(r)\n}\n";
        let ours = "func TestIds(t *T) {\n\tpartition(t)\n\n\tr := round(100)\n\tuse(r)\n}\n";
        let theirs = "func (l *ledger) Latest() Round {\n\treturn last(10)\n}\n";
        let merged = "func (l *ledger) Latest() Round {\n\tpartition(t)\n\n\treturn last(10)\n}\n";
        assert_eq!(refused("a.go", base, ours, theirs, merged), Some(Check::ItemAccounting));
    }

    #[test]
    fn item_accounting_stops_a_comma_behind_a_bracket_that_closes_another_block() {
        let base = "run({\n  left: {\n    b: c,\n  }\n});\n";
        let (ours, theirs) = ("if (a) {\n  trace(b, c);\n}\n", "run({\n  left: {\n    b: c,\n  },\n});\n");
        assert_eq!(refused("a.ts", base, ours, theirs, "if (a) {\n  trace(b, c);\n},\n"), Some(Check::ItemAccounting));
    }

    #[test]
    fn item_accounting_stops_an_item_below_another_heading() {
        let of = |added: &str, removed: &str| format!("# Log\n\n## Added\n{added}\n## Removed\n{removed}");
        let [base, ours] = [of("* one\n", "* two\n"), of("* one\n* more of it\n", "* two\n")];
        let (theirs, merged) = (of("", "* two\n"), of("", "* two\n* more of it\n"));
        assert_eq!(refused("CHANGELOG.md", &base, &ours, &theirs, &merged), Some(Check::ItemAccounting));
    }

    #[test]
    fn a_line_may_stand_in_a_block_that_the_other_side_renamed_or_put_around_it() {
        let of = |head: &str, more: &str| format!("function {head} {{\n  start(a);\n{more}  stop(a);\n}}\n");
        let [base, ours] = ["", "  log(a, b);\n"].map(|more| of("go(a, b)", more));
        let [theirs, merged] = ["", "  log(a, b);\n"].map(|more| of("go(a, b, c)", more));
        assert_eq!(refused("a.js", &base, &ours, &theirs, &merged), None);
        let wrapped =
            |more: &str| format!("function go(a, b) {{\n  if (a) {{\n    start(a);\n{more}    stop(a);\n  }}\n}}\n");
        assert_eq!(refused("a.js", &base, &ours, &wrapped(""), &wrapped("    log(a, b);\n")), None);
    }
}
