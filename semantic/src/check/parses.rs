//! Code still parses, and data say what merging key by key says.

use super::{Check, branches, indents, joints};
use crate::data::{self, Merges, Unread};
use crate::items;
use crate::ladder::Task;
use crate::language::{self, Shape};
use crate::lex;
use crate::limits;
use crate::lines;
use crate::words;
use crate::{Rules, Rung};

/// Steps of reading one byte, and of what is made of it.
const READ_STEPS: usize = 16;

/// Whether the three files are data that read. Then the value of their merge is judged.
pub(crate) fn is_read(input: &Task) -> bool {
    let language = language::of(input.path);
    let files = [input.base.unwrap_or_default(), input.ours, input.theirs];
    let reads = |file: &[u8]| {
        let is_small = file.len() <= limits::STRUCTURE_BYTES_MAX;
        is_small
            && input.work.take_len(READ_STEPS * file.len()).is_some()
            && matches!(data::read(file, language.shape), Some(Ok(_)))
    };
    language.is_data() && files.into_iter().all(reads)
}

/// A data file reads, no key twice; and a merge of our own equals the key-wise merge of the values.
pub(super) fn data(input: &Task, merged: &[u8], rung: Rung) -> Option<Check> {
    let language = language::of(input.path);
    if !language.is_data() {
        return None;
    }
    input.work.take_len(READ_STEPS * input.structured_len(merged))?;
    let read = |file: &[u8]| {
        let small = file.len() <= limits::STRUCTURE_BYTES_MAX;
        small.then(|| data::read(file, language.shape)).flatten()
    };
    let base = input.base.and_then(read);
    let (Some(Ok(ours)), Some(Ok(theirs))) = (read(input.ours), read(input.theirs)) else { return None };
    if let Some(Err(_)) = base {
        return None;
    }
    let base = base.and_then(Result::ok);
    if input.options.rules >= Rules::V22 && language.shape == Shape::Json && gains_a_last_comma(input, merged) {
        return Some(Check::Parses);
    }
    let merged = read(merged);
    let mut key_wise = Merges::of(input.options, base.as_ref(), &ours, &theirs, input.work);
    match merged.as_ref()? {
        Err(Unread::DuplicateKey) => Some(Check::DuplicateKey),
        Err(Unread::Unparsed) => Some(Check::Parses),
        Ok(merged) if rung != Rung::OneSided && !key_wise.have(merged) => Some(Check::Value),
        Ok(_) => None,
    }
}

/// Whether the merge alone has a comma before a closing bracket.
fn gains_a_last_comma(input: &Task, merged: &[u8]) -> bool {
    let trails = |file: &[u8]| file.len() <= limits::STRUCTURE_BYTES_MAX && trails_a_comma(file);
    trails(merged) && ![input.base.unwrap_or_default(), input.ours, input.theirs].into_iter().any(trails)
}

/// Whether a comma stands before a closing bracket, which JSON itself does not know.
fn trails_a_comma(file: &[u8]) -> bool {
    let said: Vec<&[u8]> = words::split(file).into_iter().filter(|word| !words::is_blank(word)).collect();
    said.windows(2).any(|pair| pair[0] == b"," && matches!(pair[1], b"}" | b"]"))
}

/// Brackets match, no two operands share two operators, and Python is indented one way and by its heads, where that holds
/// of all three.
pub(super) fn code(input: &Task, merged: &[u8]) -> Option<Check> {
    let language = language::of(input.path);
    language.words()?;
    let balanced = |file: &[u8]| {
        file.len() > limits::STRUCTURE_BYTES_MAX
            || lex::is_balanced(file, &lex::tokens(file, &language.lexis), items::DEPTH_MAX)
    };
    input.work.take_len(input.len() + merged.len())?;
    let inputs = [input.base.unwrap_or_default(), input.ours, input.theirs];
    let is_indented = language.has_indented_blocks();
    let has_levels = is_indented && input.options.rules >= Rules::V22;
    let one_indent = |file: &[u8]| !is_indented || !mixes_indents(file);
    let level = |file: &[u8]| {
        !has_levels || file.len() > limits::STRUCTURE_BYTES_MAX || indents::are_level(file, &language.lexis)
    };
    let broke = |holds: &dyn Fn(&[u8]) -> bool| !holds(merged) && inputs.iter().all(|input| holds(input));
    let is_joined = |file: &[u8]| {
        let is_small = file.len() <= limits::STRUCTURE_BYTES_MAX;
        let looks = input.options.rules >= Rules::V23 && is_small;
        !looks || branches::follow(file, language) && joints::fit(file, language, input.options.rules)
    };
    if input.options.rules >= Rules::V23 && imports_inside(input, merged) {
        return Some(Check::Parses);
    }
    (broke(&balanced)
        || broke(&one_indent)
        || broke(&level)
        || broke(&is_joined)
        || broke(&|file| !doubles_operator(file)))
    .then_some(Check::Parses)
}

/// Whether an import that a side has outside of every block stands in one, which it does in none of the three.
fn imports_inside(input: &Task, merged: &[u8]) -> bool {
    let language = language::of(input.path);
    let files = [merged, input.base.unwrap_or_default(), input.ours, input.theirs];
    if files.iter().any(|file| file.len() > limits::STRUCTURE_BYTES_MAX) {
        return false;
    }
    let [[_, inside], base, ours, theirs] = files.map(|file| joints::imports(file, language));
    let has = |of: usize, line: &[u8]| [&base, &ours, &theirs].iter().any(|file| file[of].contains(line));
    inside.iter().any(|line| has(0, line) && !has(1, line))
}

/// Whether a line ends with the operator that the next one begins with: one side moved it, the other added a line.
fn doubles_operator(file: &[u8]) -> bool {
    let lines = lines::split(file).into_iter().map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let ends: Vec<(u8, u8)> = lines.map(|line| (line[0], line[line.len() - 1])).collect();
    ends.windows(2).any(|pair| pair[0].1 == pair[1].0 && b"|&+,".contains(&pair[1].0))
}

/// Whether some lines are indented by tabs and others by blanks, which Python refuses where one stands in the other.
fn mixes_indents(file: &[u8]) -> bool {
    let starts = |with: u8| lines::split(file).into_iter().any(|line| line.first() == Some(&with));
    starts(b'\t') && starts(b' ')
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn parses_stops_a_bracket_without_partner() {
        let verdict = refused("a.rs", "f();\n", "{\nf();\n}\n", "f();\ng();\n", "{\nf();\ng();\n");
        assert_eq!(verdict, Some(Check::Parses));
    }

    #[test]
    fn parses_stops_tabs_and_blanks_that_indent_one_python_file() {
        let verdict = refused(
            "a.py",
            "if a:\n    b()\n",
            "if a:\n    b()\n    c()\n",
            "if a:\n\tb()\n",
            "if a:\n\tb()\n    c()\n",
        );
        assert_eq!(verdict, Some(Check::Parses));
    }

    #[test]
    fn parses_stops_an_operand_beside_others_whose_operator_moved() {
        let verdict = refused(
            "a.ts",
            "type T =\n  'a' |\n  'b';\n",
            "type T =\n  'a' |\n  'n' |\n  'b';\n",
            "type T =\n  | 'a'\n  | 'b';\n",
            "type T =\n  | 'a'\n  'n' |\n  | 'b';\n",
        );
        assert_eq!(verdict, Some(Check::Parses));
    }

    #[test]
    fn duplicate_key_stops_a_key_that_both_added() {
        let verdict = refused("a.toml", "", "x = 1\n", "x = 2\n", "x = 1\nx = 2\n");
        assert_eq!(verdict, Some(Check::DuplicateKey));
    }

    #[test]
    fn value_stops_a_key_that_landed_in_another_table() {
        let base = "[a]\n[b]\n";
        let verdict = refused("a.toml", base, "[a]\nx = 1\n[b]\n", "[a]\n[b]\ny = 1\n", "[a]\n[b]\nx = 1\ny = 1\n");
        assert_eq!(verdict, Some(Check::Value));
    }
}
