//! Conflicts for the eye and for tools: git's diff3 markers, JSON, and words.

mod style;

use crate::{Conflict, Piece};
use style::Part;

pub use style::Style;

/// Names that the markers give to the sides: of each the first line, for a marker is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// After `<<<<<<<`.
    pub ours: String,
    /// After `|||||||`.
    pub base: String,
    /// After `>>>>>>>`.
    pub theirs: String,
}

impl Default for Labels {
    fn default() -> Self {
        Labels { ours: "ours".into(), base: "base".into(), theirs: "theirs".into() }
    }
}

/// Characters in a marker, where nobody asks for more.
pub const MARKER_SIZE: usize = 7;

/// Form of the markers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Characters in a marker, at least one: more for files whose own lines could be taken for shorter ones (git's attribute
    /// `conflict-marker-size`).
    pub size: usize,
    /// Share of a dispute that stands between them.
    pub style: Style,
}

impl Default for Form {
    fn default() -> Self {
        Form { size: MARKER_SIZE, style: Style::default() }
    }
}

/// The file with git's diff3 conflict markers around what is disputed; none where there is nothing to show line by line
/// ([`Conflict::pieces`]): then the file stays as one side has it, or goes to another tool.
///
/// Byte for byte what `git merge-file --diff3` writes for the same disputed stretches: markers end as the file's lines
/// do (CRLF or LF), and a side without final newline gets one.
pub fn markers(conflict: &Conflict, labels: &Labels) -> Option<Vec<u8>> {
    markers_of(conflict, labels, Form::default())
}

/// The same in another form.
pub fn markers_of(conflict: &Conflict, labels: &Labels, form: Form) -> Option<Vec<u8>> {
    if conflict.pieces.is_empty() {
        return None;
    }
    let end: &[u8] = if ends_in_crlf(&conflict.pieces) { b"\r\n" } else { b"\n" };
    let mut out = Vec::new();
    for piece in &conflict.pieces {
        match piece {
            Piece::Agreed(bytes) => out.extend_from_slice(bytes),
            Piece::Disputed { base, ours, theirs } => {
                let parts = form.style.parts(base, ours, theirs);
                parts.iter().for_each(|part| show(&mut out, part, labels, form.size, end));
            }
        }
    }
    Some(out)
}

fn show(out: &mut Vec<u8>, part: &Part, labels: &Labels, size: usize, end: &[u8]) {
    match part {
        Part::Shared(lines) => out.extend_from_slice(&lines.concat()),
        Part::Between { base, ours, theirs } => {
            marker(out, b'<', size, &labels.ours, end);
            side(out, &ours.concat(), end);
            if let Some(base) = base {
                marker(out, b'|', size, &labels.base, end);
                side(out, base, end);
            }
            marker(out, b'=', size, "", end);
            side(out, &theirs.concat(), end);
            marker(out, b'>', size, &labels.theirs, end);
        }
    }
}

/// Whether the first line of the file ends in CRLF.
fn ends_in_crlf(pieces: &[Piece]) -> bool {
    let first = |bytes: &[u8]| bytes.split_inclusive(|b| *b == b'\n').next().map(|l| l.ends_with(b"\r\n"));
    let of = |piece: &Piece| match piece {
        Piece::Agreed(bytes) => first(bytes),
        Piece::Disputed { base, ours, theirs } => [ours, theirs, base].iter().find_map(|side| first(side)),
    };
    pieces.iter().find_map(of).unwrap_or(false)
}

fn marker(out: &mut Vec<u8>, sign: u8, size: usize, label: &str, end: &[u8]) {
    out.extend(std::iter::repeat_n(sign, size.max(1)));
    let label = label.split(['\r', '\n']).next().unwrap_or_default();
    if !label.is_empty() {
        out.push(b' ');
        out.extend_from_slice(label.as_bytes());
    }
    out.extend_from_slice(end);
}

fn side(out: &mut Vec<u8>, bytes: &[u8], end: &[u8]) {
    out.extend_from_slice(bytes);
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        out.extend_from_slice(end);
    }
}

/// The conflict as one JSON object: `class`, `gave_up`, `reason`, `check` (name or null), `disputed` (list of `base`,
/// `ours`, `theirs`), `proposal` (text or null).
pub fn json(conflict: &Conflict) -> String {
    let disputed: Vec<String> = conflict.pieces.iter().filter_map(disputed_json).collect();
    format!(
        "{{\"class\":{},\"gave_up\":{},\"reason\":{},\"check\":{},\"disputed\":[{}],\"proposal\":{}}}",
        quoted(conflict.class.name().as_bytes()),
        quoted(conflict.gave_up.name().as_bytes()),
        quoted(conflict.reason.words().as_bytes()),
        conflict.check().map_or("null".into(), |c| quoted(c.name().as_bytes())),
        disputed.join(","),
        conflict.proposal.as_deref().map_or("null".into(), quoted),
    )
}

fn disputed_json(piece: &Piece) -> Option<String> {
    let Piece::Disputed { base, ours, theirs } = piece else {
        return None;
    };
    let (base, ours, theirs) = (quoted(base), quoted(ours), quoted(theirs));
    Some(format!("{{\"base\":{base},\"ours\":{ours},\"theirs\":{theirs}}}"))
}

/// A JSON string (RFC 8259 §7). Pieces are cut from UTF-8 at line ends or words, so nothing is lost to replacement.
fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The conflict in words: its class, which rung gave up and why, which check refused, whether there is a proposal.
pub fn report(conflict: &Conflict, path: &str) -> String {
    let mut out = format!("{path}: {} conflict: {}.\n", conflict.class.name(), conflict.reason.words());
    out.push_str(&format!("The rung `{}` was the last to try.\n", conflict.gave_up.name()));
    if let Some(check) = conflict.check() {
        out.push_str(&format!("The check `{}` refused the merge.\n", check.name()));
    }
    let disputed = conflict.pieces.iter().filter(|p| matches!(p, Piece::Disputed { .. })).count();
    if disputed > 0 {
        out.push_str(&format!("{disputed} of {} stretches are disputed.\n", conflict.pieces.len()));
    }
    if conflict.proposal.is_some() {
        out.push_str("There is a proposal for the whole file.\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, Reason, Rung};

    fn conflict(pieces: Vec<Piece>) -> Conflict {
        Conflict { class: Class::Value, gave_up: Rung::Text, reason: Reason::SameLines, pieces, proposal: None }
    }

    fn disputed(base: &str, ours: &str, theirs: &str) -> Piece {
        Piece::Disputed { base: base.into(), ours: ours.into(), theirs: theirs.into() }
    }

    #[test]
    fn markers_are_gits() {
        let shown =
            markers(&conflict(vec![Piece::Agreed("a\n".into()), disputed("b\n", "x\n", "y")]), &Labels::default());
        let shown = shown.expect("pieces");
        let expected = "a\n<<<<<<< ours\nx\n||||||| base\nb\n=======\ny\n>>>>>>> theirs\n";
        assert_eq!(String::from_utf8(shown).expect("text"), expected);
    }

    #[test]
    fn markers_are_as_long_as_asked_for() {
        let conflict = conflict(vec![disputed("b\n", "x\n", "y\n")]);
        let shown = markers_of(&conflict, &Labels::default(), Form { size: 3, ..Form::default() }).expect("pieces");
        let shown = String::from_utf8(shown).expect("text");
        assert_eq!(shown, "<<< ours\nx\n||| base\nb\n===\ny\n>>> theirs\n");
    }

    #[test]
    fn markers_end_as_the_files_lines_do() {
        let shown = markers(&conflict(vec![disputed("b\r\n", "x\r\n", "y\r\n")]), &Labels::default());
        let shown = shown.expect("pieces");
        assert!(shown.starts_with(b"<<<<<<< ours\r\nx\r\n"));
    }

    #[test]
    fn json_escapes_what_it_must() {
        let shown = json(&conflict(vec![disputed("\"", "\\", "\u{1}")]));
        assert!(shown.contains(r#"{"base":"\"","ours":"\\","theirs":"\u0001"}"#), "{shown}");
    }

    #[test]
    fn the_report_names_class_rung_and_reason() {
        let words = report(&conflict(vec![disputed("b\n", "x\n", "y\n")]), "a.txt");
        assert!(words.starts_with("a.txt: value conflict: both sides changed the same lines.\nThe rung `text` was"));
    }
}
