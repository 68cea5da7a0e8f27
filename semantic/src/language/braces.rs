//! Rows of more languages in brackets: Kotlin, PHP, style sheets, SQL.

use super::brackets::{CONTINUES, STATEMENTS};
use super::{
    Bare, Block, Both, Break, Form, Heredoc, Imports, Language, Lexis, Place, Quote, Runs, Shape, WORDS, Words,
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
