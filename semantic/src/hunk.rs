//! A stretch of lines that both sides changed, and the rules that may still make it one.
//!
//! In order: import statements as a set; edits of different lines, cut as the diff cuts them; the same with edited
//! lines paired; edits of different words on different lines. What git merges cleanly never comes here.

mod lines;
mod words;

use std::collections::BTreeSet;

use crate::imports;
use crate::indent;
use crate::ladder::Task;
use crate::language::{self, Language};
use crate::layout;
use crate::lex;
use crate::limits;
use crate::text::Mode;
use crate::{Piece, Rules, Rung, Work};
use lines::{Cut, No};

/// Steps of all the rules for one byte of a stretch, where they only read it.
const READ_STEPS: usize = 16;

/// Text of the three at one stretch.
#[derive(Debug)]
pub(crate) struct Hunk {
    pub(crate) base: Vec<u8>,
    pub(crate) ours: Vec<u8>,
    pub(crate) theirs: Vec<u8>,
    /// Lines that all three have above the stretch, a few.
    pub(crate) above: Vec<u8>,
    /// And below.
    pub(crate) below: Vec<u8>,
    /// Lines of base that ours, and that theirs, has elsewhere.
    pub(crate) moved: [BTreeSet<Vec<u8>>; 2],
    /// Whether the three files are data that read, so that the value of a merge can be judged.
    pub(crate) is_read: bool,
    /// Whether blanks and most line ends mean nothing here.
    pub(crate) is_free: bool,
}

impl Hunk {
    /// A stretch of nothing.
    pub(crate) fn empty() -> Self {
        let nothing = Vec::new;
        Self {
            base: nothing(),
            ours: nothing(),
            theirs: nothing(),
            above: nothing(),
            below: nothing(),
            moved: [BTreeSet::new(), BTreeSet::new()],
            is_read: false,
            is_free: false,
        }
    }

    /// As a piece that nobody could merge.
    pub(crate) fn disputed(self) -> Piece {
        Piece::Disputed { base: self.base, ours: self.ours, theirs: self.theirs }
    }

    /// Bytes of all three.
    pub(crate) fn len(&self) -> usize {
        self.base.len() + self.ours.len() + self.theirs.len()
    }

    fn is_small(&self) -> bool {
        [&self.base, &self.ours, &self.theirs].iter().all(|side| side.len() <= limits::HUNK_BYTES_MAX)
    }
}

/// The stretch as one, with the rung that did it.
pub(crate) fn resolve(hunk: &Hunk, input: &Task, mode: Mode) -> Option<(Vec<u8>, Rung)> {
    if !hunk.is_small() {
        return None;
    }
    // Each rule below reads the stretch a few times, and looks for its lines and words among all.
    input.work.take_len(READ_STEPS * hunk.len())?;
    let language = language::of(input.path);
    if let Some(style) = language.imports
        && let Some(bytes) = imports::resolve(hunk, style, mode.rules, input.work)
    {
        return Some((bytes, Rung::Imports));
    }
    if hunk.is_free
        && let Some(bytes) = layout::edited(hunk, language)
    {
        return Some((bytes.to_vec(), Rung::Text));
    }
    let merged = match indent::shifted(hunk) {
        Some(shifted) => by_shifted(&shifted, hunk, language, mode, input.work),
        None => by_edits(hunk, language, mode, input.work),
    };
    merged.map(|bytes| (bytes, Rung::Text))
}

/// An edit of lines that the other side shifted. Where indentation says something, no other rule may place it.
fn by_shifted(shifted: &Hunk, hunk: &Hunk, language: &Language, mode: Mode, work: &Work) -> Option<Vec<u8>> {
    let says_something = language.has_indented_blocks();
    let merged =
        if hunk.is_free || says_something && !has_fence(hunk) { by_edits(shifted, language, mode, work) } else { None };
    merged.or_else(|| if says_something { None } else { by_edits(hunk, language, mode, work) })
}

/// Whether a string over lines may be near, whose lines are not shifted without harm.
fn has_fence(hunk: &Hunk) -> bool {
    let has = |side: &[u8]| [b"\"\"\"", b"'''"].iter().any(|fence| side.windows(fence.len()).any(|w| w == *fence));
    [&hunk.base, &hunk.ours, &hunk.theirs].iter().any(|side| has(side))
}

/// By lines, then by words.
fn by_edits(hunk: &Hunk, language: &Language, mode: Mode, work: &Work) -> Option<Vec<u8>> {
    for cut in [Cut::Plain, Cut::Paired] {
        match lines::merge(hunk, cut, language, mode, work) {
            Ok(bytes) => return Some(bytes),
            Err(No::Next) => (),
            Err(No::Never) => return None,
        }
    }
    // Words of one line may stand in two blocks.
    let shifts = |side: &[u8]| mode.rules >= Rules::V22 && shifts(&hunk.base, side, language);
    let leaves = |side: &[u8]| leaves_its_block(&hunk.base, side, language) || shifts(side);
    if leaves(&hunk.ours) || leaves(&hunk.theirs) { None } else { words::merge(hunk, mode, work) }
}

/// Whether a side closes more than what it replaces: what stands beside it would come to stand in another block.
fn leaves_its_block(base: &[u8], side: &[u8], language: &Language) -> bool {
    language.words().is_some() && lex::lowest(side, &language.lexis) < lex::lowest(base, &language.lexis)
}

/// Whether a side leaves more open than what it replaces: what stands behind it would come to stand in a block of its own.
fn opens_a_block(base: &[u8], side: &[u8], language: &Language) -> bool {
    language.words().is_some() && lex::depth(side, &language.lexis) > lex::depth(base, &language.lexis)
}

/// Whether a side ends deeper, or less deep, than what it replaces, where that tells the block.
fn shifts(base: &[u8], side: &[u8], language: &Language) -> bool {
    let (base, side) = (crate::lines::split(base), crate::lines::split(side));
    language.indents() && lines::shifts(lines::said(&base, language).last(), lines::said(&side, language).last())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    fn resolved(path: &str, base: &str, ours: &str, theirs: &str) -> Option<String> {
        let options = Options::default();
        let work = Work::default();
        let input = Task { base: Some(b""), ours: b"", theirs: b"", path, options: &options, work: &work };
        let is_free = !path.ends_with(".py");
        let [base, ours, theirs] = [base, ours, theirs].map(Into::into);
        let hunk = Hunk { base, ours, theirs, is_free, is_read: path.ends_with(".yaml"), ..Hunk::empty() };
        resolve(&hunk, &input, Mode::of(&input)).map(|(bytes, _)| String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn edits_of_adjacent_lines_go_through() {
        let merged = resolved("a.txt", "one\ntwo\n", "one!\ntwo\n", "one\ntwo!\n");
        assert_eq!(merged.as_deref(), Some("one!\ntwo!\n"));
    }

    #[test]
    fn a_side_that_only_laid_out_anew_gives_way() {
        let merged = resolved("a.ts", "f(a, b);\n", "f(\n  a, b);\n", "f(a, c);\n");
        assert_eq!(merged.as_deref(), Some("f(a, c);\n"));
        let (ours, theirs) = ("f(\n  a, b);\n", "f(a,\n  b);\n");
        assert_eq!(resolved("a.ts", "f(a, b);\n", ours, theirs), resolved("a.ts", "f(a, b);\n", theirs, ours));
        assert_eq!(resolved("a.ts", "f('a b');\n", "f('a  b');\n", "f('a c');\n"), None);
        assert_eq!(resolved("a.py", "f(a)\n", "  f(a)\n", "f(b)\n").as_deref(), Some("  f(b)\n"));
    }

    #[test]
    fn an_addition_beside_an_edit_goes_through() {
        let merged = resolved("a.txt", "one x y\n", "one x z\n", "one x y\nsomething else\n");
        assert_eq!(merged.as_deref(), Some("one x z\nsomething else\n"));
    }

    #[test]
    fn an_addition_beside_a_removal_is_refused() {
        assert_eq!(resolved("a.txt", "one\n", "", "one\ntwo\n"), None);
    }

    #[test]
    fn edits_of_one_line_are_refused() {
        assert_eq!(resolved("a.rs", "f(a, b, c)\n", "f(x, b, c)\n", "f(a, b, y)\n"), None);
    }

    #[test]
    fn an_edited_comment_above_an_edited_line_is_refused() {
        assert_eq!(
            resolved("a.rs", "// at most 3\nn = 3;\n", "// at most three\nn = 3;\n", "// at most 3\nn = 4;\n"),
            None
        );
    }

    #[test]
    fn an_addition_among_edited_lines_finds_its_place() {
        let base = "a = { v = 1, path = x }\nb = { v = 1, path = y }\n";
        let ours = "a = { v = 2, path = x }\nb = { v = 2, path = y }\n";
        let theirs = "a = { v = 1, path = x }\nnew = true\nb = { v = 1, path = y }\n";
        let merged = resolved("a.txt", base, ours, theirs);
        assert_eq!(merged.as_deref(), Some("a = { v = 2, path = x }\nnew = true\nb = { v = 2, path = y }\n"));
    }

    #[test]
    fn a_line_that_both_added_stands_once() {
        let merged = resolved("a.txt", "x = 1\n", "note\nx = 2\n", "note\nx = 1\n");
        assert_eq!(merged.as_deref(), Some("note\nx = 2\n"));
    }

    #[test]
    fn an_entry_added_beside_a_removed_one_stands() {
        let merged = resolved("a.yaml", "- one\n", "", "- one\n- two\n");
        assert_eq!(merged.as_deref(), Some("- two\n"));
        let merged = resolved("a.md", "- one\n", "", "- one\n- two\n");
        assert_eq!(merged.as_deref(), Some("- two\n"));
    }

    #[test]
    fn a_function_added_beside_a_removed_one_stands_and_a_statement_does_not() {
        let (one, two) = ("func one() {\n}\n\n", "func two() {\n\trun(1)\n}\n\n");
        assert_eq!(resolved("a.go", one, "", &[one, two].concat()).as_deref(), Some(two));
        assert_eq!(resolved("a.js", "run(a);\n", "", "let b = c;\nrun(a);\n"), None);
    }

    #[test]
    fn of_two_sides_that_only_put_words_in_the_one_with_all_of_them_stands() {
        let (base, small, large) = ("run()\n", "run(a)\n", "now = run(a)\n");
        assert_eq!(resolved("a.py", base, small, large).as_deref(), Some(large));
        assert_eq!(resolved("a.py", base, small, "now = run(b)\n"), None);
    }

    #[test]
    fn blanks_inside_a_line_are_no_edit_of_it_and_those_at_its_start_are() {
        let ours = "id = 1\nname = \"a\"\n";
        let merged = resolved("a.toml", "name  = \"a\"\n", ours, "name  = \"b\"\n");
        assert_eq!(merged.as_deref(), Some("id = 1\nname = \"b\"\n"));
        assert_eq!(resolved("a.js", "run(a);\n", "  run(a);\n", "run(b);\n"), Some("run(b);\n".into()));
        assert_eq!(resolved("a.js", "run(a, c);\n", "  run(a,  d);\n", "run(b, c);\n"), None);
    }
}
