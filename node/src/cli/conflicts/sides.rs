//! Sides of a conflict, as differences to their common base.

use super::super::failure::Failure;
use super::super::print::{plain, size};
use super::super::unified;
use quorate_client::api::ConflictEntry;
use quorate_client::http::Client;
use quorate_ledger::Mode;
use quorate_pbft::Digest;
use quorate_semantic::{Entry, EntryOutcome, Kind, Labels, Options, markers, merge_entries};
use std::collections::BTreeMap;

/// Lines of one difference that are shown to people; `--json` has all.
const LINES_SHOWN: usize = 60;

/// Contents above this are told by their size: a difference of such a file helps nobody.
const SHOWN_BYTES_MAX: u64 = 1 << 20;

/// Sides and proposals whose contents are fetched.
const SIDES_SHOWN: usize = 32;

/// The contents of a conflict that are worth showing, by hash.
pub struct Contents(BTreeMap<Digest, Vec<u8>>);

impl Contents {
    /// Fetches what the base, the sides and the proposals hold.
    pub async fn of(client: &Client, conflict: &ConflictEntry) -> Result<Self, Failure> {
        let base = conflict.base.iter().map(|base| (Some(base.hash), Some(base.size)));
        let sides = conflict.sides.iter().map(|side| (side.hash, side.size));
        let proposals = conflict.proposals.iter().map(|proposal| (proposal.hash, proposal.size));
        let mut contents = BTreeMap::new();
        for (hash, size) in base.chain(sides.take(SIDES_SHOWN)).chain(proposals.take(SIDES_SHOWN)) {
            let (Some(hash), Some(size)) = (hash, size) else { continue };
            if size <= SHOWN_BYTES_MAX && !contents.contains_key(&hash) {
                let id = conflict.id.to_string();
                let path = ["conflicts", &id, "contents", &hash.to_string()];
                contents.insert(hash, client.renewed().get_bytes(&path, &[("level", "sequential")]).await?.body);
            }
        }
        Ok(Self(contents))
    }

    /// Difference of a side to the base: unified, or words where there is none.
    pub fn difference(&self, conflict: &ConflictEntry, made: (Option<Digest>, Option<u64>)) -> String {
        let base = conflict.base.map(|base| (base.hash, base.size));
        let Some((hash, bytes)) = made.0.zip(made.1) else {
            return "removed it\n".into();
        };
        if base.is_some_and(|(base, _)| base == hash) {
            return "left it as it was\n".into();
        }
        let old = base.map_or(Some(&[][..]), |(base, _)| self.0.get(&base).map(Vec::as_slice));
        let new = self.0.get(&hash).map(Vec::as_slice);
        match (old.and_then(text), new.and_then(text)) {
            (Some(old), Some(new)) => unified::diff(old, new),
            _ => format!("not text, or too much of it: {}\n", size(bytes)),
        }
    }

    /// Partial merge of the first two sides, with git's markers where they disagree; none where there is nothing to
    /// show line by line.
    pub fn partial_merge(&self, conflict: &ConflictEntry) -> Option<String> {
        let [first, second, ..] = &conflict.sides[..] else { return None };
        let base = match &conflict.base {
            Some(base) => Some(self.entry(base.mode, &base.hash)?),
            None => None,
        };
        let first = self.entry(first.mode?, &first.hash?)?;
        let second = self.entry(second.mode?, &second.hash?)?;
        let outcome = merge_entries(base, Some(first), Some(second), &conflict.path, &Options::default());
        let EntryOutcome::Conflict(merged) = outcome else { return None };
        let labels = Labels { ours: "side 1".into(), base: "before".into(), theirs: "side 2".into() };
        String::from_utf8(markers(&merged, &labels)?).ok()
    }

    fn entry(&self, mode: Mode, hash: &Digest) -> Option<Entry<'_>> {
        let kind = match mode {
            Mode::File => Kind::File,
            Mode::Exec => Kind::Executable,
            Mode::Link => Kind::Link,
        };
        Some(Entry { kind, bytes: self.0.get(hash)? })
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// Lines of a merge that are shown before and after what is disputed.
const LINES_AROUND: usize = 3;

/// The disputed stretches of a merge with git's markers, each with some lines around it; a line says how many are left
/// out. The whole of it where nothing is marked.
pub fn disputed(marked: &str) -> String {
    let lines: Vec<&str> = marked.lines().collect();
    let mut shown = vec![false; lines.len()];
    let mut begin = None;
    for (at, line) in lines.iter().enumerate() {
        match begin {
            None if line.starts_with("<<<<<<< side ") => begin = Some(at),
            Some(from) if line.starts_with(">>>>>>> side ") => {
                let (from, to) = (from.saturating_sub(LINES_AROUND), (at + LINES_AROUND + 1).min(lines.len()));
                shown[from..to].fill(true);
                begin = None;
            }
            _ => (),
        }
    }
    if !shown.contains(&true) {
        return marked.to_owned();
    }
    let (mut out, mut at) = (String::new(), 0);
    for stretch in shown.chunk_by(|one, next| one == next) {
        let these = &lines[at..at + stretch.len()];
        at += stretch.len();
        match stretch[0] {
            true => these.iter().for_each(|line| out.extend([line, "\n"])),
            false => out.push_str(&format!("… {} lines on which the sides agree\n", these.len())),
        }
    }
    out
}

/// Text of an author, indented; a long one is cut.
pub fn indented(text: &str, by: &str) -> Vec<String> {
    let lines = text.lines().count();
    let shown = text.lines().take(LINES_SHOWN).map(|line| format!("{by}{}", plain(&line.replace('\t', "    "))));
    let more = (lines > LINES_SHOWN).then(|| format!("{by}… and {} lines more; --json has all", lines - LINES_SHOWN));
    shown.chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_disputed_far_down_in_a_long_file_is_shown_and_the_rest_is_counted() {
        let lines = |from: usize, to: usize| (from..to).map(|n| format!("line {n}\n")).collect::<String>();
        let marked = "<<<<<<< side 1\na\n||||||| before\nb\n=======\nc\n>>>>>>> side 2\n";
        let shown = disputed(&format!("{}{marked}{}", lines(0, 500), lines(500, 900)));
        let before = "… 497 lines on which the sides agree\nline 497\nline 498\nline 499\n";
        let after = "line 500\nline 501\nline 502\n… 397 lines on which the sides agree\n";
        assert_eq!(shown, format!("{before}{marked}{after}"));
    }

    #[test]
    fn stretches_that_lie_close_together_are_shown_as_one() {
        let marked = "<<<<<<< side 1\na\n=======\nc\n>>>>>>> side 2\n";
        let both = format!("{marked}one\ntwo\n{marked}");
        assert_eq!(disputed(&both), both);
    }

    #[test]
    fn a_merge_without_marks_is_shown_whole() {
        assert_eq!(disputed("a\nb\n"), "a\nb\n");
    }
}
