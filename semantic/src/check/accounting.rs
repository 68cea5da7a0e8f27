//! Line and word accounting: nothing that both kept is lost, nothing stands more often than the edits explain.

use std::collections::BTreeMap;

use super::Check;
use crate::ladder::Task;
use crate::lines;
use crate::words;

/// Counts of a piece in base, ours, theirs and the result.
pub(super) type Counts = [i64; 4];

pub(super) fn lines(input: &Task, merged: &[u8]) -> Option<Check> {
    let lines = |file| lines::split(file).into_iter().map(<[u8]>::trim_ascii).filter(|l| !l.is_empty());
    // A line that no input has was put together from words of both: the words are accounted for below.
    let is_composed = |counts: &Counts| counts[..3] == [0, 0, 0];
    let tallies = tallies(input, merged, lines)?;
    (!tallies.iter().all(|c| is_composed(c) || explained(c))).then_some(Check::LineAccounting)
}

pub(super) fn words(input: &Task, merged: &[u8]) -> Option<Check> {
    // Of two versions the newer one may stand alone.
    let is_version = |word: &&[u8]| input.options.newest_version && word[0].is_ascii_digit();
    let words = |file| identifiers(file).filter(|word| !is_version(word));
    (!tallies(input, merged, words)?.iter().all(explained)).then_some(Check::WordAccounting)
}

pub(super) fn identifiers(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    file.split(|b| !words::is_word_byte(*b)).filter(|w| !w.is_empty())
}

/// Steps of finding one piece among all.
const LOOK_STEPS: u64 = 16;

/// Counts of every piece in each file, whatever it says; none out of steps.
fn tallies<'a, I: Iterator<Item = &'a [u8]>>(
    input: &Task<'a>,
    merged: &'a [u8],
    pieces: impl Fn(&'a [u8]) -> I,
) -> Option<Vec<Counts>> {
    input.work.take_len(input.len() + merged.len())?;
    let files = [input.base.unwrap_or_default(), input.ours, input.theirs, merged];
    let files = files.map(|file| pieces(file).collect::<Vec<_>>());
    input.work.take(LOOK_STEPS * files.iter().map(|file| file.len() as u64).sum::<u64>())?;
    let (ids, count) = lines::numbered(files.each_ref().map(Vec::as_slice));
    let mut tallies = vec![[0; 4]; count as usize];
    for (column, file) in ids.iter().enumerate() {
        file.iter().for_each(|id| tallies[*id as usize][column] += 1);
    }
    Some(tallies)
}

/// Counts of each piece in each file; none out of steps.
pub(super) fn counts<'a, I: Iterator<Item = &'a [u8]>>(
    input: &Task<'a>,
    merged: &'a [u8],
    pieces: impl Fn(&'a [u8]) -> I,
) -> Option<BTreeMap<&'a [u8], Counts>> {
    input.work.take_len(input.len() + merged.len())?;
    let mut counts: BTreeMap<&[u8], Counts> = BTreeMap::new();
    for (column, file) in [input.base.unwrap_or_default(), input.ours, input.theirs, merged].into_iter().enumerate() {
        for piece in pieces(file) {
            input.work.take(LOOK_STEPS)?;
            counts.entry(piece).or_default()[column] += 1;
        }
    }
    Some(counts)
}

/// Whether the result's count lies between what the two edits together imply and what the sides have.
fn explained([base, ours, theirs, merged]: &Counts) -> bool {
    let implied = ours + theirs - base;
    let low = implied.min(*ours).min(*theirs);
    let high = implied.max(*ours).max(*theirs);
    (low..=high).contains(merged)
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn line_accounting_stops_a_line_moved_to_two_places() {
        let verdict = refused("a", "x\na\nb\nc\n", "a\nx\nb\nc\n", "a\nb\nx\nc\n", "a\nx\nb\nx\nc\n");
        assert_eq!(verdict, Some(Check::LineAccounting));
    }

    #[test]
    fn line_accounting_stops_the_loss_of_a_line_that_both_kept() {
        assert_eq!(refused("a", "a\nb\n", "a\nb\nc\n", "a\nb\nd\n", "a\nc\nd\n"), Some(Check::LineAccounting));
    }

    #[test]
    fn word_accounting_stops_the_loss_of_a_word_whose_line_was_rewritten() {
        let verdict = refused("a", "x a\nz\n", "y a\nz\n", "x a\nz\nw\n", "z\nw\n");
        assert_eq!(verdict, Some(Check::WordAccounting));
    }
}
