//! Words that only go on with a block stand behind one that they can go on with: no second `else`, no `finally` behind a loop.
//!
//! One side turned a condition round, the other took it apart: each half reads well, and both together have two `else`.

use crate::language::{Language, Lexis};
use crate::lex::{self, Kind, Token};

use super::indents::logical_lines;

/// Whether each such word of a file stands behind what it goes on with.
pub(super) fn follow(file: &[u8], language: &Language) -> bool {
    if language.has_indented_blocks() { heads_follow(file, &language.lexis) } else { blocks_follow(file, language) }
}

/// Words with brackets: what stands behind `else { … }` is no `else`, and what stands behind a loop neither.
fn blocks_follow(file: &[u8], language: &Language) -> bool {
    let Some(words) = language.words().filter(|words| words.continues.contains(&"else") && words.end.is_none()) else {
        return true;
    };
    let tokens = lex::tokens(file, &language.lexis);
    let said: Vec<&Token> = tokens.iter().filter(|token| !matches!(token.kind, Kind::Line | Kind::Comment)).collect();
    let bytes = |i: usize| said.get(i).map_or(&b""[..], |token| &file[token.from..token.to]);
    let Some(partners) = partners(&said) else { return true };
    let goes_on = |word: &[u8]| words.continues.iter().any(|own| own.as_bytes() == word);
    // Behind a point or before a colon, an arrow or a bracket it is a name, or an arm.
    let is_word = |i: &usize| {
        said[*i].kind == Kind::Word
            && goes_on(bytes(*i))
            && (bytes(i + 1) == b"{" || bytes(i + 1) == b"if")
            && *i > 0
            && !matches!(bytes(i - 1), b"." | b":")
    };
    let follows = |i: usize| match bytes(i - 1) {
        b"}" => heads(file, &said, &partners, partners[i - 1]).may_go_on(bytes(i)),
        b"{" => false,
        _ => true,
    };
    (0..said.len()).filter(is_word).all(follows)
}

/// Words in front of a block, back to where its statement may begin.
struct Heads<'a>(Vec<&'a [u8]>);

impl Heads<'_> {
    fn may_go_on(&self, word: &[u8]) -> bool {
        let has = |head: &[u8]| self.0.contains(&head);
        match self.0.first() {
            Some(&b"else" | &b"finally") if word == b"else" || word == b"finally" => false,
            _ if word == b"else" && self.0.len() < HEAD_MAX => [&b"if"[..], b"elseif", b"guard"].into_iter().any(has),
            _ => true,
        }
    }
}

/// Most words in front of a block that are looked at.
const HEAD_MAX: usize = 256;

/// The words before the bracket at `open`, the nearest first; what stands in brackets between them is left out.
fn heads<'a>(file: &'a [u8], said: &[&Token], partners: &[usize], open: usize) -> Heads<'a> {
    let (mut at, mut out) = (open, Vec::new());
    while at > 0 && out.len() < HEAD_MAX {
        at -= 1;
        let bytes = &file[said[at].from..said[at].to];
        match said[at].kind {
            Kind::Open => break,
            Kind::Close => at = partners[at],
            Kind::Mark if bytes == b";" => break,
            _ => out.push(bytes),
        }
    }
    Heads(out)
}

/// For each closing bracket the index of its partner; none where one has none.
fn partners(said: &[&Token]) -> Option<Vec<usize>> {
    let (mut open, mut out) = (Vec::new(), vec![0; said.len()]);
    for (i, token) in said.iter().enumerate() {
        match token.kind {
            Kind::Open => open.push(i),
            Kind::Close => out[i] = open.pop()?,
            _ => (),
        }
    }
    Some(out)
}

/// Words with indentation: the line before at the same depth is one that this one can go on with.
fn heads_follow(file: &[u8], lexis: &Lexis) -> bool {
    let tokens = lex::tokens(file, lexis);
    let mut open: Vec<(usize, &[u8])> = Vec::new();
    for line in logical_lines(&tokens) {
        let start = file[..line[0].from].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let (indent, bytes) = (line[0].from - start, |token: &Token| &file[token.from..token.to]);
        let word = match bytes(&line[0]) {
            b"async" => line.get(1).map_or(&b""[..], bytes),
            word => word,
        };
        let is_head = line.iter().any(|token| bytes(token) == b":");
        while open.last().is_some_and(|(depth, _)| *depth > indent) {
            open.pop();
        }
        let before = open.last().filter(|(depth, _)| *depth == indent).map_or(&b""[..], |(_, word)| *word);
        if !may_follow(if is_head { word } else { b"" }, before) {
            return false;
        }
        open.pop_if(|(depth, _)| *depth == indent);
        open.push((indent, if is_head { word } else { b"" }));
    }
    true
}

/// Whether a head may stand behind another at the same depth.
fn may_follow(word: &[u8], before: &[u8]) -> bool {
    let behind: &[&[u8]] = match word {
        b"elif" => &[b"if", b"elif"],
        b"else" => &[b"if", b"elif", b"for", b"while", b"except"],
        b"except" => &[b"try", b"except"],
        b"finally" => &[b"try", b"except", b"else"],
        _ => return before != b"try",
    };
    behind.contains(&before)
}

#[cfg(test)]
mod tests {
    use super::super::Check;
    use super::super::tests::refused;
    use super::*;
    use crate::language;

    #[track_caller]
    fn follows(path: &str, files: &[&str], expected: bool) {
        for file in files {
            assert_eq!(follow(file.as_bytes(), language::of(path)), expected, "{path}: {file}");
        }
    }

    #[test]
    fn parses_stops_a_second_last_branch() {
        let [base, ours] = ["if !a {\n    x()\n}\n", "if a {\n    y()\n} else {\n    x()\n}\n"];
        let theirs = "if a {\n    z()\n} else {\n    x()\n}\n";
        let merged = "if a {\n    y()\n} else {\n    z()\n} else {\n    x()\n}\n";
        assert_eq!(refused("a.rs", base, ours, theirs, merged), Some(Check::Parses));
    }

    #[test]
    fn branches_follow_a_condition() {
        let whole = ["if a { b } else if c { d } else { e }", "let Some(a) = b else { c };", "match a { b => { c } }"];
        follows("a.rs", &whole, true);
        follows(
            "a.js",
            &["try { a() } catch (e) { } finally { b() }", "if (a) b(); else { c() }", "x.else; y = {else: 1}"],
            true,
        );
        follows("A.kt", &["when (a) { b -> { c() }\n else -> { d() } }"], true);
        let broken = [
            "if a { } else { } else { }",
            "for a in b { } else { }",
            "fn f() { else { } }",
            "if a { } else { } else if b { }",
        ];
        follows("a.rs", &broken, false);
        follows("a.js", &["try { } finally { } finally { }"], false);
    }

    #[test]
    fn branches_of_python_follow_their_heads() {
        let whole = [
            "if a:\n    b()\nelif c: d()\nelse:\n    e()\n",
            "try:\n    a()\nexcept B as b:\n    c()\nelse:\n    d()\nfinally:\n    e()\n",
            "async for a in b:\n    c()\nelse:\n    d()\nx = y[1:]\n",
        ];
        follows("a.py", &whole, true);
        let broken = [
            "if a:\n    b()\nelse:\n    c()\nelse:\n    d()\n",
            "if a:\n    b()\nc()\nelif d:\n    e()\n",
            "try:\n    a()\nb()\n",
            "with a:\n    b()\nexcept C:\n    d()\n",
        ];
        follows("a.py", &broken, false);
    }
}
