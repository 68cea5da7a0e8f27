//! An entry beside its commented-out twin: one side put the entry there, or kept it, and the other commented it out.

use std::collections::BTreeSet;

use super::Check;
use crate::Work;
use crate::ladder::Task;
use crate::language::{self, Lexis};
use crate::lines;

/// Steps of finding one line among all.
const LOOK_STEPS: usize = 16;

pub(super) fn stands_beside(input: &Task, merged: &[u8]) -> Option<Check> {
    let lexis = &language::of(input.path).lexis;
    if lexis.line.is_empty() {
        return None;
    }
    input.work.take_len(input.len() + merged.len())?;
    let new = twins(merged, lexis, input.work)?;
    if new.is_empty() {
        return None;
    }
    let (ours, theirs) = (twins(input.ours, lexis, input.work)?, twins(input.theirs, lexis, input.work)?);
    new.iter().any(|line| !ours.contains(line) && !theirs.contains(line)).then_some(Check::CommentedOut)
}

/// The lines that stand in a file both as they are and commented out; none out of steps.
fn twins<'a>(file: &'a [u8], lexis: &Lexis, work: &Work) -> Option<BTreeSet<&'a [u8]>> {
    let lines = lines::split(file);
    work.take_len(LOOK_STEPS * lines.len())?;
    let said: BTreeSet<&[u8]> = lines.iter().map(|line| line.trim_ascii()).collect();
    let silenced = lines.iter().filter_map(|line| lexis.commented(line.trim_ascii())).map(<[u8]>::trim_ascii);
    Some(silenced.filter(|line| line.iter().any(u8::is_ascii_alphanumeric) && said.contains(line)).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn commented_out_stops_an_entry_beside_its_twin() {
        let [base, ours, theirs] = ["a\nz\n", "a\nrun: b\nz\n", "a\n# run: b\nz\n"];
        assert_eq!(refused("a.yaml", base, ours, theirs, "a\n# run: b\nrun: b\nz\n"), Some(Check::CommentedOut));
    }

    #[test]
    fn twins_that_a_side_has_may_stand() {
        let [base, ours, theirs] = ["a\n", "a\n# b: 1\nb: 1\n", "a\n\n"];
        assert_eq!(refused("a.txt", base, ours, theirs, "a\n# b: 1\nb: 1\n\n"), None);
    }
}
