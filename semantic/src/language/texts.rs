//! Rows of data, of prose, and of files that are lines.

use super::{Language, Lexis, Shape};

/// Any file that no row speaks of.
pub(super) const TEXT: Language =
    Language { name: "text", extensions: &[], lexis: Lexis::NONE, imports: None, shape: Shape::Text };

/// Comments alone.
const HASH: Lexis = Lexis { line: &["#"], ..Lexis::NONE };

pub(super) const JSON: Language = Language {
    name: "json",
    extensions: &["json", "jsonc", "json5"],
    lexis: Lexis { strings: &[], ..Lexis::C },
    shape: Shape::Json,
    ..TEXT
};

pub(super) const TOML: Language =
    Language { name: "toml", extensions: &["toml"], lexis: HASH, shape: Shape::Toml, ..TEXT };

pub(super) const YAML: Language =
    Language { name: "yaml", extensions: &["yaml", "yml"], lexis: HASH, shape: Shape::Yaml, ..TEXT };

pub(super) const MARKDOWN: Language =
    Language { name: "markdown", extensions: &["md", "markdown"], shape: Shape::Markdown, ..TEXT };
