//! Additions of one side are in the result: each import, and each word of any other line.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use super::accounting::Counts;
use super::lost;
use super::words::names as names_of;
use crate::Rules;
use crate::imports::Parted;
use crate::ladder::Task;
use crate::language;
use crate::lines;
use crate::words;

/// Steps of finding one word among all.
const LOOK_STEPS: u64 = 16;

pub(super) fn kept(input: &Task, merged: &[u8]) -> Option<Check> {
    let style = language::of(input.path).imports;
    input.work.take_len(input.len() + merged.len())?;
    let part = |file: &[u8]| Parted::of(std::str::from_utf8(file).ok()?, style, input.options.rules, input.work);
    let files = [input.base.unwrap_or_default(), input.ours, input.theirs, merged].map(part);
    let [base, ours, theirs, merged] = files;
    let (base, ours, theirs, merged) = (base?, ours?, theirs?, merged?);
    let rules = input.options.rules;
    let is_missing_of = |side: &Parted, other: &Parted| side.is_missing_in(&merged, &base, other, rules);
    let is_import_missing = is_missing_of(&ours, &theirs) || is_missing_of(&theirs, &ours);
    if rebinds(input, &ours, [&base, &theirs])? || rebinds(input, &theirs, [&base, &ours])? {
        return Some(Check::Rebound);
    }
    if rules >= Rules::V26 && [&ours, &theirs].iter().any(|side| side.is_back_in(&merged, &base)) {
        return Some(Check::GoneWord);
    }
    if rules >= Rules::V24
        && (unbinds(input, &ours, [&base, &theirs, &merged])? || unbinds(input, &theirs, [&base, &ours, &merged])?)
    {
        return Some(Check::GoneWord);
    }
    let told = [&base, &ours, &theirs, &merged].map(|file| file.told());
    let files = [0, 1, 2, 3].map(|i: usize| told[i].as_bytes());
    let shared = shared(input, files)?;
    let is_word_missing = |(word, counts): (&&[u8], &Counts)| is_missing(counts, shared.get(word).copied());
    let is_line_missing =
        || if input.options.rules >= Rules::V23 { lost::misses_a_line(input, files) } else { Some(false) };
    let is_missing = is_import_missing || words_of(input, files)?.iter().any(is_word_missing) || is_line_missing()?;
    is_missing.then_some(Check::Addition)
}

/// Whether an import that a side added binds a name which the other side began to use without it: there it means
/// something else. None out of steps.
fn rebinds(input: &Task, side: &Parted, [base, other]: [&Parted; 2]) -> Option<bool> {
    let known: BTreeSet<&str> = base.names().union(&other.names()).copied().collect();
    let (names, language) = (side.names(), language::of(input.path));
    let mut added = names.difference(&known).peekable();
    if added.peek().is_none() {
        return Some(false);
    }
    input.work.take_len(base.rest.len() + other.rest.len())?;
    let [was, used] =
        [base, other].map(|file| names_of(file.rest.as_bytes(), language).into_iter().collect::<BTreeSet<_>>());
    Some(added.any(|name| used.contains(name.as_bytes()) && !was.contains(name.as_bytes())))
}

/// Whether a name whose import a side took away, for it used it no more, is in use by what the other side added. None out of
/// steps.
fn unbinds(input: &Task, side: &Parted, [base, other, merged]: [&Parted; 3]) -> Option<bool> {
    let (has, has_other) = (side.names(), other.names());
    let stays = merged.names();
    let is_gone = |name: &&str| has_other.contains(name) && !has.contains(name) && !stays.contains(name);
    let gone: Vec<&str> = base.names().into_iter().filter(is_gone).collect();
    if gone.is_empty() {
        return Some(false);
    }
    input.work.take_len(side.rest.len() + merged.rest.len())?;
    let language = language::of(input.path);
    let [was, used] =
        [side, merged].map(|file| names_of(file.rest.as_bytes(), language).into_iter().collect::<BTreeSet<_>>());
    Some(gone.iter().any(|name| used.contains(name.as_bytes()) && !was.contains(name.as_bytes())))
}

/// The words of a line, as they are accounted for.
fn told<'a>(input: &Task, line: &'a [u8]) -> Vec<&'a [u8]> {
    // Of two versions the newer one may stand alone.
    let is_version = |word: &[u8]| input.options.newest_version && word.iter().any(u8::is_ascii_digit);
    let is_told = |word: &&[u8]| word.iter().any(|b| words::is_word_byte(*b)) && !is_version(word);
    words::split(line).into_iter().filter(is_told).collect()
}

/// Counts of each word in base, ours, theirs and the result; none out of steps.
fn words_of<'a>(input: &Task, files: [&'a [u8]; 4]) -> Option<BTreeMap<&'a [u8], Counts>> {
    let mut counts: BTreeMap<&[u8], Counts> = BTreeMap::new();
    for (column, file) in files.into_iter().enumerate() {
        for word in told(input, file) {
            input.work.take(LOOK_STEPS)?;
            counts.entry(word).or_default()[column] += 1;
        }
    }
    Some(counts)
}

/// Counts of each word in lines that both sides added alike: once for both will do.
fn shared<'a>(input: &Task, files: [&'a [u8]; 4]) -> Option<BTreeMap<&'a [u8], i64>> {
    let mut lines: BTreeMap<&[u8], Counts> = BTreeMap::new();
    for (column, file) in files.into_iter().enumerate() {
        for line in lines::split(file) {
            input.work.take(LOOK_STEPS)?;
            lines.entry(line.trim_ascii()).or_default()[column] += 1;
        }
    }
    let mut out: BTreeMap<&[u8], i64> = BTreeMap::new();
    for (line, [base, ours, theirs, _]) in lines {
        let both = (ours - base).min(theirs - base);
        if both > 0 {
            input.work.take_len(line.len())?;
            told(input, line).into_iter().for_each(|word| *out.entry(word).or_default() += both);
        }
    }
    Some(out)
}

/// Whether a word stands less often than the additions ask for; where both sides added it, once for both will do.
fn is_missing([base, ours, theirs, merged]: &Counts, shared: Option<i64>) -> bool {
    let is_added = ours > base || theirs > base;
    let owed = (ours + theirs - base - shared.unwrap_or_default()).min(*ours.max(theirs));
    is_added && *merged < owed
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn addition_stops_the_loss_of_a_statement_that_one_side_added() {
        let lost = [
            ("a.ts", "import './a';\nimport './out';\n", "import './a';\n", "import './new';\n"),
            ("a.rs", "use a::*;\nuse out::*;\n", "use a::*;\n", "use new::*;\n"),
            ("a.py", "import a\nx = 1\n", "import a\nx = 2\n", "y = a\n"),
            ("a.txt", "one\ntwo\n", "one\n2\n", "one\n"),
        ];
        for (path, base, ours, added) in lost {
            let theirs = format!("{base}{added}");
            assert_eq!(refused(path, base, ours, &theirs, ours), Some(Check::Addition), "{path}");
        }
    }

    #[test]
    fn a_line_that_both_added_may_stand_once() {
        assert_eq!(refused("a.txt", "one\n", "one\ntwo\n", "new\none\ntwo\n", "new\none\ntwo\n"), None);
    }
}
