//! Import statements.

use super::*;

#[test]
fn an_import_of_a_name_that_the_other_side_uses_without_it_is_stopped() {
    let file = |imports: &str, body: &str| {
        format!("package a.b;\n\nimport c.Run;\n{imports}import z.Argument;\n\nclass A {{\n    {body}\n}}\n")
    };
    let base = file("", "int run() { return 0; }");
    let ours = file("import org.Utils;\n", "Code run() { return Code.OK; }");
    let theirs = file("import other.Code;\nimport org.Utils;\n", "Code run() { return Code.OK; }");
    conflict("A.java", [&base, &ours, &theirs], Class::Semantic, Reason::Refused(Check::Rebound));
}

#[test]
fn imports_take_what_both_added_in_every_language() {
    let cases = [
        (
            "a.rs",
            "use a::b;\n",
            "use a::b;\nuse c::d;\n",
            "use a::b;\nuse c::e;\n",
            "use a::b;\nuse c::d;\nuse c::e;\n",
        ),
        (
            "a.py",
            "import os\n",
            "import os\nimport sys\n",
            "import os\nimport re\n",
            "import os\nimport re\nimport sys\n",
        ),
        ("a.go", "\t\"fmt\"\n", "\t\"fmt\"\n\t\"os\"\n", "\t\"fmt\"\n\t\"io\"\n", "\t\"fmt\"\n\t\"io\"\n\t\"os\"\n"),
        (
            "A.java",
            "import a.A;\n",
            "import a.A;\nimport a.C;\n",
            "import a.A;\nimport a.B;\n",
            "import a.A;\nimport a.B;\nimport a.C;\n",
        ),
        (
            "a.ts",
            "import { a } from 'x';\n",
            "import { a, c } from 'x';\n",
            "import { a, b } from 'x';\n",
            "import { a, b, c } from 'x';\n",
        ),
    ];
    for (path, base, ours, theirs, merged) in cases {
        clean(path, [base, ours, theirs], Rung::Imports, merged);
    }
}

#[test]
fn imports_leave_one_name_from_two_places_alone() {
    let files = [
        "import x from 'x';\n",
        "import x from 'x';\nimport a from 'b';\n",
        "import x from 'x';\nimport { a } from 'c';\n",
    ];
    conflict("a.js", files, Class::Value, Reason::SameLines);
}

#[test]
fn imports_leave_a_default_name_from_two_places_alone() {
    let files = [
        "import z from 'z';\n",
        "import z from 'z';\nimport React, { x } from 'react';\n",
        "import z from 'z';\nimport React from 'preact';\n",
    ];
    conflict("a.ts", files, Class::Value, Reason::SameLines);
}

#[test]
fn imports_leave_alone_what_both_add_for_its_effects_or_with_names_that_nobody_can_see() {
    let added = [
        ("a.ts", "import z from 'z';\n", "import './b.css';\n", "import './c.css';\n"),
        ("a.py", "import z\n", "from a import *\n", "from b import *\n"),
    ];
    for (path, base, ours, theirs) in added {
        let [ours, theirs] = [ours, theirs].map(|line| format!("{base}{line}"));
        conflict(path, [base, &ours, &theirs], Class::Value, Reason::SameLines);
    }
}

/// A removed import that binds no name says nothing of another that binds none.
#[test]
fn imports_keep_a_nameless_one_that_was_added_beside_a_removed_one() {
    let lines = [
        ("a.ts", "import './{}';\n"),
        ("a.ts", "import \"./{}\"\n"),
        ("a.ts", "export * from './{}';\n"),
        ("a.py", "from {} import *\n"),
        ("a.rs", "use {}::*;\n"),
        ("a.rs", "use {}::T as _;\n"),
        ("A.java", "import {}.*;\n"),
        ("A.java", "import static {}.*;\n"),
        ("a.go", "\t_ \"{}\"\n"),
        ("a.go", "\t. \"{}\"\n"),
    ];
    for (path, line) in lines {
        let file = |names: &[&str]| names.iter().map(|name| line.replace("{}", name)).collect::<String>();
        let [base, ours] = [file(&["a", "out", "z"]), file(&["a", "z"])];
        for [added, merged] in
            [[["a", "fresh", "out", "z"], ["a", "fresh", "z", ""]], [["a", "out", "new", "z"], ["a", "new", "z", ""]]]
        {
            let merged = file(&merged[..3]);
            clean(path, [&base, &ours, &file(&added)], Rung::Imports, &merged);
        }
    }
}

#[test]
fn imports_keep_a_comment_that_one_side_added_above_one() {
    let files = [
        ("a.py", "import a\n", "# why\nimport a\nimport b\n", "import a\nimport b\nimport c\n", "# why\n"),
        (
            "a.ts",
            "import 'z';\n",
            "// why\nimport { a } from 'a';\nimport 'z';\n",
            "import { a, b } from 'a';\nimport 'z';\n",
            "// why\n",
        ),
    ];
    for (path, base, ours, theirs, comment) in files {
        let outcome = with(&Options::default(), path, base, ours, theirs);
        let has = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(comment);
        assert!(!matches!(&outcome, Outcome::Clean { bytes, .. } if !has(bytes)), "{path}: {outcome:?}");
    }
}

#[test]
fn imports_leave_a_removed_name_that_is_newly_used_alone() {
    let base = "import os\nimport re\n\nre.sub()\nold(re)\n";
    let ours = "import os\nimport sys\nimport re\n\nre.sub()\nold(re)\nnew(re)\n";
    let theirs = "import os\n\nold()\n";
    let outcome = with(&Options::default(), "a.py", base, ours, theirs);
    assert!(matches!(outcome, Outcome::Conflict(_)), "{outcome:?}");
}

/// The most ordinary concurrent edit: a new function on each side, and what it needs.
#[test]
fn imports_and_declarations_of_one_file_merge_together() {
    let files = [
        (
            "a.rs",
            ["use std::a;\n", "use std::fmt;\n", "use std::io;\n"],
            [
                "\nfn first() {\n    one();\n}\n",
                "\nfn second() {\n    two();\n}\n",
                "\nfn third() {\n    three();\n}\n",
            ],
        ),
        (
            "a.py",
            ["import a\n", "import b\n", "import c\n"],
            ["\n\ndef first():\n    one()\n", "\n\ndef second():\n    two()\n", "\n\ndef third():\n    three()\n"],
        ),
        (
            "A.java",
            ["import a.A;\n", "import a.B;\n", "import a.C;\n"],
            [
                "\nclass A {\n    void one() {\n        a();\n    }\n",
                "\n    void duo() {\n        b();\n    }\n",
                "\n    void three() {\n        c();\n    }\n",
            ],
        ),
        (
            "a.ts",
            ["import { a } from 'a';\n", "import { b } from 'b';\n", "import { c } from 'c';\n"],
            [
                "\nfunction first() {\n  a();\n}\n",
                "\nfunction second() {\n  b();\n}\n",
                "\nfunction third() {\n  c();\n}\n",
            ],
        ),
    ];
    for (path, [import, ours_import, theirs_import], [first, second, third]) in files {
        let end = if path == "A.java" { "}\n" } else { "" };
        let base = [import, first, end].concat();
        let (ours, theirs) =
            ([import, ours_import, first, second, end].concat(), [import, theirs_import, first, third, end].concat());
        let (imports, functions) = ([ours_import, theirs_import].concat(), format!("{second}{third}"));
        let merged = [import, &imports, first, functions.as_str(), end].concat();
        clean(path, [&base, &ours, &theirs], Rung::Code, &merged);
    }
}
