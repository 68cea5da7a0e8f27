//! Inputs made to hurt: the answer may be a conflict, but it comes. Work that grew with the square of these sizes would
//! take hours, so each test that ends has shown its bound.

use quorate_semantic::{Input, Options, Outcome, Reason, merge};

const PATHS: &[&str] = &[
    "a.rs",
    "a.ts",
    "a.py",
    "a.go",
    "A.java",
    "a.sh",
    "a.json",
    "a.toml",
    "a.yaml",
    "a.md",
    "a.txt",
    "a.c",
    "a.cpp",
    "A.cs",
    "A.kt",
    "a.swift",
    "a.php",
    "a.rb",
    "a.css",
    "a.sql",
    "a.html",
    "Makefile",
    ".gitignore",
];

fn merged(base: &[u8], ours: &[u8], theirs: &[u8], path: &str) -> Outcome {
    let options = Options::default();
    let there = merge(&Input { base: Some(base), ours, theirs, path, options: &options });
    let back = merge(&Input { base: Some(base), ours: theirs, theirs: ours, path, options: &options });
    if let (Outcome::Clean { bytes: a, .. }, Outcome::Clean { bytes: b, .. }) = (&there, &back) {
        assert!(sorted(a) == sorted(b), "{path}: the sides differ in the order of additions at most");
    }
    there
}

fn sorted(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

/// Every language gets `piece` many times, changed at either end and in the middle by both.
fn survives(piece: &str, times: usize) {
    let base = piece.repeat(times);
    let ours = format!("x\n{base}{base}");
    let theirs = format!("{base}y{piece}\n");
    for path in PATHS {
        merged(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), path);
        merged(b"", ours.as_bytes(), theirs.as_bytes(), path);
    }
}

#[test]
fn twenty_thousand_open_brackets_are_answered() {
    for bracket in ["[", "(", "{", "{\"a\":", "- ", "a: {", "[[a]]\n"] {
        survives(bracket, 20_000);
    }
}

#[test]
fn strings_that_never_end_are_answered() {
    for quote in ["\"", "'", "`", "r#\"", "\"\"\"", "\"\\", "'\\", "/*", "\"'", "\\"] {
        survives(quote, 20_000);
    }
}

#[test]
fn texts_and_directives_that_never_end_are_answered() {
    for mark in ["<<~A ", "<<<A\n", "<<A\nB\n", "#if\n", "#define \\\n", "R\"x(", "#\"", "=begin\n", "?>", "$$", "A::"]
    {
        survives(mark, 20_000);
    }
}

#[test]
fn a_line_of_a_mebibyte_is_answered() {
    for piece in ["a", "a b ", "a,", "\u{e9}", "1."] {
        let line = piece.repeat(1024 * 1024 / piece.len());
        let (ours, theirs) = (format!("x{line}\n"), format!("{line}y\n"));
        for path in PATHS {
            merged(line.as_bytes(), ours.as_bytes(), theirs.as_bytes(), path);
        }
    }
}

#[test]
fn ten_megabytes_are_merged_by_lines() {
    let lines: Vec<String> = (0..350_000).map(|i| format!("line number {i} of many\n")).collect();
    let base = lines.concat();
    let (ours, theirs) = (format!("first\n{base}"), format!("{base}last\n"));
    let outcome = merged(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), "a.rs");
    assert!(matches!(outcome, Outcome::Clean { bytes, .. } if bytes == format!("first\n{base}last\n").into_bytes()));
}

#[test]
fn ten_megabytes_with_nothing_in_common_are_answered() {
    let file = |name: &str| (0..350_000).map(|i| format!("{name} {i}\n")).collect::<String>();
    merged(file("base").as_bytes(), file("ours").as_bytes(), file("theirs").as_bytes(), "a.rs");
}

#[test]
fn a_file_above_the_limit_is_a_conflict() {
    let base = vec![b'a'; 17 * 1024 * 1024];
    let outcome = merged(&base, b"x\n", b"y\n", "a.txt");
    assert!(matches!(outcome, Outcome::Conflict(c) if c.reason == Reason::TooLarge));
}

#[test]
fn line_ends_of_each_kind_stay_as_they_are() {
    for end in ["\n", "\r\n", "\r"] {
        let file = |words: [&str; 5]| words.join(end);
        let (base, ours) = (file(["a", "b", "c", "d", "e"]), file(["A", "b", "c", "d", "e"]));
        let theirs = file(["a", "b", "c", "d", "E"]);
        match merged(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), "a.txt") {
            Outcome::Clean { bytes, .. } => assert_eq!(bytes, file(["A", "b", "c", "d", "E"]).into_bytes()),
            // Without a line feed the file is one line.
            Outcome::Conflict(_) => assert_eq!(end, "\r"),
        }
    }
}

/// Bytes of stack, a quarter of what a thread gets by default: enough for each rung once.
const STACK_BYTES: usize = 512 * 1024;

#[test]
fn returns_in_a_row_before_a_line_end_cost_no_stack() {
    let returns = "\r".repeat(100_000);
    for end in ["\n", "\r\n"] {
        let file = |head: &str| format!("{head}q{end}x{returns}\n");
        let (base, ours, theirs) = (file("a\nb\n"), "a1\nb\nq\n".to_string(), file("a\nb2\n"));
        let merge = move || merged(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), "a.txt");
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(merge).expect("the system has threads");
        assert!(
            matches!(thread.join().expect("the merge ends"), Outcome::Clean { bytes, .. } if bytes == b"a1\nb2\nq\n")
        );
    }
}

/// 128 keys at each of 127 inline tables: a value of 16,000 levels would be dropped level by level.
#[test]
fn dotted_keys_in_inline_tables_of_toml_overflow_no_small_stack() {
    let path = vec!["a"; 128].join(".");
    let line = format!("{}{path} = 1{}\n", format!("{path} = {{").repeat(127), "}".repeat(127));
    let file = |x: u8, y: u8| format!("x = {x}\n\n{line}\ny = {y}\n");
    let (base, ours, theirs) = (file(1, 1), file(2, 1), file(1, 2));
    let merge = move || merged(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), "a.toml");
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(merge).expect("the system has threads");
    assert!(thread.join().is_ok(), "the merge ends");
}

#[test]
fn a_byte_order_mark_stays_at_the_front() {
    let (base, ours, theirs) = (
        "\u{feff}{\n\"a\": 1,\n\n\"b\": 1\n}\n",
        "\u{feff}{\n\"a\": 2,\n\n\"b\": 1\n}\n",
        "\u{feff}{\n\"a\": 1,\n\n\"b\": 2\n}\n",
    );
    let outcome = merged(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), "a.json");
    let expected = "\u{feff}{\n\"a\": 2,\n\n\"b\": 2\n}\n".as_bytes().to_vec();
    assert!(matches!(outcome, Outcome::Clean { bytes, .. } if bytes == expected));
}

#[test]
fn what_is_not_text_is_not_merged() {
    for (ours, theirs) in [(&b"a\0x\n"[..], &b"a\0y\n"[..]), (b"\xff\n", b"\xfe\n")] {
        let outcome = merged(b"a\n", ours, theirs, "a.txt");
        assert!(matches!(outcome, Outcome::Conflict(c) if c.reason == Reason::Binary));
    }
}

#[test]
fn names_that_only_look_the_same_do_not_meet() {
    let base = "a = 1\n";
    let (ours, theirs) = ("a = 1\ncaf\u{e9} = 1\n", "a = 1\ncafe\u{301} = 1\n");
    for path in PATHS {
        let outcome = merged(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), path);
        assert!(matches!(outcome, Outcome::Conflict(_)), "{path}");
    }
}

#[test]
fn what_would_cost_the_square_or_cube_of_its_length_is_answered() {
    let lines = |what: &str| (0..3000).map(|i| format!("{what}{i}\n")).collect::<String>();
    let (ours, theirs) = (format!("x = 1\n{}", lines("import b")), format!("x = 1\n{}", lines("import c")));
    let imports = merged(b"x = 1\n", ours.as_bytes(), theirs.as_bytes(), "a.py");
    assert!(matches!(imports, Outcome::Clean { .. }));
    for line in [";".repeat(200_000), (0..9000).map(|i| format!("w{i} ")).collect()] {
        let [ours, theirs] = ["v", "u"].map(|to| line.replace('w', to) + "\nfunction " + to + "() {}\n");
        merged((line + "\n").as_bytes(), ours.as_bytes(), theirs.as_bytes(), "a.ts");
    }
}

/// A short word of its own for each number.
fn word(number: usize) -> String {
    format!("w{number:x}")
}

#[test]
fn a_sweep_beside_as_many_other_edits_is_answered() {
    const GROUPS: usize = 20_000;
    let file = |swept: &str, edited: &str, last: &str| {
        let group = |n: usize| format!("{swept}{}\n{edited}\n{}\n", word(n), word(GROUPS + n));
        (0..GROUPS).map(group).collect::<String>() + last
    };
    let (base, ours, theirs) = (file("x\n", "c", "x z\n"), file("y\n", "c", "y z\n"), file("", "d", "x z\n"));
    merged(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), "a.txt");
}

#[test]
fn declarations_in_each_other_around_many_lines_are_answered() {
    let of = |p: u8, q: u8| {
        let (open, close) = ("class a{\n".repeat(200), "}\n".repeat(200));
        format!("{open}int p = {p};\nint q = {q};\n{}{close}", "x\n".repeat(120_000))
    };
    merged(of(1, 3).as_bytes(), of(2, 3).as_bytes(), of(1, 4).as_bytes(), "A.java");
}

#[test]
fn lines_that_one_side_indents_and_the_other_edits_are_answered() {
    let file = |line: &dyn Fn(usize) -> String| (0..40_000).map(line).collect::<String>();
    let base = file(&|n| format!("{} b\n", word(n)));
    let ours = file(&|n| format!("{}{} b\n", if n % 64 == 0 { "" } else { " " }, word(n)));
    let theirs = file(&|n| format!("{} {}\n", word(n), if n % 64 == 32 { "b" } else { "c" }));
    merged(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), "a.py");
}

#[test]
fn a_bracket_that_closes_on_the_line_of_the_one_around_it_ends_nothing() {
    for (path, head) in
        [("A.java", "class A"), ("a.ts", "class A"), ("a.kt", "class A"), ("a.cs", "class A"), ("a.rs", "impl A")]
    {
        let file = |one: &str, two: &str| {
            format!("{head} {{\n  void g() {{\n    {one}\n    {two}\n  }}\n  void f() {{\n    a();\n  }}}}\n")
        };
        let [base, ours, theirs] = [file("c();", "d();"), file("c(2);", "d();"), file("c();", "d(2);")];
        for rules in quorate_semantic::Rules::ALL {
            let options = Options { rules, ..Options::default() };
            let (base, ours, theirs) = (Some(base.as_bytes()), ours.as_bytes(), theirs.as_bytes());
            merge(&Input { base, ours, theirs, path, options: &options });
        }
    }
}

#[test]
fn an_import_whose_brackets_stand_the_wrong_way_round_ends_nothing() {
    let imports = [
        ("a.py", "from a)b import (c"),
        ("a.js", "import } from {'a"),
        ("a.rs", "use a}b{c"),
        ("a.swift", "import )c("),
    ];
    for (path, import) in imports {
        let file = |name: &str| format!("{import}{}{name}\n", if path == "a.py" { ", " } else { "';" });
        let [base, ours, theirs] = ["d", "e", "f"].map(file);
        for rules in quorate_semantic::Rules::ALL {
            let options = Options { rules, ..Options::default() };
            let (base, ours, theirs) = (Some(base.as_bytes()), ours.as_bytes(), theirs.as_bytes());
            merge(&Input { base, ours, theirs, path, options: &options });
        }
    }
}
