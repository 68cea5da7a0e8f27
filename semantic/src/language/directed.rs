//! Rows of languages with directives: lines that a preprocessor or the compiler reads by themselves.

use super::brackets::CONTINUES;
use super::{Bare, Block, Both, Break, Form, Imports, Language, Lexis, Place, Quote, Runs, Shape, WORDS, Words};

/// Words before a bracket that name no function.
const STATEMENTS: &[&str] = words![if for while switch catch foreach using lock fixed return sizeof];

/// The order of C: a function uses what stands above it.
const DECLARED_ABOVE: Runs = Runs { bodies: true, ..Runs::STATEMENTS };

const C_WORDS: Words = Words {
    declare: words![struct enum union],
    typed: words![struct enum union],
    modify: words![static extern inline const volatile register unsigned signed],
    bare: Bare::Functions,
    statements: STATEMENTS,
    keywords: words![
        auto break case char continue default define do double else float for goto if int include long return short
        sizeof switch typedef void while
    ],
    continues: CONTINUES,
    both: Both::Closed,
    breaks: Break::Kept,
    runs: Some(DECLARED_ABOVE),
    ..WORDS
};

pub(super) const C: Language = Language {
    name: "c",
    extensions: &["c"],
    names: &[],
    lexis: Lexis {
        strings: &[Quote::Line("\""), Quote::Character],
        directives: words![if ifdef ifndef elif else endif define undef include pragma error warning line],
        ..Lexis::C
    },
    imports: Some(&Imports {
        open: &["#include"],
        forms: &[Form { open: "#include", place: Place::Quoted }],
        ..Imports::LINES
    }),
    shape: Shape::Braces(&C_WORDS),
};

/// Headers as well: what C says there, C++ says alike.
pub(super) const CPP: Language = Language {
    name: "cpp",
    extensions: &["h", "cc", "cpp", "cxx", "hh", "hpp", "hxx"],
    lexis: Lexis { strings: &[Quote::Named, Quote::Line("\""), Quote::Character], ..C.lexis },
    shape: Shape::Braces(&Words {
        declare: words![struct enum union class namespace],
        contain: words![namespace],
        between: words![class struct],
        signed: words![namespace],
        typed: words![struct enum union class],
        modify: words![static extern inline const volatile constexpr virtual explicit friend unsigned signed],
        path: Some("::"),
        sections: words![public private protected signals slots],
        keywords: words![
            auto bool break case catch char class const continue decltype default define delete do double else false
            final float for goto if include int long mutable namespace new noexcept nullptr operator override private
            protected public return short sizeof switch template this throw true try typedef typename using void while
        ],
        overloads: true,
        ..C_WORDS
    }),
    ..C
};

pub(super) const CSHARP: Language = Language {
    name: "csharp",
    extensions: &["cs"],
    names: &[],
    lexis: Lexis {
        strings: &[
            Quote::Verbatim("\"\"\"", "\"\"\""),
            Quote::Verbatim("@\"", "\""),
            Quote::Verbatim("@$\"", "\""),
            Quote::Line("\""),
            Quote::Line("'"),
        ],
        directives: words![if elif else endif define undef region endregion pragma nullable error warning line],
        ..Lexis::C
    },
    imports: Some(&Imports {
        open: &["using ", "global using "],
        end: &[';'],
        never: &['(', '='],
        forms: &[
            Form { open: "using ", place: Place::Path(".") },
            Form { open: "global using ", place: Place::Path(".") },
        ],
        ..Imports::LINES
    }),
    shape: Shape::Braces(&Words {
        declare: words![class struct interface enum record namespace],
        contain: words![class struct interface record namespace],
        between: words![class struct],
        signed: words![namespace],
        modify: words![
            public private protected internal static sealed abstract virtual override async readonly partial extern
            unsafe new volatile required file const
        ],
        bare: Bare::Members,
        statements: STATEMENTS,
        keywords: words![
            as base bool break byte case catch char continue decimal default delegate do double else event false finally
            float for foreach get if in int is lock long namespace null object out params ref return set short string
            switch this throw true try typeof using value var void where while yield
        ],
        continues: CONTINUES,
        attributes: true,
        properties: true,
        overloads: true,
        both: Both::Closed,
        breaks: Break::Kept,
        ..WORDS
    }),
};

pub(super) const SWIFT: Language = Language {
    name: "swift",
    extensions: &["swift"],
    names: &[],
    lexis: Lexis {
        blocks: &[Block { nests: true, ..Block::C }],
        strings: &[Quote::Hashed, Quote::Lines("\"\"\""), Quote::Line("\"")],
        directives: words![if elseif else endif],
        ..Lexis::C
    },
    imports: Some(&Imports {
        open: &["import ", "@"],
        has: &["import "],
        modifier: Some("@"),
        forms: &[Form { open: "import ", place: Place::Path(".") }],
        never: &['(', ';'],
        ..Imports::LINES
    }),
    shape: Shape::Braces(&Words {
        declare: words![func class struct enum case protocol extension actor let var typealias init subscript],
        contain: words![class struct enum protocol extension actor],
        modify: words![
            public private fileprivate internal open final static class override mutating nonmutating lazy weak unowned
            convenience required indirect dynamic async nonisolated
        ],
        carry: words![public private fileprivate internal open unowned],
        whole: words![extension],
        signed: words![func init subscript],
        ordered: words![case let var],
        keywords: words![
            as await break catch continue default defer do else false for guard if import in inout is nil repeat
            return self Self super switch throw throws true try where while
        ],
        continues: CONTINUES,
        breaks: Break::Always,
        ..WORDS
    }),
};
