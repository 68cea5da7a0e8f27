//! Import statements as text: where one begins and ends, what it takes and from where.

use crate::language::Imports;
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
pub(super) fn statements(text: &str, style: Imports, work: &Work) -> Option<Vec<Statement>> {
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
            out.push(statement(&lead, &current, style)?);
            (lead, current) = (String::new(), String::new());
        }
    }
    (lead.is_empty() && current.is_empty()).then_some(out)
}

/// Whether a line belongs to the statement after it.
pub(super) fn is_lead(bare: &str, style: Imports) -> bool {
    match style {
        Imports::Python => bare.starts_with('#'),
        Imports::Rust => bare.starts_with("//") || (bare.starts_with("#[") && bare.ends_with(']')),
        _ => bare.starts_with("//"),
    }
}

/// Whether an import may begin with this line, so that anything else is not read to its end first.
pub(super) fn may_open(bare: &str, style: Imports) -> bool {
    let words: &[&str] = match style {
        Imports::Rust => &["use", "pub", "extern"],
        Imports::Python => &["import", "from"],
        Imports::JavaScript => &["import", "export"],
        Imports::Java => &["import"],
        Imports::Go | Imports::None => &[""],
    };
    words.iter().any(|word| bare.starts_with(word))
}

/// Whether a statement that began is at its end.
pub(super) fn is_whole(text: &str, style: Imports) -> bool {
    let code: String = text.lines().map(|l| without_comment(l, style)).collect::<Vec<_>>().join("\n");
    let code = code.trim_end();
    match style {
        Imports::Rust | Imports::Java => code.ends_with(';'),
        Imports::Python => !code.ends_with('\\') && code.matches('(').count() == code.matches(')').count(),
        Imports::JavaScript => {
            code.matches('{').count() == code.matches('}').count()
                && (code.ends_with(';') || code.ends_with(['\'', '"']))
        }
        Imports::Go => true,
        Imports::None => false,
    }
}

fn without_comment(line: &str, style: Imports) -> &str {
    let mark = if style == Imports::Python { "#" } else { " //" };
    line.find(mark).map_or(line, |i| &line[..i])
}

/// Reads one statement; none if it is not an import.
pub(super) fn statement(lead: &str, text: &str, style: Imports) -> Option<Statement> {
    let start = lead.len();
    let whole = format!("{lead}{text}");
    let indent = text.len() - text.trim_start().len();
    let code = text.trim();
    let attributes: String = lead.lines().map(str::trim).filter(|l| l.starts_with("#[")).collect();
    let (place, list): (String, (usize, usize)) = match style {
        Imports::Rust => rust_parts(code)?,
        Imports::Python => python_parts(code)?,
        Imports::JavaScript => javascript_parts(code)?,
        Imports::Go => go_parts(code)?,
        Imports::Java => java_parts(code)?,
        Imports::None => return None,
    };
    let inner = &code[list.0..list.1];
    let names: Vec<String> = split_names(inner, style);
    let place = format!("{attributes}{}{place}", &text[..indent]);
    let at = start + indent;
    Some(Statement { text: whole, place, names, list: Some((at + list.0, at + list.1)) })
}

/// The names between commas that stand in no inner brackets.
fn split_names(inner: &str, style: Imports) -> Vec<String> {
    let (mut out, mut depth, mut name) = (Vec::new(), 0, String::new());
    for line in inner.lines() {
        for c in without_comment(line, style).chars() {
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

fn rust_parts(code: &str) -> Option<Parts> {
    let end = code.rfind(';')?;
    let words: Vec<&str> = code.split_whitespace().collect();
    let visible = usize::from(words.first().is_some_and(|w| w.starts_with("pub")));
    match *words.get(visible)? {
        "use" => {}
        "extern" if words.get(visible + 1) == Some(&"crate") => {}
        _ => return None,
    }
    if let Some(open) = code.find('{') {
        let close = code.rfind('}')?;
        return Some((code[..open].split_whitespace().collect::<Vec<_>>().join(" "), (open + 1, close)));
    }
    // `a::b as c` imports one name from `a::`.
    let path_end = code.find(" as ").unwrap_or(end);
    let from =
        code[..path_end].rfind("::").map_or_else(|| code[..path_end].rfind(' ').map(|i| i + 1), |i| Some(i + 2))?;
    Some((code[..from].split_whitespace().collect::<Vec<_>>().join(" "), (from, end)))
}

fn python_parts(code: &str) -> Option<Parts> {
    let end = code.find('#').unwrap_or(code.len());
    let from = if code.starts_with("from ") {
        code.find(" import ")
            .map(|i| i + " import ".len())
            .or_else(|| code.find(" import(").map(|i| i + " import".len()))?
    } else if code.starts_with("import ") {
        "import ".len()
    } else {
        return None;
    };
    let place = code[..from].split_whitespace().collect::<Vec<_>>().join(" ");
    match code[from..].find('(') {
        Some(open) => Some((place, (from + open + 1, code.rfind(')')?))),
        None => Some((place, (from, code[..end].trim_end().len().max(from)))),
    }
}

fn javascript_parts(code: &str) -> Option<Parts> {
    if !(code.starts_with("import") || code.starts_with("export")) || code.contains('(') || code.contains('=') {
        return None;
    }
    let quote = code.find(['\'', '"'])?;
    let source: String = code[quote..].trim_end_matches(';').chars().filter(|c| !matches!(c, '\'' | '"')).collect();
    let (open, close) = match code[..quote].find('{') {
        Some(open) => (open + 1, code[..quote].rfind('}')?),
        // `import a from 'b'`: the whole clause is one name.
        None => ("import".len(), code[..quote].rfind("from").unwrap_or("import".len()).max("import".len())),
    };
    if code[open..close].trim().is_empty() {
        return Some((code.into(), (quote + 1, code.len())));
    }
    let head: String = code[..open].split_whitespace().collect::<Vec<_>>().join(" ");
    Some((format!("{head} {source}"), (open, close)))
}

fn go_parts(code: &str) -> Option<Parts> {
    let spec = code.strip_prefix("import ").unwrap_or(code);
    let offset = code.len() - spec.len();
    let open = spec.find('"')?;
    let close = open + 1 + spec[open + 1..].find('"')? + 1;
    let after = spec[close..].trim();
    let alias = spec[..open].trim();
    let named = alias.bytes().all(|b| words::is_word_byte(b) || b == b'.');
    if !named || !(after.is_empty() || after.starts_with("//")) {
        return None;
    }
    let names = if alias.is_empty() { (offset + open, offset + close) } else { (offset, offset + close) };
    Some((code[..offset].to_string(), names))
}

fn java_parts(code: &str) -> Option<Parts> {
    let path = code.strip_prefix("import ")?;
    let end = code.rfind(';')?;
    let from = code.len() - path.len();
    let last = code[..end].rfind('.').map_or(from, |i| i + 1);
    Some((code[..last].split_whitespace().collect::<Vec<_>>().join(" "), (last, end)))
}
