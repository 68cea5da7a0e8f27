//! Rows of data, of prose, and of files that are lines.

use super::{Block, Language, Lexis, Shape};

/// Any file that no row speaks of.
pub(super) const TEXT: Language =
    Language { name: "text", extensions: &[], names: &[], lexis: Lexis::NONE, imports: None, shape: Shape::Text };

/// Comments alone.
const HASH: Lexis = Lexis { line: &["#"], ..Lexis::NONE };

pub(super) const JSON: Language = Language {
    name: "json",
    extensions: &["json", "jsonc", "json5"],
    names: &[],
    lexis: Lexis { strings: &[], ..Lexis::C },
    shape: Shape::Json,
    ..TEXT
};

pub(super) const TOML: Language =
    Language { name: "toml", extensions: &["toml"], names: &[], lexis: HASH, shape: Shape::Toml, ..TEXT };

pub(super) const YAML: Language =
    Language { name: "yaml", extensions: &["yaml", "yml"], names: &[], lexis: HASH, shape: Shape::Yaml, ..TEXT };

pub(super) const MARKDOWN: Language =
    Language { name: "markdown", extensions: &["md", "markdown"], names: &[], shape: Shape::Markdown, ..TEXT };

pub(super) const HTML: Language = Language {
    name: "html",
    extensions: &["html", "htm", "xhtml"],
    lexis: Lexis { blocks: &[Block { open: "<!--", close: "-->", nests: false, at_start: false }], ..Lexis::NONE },
    ..TEXT
};

pub(super) const XML: Language =
    Language { name: "xml", extensions: &["xml", "svg", "xsd", "xsl", "plist", "csproj", "props", "resx"], ..HTML };

pub(super) const DOCKERFILE: Language = Language {
    name: "dockerfile",
    extensions: &["dockerfile"],
    names: &["Dockerfile", "Containerfile"],
    lexis: HASH,
    ..TEXT
};

pub(super) const MAKEFILE: Language = Language {
    name: "makefile",
    extensions: &["mk"],
    names: &["Makefile", "makefile", "GNUmakefile"],
    lexis: HASH,
    ..TEXT
};

/// Patterns of which a later one takes away from those above it where it begins with `!`.
pub(super) const IGNORED: Language = Language {
    name: "ignored",
    extensions: &[
        "gitignore",
        "dockerignore",
        "npmignore",
        "eslintignore",
        "prettierignore",
        "stylelintignore",
        "helmignore",
        "gcloudignore",
        "vscodeignore",
    ],
    lexis: HASH,
    shape: Shape::Set("!"),
    ..TEXT
};
