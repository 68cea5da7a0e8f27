//! Joints of lines: what goes on with a line stands below one that may go on, and imports stand outside of every block.
//!
//! Two edits that read well meet where neither has a line end of the other's kind.

use std::collections::BTreeSet;

use crate::Rules;
use crate::imports;
use crate::language::{Both, Language};
use crate::lex::{self, Kind, Token};
use crate::lines;

/// Whether each line goes on with one that may go on.
pub(super) fn fit(file: &[u8], language: &Language, rules: Rules) -> bool {
    if language.words().is_none_or(|words| words.both == Both::Blocks || words.end.is_some()) {
        return true;
    }
    let tokens = lex::tokens(file, &language.lexis);
    let bytes = |token: &Token| &file[token.from..token.to];
    let (mut last, mut is_fresh): (Option<&Token>, bool) = (None, true);
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Line => is_fresh = true,
            Kind::Comment | Kind::Directive => (),
            _ => {
                let next = bytes(token);
                if let Some(last) = last.filter(|_| is_fresh) {
                    let (end, is_range) = (bytes(last), file[token.from..].starts_with(b".."));
                    let goes_on = matches!(next, b"," | b"." | b"?") && !is_range;
                    let is_ended = end == b";" || next == b"," && matches!(end, b"{" | b"(");
                    if goes_on && is_ended {
                        return false;
                    }
                    let is_entry =
                        token.kind == Kind::Text && tokens.get(at + 1).is_some_and(|next| bytes(next) == b":");
                    let ends_without_comma = last.kind == Kind::Close || last.kind == Kind::Text;
                    if rules >= Rules::V24 && is_entry && ends_without_comma {
                        return false;
                    }
                }
                (last, is_fresh) = (Some(token), false);
            }
        }
    }
    true
}

/// Lines of imports outside of every block, and inside of one.
pub(super) fn imports<'a>(file: &'a [u8], language: &Language) -> [BTreeSet<&'a [u8]>; 2] {
    let (Some(style), Some(words)) = (language.imports, language.words()) else { return Default::default() };
    if style.block.is_some() || words.declare.is_empty() || language.has_indented_blocks() {
        return Default::default();
    }
    let (mut depth, mut at, mut out) = (0usize, 0, [BTreeSet::new(), BTreeSet::new()]);
    let tokens = lex::tokens(file, &language.lexis);
    let mut rest = tokens.iter().peekable();
    for line in lines::split(file) {
        let is_text = rest.peek().is_some_and(|token| token.from < at);
        if !is_text && imports::may_begin(line.trim_ascii(), language.imports) {
            out[usize::from(depth > 0)].insert(line.trim_ascii());
        }
        at += line.len();
        while let Some(token) = rest.next_if(|token| token.from < at) {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.saturating_sub(1),
                _ => (),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::Check;
    use super::super::tests::refused;
    use super::*;
    use crate::language;

    #[test]
    fn lines_go_on_with_lines_that_may_go_on() {
        let fit = |path: &str, file: &str| fit(file.as_bytes(), language::of(path), Rules::NEWEST);
        let whole = [
            "a(\n  b,\n)\n  .c();\n",
            "var a = 1 // ;\n  , b = 2;\n",
            "let a = [\n  ...b,\n];\nx\n",
            "f({\n  ...a,\n});\n",
        ];
        assert!(whole.iter().all(|file| fit("a.js", file)));
        assert!(fit("a.rs", "let Foo {\n    a,\n    ..\n} = b;\n..c\n"));
        assert!(fit("a.css", "@import 'a';\n.b {\n}\n"), "a point begins a rule");
        assert!(fit("a.js", "a = {\n  'b': c(), // d\n  'e': f\n};\n"));
        assert!(!fit("a.js", "a = {\n  'b': c()\n  // d\n  'e': f\n};\n"));
        let broken = ["var a = 1;\n  , b = 2;\n", "a();\n\n// more\n  .b();\n", "f({\n  , a\n});\n"];
        assert!(!broken.iter().any(|file| fit("a.js", file)));
    }

    #[test]
    fn parses_stops_an_import_in_a_block() {
        let base = "import a.A;\nimport a.B;\n\nclass C {\n}\n";
        let ours = "import a.A;\nimport a.B;\nimport a.D;\n\nclass C {\n}\n";
        let [theirs, merged] = ["import a.A;\nclass C {\n}\n", "import a.A;\nclass C {\nimport a.D;\n}\n"];
        assert_eq!(refused("A.java", base, ours, theirs, merged), Some(Check::Parses));
    }

    #[test]
    fn an_import_that_a_side_has_in_a_block_may_stand_there() {
        let base = "mod tests {\n    use a::A;\n}\n";
        let [ours, theirs] = ["mod tests {\n    use a::{A, B};\n}\n", "mod tests {\n    use a::A;\n    run();\n}\n"];
        assert_eq!(refused("a.rs", base, ours, theirs, "mod tests {\n    use a::{A, B};\n    run();\n}\n"), None);
    }
}
