//! Rows of languages whose declarations stand in brackets.

use super::{
    Bare, Block, Both, Break, Form, Heredoc, Imports, Language, Lexis, Observed, Place, Quote, Runs, Shape, WORDS,
    Words,
};

/// Words that go on with the block above.
const CONTINUES: &[&str] = words![else catch finally];

/// Words before a bracket that name no method.
const STATEMENTS: &[&str] = words![if for while switch catch function return];

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

pub(super) const KOTLIN: Language = Language {
    name: "kotlin",
    extensions: &["kt", "kts"],
    names: &[],
    lexis: Lexis {
        blocks: &[Block { nests: true, ..Block::C }],
        strings: &[Quote::Verbatim("\"\"\"", "\"\"\""), Quote::Line("\""), Quote::Character],
        ..Lexis::C
    },
    imports: Some(&Imports {
        never: &[';'],
        forms: &[Form { open: "import ", place: Place::Path(".") }],
        ..Imports::LINES
    }),
    shape: Shape::Braces(&Words {
        declare: words![fun class interface object val var typealias],
        contain: words![class interface object],
        modify: words![
            public private protected internal open abstract final sealed data enum inner companion override suspend
            inline operator infix tailrec external const lateinit annotation value expect actual noinline crossinline
        ],
        signed: words![fun],
        arm: Some("->"),
        ordered: words![val var],
        keywords: words![
            as break by catch constructor continue do else false finally for get if import in init is it null package
            return set super this throw true try when where while
        ],
        continues: CONTINUES,
        breaks: Break::Always,
        ..WORDS
    }),
};

pub(super) const PHP: Language = Language {
    name: "php",
    extensions: &["php"],
    names: &[],
    lexis: Lexis {
        line: &["//", "#", "<?php"],
        no_comment: Some("#["),
        strings: &[Quote::Verbatim("?>", "<?"), Quote::Lines("\""), Quote::Lines("'")],
        heredoc: Some(Heredoc { mark: "<<<", goes_on: true }),
        ..Lexis::C
    },
    imports: Some(&Imports {
        open: &["use "],
        end: &[';'],
        list: Some(['{', '}']),
        never: &['('],
        forms: &[Form { open: "use ", place: Place::Path("\\") }],
        ..Imports::LINES
    }),
    shape: Shape::Braces(&Words {
        declare: words![function class interface trait enum],
        contain: words![class interface trait enum],
        modify: words![abstract final public private protected static readonly],
        bare: Bare::Members,
        statements: STATEMENTS,
        keywords: words![
            and array as break case catch const continue declare default do echo else elseif extends false finally fn
            for foreach global if implements include instanceof insteadof match namespace new null or parent print
            require return self switch throw true try use var while yield
        ],
        continues: words![else elseif catch finally endif endfor endforeach endwhile endswitch],
        both: Both::Closed,
        breaks: Break::Kept,
        runs: Some(Runs {
            hoisted: words![function class interface trait enum],
            later: words![function class interface trait enum],
            ..Runs::STATEMENTS
        }),
        ..WORDS
    }),
};

pub(super) const CSS: Language = Language {
    name: "css",
    extensions: &["css"],
    names: &[],
    lexis: Lexis { line: &[], strings: &[Quote::Line("\""), Quote::Line("'")], ..Lexis::C },
    imports: None,
    shape: Shape::Braces(&Words { both: Both::Blocks, breaks: Break::Kept, ..WORDS }),
};

pub(super) const SCSS: Language =
    Language { name: "scss", extensions: &["scss", "less"], lexis: Lexis { line: &["//"], ..CSS.lexis }, ..CSS };

/// Objects that statements of SQL make.
const SQL_OBJECTS: &[&str] = words![
    table view index function procedure trigger sequence schema type TABLE VIEW INDEX FUNCTION PROCEDURE TRIGGER
    SEQUENCE SCHEMA TYPE
];

pub(super) const SQL: Language = Language {
    name: "sql",
    extensions: &["sql"],
    names: &[],
    lexis: Lexis {
        line: &["--"],
        strings: &[
            Quote::Verbatim("'", "'"),
            Quote::Verbatim("\"", "\""),
            Quote::Verbatim("`", "`"),
            Quote::Verbatim("$$", "$$"),
        ],
        ..Lexis::C
    },
    imports: None,
    shape: Shape::Braces(&Words {
        declare: SQL_OBJECTS,
        modify: words![
            create or replace temporary temp unique materialized CREATE OR REPLACE TEMPORARY TEMP UNIQUE MATERIALIZED
        ],
        between: words![if not exists concurrently IF NOT EXISTS CONCURRENTLY],
        ordered: SQL_OBJECTS,
        keywords: words![
            select from where insert into values update set delete alter add column drop primary key foreign references
            null default on and as in is join left group by order SELECT FROM WHERE INSERT INTO VALUES UPDATE SET DELETE
            ALTER ADD COLUMN DROP PRIMARY KEY FOREIGN REFERENCES NULL DEFAULT ON AND AS IN IS JOIN LEFT GROUP BY ORDER
        ],
        sections: words![
            begin commit rollback start savepoint end else use set go BEGIN COMMIT ROLLBACK START SAVEPOINT END ELSE USE SET GO
        ],
        both: Both::Statements,
        breaks: Break::Kept,
        runs: Some(Runs::STATEMENTS),
        ..WORDS
    }),
};
