//! Knowledge of the rungs about a language: a row of a table, and no code. A path's name chooses the row.

/// A list of words.
macro_rules! words {
    ($($word:tt)*) => { &[$(stringify!($word)),*] };
}

mod braces;
mod brackets;
mod directed;
mod imports;
mod indented;
mod lexis;
mod texts;
mod words;

pub(crate) use imports::{Form, Imports, Observed, Place};
pub(crate) use lexis::{Block, Heredoc, Lexis, Quote};
pub(crate) use words::{Bare, Both, Break, Runs, WORDS, Words};

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Language {
    /// For tests.
    pub(crate) name: &'static str,
    /// Ends of the names of its files, after the last dot.
    pub(crate) extensions: &'static [&'static str],
    /// Whole names of its files, or up to a dot.
    pub(crate) names: &'static [&'static str],
    /// Comments and strings.
    pub(crate) lexis: Lexis,
    /// Syntax of imports; none where they form no set.
    pub(crate) imports: Option<&'static Imports>,
    /// Parts of the file.
    pub(crate) shape: Shape,
}

impl Language {
    /// Whether its files say values under keys.
    pub(crate) fn is_data(&self) -> bool {
        matches!(self.shape, Shape::Json | Shape::Toml | Shape::Yaml)
    }

    /// Whether indentation alone makes its blocks, as in Python.
    pub(crate) fn has_indented_blocks(&self) -> bool {
        matches!(self.shape, Shape::Indent(words) if words.end.is_none())
    }

    /// Whether the indentation of a line tells what it belongs to.
    pub(crate) fn indents(&self) -> bool {
        match self.shape {
            Shape::Indent(_) => self.has_indented_blocks(),
            Shape::Text | Shape::Set(_) | Shape::Markdown | Shape::Yaml => true,
            Shape::Json | Shape::Toml | Shape::Braces(_) => false,
        }
    }

    /// The words of its declarations, where its files are code.
    pub(crate) fn words(&self) -> Option<&'static Words> {
        match self.shape {
            Shape::Braces(words) | Shape::Indent(words) => Some(words),
            _ => None,
        }
    }
}

/// Parts of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Lines.
    Text,
    /// Lines of a set, in any order but for those that begin with this mark.
    Set(&'static str),
    /// Sections under headings.
    Markdown,
    /// Keys with values.
    Json,
    /// Tables and keys with values.
    Toml,
    /// Keys with values, by indentation.
    Yaml,
    /// Declarations in brackets.
    Braces(&'static Words),
    /// Declarations by indentation.
    Indent(&'static Words),
}

/// The rows.
const TABLE: &[&Language] = &[
    &brackets::RUST,
    &brackets::TYPESCRIPT,
    &brackets::TSX,
    &brackets::JAVASCRIPT,
    &brackets::GO,
    &brackets::JAVA,
    &brackets::SHELL,
    &braces::KOTLIN,
    &braces::PHP,
    &braces::CSS,
    &braces::SCSS,
    &braces::SQL,
    &directed::C,
    &directed::CPP,
    &directed::CSHARP,
    &directed::SWIFT,
    &indented::PYTHON,
    &indented::RUBY,
    &texts::JSON,
    &texts::TOML,
    &texts::YAML,
    &texts::MARKDOWN,
    &texts::HTML,
    &texts::XML,
    &texts::DOCKERFILE,
    &texts::MAKEFILE,
    &texts::IGNORED,
];

/// The language of the file at `path`.
pub(crate) fn of(path: &str) -> &'static Language {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, e)| e);
    let is_named = |of: &&str| name.strip_prefix(*of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let by_extension =
        TABLE.iter().find(|language| language.extensions.iter().any(|e| e.eq_ignore_ascii_case(extension)));
    let row = by_extension.or_else(|| TABLE.iter().find(|language| language.names.iter().any(is_named)));
    row.copied().unwrap_or(&texts::TEXT)
}
