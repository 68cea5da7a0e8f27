//! A code file as items that tile it byte for byte: declarations with names, and what stands between them.
//!
//! Nothing is parsed beyond brackets, line ends and the words of the language's table, so a file in a newer edition of
//! its language is cut no worse. What cannot be told apart stays one item.

mod eager;
mod fields;

use std::ops::Range;

pub(crate) use eager::Early;

use crate::language::{self, Shape, Words};
use crate::lex::{self, Kind, Token};

/// Deepest nesting of brackets or containers that is cut; a deeper file stays text.
pub(crate) const DEPTH_MAX: usize = 256;

/// Attribute of a Rust module whose place matters.
const MACRO_USE: &[u8] = b"macro_use";

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
    pub(crate) fn read(text: &'a [u8], shape: Shape) -> Option<Self> {
        let (words, cut_by) = match shape {
            Shape::Braces(words) => (words, CutBy::Brackets),
            Shape::Indent(words) => (words, CutBy::Indent),
            Shape::Markdown => (&language::NO_WORDS, CutBy::Headings),
            _ => return None,
        };
        let tokens = if cut_by == CutBy::Headings { Vec::new() } else { lex::tokens(text, words.dialect) };
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
        Some(Code { text, words, cut_by, tokens, partner, opens, said, says })
    }

    /// The sections of a Markdown file: each heading with what stands below it, whatever its level.
    fn sections(&self) -> Vec<Item> {
        let (mut out, mut from, mut at, mut fence, mut name) = (Vec::new(), 0, 0, None, None);
        for line in self.text.split_inclusive(|b| *b == b'\n') {
            let bare = line.trim_ascii();
            match fence {
                Some(mark) if bare.starts_with(mark) => fence = None,
                Some(_) => (),
                None => fence = [&b"```"[..], b"~~~"].into_iter().find(|mark| bare.starts_with(mark)),
            }
            if fence.is_none() && line.starts_with(b"#") {
                if at > from {
                    out.push(Item { span: from..at, name: name.take(), unordered: false, body: None });
                }
                (from, name) = (at, Some(String::from_utf8_lossy(bare).into_owned()));
            }
            at += line.len();
        }
        if at > from {
            out.push(Item { span: from..at, name, unordered: false, body: None });
        }
        out
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

    fn by_brackets(&self, span: Range<usize>, tokens: Range<usize>, members: bool) -> Vec<Item> {
        let (mut out, mut from, mut start) = (Vec::new(), span.start, tokens.start);
        let mut i = tokens.start;
        // Of the item that began at `start`: whether something is assigned in it so far, and where it says something.
        let (mut is_value, mut head) = (false, None);
        while i < tokens.end {
            let (next, ends) = match self.tokens[i].kind {
                Kind::Open => {
                    let close = self.partner[i];
                    let ends = self.is(i, b"{") && !is_value && !self.goes_on(close + 1, tokens.end);
                    (close + 1, ends)
                }
                Kind::Mark => {
                    is_value |= self.is(i, b"=") && !self.is(i + 1, b">");
                    (i + 1, self.is(i, b";"))
                }
                Kind::Line if self.words.lines_end && self.line_ends(start, i, tokens.end) => {
                    let head = *head.get_or_insert_with(|| self.head(start..tokens.end).unwrap_or(tokens.end));
                    (i + 1, head < i) // else nothing but decorators stands there yet
                }
                _ => (i + 1, false),
            };
            i = next;
            if ends {
                while i < tokens.end && self.tokens[i].kind == Kind::Comment && self.same_line(i - 1, i) {
                    i += 1;
                }
                let to = self.end_of_line(i - 1, i, span.end);
                out.push(self.item(from..to, start..i, members));
                while i < tokens.end && self.tokens[i].from < to {
                    i += 1;
                }
                (from, start) = (to, i);
                (is_value, head) = (false, None);
            }
        }
        self.rest(out, from..span.end, start..tokens.end)
    }

    /// The rest at the end is one more item.
    fn rest(&self, mut out: Vec<Item>, span: Range<usize>, tokens: Range<usize>) -> Vec<Item> {
        if !span.is_empty() {
            let item = self.item(span, tokens, false);
            out.push(Item { name: None, body: None, unordered: false, ..item });
        }
        out
    }

    fn by_indent(&self, span: Range<usize>, tokens: Range<usize>) -> Vec<Item> {
        let (mut out, mut from, mut start) = (Vec::new(), span.start, tokens.start);
        let heads = self.heads(tokens.clone());
        for pair in heads.windows(2) {
            if self.is_decorator(pair[0]) {
                continue;
            }
            // The item ends with the last line that holds code before the next head; comments belong to what follows.
            let last = self.last_said(start, pair[1]);
            let last = last.map_or(pair[1], |i| i + 1);
            let to = self.end_of_line(last.saturating_sub(1), last, span.end);
            out.push(self.item(from..to, start..last, true));
            (from, start) = (to, last);
        }
        if let Some(head) = heads.last() {
            let last = self.last_said(*head, tokens.end);
            let last = last.map_or(tokens.end, |i| i + 1);
            let to = self.end_of_line(last - 1, last, span.end);
            out.push(self.item(from..to, start..last, true));
            (from, start) = (to, last);
        }
        self.rest(out, from..span.end, start..tokens.end)
    }

    /// Tokens that start a statement at the indentation of the first.
    fn heads(&self, tokens: Range<usize>) -> Vec<usize> {
        let (mut out, mut depth, mut fresh, mut indent) = (Vec::new(), 0usize, true, None);
        for i in tokens {
            match self.tokens[i].kind {
                Kind::Line if depth == 0 => fresh = true,
                Kind::Line | Kind::Comment => (),
                kind => {
                    if fresh && depth == 0 {
                        let column = self.column(i);
                        let indent = *indent.get_or_insert(column);
                        if column <= indent && !self.is_one_of(i, &["else", "elif", "except", "finally"]) {
                            out.push(i);
                        }
                    }
                    fresh = false;
                    depth = match kind {
                        Kind::Open => depth + 1,
                        Kind::Close => depth.saturating_sub(1),
                        _ => depth,
                    };
                }
            }
        }
        out
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
        self.text[token.to..max].iter().position(|b| *b == b'\n').map_or(max, |n| token.to + n + 1)
    }

    /// Whether what follows a closing brace still belongs to the same item.
    fn goes_on(&self, next: usize, end: usize) -> bool {
        let Some(i) = self.next_said(next, end) else { return false };
        if self.is_one_of(i, &["else", "catch", "finally"]) {
            return true;
        }
        match self.tokens[i].kind {
            Kind::Mark => !self.is(i, b"#") && !self.is(i, b"@") && (self.same_line(next - 1, i) || !self.is(i, b"*")),
            Kind::Word | Kind::Open | Kind::Text => self.same_line(next - 1, i),
            _ => false,
        }
    }

    /// The first token in `from..end` that is no line end or comment.
    fn next_said(&self, from: usize, end: usize) -> Option<usize> {
        self.says.get(from).copied().flatten().filter(|i| *i < end)
    }

    /// The last such token in `from..end`.
    fn last_said(&self, from: usize, end: usize) -> Option<usize> {
        self.said[..end].last().copied().flatten().filter(|i| *i >= from)
    }

    /// Whether a line end ends the statement that began at `start`.
    fn line_ends(&self, start: usize, line: usize, end: usize) -> bool {
        let before = self.said[line].filter(|i| *i >= start);
        let Some(before) = before else { return false };
        let closes = matches!(self.tokens[before].kind, Kind::Word | Kind::Close | Kind::Text);
        let after = self.next_said(line, end);
        let joins = after.is_some_and(|i| match self.tokens[i].kind {
            Kind::Mark => !self.is(i, b"@") && !self.is(i, b"#") && !self.is(i, b"*"),
            Kind::Open => true,
            _ => false,
        });
        closes && !joins
    }

    /// The first token that is no comment, attribute or decorator.
    fn head(&self, tokens: Range<usize>) -> Option<usize> {
        let mut i = tokens.start;
        while i < tokens.end {
            match self.tokens[i].kind {
                Kind::Line | Kind::Comment => i += 1,
                Kind::Mark if self.is(i, b"#") => {
                    i += 1 + usize::from(self.is(i + 1, b"!"));
                    if i < tokens.end && self.tokens[i].kind == Kind::Open {
                        i = self.partner[i] + 1;
                    }
                }
                Kind::Mark if self.is(i, b"@") && !self.is(i + 1, b"interface") => {
                    i += 2;
                    while self.is(i, b".") && i + 1 < tokens.end {
                        i += 2;
                    }
                    if self.is(i, b"(") {
                        i = self.partner[i] + 1;
                    }
                }
                _ => return Some(i),
            }
        }
        None
    }

    fn item(&self, span: Range<usize>, tokens: Range<usize>, members: bool) -> Item {
        let plain = Item { span: span.clone(), name: None, unordered: false, body: None };
        let Some(head) = self.head(tokens.clone()) else { return plain };
        let i = self.past_modifiers(head, tokens.end);
        if i >= tokens.end {
            return plain;
        }
        let declared = self.words.declare.iter().find(|w| self.is(i, w.as_bytes()));
        let Some(word) = declared else {
            let name = if self.words.bare_members && (members || self.words.dialect == lex::Dialect::Shell) {
                self.member(i..tokens.end)
            } else {
                None
            };
            return Item { unordered: name.is_some(), name, ..plain };
        };
        let name = self.declared_name(word, i..tokens.end);
        // Macros of a module that exports them are there for what follows only.
        let exports = || self.text[span.clone()].windows(MACRO_USE.len()).any(|w| w == MACRO_USE);
        let unordered = name.is_some() && !self.words.ordered.contains(word) && !(*word == "mod" && exports());
        let body = self.words.contain.contains(word).then(|| self.body(i..tokens.end)).flatten();
        Item { span, name, unordered, body }
    }

    /// The first token after the words that may stand in front of a declaration.
    fn past_modifiers(&self, mut i: usize, end: usize) -> usize {
        while i < end && self.is_one_of(i, self.words.modify) && !self.names_itself(i, end) {
            i += 1;
            if self.is(i, b"(") && self.is_one_of(i - 1, &["pub"]) {
                i = self.partner[i] + 1;
            }
            if i < end && self.tokens[i].kind == Kind::Text {
                i += 1;
            }
        }
        i
    }

    /// `static()` is a method of that name, not a modifier; `const X` declares, `const fn` modifies.
    fn names_itself(&self, i: usize, end: usize) -> bool {
        let declares = self.is_one_of(i, self.words.declare);
        if declares && !self.is_one_of(i + 1, self.words.declare) && !self.is_one_of(i + 1, self.words.modify) {
            return true;
        }
        i + 1 >= end || ["(", "=", ":", ";", ","].iter().any(|m| self.is(i + 1, m.as_bytes())) && !self.is(i, b"pub")
    }

    /// Kind and name: the word after `word`; for an `impl`, or a method with receiver, everything up to the body.
    fn declared_name(&self, word: &str, tokens: Range<usize>) -> Option<String> {
        let mut i = tokens.start + 1;
        if word == "impl" {
            let open = (i..tokens.end).find(|i| self.is(*i, b"{"))?;
            return Some(format!("impl {}", self.squashed(i..open)));
        }
        let mut name = String::from(word);
        while i < tokens.end && (self.is(i, b"!") || self.is(i, b"*") || self.is(i, b"mut")) {
            i += 1;
        }
        if word == "func" && self.is(i, b"(") {
            name = format!("{name} {}", self.squashed(i + 1..self.partner[i]));
            i = self.partner[i] + 1;
        }
        (i < tokens.end && self.tokens[i].kind == Kind::Word)
            .then(|| format!("{name} {}", String::from_utf8_lossy(self.bytes(i))))
    }

    /// A method's name with its parameters; only methods, for the order of fields can be observed.
    fn member(&self, tokens: Range<usize>) -> Option<String> {
        let open = tokens
            .clone()
            .find(|i| self.is(*i, b"(") || self.is(*i, b"=") || self.is(*i, b";") || self.is(*i, b"{"))?;
        let has_body = (open..tokens.end).any(|i| self.is(i, b"{"));
        if !self.is(open, b"(") || open == tokens.start || self.tokens[open - 1].kind != Kind::Word || !has_body {
            return None;
        }
        let name = String::from_utf8_lossy(self.bytes(open - 1)).into_owned();
        if ["if", "for", "while", "switch", "catch", "function", "return"].contains(&name.as_str())
            || open - 1 > tokens.start + 12
        {
            return None;
        }
        Some(format!("method {name}({})", self.squashed(open + 1..self.partner[open])))
    }

    fn squashed(&self, tokens: Range<usize>) -> String {
        let words = tokens.filter(|i| !matches!(self.tokens[*i].kind, Kind::Line | Kind::Comment));
        words.map(|i| String::from_utf8_lossy(self.bytes(i)).into_owned()).collect::<Vec<_>>().join(" ")
    }

    /// The members' place: between the braces, or the indented lines after the colon.
    fn body(&self, tokens: Range<usize>) -> Option<Range<usize>> {
        if self.cut_by == CutBy::Brackets {
            let open = tokens.clone().find(|i| self.is(*i, b"{"))?;
            let close = self.partner[open];
            let from = self.end_of_line(open, open + 1, self.tokens[close].from);
            let line = self.text[..self.tokens[close].from].iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
            return (from <= line).then_some(from..line);
        }
        let mut i = tokens.start;
        while i < tokens.end && !self.is(i, b":") {
            i = if self.tokens[i].kind == Kind::Open { self.partner[i] + 1 } else { i + 1 };
        }
        let line = (i..tokens.end).find(|i| self.tokens[*i].kind == Kind::Line)?;
        let last = tokens.end - 1;
        (i + 1 == line || self.tokens[i + 1].kind == Kind::Comment)
            .then(|| self.tokens[line].to..self.end_of_line(last, tokens.end, self.text.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language;

    fn cut(path: &str, text: &str) -> Vec<(String, Option<String>)> {
        let code = Code::read(text.as_bytes(), language::of(path).shape).expect("balanced");
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
        let code = Code::read(text.as_bytes(), language::of("A.java").shape).expect("balanced");
        let class = code.items().into_iter().find(|i| i.body.is_some()).expect("a class");
        let members = code.items_in(class.body.expect("a body"), true);
        let names: Vec<_> = members.into_iter().filter_map(|m| m.name).collect();
        assert_eq!(names, ["method f(int a)", "method f(String b)"]);
    }
}
