//! Names of items: the word that declares, what it declares, and the place of members.

use std::ops::Range;

use super::{Code, CutBy, Item};
use crate::language::Bare;
use crate::lex::Kind;

impl Code<'_> {
    /// The first token that is no comment, attribute or decorator.
    pub(super) fn head(&self, tokens: Range<usize>) -> Option<usize> {
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
                Kind::Open if self.words.attributes && self.is(i, b"[") => i = self.partner[i] + 1,
                _ => return Some(i),
            }
        }
        None
    }

    pub(super) fn item(&self, span: Range<usize>, tokens: Range<usize>, members: bool) -> Item {
        let plain = Item { span: span.clone(), name: None, unordered: false, body: None };
        let Some(head) = self.head(tokens.clone()) else { return plain };
        let i = self.past_modifiers(head, tokens.end);
        if i >= tokens.end {
            return plain;
        }
        let Some(word) = self.declared(i..tokens.end) else {
            let is_bare = self.words.bare == Bare::Functions || (members && self.words.bare == Bare::Members);
            let name = if is_bare { self.member(i..tokens.end) } else { None };
            return Item { unordered: name.is_some(), name, ..plain };
        };
        let name = self.declared_name(word, i..tokens.end);
        // Macros of a module that exports them are there for what follows only.
        let has = |attribute: &str| self.text[span.clone()].windows(attribute.len()).any(|w| w == attribute.as_bytes());
        let exports = || self.words.ordered_with.iter().any(|(of, with)| *of == word && has(with));
        let unordered = name.is_some() && !self.words.ordered.contains(&word) && !exports();
        let body = self.words.contain.contains(&word).then(|| self.body(i..tokens.end)).flatten();
        Item { span, name, unordered, body }
    }

    /// The word that declares here; of a type in front of a function none.
    pub(super) fn declared(&self, tokens: Range<usize>) -> Option<&'static str> {
        let word = self.words.declare.iter().find(|word| self.is(tokens.start, word.as_bytes()))?;
        let marks = ["(", "=", ";", "{"];
        let first = || tokens.clone().find(|i| marks.iter().any(|mark| self.is(*i, mark.as_bytes())));
        let is_value = |i| self.is(i, b"(") || self.is(i, b"=");
        let is_type = self.words.typed.contains(word) && first().is_some_and(is_value);
        (!is_type).then_some(*word)
    }

    /// The first token after the words that may stand in front of a declaration.
    pub(super) fn past_modifiers(&self, mut i: usize, end: usize) -> usize {
        while i < end && self.is_one_of(i, self.words.modify) && !self.names_itself(i, end) {
            i += 1;
            if self.is(i, b"(") && self.is_one_of(i - 1, self.words.carry) {
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
        i + 1 >= end
            || ["(", "=", ":", ";", ","].iter().any(|m| self.is(i + 1, m.as_bytes()))
                && !self.is_one_of(i, self.words.carry)
    }

    /// Kind and name: the word after `word`; for an `impl`, or a method with receiver, everything up to the body.
    fn declared_name(&self, word: &str, tokens: Range<usize>) -> Option<String> {
        let mut i = tokens.start + 1;
        if self.words.whole.contains(&word) {
            let open = (i..tokens.end).find(|i| self.is(*i, b"{"))?;
            return Some(format!("{word} {}", self.squashed(i..open)));
        }
        if self.words.signed.contains(&word) {
            let ends = |i: &usize| {
                matches!(self.tokens[*i].kind, Kind::Line | Kind::Comment | Kind::Open) || self.is(*i, b";")
            };
            let end = (i..tokens.end).find(ends).unwrap_or(tokens.end);
            let parameters = if self.is(end, b"(") { self.squashed(end + 1..self.partner[end]) } else { String::new() };
            return Some(format!("method {word} {}({parameters})", self.squashed(i..end)));
        }
        let mut name = String::from(word);
        while i < tokens.end && (self.is(i, b"!") || self.is(i, b"*") || self.is_one_of(i, self.words.between)) {
            i += 1;
        }
        if self.words.receive.contains(&word) && self.is(i, b"(") {
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
        let name = self.squashed(self.path_start(open - 1, tokens.start)..open).replace(' ', "");
        if self.words.statements.contains(&name.as_str()) || open - 1 > tokens.start + 12 {
            return None;
        }
        let parameters = self.squashed(open + 1..self.partner[open]);
        // A macro that makes a function is told by all that it takes: `TEST(a, b) {`.
        if self.words.bare == Bare::Functions && !name.bytes().any(|b| b.is_ascii_lowercase()) {
            return Some(format!("{name}({})", parameters.replace(' ', "")));
        }
        Some(format!("method {name}({parameters})"))
    }

    /// Where the path that a name ends begins.
    fn path_start(&self, mut i: usize, start: usize) -> usize {
        while let Some(path) = self.words.path
            && i >= start + 3
            && self.text[..self.tokens[i].from].ends_with(path.as_bytes())
            && self.tokens[i - 3].kind == Kind::Word
        {
            i -= 3;
        }
        i
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
        if let Some(end) = self.words.end {
            let line = tokens.clone().find(|i| self.tokens[*i].kind == Kind::Line)?;
            let last = self.last_said(tokens.start, tokens.end).filter(|i| self.is(*i, end.as_bytes()))?;
            let from = self.tokens[last].from - self.column(last);
            return (self.tokens[line].to <= from).then_some(self.tokens[line].to..from);
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
