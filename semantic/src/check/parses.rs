//! Code still parses, and data say what merging key by key says.

use super::Check;
use crate::Rung;
use crate::data::{self, Unread};
use crate::items;
use crate::ladder::Task;
use crate::language::{self, Shape};
use crate::lex;
use crate::limits;
use crate::lines;

/// Steps of reading one byte, and of what is made of it.
const READ_STEPS: usize = 16;

/// A data file reads, no key twice; and a merge of our own equals the key-wise merge of the values.
pub(super) fn data(input: &Task, merged: &[u8], rung: Rung) -> Option<Check> {
    if !language::of(input.path).is_data() {
        return None;
    }
    input.work.take_len(READ_STEPS * input.structured_len(merged))?;
    let read = |file: &[u8]| {
        let small = file.len() <= limits::STRUCTURE_BYTES_MAX;
        small.then(|| data::read(file, language::of(input.path).shape)).flatten()
    };
    let base = input.base.and_then(read);
    let (Some(Ok(ours)), Some(Ok(theirs))) = (read(input.ours), read(input.theirs)) else { return None };
    if let Some(Err(_)) = base {
        return None;
    }
    let base = base.and_then(Result::ok);
    let key_wise = data::merges(input.options, base.as_ref(), &ours, &theirs, input.work);
    match read(merged)? {
        Err(Unread::DuplicateKey) => Some(Check::DuplicateKey),
        Err(Unread::Unparsed) => Some(Check::Parses),
        Ok(merged) if rung != Rung::OneSided && !key_wise.contains(&merged) => Some(Check::Value),
        Ok(_) => None,
    }
}

/// Brackets match, no two operands share two operators, and Python is indented one way, where that holds of all three.
pub(super) fn code(input: &Task, merged: &[u8]) -> Option<Check> {
    let language = language::of(input.path);
    language.words()?;
    let balanced = |file: &[u8]| {
        file.len() > limits::STRUCTURE_BYTES_MAX
            || lex::is_balanced(file, &lex::tokens(file, &language.lexis), items::DEPTH_MAX)
    };
    input.work.take_len(input.len() + merged.len())?;
    let inputs = [input.base.unwrap_or_default(), input.ours, input.theirs];
    let one_indent =
        |file: &[u8]| !matches!(language.shape, Shape::Indent(words) if words.end.is_none()) || !mixes_indents(file);
    let broke = |holds: &dyn Fn(&[u8]) -> bool| !holds(merged) && inputs.iter().all(|input| holds(input));
    (broke(&balanced) || broke(&one_indent) || broke(&|file| !doubles_operator(file))).then_some(Check::Parses)
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
