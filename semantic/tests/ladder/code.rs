//! Declarations and sections.

use super::*;

const TWO_FUNCTIONS: [&str; 3] = [
    "fn first() {\n    one();\n}\n",
    "fn first() {\n    one();\n}\n\nfn third() {\n    three();\n}\n",
    "fn first() {\n    one();\n}\n\nfn second() {\n    two();\n}\n",
];

#[test]
fn code_takes_two_new_functions_at_one_place() {
    let merged = "fn first() {\n    one();\n}\n\nfn second() {\n    two();\n}\n\nfn third() {\n    three();\n}\n";
    clean("a.rs", TWO_FUNCTIONS, Rung::Code, merged);
}

#[test]
fn code_takes_two_new_methods_of_one_class() {
    let base = "class A:\n    def a(self):\n        return 1\n";
    let ours = "class A:\n    def a(self):\n        return 1\n\n    def c(self):\n        return 3\n";
    let theirs = "class A:\n    def a(self):\n        return 1\n\n    def b(self):\n        return 2\n";
    let merged = "class A:\n    def a(self):\n        return 1\n\n    def b(self):\n        return 2\n\n    def c(self):\n        return 3\n";
    clean("a.py", [base, ours, theirs], Rung::Code, merged);
}

#[test]
fn code_follows_a_function_that_the_other_side_moved() {
    let part = |name: &str, body: &str| format!("func {name}() {{\n\t{body}\n}}\n\n");
    let base = [part("A", "a()"), part("B", "b()"), part("C", "c()"), part("D", "d()")].concat();
    let ours = [part("D", "d()"), part("A", "a()"), part("B", "b()"), part("C", "c()")].concat();
    let theirs = [part("A", "a()"), part("B", "b()"), part("C", "c()"), part("D", "d(1)")].concat();
    let merged = [part("D", "d(1)"), part("A", "a()"), part("B", "b()"), part("C", "c()")].concat();
    clean("a.go", [&base, &ours, &theirs], Rung::Code, &merged);
}

#[test]
fn code_leaves_a_deleted_function_that_the_other_side_edited_alone() {
    let files = ["fn a() {}\nfn b() { 1 }\n", "fn a() {}\n", "fn a() {}\nfn b() { 2 }\n"];
    conflict("a.rs", files, Class::Value, Reason::SameLines);
}

#[test]
fn two_files_that_grew_out_of_nothing_are_not_laid_one_after_the_other() {
    let grown = [
        ("A.java", "class A {\n}\n", "class B {\n}\n"),
        ("a.rs", "fn a() {}\n", "fn b() {}\n"),
        ("a.py", "import a\n", "import b\n"),
        ("a.toml", "a = 1\n", "b = 1\n"),
    ];
    for (path, ours, theirs) in grown {
        conflict(path, ["", ours, theirs], Class::Value, Reason::BothAdded);
    }
}

#[test]
fn code_leaves_two_new_functions_of_one_name_alone() {
    let files = ["fn a() {}\n", "fn a() {}\n\nfn b() -> u8 {\n    1\n}\n", "fn a() {}\n\nfn b() -> u8 {\n    2\n}\n"];
    conflict("a.rs", files, Class::Value, Reason::SameLines);
}

#[test]
fn code_takes_two_new_shell_functions() {
    let base = "#!/bin/sh\nfirst() {\n  one\n}\n";
    let ours = "#!/bin/sh\nfirst() {\n  one\n}\n\nthird() {\n  echo 3\n}\n";
    let theirs = "#!/bin/sh\nfirst() {\n  one\n}\n\nsecond() {\n  echo 2\n}\n";
    let merged = "#!/bin/sh\nfirst() {\n  one\n}\n\nsecond() {\n  echo 2\n}\n\nthird() {\n  echo 3\n}\n";
    clean("run.sh", [base, ours, theirs], Rung::Code, merged);
}

#[test]
fn code_lets_a_section_that_moved_keep_the_other_sides_edit() {
    let part = |name: &str, text: &str| format!("# {name}\n\n{text}\n\n");
    let base = [part("A", "of a"), part("B", "of b"), part("C", "of c")].concat();
    let ours = [part("C", "of c"), part("A", "of a"), part("B", "of b")].concat();
    let theirs = [part("A", "of a"), part("B", "of b"), part("C", "of c, and more")].concat();
    let merged = [part("C", "of c, and more"), part("A", "of a"), part("B", "of b")].concat();
    clean("a.md", [&base, &ours, &theirs], Rung::Code, &merged);
}

/// Lines of which the lexer takes a part for the end of a statement.
const WITH_SEMICOLONS: [(&str, &str); 5] = [
    ("a.js", "const parts = /a;b/;\n"),
    ("a.sh", "find . -exec rm {} \\; -print\n"),
    ("a.sh", "cat >a.sql <<EOF\nselect 1; select 2;\nEOF\n"),
    ("a.rs", "const A: u8 = 1; const B: u8 = 2;\n"),
    ("a.js", "one(); /* of\n two */ two();\n"),
];

/// Functions, each behind a blank line.
fn functions(path: &str, names: &[&str]) -> String {
    let word = match path {
        "a.js" => "function ",
        "a.rs" => "fn ",
        _ => "",
    };
    names.iter().map(|name| format!("\n{word}{name}() {{\n  go\n}}\n")).collect()
}

#[test]
fn code_breaks_no_line_at_a_semicolon_that_one_side_added() {
    for (path, line) in WITH_SEMICOLONS {
        let [base, ours] = [functions(path, &["z"]), functions(path, &["z", "k"])];
        let theirs = [line, &functions(path, &["z", "j"])].concat();
        let merged = [line, &functions(path, &["z", "j", "k"])].concat();
        clean(path, [&base, &ours, &theirs], Rung::Code, &merged);
    }
}

#[test]
fn code_breaks_no_line_at_a_semicolon_that_stands_in_all_files() {
    for (path, line) in WITH_SEMICOLONS {
        let of = |names: &[&str]| [line, &functions(path, names)].concat();
        clean(path, [&of(&["z"]), &of(&["z", "k"]), &of(&["z", "j"])], Rung::Code, &of(&["z", "j", "k"]));
    }
}

#[test]
fn code_ends_the_last_line_of_a_file_as_the_file_ends_its_lines() {
    let [base, ours, theirs] = TWO_FUNCTIONS.map(|file| file.trim_end().replace('\n', "\r\n"));
    let merged = "fn first() {\n    one();\n}\n\nfn second() {\n    two();\n}\n\nfn third() {\n    three();\n}";
    clean("a.rs", [&base, &ours, &theirs], Rung::Code, &merged.replace('\n', "\r\n"));
}

#[test]
fn a_comment_stays_with_the_declaration_below_it_where_line_ends_end_statements() {
    for (path, a, one, b) in [
        ("a.ts", "function a() {\n  x(1)\n}\n", "const one = 1\n", "// eslint-disable-next-line\nfunction b() {\n}\n"),
        ("a.kt", "fun a() {\n  x(1)\n}\n", "val one = 1\n", "/** b. */\nfun b() {\n}\n"),
    ] {
        let files = [[a, one].concat(), [one, a].concat(), [a, one, b].concat()];
        clean(path, files.each_ref().map(String::as_str), Rung::Text, &[one, a, b].concat());
    }
}

#[test]
fn code_keeps_a_comment_with_the_statement_before_it_where_indentation_tells_the_block() {
    for (path, a, changed, b) in [
        ("a.py", "def a():\n    return 1  # one\n", "def a():\n    return 5  # one\n", "def b():\n    return 2\n"),
        ("a.rb", "def a\n  1\nend # one\n", "def a\n  5\nend # one\n", "def b\n  2\nend\n"),
    ] {
        let files = [[a, b, "c = 1\n"].concat(), [b, "c = 1\n", a].concat(), [changed, b, "c = 1\n"].concat()];
        clean(path, files.each_ref().map(String::as_str), Rung::Code, &[b, "c = 1\n", changed].concat());
    }
}
