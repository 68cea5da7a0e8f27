//! Needs of a file that runs from top to bottom: names that must be defined above where they stand.
//!
//! A class needs its bases, a function its decorators and default values, a statement all that it names; the body of a
//! function runs later. Knows words, not scopes: it errs towards a use, and who compares two files asks only for uses
//! that are new.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Code, CutBy, Item};
use crate::Work;
use crate::language::Runs;
use crate::lex::Kind;

/// Steps of cutting one byte into items and reading what they name.
const READ_STEPS: usize = 16;

/// Deepest nesting of classes that is looked into.
const DEPTH_MAX: usize = 32;

/// A use above the definition: the class that both stand in (empty for the file), who uses, what.
pub(crate) type Early<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// Names of a stretch of items.
#[derive(Default)]
struct Names<'a> {
    used: BTreeSet<&'a [u8]>,
    defined: BTreeSet<&'a [u8]>,
}

impl<'a> Code<'a> {
    /// Names that are used above their only definitions; none in a language where that means nothing.
    ///
    /// None out of steps.
    pub(crate) fn early(&self, work: &Work) -> Option<BTreeSet<Early<'a>>> {
        let mut out = BTreeSet::new();
        if self.words.runs.is_some() {
            self.scope(0..self.text.len(), (b"", 0), &mut out, work)?;
        }
        Some(out)
    }

    /// The names that a scope uses as it runs; what it uses too early goes into `out`.
    fn scope(
        &self,
        span: Range<usize>,
        (name, depth): (&'a [u8], usize),
        out: &mut BTreeSet<Early<'a>>,
        work: &Work,
    ) -> Option<BTreeSet<&'a [u8]>> {
        work.take_len(READ_STEPS * span.len())?;
        let items = self.items_in(span, depth > 0);
        let read = items.iter().map(|item| self.names(item, depth, out, work)).collect::<Option<Vec<_>>>()?;
        let later: BTreeSet<&[u8]> = read.iter().flat_map(|(_, names)| names.defined.iter().copied()).collect();
        let mut above = BTreeSet::new();
        for (user, names) in &read {
            above.extend(names.defined.iter().copied());
            let early = names.used.iter().filter(|used| later.contains(*used) && !above.contains(*used));
            out.extend(early.map(|used| (name, *user, *used)));
        }
        Some(read.into_iter().flat_map(|(_, names)| names.used).collect())
    }

    /// Name of an item, and the names in it.
    fn names(
        &self,
        item: &Item,
        depth: usize,
        out: &mut BTreeSet<Early<'a>>,
        work: &Work,
    ) -> Option<(&'a [u8], Names<'a>)> {
        let first = self.tokens.partition_point(|t| t.from < item.span.start);
        let tokens = first..self.tokens.partition_point(|t| t.from < item.span.end);
        let (mut names, runs) = (Names::default(), self.words.runs.unwrap_or(Runs::STATEMENTS));
        let Some(head) = self.head(tokens.clone()) else { return Some((b"", names)) };
        self.take(tokens.start..head, &mut names.used); // decorators
        let word = self.past_modifiers(head, tokens.end);
        let declared = self.declared(word..tokens.end).filter(|_| item.name.is_some());
        let Some(declared) = declared else {
            if item.name.is_some() || runs.bodies {
                names.defined.extend(self.method_name(word..tokens.end).filter(|_| depth == 0));
                names.defined.extend(self.macro_name(head));
            }
            if item.name.is_some() && !runs.bodies {
                return Some((b"", names));
            }
            if runs.bodies {
                self.take(head..tokens.end, &mut names.used);
                self.define_declarators(head..tokens.end, &mut names.defined);
            } else if depth == 0 || self.cut_by == CutBy::Indent || self.is_one_of(head, runs.at_once.unwrap_or(&[])) {
                self.take(head..tokens.end, &mut names.used);
                self.define(head..tokens.end, &mut names.defined);
            }
            return Some((b"", names));
        };
        let named = (word + 1..tokens.end).find(|i| !self.is_one_of(*i, self.words.between));
        let user = named.map_or(&b""[..], |i| self.bytes(i));
        if !runs.hoisted.contains(&declared) {
            names.defined.insert(user);
        }
        match &item.body {
            Some(body) if runs.scopes.contains(&declared) && depth < DEPTH_MAX => {
                let to = self.tokens.partition_point(|t| t.from < body.start);
                self.take(word + 2..to, &mut names.used);
                names.used.extend(self.scope(body.clone(), (user, depth + 1), out, work)?);
            }
            _ if runs.headers.contains(&declared) => self.take_header(word + 2..tokens.end, &mut names.used),
            _ if runs.later.contains(&declared) => (),
            _ => self.take(word + 2..tokens.end, &mut names.used),
        }
        Some((user, names))
    }

    /// The name of a function that no word declares.
    fn method_name(&self, tokens: Range<usize>) -> Option<&'a [u8]> {
        let open = tokens.clone().find(|i| self.is(*i, b"("))?;
        (open > tokens.start).then(|| self.bytes(open - 1))
    }

    /// Names of variables and types, outside of brackets: `int a, b = 1;`, `typedef int c;`.
    fn define_declarators(&self, tokens: Range<usize>, defined: &mut BTreeSet<&'a [u8]>) {
        let mut i = tokens.start;
        while i < tokens.end {
            let is_name = [";", "=", ",", "["].iter().any(|mark| self.is(i + 1, mark.as_bytes()));
            if self.tokens[i].kind == Kind::Word && is_name {
                defined.insert(self.bytes(i));
            }
            i = if self.tokens[i].kind == Kind::Open { self.partner[i] + 1 } else { i + 1 };
        }
    }

    /// The name that a directive defines.
    fn macro_name(&self, head: usize) -> Option<&'a [u8]> {
        let mut words = self.bytes(head).split(|b| !crate::words::is_word_byte(*b)).filter(|word| !word.is_empty());
        (self.tokens[head].kind == Kind::Directive && words.next() == Some(b"define")).then(|| words.next()).flatten()
    }

    /// Words that name something by themselves, outside bodies that run later.
    fn take(&self, tokens: Range<usize>, used: &mut BTreeSet<&'a [u8]>) {
        let mut i = tokens.start;
        while i < tokens.end {
            if self.tokens[i].kind == Kind::Word && !self.is_member(i) {
                used.insert(self.bytes(i));
            }
            i = if self.runs_later(i, tokens.start) { self.partner[i] + 1 } else { i + 1 };
        }
    }

    fn is_member(&self, i: usize) -> bool {
        i > 0 && self.is(i - 1, b".")
    }

    /// Whether the body of a function opens here.
    fn runs_later(&self, i: usize, start: usize) -> bool {
        let Some(at_once) = self.words.runs.and_then(|runs| runs.at_once) else { return false };
        if !self.is(i, b"{") || i <= start {
            return false;
        }
        let is_arrow = self.is(i - 1, b">") && i > 1 && self.is(i - 2, b"=");
        is_arrow || (self.is(i - 1, b")") && !self.is_block(i - 1, at_once))
    }

    /// Whether the bracket that closes here belongs to an `if` or the like.
    fn is_block(&self, close: usize, at_once: &[&str]) -> bool {
        let open = self.opens[close];
        open > 0 && self.is_one_of(open - 1, at_once)
    }

    /// A function's default values and annotations, up to the colon; its parameters' own names are no uses.
    fn take_header(&self, tokens: Range<usize>, used: &mut BTreeSet<&'a [u8]>) {
        let mut depth = 0usize;
        for i in tokens {
            match self.tokens[i].kind {
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.saturating_sub(1),
                Kind::Mark if depth == 0 && self.is(i, b":") => return,
                Kind::Word if !(self.is_member(i) || depth == 1 && self.is_parameter(i)) => {
                    used.insert(self.bytes(i));
                }
                _ => (),
            }
        }
    }

    fn is_parameter(&self, i: usize) -> bool {
        let before = self.last_said(0, i);
        before.is_some_and(|before| ["(", ",", "*"].iter().any(|mark| self.is(before, mark.as_bytes())))
    }

    /// Names that statements define: by `=`, by `import`, and by declarations in their blocks.
    fn define(&self, tokens: Range<usize>, defined: &mut BTreeSet<&'a [u8]>) {
        let (mut is_first, mut imports, mut depth) = (true, false, 0usize);
        for i in tokens.clone() {
            let kind = self.tokens[i].kind;
            if kind == Kind::Word {
                let declares = i > tokens.start && self.is_one_of(i - 1, self.words.declare);
                let is_set = is_first && (self.is(i + 1, b"=") || self.is(i + 1, b":"));
                if !self.is_member(i) && (declares || is_set || imports) {
                    defined.insert(self.bytes(i));
                }
                imports |= self.is(i, b"import");
            }
            depth = match kind {
                Kind::Open => depth + 1,
                Kind::Close => depth.saturating_sub(1),
                _ => depth,
            };
            imports &= kind != Kind::Line || depth > 0;
            is_first = kind == Kind::Line;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rules, language};

    fn early(path: &str, text: &str) -> Vec<String> {
        let code = Code::read(text.as_bytes(), language::of(path), Rules::NEWEST).expect("balanced");
        let early = code.early(&Work::default()).expect("little work").into_iter();
        early.map(|(_, user, used)| [user, b" ", used].concat()).map(|b| String::from_utf8_lossy(&b).into()).collect()
    }

    #[test]
    fn a_class_needs_its_bases_and_what_its_body_runs() {
        assert_eq!(early("a.py", "class A(B):\n    pass\n\n\nclass B:\n    pass\n"), ["A B"]);
        assert_eq!(
            early(
                "a.py",
                "class A:\n    x = f()\n\n    def g(self):\n        h()\n\n\ndef f():\n    pass\n\n\ndef h():\n    pass\n"
            ),
            ["A f"]
        );
        assert_eq!(
            early("a.ts", "class A extends B {\n  f() {\n    C.x();\n  }\n}\n\nclass B {\n}\n\nclass C {\n}\n"),
            ["A B"]
        );
    }

    #[test]
    fn a_function_needs_its_decorators_and_default_values_and_not_its_body() {
        let text = "@d\ndef f(a, b=C) -> 'E':\n    return e(a)\n\n\ndef d(x):\n    pass\n\n\nC = 1\na = 2\n\n\ndef e():\n    pass\n";
        assert_eq!(early("a.py", text), ["f C", "f d"]);
    }

    #[test]
    fn a_statement_needs_what_it_names() {
        assert_eq!(early("a.py", "x = f()\n\n\ndef f():\n    pass\n"), [" f"]);
        assert_eq!(early("a.py", "import f\n\nx = f()\n\n\nfrom a import (\n    f,\n    g)\n"), [""; 0]);
        assert_eq!(
            early("a.js", "const x = f(y);\nconst g = () => {\n  y();\n};\nconst y = 1;\nfunction f() {}\n"),
            ["x y"]
        );
        assert_eq!(early("a.sh", "#!/bin/sh\nrun\nrun() {\n  stop\n}\nstop() {\n  echo\n}\n"), [" run"]);
    }

    #[test]
    fn where_order_means_nothing_nothing_is_early() {
        assert_eq!(early("a.rs", "const A: u8 = B;\nconst B: u8 = 1;\n"), [""; 0]);
    }
}
