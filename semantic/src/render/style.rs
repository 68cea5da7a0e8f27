//! Styles of conflict markers: how much of a dispute stands between them (git's `merge.conflictStyle`).

use crate::diff3::{self, Hunk};
use crate::{Work, lines};

/// Style of the markers around what is disputed, by git's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Both sides without base; lines that they share stand outside of the markers.
    Merge,
    /// Base as well, and both sides whole.
    #[default]
    Diff3,
    /// Base as well; lines with which both sides begin or end stand outside of the markers.
    Zdiff3,
}

/// Lines between two stretches that differ, up to which git shows them as one.
const GAP_LINES_MAX: usize = 3;

/// Part of a dispute as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Lines of both sides.
    Shared(Vec<&'a [u8]>),
    /// Lines between markers.
    Between { base: Option<&'a [u8]>, ours: Vec<&'a [u8]>, theirs: Vec<&'a [u8]> },
}

impl Style {
    /// The style of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Merge, Self::Diff3, Self::Zdiff3].into_iter().find(|style| style.name() == name)
    }

    /// The name in git's configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Diff3 => "diff3",
            Self::Zdiff3 => "zdiff3",
        }
    }

    /// The parts that show a dispute, in order.
    pub(super) fn parts<'a>(self, base: &'a [u8], ours: &'a [u8], theirs: &'a [u8]) -> Vec<Part<'a>> {
        let [ours, theirs] = [ours, theirs].map(lines::split);
        match self {
            Self::Merge => apart(&ours, &theirs),
            Self::Diff3 => vec![Part::Between { base: Some(base), ours, theirs }],
            Self::Zdiff3 => without_ends(base, &ours, &theirs),
        }
    }
}

fn without_ends<'a>(base: &'a [u8], ours: &[&'a [u8]], theirs: &[&'a [u8]]) -> Vec<Part<'a>> {
    let (before, after) = lines::common_ends(ours, theirs);
    let inner = |side: &[&'a [u8]]| side[before..side.len() - after].to_vec();
    vec![
        Part::Shared(ours[..before].to_vec()),
        Part::Between { base: Some(base), ours: inner(ours), theirs: inner(theirs) },
        Part::Shared(ours[ours.len() - after..].to_vec()),
    ]
}

/// The stretches where the sides differ from each other.
fn apart<'a>(ours: &[&'a [u8]], theirs: &[&'a [u8]]) -> Vec<Part<'a>> {
    let (mut out, mut done) = (Vec::new(), 0);
    for Hunk { base: o, side: t } in stretches(ours, theirs) {
        out.push(Part::Shared(ours[done..o.start].to_vec()));
        done = o.end;
        out.push(Part::Between { base: None, ours: ours[o].to_vec(), theirs: theirs[t].to_vec() });
    }
    out.push(Part::Shared(ours[done..].to_vec()));
    out
}

/// The same as ranges, those close to each other as one; the whole where it would be too much work to tell.
fn stretches(ours: &[&[u8]], theirs: &[&[u8]]) -> Vec<Hunk> {
    let whole = Hunk { base: 0..ours.len(), side: 0..theirs.len() };
    if ours.is_empty() || theirs.is_empty() {
        return vec![whole];
    }
    let ([o, t], count) = lines::numbered([ours, theirs]);
    let hunks = diff3::hunks(&o, &t, count, &Work::default()).unwrap_or_else(|| vec![whole]);
    let mut out: Vec<Hunk> = Vec::new();
    for hunk in hunks {
        match out.last_mut() {
            Some(last) if hunk.base.start - last.base.end <= GAP_LINES_MAX => {
                (last.base.end, last.side.end) = (hunk.base.end, hunk.side.end);
            }
            _ => out.push(hunk),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(style: Style, base: &str, ours: &str, theirs: &str) -> String {
        let text = |lines: Vec<&[u8]>| String::from_utf8(lines.concat()).expect("text").replace('\n', "");
        let parts = style.parts(base.as_bytes(), ours.as_bytes(), theirs.as_bytes());
        let shown = parts.into_iter().map(|part| match part {
            Part::Shared(lines) => text(lines),
            Part::Between { base, ours, theirs } => {
                let base = base.map_or("-".into(), |base| text(lines::split(base)));
                format!("<{}|{base}|{}>", text(ours), text(theirs))
            }
        });
        shown.collect()
    }

    const OURS: &str = "a\nb\nx\n1\n2\n3\n4\nu\nc\n";
    const THEIRS: &str = "a\nb\ny\n1\n2\n3\n4\nv\nc\n";

    #[test]
    fn each_style_shows_as_much_as_gits() {
        let all = [Style::Merge, Style::Diff3, Style::Zdiff3].map(|style| shown(style, "o\n", OURS, THEIRS));
        assert_eq!(all, ["ab<x|-|y>1234<u|-|v>c", "<abx1234uc|o|aby1234vc>", "ab<x1234u|o|y1234v>c"]);
    }

    #[test]
    fn stretches_up_to_three_lines_apart_are_shown_as_one() {
        let [ours, theirs] = [OURS, THEIRS].map(|side| side.replace("4\n", ""));
        assert_eq!(shown(Style::Merge, "o\n", &ours, &theirs), "ab<x123u|-|y123v>c");
    }

    #[test]
    fn a_side_without_lines_is_shown_without_lines() {
        for (style, all) in [(Style::Merge, "<a|-|>"), (Style::Diff3, "<a|b|>"), (Style::Zdiff3, "<a|b|>")] {
            assert_eq!(shown(style, "b\n", "a\n", ""), all);
        }
    }

    #[test]
    fn styles_are_known_by_gits_names() {
        assert_eq!(
            ["merge", "diff3", "zdiff3"].map(|name| Style::named(name).map(Style::name)),
            ["merge", "diff3", "zdiff3"].map(Some)
        );
        assert_eq!(Style::named("Diff3"), None);
    }
}
