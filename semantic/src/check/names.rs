//! No declaration is stated more often than either side has it.
//!
//! Names count that a declaration binds, whatever word declares it: a `struct` and an `enum` of one name
//! collide, and so do two methods whose parameters only have other names.

use std::collections::BTreeMap;

use super::Check;
use crate::items::{Code, Item};
use crate::ladder::Task;
use crate::language::{self, Language, Shape};
use crate::limits;
use crate::lines;

/// Steps of cutting one byte into items and naming them.
const READ_STEPS: usize = 16;

pub(super) fn stated_once(input: &Task, merged: &[u8]) -> Option<Check> {
    input.work.take_len(READ_STEPS * input.structured_len(merged))?;
    let mut names = Names::default();
    let mut stated = |file| stated(input, file, &mut names);
    let (ours, theirs, merged) = (stated(input.ours)?, stated(input.theirs)?, stated(merged)?);
    let doubled = |(name, count): (&usize, &usize)| {
        let had = |side: &BTreeMap<usize, usize>| side.get(name).copied().unwrap_or_default();
        *count > had(&ours).max(had(&theirs)).max(1)
    };
    merged.iter().any(doubled).then_some(Check::DuplicateName)
}

/// Numbers for names, each by the number of the container that it stands in; 0 is the file.
#[derive(Default)]
pub(super) struct Names(BTreeMap<(usize, String), usize>);

impl Names {
    pub(super) fn id(&mut self, container: usize, name: String) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry((container, name)).or_insert(next)
    }
}

/// Counts of the names that are bound; none out of steps.
fn stated(input: &Task, file: &[u8], names: &mut Names) -> Option<BTreeMap<usize, usize>> {
    if file.len() > limits::STRUCTURE_BYTES_MAX {
        return None;
    }
    let language = language::of(input.path);
    let code = Code::read(file, language, input.options.rules)?;
    let mut out = BTreeMap::new();
    let mut open: Vec<(usize, Item)> = code.items().into_iter().map(|i| (0, i)).collect();
    while let Some((container, item)) = open.pop() {
        let field = || code.field(&item).filter(|_| container > 0);
        let Some(name) = item.name.as_ref().map(|name| bound(name, language)).or_else(field) else { continue };
        let id = names.id(container, name);
        if let Some(body) = item.body {
            input.work.take_len(READ_STEPS * body.len())?;
            open.extend(code.items_in(body, true).into_iter().map(|i| (id, i)));
        }
        *out.entry(id).or_default() += 1;
    }
    for start in language.words().map_or(&[][..], |words| words.once) {
        let count = lines::split(file).into_iter().filter(|line| line.starts_with(start.as_bytes())).count();
        out.insert(names.id(0, (*start).into()), count);
    }
    Some(out)
}

/// Name that an item binds: for `struct A` and `enum A` the same.
fn bound(name: &str, language: &Language) -> String {
    if let Some((method, parameters)) = name.strip_prefix("method ").and_then(|m| m.split_once('(')) {
        let overloads = language.words().is_some_and(|words| words.overloads);
        return if overloads { format!("{method}({})", types(parameters)) } else { method.into() };
    }
    let words: Vec<&str> = name.split(' ').collect();
    match words.as_slice() {
        _ if language.shape == Shape::Markdown => name.into(),
        [_, name] => (*name).into(),
        [word, receiver @ .., name] if language.words().is_some_and(|words| words.receive.contains(word)) => {
            let receiver: Vec<&str> = receiver.iter().copied().filter(|w| *w != "*").collect();
            // The receiver's own name says nothing.
            let of = if receiver.len() > 1 { &receiver[1..] } else { &receiver[..] };
            format!("{} {name}", of.join(" "))
        }
        _ => name.into(),
    }
}

/// The types of Java's parameters, erased: without their names, arguments, annotations and `final`.
fn types(parameters: &str) -> String {
    let (mut out, mut of_one, mut depth) = (Vec::new(), Vec::new(), 0usize);
    let mut words = parameters.trim_end_matches(')').split(' ').filter(|w| !w.is_empty() && *w != "final");
    while let Some(word) = words.next() {
        match word {
            "@" => drop(words.next()),
            "<" | "(" => depth += 1,
            ">" | ")" => depth = depth.saturating_sub(1),
            "," if depth == 0 => {
                unname(&mut of_one);
                out.append(&mut of_one);
                out.push(",");
            }
            word if depth == 0 => of_one.push(word),
            _ => (),
        }
    }
    unname(&mut of_one);
    out.append(&mut of_one);
    out.join(" ")
}

/// Drops a parameter's name; a type may stand without.
fn unname(parameter: &mut Vec<&str>) {
    if parameter.len() > 1 {
        parameter.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn duplicate_name_stops_one_function_added_at_two_places() {
        let base = "fn a() {}\nfn b() {}\nfn c() {}\n";
        let ours = "fn a() {}\nfn new() { 1 }\nfn b() {}\nfn c() {}\n";
        let theirs = "fn a() {}\nfn b() {}\nfn new() { 2 }\nfn c() {}\n";
        let merged = "fn a() {}\nfn new() { 1 }\nfn b() {}\nfn new() { 2 }\nfn c() {}\n";
        assert_eq!(refused("a.rs", base, ours, theirs, merged), Some(Check::DuplicateName));
    }

    #[test]
    fn duplicate_name_stops_two_things_of_one_name_however_they_are_declared() {
        let added = [
            ("a.rs", "fn a() {}\n", "\nstruct T;\n", "\nenum T { A }\n"),
            ("a.ts", "function a() {}\n", "\nfunction B() {}\n", "\nclass B {}\n"),
            ("a.ts", "function a() {}\n", "\nexport default function f() {}\n", "\nexport default class G {}\n"),
            ("a.py", "def a():\n    pass\n", "\n\ndef b():\n    pass\n", "\n\nclass b:\n    pass\n"),
            ("a.go", "package a\n", "\nfunc B() {}\n", "\ntype B int\n"),
            ("a.go", "package a\n", "\nfunc (a *A) X() {}\n", "\nfunc (b A) X() {}\n"),
            ("a.sh", "a() {\n  1\n}\n", "\nb() {\n  2\n}\n", "\nfunction b {\n  3\n}\n"),
        ];
        for (path, base, one, two) in added {
            let [ours, theirs, merged] =
                [one.into(), two.into(), format!("{one}{two}")].map(|end| format!("{base}{end}"));
            assert_eq!(refused(path, base, &ours, &theirs, &merged), Some(Check::DuplicateName), "{merged}");
        }
    }

    #[test]
    fn duplicate_name_stops_one_field_that_both_add_to_a_class() {
        let added = [
            ("A.java", "class A {\n", "    private int x = 1;\n", "    protected long x;\n"),
            ("a.ts", "class A {\n", "  x = 1;\n", "  private x?: T;\n"),
            ("a.ts", "interface A {\n", "  x: number;\n", "  readonly x: string;\n"),
            ("a.js", "class A {\n", "  x = 1;\n", "  x() {\n  }\n"),
        ];
        for (path, open, one, two) in added {
            let [base, ours, theirs, merged] = ["".into(), one.into(), two.into(), format!("{one}{two}")]
                .map(|members: String| format!("{open}{members}}}\n"));
            assert_eq!(refused(path, &base, &ours, &theirs, &merged), Some(Check::DuplicateName), "{merged}");
        }
    }

    #[test]
    fn duplicate_name_stops_two_methods_that_differ_in_the_names_of_parameters() {
        let class = |methods: &str| format!("class A {{\n    void a() {{\n    }}\n{methods}}}\n");
        let added = [
            ("A.java", "    void b(int x) {\n    }\n", "    void b(final int y) {\n    }\n"),
            ("A.java", "    void b(List<String> x) {\n    }\n", "    void b(@N List<Integer> x) {\n    }\n"),
            ("a.js", "    b(x) {\n    }\n", "    b(y, z) {\n    }\n"),
        ];
        for (path, one, two) in added {
            let [base, ours, theirs] = ["", one, two].map(class);
            let merged = class(&format!("{one}{two}"));
            assert_eq!(refused(path, &base, &ours, &theirs, &merged), Some(Check::DuplicateName), "{merged}");
        }
        let [base, ours, theirs] = ["", "    void b(int x) {\n    }\n", "    void b(long x) {\n    }\n"].map(class);
        let merged = class("    void b(int x) {\n    }\n    void b(long x) {\n    }\n");
        assert_eq!(refused("A.java", &base, &ours, &theirs, &merged), None);
    }
}
