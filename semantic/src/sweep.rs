//! A change that one side made all over the file gives way where the other side took away what it was made to.
//!
//! A side writes `from 'x'` for `require('x')` in every line: nothing of that is meant for one line more than for another. Where the other side does without a line, it is gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::check;
use crate::diff3;
use crate::edits::Edits;
use crate::ladder::Task;
use crate::language;
use crate::lines;
use crate::pairs;
use crate::words;
use crate::{Rules, Work};

/// Steps of looking at one line, or at one byte of a line.
const LINE_STEPS: usize = 16;

/// Lines that must have changed alike before it is a sweep.
const ALIKE_MIN: usize = 2;

/// Base as the sweeping side has it in the lines that the other took away; none where there are none.
pub(crate) fn rebased(input: &Task) -> Option<Vec<u8>> {
    let base = lines::split(input.base?);
    let (ours, theirs) = (lines::split(input.ours), lines::split(input.theirs));
    let keyed = language::of(input.path).is_data();
    input.work.take_len(LINE_STEPS * (input.len() + base.len() + ours.len() + theirs.len()))?;
    let o = Side { text: input.ours, edits: Edits::of(&base, &ours, keyed, input.work)?, lines: counts(&ours) };
    let t = Side { text: input.theirs, edits: Edits::of(&base, &theirs, keyed, input.work)?, lines: counts(&theirs) };
    let known = counts(&base);
    let (from_ours, from_theirs) = (o.gives_way(&t, &base, &known, input)?, t.gives_way(&o, &base, &known, input)?);
    let mut given: BTreeMap<usize, &[u8]> = from_ours.into_iter().collect();
    for (at, line) in from_theirs {
        // Both wrote another line there: neither took it away.
        if given.remove(&at).is_none() {
            given.insert(at, line);
        }
    }
    let line = |(i, line): (usize, &&'_ [u8])| given.get(&i).copied().unwrap_or(line).to_vec();
    (!given.is_empty()).then(|| base.iter().enumerate().flat_map(line).collect())
}

fn counts<'a>(lines: &[&'a [u8]]) -> BTreeMap<&'a [u8], usize> {
    let mut out = BTreeMap::new();
    lines.iter().for_each(|line| *out.entry(line.trim_ascii()).or_default() += 1);
    out
}

struct Side<'a> {
    text: &'a [u8],
    edits: Edits<'a>,
    /// Lines without their indentation.
    lines: BTreeMap<&'a [u8], usize>,
}

/// Replaced pieces of a line.
type Change<'a> = Vec<(Vec<&'a [u8]>, Vec<&'a [u8]>)>;

impl<'a> Side<'a> {
    /// Changed lines that the other side took away, where they changed as many others did.
    fn gives_way(
        &self,
        other: &Side,
        base: &[&'a [u8]],
        known: &BTreeMap<&[u8], usize>,
        input: &Task,
    ) -> Option<Vec<(usize, &'a [u8])>> {
        let taken = other.taken(base);
        // What the other side took away all of may have been edited for its own sake.
        let (mut seen, mut kept) = (BTreeMap::<Change, usize>::new(), BTreeSet::<Change>::new());
        let mut changes = Vec::new();
        for (at, new) in &self.edits.changed {
            let change = change(base[*at], new, input.work)?;
            *seen.entry(change.clone()).or_default() += 1;
            if !taken.contains(at) {
                kept.insert(change.clone());
            }
            changes.push((*at, *new, change));
        }
        let (mut out, is_careful) = (Vec::new(), input.options.rules >= Rules::V22);
        let names = if is_careful && !taken.is_empty() { Some(Names::of(self, other, input.work)?) } else { None };
        for (at, new, change) in changes {
            let line = base[at].trim_ascii();
            let is_gone = taken.contains(&at) && other.lines.get(line).copied().unwrap_or_default() < known[line];
            let is_sweep = !change.is_empty() && seen[&change] >= ALIKE_MIN;
            let is_own = || names.as_ref().is_some_and(|names| !kept.contains(&change) || names.are_changed(&change));
            let is_meant = || input.options.rules >= Rules::V23 && other.writes_instead(at, &change);
            if is_gone && is_sweep && !other.has_like(base[at], input.work)? && !is_own() && !is_meant() {
                out.push((at, new));
            }
        }
        if input.options.rules >= Rules::V23 && !out.is_empty() && other.takes_an_item(&out, base, input)? {
            out.clear();
        }
        Some(out)
    }

    /// Whether one of the lines stands in a declaration that this side took away: it may have been edited for its own sake.
    /// None out of steps.
    fn takes_an_item(&self, lines: &[(usize, &[u8])], base: &[&[u8]], input: &Task) -> Option<bool> {
        let gone = check::items_gone(input, input.base?, self.text);
        let starts: Vec<usize> =
            base.iter().scan(0, |at, line| Some(std::mem::replace(at, *at + line.len()))).collect();
        let stands = |(at, _): &(usize, &[u8])| gone.iter().any(|item| item.contains(&starts[*at]));
        input.work.take_len(LINE_STEPS * base.len() + lines.len() * gone.len())?;
        Some(lines.iter().any(stands))
    }

    /// Whether a line is written anew much like this one: then it was moved, not taken away.
    fn has_like(&self, line: &[u8], work: &Work) -> Option<bool> {
        let written = || self.edits.added.iter().chain(&self.edits.put);
        work.take_len(LINE_STEPS * written().map(|other| other.len() + line.len()).sum::<usize>())?;
        Some(written().any(|other| pairs::alike(line, other) >= pairs::ALIKE_MIN))
    }

    /// Whether a line in the place of the one at `at` has words that the change would be made to. Words that it only puts
    /// in may belong into any, but for a comma.
    fn writes_instead(&self, at: usize, change: &Change) -> bool {
        let written = self.edits.instead.get(&at).map_or(&[][..], |put| &self.edits.put[put.clone()]);
        let replaced = self.edits.changed.iter().filter(|(place, _)| *place == at).map(|(_, new)| new);
        let is_meant = |line: &&[u8]| {
            let line = check::pieces(line);
            let has = |from: &[&[u8]]| line.windows(from.len()).any(|there| there == from);
            let fits = |(from, to): &(Vec<&[u8]>, Vec<&[u8]>)| if from.is_empty() { *to != [b","] } else { has(from) };
            !line.is_empty() && change.iter().all(fits)
        };
        written.iter().chain(replaced).any(is_meant)
    }

    /// Places in base of lines that are gone, or replaced by something else.
    fn taken(&self, base: &[&'a [u8]]) -> BTreeSet<usize> {
        let is_replaced = |(at, new): &&(usize, &'a [u8])| pairs::alike(base[*at], new) < pairs::ALIKE_MIN;
        self.edits
            .gone
            .iter()
            .copied()
            .chain(self.edits.changed.iter().filter(is_replaced).map(|(at, _)| *at))
            .collect()
    }
}

/// Names in what a side wrote, and in the whole of the file that sweeps.
struct Names<'a> {
    written: BTreeSet<&'a [u8]>,
    left: BTreeSet<&'a [u8]>,
}

impl<'a> Names<'a> {
    fn of(sweeper: &Side<'a>, other: &Side<'a>, work: &Work) -> Option<Self> {
        let edits = &other.edits;
        let written = edits.added.iter().chain(&edits.put).chain(edits.changed.iter().map(|(_, new)| new));
        let written: Vec<&[u8]> = written.copied().collect();
        work.take_len(LINE_STEPS * written.iter().chain(sweeper.lines.keys()).map(|line| line.len()).sum::<usize>())?;
        let names = |line: &&'a [u8]| check::pieces(line);
        Some(Self {
            written: written.iter().flat_map(names).collect(),
            left: sweeper.lines.keys().flat_map(names).collect(),
        })
    }

    /// Whether the other side wrote a name that the change took out of the whole file.
    fn are_changed(&self, change: &Change) -> bool {
        let is_name = |word: &&[u8]| word.iter().any(|b| words::is_word_byte(*b));
        let mut from = change.iter().flat_map(|(from, _)| from.iter().copied()).filter(is_name);
        from.any(|word| self.written.contains(word) && !self.left.contains(word))
    }
}

fn change<'a>(old: &'a [u8], new: &'a [u8], work: &Work) -> Option<Change<'a>> {
    let (old, new) = (check::pieces(old), check::pieces(new));
    let ([b, s], count) = lines::numbered([&old, &new]);
    let hunks = diff3::hunks(&b, &s, count, work)?;
    Some(hunks.into_iter().map(|hunk| (old[hunk.base].to_vec(), new[hunk.side].to_vec())).collect())
}

#[cfg(test)]
mod tests {
    use crate::{Input, Options, Outcome, merge};

    fn merged(path: &str, base: &str, ours: &str, theirs: &str) -> Option<String> {
        let options = Options::default();
        let merged = |ours: &str, theirs: &str| {
            let input = Input {
                base: Some(base.as_bytes()),
                ours: ours.as_bytes(),
                theirs: theirs.as_bytes(),
                path,
                options: &options,
            };
            match merge(&input) {
                Outcome::Clean { bytes, .. } => Some(String::from_utf8(bytes).expect("text")),
                Outcome::Conflict(_) => None,
            }
        };
        let there = merged(ours, theirs);
        assert_eq!(there, merged(theirs, ours), "the sides have no names");
        there
    }

    const BASE: &str = "log.info(one);\nstep();\nlog.info(two);\nstep();\nlog.info(three);\n";

    #[test]
    fn a_change_made_to_every_line_of_a_kind_gives_way_to_a_removal() {
        let gone = BASE.replace("log.info(two);\n", "");
        assert_eq!(merged("a.js", BASE, &gone, &BASE.replace("info", "debug")), Some(gone.replace("info", "debug")));
    }

    #[test]
    fn a_change_made_to_one_line_alone_gives_way_to_nothing() {
        let gone = BASE.replace("log.info(two);\n", "");
        assert_eq!(merged("a.js", BASE, &gone, &BASE.replace("info(two)", "debug(two)")), None);
    }

    #[test]
    fn a_line_that_was_written_anew_elsewhere_is_no_removal() {
        let moved = format!("{}if (ok) log.info(two);\n", BASE.replace("log.info(two);\n", ""));
        assert_eq!(merged("a.js", BASE, &moved, &BASE.replace("info", "debug")), None);
    }

    #[test]
    fn a_line_that_both_sides_wrote_anew_is_swept_by_neither() {
        let base = "check('one');\nstep();\ncheck('two');\n";
        let (ours, theirs) =
            (base.replace("check", "open").replace('\'', "\""), base.replace("check", "shut").replace('\'', "`"));
        assert_eq!(merged("a.js", base, &ours, &theirs), None);
    }
}
