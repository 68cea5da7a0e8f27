//! Lines that one side alone wrote are in the result, as they are or joined with the other side's edit of the same line.
//!
//! Words are accounted for in the whole file, where one that is lost here may come back there; a line is looked for as a whole.

use std::collections::BTreeMap;

use super::accounting::{Counts, identifiers};
use crate::ladder::Task;
use crate::language;
use crate::lines;
use crate::pairs;
use crate::words;
use crate::work::Work;

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
    let finder = Finder::new(input, &counts, files[0])?;
    for line in missing {
        if !finder.joined(line)? && !finder.laid_out(line)? {
            return Some(true);
        }
    }
    Some(false)
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

/// Lines of the result and of base that a missing line may have become, or was.
struct Finder<'t, 'a> {
    input: &'t Task<'t>,
    /// Lines that the merge put together, and those that stand in the place of another, by their words, those in quotes one by
    /// one; and by all that they say.
    new: [Index<'a>; 2],
    /// Lines of base, and base as one line.
    base: Index<'a>,
    text: Index<'a>,
}

impl<'t, 'a> Finder<'t, 'a> {
    fn new(input: &'t Task<'t>, counts: &Lines<'a>, base: &'a [u8]) -> Option<Self> {
        let lines = |is_one: fn(&Counts) -> bool| counts.iter().filter(move |(_, c)| is_one(c)).map(|(line, _)| *line);
        let new = || lines(|c| c[3] > c[0]);
        let bag = |line| bag(line, input);
        let new = [Index::of(new(), bag, input.work)?, Index::of(new(), said, input.work)?];
        let text = Index::of([base].into_iter(), said, input.work)?;
        Some(Self { input, new, base: Index::of(lines(|c| c[0] > 0), said, input.work)?, text })
    }

    /// Whether a line that is new in the result shares half of its words with this one, or has all that it says.
    fn joined(&self, line: &[u8]) -> Option<bool> {
        let ([alike, holding], work) = (&self.new, self.input.work);
        let bag = bag(line, self.input);
        let is_alike = |line: usize| pairs::likeness(&bag, &alike.lines[line]) >= pairs::ALIKE_MIN;
        if bag.is_empty() {
            return Some(!alike.lines.is_empty());
        }
        // Likeness asks that a third of its words be in the other line: who has none of the rarest two thirds has too few.
        let rarest = bag.len() - bag.len().div_ceil(3) + 1;
        Some(alike.any(&bag, rarest, work, is_alike)? || holding.holds(&said(line), work)?)
    }

    /// Whether the words of a line stood together in base, or all in one line of it: such a line adds nothing.
    fn laid_out(&self, line: &[u8]) -> Option<bool> {
        let (words, work) = (said(line), self.input.work);
        Some(self.text.has_in_order(&words, work)? || self.base.holds(&words, work)?)
    }
}

/// Lines by their words.
struct Index<'a> {
    lines: Vec<Vec<&'a [u8]>>,
    /// Places of each word: the line, and where in it.
    places: BTreeMap<&'a [u8], Vec<(usize, usize)>>,
}

impl<'a> Index<'a> {
    fn of(
        lines: impl Iterator<Item = &'a [u8]>,
        words: impl Fn(&'a [u8]) -> Vec<&'a [u8]>,
        work: &Work,
    ) -> Option<Self> {
        let lines: Vec<_> = lines.map(words).collect();
        let mut places: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (number, line) in lines.iter().enumerate() {
            work.take_len(LOOK_STEPS * line.len())?;
            line.iter().enumerate().for_each(|(at, word)| places.entry(*word).or_default().push((number, at)));
        }
        Some(Self { lines, places })
    }

    fn places(&self, word: &[u8]) -> &[(usize, usize)] {
        self.places.get(word).map_or(&[], Vec::as_slice)
    }

    /// Whether one of the lines with one of the `few` rarest of these words is such.
    fn any(&self, words: &[&[u8]], few: usize, work: &Work, is_such: impl Fn(usize) -> bool) -> Option<bool> {
        let mut rarest = words.to_vec();
        rarest.sort_by_cached_key(|word| self.places(word).len());
        for (line, _) in rarest.iter().take(few).flat_map(|word| self.places(word)) {
            work.take_len(words.len() + self.lines[*line].len())?;
            if is_such(*line) {
                return Some(true);
            }
        }
        Some(false)
    }

    /// Whether a line has all of these words.
    fn holds(&self, words: &[&[u8]], work: &Work) -> Option<bool> {
        let has = |line: usize, word: &[u8]| self.places(word).binary_search_by_key(&line, |(line, _)| *line).is_ok();
        self.any(words, 1, work, |line| words.iter().all(|word| has(line, word)))
    }

    /// Whether a line has these words one behind the other.
    fn has_in_order(&self, words: &[&[u8]], work: &Work) -> Option<bool> {
        let Some(rarest) = (0..words.len()).min_by_key(|at| self.places(words[*at]).len()) else { return Some(true) };
        for (line, at) in self.places(words[rarest]) {
            work.take_len(words.len())?;
            let from = at.checked_sub(rarest).and_then(|begin| self.lines[*line].get(begin..));
            if from.is_some_and(|from| from.starts_with(words)) {
                return Some(true);
            }
        }
        Some(false)
    }
}

/// Words of a line in order, those in quotes one by one. Of two versions the newer one may stand alone.
fn bag<'a>(line: &'a [u8], input: &Task) -> Vec<&'a [u8]> {
    let is_version = |word: &&[u8]| input.options.newest_version && word[0].is_ascii_digit();
    let mut words: Vec<&[u8]> = identifiers(line).filter(|word| !is_version(word)).collect();
    words.sort_unstable();
    words
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
