//! A code file as items that tile it byte for byte: declarations with names, and what stands between them.
//!
//! Nothing is parsed beyond brackets, line ends and the words of the language's table, so a file in a newer edition of
//! its language is cut no worse. What cannot be told apart stays one item.

mod borders;
mod eager;
mod fields;
mod names;

use std::ops::Range;

pub(crate) use eager::Early;

use crate::Rules;
use crate::language::{Language, Shape, WORDS, Words};
use crate::lex::{self, Kind, Token};

/// Deepest nesting of brackets or containers that is cut; a deeper file stays text.
pub(crate) const DEPTH_MAX: usize = 256;

/// Piece of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Blank lines and comments in front, the declaration, and the rest of its last line.
    pub(crate) span: Range<usize>,
    /// Kind and name, where it is a declaration.
    pub(crate) name: Option<String>,
    /// Whether another order of it among its siblings means the same.
    pub(crate) unordered: bool,
    /// Place of its members, if it holds declarations.
    pub(crate) body: Option<Range<usize>>,
}

/// Borders between the items of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CutBy {
    Brackets,
    Indent,
    Headings,
}

/// A file cut into tokens once, so that containers are cut without reading them again.
pub(crate) struct Code<'a> {
    text: &'a [u8],
    words: &'static Words,
    rules: Rules,
    cut_by: CutBy,
    tokens: Vec<Token>,
    /// For each opening bracket the index of its partner.
    partner: Vec<usize>,
    /// For each closing one likewise.
    opens: Vec<usize>,
    /// For each token the last one up to it that is no line end or comment; none before the first.
    said: Vec<Option<usize>>,
    /// For each token the first from it on.
    says: Vec<Option<usize>>,
}

impl<'a> Code<'a> {
    /// Reads a file of code; none where its shape is another or its brackets do not match.
    pub(crate) fn read(text: &'a [u8], language: &Language, rules: Rules) -> Option<Self> {
        let (words, cut_by) = match language.shape {
            Shape::Braces(words) => (words, CutBy::Brackets),
            Shape::Indent(words) => (words, CutBy::Indent),
            Shape::Markdown => (&WORDS, CutBy::Headings),
            _ => return None,
        };
        let tokens = if cut_by == CutBy::Headings { Vec::new() } else { lex::tokens(text, &language.lexis) };
        if !lex::is_balanced(text, &tokens, DEPTH_MAX) {
            return None;
        }
        let (mut partner, mut opens) = (vec![0; tokens.len()], vec![0; tokens.len()]);
        let mut open = Vec::new();
        for (i, token) in tokens.iter().enumerate() {
            match token.kind {
                Kind::Open => open.push(i),
                Kind::Close => {
                    opens[i] = open.pop()?;
                    partner[opens[i]] = i;
                }
                _ => (),
            }
        }
        let blank = |token: &Token| matches!(token.kind, Kind::Line | Kind::Comment);
        let (mut said, mut says) = (vec![None; tokens.len()], vec![None; tokens.len()]);
        let (mut before, mut after) = (None, None);
        for i in 0..tokens.len() {
            before = if blank(&tokens[i]) { before } else { Some(i) };
            said[i] = before;
            let back = tokens.len() - 1 - i;
            after = if blank(&tokens[back]) { after } else { Some(back) };
            says[back] = after;
        }
        Some(Code { text, words, rules, cut_by, tokens, partner, opens, said, says })
    }

    /// The items of the whole file.
    pub(crate) fn items(&self) -> Vec<Item> {
        self.items_in(0..self.text.len(), false)
    }

    /// The items of a stretch that starts and ends outside any bracket of its own.
    pub(crate) fn items_in(&self, span: Range<usize>, members: bool) -> Vec<Item> {
        let first = self.tokens.partition_point(|t| t.from < span.start);
        let last = self.tokens.partition_point(|t| t.from < span.end);
        match self.cut_by {
            CutBy::Brackets => self.by_brackets(span, first..last, members),
            CutBy::Indent => self.by_indent(span, first..last),
            CutBy::Headings => self.sections(),
        }
    }

    fn column(&self, i: usize) -> usize {
        let from = self.tokens[i].from;
        from - self.text[..from].iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1)
    }

    fn bytes(&self, i: usize) -> &'a [u8] {
        &self.text[self.tokens[i].from..self.tokens[i].to]
    }

    fn is(&self, i: usize, what: &[u8]) -> bool {
        self.tokens.get(i).is_some() && self.bytes(i) == what
    }

    fn is_one_of(&self, i: usize, words: &[&str]) -> bool {
        words.iter().any(|w| self.is(i, w.as_bytes()))
    }

    fn is_decorator(&self, i: usize) -> bool {
        self.is(i, b"@")
    }

    fn same_line(&self, i: usize, j: usize) -> bool {
        !self.text[self.tokens[i].to..self.tokens[j].from].contains(&b'\n')
    }

    /// Past the line end after token `i`, unless token `next` stands on the same line.
    fn end_of_line(&self, i: usize, next: usize, max: usize) -> usize {
        let Some(token) = self.tokens.get(i) else { return max };
        if token.kind == Kind::Line {
            return token.to;
        }
        let on_this_line =
            |t: &&Token| t.kind != Kind::Line && t.from < max && !self.text[token.to..t.from].contains(&b'\n');
        if self.tokens.get(next).is_some_and(|t| on_this_line(&t)) {
            return token.to;
        }
        // A bracket that closes on the line of the one around it stands behind the stretch.
        let to = token.to.min(max);
        self.text[to..max].iter().position(|b| *b == b'\n').map_or(max, |n| to + n + 1)
    }

    /// The first token in `from..end` that is no line end or comment.
    fn next_said(&self, from: usize, end: usize) -> Option<usize> {
        self.says.get(from).copied().flatten().filter(|i| *i < end)
    }

    /// The last such token in `from..end`.
    fn last_said(&self, from: usize, end: usize) -> Option<usize> {
        self.said[..end].last().copied().flatten().filter(|i| *i >= from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language;

    fn cut(path: &str, text: &str) -> Vec<(String, Option<String>)> {
        let code = Code::read(text.as_bytes(), language::of(path), Rules::NEWEST).expect("balanced");
        let items = code.items();
        let tiled: String = items.iter().map(|i| &text[i.span.clone()]).collect();
        assert_eq!(tiled, text, "items tile the file");
        for item in &items {
            if let Some(body) = &item.body {
                let members = code.items_in(body.clone(), true);
                let tiled: String = members.iter().map(|i| &text[i.span.clone()]).collect();
                assert_eq!(tiled, text[body.clone()], "members tile the body");
            }
        }
        items.into_iter().map(|i| (text[i.span].to_string(), i.name)).collect()
    }

    fn names(path: &str, text: &str) -> Vec<String> {
        cut(path, text).into_iter().filter_map(|(_, name)| name).collect()
    }

    #[test]
    fn rust_is_cut_at_its_declarations() {
        let text = "use a::b;\n\n/// Doc.\n#[x(y)]\npub(crate) fn f<T>(a: [u8; 2]) -> T {\n    { 1 };\n}\nstruct S;\nimpl<T> A for S<T> {\n    fn g() {}\n}\nconst X: u8 = { 1 };\n";
        assert_eq!(names("a.rs", text), ["fn f", "struct S", "impl < T > A for S < T >", "const X"]);
    }

    #[test]
    fn javascript_is_cut_with_and_without_semicolons() {
        let text = "import a from 'a'\n\nexport default class A extends B {\n  x = 1;\n  async go(a) {\n  }\n  static of() { return 1 }\n}\n\nexport const f = (a) => {\n  g()\n}\nfunction h() {}\n";
        assert_eq!(names("a.ts", text), ["class A", "const f", "function h"]);
    }

    #[test]
    fn a_method_that_closes_on_the_line_of_its_class_is_cut_at_that_line() {
        let text = "class A {\n  void f() {\n    a();\n  }}\n";
        let code = Code::read(text.as_bytes(), language::of("A.java"), Rules::NEWEST).expect("balanced");
        let class = code.items().into_iter().find(|i| i.body.is_some()).expect("a class");
        let members = code.items_in(class.body.expect("a body"), true);
        let spans: Vec<_> = members.into_iter().map(|member| &text[member.span]).collect();
        assert_eq!(spans, ["  void f() {\n    a();\n"]);
    }

    #[test]
    fn go_is_cut_at_line_ends() {
        let text = "package p\n\n// F does.\nfunc (s *S) F() error {\n\treturn nil\n}\n\nvar x = 1\ntype T struct {\n\ta int\n}\n";
        assert_eq!(names("a.go", text), ["func s * S F", "var x", "type T"]);
    }

    #[test]
    fn python_is_cut_by_indentation() {
        let text = "import a\n\n\n@dec(\n    1)\ndef f(\n    a,\n):\n    \"\"\"x\n    \"\"\"\n    return 1\n\n# about\nclass A(B):\n    x = 1\n\n    def g(self):\n        pass\n\nif x:\n    y()\nelse:\n    z()\n";
        assert_eq!(names("a.py", text), ["def f", "class A"]);
    }

    #[test]
    fn markdown_is_cut_at_its_headings() {
        let text = "intro\n\n# A\n```sh\n# no heading\n```\n## B\nb\n";
        assert_eq!(names("a.md", text), ["# A", "## B"]);
    }

    #[test]
    fn shell_is_cut_at_its_functions() {
        let text =
            "#!/bin/sh\nset -eu\n\n# Says.\nsay() {\n  echo \"$1 {\"\n}\n\nfunction main {\n  say 'it'\n}\nmain\n";
        assert_eq!(names("a.sh", text), ["method say()", "function main"]);
    }

    #[test]
    fn java_methods_are_told_by_their_parameters() {
        let text = "package p;\n\npublic class A {\n    private int x = 1;\n\n    @Override\n    public int f(int a) {\n        return a;\n    }\n\n    int f(String b) { return 1; }\n}\n";
        let code = Code::read(text.as_bytes(), language::of("A.java"), Rules::NEWEST).expect("balanced");
        let class = code.items().into_iter().find(|i| i.body.is_some()).expect("a class");
        let members = code.items_in(class.body.expect("a body"), true);
        let names: Vec<_> = members.into_iter().filter_map(|m| m.name).collect();
        assert_eq!(names, ["method f(int a)", "method f(String b)"]);
    }
}
