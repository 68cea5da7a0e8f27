//! Edits that vanished and results that did not parse: each merge comes out right, or as a conflict.

mod parsers;

use quorate_semantic::{Input, Options, Outcome, Reason, merge};

/// The outcome, which the exchanged sides have as well.
#[track_caller]
fn outcome(path: &str, base: &str, ours: &str, theirs: &str) -> Outcome {
    let options = Options { newest_version: true, ..Options::default() };
    let of = |ours: &str, theirs: &str| {
        let [base, ours, theirs] = [base, ours, theirs].map(str::as_bytes);
        let input = Input { base: Some(base), ours, theirs, path, options: &options };
        let outcome = merge(&input);
        parsers::check(&input, &outcome);
        outcome
    };
    let (there, back) = (of(ours, theirs), of(theirs, ours));
    let is_clean = |outcome: &Outcome| matches!(outcome, Outcome::Clean { .. });
    assert_eq!(is_clean(&there), is_clean(&back), "the sides have no names");
    there
}

#[track_caller]
fn merged(path: &str, base: &str, ours: &str, theirs: &str) -> Option<String> {
    match outcome(path, base, ours, theirs) {
        Outcome::Clean { bytes, .. } => Some(String::from_utf8(bytes).expect("text")),
        Outcome::Conflict(_) => None,
    }
}

#[track_caller]
fn conflicts(path: &str, base: &str, ours: &str, theirs: &str) {
    assert_eq!(merged(path, base, ours, theirs), None, "{path}");
}

#[track_caller]
fn is_refused(by: &str, path: &str, base: &str, ours: &str, theirs: &str) {
    match outcome(path, base, ours, theirs) {
        Outcome::Conflict(conflict) => match conflict.reason {
            Reason::Refused(check) => assert_eq!(check.name(), by),
            reason => panic!("no check refused: {reason:?}"),
        },
        Outcome::Clean { bytes, .. } => panic!("clean: {}", String::from_utf8_lossy(&bytes)),
    }
}

// ── an edit beside a removal ──

/// A function of each language around a line.
const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("a.rs", "fn NAME() {\n", "}\n\n"),
    ("a.js", "function NAME() {\n", "}\n\n"),
    ("a.ts", "function NAME() {\n", "}\n\n"),
    ("a.py", "def NAME():\n", "\n\n"),
    ("a.kt", "fun NAME() {\n", "}\n\n"),
    ("a.swift", "func NAME() {\n", "}\n\n"),
    ("a.c", "void NAME() {\n", "}\n\n"),
];

#[test]
fn an_edit_in_a_function_that_the_other_side_removed_is_never_lost_however_often_it_was_made() {
    for (path, open, close) in FUNCTIONS {
        let end = if path.ends_with("py") { "" } else { ";" };
        let of = |names: &[&str], limit: &str| -> String {
            let function = |name: &&str| {
                let open = open.replace("NAME", name);
                format!(
                    "{open}    start({name}1){end}\n    wait(limit, {limit}, {name}2){end}\n    stop({name}3){end}\n{close}"
                )
            };
            names.iter().map(function).collect()
        };
        let base = of(&["one", "two", "three"], "old");
        conflicts(path, &base, &of(&["one", "two", "three"], "fresh"), &of(&["one", "three"], "old"));
    }
}

#[test]
fn a_change_made_all_over_the_file_does_not_give_way_to_a_line_of_the_same_words() {
    let base = "def f(output):\n    output.success(\"one\")\n    run()\n    output.success(\"two\")\n    run()\n    output.error(\"no compiler was found here\")\n";
    let ours = base.replace("    output.", "    Output().");
    let theirs =
        base.replace("output.error(\"no compiler was found here\")", "output.info(\"nothing to build with\", None)");
    conflicts("a.py", base, &ours, &theirs);
}

#[test]
fn words_put_in_all_over_the_file_may_belong_to_what_stands_in_the_place_of_a_line() {
    let base = "type A = (\n    Read<Mesh>,\n    Option<Read<Visibility>>,\n    Write<Tint>,\n);\n";
    let ours = base.replace("<Mesh", "<'a, Mesh").replace("<Vis", "<'a, Vis").replace("<Tint", "<'a, Tint");
    let theirs = base.replace("Option<Read<Visibility>>", "Expect<Visible>");
    conflicts("a.rs", base, &ours, &theirs);
}

#[test]
fn an_import_taken_from_elsewhere_is_not_lost_to_one_put_in_its_place() {
    let files = [
        ("a.ts", "import { a } from 'b';\n", "import { x } from 'b';\n", "import { a } from 'c';\n"),
        ("a.rs", "use b::a;\n", "use b::x;\n", "use c::a;\n"),
        ("a.py", "from b import a\n", "from b import x\n", "from c import a\n"),
        ("A.java", "import b.A;\n", "import b.X;\n", "import c.A;\n"),
    ];
    for (path, base, ours, theirs) in files {
        conflicts(path, base, ours, theirs);
    }
}

// ── imports that go on behind a backslash ──

#[test]
fn names_behind_a_backslash_are_names() {
    let base = "from a import one, \\\n    two\n\nrun()\n";
    let (ours, theirs) = (base.replace("two", "two, three"), base.replace("one", "one, four"));
    let both = merged("a.py", base, &ours, &theirs);
    assert_eq!(both.as_deref(), Some("from a import one, two, three, four\n\nrun()\n"));
}

#[test]
fn a_list_with_a_backslash_and_one_with_brackets_say_the_same() {
    let base = "from a import one, two\n\nrun()\n";
    let ours = base.replace("one, two", "one, \\\n    two, three");
    let theirs = base.replace("one, two", "(\n    one,\n    two,\n    four,\n)");
    let both = merged("a.py", base, &ours, &theirs).expect("clean");
    assert!(both.contains("three") && both.contains("four") && !both.contains("\\ "), "{both}");
}

#[test]
fn a_name_behind_a_backslash_that_one_side_removed_is_gone() {
    let base = "import one, \\\n    two\n\nrun()\n";
    let (ours, theirs) = (base.replace(", \\\n    two", ""), base.replace("one,", "one, three,"));
    assert_eq!(merged("a.py", base, &ours, &theirs).as_deref(), Some("import one, three\n\nrun()\n"));
}

// ── branches ──

/// A side turns the condition round, and the other takes it apart.
#[test]
fn no_condition_gets_two_last_branches() {
    let call = |name: &str, end: &str| {
        format!("        out = join(\n            out,\n            {name}(),\n        ){end}\n")
    };
    let files = [("a.rs", "a", ";"), ("a.go", "a", ""), ("a.js", "(a)", ";"), ("A.kt", "(a)", ""), ("a.c", "(a)", ";")];
    for (path, condition, end) in files {
        let of = |not: &str, lines: &str| {
            format!("fn f() {{\n    start();\n    if {not}{condition} {{\n{lines}    }}\n    end();\n}}\n")
        };
        let base = of("!", &call("one", end));
        let ours = of("", &format!("        two(){end}\n    }} else {{\n{}", call("one", end)));
        let theirs = of("", &format!("{}    }} else {{\n{}", call("three", end), call("four", end)));
        is_refused("parses", path, &base, &ours, &theirs);
    }
}

#[test]
fn no_condition_of_python_gets_two_last_branches() {
    let call = |name: &str| format!("        out = join(\n            out,\n            {name}(),\n        )\n");
    let of = |not: &str, lines: &str| format!("def f(a):\n    if {not}a:\n{lines}    end()\n");
    let base = of("not ", &call("one"));
    let ours = of("", &format!("        two()\n    else:\n{}", call("one")));
    let theirs = of("", &format!("{}    else:\n{}", call("three"), call("four")));
    is_refused("parses", "a.py", &base, &ours, &theirs);
}

// ── what both sides added ──

#[test]
fn a_call_that_both_sides_added_to_one_function_stands_once_or_not_at_all() {
    let files = [
        ("a.rs", "fn f() {\n", "    log(\"done\", it);\n", "}\n"),
        ("A.java", "class A {\n    void f() {\n", "    log.add(\"done\", it);\n", "    }\n}\n"),
        ("a.py", "def f():\n", "    log(\"done\", it)\n", ""),
        ("a.go", "package a\n\nfunc f() {\n", "\tlog(\"done\", it)\n", "}\n"),
    ];
    for (path, open, call, close) in files {
        let of = |lines: [&str; 5]| format!("{open}{}{close}", lines.concat());
        let [one, two, three] = ["one", "two", "three"].map(|name| call.replace("done", name).replace("log", "run"));
        let base = of([&one, &two, &three, "", ""]);
        let (ours, theirs) = (
            of([&one, call, &call.replace("done", "a"), &two, &three]),
            of([&one, &call.replace("done", "b"), &two, &three, call]),
        );
        is_refused("line-accounting", path, &base, &ours, &theirs);
    }
}

#[test]
fn a_call_that_both_sides_added_to_functions_of_their_own_stands_in_both() {
    let function = |name: &str| format!("\nfn {name}() {{\n    log(\"done\", it);\n}}\n");
    let [base, one, two] = ["fn first() {\n    start();\n}\n".into(), function("one"), function("two")];
    let (ours, theirs) = (format!("{base}{one}"), format!("{base}{two}"));
    assert_eq!(merged("a.rs", &base, &ours, &theirs), Some(format!("{base}{one}{two}")));
}

#[test]
fn entries_without_a_comma_do_not_meet_in_one_list() {
    let of = |entry: &str| format!("run([\n  one(1),\n  two(2),\n{entry}]);\n");
    conflicts("a.js", &of(""), &of("  three(3)\n"), &of("  other(4)\n"));
    assert_eq!(
        merged("a.js", &of(""), &of("  three(3),\n"), &of("  other(4),\n")),
        Some(of("  three(3),\n  other(4),\n"))
    );
}

#[test]
fn a_comma_that_an_entry_got_for_the_next_one_stands_behind_the_other_sides_edit_of_it() {
    let of = |lines: &str| format!("type T = F<\n  One,\n{lines}>;\n");
    let (base, ours, theirs) = (of("  Two<A>\n"), of("  Two<A>,\n  Three\n"), of("  Two<A, B>\n"));
    assert_eq!(merged("a.ts", &base, &ours, &theirs), Some(of("  Two<A, B>,\n  Three\n")));
}

#[test]
fn an_entry_is_not_put_behind_one_that_lost_its_comma() {
    let of = |lines: &str| format!("run({{\n  one: 1,\n{lines}}});\n");
    conflicts("a.js", &of("  two: 2,\n"), &of("  two: 2\n"), &of("  two: 2,\n  three: 3\n"));
    let of = |lines: &str| format!("void f(\n    int one,\n{lines}) {{\n}}\n");
    conflicts(
        "A.java",
        &of("    int two,\n    int x\n"),
        &of("    int two\n"),
        &of("    int two,\n    int y,\n    int x\n"),
    );
}

// ── lines that meet ──

#[test]
fn a_line_that_begins_with_a_comma_does_not_stand_below_a_statement_that_ended() {
    let base = "var a = require('a')\n  , b = require('b')\n  , c = b.c;\n\nrun();\n";
    let ours = "var a = require('a');\nvar b = require('b');\nvar c = b.c;\n\nrun();\n";
    is_refused("parses", "a.js", base, ours, &base.replace("  , c", "  , fresh = require('fresh')\n  , c"));
}

#[test]
fn an_import_does_not_stand_in_a_block() {
    let base =
        "package a;\n\nimport b.B;\n\nimport c.C;\nimport c.D;\n\npublic class A implements C {\n    int x;\n}\n";
    let ours = base.replace("import c.D;\n", "import c.D;\nimport java.util.Fresh;\n");
    let theirs = base.replace(
        "import c.C;\nimport c.D;\n\npublic class A implements C {\n",
        "public class A extends B {\n\n    @Override\n",
    );
    if let Some(merged) = merged("A.java", base, &ours, &theirs) {
        assert!(merged.find("import java.util.Fresh;") < merged.find("class"), "{merged}");
    }
}
