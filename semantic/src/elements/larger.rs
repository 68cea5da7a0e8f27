//! Larger of two edits that both only put words into base: the one that has all that the other put in, where it put it.

use crate::Rules;
use crate::indent;
use crate::language::Language;
use crate::lines;
use crate::words;

/// A word with whether it stands in a line of comment: no entry contains its commented-out twin.
type Said<'a> = (bool, &'a [u8]);

/// Words of a side, each with the number of its line.
type Words<'a> = Vec<(Said<'a>, usize)>;

/// Words that a side put in between two of base, line by line.
type Run<'a> = Vec<Vec<Said<'a>>>;

/// Of two sides that both only put words into base, the one that has what the other put in at the same places, and more.
pub(super) fn larger<'a>(
    base: &[u8],
    ours: &'a [u8],
    theirs: &'a [u8],
    language: &Language,
    rules: Rules,
) -> Option<&'a [u8]> {
    // A comma that one side alone put behind the last entry is for another one, which it added.
    let ends_entry = |side: &[u8]| side.trim_ascii_end().ends_with(b",");
    if rules >= Rules::V23 && !language.is_data() && !ends_entry(base) && ends_entry(ours) != ends_entry(theirs) {
        return None;
    }
    let mut files = [base, ours, theirs].map(|side| said(side, language));
    let from_start = holds_more(&files)?;
    files.iter_mut().for_each(|words| words.reverse());
    // Where a word of base stands twice, what was put in may be read in two ways: both must say the same.
    (holds_more(&files)? == from_start).then_some(if from_start { theirs } else { ours })
}

/// Whether theirs holds ours, and not only the other way round; none where neither holds the other alone.
fn holds_more([base, ours, theirs]: &[Words; 3]) -> Option<bool> {
    let (ours, theirs) = (put_in(base, ours)?, put_in(base, theirs)?);
    match (is_within(&ours, &theirs), is_within(&theirs, &ours)) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    }
}

/// The words with the indentation of their lines, where that says something, but for a comma at a line's end.
fn said<'a>(text: &'a [u8], language: &Language) -> Words<'a> {
    let of_line = |(number, line): (usize, &'a [u8])| {
        let bare = line.trim_ascii_start();
        let is_comment = language.lexis.commented(bare).is_some();
        let indent = language.indents().then(|| indent::of(line));
        let code = bare.trim_ascii_end();
        let code = code.strip_suffix(b",").unwrap_or(code);
        let words = words::split(code).into_iter().filter(|word| !words::is_blank(word));
        indent.into_iter().chain(words).map(move |word| ((is_comment, word), number))
    };
    let is_said = |(_, line): &(usize, &[u8])| !line.trim_ascii().is_empty();
    lines::split(text).into_iter().enumerate().filter(is_said).flat_map(of_line).collect()
}

/// Runs that a side put in before each word of base and behind the last; none where a word of base is missing.
fn put_in<'a>(base: &Words, side: &Words<'a>) -> Option<Vec<Run<'a>>> {
    let (mut rest, mut out) = (&side[..], Vec::new());
    for (word, _) in base {
        let at = rest.iter().position(|(other, _)| other == word)?;
        out.push(by_lines(&rest[..at]));
        rest = &rest[at + 1..];
    }
    out.push(by_lines(rest));
    Some(out)
}

/// The words of each line together; each of a comment by itself.
fn by_lines<'a>(words: &[(Said<'a>, usize)]) -> Run<'a> {
    let belong = |a: &(Said, usize), b: &(Said, usize)| a.1 == b.1 && !a.0.0;
    words.chunk_by(belong).map(|line| line.iter().map(|(word, _)| *word).collect()).collect()
}

/// Whether each run of `small` stands in the run of `large` at the same place, line by line.
fn is_within(small: &[Run], large: &[Run]) -> bool {
    let stands = |(small, large): (&Run, &Run)| {
        let mut rest = large.iter();
        small.iter().all(|line| rest.any(|other| other == line))
    };
    // With nothing in base, and nothing put in, a side says nothing.
    let says = small.len() > 1 || !small[0].is_empty();
    says && small.iter().zip(large).all(stands)
}
