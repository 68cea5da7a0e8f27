//! Import statements as text: where one begins and ends, what it takes and from where.

use crate::Rules;
use crate::language::{Imports, Place};
use crate::words;
use crate::work::Work;

/// Import statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// Blank lines, comments and attributes in front, then the statement, with its line end.
    pub(super) text: String,
    /// Text that is not a name: visibility, attributes, the place.
    pub(super) place: String,
    /// The names it brings, as written.
    pub(super) names: Vec<String>,
    /// The bytes before, inside and after the list in `text`, where it has one.
    pub(super) list: Option<(usize, usize)>,
}

/// Cuts text into import statements; none if anything else is there.
pub(super) fn statements(text: &str, style: &Imports, rules: Rules, work: &Work) -> Option<Vec<Statement>> {
    let mut out = Vec::new();
    let (mut lead, mut current) = (String::new(), String::new());
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        if current.is_empty() && (bare.is_empty() || is_lead(bare, style)) {
            lead.push_str(line);
            continue;
        }
        if current.is_empty() && !may_open(bare, style) {
            return None;
        }
        current.push_str(line);
        work.take_len(current.len())?;
        if is_whole(&current, style) {
            out.push(statement(&lead, &current, style, rules)?);
            (lead, current) = (String::new(), String::new());
        }
    }
    (lead.is_empty() && current.is_empty()).then_some(out)
}

/// Whether a line belongs to the statement after it.
pub(super) fn is_lead(bare: &str, style: &Imports) -> bool {
    bare.starts_with(style.lead) || is_attribute(bare, style)
}

fn is_attribute(bare: &str, style: &Imports) -> bool {
    style.attribute.is_some_and(|[open, close]| bare.starts_with(open) && bare.ends_with(close))
}

/// Whether an import may begin with this line, so that anything else is not read to its end first. Inside of a block any.
fn may_open(bare: &str, style: &Imports) -> bool {
    style.block.is_some() || opens(bare, style)
}

/// Whether a line starts as an import does.
pub(super) fn opens(bare: &str, style: &Imports) -> bool {
    style.open.iter().any(|word| bare.starts_with(word))
}

/// Whether a statement that began is at its end.
pub(super) fn is_whole(text: &str, style: &Imports) -> bool {
    let code: String = text.lines().map(|l| without_comment(l, style)).collect::<Vec<_>>().join("\n");
    let code = code.trim_end();
    let ends = if style.end.is_empty() { !code.ends_with('\\') } else { code.ends_with(style.end) };
    let is_closed = |[open, close]: [char; 2]| code.matches(open).count() == code.matches(close).count();
    ends && style.closed.is_none_or(is_closed)
}

fn without_comment<'a>(line: &'a str, style: &Imports) -> &'a str {
    line.find(style.comment).map_or(line, |i| &line[..i])
}

/// The text with blanks in place of comments, byte for byte; none where it holds more than one statement.
fn without_comments(text: &str, style: &Imports) -> Option<String> {
    let mut told = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (code, comment) = line.split_at(code_len(line, style));
        told.push_str(code);
        told.extend(comment.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
    }
    let is_one = !told.trim_end().trim_end_matches(';').contains(';') && !told.contains("/*");
    is_one.then_some(told)
}

/// Bytes of a line before its comment, which no quotes hold.
fn code_len(line: &str, style: &Imports) -> usize {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match quote {
            Some(open) if open == c => quote = None,
            None if line[at..].starts_with(style.comment) => return at,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            _ => (),
        }
    }
    // A quote that nothing closes was none.
    let len = line.len();
    quote.and_then(|_| line.find(style.comment)).unwrap_or(len)
}

/// Comments of import statements: lines of their own, and those behind code.
pub(super) fn comments<'a>(text: &'a str, style: &'a Imports) -> impl Iterator<Item = &'a str> {
    let of = |line: &'a str| if is_lead(line, style) { line } else { line[code_len(line, style)..].trim_start() };
    text.lines().map(str::trim).map(of).filter(|comment| !comment.is_empty())
}

/// Reads one statement; none if it is not an import.
pub(super) fn statement(lead: &str, text: &str, style: &Imports, rules: Rules) -> Option<Statement> {
    let start = lead.len();
    let whole = format!("{lead}{text}");
    let indent = text.len() - text.trim_start().len();
    let told = if rules >= Rules::V24 { without_comments(text, style)? } else { text.to_owned() };
    let code = told.trim();
    let attributes: String = lead.lines().map(str::trim).filter(|line| is_attribute(line, style)).collect();
    let (place, list) = parts(code, style)?;
    // A bracket that closes before one opens is no list.
    let inner = code.get(list.0..list.1)?;
    let names: Vec<String> = split_names(inner, style, rules);
    if rules >= Rules::V24 && names.is_empty() {
        return None; // a statement without facts would be gone
    }
    let place = format!("{attributes}{}{place}", &text[..indent]);
    let at = start + indent;
    Some(Statement { text: whole, place, names, list: Some((at + list.0, at + list.1)) })
}

/// The names between commas that stand in no inner brackets.
fn split_names(inner: &str, style: &Imports, rules: Rules) -> Vec<String> {
    let (mut out, mut depth, mut name) = (Vec::new(), 0, String::new());
    for line in inner.lines() {
        let line = without_comment(line, style);
        // A statement that ends with its line goes on behind a backslash, which is no part of a name.
        let goes_on = rules >= Rules::V23 && style.end.is_empty();
        let line = if goes_on { line.trim_end().trim_end_matches('\\') } else { line };
        for c in line.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    out.push(std::mem::take(&mut name));
                    continue;
                }
                _ => (),
            }
            name.push(c);
        }
        name.push(' ');
    }
    out.push(name);
    let squash = |n: String| n.split_whitespace().collect::<Vec<_>>().join(" ");
    out.into_iter().map(squash).filter(|n| !n.is_empty()).collect()
}

/// Place, and where the list stands in `code`.
type Parts = (String, (usize, usize));

fn parts(code: &str, style: &Imports) -> Option<Parts> {
    if code.contains(style.never) {
        return None;
    }
    let bare = match style.modifier.filter(|word| code.starts_with(word)) {
        Some(_) => code.split_once(char::is_whitespace)?.1.trim_start(),
        None => code,
    };
    let form = style.forms.iter().find(|form| bare.starts_with(form.open))?;
    let opened = code.len() - bare.len() + form.open.len();
    match form.place {
        Place::Path(between) => path_parts(code, opened, between, style),
        Place::Before(word) => {
            let at = code.find(&format!("{word} ")).map(|i| i + 1).or_else(|| code.find(&format!("{word}(")))?;
            list_parts(code, at + word.len(), style)
        }
        Place::Nowhere => list_parts(code, opened, style),
        Place::Source => source_parts(code),
        Place::Quoted => quoted_parts(code, opened),
    }
}

fn squashed(code: &str) -> String {
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// End of the names of a statement without a list in brackets.
fn names_end(code: &str, style: &Imports) -> Option<usize> {
    if style.end.is_empty() { Some(without_comment(code, style).trim_end().len()) } else { code.rfind(style.end) }
}

/// `a::b as c` imports one name from `a::`, and `a::{b, c}` two.
fn path_parts(code: &str, opened: usize, between: &str, style: &Imports) -> Option<Parts> {
    let end = names_end(code, style)?;
    if let Some((open, [_, close])) = style.list.and_then(|list| Some((code.find(list[0])?, list))) {
        return Some((squashed(&code[..open]), (open + 1, code.rfind(close)?)));
    }
    if code[..end].contains(',') {
        return None;
    }
    let path_end = code.find(" as ").unwrap_or(end);
    let from = code[..path_end].rfind(between).map_or(opened, |i| i + between.len());
    Some((squashed(&code[..from]), (from, end)))
}

/// Names from a place on, in brackets or not.
fn list_parts(code: &str, from: usize, style: &Imports) -> Option<Parts> {
    let place = squashed(&code[..from]);
    match style.list.and_then(|[open, close]| Some((code[from..].find(open)?, close))) {
        Some((open, close)) => Some((place, (from + open + 1, code.rfind(close)?))),
        None => Some((place, (from, names_end(code, style)?.max(from)))),
    }
}

/// `import a from 'b'`: the whole clause is one name; of `import { a, b } from 'c'` each is.
fn source_parts(code: &str) -> Option<Parts> {
    let quote = code.find(['\'', '"'])?;
    let source: String = code[quote..].trim_end_matches(';').chars().filter(|c| !matches!(c, '\'' | '"')).collect();
    let (open, close) = match code[..quote].find('{') {
        Some(open) => (open + 1, code[..quote].rfind('}')?),
        None => ("import".len(), code[..quote].rfind("from").unwrap_or("import".len()).max("import".len())),
    };
    if code.get(open..close)?.trim().is_empty() {
        return Some((code.into(), (quote + 1, code.len())));
    }
    Some((format!("{} {source}", squashed(&code[..open])), (open, close)))
}

fn quoted_parts(code: &str, opened: usize) -> Option<Parts> {
    let spec = &code[opened..];
    let open = spec.find(['"', '<'])?;
    let close = open + 1 + spec[open + 1..].find(['"', '>'])? + 1;
    let after = spec[close..].trim();
    let alias = spec[..open].trim();
    let named = alias.bytes().all(|b| words::is_word_byte(b) || b == b'.');
    if !named || !(after.is_empty() || after.starts_with("//")) {
        return None;
    }
    let from = if alias.is_empty() { opened + open } else { opened };
    Some((code[..opened].to_string(), (from, opened + close)))
}
