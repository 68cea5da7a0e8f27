//! Checks on single words: what was removed stays removed, and what looks alike does not meet.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::Check;
use super::accounting::{Counts, counts, identifiers};
use crate::imports;
use crate::ladder::Task;
use crate::language::{self, Language};
use crate::lex::{self, Kind};
use crate::lines;
use crate::words;

/// Count that a word needs in base for its removal to say that the file does without it.
///
/// A word that stood once is removed by most edits of its line; measured, that says nothing, unless the other side uses the
/// word more often than before and it was bound there.
const REMOVED_MIN: i64 = 2;

/// A rename or removal on one side, a new use on the other.
pub(super) fn gone(input: &Task, merged: &[u8]) -> Option<Check> {
    let language = language::of(input.path);
    input.work.take_len(input.len() + merged.len())?;
    let free = counts(input, merged, |file| names(file, language).into_iter())?;
    for (word, [base, ours, theirs, merged]) in &free {
        if *base == 0 || (*ours > 0 && *theirs > 0) || *merged == 0 {
            continue;
        }
        let is_used_more = ours.max(theirs) > base;
        if *base >= REMOVED_MIN || is_used_more && is_bound(input, word, language)? {
            return Some(Check::GoneWord);
        }
    }
    None
}

/// Steps of finding where one word is bound, for each byte.
const BOUND_STEPS: usize = 16;

/// Whether a word that stands once in base is declared, imported or given a value there; in data and text each is. None out
/// of steps.
fn is_bound(input: &Task, word: &[u8], language: &Language) -> Option<bool> {
    let base = input.base.unwrap_or_default();
    input.work.take_len(BOUND_STEPS * base.len())?;
    let line = lines::split(base).into_iter().find(|line| identifiers(line).any(|other| other == word));
    Some(line.is_none_or(|line| binds(line, word, language)))
}

fn binds(line: &[u8], word: &[u8], language: &Language) -> bool {
    let Some(words) = language.words() else { return true };
    let said: Vec<&[u8]> = words::split(line).into_iter().filter(|w| !words::is_blank(w)).collect();
    let at = |i: usize| said.get(i).copied().unwrap_or_default();
    let is_set = |i: usize| {
        matches!((at(i + 1), at(i + 2)), (b"=", after) if after != b"=") || [at(i + 1), at(i + 2)] == [b":", b"="]
    };
    let is_declared = |i: usize| i > 0 && words.is_keyword(at(i - 1));
    // A path leads to the name that it binds, unless its head is bound.
    let is_path = |i: usize| !language.imports.is_some_and(|style| style.binds_head) && at(i + 1) == b".";
    let is_imported = imports::may_begin(line, language.imports);
    let is_bound = |i: usize| is_set(i) || if is_imported { !is_path(i) } else { is_declared(i) };
    said.iter().enumerate().any(|(i, w)| *w == word && is_bound(i))
}

/// The words that name something by themselves: no numbers, no members of something else (after a dot), and of code no
/// keywords and no words of comments.
pub(super) fn names<'a>(file: &'a [u8], language: &Language) -> Vec<&'a [u8]> {
    let Some(words) = language.words() else { return free_words(file, 0) };
    let is_keyword = |word: &&[u8]| words.is_keyword(word);
    let (mut at, mut out) = (0, Vec::new());
    let comments = lex::tokens(file, &language.lexis).into_iter().filter(|token| token.kind == Kind::Comment);
    for (from, to) in comments.map(|token| (token.from, token.to)).chain([(file.len(), file.len())]) {
        out.extend(free_words(&file[..from], at));
        at = to;
    }
    out.retain(|word| !is_keyword(word));
    out
}

/// Words from a place on.
fn free_words(file: &[u8], from: usize) -> Vec<&[u8]> {
    let (mut at, mut out) = (from, Vec::new());
    for word in file[from.min(file.len())..].split(|b| !words::is_word_byte(*b)) {
        let is_member = at > 0 && file[at - 1] == b'.';
        if word.first().is_some_and(|b| !b.is_ascii_digit()) && !is_member {
            out.push(word);
        }
        at += word.len() + 1;
    }
    out
}

/// `é` as one character and as two are the same to the eye, and two names to a machine.
pub(super) fn twins(input: &Task, merged: &[u8]) -> Option<Check> {
    let mut spellings: BTreeMap<String, BTreeMap<&[u8], Counts>> = BTreeMap::new();
    for (word, count) in counts(input, merged, identifiers)? {
        if !word.is_ascii() {
            let composed = String::from_utf8_lossy(word).nfc().collect();
            spellings.entry(composed).or_default().insert(word, count);
        }
    }
    let meet = |alike: &BTreeMap<&[u8], Counts>| {
        let had = |column: usize| alike.values().filter(|c| c[column] > 0).count();
        had(3) > 1 && had(3) > had(1).max(had(2))
    };
    spellings.values().any(meet).then_some(Check::Twins)
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn gone_word_lets_a_removed_use_stand_beside_a_new_one() {
        let (base, ours) = ("f(jobs.one);\ng();\n", "g();\n");
        let [theirs, merged] = ["f(jobs.one);\ng();\nh(jobs.two);\n", "g();\nh(jobs.two);\n"];
        assert_eq!(refused("a.js", base, ours, theirs, merged), None);
        let bind = |text: &str| text.replace("f(jobs.one)", "const jobs = one()");
        assert_eq!(refused("a.js", &bind(base), ours, &bind(theirs), merged), Some(Check::GoneWord));
    }

    #[test]
    fn gone_word_stops_a_use_of_what_the_other_side_renamed() {
        let base = "use old\nold(1)\n";
        let verdict = refused("a", base, "use new\nnew(1)\n", "use old\nold(1)\nold(2)\n", "use new\nnew(1)\nold(2)\n");
        assert_eq!(verdict, Some(Check::GoneWord));
    }

    #[test]
    fn gone_word_stops_a_new_use_beside_the_removal_of_what_it_uses() {
        let base = "let a = 1;\ng(2);\n";
        assert_eq!(refused("a.rs", base, "g(2);\n", "let a = 1;\ng(a);\n", "g(a);\n"), Some(Check::GoneWord));
        assert_eq!(refused("a.rs", base, "g(2);\n", "let a = 1;\ng(3);\n", "g(3);\n"), None);
    }

    #[test]
    fn twins_stops_two_spellings_of_one_name() {
        let (one, two) = ("caf\u{e9} = 1\n", "cafe\u{301} = 2\n");
        let both = format!("{one}{two}");
        assert_eq!(refused("a", "", one, two, &both), Some(Check::Twins));
    }
}
