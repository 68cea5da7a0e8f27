//! Two texts as a unified diff, as `diff -u` writes one.

use imara_diff::{Algorithm, BasicLineDiffPrinter, Diff, InternedInput, UnifiedDiffConfig};

/// The hunks; nothing where the texts are equal.
pub fn diff(old: &str, new: &str) -> String {
    let input = InternedInput::new(old, new);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    diff.unified_diff(&BasicLineDiffPrinter(&input.interner), UnifiedDiffConfig::default(), &input).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_stands_between_its_neighbours() {
        let shown = diff("a\nb\nc\n", "a\nx\nc\n");
        assert_eq!(shown, "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
    }
}
