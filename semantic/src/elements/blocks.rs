//! Blocks of Markdown that both sides added at one place: items of one list, or sections of one level.

use super::ALIKE_MAX;
use crate::lines;
use crate::pairs;

/// Whether both are blocks of one kind, about two things.
pub(super) fn are_two(ours: &[u8], theirs: &[u8]) -> bool {
    let (Some(o), Some(t)) = (mark(ours), mark(theirs)) else { return false };
    let ends_blank = |side: &[u8]| lines::split(side).last().is_some_and(|line| line.trim_ascii().is_empty());
    let has_heading = |line: &[u8]| headings(theirs).any(|other| other == line);
    o == t
        && [ours, theirs].iter().all(|side| side.ends_with(b"\n"))
        && ends_blank(ours) == ends_blank(theirs)
        && !headings(ours).any(has_heading)
        && pairs::alike(ours, theirs) <= ALIKE_MAX
}

/// Whether an addition belongs to nothing that is gone beside it: it is a section of its own, or both are items of one list.
pub(crate) fn are_apart(added: &[u8], gone: &[u8]) -> bool {
    let begins_section =
        lines::split(added).iter().find(|line| !line.trim_ascii().is_empty()).is_some_and(|line| level(line) > 0);
    let are_items = || mark(added).is_some_and(|mark| Some(mark) == self::mark(gone));
    begins_section || headings(gone).next().is_none() && are_items()
}

/// The mark of the first line with what stands in front of it, where all lines belong to such items or sections.
fn mark(side: &[u8]) -> Option<&[u8]> {
    let first = lines::split(side).into_iter().next()?;
    let indent = indent(first);
    let end = indent + level(&first[indent..]).max(1);
    let is_mark = matches!(first.get(indent)?, b'#' | b'-' | b'*' | b'+') && first.get(end) == Some(&b' ');
    let mark = &first[..end];
    let belongs = |line: &[u8]| match first[indent] {
        b'#' => level(line) == 0 || level(line) >= end,
        _ => line.starts_with(mark) || self::indent(line) > indent,
    };
    let mut said = lines::split(side).into_iter().filter(|line| !line.trim_ascii().is_empty());
    (is_mark && said.all(belongs)).then_some(mark)
}

fn indent(line: &[u8]) -> usize {
    line.len() - line.trim_ascii_start().len()
}

/// Level of a heading; 0 for any other line.
fn level(line: &[u8]) -> usize {
    line.iter().take_while(|b| **b == b'#').count()
}

fn headings(side: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines::split(side).into_iter().filter(|line| level(line) > 0).map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_one_list_are_two_blocks() {
        assert!(are_two(b"- one thing\n", b"- another\n  of two lines\n"));
        assert!(!are_two(b"- one thing\n", b"* another\n"));
        assert!(!are_two(b"- one thing\n", b"- another\nwords of no item\n"));
    }

    #[test]
    fn sections_of_one_level_are_two_blocks() {
        assert!(are_two(b"## Use\n\nSome words.\n\n", b"## Build\n\n### By hand\n\n"));
        assert!(!are_two(b"## Use\n\n", b"### Build\n\n"));
        assert!(!are_two(b"## Use\n\nSome words.\n\n", b"## Use\n\nOthers altogether here.\n\n"), "one section");
    }
}
