//! Lines of a set that both sides added at one place: each once, whichever order they stand in.

use std::collections::BTreeSet;

use crate::language::Lexis;
use crate::lines;

/// Lines of ours, then those of theirs that ours has not; none where their order says something.
pub(super) fn union(ours: &[u8], theirs: &[u8], ordered: &str, lexis: &Lexis) -> Option<Vec<u8>> {
    let (o, t) = (lines::split(ours), lines::split(theirs));
    let is_whole = [ours, theirs].iter().all(|side| side.ends_with(b"\n") && is_free(side, ordered));
    // A shared heading may stand above both; a later one would part its lines from it.
    let shared = o.iter().zip(&t).take_while(|(a, b)| a == b).count();
    let known: BTreeSet<&[u8]> = o.iter().copied().filter(|line| is_said(line)).collect();
    let parts = |line: &&[u8]| lexis.commented(line.trim_ascii()).is_some() && known.contains(line);
    if !is_whole || has_twice(&o) || has_twice(&t) || t[shared..].iter().any(parts) {
        return None;
    }
    let new = t[shared..].iter().copied().filter(|line| !known.contains(line));
    Some(o.iter().copied().chain(new).collect::<Vec<_>>().concat())
}

/// Whether no line takes away from others.
pub(super) fn is_free(side: &[u8], ordered: &str) -> bool {
    !lines::split(side).into_iter().any(|line| line.starts_with(ordered.as_bytes()))
}

fn is_said(line: &[u8]) -> bool {
    !line.trim_ascii().is_empty()
}

fn has_twice(lines: &[&[u8]]) -> bool {
    let mut seen = BTreeSet::new();
    lines.iter().any(|line| is_said(line) && !seen.insert(*line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language;

    fn both(ours: &str, theirs: &str) -> Option<String> {
        let lexis = &language::of(".gitignore").lexis;
        union(ours.as_bytes(), theirs.as_bytes(), "!", lexis).map(|bytes| String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn each_line_stands_once() {
        assert_eq!(both("a\nb\n", "a\nc\n").as_deref(), Some("a\nb\nc\n"));
        assert_eq!(both("# Logs\na\n", "# Logs\nb\n").as_deref(), Some("# Logs\na\nb\n"));
    }

    #[test]
    fn lines_whose_order_says_something_are_left_alone() {
        assert_eq!(both("a/*\n", "!a/b\n"), None);
        assert_eq!(both("x\n# Logs\na\n", "# Logs\nb\n"), None);
    }
}
