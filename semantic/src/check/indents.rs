//! Indentation of code without brackets: a line goes deeper below a head alone, and comes back to a level that is open.

use crate::language::Lexis;
use crate::lex::{self, Kind, Token};

/// Whether each logical line stands where its language lets it stand.
pub(super) fn are_level(file: &[u8], lexis: &Lexis) -> bool {
    let mut open: Vec<&[u8]> = vec![b""];
    let mut is_below_head = false;
    for line in logical_lines(&lex::tokens(file, lexis)) {
        let Some(indent) = indent(file, line[0].from) else { return false };
        if is_below_head != is_deeper(indent, open[open.len() - 1]) {
            return false;
        }
        if is_below_head {
            open.push(indent);
        }
        while open.last().is_some_and(|level| level.len() > indent.len()) {
            open.pop();
        }
        if open.last() != Some(&indent) {
            return false;
        }
        is_below_head = line.last().is_some_and(|token| &file[token.from..token.to] == b":");
    }
    true
}

fn is_deeper(indent: &[u8], level: &[u8]) -> bool {
    indent.len() > level.len() && indent.starts_with(level)
}

/// The tokens of each line, with those that its brackets hold; comments are none.
pub(super) fn logical_lines(tokens: &[Token]) -> Vec<Vec<Token>> {
    let (mut depth, mut line, mut out) = (0usize, Vec::new(), Vec::new());
    for token in tokens.iter().filter(|token| token.kind != Kind::Comment) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Line if depth == 0 => out.push(std::mem::take(&mut line)),
            _ => (),
        }
        if token.kind != Kind::Line {
            line.push(*token);
        }
    }
    out.push(line);
    out.retain(|line| !line.is_empty());
    out
}

/// The blanks in front of what begins a line; none where something else stands there.
fn indent(file: &[u8], at: usize) -> Option<&[u8]> {
    let start = file[..at].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    let before = &file[start..at];
    before.iter().all(u8::is_ascii_whitespace).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language;

    fn level(text: &str) -> bool {
        are_level(text.as_bytes(), &language::of("a.py").lexis)
    }

    #[test]
    fn lines_of_python_stand_below_their_heads() {
        assert!(level(
            "def f(\n  a,\n):\n    if a:  # so\n  # out\n        b()\n    \"\"\"x\n y\"\"\"\n\n    c = {1:\n 2}\nd()\n"
        ));
        assert!(level("if a: b()\nelse:\n\tc = d[1:]\n\te = 1 + \\\n 2\n"));
    }

    #[test]
    fn a_line_that_no_head_opens_and_a_head_that_opens_none_are_seen() {
        assert!(!level("a()\n    b()\n"));
        assert!(!level("try:\na()\n"));
        assert!(!level("if a:\n    b()\n  c()\n"));
    }
}
