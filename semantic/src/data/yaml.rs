//! The block structure of YAML: maps, lists and scalars by indentation. Scalars and flow collections stay spelled.
//!
//! What is not plain (anchors, aliases, tags, merge keys, complex keys, tabs as indentation) is not read, and the file
//! is then merged as text only.

use std::collections::BTreeMap;

use super::{DEPTH_MAX, Unread, Value, flow, insert};

/// Blanks of a line, and a line's end; others are text.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// A line: its indentation, its text, and the blanks after it.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    indent: usize,
    text: &'a str,
    blanks: &'a str,
}

pub(super) fn read(text: &str) -> Result<Value, Unread> {
    if has_other_breaks(text) || text.lines().any(is_other_mark) {
        return Err(Unread::Unparsed);
    }
    let documents: Vec<&str> = split_documents(text);
    let mut values = Vec::new();
    for document in documents {
        let mut reader = Reader { lines: lines(document)?, at: 0 };
        let value = match reader.peek() {
            None => Value::Scalar(String::new()),
            Some(first) => reader.block(first.indent, 0)?,
        };
        if reader.at < reader.lines.len() {
            return Err(Unread::Unparsed);
        }
        values.push(value);
    }
    Ok(Value::List(values))
}

/// Whether readers may see lines, blanks, or a file's start, where this one sees none.
fn has_other_breaks(text: &str) -> bool {
    let alone = |(at, _): (usize, &str)| !text[at + 1..].starts_with('\n');
    let is_other = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    text.contains(is_other)
        || text.contains(['\u{2028}', '\u{2029}', '\u{feff}'])
        || text.match_indices('\r').any(alone)
}

/// Directives, ends of documents, and documents that begin on the line of their mark.
fn is_other_mark(line: &str) -> bool {
    let follows = line.strip_prefix("---").is_some_and(|rest| rest.starts_with([' ', '\t']) && !rest.trim().is_empty());
    let ends = line.strip_prefix("...").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
    follows || ends || line.starts_with('%')
}

/// Whether a tab parts what YAML parts: a dash, a colon or a mark from what follows.
fn has_parting_tab(text: &str) -> bool {
    text.contains(":\t") || ["-\t", "?\t"].iter().any(|mark| text.starts_with(mark))
}

fn split_documents(text: &str) -> Vec<&str> {
    let (mut out, mut from, mut at) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        if line.trim_end_matches(BLANKS) == "---" {
            out.push(&text[from..at]);
            from = at + line.len();
        }
        at += line.len();
    }
    out.push(&text[from..]);
    out
}

/// The lines of a document. Blank lines and comments stay, as empty ones, for block scalars need them.
fn lines(document: &str) -> Result<Vec<Line<'_>>, Unread> {
    document
        .lines()
        .map(|raw| {
            let text = raw.trim_end_matches(BLANKS);
            let indent = text.len() - text.trim_start_matches(' ').len();
            if text[indent..].starts_with('\t') || has_parting_tab(&text[indent..]) {
                Err(Unread::Unparsed)
            } else {
                Ok(Line { indent, text: &text[indent..], blanks: &raw[text.len()..] })
            }
        })
        .collect()
}

struct Reader<'a> {
    lines: Vec<Line<'a>>,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next line with content.
    fn peek(&mut self) -> Option<Line<'a>> {
        while let Some(line) = self.lines.get(self.at) {
            if !line.text.is_empty() && !line.text.starts_with('#') {
                return Some(*line);
            }
            self.at += 1;
        }
        None
    }

    /// Value at `indent`: a list, a map, or a scalar.
    fn block(&mut self, indent: usize, depth: usize) -> Result<Value, Unread> {
        if depth >= DEPTH_MAX {
            return Err(Unread::Unparsed);
        }
        let Some(first) = self.peek() else { return Ok(Value::Scalar(String::new())) };
        if first.text == "?" || first.text.starts_with("? ") {
            Err(Unread::Unparsed)
        } else if is_item(first.text) {
            self.list(indent, depth)
        } else if key_len(first.text).is_some() {
            self.map(indent, depth)
        } else {
            let first = *self.lines.get(self.at).ok_or(Unread::Unparsed)?;
            self.at += 1;
            self.scalar(first.text, indent.checked_sub(1))
        }
    }

    fn list(&mut self, indent: usize, depth: usize) -> Result<Value, Unread> {
        let mut items = Vec::new();
        while let Some(line) = self.peek().filter(|l| l.indent == indent && is_item(l.text)) {
            let inner = line.text[1..].trim_start_matches(' ');
            if inner.starts_with('\t') {
                return Err(Unread::Unparsed);
            }
            if inner.is_empty() || inner.starts_with('#') {
                self.at += 1;
                items.push(self.nested(indent, depth)?);
            } else {
                // What follows the dash stands as if on a line of its own, further in.
                let inner_indent = indent + line.text.len() - inner.len();
                self.lines[self.at] = Line { indent: inner_indent, text: inner, ..line };
                items.push(self.block(inner_indent, depth + 1)?);
            }
        }
        self.closed(indent)?;
        Ok(Value::List(items))
    }

    fn map(&mut self, indent: usize, depth: usize) -> Result<Value, Unread> {
        let mut map = BTreeMap::new();
        while let Some(line) = self.peek().filter(|l| l.indent == indent && !is_item(l.text)) {
            let len = key_len(line.text).ok_or(Unread::Unparsed)?;
            let key = line.text[..len].trim_end_matches(BLANKS);
            if key == "<<" || key.starts_with(['&', '*', '!', '?', '{', '[']) {
                return Err(Unread::Unparsed);
            }
            self.at += 1;
            let rest = line.text[len + 1..].trim_start_matches(BLANKS);
            let value = if rest.is_empty() || rest.starts_with('#') {
                self.nested(indent, depth)?
            } else {
                self.scalar(rest, Some(indent))?
            };
            insert(&mut map, name(key).ok_or(Unread::Unparsed)?, value)?;
        }
        self.closed(indent)?;
        Ok(Value::Map(map))
    }

    /// After a block nothing may stand deeper than it.
    fn closed(&mut self, indent: usize) -> Result<(), Unread> {
        match self.peek() {
            Some(line) if line.indent > indent => Err(Unread::Unparsed),
            _ => Ok(()),
        }
    }

    /// The block below a key or dash at `indent`. A list may stand at the indentation of its key.
    fn nested(&mut self, indent: usize, depth: usize) -> Result<Value, Unread> {
        match self.peek() {
            Some(line) if line.indent > indent => self.block(line.indent, depth + 1),
            Some(line) if line.indent == indent && is_item(line.text) && self.under_key() => {
                self.list(indent, depth + 1)
            }
            _ => Ok(Value::Scalar(String::new())),
        }
    }

    /// Whether the last line with content was a key.
    fn under_key(&self) -> bool {
        let before = self.lines[..self.at].iter().rev().find(|l| !l.text.is_empty() && !l.text.starts_with('#'));
        before.is_some_and(|l| !is_item(l.text))
    }

    /// A scalar that starts with `first` and goes on over every line deeper than `indent` (all, if none).
    fn scalar(&mut self, first: &str, indent: Option<usize>) -> Result<Value, Unread> {
        if first.starts_with(['&', '*', '!']) {
            return Err(Unread::Unparsed);
        }
        let block = first.starts_with(['|', '>']);
        let mut text = if block { first.to_string() } else { without_comment(first).to_string() };
        let mut flow = Flow::of(&text);
        // Breaks before the next line; in a block blanks are text, on a line without other text too.
        let mut breaks = String::new();
        while let Some(line) = self.lines.get(self.at) {
            let deeper = indent.is_none_or(|indent| line.indent > indent);
            if !line.text.is_empty() && !deeper {
                break;
            }
            if !block && !line.text.is_empty() && !flow.is_open() && key_len(line.text).is_some() {
                return Err(Unread::Unparsed);
            }
            self.at += 1;
            if line.text.is_empty() {
                breaks.push('\n');
                breaks.push_str(if block { line.blanks } else { "" });
                continue;
            }
            if flow.is_unsure(&text, line.text) {
                return Err(Unread::Unparsed);
            }
            if block {
                text.push_str(&format!("{breaks}\n{}", " ".repeat(line.indent - indent.map_or(0, |i| i + 1))));
                text.push_str(line.text);
                text.push_str(line.blanks);
            } else {
                let text_of_line = without_comment(line.text);
                text.push_str(if breaks.is_empty() { " " } else { &breaks });
                flow.read(text_of_line);
                text.push_str(text_of_line);
            }
            breaks.clear();
        }
        if !block && flow.is_open() {
            return Err(Unread::Unparsed);
        }
        if text.starts_with(['[', '{']) {
            flow::has_distinct_keys(&text)?;
        }
        Ok(Value::Scalar(text))
    }
}

fn is_item(text: &str) -> bool {
    text == "-" || text.starts_with("- ")
}

/// A key without its quotes; none where it is written by escapes.
pub(super) fn name(key: &str) -> Option<String> {
    let inside = |quote: char| key.strip_prefix(quote)?.strip_suffix(quote);
    match key.chars().next() {
        Some('"') => inside('"').filter(|name| !name.contains('\\')).map(str::to_string),
        Some('\'') => inside('\'').map(|name| name.replace("''", "'")),
        _ => Some(key.to_string()),
    }
}

/// Place of a key's colon: outside quotes and brackets, before a blank or the end.
fn key_len(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut i = match bytes.first()? {
        b'"' | b'\'' => {
            let quoted = quoted_len(bytes)?;
            let blanks = text[quoted..].len() - text[quoted..].trim_start_matches(' ').len();
            return (bytes.get(quoted + blanks) == Some(&b':')
                && matches!(bytes.get(quoted + blanks + 1), None | Some(b' ')))
            .then_some(quoted + blanks);
        }
        b'{' | b'[' => return None,
        _ => 0,
    };
    while let Some(b) = bytes.get(i) {
        match b {
            b':' if matches!(bytes.get(i + 1), None | Some(b' ')) => return Some(i),
            b'#' if i > 0 && matches!(bytes[i - 1], b' ' | b'\t') => return None,
            _ => i += 1,
        }
    }
    None
}

/// Length of a string in quotes that ends on its line.
pub(super) fn quoted_len(bytes: &[u8]) -> Option<usize> {
    let (quote, mut i) = (*bytes.first()?, 1);
    loop {
        match (bytes.get(i)?, bytes.get(i + 1)) {
            (b'\\', _) if quote == b'"' => i += 2,
            (b'\'', Some(b'\'')) if quote == b'\'' => i += 2,
            (b, _) if *b == quote => return Some(i + 1),
            _ => i += 1,
        }
    }
}

/// Whether a flow collection or a quoted string is still open, as its lines are read.
struct Flow {
    is_flow: bool,
    depth: i32,
    quote: Option<char>,
}

impl Flow {
    fn of(first: &str) -> Self {
        let mut flow = Flow { is_flow: first.starts_with(['"', '\'', '[', '{']), depth: 0, quote: None };
        flow.read(first);
        flow
    }

    fn read(&mut self, text: &str) {
        let mut chars = text.chars().filter(|_| self.is_flow);
        while let Some(c) = chars.next() {
            match (self.quote, c) {
                (Some('"'), '\\') => drop(chars.next()),
                (Some(q), c) if q == c => self.quote = None,
                (Some(_), _) => (),
                (None, '"' | '\'') => self.quote = Some(c),
                (None, '[' | '{') => self.depth += 1,
                (None, ']' | '}') => self.depth -= 1,
                _ => (),
            }
        }
    }

    /// Whether a string that is open goes on in `line` with what may be a comment, or escapes the end of the line before.
    fn is_unsure(&self, before: &str, line: &str) -> bool {
        self.quote.is_some() && (line.contains('#') || before.ends_with('\\'))
    }

    fn is_open(&self) -> bool {
        self.depth != 0 || self.quote.is_some()
    }
}

/// The text before a comment that stands outside quotes.
fn without_comment(text: &str) -> &str {
    let (mut quote, mut before, mut chars) = (None, ' ', text.char_indices());
    while let Some((i, c)) = chars.next() {
        match (quote, c) {
            (Some('"'), '\\') => drop(chars.next()),
            (Some(q), c) if q == c => quote = None,
            (None, '"' | '\'') if matches!(before, ' ' | '[' | '{' | ',') => quote = Some(c),
            (None, '#') if matches!(before, ' ' | '\t') => return text[..i].trim_end_matches(BLANKS),
            _ => (),
        }
        before = c;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> BTreeMap<String, Value> {
        match read(text) {
            Ok(Value::List(mut documents)) => match documents.remove(0) {
                Value::Map(map) => map,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn maps_and_lists_nest_by_indentation() {
        let map = map("a:\n  b: 1 # c\n  c:\n  - x: 1\n    y: 2\n  - z\nd: [1,\n  2]\n");
        assert_eq!(map.len(), 2);
        let Value::Map(a) = &map["a"] else { panic!("{map:?}") };
        assert!(matches!(&a["c"], Value::List(items) if items.len() == 2), "{a:?}");
    }

    #[test]
    fn a_block_scalar_keeps_what_looks_like_a_comment() {
        let map = map("run: |\n  # not a comment\n  a: b\n\n  c\nx: 1\n");
        assert_eq!(map["run"], Value::Scalar("|\n # not a comment\n a: b\n\n c".into()));
    }

    #[test]
    fn a_comment_after_a_tab_holds_no_key() {
        assert_eq!(read("a \t# b: c\n"), Ok(Value::List(vec![Value::Scalar("a".into())])));
    }

    #[test]
    fn blanks_at_the_ends_of_lines_of_a_block_scalar_are_text() {
        let map = map("a: |\n  b \n     \n  c\nd: x \n");
        assert_eq!(map["a"], Value::Scalar("|\n b \n     \n c".into()));
        assert_eq!(map["d"], Value::Scalar("x".into()));
    }

    #[test]
    fn a_string_over_lines_with_a_hash_or_an_escaped_line_end_is_not_read() {
        for text in ["a: \"b\n  # c\"\n", "a: 'b\n  c' # d\n", "a: \"b \\\n  c\"\n", "a: \"b\\\n\n  c\"\n"] {
            assert_eq!(read(text), Err(Unread::Unparsed), "{text}");
        }
        assert_eq!(map("a: \"b\n  c\" \n")["a"], Value::Scalar("\"b c\"".into()));
    }

    #[test]
    fn a_key_that_stands_twice_is_an_error() {
        assert_eq!(read("a: {b: 1,\n  b: 2}\n"), Err(Unread::DuplicateKey));
        assert_eq!(read("a: 1\na: 2\n"), Err(Unread::DuplicateKey));
    }

    #[test]
    fn keys_in_quotes_are_the_keys_without_and_those_by_escapes_are_not_read() {
        for twice in ["a: 1\n'a': 2\n", "it's: 1\n'it''s': 2\n", "a: 1\n\"a\": 2\n"] {
            assert_eq!(read(twice), Err(Unread::DuplicateKey), "{twice}");
        }
        assert_eq!(read("ab: 1\n\"a\\u0062\": 2\n"), Err(Unread::Unparsed));
    }

    #[test]
    fn lines_and_documents_that_another_reader_would_see_are_not_read() {
        for text in ["a: 1\rb: 2\n", "a: 1\u{85}b: 2\n", "a: 1\n\u{feff}b: 2\n", "--- 1\n", "a: 1\n...\n", "%A\n---\n"]
        {
            assert_eq!(read(text), Err(Unread::Unparsed), "{text:?}");
        }
        assert!(read("a: 1\r\n--- \r\nb: 2\r\n").is_ok());
    }

    #[test]
    fn a_colon_inside_of_quotes_ends_no_key() {
        assert_eq!(read("'it'': b'\n"), Ok(Value::List(vec![Value::Scalar("'it'': b'".into())])));
    }

    #[test]
    fn blanks_that_only_some_readers_know_are_text() {
        assert_eq!(read("a: b\u{c}\n"), Err(Unread::Unparsed));
        assert_eq!(map("a: b\u{a0}\n")["a"], Value::Scalar("b\u{a0}".into()));
    }

    #[test]
    fn an_escaped_quote_ends_no_string() {
        let map = map("a: \"x\\\" # y\"\nb: 1\n");
        assert_eq!(map["a"], Value::Scalar("\"x\\\" # y\"".into()));
    }

    #[test]
    fn anchors_aliases_tags_and_merge_keys_are_not_read() {
        for text in [
            "? a\n",
            "- \ta: b\n",
            "a:\tb\n",
            "-\ta\n",
            "a: &x 1\n",
            "a: *x\n",
            "a: !t 1\n",
            "<<: *x\n",
            "a:\n\tb: 1\n",
        ] {
            assert_eq!(read(text), Err(Unread::Unparsed), "{text}");
        }
    }
}
