//! Borders between items: at brackets and line ends, at indentation, at headings.

use std::ops::Range;

use super::{Code, Item};
use crate::Rules;
use crate::language::Break;
use crate::lex::Kind;

impl Code<'_> {
    pub(super) fn by_brackets(&self, span: Range<usize>, tokens: Range<usize>, members: bool) -> Vec<Item> {
        let (mut out, mut from, mut start) = (Vec::new(), span.start, tokens.start);
        let mut i = tokens.start;
        // Of the item that began at `start`: whether something is assigned in it so far, and where it says something.
        let (mut is_value, mut head) = (false, None);
        while i < tokens.end {
            let (next, ends) = match self.tokens[i].kind {
                Kind::Open => {
                    let close = self.partner[i];
                    let is_condition =
                        self.text[self.tokens[i].from] == b'#' && self.next_said(start, i + 1) == Some(i);
                    let ends = self.is(i, b"{") && !is_value && !self.goes_on(close + 1, tokens.end);
                    (close + 1, ends || is_condition)
                }
                Kind::Mark => {
                    is_value |= self.is(i, b"=") && !self.is(i + 1, b">");
                    (i + 1, self.is(i, b";"))
                }
                Kind::Directive => (i + 1, self.next_said(start, i + 1) == Some(i)),
                Kind::Line
                    if !matches!(self.words.breaks, Break::Nothing | Break::Kept)
                        && self.breaks(start, i, tokens.end) =>
                {
                    let head = *head.get_or_insert_with(|| self.head(start..tokens.end).unwrap_or(tokens.end));
                    (i + 1, head < i) // else nothing but decorators stands there yet
                }
                _ => (i + 1, false),
            };
            i = next;
            if ends {
                i = self.past_comments(i, tokens.end);
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

    pub(super) fn by_indent(&self, span: Range<usize>, tokens: Range<usize>) -> Vec<Item> {
        let (mut out, mut from, mut start) = (Vec::new(), span.start, tokens.start);
        let heads = self.heads(tokens.clone());
        for pair in heads.windows(2) {
            if self.is_decorator(pair[0]) {
                continue;
            }
            // The item ends with the last line that holds code before the next head; comments belong to what follows.
            let last = self.last_said(start, pair[1]);
            let last = last.map_or(pair[1], |i| self.past_trailing(i + 1, pair[1]));
            let to = self.end_of_line(last.saturating_sub(1), last, span.end);
            out.push(self.item(from..to, start..last, true));
            (from, start) = (to, last);
        }
        if let Some(head) = heads.last() {
            let last = self.last_said(*head, tokens.end);
            let last = last.map_or(tokens.end, |i| self.past_trailing(i + 1, tokens.end));
            let to = self.end_of_line(last - 1, last, span.end);
            out.push(self.item(from..to, start..last, true));
            (from, start) = (to, last);
        }
        self.rest(out, from..span.end, start..tokens.end)
    }

    /// Past the comments on the line of the token before `i`: behind a line end stands another line, by rules 26.
    fn past_comments(&self, mut i: usize, end: usize) -> usize {
        if self.rules >= Rules::V26 && self.tokens[i - 1].kind == Kind::Line {
            return i;
        }
        while i < end && self.tokens[i].kind == Kind::Comment && self.same_line(i - 1, i) {
            i += 1;
        }
        i
    }

    /// The same where indentation tells the block; older rules than 26 left such a comment to what follows.
    fn past_trailing(&self, i: usize, end: usize) -> usize {
        if self.rules >= Rules::V26 { self.past_comments(i, end) } else { i }
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
                        if column <= indent && !self.is_one_of(i, self.words.continues) {
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

    /// Whether what follows a closing brace still belongs to the same item.
    fn goes_on(&self, next: usize, end: usize) -> bool {
        let Some(i) = self.next_said(next, end) else { return false };
        if self.is_one_of(i, self.words.continues) {
            return true;
        }
        match self.tokens[i].kind {
            Kind::Mark => !self.is(i, b"#") && !self.is(i, b"@") && (self.same_line(next - 1, i) || !self.is(i, b"*")),
            Kind::Word | Kind::Open | Kind::Text => self.same_line(next - 1, i),
            _ => false,
        }
    }

    /// Whether a line end ends the statement that began at `start`.
    fn breaks(&self, start: usize, line: usize, end: usize) -> bool {
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

    /// The sections of a Markdown file: each heading with what stands below it, whatever its level.
    pub(super) fn sections(&self) -> Vec<Item> {
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
}
