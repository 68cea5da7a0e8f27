//! Which changed line stands for which: a replaced stretch cut into lines that were edited, added and taken away.
//!
//! A line diff says that five lines became six. Where one of the six was added and the other five are the old ones
//! with a word changed, edits by the other side between them do not collide. Lines pair by the words they share.

use crate::Work;
use crate::diff3::Hunk;
use crate::words;

/// Most cells (base lines times side lines) that pairing fills for one stretch; a larger one stays whole.
const CELLS_MAX: usize = 4096;

/// Longest line, in bytes, that takes part in pairing.
const LINE_BYTES_MAX: usize = 400;

/// Shared words, in thousandths of all, from which two lines are one line edited.
pub(crate) const ALIKE_MIN: u32 = 500;

/// Cuts each change at the lines that pair.
///
/// In data (`keyed`) a line pairs only with one of the same key. None out of steps.
pub(crate) fn refine(hunks: Vec<Hunk>, base: &[&[u8]], side: &[&[u8]], keyed: bool, work: &Work) -> Option<Vec<Hunk>> {
    let mut out = Vec::new();
    for hunk in hunks {
        out.extend(cut(hunk, base, side, keyed, work)?);
    }
    Some(out)
}

fn cut(hunk: Hunk, base: &[&[u8]], side: &[&[u8]], keyed: bool, work: &Work) -> Option<Vec<Hunk>> {
    let (from, to) = (&base[hunk.base.clone()], &side[hunk.side.clone()]);
    if from.len() * to.len() > CELLS_MAX || from.len() * to.len() <= 1 {
        return Some(vec![hunk]);
    }
    // Each line of the one is held against each of the other, word by word.
    let bytes = |lines: &[&[u8]]| lines.iter().map(|line| line.len().min(LINE_BYTES_MAX)).sum::<usize>();
    work.take_len(from.len() * bytes(to) + to.len() * bytes(from))?;
    let mut out = Vec::new();
    let (mut b, mut s) = (hunk.base.start, hunk.side.start);
    for (i, j) in pairs(from, to, keyed) {
        let (i, j) = (hunk.base.start + i, hunk.side.start + j);
        if b < i || s < j {
            out.push(Hunk { base: b..i, side: s..j });
        }
        out.push(Hunk { base: i..i + 1, side: j..j + 1 });
        (b, s) = (i + 1, j + 1);
    }
    if b < hunk.base.end || s < hunk.side.end {
        out.push(Hunk { base: b..hunk.base.end, side: s..hunk.side.end });
    }
    Some(out)
}

/// The pairs, in order on both sides, that share most.
fn pairs(from: &[&[u8]], to: &[&[u8]], keyed: bool) -> Vec<(usize, usize)> {
    let (from_words, to_words) = (from.iter().map(|l| bag(l)), to.iter().map(|l| bag(l)).collect::<Vec<_>>());
    let mut alike: Vec<Vec<u32>> = from_words.map(|a| to_words.iter().map(|b| likeness(&a, b)).collect()).collect();
    if keyed {
        for (i, a) in from.iter().enumerate() {
            for (j, b) in to.iter().enumerate() {
                alike[i][j] = if key(a) == key(b) { alike[i][j].max(ALIKE_MIN) } else { 0 };
            }
        }
    }
    // best[i][j]: the most that the lines from i and j on can share.
    let mut best = vec![vec![0u32; to.len() + 1]; from.len() + 1];
    for i in (0..from.len()).rev() {
        for j in (0..to.len()).rev() {
            let paired = if alike[i][j] >= ALIKE_MIN { alike[i][j] + best[i + 1][j + 1] } else { 0 };
            best[i][j] = paired.max(best[i + 1][j]).max(best[i][j + 1]);
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < from.len() && j < to.len() {
        if alike[i][j] >= ALIKE_MIN && best[i][j] == alike[i][j] + best[i + 1][j + 1] {
            out.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if best[i][j] == best[i + 1][j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    out
}

/// Key of a line: the text before `=` or `:`.
fn key(line: &[u8]) -> &[u8] {
    line.split(|b| matches!(b, b'=' | b':')).next().unwrap_or(line).trim_ascii()
}

/// The words of a line, sorted.
fn bag(line: &[u8]) -> Vec<&[u8]> {
    if line.len() > LINE_BYTES_MAX {
        return Vec::new();
    }
    let mut words: Vec<_> = words::split(line).into_iter().filter(|w| !words::is_blank(w)).collect();
    words.sort_unstable();
    words
}

/// Shared words of two stretches in thousandths of all.
pub(crate) fn alike(a: &[u8], b: &[u8]) -> u32 {
    let bag = |text| {
        let mut words: Vec<_> =
            words::split(text).into_iter().filter(|w| w.iter().any(|b| words::is_word_byte(*b))).collect();
        words.sort_unstable();
        words
    };
    likeness(&bag(a), &bag(b))
}

/// Shared words in thousandths of all; two blank lines are the same line.
pub(crate) fn likeness(a: &[&[u8]], b: &[&[u8]]) -> u32 {
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                shared += 1;
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    match a.len() + b.len() {
        0 => 1000,
        all => (2000 * shared / all) as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_added_line_among_edited_ones_is_told_apart() {
        let base: Vec<&[u8]> = vec![b"a = { v = 1, path = x }\n", b"c = { v = 1, path = z }\n"];
        let side: Vec<&[u8]> =
            vec![b"a = { v = 2, path = x }\n", b"new line of other words\n", b"c = { v = 2, path = z }\n"];
        let cut =
            refine(vec![Hunk { base: 0..2, side: 0..3 }], &base, &side, false, &Work::default()).expect("little work");
        let expected = [(0..1, 0..1), (1..1, 1..2), (1..2, 2..3)].map(|(base, side)| Hunk { base, side });
        assert_eq!(cut, expected);
    }

    #[test]
    fn lines_without_words_in_common_stay_one_change() {
        let hunk = Hunk { base: 0..2, side: 0..2 };
        let cut = refine(vec![hunk.clone()], &[b"a b\n", b"c d\n"], &[b"w x\n", b"y z\n"], false, &Work::default());
        assert_eq!(cut, Some(vec![hunk]));
    }
}
