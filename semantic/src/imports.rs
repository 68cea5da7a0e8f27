//! Rung 4: import lines as sets of imported names, with the lines' text kept.
//!
//! A fact is one name from one place. The merged facts are what both kept and what either added. Each statement keeps
//! its text where one side already wrote exactly the merged facts of its place; otherwise its list is written anew in
//! the style of the longer one.

use std::collections::{BTreeMap, BTreeSet};

use crate::hunk::Hunk;
use crate::language::Imports;
use crate::words;
use crate::work::Work;

/// One import statement.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    /// Blank lines, comments and attributes in front, then the statement, with its line end.
    text: String,
    /// Everything that is not a name: visibility, attributes, the place.
    place: String,
    /// The names it brings, as written.
    names: Vec<String>,
    /// The bytes before, inside and after the list in `text`, where it has one.
    list: Option<(usize, usize)>,
}

/// Merges a stretch that holds nothing but import statements on all three.
pub(crate) fn resolve(hunk: &Hunk, style: Imports, work: &Work) -> Option<Vec<u8>> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let (base, ours, theirs) = (text(&hunk.base)?, text(&hunk.ours)?, text(&hunk.theirs)?);
    let (base, end_b) = split_end(&base);
    let (ours, end_o) = split_end(&ours);
    let (theirs, end_t) = split_end(&theirs);
    let [base, ours, theirs] = [base, ours, theirs].map(|side| statements(side, style, work));
    let (base, ours, theirs) = (base?, ours?, theirs?);
    if is_replaced_and_removed(&base, &ours, &theirs) {
        return None;
    }
    if is_order_disputed(&base, &ours, &theirs, style) {
        return None;
    }
    let merged = merged_facts(&base, &ours, &theirs);
    if !binds_each_name_once(&merged, [&ours, &theirs]) {
        return None;
    }
    let mut kept = BTreeMap::new();
    let places: BTreeSet<&str> = merged.iter().map(|(place, _)| *place).collect();
    // Each place looks through all statements and facts, and a list that is written anew for each name through it.
    let all = [&base, &ours, &theirs].iter().map(|side| side.len()).sum::<usize>() + merged.len();
    for place in places {
        work.take_len(all)?;
        kept.insert(place, rendered(place, &merged, [&base, &ours, &theirs], work)?);
    }
    let mut out = in_order(&kept, &ours, &theirs, work)?;
    let end = if end_o == end_b || end_o == end_t {
        end_t
    } else if end_t == end_b {
        end_o
    } else {
        end_o.min(end_t)
    };
    out.push_str(end);
    Some(out.into_bytes())
}

/// The blank lines at the end.
fn split_end(text: &str) -> (&str, &str) {
    let body = text.trim_end().len();
    let body = body + text[body..].find('\n').map_or(text.len() - body, |i| i + 1);
    text.split_at(if text.trim().is_empty() { 0 } else { body })
}

type Fact<'a> = (&'a str, &'a str);

fn facts(statements: &[Statement]) -> BTreeSet<Fact<'_>> {
    statements.iter().flat_map(|s| s.names.iter().map(|n| (s.place.as_str(), n.as_str()))).collect()
}

/// Facts of both sides, and those that either added. A name that one side only took from elsewhere (its place changed)
/// while the other dropped it is dropped: nothing new was asked for. Should it be in use after all, the gone-word check
/// finds it. Imports that bind no name of their own are told apart by their place alone, so none of them is a move.
fn merged_facts<'a>(base: &'a [Statement], ours: &'a [Statement], theirs: &'a [Statement]) -> BTreeSet<Fact<'a>> {
    let (b, o, t) = (facts(base), facts(ours), facts(theirs));
    let names = |facts: &BTreeSet<Fact<'a>>| facts.iter().map(|(_, name)| bound(name)).collect::<BTreeSet<_>>();
    let [in_base, in_ours, in_theirs] = [&b, &o, &t].map(names);
    let moved = |(_, name): &Fact, other: &BTreeSet<&str>| {
        binds_a_name(name) && in_base.contains(bound(name)) && !other.contains(bound(name))
    };
    let added = |f: &Fact| !b.contains(f) && !moved(f, if o.contains(f) { &in_theirs } else { &in_ours });
    o.union(&t).filter(|f| (o.contains(*f) && t.contains(*f)) || added(f)).copied().collect()
}

/// Whether one side put something in the place of what the other only removed: an edit against a deletion.
fn is_replaced_and_removed(base: &[Statement], ours: &[Statement], theirs: &[Statement]) -> bool {
    let (b, o, t) = (facts(base), facts(ours), facts(theirs));
    let gone_from_both = b.iter().any(|f| !o.contains(f) && !t.contains(f));
    let adds_nothing = |side: &BTreeSet<Fact>| side.is_subset(&b);
    gone_from_both && adds_nothing(&o) != adds_nothing(&t)
}

/// Whether both add imports of which the order can be observed: for their effects, or of all names that a place has,
/// where of two of one name the later counts.
fn is_order_disputed(base: &[Statement], ours: &[Statement], theirs: &[Statement], style: Imports) -> bool {
    let is_observed = |(place, name): &Fact| match style {
        Imports::JavaScript => place.trim_start().trim_start_matches("import").trim_start().starts_with(['"', '\'']),
        Imports::Python => *name == "*",
        _ => false,
    };
    let known = facts(base);
    let added = |side| -> BTreeSet<Fact> {
        facts(side).into_iter().filter(|fact| is_observed(fact) && !known.contains(fact)).collect()
    };
    let (o, t) = (added(ours), added(theirs));
    !o.is_subset(&t) && !t.is_subset(&o)
}

/// The name that a fact binds in the file.
fn bound(name: &str) -> &str {
    let alias = name.split('"').next().unwrap_or(name).trim();
    let name = if name.contains('"') && !alias.is_empty() { alias } else { name.trim_end_matches('"') };
    name.rsplit(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$' | '*' | '.' | '-'))).next().unwrap_or(name)
}

/// Whether a fact binds a name that the file can use: not an import for its effects, or of all names of its place.
fn binds_a_name(name: &str) -> bool {
    !matches!(bound(name), "" | "*" | "_" | ".")
}

/// The default name that stands in front of a list: `a` of `import a, { b } from 'c'`.
fn default_name(place: &str) -> Option<&str> {
    let clause = place.trim_start().strip_prefix("import ")?;
    let name = clause.strip_prefix("type ").unwrap_or(clause).split_once(", {")?.0;
    (!name.contains('{')).then_some(name)
}

/// Whether no name is bound more often than a side already binds it.
fn binds_each_name_once(merged: &BTreeSet<Fact>, sides: [&[Statement]; 2]) -> bool {
    let [ours, theirs] = sides.map(|side| bindings(&facts(side)));
    bindings(merged).into_iter().filter(|(name, _)| binds_a_name(name)).all(|(name, count)| {
        let had = |side: &BTreeMap<&str, usize>| side.get(name).copied().unwrap_or_default();
        count <= had(&ours).max(had(&theirs)).max(1)
    })
}

/// How often each name is bound.
fn bindings<'a>(facts: &BTreeSet<Fact<'a>>) -> BTreeMap<&'a str, usize> {
    let places: BTreeSet<&str> = facts.iter().map(|(place, _)| *place).collect();
    let names = facts.iter().map(|(_, name)| bound(name)).chain(places.into_iter().filter_map(default_name));
    let mut out = BTreeMap::new();
    for name in names {
        *out.entry(name).or_default() += 1;
    }
    out
}

/// The statements that bring exactly the merged names of one place.
fn rendered(
    place: &str,
    merged: &BTreeSet<Fact>,
    [base, ours, theirs]: [&[Statement]; 3],
    work: &Work,
) -> Option<Vec<Statement>> {
    let wanted: BTreeSet<&str> = merged.iter().filter(|(p, _)| *p == place).map(|(_, n)| *n).collect();
    let of = |side: &[Statement]| side.iter().filter(|s| s.place == place).cloned().collect::<Vec<_>>();
    let names = |side: &[Statement]| -> BTreeSet<String> { side.iter().flat_map(|s| s.names.clone()).collect() };
    let says = |side: &[Statement]| names(side).iter().map(String::as_str).collect::<BTreeSet<_>>() == wanted;
    let (b, o, t) = (of(base), of(ours), of(theirs));
    match (says(&o), says(&t)) {
        (true, true) if o == b => Some(t),
        (true, true) if t == b || o == t => Some(o),
        // Both say the same in other words (wrapped, a comment): no reason to prefer either, so the smaller text.
        (true, true) => Some(std::cmp::min_by_key(o, t, |s| s.iter().map(|s| s.text.clone()).collect::<String>())),
        (true, false) => Some(o),
        (false, true) => Some(t),
        (false, false) => {
            work.take_len(wanted.len() * (o.len() + t.len() + wanted.len()))?;
            single_lines(&wanted, &o, &t).or_else(|| rewritten(&wanted, &o, &t))
        }
    }
}

/// One statement for each name, where that is how both sides write them.
fn single_lines(wanted: &BTreeSet<&str>, ours: &[Statement], theirs: &[Statement]) -> Option<Vec<Statement>> {
    if ours.iter().chain(theirs).any(|s| s.names.len() != 1) {
        return None;
    }
    let host = |name: &&str| {
        let mut hosts: Vec<&Statement> = ours.iter().chain(theirs).filter(|s| s.names[0] == **name).collect();
        hosts.sort_by(|a, b| a.text.cmp(&b.text));
        hosts.first().map(|s| (*s).clone())
    };
    wanted.iter().map(host).collect()
}

/// The one statement of both sides with its list written anew.
fn rewritten(wanted: &BTreeSet<&str>, ours: &[Statement], theirs: &[Statement]) -> Option<Vec<Statement>> {
    let ([ours], [theirs]) = (ours, theirs) else { return None };
    // The style of the longer list; of two as long, the smaller text.
    let key = |s: &Statement| (std::cmp::Reverse(s.names.len()), s.text.clone());
    let (model, other) = if key(ours) <= key(theirs) { (ours, theirs) } else { (theirs, ours) };
    let (from, to) = model.list?;
    let inner = &model.text[from..to];
    if inner.contains("//") || inner.contains("/*") || inner.contains('#') {
        return None;
    }
    let mut names: Vec<&str> = model.names.iter().map(String::as_str).filter(|n| wanted.contains(n)).collect();
    let was_sorted = model.names.is_sorted_by_key(|n| sort_key(n));
    for name in other.names.iter().map(String::as_str).filter(|n| wanted.contains(n)) {
        if !names.contains(&name) {
            let at = if was_sorted { names.partition_point(|n| sort_key(n) < sort_key(name)) } else { names.len() };
            names.insert(at, name);
        }
    }
    if names.is_empty() {
        return Some(Vec::new());
    }
    let list = list_text(inner, &names);
    let text = format!("{}{}{}", &model.text[..from], list, &model.text[to..]);
    let names = names.into_iter().map(String::from).collect();
    Some(vec![Statement { text, place: model.place.clone(), names, list: None }])
}

/// Lower case before upper case sorts as most formatters do: types apart from the rest matters less than stability.
fn sort_key(name: &str) -> (String, &str) {
    (name.to_lowercase(), name)
}

/// `names` laid out as `inner` is: on one line, or one on each.
fn list_text(inner: &str, names: &[&str]) -> String {
    let lead = &inner[..inner.len() - inner.trim_start().len()];
    let trail = &inner[inner.trim_end().len()..];
    let comma = if inner.trim_end().ends_with(',') { "," } else { "" };
    let between = if lead.contains('\n') { format!(",{lead}") } else { ", ".into() };
    format!("{lead}{}{comma}{trail}", names.join(&between))
}

/// The kept statements in an order that both sides agree with.
fn in_order(
    kept: &BTreeMap<&str, Vec<Statement>>,
    ours: &[Statement],
    theirs: &[Statement],
    work: &Work,
) -> Option<String> {
    let all: Vec<&Statement> = kept.values().flatten().collect();
    // Each is looked for on both sides, name by name where the place is the same, and then among those that are left.
    let names = || all.iter().map(|s| s.names.len());
    work.take_len(all.len() * (all.len() + ours.len() + theirs.len()))?;
    work.take_len(names().sum::<usize>() * names().max().unwrap_or_default())?;
    // Where each statement stands on a side: by its names, for its text may be new.
    let place = |side: &[Statement], s: &Statement| {
        side.iter().position(|x| x.place == s.place && x.names.iter().any(|n| s.names.contains(n)))
    };
    let mut rest: Vec<(Option<usize>, Option<usize>, &Statement)> =
        all.into_iter().map(|s| (place(ours, s), place(theirs, s), s)).collect();
    let mut out = String::new();
    while !rest.is_empty() {
        // What comes next on each side; a statement that is there is ready only in its turn.
        let first_o = rest.iter().filter_map(|(o, _, _)| *o).min();
        let first_t = rest.iter().filter_map(|(_, t, _)| *t).min();
        let is_ready = |(o, t, _): &(Option<usize>, Option<usize>, &Statement)| {
            (o.is_none() || *o == first_o) && (t.is_none() || *t == first_t)
        };
        // A circle means that a side moved statements: then any order that both can be told is by text.
        let by_text = |i: &usize| rest[*i].2.text.trim_start();
        let next = (0..rest.len()).filter(|i| is_ready(&rest[*i])).min_by_key(by_text);
        let next = next.or_else(|| (0..rest.len()).min_by_key(by_text))?;
        out.push_str(&rest.remove(next).2.text);
    }
    Some(out)
}

/// Cuts text into import statements; none if anything else is there.
fn statements(text: &str, style: Imports, work: &Work) -> Option<Vec<Statement>> {
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
fn is_lead(bare: &str, style: Imports) -> bool {
    match style {
        Imports::Python => bare.starts_with('#'),
        Imports::Rust => bare.starts_with("//") || (bare.starts_with("#[") && bare.ends_with(']')),
        _ => bare.starts_with("//"),
    }
}

/// Whether an import may begin with this line, so that anything else is not read to its end first.
fn may_open(bare: &str, style: Imports) -> bool {
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
fn is_whole(text: &str, style: Imports) -> bool {
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
fn statement(lead: &str, text: &str, style: Imports) -> Option<Statement> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(style: Imports, base: &str, ours: &str, theirs: &str) -> Option<String> {
        let hunk = |ours: &str, theirs: &str| Hunk {
            base: base.into(),
            ours: ours.into(),
            theirs: theirs.into(),
            is_free: false,
        };
        let there = resolve(&hunk(ours, theirs), style, &Work::default());
        assert_eq!(there, resolve(&hunk(theirs, ours), style, &Work::default()), "the sides have no names");
        there.map(|b| String::from_utf8(b).expect("text"))
    }

    #[test]
    fn two_new_imports_both_stand_sorted() {
        let merged = merged(Imports::Python, "", "from a import z\n", "from a import b\n");
        assert_eq!(merged.as_deref(), Some("from a import b\nfrom a import z\n"));
    }

    #[test]
    fn lists_of_one_place_are_one_set() {
        let base = "use a::{b, c};\n";
        let merged = merged(Imports::Rust, base, "use a::{b, c, d};\n", "use a::{c, e};\n");
        assert_eq!(merged.as_deref(), Some("use a::{c, d, e};\n"));
    }

    /// To look through all names of base for each new one would take hours.
    #[test]
    fn a_hundred_thousand_new_names_are_looked_for_among_as_many_by_name() {
        let list = |of: &str| (0..100_000).map(|i| format!("{of}{i}, ")).collect::<String>();
        let [base, ours, theirs] = ["a", "b", "c"].map(|of| {
            let text = format!("use x::{{{}}};\n", list(of));
            statements(&text, Imports::Rust, &Work::default()).expect("one import")
        });
        assert_eq!(merged_facts(&base, &ours, &theirs).len(), 200_000);
    }

    #[test]
    fn a_removed_import_goes_next_to_an_added_one() {
        let merged = merged(Imports::Go, "\t\"a\"\n", "\t\"a\"\n\t\"b\"\n", "");
        assert_eq!(merged.as_deref(), Some("\t\"b\"\n"));
    }

    #[test]
    fn one_name_from_two_places_is_refused() {
        let merged = merged(Imports::JavaScript, "", "import { a } from 'b';\n", "import a from 'c';\n");
        assert_eq!(merged, None);
    }

    #[test]
    fn anything_else_among_the_lines_is_refused() {
        assert_eq!(merged(Imports::Python, "", "import a\nx = 1\n", "import b\n"), None);
    }
}
