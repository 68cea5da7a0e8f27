//! Rows of languages whose declarations are told by their indentation.

use super::{Break, Form, Imports, Language, Lexis, Observed, Place, Quote, Runs, Shape, WORDS, Words};

pub(super) const PYTHON: Language = Language {
    name: "python",
    extensions: &["py", "pyi"],
    lexis: Lexis {
        line: &["#"],
        strings: &[Quote::Lines("\"\"\""), Quote::Lines("'''"), Quote::Line("\""), Quote::Line("'")],
        ..Lexis::NONE
    },
    imports: Some(&Imports {
        open: &["import", "from"],
        closed: Some(['(', ')']),
        list: Some(['(', ')']),
        comment: "#",
        lead: "#",
        forms: &[
            Form { open: "from ", place: Place::Before(" import") },
            Form { open: "import ", place: Place::Nowhere },
        ],
        binds_head: true,
        observed: Observed::Name("*"),
        ..Imports::LINES
    }),
    shape: Shape::Indent(&Words {
        declare: words![def class],
        contain: words![class],
        modify: words![async],
        keywords: words![
            and as assert await break continue del elif else except finally for from global if import in is lambda
            nonlocal not or pass raise return try while with yield None True False self
        ],
        continues: words![else elif except finally],
        breaks: Break::Always,
        runs: Some(Runs { headers: words![def], scopes: words![class], ..Runs::STATEMENTS }),
        ..WORDS
    }),
};
