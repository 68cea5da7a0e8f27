//! Names in a Rust file: those that it defines, those that it imports, and the paths in its code.

use std::collections::BTreeSet;

use crate::tokens::{Kind, Token, partner};

/// Words in front of a name that is defined.
const DEFINE: &[&str] = &["struct", "enum", "fn", "const", "static", "trait", "type", "union"];

/// Name that a `use` brings into a module; `*` for all names of the path.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    pub name: String,
    pub path: Vec<String>,
}

impl Import {
    pub fn is_glob(&self) -> bool {
        self.name == "*"
    }
}

/// Modules that a file declares and does not hold itself.
pub fn declared(tokens: &[Token]) -> Vec<String> {
    let triples = tokens.windows(3).filter(|triple| triple[0].is("mod") && triple[2].is(";"));
    triples.map(|triple| triple[1].text.to_owned()).collect()
}

/// Names that a file defines outside of any braces; so methods are not among them.
pub fn defined(tokens: &[Token]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut at = 0;
    while at + 1 < tokens.len() {
        if DEFINE.iter().any(|word| tokens[at].is(word)) {
            found.insert(tokens[at + 1].text.to_owned());
        }
        at = if tokens[at].is("{") { partner(tokens, at) } else { at + 1 };
    }
    found
}

/// Names that the `use` lines of a file bring in.
pub fn imports(tokens: &[Token]) -> Vec<Import> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let is_line =
            token.is("use") && tokens.get(at + 1).is_some_and(|next| next.kind == Kind::Word || next.is("::"));
        if is_line {
            let end = tokens[at..].iter().position(|token| token.is(";")).map_or(tokens.len(), |end| at + end);
            add_tree(&[], &tokens[at + 1..end], &mut found);
        }
    }
    found
}

/// Reads one tree of a `use`: `a::b`, `a::b as c`, `a::{…}` or `a::*`.
fn add_tree(before: &[String], tokens: &[Token], found: &mut Vec<Import>) {
    let mut path = before.to_vec();
    let mut name = None;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "::" => (),
            "{" => return add_trees(&path, &tokens[at + 1..partner(tokens, at)], found),
            "as" => {
                name = tokens.get(at + 1).map(|token| token.text.to_owned());
                break;
            }
            text => path.push(text.to_owned()),
        }
    }
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    if let Some(last) = path.last().cloned() {
        found.push(Import { name: name.unwrap_or(last), path });
    }
}

/// Reads the trees between the braces of a `use`, parted by commas.
fn add_trees(before: &[String], tokens: &[Token], found: &mut Vec<Import>) {
    let (mut begin, mut at) = (0, 0);
    while at < tokens.len() {
        if tokens[at].is("{") {
            at = partner(tokens, at);
        } else if tokens[at].is(",") {
            add_tree(before, &tokens[begin..at], found);
            begin = at + 1;
        }
        at += 1;
    }
    if begin < tokens.len() {
        add_tree(before, &tokens[begin..], found);
    }
}

/// Paths `a::b…` in code, outside of `use` and of `pub(in …)`.
pub fn paths(tokens: &[Token]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].is("use") || tokens[at].is("in") && tokens[at.saturating_sub(1)].is("(") {
            at += tokens[at..].iter().position(|token| token.is(";") || token.is(")")).unwrap_or(1);
        }
        let path = path_at(&tokens[at..]);
        at += (2 * path.len()).max(2) - 1;
        if path.len() > 1 {
            found.push(path);
        }
    }
    found
}

/// Words of the path that `tokens` begin with.
fn path_at(tokens: &[Token]) -> Vec<String> {
    let mut path = Vec::new();
    let mut rest = tokens;
    while let [word, ..] = rest
        && word.kind == Kind::Word
    {
        path.push(word.text.to_owned());
        match rest {
            [_, sign, next, ..] if sign.is("::") && next.kind == Kind::Word => rest = &rest[2..],
            _ => break,
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::production;

    fn import(name: &str, path: &str) -> Import {
        Import { name: name.to_owned(), path: path.split("::").map(str::to_owned).collect() }
    }

    #[test]
    fn a_tree_of_a_use_line_is_read_with_its_branches_and_other_names() {
        let found = imports(&production("pub(crate) use a::{self, b::{C, d as E}, f::*};"));
        let expected = [import("a", "a"), import("C", "a::b::C"), import("E", "a::b::d"), import("*", "a::f::*")];
        assert_eq!(found, expected);
    }

    #[test]
    fn names_behind_cfg_test_and_in_strings_are_not_read() {
        let tokens = production("#[cfg(test)]\nmod tests { use crate::a; }\nlet x = \"use crate::b;\";\nstruct C;");
        assert!(imports(&tokens).is_empty());
        assert_eq!(defined(&tokens), BTreeSet::from(["C".to_owned()]));
    }

    #[test]
    fn a_path_in_code_is_found_and_a_method_is_no_definition() {
        let tokens = production("impl A { pub(in crate::a) fn b() -> super::C { d::e(1) } }");
        assert_eq!(paths(&tokens), [vec!["super", "C"], vec!["d", "e"]]);
        assert!(defined(&tokens).is_empty());
    }
}
