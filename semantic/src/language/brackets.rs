//! Rows of languages whose declarations stand in brackets.

use super::{Bare, Block, Break, Form, Imports, Language, Lexis, Observed, Place, Quote, Runs, Shape, WORDS, Words};

/// Words that go on with the block above.
pub(super) const CONTINUES: &[&str] = words![else catch finally];

/// Words before a bracket that name no method.
pub(super) const STATEMENTS: &[&str] = words![if for while switch catch function return];

pub(super) const RUST: Language = Language {
    name: "rust",
    extensions: &["rs"],
    names: &[],
    lexis: Lexis {
        blocks: &[Block { nests: true, ..Block::C }],
        strings: &[Quote::Raw, Quote::Lines("\""), Quote::Character],
        ..Lexis::C
    },
    imports: Some(&Imports {
        open: &["use", "pub", "extern"],
        has: &["use ", "extern crate "],
        modifier: Some("pub"),
        end: &[';'],
        list: Some(['{', '}']),
        attribute: Some(["#[", "]"]),
        forms: &[
            Form { open: "use ", place: Place::Path("::") },
            Form { open: "extern crate ", place: Place::Path("::") },
        ],
        ..Imports::LINES
    }),
    shape: Shape::Braces(&Words {
        declare: words![fn struct enum trait impl mod union type const static macro_rules],
        contain: words![impl trait mod],
        modify: words![pub async unsafe extern default const],
        carry: words![pub],
        between: words![mut],
        whole: words![impl],
        ordered: words![macro_rules],
        ordered_with: &[("mod", "macro_use")],
        keywords: words![
            as break continue crate dyn else for if in let loop match move mut ref return self Self super use where
            while await
        ],
        continues: CONTINUES,
        ..WORDS
    }),
};

const JAVASCRIPT_IMPORTS: Imports = Imports {
    open: &["import", "export"],
    end: &[';', '\'', '"'],
    closed: Some(['{', '}']),
    list: Some(['{', '}']),
    never: &['(', '='],
    forms: &[Form { open: "import", place: Place::Source }, Form { open: "export", place: Place::Source }],
    observed: Observed::Effects,
    ..Imports::LINES
};

const JAVASCRIPT_WORDS: Words = Words {
    declare: words![function class interface type enum namespace const let var],
    contain: words![class interface namespace],
    modify: words![
        export default async declare abstract public private protected static readonly override get set
    ],
    bare: Bare::Members,
    statements: STATEMENTS,
    ordered: words![const let var],
    keywords: words![
        as await break case catch continue debugger delete do else extends false finally for from if implements import
        in instanceof keyof new null of return super switch this throw true try typeof undefined void while yield
    ],
    continues: CONTINUES,
    breaks: Break::After(words![return throw break continue yield async]),
    once: &["export default "],
    runs: Some(Runs {
        hoisted: words![function interface type],
        later: words![function interface type],
        scopes: words![class],
        at_once: Some(words![if for while switch catch with static]),
        ..Runs::STATEMENTS
    }),
    ..WORDS
};

pub(super) const JAVASCRIPT: Language = Language {
    name: "javascript",
    extensions: &["js", "mjs", "cjs", "jsx"],
    names: &[],
    lexis: Lexis::C,
    imports: Some(&JAVASCRIPT_IMPORTS),
    shape: Shape::Braces(&JAVASCRIPT_WORDS),
};

pub(super) const TYPESCRIPT: Language =
    Language { name: "typescript", extensions: &["ts", "mts", "cts"], ..JAVASCRIPT };

pub(super) const TSX: Language = Language { name: "tsx", extensions: &["tsx"], ..JAVASCRIPT };

pub(super) const GO: Language = Language {
    name: "go",
    extensions: &["go"],
    names: &[],
    lexis: Lexis::C,
    imports: Some(&Imports {
        open: &["import \""],
        block: Some(["import (", ")"]),
        forms: &[Form { open: "import ", place: Place::Quoted }, Form { open: "", place: Place::Quoted }],
        ..Imports::LINES
    }),
    shape: Shape::Braces(&Words {
        declare: words![func type const var],
        receive: words![func],
        ordered: words![var],
        keywords: words![
            break case chan continue default defer else fallthrough for go goto if import interface map package range
            return select struct switch nil true false
        ],
        continues: CONTINUES,
        breaks: Break::Closing,
        ..WORDS
    }),
};

pub(super) const JAVA: Language = Language {
    name: "java",
    extensions: &["java"],
    names: &[],
    lexis: Lexis::C,
    imports: Some(&Imports {
        end: &[';'],
        forms: &[Form { open: "import ", place: Place::Path(".") }],
        ..Imports::LINES
    }),
    shape: Shape::Braces(&Words {
        declare: words![class interface enum record],
        contain: words![class interface enum record],
        modify: words![
            public private protected static final abstract synchronized native default transient volatile sealed
            strictfp
        ],
        bare: Bare::Members,
        statements: STATEMENTS,
        keywords: words![
            assert boolean break byte case catch char continue do double else extends false finally float for if
            implements import instanceof int long new null package return short super switch this throw throws true try
            void while
        ],
        continues: CONTINUES,
        overloads: true,
        ..WORDS
    }),
};

pub(super) const SHELL: Language = Language {
    name: "shell",
    extensions: &["sh", "bash"],
    names: &[],
    lexis: Lexis {
        line: &["#"],
        after_blank: true,
        strings: &[Quote::Lines("\""), Quote::Verbatim("'", "'")],
        ..Lexis::NONE
    },
    imports: None,
    shape: Shape::Braces(&Words {
        declare: words![function],
        bare: Bare::Functions,
        statements: STATEMENTS,
        keywords: words![case do done elif else esac exit export fi for if in local return then while],
        continues: words![else elif],
        breaks: Break::Always,
        runs: Some(Runs { later: words![function], ..Runs::STATEMENTS }),
        ..WORDS
    }),
};
