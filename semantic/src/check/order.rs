//! Statements that run from top to bottom find their names defined.

use super::Check;
use crate::items::{Code, Early};
use crate::ladder::Task;
use crate::language;
use crate::limits;

/// Whether something stands above what it needs, though no side had it so.
pub(super) fn kept(input: &Task, merged: &[u8]) -> Option<Check> {
    input.work.take_len(input.len() + merged.len())?;
    let codes = [code(input, merged)?, code(input, input.ours)?, code(input, input.theirs)?];
    let [merged, ours, theirs] = codes.each_ref().map(|code| code.early(input.work));
    let (mut new, ours, theirs) = (merged?, ours?, theirs?);
    let is_new = |early: &Early| !ours.contains(early) && !theirs.contains(early);
    new.retain(is_new);
    (!new.is_empty()).then_some(Check::DefinitionOrder)
}

fn code<'a>(input: &Task, file: &'a [u8]) -> Option<Code<'a>> {
    let is_small = file.len() <= limits::STRUCTURE_BYTES_MAX;
    is_small.then(|| Code::read(file, language::of(input.path), input.options.rules)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn definition_order_stops_a_class_above_its_new_base() {
        let (a, b, c) = ("class A:\n    x = 1\n\n\n", "class B:\n    y = 1\n\n\n", "def c():\n    pass\n\n\n");
        let child = "class B(A):\n    y = 1\n\n\n";
        let files = [[a, c, b], [b, a, c], [a, c, child], [child, a, c]].map(|parts| parts.concat());
        let verdict = refused("a.py", &files[0], &files[1], &files[2], &files[3]);
        assert_eq!(verdict, Some(Check::DefinitionOrder));
    }

    #[test]
    fn an_order_that_a_side_has_may_stay() {
        let base = "class A(B):\n    x = 1\n\n\nclass B:\n    y = 1\n";
        let (ours, theirs) = (base.replace("x = 1", "x = 2"), base.replace("y = 1", "y = 2"));
        let merged = ours.replace("y = 1", "y = 2");
        assert_eq!(refused("a.py", base, &ours, &theirs, &merged), None);
    }
}
