//! Rows of languages whose declarations are told by their indentation.

use super::{Block, Break, Form, Heredoc, Imports, Language, Lexis, Observed, Place, Quote, Runs, Shape, WORDS, Words};

pub(super) const PYTHON: Language = Language {
    name: "python",
    extensions: &["py", "pyi"],
    names: &[],
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

pub(super) const RUBY: Language = Language {
    name: "ruby",
    extensions: &["rb", "rake", "gemspec"],
    names: &["Gemfile", "Rakefile"],
    lexis: Lexis {
        line: &["#"],
        after_blank: true,
        blocks: &[
            Block { open: "=begin", close: "\n=end", nests: false, at_start: true },
            Block { open: "__END__", close: "\0", nests: false, at_start: true },
        ],
        strings: &[Quote::Line("\""), Quote::Line("'"), Quote::Line("`")],
        heredoc: Some(Heredoc { mark: "<<", goes_on: false }),
        ..Lexis::NONE
    },
    imports: None,
    shape: Shape::Indent(&Words {
        declare: words![def class module],
        contain: words![class module],
        modify: words![private public protected private_class_method],
        signed: words![def],
        keywords: words![
            alias and begin break case do else elsif end ensure false for if in next nil not or redo rescue retry return
            self super then true undef unless until when while yield
        ],
        continues: words![end else elsif when in rescue ensure then],
        end: Some("end"),
        open: words![if unless while until case for begin def class module do],
        sections: words![private public protected module_function private_class_method],
        breaks: Break::Always,
        runs: Some(Runs { later: words![def], scopes: words![class module], ..Runs::STATEMENTS }),
        ..WORDS
    }),
};
