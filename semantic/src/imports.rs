//! Rung 4: import lines as sets of imported names, with the lines' text kept.
//!
//! A fact is one name from one place. The merged facts are what both kept and what either added. Each statement keeps
//! its text where one side already wrote exactly the merged facts of its place; otherwise its list is written anew in
//! the style of the longer one.

mod parted;
mod render;
mod syntax;

use std::collections::{BTreeMap, BTreeSet};

use crate::Rules;
use crate::hunk::Hunk;
use crate::language::{Imports, Observed};
use crate::work::Work;
pub(crate) use parted::Parted;
use render::{in_order, rendered};
use syntax::{Statement, statements};

/// Merges a stretch that holds nothing but import statements on all three.
pub(crate) fn resolve(hunk: &Hunk, style: &Imports, rules: Rules, work: &Work) -> Option<Vec<u8>> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let (base, ours, theirs) = (text(&hunk.base)?, text(&hunk.ours)?, text(&hunk.theirs)?);
    let texts = [&base, &ours, &theirs].map(|side| split_end(side));
    let [(_, end_b), (_, end_o), (_, end_t)] = texts;
    let [base, ours, theirs] = texts.map(|(side, _)| statements(side, style, rules, work));
    let (base, ours, theirs) = (base?, ours?, theirs?);
    if is_replaced_and_removed(&base, &ours, &theirs) {
        return None;
    }
    if rules >= Rules::V23 && is_moved_and_renamed(&base, &ours, &theirs) {
        return None;
    }
    if is_order_disputed(&base, &ours, &theirs, style) {
        return None;
    }
    let merged = merged_facts(&base, &ours, &theirs, rules);
    if !binds_each_name_once(&merged, [&ours, &theirs], rules) {
        return None;
    }
    let mut kept = BTreeMap::new();
    let places: BTreeSet<&str> = merged.iter().map(|(place, _)| *place).collect();
    // Each place looks through all statements and facts, and a list that is written anew for each name through it.
    let all = [&base, &ours, &theirs].iter().map(|side| side.len()).sum::<usize>() + merged.len();
    for place in places {
        work.take_len(all)?;
        kept.insert(place, rendered(place, &merged, [&base, &ours, &theirs], rules, work)?);
    }
    let mut out = in_order(&kept, &ours, &theirs, rules, work)?;
    work.take_len(out.len() + texts.iter().map(|(text, _)| text.len()).sum::<usize>())?;
    let told = texts.map(|(text, _)| text);
    let is_lost = if rules >= Rules::V24 { is_comment_changed } else { is_comment_lost };
    if is_lost(&out, told, style) {
        return None;
    }
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

/// Whether an import may begin with this line.
pub(crate) fn may_begin(line: &[u8], style: Option<&Imports>) -> bool {
    let (Ok(line), Some(style)) = (std::str::from_utf8(line), style) else { return false };
    // A line of a block of imports is a path in quotes, with a name in front at the most.
    let is_path = |bare: &str| {
        let words = bare.split_whitespace().collect::<Vec<_>>();
        bare.ends_with('"')
            && words.len() <= 2
            && words.last().is_some_and(|w| w.starts_with('"'))
            && words[0] != "return"
    };
    parted::begins(line.trim(), style, false) || (style.block.is_some() && is_path(line.trim()))
}

/// Whether a comment that a side added above its statements is not in the result.
fn is_comment_lost(merged: &str, [base, ours, theirs]: [&str; 3], style: &Imports) -> bool {
    let known: BTreeSet<&str> = [base, merged].into_iter().flat_map(str::lines).map(str::trim).collect();
    let mut lines = [ours, theirs].into_iter().flat_map(str::lines).map(str::trim);
    lines.any(|line| syntax::is_lead(line, style) && !known.contains(line))
}

/// Whether a comment stands in the result more or less often than the sides made it stand, above statements or behind them.
fn is_comment_changed(merged: &str, [base, ours, theirs]: [&str; 3], style: &Imports) -> bool {
    let mut counts: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    for (column, text) in [base, ours, theirs, merged].into_iter().enumerate() {
        syntax::comments(text, style).for_each(|comment| counts.entry(comment).or_default()[column] += 1);
    }
    counts.into_values().any(|[base, ours, theirs, merged]| match () {
        () if ours == base => merged != theirs,
        () if theirs == base || ours == theirs => merged != ours,
        () => merged < ours.max(theirs),
    })
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
/// finds it. Imports that bind no name of their own are told apart by their place alone, so none of them is a move, and a
/// side that still takes the name from where it was has added another one (from rules 24 on).
fn merged_facts<'a>(
    base: &'a [Statement],
    ours: &'a [Statement],
    theirs: &'a [Statement],
    rules: Rules,
) -> BTreeSet<Fact<'a>> {
    let (b, o, t) = (facts(base), facts(ours), facts(theirs));
    let names = |facts: &BTreeSet<Fact<'a>>| facts.iter().map(|(_, name)| bound(name)).collect::<BTreeSet<_>>();
    let [in_base, in_ours, in_theirs] = [&b, &o, &t].map(names);
    let [stay_in_ours, stay_in_theirs] = [&o, &t].map(|side| match rules >= Rules::V24 {
        true => names(&side.intersection(&b).copied().collect()),
        false => BTreeSet::new(),
    });
    let moved = |(_, name): &Fact, stay: &BTreeSet<&str>, other: &BTreeSet<&str>| {
        let name = bound(name);
        in_base.contains(name) && !other.contains(name) && !stay.contains(name)
    };
    let is_known = |f: &Fact| match o.contains(f) {
        _ if b.contains(f) => true,
        true => binds_a_name(f.1) && moved(f, &stay_in_ours, &in_theirs),
        false => binds_a_name(f.1) && moved(f, &stay_in_theirs, &in_ours),
    };
    o.union(&t).filter(|f| (o.contains(*f) && t.contains(*f)) || !is_known(f)).copied().collect()
}

/// Whether one side put something in the place of what the other only removed: an edit against a deletion.
fn is_replaced_and_removed(base: &[Statement], ours: &[Statement], theirs: &[Statement]) -> bool {
    let (b, o, t) = (facts(base), facts(ours), facts(theirs));
    let gone_from_both = b.iter().any(|f| !o.contains(f) && !t.contains(f));
    let adds_nothing = |side: &BTreeSet<Fact>| side.is_subset(&b);
    gone_from_both && adds_nothing(&o) != adds_nothing(&t)
}

/// Whether one side takes a name from elsewhere, and the other takes another name from where it was: two edits of one import.
fn is_moved_and_renamed(base: &[Statement], ours: &[Statement], theirs: &[Statement]) -> bool {
    let (b, o, t) = (facts(base), facts(ours), facts(theirs));
    renames(&b, &o, &t) || renames(&b, &t, &o)
}

/// Whether `other` puts a name in the place of one that `side` only takes from elsewhere.
fn renames(base: &BTreeSet<Fact>, side: &BTreeSet<Fact>, other: &BTreeSet<Fact>) -> bool {
    let names: BTreeSet<&str> = other.iter().map(|(_, name)| bound(name)).collect();
    let anew: BTreeSet<&str> = other.difference(base).map(|(place, _)| *place).collect();
    let replaced: BTreeSet<&str> =
        base.iter().filter(|(place, _)| anew.contains(place)).map(|(_, name)| bound(name)).collect();
    let mut new = side.difference(base).map(|(_, name)| bound(name));
    new.any(|name| binds_a_name(name) && replaced.contains(name) && !names.contains(name))
}

/// Whether both add imports of which the order can be observed: for their effects, or of all names that a place has,
/// where of two of one name the later counts.
fn is_order_disputed(base: &[Statement], ours: &[Statement], theirs: &[Statement], style: &Imports) -> bool {
    let is_observed = |(place, name): &Fact| match style.observed {
        Observed::Effects => place.trim_start().trim_start_matches("import").trim_start().starts_with(['"', '\'']),
        Observed::Name(observed) => *name == observed,
        Observed::Nothing => false,
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
fn binds_each_name_once(merged: &BTreeSet<Fact>, sides: [&[Statement]; 2], rules: Rules) -> bool {
    let [ours, theirs] = sides.map(|side| bindings(&facts(side), rules));
    bindings(merged, rules).into_iter().filter(|(name, _)| binds_a_name(name)).all(|(name, count)| {
        let had = |side: &BTreeMap<&str, usize>| side.get(name).copied().unwrap_or_default();
        count <= had(&ours).max(had(&theirs)).max(1)
    })
}

/// Last word of a place: what `self` in a list of it binds.
fn last_word(place: &str) -> &str {
    let mut words = place.rsplit(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.find(|word| !word.is_empty()).unwrap_or_default()
}

/// Counts of the names that are bound.
fn bindings<'a>(facts: &BTreeSet<Fact<'a>>, rules: Rules) -> BTreeMap<&'a str, usize> {
    let places: BTreeSet<&str> = facts.iter().map(|(place, _)| *place).collect();
    let name = |(place, name): &Fact<'a>| match bound(name) {
        "self" if rules >= Rules::V26 => last_word(place),
        name => name,
    };
    let names = facts.iter().map(name).chain(places.into_iter().filter_map(default_name));
    let mut out = BTreeMap::new();
    for name in names {
        *out.entry(name).or_default() += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language;

    #[test]
    fn a_bracket_that_closes_before_one_opens_is_no_list() {
        let [python, javascript, rust] = ["from a)b import (c", "import } from {'a';", "use a}b{c;"];
        for (path, text) in [("a.py", python), ("a.js", javascript), ("a.rs", rust)] {
            for rules in Rules::ALL {
                assert_eq!(statements(text, style(path), rules, &Work::default()), None, "{text}");
            }
        }
    }

    fn style(path: &str) -> &'static Imports {
        language::of(path).imports.expect("a language with imports")
    }

    fn merged(path: &str, base: &str, ours: &str, theirs: &str) -> Option<String> {
        let style = style(path);
        let hunk = |ours: &str, theirs: &str| Hunk {
            base: base.into(),
            ours: ours.into(),
            theirs: theirs.into(),
            ..Hunk::empty()
        };
        let there = resolve(&hunk(ours, theirs), style, Rules::NEWEST, &Work::default());
        assert_eq!(
            there,
            resolve(&hunk(theirs, ours), style, Rules::NEWEST, &Work::default()),
            "the sides have no names"
        );
        there.map(|b| String::from_utf8(b).expect("text"))
    }

    #[test]
    fn two_new_imports_both_stand_sorted() {
        let merged = merged("a.py", "", "from a import z\n", "from a import b\n");
        assert_eq!(merged.as_deref(), Some("from a import b\nfrom a import z\n"));
    }

    #[test]
    fn lists_of_one_place_are_one_set() {
        let base = "use a::{b, c};\n";
        let merged = merged("a.rs", base, "use a::{b, c, d};\n", "use a::{c, e};\n");
        assert_eq!(merged.as_deref(), Some("use a::{c, d, e};\n"));
    }

    /// To look through all names of base for each new one would take hours.
    #[test]
    fn a_hundred_thousand_new_names_are_looked_for_among_as_many_by_name() {
        let list = |of: &str| (0..100_000).map(|i| format!("{of}{i}, ")).collect::<String>();
        let [base, ours, theirs] = ["a", "b", "c"].map(|of| {
            let text = format!("use x::{{{}}};\n", list(of));
            statements(&text, style("a.rs"), Rules::NEWEST, &Work::default()).expect("one import")
        });
        assert_eq!(merged_facts(&base, &ours, &theirs, Rules::NEWEST).len(), 200_000);
    }

    #[test]
    fn a_removed_import_goes_next_to_an_added_one() {
        let merged = merged("a.go", "\t\"a\"\n", "\t\"a\"\n\t\"b\"\n", "");
        assert_eq!(merged.as_deref(), Some("\t\"b\"\n"));
    }

    #[test]
    fn one_name_from_two_places_is_refused() {
        let merged = merged("a.js", "", "import { a } from 'b';\n", "import a from 'c';\n");
        assert_eq!(merged, None);
    }

    #[test]
    fn anything_else_among_the_lines_is_refused() {
        assert_eq!(merged("a.py", "", "import a\nx = 1\n", "import b\n"), None);
    }
}
