//! Knowledge of the rungs about a language: tables, not code. A path's extension chooses the row.

use crate::lex::Dialect;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Language {
    /// For reports and tests.
    pub(crate) name: &'static str,
    /// Syntax of imports.
    pub(crate) imports: Imports,
    /// Parts of the file.
    pub(crate) shape: Shape,
    /// Mark of a comment that runs to the end of its line.
    pub(crate) line_comment: &'static str,
}

impl Language {
    /// Whether its files say values under keys.
    pub(crate) fn is_data(&self) -> bool {
        matches!(self.shape, Shape::Json | Shape::Toml | Shape::Yaml)
    }
}

/// Import syntax of a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Imports {
    /// None, or none that form a set.
    None,
    /// `use a::{b, c};`, `extern crate a;`
    Rust,
    /// `import { a, b } from 'c';`, `export { a } from 'c';`
    JavaScript,
    /// `import a`, `from a import b, c`
    Python,
    /// `"a/b"`, `c "a/b"`, in a block or after `import`
    Go,
    /// `import a.b;`
    Java,
}

/// Parts of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Lines.
    Text,
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

/// The words that make declarations.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// Strings, comments, brackets.
    pub(crate) dialect: Dialect,
    /// Whether a line end can end a declaration.
    pub(crate) lines_end: bool,
    /// Words that name what follows them: `fn`, `class`.
    pub(crate) declare: &'static [&'static str],
    /// Words of `declare` whose bodies hold declarations again.
    pub(crate) contain: &'static [&'static str],
    /// Words that may stand in front.
    pub(crate) modify: &'static [&'static str],
    /// Whether members without such a word are methods and fields.
    pub(crate) bare_members: bool,
    /// Words of `declare` whose order can be observed, as initialisers run in it.
    pub(crate) ordered: &'static [&'static str],
    /// Words that name nothing, apart from those of `declare` and `modify`.
    pub(crate) keywords: &'static [&'static str],
    /// Words of `declare` whose names hold above them as well; none where all do, as nothing runs from top to bottom.
    pub(crate) hoisted: Option<&'static [&'static str]>,
}

impl Words {
    /// Whether a word is the language's own.
    pub(crate) fn is_keyword(&self, word: &[u8]) -> bool {
        [self.declare, self.modify, self.keywords].iter().any(|words| words.iter().any(|own| own.as_bytes() == word))
    }
}

const RUST: Words = Words {
    dialect: Dialect::Rust,
    lines_end: false,
    bare_members: false,
    ordered: &["macro_rules"],
    keywords: &[
        "as", "break", "continue", "crate", "dyn", "else", "for", "if", "in", "let", "loop", "match", "move", "mut",
        "ref", "return", "self", "Self", "super", "use", "where", "while", "await",
    ],
    hoisted: None,
    declare: &["fn", "struct", "enum", "trait", "impl", "mod", "union", "type", "const", "static", "macro_rules"],
    contain: &["impl", "trait", "mod"],
    modify: &["pub", "async", "unsafe", "extern", "default", "const"],
};

const JAVASCRIPT: Words = Words {
    dialect: Dialect::C,
    lines_end: true,
    bare_members: true,
    ordered: &["const", "let", "var"],
    keywords: &[
        "as",
        "await",
        "break",
        "case",
        "catch",
        "continue",
        "debugger",
        "delete",
        "do",
        "else",
        "extends",
        "false",
        "finally",
        "for",
        "from",
        "if",
        "implements",
        "import",
        "in",
        "instanceof",
        "keyof",
        "new",
        "null",
        "of",
        "return",
        "super",
        "switch",
        "this",
        "throw",
        "true",
        "try",
        "typeof",
        "undefined",
        "void",
        "while",
        "yield",
    ],
    hoisted: Some(&["function", "interface", "type"]),
    declare: &["function", "class", "interface", "type", "enum", "namespace", "const", "let", "var"],
    contain: &["class", "interface", "namespace"],
    modify: &[
        "export",
        "default",
        "async",
        "declare",
        "abstract",
        "public",
        "private",
        "protected",
        "static",
        "readonly",
        "override",
        "get",
        "set",
    ],
};

const GO: Words = Words {
    dialect: Dialect::C,
    lines_end: true,
    bare_members: false,
    ordered: &["var"],
    keywords: &[
        "break",
        "case",
        "chan",
        "continue",
        "default",
        "defer",
        "else",
        "fallthrough",
        "for",
        "go",
        "goto",
        "if",
        "import",
        "interface",
        "map",
        "package",
        "range",
        "return",
        "select",
        "struct",
        "switch",
        "nil",
        "true",
        "false",
    ],
    hoisted: None,
    declare: &["func", "type", "const", "var"],
    contain: &[],
    modify: &[],
};

const JAVA: Words = Words {
    dialect: Dialect::C,
    lines_end: false,
    bare_members: true,
    ordered: &[],
    keywords: &[
        "assert",
        "boolean",
        "break",
        "byte",
        "case",
        "catch",
        "char",
        "continue",
        "do",
        "double",
        "else",
        "extends",
        "false",
        "finally",
        "float",
        "for",
        "if",
        "implements",
        "import",
        "instanceof",
        "int",
        "long",
        "new",
        "null",
        "package",
        "return",
        "short",
        "super",
        "switch",
        "this",
        "throw",
        "throws",
        "true",
        "try",
        "void",
        "while",
    ],
    hoisted: None,
    declare: &["class", "interface", "enum", "record"],
    contain: &["class", "interface", "enum", "record"],
    modify: &[
        "public",
        "private",
        "protected",
        "static",
        "final",
        "abstract",
        "synchronized",
        "native",
        "default",
        "transient",
        "volatile",
        "sealed",
        "strictfp",
    ],
};

/// For files that are cut by something else.
pub(crate) const NO_WORDS: Words = Words {
    dialect: Dialect::C,
    lines_end: false,
    bare_members: false,
    ordered: &[],
    keywords: &[],
    hoisted: None,
    declare: &[],
    contain: &[],
    modify: &[],
};

const PYTHON: Words = Words {
    dialect: Dialect::Python,
    lines_end: true,
    bare_members: false,
    ordered: &[],
    keywords: &[
        "and", "as", "assert", "await", "break", "continue", "del", "elif", "else", "except", "finally", "for", "from",
        "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try",
        "while", "with", "yield", "None", "True", "False", "self",
    ],
    hoisted: Some(&[]),
    declare: &["def", "class"],
    contain: &["class"],
    modify: &["async"],
};

const SHELL: Words = Words {
    dialect: Dialect::Shell,
    lines_end: true,
    bare_members: true,
    ordered: &[],
    keywords: &[
        "case", "do", "done", "elif", "else", "esac", "exit", "export", "fi", "for", "if", "in", "local", "return",
        "then", "while",
    ],
    hoisted: Some(&[]),
    declare: &["function"],
    contain: &[],
    modify: &[],
};

/// Rows, by extension.
const TABLE: &[(&[&str], Language)] = &[
    (&["rs"], code("rust", Imports::Rust, Shape::Braces(&RUST), "//")),
    (&["ts", "mts", "cts"], code("typescript", Imports::JavaScript, Shape::Braces(&JAVASCRIPT), "//")),
    (&["tsx"], code("tsx", Imports::JavaScript, Shape::Braces(&JAVASCRIPT), "//")),
    (&["js", "mjs", "cjs", "jsx"], code("javascript", Imports::JavaScript, Shape::Braces(&JAVASCRIPT), "//")),
    (&["py", "pyi"], code("python", Imports::Python, Shape::Indent(&PYTHON), "#")),
    (&["go"], code("go", Imports::Go, Shape::Braces(&GO), "//")),
    (&["java"], code("java", Imports::Java, Shape::Braces(&JAVA), "//")),
    (&["sh", "bash"], code("shell", Imports::None, Shape::Braces(&SHELL), "#")),
    (&["json", "jsonc", "json5"], code("json", Imports::None, Shape::Json, "//")),
    (&["toml"], code("toml", Imports::None, Shape::Toml, "#")),
    (&["yaml", "yml"], code("yaml", Imports::None, Shape::Yaml, "#")),
    (&["md", "markdown"], code("markdown", Imports::None, Shape::Markdown, "\0")),
];

const fn code(name: &'static str, imports: Imports, shape: Shape, line_comment: &'static str) -> Language {
    Language { name, imports, shape, line_comment }
}

/// Any file that no row speaks of.
const TEXT: Language = code("text", Imports::None, Shape::Text, "\0");

/// The language of the file at `path`.
pub(crate) fn of(path: &str) -> &'static Language {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, e)| e);
    let row = TABLE.iter().find(|(extensions, _)| extensions.iter().any(|e| e.eq_ignore_ascii_case(extension)));
    row.map_or(&TEXT, |(_, language)| language)
}
