//! Sample merges: some for each rung and check, and a file for each row of the table of languages with edits made by a
//! fixed recipe.
//!
//! Two programs that answer them alike may be trusted to be of one build; a replica compares its answers with those that
//! its rules are known to give.

use crate::{
    Entry, EntryOutcome, Input, Kind, Labels, Options, Outcome, Rules, Rung, json, markers, merge, merge_entries,
};

/// The files, each after a line with its name.
const FILES: &str = include_str!("samples.txt");
/// Merges of their own making: base, ours and theirs, with a mark between them; what is empty is not there.
const MERGES: &str = include_str!("merges.txt");

/// Answers to so many merges of each file: the outcome, and all that it says as bytes.
pub fn answers(rules: Rules, merges: u64, mut take: impl FnMut(&Outcome, &[u8])) {
    each(rules, merges, |_, outcome| take(outcome, &bytes(outcome)));
}

/// So many merges of each file, with their outcomes.
pub fn each(rules: Rules, merges: u64, mut take: impl FnMut(&Input, &Outcome)) {
    for (path, base) in named(FILES) {
        for seed in 0..merges {
            let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
            let [ours, theirs] = [edited(base, &mut dice), edited(base, &mut dice)];
            let (same_line, newest_version) = (seed.is_multiple_of(5), seed.is_multiple_of(7));
            let options = Options { rules, same_line, newest_version, ..Options::default() };
            let base = Some(base.as_bytes());
            let input = Input { base, ours: ours.as_bytes(), theirs: theirs.as_bytes(), path, options: &options };
            take(&input, &merge(&input));
        }
    }
}

/// Answers to the merges that reach each rung.
pub fn chosen(rules: Rules, mut take: impl FnMut(&Outcome, &[u8])) {
    let options = Options { rules, ..Options::default() };
    for (path, files) in named(MERGES) {
        let mut files = files.split("=-=\n").map(|file| {
            Some(Entry { kind: Kind::File, bytes: file.as_bytes() }).filter(|entry| !entry.bytes.is_empty())
        });
        let [base, ours, theirs] = [(); 3].map(|()| files.next().flatten());
        let outcome = match merge_entries(base, ours, theirs, path, &options) {
            EntryOutcome::Clean { entry, rung } => {
                Outcome::Clean { bytes: entry.map(|(_, bytes)| bytes).unwrap_or_default(), rung }
            }
            EntryOutcome::Conflict(conflict) => Outcome::Conflict(conflict),
        };
        take(&outcome, &bytes(&outcome));
    }
}

fn named(files: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    files.split("=== ").filter_map(|file| file.split_once('\n'))
}

/// A side: a few lines changed, copied, dropped, moved or added.
fn edited(base: &str, dice: &mut Dice) -> String {
    let mut lines: Vec<String> = base.lines().map(str::to_owned).collect();
    for _ in 0..1 + dice.below(3) {
        let at = dice.below(lines.len());
        let line = lines[at].clone();
        let number = dice.below(9).to_string();
        match dice.below(6) {
            0 | 1 => lines[at] = line.replace(['1', '2', '3'], &number),
            2 => lines.insert(at, line.replace(['a', 'e', 'o'], &number)),
            3 if lines.len() > 2 => drop(lines.remove(at)),
            4 => lines[at] = line.replacen(' ', &format!(" v{number} "), 1),
            _ => {
                let to = dice.below(lines.len());
                lines.swap(at, to);
            }
        }
    }
    lines.join("\n") + "\n"
}

/// Words of an answer, all of them.
fn bytes(outcome: &Outcome) -> Vec<u8> {
    let rung = match outcome {
        Outcome::Clean { rung, .. } => *rung,
        Outcome::Conflict(_) => Rung::None,
    };
    let mut bytes = rung.name().as_bytes().to_vec();
    match outcome {
        Outcome::Clean { bytes: merged, .. } => bytes.extend_from_slice(merged),
        Outcome::Conflict(conflict) => {
            bytes.extend_from_slice(&markers(conflict, &Labels::default()).unwrap_or_default());
            bytes.extend_from_slice(json(conflict).as_bytes());
        }
    }
    bytes
}

/// A xorshift generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides as u64) as usize
    }
}
