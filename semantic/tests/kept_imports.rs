//! Imports that vanished or changed beside a comment, a second statement or another import of one name: each merge keeps what
//! both sides wrote, or is a conflict.

use quorate_semantic::{Input, Options, Outcome, Rules, merge};

fn merged_by(rules: Rules, path: &str, [base, ours, theirs]: [&str; 3]) -> Option<String> {
    let options = Options { rules, ..Options::default() };
    let [base, ours, theirs] = [base, ours, theirs].map(str::as_bytes);
    match merge(&Input { base: Some(base), ours, theirs, path, options: &options }) {
        Outcome::Clean { bytes, .. } => Some(String::from_utf8(bytes).expect("text")),
        Outcome::Conflict(_) => None,
    }
}

/// What comes out, whose exchanged sides give the same.
#[track_caller]
fn merged(path: &str, [base, ours, theirs]: [&str; 3]) -> Option<String> {
    let there = merged_by(Rules::NEWEST, path, [base, ours, theirs]);
    assert_eq!(there, merged_by(Rules::NEWEST, path, [base, theirs, ours]), "the sides have no names");
    there
}

/// Rules 23 lost this text, and now it stands in what comes out.
#[track_caller]
fn stays(text: &str, path: &str, files: [&str; 3]) {
    let before = merged_by(Rules::V23, path, files);
    assert!(before.is_some_and(|bytes| !bytes.contains(text)), "{path}: rules 23 did not lose {text:?}");
    let now = merged(path, files).unwrap_or_else(|| panic!("{path}: a conflict"));
    assert!(now.contains(text), "{path}: {now}");
}

/// Rules 23 lost this text, and now it stands in what comes out, or the merge is a conflict.
#[track_caller]
fn is_not_lost(text: &str, path: &str, files: [&str; 3]) {
    let has = |bytes: &String| bytes.contains(text);
    assert!(!merged_by(Rules::V23, path, files).as_ref().is_none_or(has), "{path}: rules 23 did not lose {text:?}");
    let now = merged(path, files);
    assert!(now.as_ref().is_none_or(has), "{path}: {now:?}");
}

/// Rules 23 answered, and wrongly.
#[track_caller]
fn conflicts(path: &str, files: [&str; 3]) {
    assert!(merged_by(Rules::V23, path, files).is_some(), "{path}: rules 23 refused it");
    assert_eq!(merged(path, files), None, "{path}");
}

#[test]
fn brackets_in_a_comment_behind_an_import_are_no_list_of_names() {
    let python = "import a\n\nq()\n";
    stays(
        "import os  # os.getcwd()",
        "a.py",
        [python, "import a\nimport os  # os.getcwd()\n\nq()\n", "import a\nimport z\n\nq()\n"],
    );
    stays(
        "std::fmt::Write",
        "a.rs",
        [
            "use a::b;\nfn f() {}\n",
            "use a::b;\nuse std::fmt::Write; // write!(s, \"{}\", x)\nfn f() {}\n",
            "use a::b;\nuse z::y;\nfn f() {}\n",
        ],
    );
    stays(
        "C\\D",
        "a.php",
        ["<?php\nuse A\\B;\n", "<?php\nuse A\\B;\nuse C\\D; // {}\n", "<?php\nuse A\\B;\nuse Z\\Y;\n"],
    );
    let arguments = [python, "import a\nimport b  # uses f(x, y)\n\nq()\n", "import a\nimport c\n\nq()\n"];
    let joined = merged_by(Rules::V23, "a.py", arguments).expect("no conflict by rules 23");
    assert!(joined.contains("f(c, x, y)"), "what was wrong: {joined}");
    assert_eq!(merged("a.py", arguments).as_deref(), Some("import a\nimport b  # uses f(x, y)\nimport c\n\nq()\n"));
}

#[test]
fn a_second_statement_on_the_line_of_an_import_is_no_part_of_it() {
    is_not_lost("pdb.set_trace()", "a.py", ["import pdb\nq()\n", "import pdb; pdb.set_trace()\nq()\n", "q()\n"]);
    let files = |second: &str| {
        [
            "import a\n\nq()\n".to_owned(),
            format!("import a\n{second}\n\nq()\n"),
            "import a\nimport z\n\nq()\n".to_owned(),
        ]
    };
    for second in ["from gevent import monkey; monkey.patch_all()", "import gi; gi.require_version('Gtk', '3.0')"] {
        let files = files(second);
        is_not_lost(second, "a.py", files.each_ref().map(String::as_str));
    }
    let base = "use d::pi;\nuse rho::w;\nfn f() { pi() }\n";
    let (ours, theirs) = (base.replace("d::pi", "eta::pi"), base.replace(";\nuse rho", "; use rho"));
    conflicts("a.rs", [base, &ours, &theirs]);
}

#[test]
fn an_import_that_one_side_adds_beside_another_of_its_name_stands_where_the_other_goes() {
    let class = |rest: &str| format!("class A {{\n    void go() {{ run(1); }}\n{rest}}}\n");
    let base = format!("import static z.Go.run;\n\n{}", class(""));
    let ours = format!("import static b.Go.run;\n{base}");
    let theirs = class("\n    void run(Object a) {}\n");
    stays("import static b.Go.run;", "A.java", [&base, &ours, &theirs]);
    is_not_lost(
        "from b import go",
        "a.py",
        ["from z import go\ny = 2\n", "from b import go\nfrom z import go\ny = 2\n", "y = 2\n"],
    );
}

#[test]
fn a_comment_that_one_side_puts_behind_an_import_stays_behind_it() {
    let base = "import put\nimport sig\nimport b\n";
    let commented = "import put\nimport sig  # noqa\nimport b\n";
    let added = "import put\nimport sig\nimport b\nimport c\n";
    let both = "import put\nimport sig  # noqa\nimport b\nimport c\n";
    assert_eq!(merged("a.py", [base, commented, added]).as_deref(), Some(both));
    is_not_lost("# noqa", "a.py", ["import sig\nimport b\n", base, commented]);
    is_not_lost("kept for tests", "a.rs", ["use d::pi;\n", "use d::{pi, tau};\n", "use d::pi; // kept for tests\n"]);
}

#[test]
fn a_comment_goes_with_the_import_that_it_stands_behind() {
    let base = "import os  # for paths\nimport sys\n";
    assert_eq!(
        merged("a.py", [base, "import sys\n", "import os  # for paths\nimport sys\nimport z\n"]).as_deref(),
        Some("import sys\nimport z\n")
    );
}

#[test]
fn an_address_in_quotes_holds_no_comment() {
    let base = "import a from 'https://x/a';\n";
    let of = |name: &str| format!("{base}import {name} from 'https://x/{name}';\n");
    let both = format!("{}import c from 'https://x/c';\n", of("b"));
    assert_eq!(merged("a.js", [base, &of("b"), &of("c")]).as_deref(), Some(both.as_str()));
}

#[test]
fn all_names_of_a_module_are_no_name_in_a_list_of_it() {
    let of = |line: &str| format!("import os\n{line}\nx()\n");
    let files = [of(""), of("from a import *\n"), of("from a import p, q\n")];
    let out = merged("a.py", [0, 1, 2].map(|i: usize| &*files[i]));
    assert!(out.as_ref().is_none_or(|out| !out.contains("*,")), "{out:?}");
}

#[test]
fn a_module_and_itself_in_a_list_of_its_names_do_not_both_stand() {
    let of = |line: &str| format!("{line}use std::io;\n\nfn a() {{}}\n");
    let files = [of(""), of("use std::fmt;\n"), of("use std::fmt::{self, Display};\n")];
    assert_eq!(merged("a.rs", [0, 1, 2].map(|i: usize| &*files[i])), None);
}

#[test]
fn a_name_that_one_side_takes_out_of_an_import_does_not_come_back_where_the_other_moves_it() {
    let (base, ours) =
        ("import b\nimport c\nfrom a import p, q\n\nx()\n", "from a import p, q\nimport b\nimport c\n\nx()\n");
    let out = merged("a.py", [base, ours, "import b\nimport c\nfrom a import p\n\nx()\n"]);
    assert!(out.as_ref().is_none_or(|out| !out.contains('q')), "{out:?}");
}
