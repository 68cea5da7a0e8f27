//! Rung 6: what must hold of every clean answer, whatever rung gave it. A check fails closed.

use std::collections::BTreeMap;

use crate::Input;
use crate::lines;

/// A named check; its name travels into the conflict that it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// A line that both sides kept is gone, or a line is there more often than the sides explain.
    LineAccounting,
}

impl Check {
    /// The name in receipts and reports.
    pub fn name(self) -> &'static str {
        match self {
            Check::LineAccounting => "line-accounting",
        }
    }

    /// What went wrong, in one clause.
    pub fn words(self) -> &'static str {
        match self {
            Check::LineAccounting => {
                "a line would be lost, or stand more often than the sides explain"
            }
        }
    }
}

/// The first check that refuses `merged` as the merge of `input`.
pub(crate) fn refusal(input: &Input, merged: &[u8]) -> Option<Check> {
    (!lines_add_up(input, merged)).then_some(Check::LineAccounting)
}

/// How often something stands in base, ours, theirs and the result.
type Counts = [i64; 4];

fn lines_add_up(input: &Input, merged: &[u8]) -> bool {
    let files = [
        input.base.unwrap_or_default(),
        input.ours,
        input.theirs,
        merged,
    ];
    let mut counts: BTreeMap<&[u8], Counts> = BTreeMap::new();
    for (column, file) in files.into_iter().enumerate() {
        for line in lines::split(file)
            .into_iter()
            .map(<[u8]>::trim_ascii)
            .filter(|l| !l.is_empty())
        {
            counts.entry(line).or_default()[column] += 1;
        }
    }
    counts.values().all(explained)
}

/// Whether the result's count lies between what the two edits together imply and what the sides have.
fn explained([base, ours, theirs, merged]: &Counts) -> bool {
    let implied = ours + theirs - base;
    let low = implied.min(*ours).min(*theirs);
    let high = implied.max(*ours).max(*theirs);
    (low..=high).contains(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    fn refused(base: &str, ours: &str, theirs: &str, merged: &str) -> Option<Check> {
        let options = Options::default();
        let input = Input {
            base: Some(base.as_bytes()),
            ours: ours.as_bytes(),
            theirs: theirs.as_bytes(),
            path: "a",
            options: &options,
        };
        refusal(&input, merged.as_bytes())
    }

    #[test]
    fn line_accounting_stops_a_line_moved_twice() {
        let verdict = refused(
            "x\na\nb\nc\n",
            "a\nx\nb\nc\n",
            "a\nb\nx\nc\n",
            "a\nx\nb\nx\nc\n",
        );
        assert_eq!(verdict, Some(Check::LineAccounting));
    }

    #[test]
    fn line_accounting_stops_the_loss_of_a_line_that_both_kept() {
        assert_eq!(
            refused("a\nb\n", "a\nb\nc\n", "a\nb\nd\n", "a\nc\nd\n"),
            Some(Check::LineAccounting)
        );
    }
}
