//! Lines that one side alone wrote are in the result, as they are or joined with the other side's edit of the same line.
//!
//! Words are accounted for in the whole file, where one that is lost here may come back there; a line is looked for as a whole.

use std::collections::{BTreeMap, BTreeSet};

use super::accounting::{Counts, identifiers};
use crate::ladder::Task;
use crate::language;
use crate::lines;
use crate::pairs;
use crate::words;

/// Steps of finding one line among all.
const LOOK_STEPS: usize = 16;

/// Lines of each file by what they say.
type Lines<'a> = BTreeMap<&'a [u8], Counts>;

/// Whether a line that one side wrote is missing, of files without their imports: base, ours, theirs and the result. None out
/// of steps.
pub(super) fn misses_a_line(input: &Task, files: [&[u8]; 4]) -> Option<bool> {
    if language::of(input.path).is_data() {
        return Some(false);
    }
    let counts = counts(input, files)?;
    let is_missing = |side: usize, other: usize, counts: &Counts| {
        counts[side] > counts[0] && counts[other] <= counts[0] && counts[3] < counts[side] + counts[other] - counts[0]
    };
    let missing: Vec<&[u8]> =
        counts.iter().filter(|(_, c)| is_missing(1, 2, c) || is_missing(2, 1, c)).map(|(line, _)| *line).collect();
    if missing.is_empty() {
        return Some(false);
    }
    // Lines that the merge put together, and those that stand in the place of another.
    let new: Vec<&[u8]> = counts.iter().filter(|(_, c)| c[3] > c[0]).map(|(line, _)| *line).collect();
    let said = said(files[0]);
    let bytes: usize = new.iter().map(|line| line.len()).sum();
    input.work.take_len(missing.len() * (bytes + said.len()) + files[0].len())?;
    let is_joined = |line: &[u8]| new.iter().any(|other| are_alike(line, other, input) || holds(other, line));
    // A line of words that stood together in base adds nothing, and neither does one without names.
    let was: Vec<&[u8]> = counts.iter().filter(|(_, c)| c[0] > 0).map(|(line, _)| *line).collect();
    let is_laid_out = |line: &[u8]| {
        let words = self::said(line);
        said.windows(words.len().max(1)).any(|there| there == words) || was.iter().any(|old| holds(old, line))
    };
    Some(missing.into_iter().any(|line| !is_joined(line) && !is_laid_out(line)))
}

/// Counts of each line that says more than marks; none out of steps.
fn counts<'a>(input: &Task, files: [&'a [u8]; 4]) -> Option<Lines<'a>> {
    input.work.take_len(files.iter().map(|file| file.len()).sum())?;
    let mut out = Lines::new();
    for (column, file) in files.into_iter().enumerate() {
        for line in lines::split(file) {
            input.work.take_len(LOOK_STEPS)?;
            let line = line.trim_ascii();
            let line = line.strip_suffix(b",").unwrap_or(line);
            if line.iter().any(|b| words::is_word_byte(*b)) {
                out.entry(line).or_default()[column] += 1;
            }
        }
    }
    Some(out)
}

/// Whether two lines share half of their words, those in quotes one by one. Of two versions the newer one may stand alone.
fn are_alike(one: &[u8], other: &[u8], input: &Task) -> bool {
    let is_version = |word: &&[u8]| input.options.newest_version && word[0].is_ascii_digit();
    let bag = |line| {
        let mut words: Vec<&[u8]> = identifiers(line).filter(|word| !is_version(word)).collect();
        words.sort_unstable();
        words
    };
    let (one, other) = (bag(one), bag(other));
    one.is_empty() || pairs::likeness(&one, &other) >= pairs::ALIKE_MIN
}

/// Whether a line has all the words of another.
fn holds(large: &[u8], small: &[u8]) -> bool {
    let has: BTreeSet<&[u8]> = said(large).into_iter().collect();
    said(small).into_iter().all(|word| has.contains(word))
}

fn said(text: &[u8]) -> Vec<&[u8]> {
    words::split(text).into_iter().filter(|word| !words::is_blank(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Check;
    use super::super::tests::refused;

    #[test]
    fn addition_stops_the_loss_of_a_line_whose_words_come_back_elsewhere() {
        let base = "start(a);\nmid(b);\nend(c);\n";
        let (ours, theirs) =
            ("start(a);\nswap(b, c);\nmid(b);\nend(c);\n", "start(a);\nmid(b);\nend(c);\ngo(swap, b, c, 1);\n");
        let merged = "start(a);\nmid(b);\nend(c);\ngo(swap, b, c, 1);\n";
        assert_eq!(refused("a.js", base, ours, theirs, merged), None, "the line that stands has all the words");
        let theirs = "start(a);\nmid(b);\nend(c);\ngo(swap, now);\nput(b, on);\nset(c, off);\n";
        assert_eq!(refused("a.js", base, ours, theirs, theirs), Some(Check::Addition));
    }

    #[test]
    fn a_line_that_both_edited_may_be_joined() {
        let [base, ours, theirs] = ["call(a, b);\n", "call(x, b);\n", "call(a, y);\n"];
        assert_eq!(refused("a.js", base, ours, theirs, "call(x, y);\n"), None);
    }
}
