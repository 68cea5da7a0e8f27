//! One merge for each rung, and each thing a rung leaves alone.

mod parsers;

use quorate_semantic::{Check, Class, Input, Labels, ListKey, Options, Outcome, Reason, Rung, markers, merge};

fn with(options: &Options, path: &str, base: &str, ours: &str, theirs: &str) -> Outcome {
    let input = Input { base: Some(base.as_bytes()), ours: ours.as_bytes(), theirs: theirs.as_bytes(), path, options };
    let back = Input { ours: input.theirs, theirs: input.ours, ..input };
    let (there, back) = (merge(&input), merge(&back));
    parsers::check(&input, &there);
    match (&there, &back) {
        (Outcome::Conflict(a), Outcome::Conflict(b)) => {
            assert_eq!((a.class, a.reason, &a.proposal), (b.class, b.reason, &b.proposal))
        }
        (Outcome::Clean { bytes: a, rung: by }, Outcome::Clean { bytes: b, rung: back }) => {
            assert_eq!((by, sorted(a)), (back, sorted(b)), "the sides differ in the order of additions at most")
        }
        _ => assert_eq!(there, back, "the sides have no names"),
    }
    there
}

fn sorted(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    lines.sort_unstable();
    lines
}

#[track_caller]
fn clean(path: &str, [base, ours, theirs]: [&str; 3], rung: Rung, expected: &str) {
    match with(&Options::default(), path, base, ours, theirs) {
        Outcome::Clean { bytes, rung: by } => {
            assert_eq!(String::from_utf8(bytes).expect("text"), expected);
            assert_eq!(by, rung);
        }
        Outcome::Conflict(c) => panic!("{c:?}"),
    }
}

#[track_caller]
fn conflict(path: &str, [base, ours, theirs]: [&str; 3], class: Class, reason: Reason) {
    match with(&Options::default(), path, base, ours, theirs) {
        Outcome::Conflict(c) => assert_eq!((c.class, c.reason), (class, reason), "{c:?}"),
        Outcome::Clean { bytes, .. } => panic!("clean: {}", String::from_utf8_lossy(&bytes)),
    }
}

// ── text ──

#[test]
fn text_lets_edits_of_adjacent_lines_through() {
    let files = ["timeout = 10\nretries = 3\n", "timeout = 20\nretries = 3\n", "timeout = 10\nretries = 5\n"];
    clean("notes.txt", files, Rung::Text, "timeout = 20\nretries = 5\n");
}

#[test]
fn text_lets_edits_of_words_on_different_lines_of_one_rewrapped_stretch_through() {
    let base = "    let total = sum(first, second);\n    report(total);\n";
    let ours = "    let total = sum(\n        first,\n        second,\n    );\n    report(total);\n";
    let theirs = "    let total = sum(first, second);\n    report(total, now);\n";
    let merged = "    let total = sum(\n        first,\n        second,\n    );\n    report(total, now);\n";
    clean("a.rs", [base, ours, theirs], Rung::Text, merged);
}

#[test]
fn text_leaves_two_edits_of_one_line_alone_and_proposes_both() {
    let files = ["call(a, b, c);\n", "call(x, b, c);\n", "call(a, b, z);\n"];
    conflict("a.rs", files, Class::Value, Reason::SameLines);
    let Outcome::Conflict(c) = with(&Options::default(), "a.rs", files[0], files[1], files[2]) else { panic!("clean") };
    assert_eq!(c.proposal.as_deref(), Some(&b"call(x, b, z);\n"[..]));
}

#[test]
fn a_new_layout_that_says_something_else_never_gives_way() {
    let laid_out = [
        ("a.js", "const s = `\nx\nx\n  a b\nx\nx\n`;\n", "  a b\n", "    a b\n", "  a c\n"),
        ("a.rs", "let s = \"x\nx\nx\n  y\nx\nx\";\n", "  y\n", "      y\n", "  z\n"),
        ("a.toml", "s = \"\"\"\nx\nx\n  a b\nx\nx\n\"\"\"\n", "  a b\n", "    a b\n", "  a c\n"),
        ("a.rs", "// one\nf(a, b);\n", "// one\nf(a, b);\n", "// one f(a, b);\n", "// one\nf(a, c);\n"),
        ("a.js", "function f() {\n  return x;\n}\n", "return x", "return\n  x", "return y"),
        ("a.go", "a := b\n-c()\n", "b\n-c()", "b - c()", "b\n-d()"),
        ("a.sh", "a b\nc d\n", "b\nc d", "b c d", "b\nc e"),
        ("a.sh", "cat <<E\nx y\nE\n", "x y", "x   y", "x z"),
    ];
    for (path, base, from, ours, theirs) in laid_out {
        let [ours, theirs] = [ours, theirs].map(|to| base.replace(from, to));
        let outcome = with(&Options::default(), path, base, &ours, &theirs);
        assert!(matches!(outcome, Outcome::Conflict(_)), "{path}: {outcome:?}");
    }
}

#[test]
fn text_merges_two_edits_of_one_line_where_policy_allows() {
    let options = Options { same_line: true, ..Options::default() };
    let outcome = with(&options, "a.rs", "call(a, b, c);\n", "call(x, b, c);\n", "call(a, b, z);\n");
    assert!(matches!(outcome, Outcome::Clean { bytes, rung: Rung::Text } if bytes == b"call(x, b, z);\n"));
}

#[test]
fn text_leaves_two_additions_at_one_place_alone() {
    let files = ["start();\nend();\n", "start();\nfirst();\nend();\n", "start();\nsecond();\nend();\n"];
    conflict("a.txt", files, Class::Value, Reason::SameLines);
}

// ── both added ──

#[test]
fn whole_elements_that_both_added_at_one_place_stand_in_agreed_order() {
    let added = [
        ("a.js", "start();\n", "  a.use(one);\n", "  b.use(two);\n", "end();\n"),
        ("a.rs", "fn f() {\n", "    let a = one();\n", "    b(&two);\n", "}\n"),
        ("a.go", "x := T{\n", "\tone: 1,\n", "\ttwo: f(),\n", "}\n"),
        ("a.py", "def f():\n    a()\n", "    if b:\n        c()\n", "    d.e(g)\n", "    z()\n"),
        ("A.java", "class A {\n", "    int x = 1;\n", "    @B\n    String y;\n", "}\n"),
    ];
    for (path, above, ours, theirs, below) in added {
        let of = |added: &str| [above, added, below].concat();
        let base = of("");
        clean(path, [&base, &of(ours), &of(theirs)], Rung::Text, &of(&[ours, theirs].concat()));
        clean(path, [&base, &of(theirs), &of(ours)], Rung::Text, &of(&[theirs, ours].concat()));
    }
}

#[test]
fn an_element_that_the_diff_cuts_in_the_middle_is_slid_to_its_border() {
    let item = |name: &str, url: &str| format!("  {{\n    name: '{name}',\n    url: '{url}',\n  }},\n");
    let of = |items: &[String]| format!("const all = [\n{}];\n", items.concat());
    let [a, b, c, z] = [item("a", "x.org/1"), item("b", "y.com/2"), item("c", "v.net/3"), item("z", "w.io/9")];
    let base = of(&[a.clone(), z.clone()]);
    let (ours, theirs) = (of(&[a.clone(), b.clone(), z.clone()]), of(&[a.clone(), c.clone(), z.clone()]));
    clean("a.js", [&base, &ours, &theirs], Rung::Text, &of(&[a, b, c, z]));
}

#[test]
fn additions_that_may_be_about_one_thing_are_left_alone() {
    let added = [
        ("a.js", "const x = [\n  a,\n", "  one\n", "  two,\n", "];\n"),
        ("a.go", "func f() {\n", "\tmax := a.b\n", "\tmax := c()\n", "}\n"),
        ("a.rs", "fn f() {\n", "    let n = a(1);\n", "    let n = b.c();\n", "}\n"),
        ("a.js", "start()\n", "  .then(one)\n", "  .catch(two)\n", ";\n"),
        ("a.rs", "fn f() {\n", "    check(a, b, c);\n", "    check(a, b, d);\n", "}\n"),
        ("a.rs", "fn f() {\n", "    if a {\n", "    b();\n", "}\n"),
        ("a.rs", "fn f() {\n", "    a();\n", "        b();\n", "}\n"),
        ("a.txt", "one\n", "two\n", "three\n", "four\n"),
    ];
    for (path, above, ours, theirs, below) in added {
        let [base, ours, theirs] = ["", ours, theirs].map(|added| [above, added, below].concat());
        let outcome = with(&Options::default(), path, &base, &ours, &theirs);
        assert!(matches!(outcome, Outcome::Conflict(_)), "{path}: {outcome:?}");
    }
}

#[test]
fn of_two_additions_at_one_place_the_one_that_holds_the_other_stands() {
    let files = ["a\nb\n", "a\nx 1\nb\n", "a\nx 1\ny 2\nb\n"];
    clean("a.txt", files, Rung::Text, files[2]);
    let files = ["f();\n", "f();\ng(x);\n", "f();\nif (y) {\n  g(x);\n}\n"];
    clean("a.js", files, Rung::Text, files[2]);
}

#[test]
fn an_edit_is_indented_as_the_other_side_indented_its_lines() {
    let base = "fn f() {\n    one(1);\n    two(2);\n    three(3);\n}\n";
    let ours = "fn f() {\n    if ready() {\n        one(1);\n        two(2);\n        three(3);\n    }\n}\n";
    let theirs = "fn f() {\n    one(1);\n    two(7);\n    three(3);\n}\n";
    clean("a.rs", [base, ours, theirs], Rung::Text, &ours.replace("two(2)", "two(7)"));
    let (base, ours, theirs) =
        ("a(1)\nb(2)\nc(3)\n", "with x:\n    a(1)\n    b(2)\n    c(3)\n", "a(1)\nb(2)\nnew(5)\nc(3)\n");
    let merged = "with x:\n    a(1)\n    b(2)\n    new(5)\n    c(3)\n";
    clean("a.py", [base, ours, theirs], Rung::Text, merged);
}

#[test]
fn an_addition_beside_an_edit_that_leaves_its_block_is_left_alone() {
    let base = "type I interface {\n\tA() int\n\tLast() int\n}\n";
    let ours = "type I interface {\n\tA() int\n\tLast() error\n}\n\ntype S struct {\n\tx int\n}\n";
    let theirs = "type I interface {\n\tA() int\n\tLast() int\n\tNew() string\n}\n";
    let outcome = with(&Options::default(), "a.go", base, ours, theirs);
    let in_interface =
        |bytes: &[u8]| String::from_utf8_lossy(bytes).find("New()") < String::from_utf8_lossy(bytes).find("struct");
    assert!(!matches!(&outcome, Outcome::Clean { bytes, .. } if !in_interface(bytes)), "{outcome:?}");
}

#[test]
fn an_entry_that_one_side_added_and_the_other_made_of_its_neighbour_never_stands_twice() {
    let files =
        ["x = [\n  \"a\",\n  \"b\"\n]\n", "x = [\n  \"a\",\n  \"b\",\n  \"c\"\n]\n", "x = [\n  \"a\",\n  \"c\"\n]\n"];
    for path in ["a.js", "a.py", "a.txt"] {
        let outcome = with(&Options::default(), path, files[0], files[1], files[2]);
        let twice = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches("\"c\"").count() > 1;
        assert!(!matches!(&outcome, Outcome::Clean { bytes, .. } if twice(bytes)), "{path}: {outcome:?}");
    }
}

// ── line ends ──

/// A file of some lines in every language, and the same with one line edited, one added and one taken away.
const LINED: [(&str, &str, &str); 4] = [
    (
        "a.rs",
        "fn a() {\n    one(1);\n    two(2);\n    three(3);\n}\n",
        "fn a() {\n    one(7);\n    new();\n    two(2);\n}\n",
    ),
    ("a.py", "def a():\n    one(1)\n    two(2)\n    three(3)\n", "def a():\n    one(7)\n    new()\n    two(2)\n"),
    ("a.json", "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}\n", "{\n  \"a\": 7,\n  \"n\": 0,\n  \"b\": 2\n}\n"),
    ("a.txt", "one 1\ntwo 2\nthree 3\n", "one 7\nnew\ntwo 2\n"),
];

#[test]
fn an_edit_takes_the_line_ends_that_the_other_side_gave_the_whole_file() {
    for (path, base, edited) in LINED {
        let turned = |text: &str| text.replace('\n', "\r\n");
        clean(path, [base, &turned(base), edited], Rung::Text, &turned(edited));
        clean(path, [&turned(base), base, &turned(edited)], Rung::Text, edited);
    }
}

#[test]
fn edits_of_both_meet_in_the_line_ends_that_one_of_them_turned_to() {
    let (base, ours, theirs) = ("a 1\nb\nc\nd\ne 5\n", "a 2\r\nb\r\nc\r\nd\r\ne 5\r\n", "a 1\nb\nc\nd\ne 6\n");
    clean("a.txt", [base, ours, theirs], Rung::Text, "a 2\r\nb\r\nc\r\nd\r\ne 6\r\n");
    let both = theirs.replace('\n', "\r\n");
    clean("a.txt", [base, ours, &both], Rung::Text, "a 2\r\nb\r\nc\r\nd\r\ne 6\r\n");
    conflict("a.txt", [base, ours, "a 3\nb\nc\nd\ne 5\n"], Class::Value, Reason::SameLines);
}

#[test]
fn a_mixed_file_that_both_turned_to_other_line_ends_is_a_conflict() {
    let files = ["a\nb\r\nc\nd\r\n", "a\nb\nc\nd\n", "a\r\nb\r\nc\r\nd\r\n"];
    conflict("a.txt", files, Class::Value, Reason::LineEnds);
}

#[test]
fn a_side_that_only_dropped_the_lines_of_other_ends_turned_none() {
    let files = ["a\nb\nx\r\n", "a1\nb\n", "a\nb2\r\nx\r\n"];
    clean("a.txt", files, Rung::Text, "a1\nb2\r\n");
    // What it dropped stands elsewhere with the ends that it has there in base too.
    let files = ["x\nb\na\nx\r\n", "x\nb\na1\n", "x\nb2\r\na\nx\r\n"];
    clean("a.txt", files, Rung::Text, "x\nb2\r\na1\n");
    let files = ["a\r\nb\r\nx\n", "a1\r\nb\r\n", "a\r\nb2\nx\n"];
    clean("a.txt", files, Rung::Text, "a1\r\nb2\n");
}

#[test]
fn a_mixed_file_takes_the_line_ends_that_one_side_gave_it() {
    clean("a.txt", ["a\nb\nc\nx\r\n", "a1\nb\nc\nx\n", "a\nb\nc2\r\nx\r\n"], Rung::Text, "a1\nb\nc2\nx\n");
}

#[test]
fn a_side_that_turned_some_lines_only_never_gives_way_as_if_it_had_only_laid_out_anew() {
    let (base, ours, theirs) = ("f(a,\n  b);\ng();\n", "f(a,\r\n  b);\ng();\n", "f(a,\n  c);\ng();\n");
    let outcome = with(&Options::default(), "a.js", base, ours, theirs);
    let kept = |bytes: &[u8]| bytes == b"f(a,\r\n  c);\ng();\n";
    assert!(!matches!(&outcome, Outcome::Clean { bytes, .. } if !kept(bytes)), "{outcome:?}");
}

#[test]
fn an_addition_beside_lines_of_which_only_a_blank_one_is_left_is_refused() {
    let files = [
        "f() {\n    int kind = e.kind();\n    \n    use(e);\n}\n",
        "f() {\n\n    use(e);\n}\n",
        "f() {\n    Chooser c = chooser();\n    int kind = e.kind();\n    \n    use(e);\n}\n",
    ];
    conflict("A.java", files, Class::Value, Reason::SameLines);
}

#[test]
fn an_entry_beside_its_commented_out_twin_is_stopped() {
    let files = [
        "start(node);\nend(node);\n",
        "start(node);\nvisit(node);\nend(node);\n",
        "start(node);\n// TODO 5011\n// visit(node);\nend(node);\n",
    ];
    conflict("a.js", files, Class::Semantic, Reason::Refused(Check::CommentedOut));
}

#[test]
fn what_was_put_into_every_line_is_missed_by_no_other_line() {
    let base = "f(a);\nf(b);\nf(c);\nx = 1;\ny = 2;\n";
    let ours = "f(k, a);\nf(k, b);\nf(k, c);\nx = 3;\ny = 2;\n";
    let theirs = "f(a);\nf(b);\nf(c);\nx = 1;\ny = 4;\ng(a);\n";
    clean("a.js", [base, ours, theirs], Rung::Text, "f(k, a);\nf(k, b);\nf(k, c);\nx = 3;\ny = 4;\ng(a);\n");
}

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

// ── data ──

#[test]
fn data_takes_two_new_keys_at_one_place() {
    let base = "[dependencies]\nlog = \"0.4\"\n";
    let ours = "[dependencies]\nlog = \"0.4\"\nrand = \"0.9\" # dice\n";
    let theirs = "[dependencies]\nlog = \"0.4\"\nmio = '1'\n";
    clean(
        "Cargo.toml",
        [base, ours, theirs],
        Rung::Data,
        "[dependencies]\nlog = \"0.4\"\nmio = '1'\nrand = \"0.9\" # dice\n",
    );
}

#[test]
fn data_sets_json_commas_where_they_belong() {
    let base = "{\n  \"a\": 1\n}\n";
    let (ours, theirs) = ("{\n  \"a\": 1,\n  \"b\": 1.0\n}\n", "{\n  \"a\": 1,\n  \"c\": 0x1F\n}\n");
    clean("a.json", [base, ours, theirs], Rung::Data, "{\n  \"a\": 1,\n  \"b\": 1.0,\n  \"c\": 0x1F\n}\n");
}

#[test]
fn data_takes_new_keys_of_a_yaml_map() {
    let base = "env:\n  a: 1\non: push\n";
    let (ours, theirs) = ("env:\n  a: 1\n  b: yes # both\non: push\n", "env:\n  a: 1\n  c: 010\non: push\n");
    clean("ci.yml", [base, ours, theirs], Rung::Data, "env:\n  a: 1\n  b: yes # both\n  c: 010\non: push\n");
}

#[test]
fn data_leaves_one_key_with_two_values_alone() {
    let files = ["{\n  \"a\": 1\n}\n", "{\n  \"a\": 2\n}\n", "{\n  \"a\": 3\n}\n"];
    conflict("a.json", files, Class::Value, Reason::SameLines);
}

#[test]
fn data_leaves_one_new_key_with_two_values_alone() {
    let files = ["a = 1\n", "a = 1\nb = 1\n", "a = 1\nb = 2\n"];
    conflict("a.toml", files, Class::Semantic, Reason::Refused(Check::DuplicateKey));
}

#[test]
fn data_keeps_two_new_list_items_at_one_place() {
    let files = ["l:\n  - a\n", "l:\n  - a\n  - b\n", "l:\n  - a\n  - c\n"];
    clean("a.yaml", files, Rung::Data, "l:\n  - a\n  - b\n  - c\n");
}

#[test]
fn data_leaves_two_new_list_items_at_one_place_alone_where_policy_says_so() {
    let options = Options { union_lists: false, ..Options::default() };
    let outcome = with(&options, "a.yaml", "l:\n  - a\n", "l:\n  - a\n  - b\n", "l:\n  - a\n  - c\n");
    assert!(matches!(outcome, Outcome::Conflict(_)));
}

#[test]
fn data_leaves_what_an_anchor_touches_alone() {
    let files = ["a: &x\n  b: 1\nc: *x\n", "a: &x\n  b: 1\n  d: 1\nc: *x\n", "a: &x\n  b: 1\n  e: 1\nc: *x\n"];
    conflict("a.yaml", files, Class::Value, Reason::SameLines);
}

#[test]
fn data_lets_the_newest_version_win_where_policy_says_so() {
    let options = Options { newest_version: true, ..Options::default() };
    let file = |v: &str| format!("{{\n  \"version\": \"{v}\"\n}}\n");
    let outcome = with(&options, "package.json", &file("1.9.0"), &file("1.9.1"), &file("1.10.0"));
    assert!(matches!(outcome, Outcome::Clean { bytes, .. } if bytes == file("1.10.0").into_bytes()));
}

#[test]
fn a_number_or_an_address_that_both_raised_is_no_version() {
    let options = Options { newest_version: true, ..Options::default() };
    let one_line = [
        ("a.json", ["{ \"rate\": 0.5 }\n", "{ \"rate\": 0.7 }\n", "{ \"rate\": 0.9 }\n"]),
        ("a.yaml", ["cpu: '0.5'\n", "cpu: '0.6'\n", "cpu: '0.7'\n"]),
        ("a.py", ["alpha = 0.1\n", "alpha = 0.2\n", "alpha = 0.3\n"]),
        ("a.go", ["const bind = \"10.0.0.1\"\n", "const bind = \"10.0.0.2\"\n", "const bind = \"10.0.0.3\"\n"]),
    ];
    for (path, [base, ours, theirs]) in one_line {
        assert!(matches!(with(&options, path, base, ours, theirs), Outcome::Conflict(_)), "{path}");
    }
}

#[test]
fn data_takes_the_identity_of_list_items_from_policy() {
    let lists = vec![ListKey { list: "hosts".into(), key: "ip".into() }];
    let options = Options { lists, ..Options::default() };
    let item = |ip: u8, v: u8| format!("  - ip: {ip}\n    v: {v}\n");
    let base = format!("hosts:\n{}{}", item(1, 0), item(2, 0));
    let ours = format!("hosts:\n{}{}", item(1, 5), item(2, 0));
    let theirs = format!("hosts:\n{}{}", item(1, 0), item(2, 7));
    let outcome = with(&options, "a.yaml", &base, &ours, &theirs);
    let expected = format!("hosts:\n{}{}", item(1, 5), item(2, 7));
    assert!(matches!(outcome, Outcome::Clean { bytes, .. } if bytes == expected.into_bytes()));
}

// ── imports ──

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

// ── code ──

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

// ── rungs together ──

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

// ── checks ──

#[test]
fn items_and_sections_of_markdown_that_both_added_stand_in_agreed_order() {
    let base = "# News\n\n- old thing\n";
    let with = |item: &str| format!("{base}{item}");
    let [ours, theirs] = ["- faster start\n", "- fixes for the printer\n"];
    clean("a.md", [base, &with(ours), &with(theirs)], Rung::Text, &format!("{base}{ours}{theirs}"));
}

#[test]
fn lines_inside_of_two_elements_that_both_added_may_be_alike() {
    let base = "start();\nend();\n";
    let with = |name: &str, rest: &str| {
        format!("start();\nit('{name}', () => {{\n  const it = make();\n  {rest}\n}});\nend();\n")
    };
    let (ours, theirs) = (with("opens", "expect(it.door).open(wide);"), with("shuts", "check(window, locked, twice);"));
    let both = [&ours[..ours.len() - 7], &theirs[9..]].concat();
    clean("a.js", [base, &ours, &theirs], Rung::Text, &both);
}

#[test]
fn of_two_versions_that_both_wrote_anew_the_newest_wins_where_policy_says_so() {
    let options = Options { newest_version: true, ..Options::default() };
    let [base, ours, theirs] =
        ["[d]\na = \"1\"\n", "[d]\na = \"1\"\nb = \"5.5.5\"\n", "[d]\na = \"1\"\nb = \"5.6.2\"\n"];
    match with(&options, "a.toml", base, ours, theirs) {
        Outcome::Clean { bytes, .. } => assert_eq!(bytes, theirs.as_bytes()),
        Outcome::Conflict(c) => panic!("{c:?}"),
    }
    conflict("a.toml", [base, ours, theirs], Class::Semantic, Reason::Refused(Check::DuplicateKey));
}

#[test]
fn a_line_that_both_moved_elsewhere_is_stopped_by_its_check() {
    let files = ["m\na\nb\nc\nd\ne\n", "a\nb\nm\nc\nd\ne\n", "a\nb\nc\nd\nm\ne\n"];
    conflict("a.txt", files, Class::Semantic, Reason::Refused(Check::LineAccounting));
}

#[test]
fn a_merge_that_a_check_refused_is_shown_with_both_sides_and_never_as_if_it_were_clean() {
    let stretches = ["a = 1\nb = 2\n", "x\na\nb\nc\n", "use old\nold(1)\n"];
    let ours = ["a = 1\nb = 2\nc = 3\n", "a\nx\nb\nc\n", "use new\nnew(1)\n"];
    let theirs = ["c = 4\na = 1\nb = 2\n", "a\nb\nx\nc\n", "use old\nold(1)\nold(2)\n"];
    for ((base, ours), theirs) in stretches.into_iter().zip(ours).zip(theirs) {
        let Outcome::Conflict(c) = with(&Options::default(), "a.toml", base, ours, theirs) else { panic!("clean") };
        let shown = String::from_utf8(markers(&c, &Labels::default())).expect("text");
        assert!(c.check().is_some() && shown.contains("<<<<<<<") && shown.contains(">>>>>>>"), "{c:?}\n{shown}");
    }
}

#[test]
fn a_renamed_word_that_the_other_side_uses_anew_is_stopped_by_its_check() {
    let base = "let old = 1;\nuse(old);\nlast();\n";
    let ours = "let new = 1;\nuse(new);\nlast();\n";
    let theirs = "let old = 1;\nuse(old);\nlast(old);\n";
    conflict("a.js", [base, ours, theirs], Class::Semantic, Reason::Refused(Check::GoneWord));
}

#[test]
fn a_new_line_that_misses_a_change_to_all_its_like_is_stopped_by_its_check() {
    let base = "- env: py35-a\n- env: py35-b\n- env: py35-c\nlast\n";
    let ours = "- env: py36-a\n- env: py36-b\n- env: py36-c\nlast\n";
    let theirs = "- env: py35-a\n- env: py35-b\n- env: py35-c\n- env: py35-d\nlast\n";
    let outcome = with(&Options::default(), "a.txt", base, ours, theirs);
    let Outcome::Conflict(c) = outcome else { panic!("{outcome:?}") };
    assert!(matches!(c.check(), Some(Check::Pattern | Check::GoneWord)), "{c:?}");
}

#[test]
fn a_class_that_one_side_moved_never_comes_to_stand_above_the_base_that_the_other_gave_it() {
    let part = |text: &str| format!("{text}\n    pass\n\n\n");
    let [a, b, c, d] = ["class A:", "class B:", "def c():", "def d():"].map(part);
    for needs in ["class B(A):", "class B(x=A):"].map(part) {
        let base = [&*a, &c, &d, &b].concat();
        let theirs = [&*a, &c, &d, &needs].concat();
        for ours in [[&*b, &a, &c, &d], [&*c, &d, &b, &a]].map(|parts| parts.concat()) {
            let outcome = with(&Options::default(), "a.py", &base, &ours, &theirs);
            let Outcome::Conflict(c) = outcome else { panic!("{outcome:?}") };
            assert!(matches!(c.check(), None | Some(Check::DefinitionOrder)), "{c:?}");
        }
    }
}

#[test]
fn a_definition_that_one_side_moved_down_never_comes_to_stand_below_its_new_use() {
    let part = |name: &str, body: &str| format!("def {name}:\n    {body}\n\n\n");
    let [first, second, third] = [part("first()", "one()"), part("second()", "two()"), part("third()", "three()")];
    let base = [&*first, &second, &third, "last = 1\n"].concat();
    let ours = [&*second, &third, "last = 1\n\n\n", &first].concat();
    for (old, new) in
        [("third()", "third(x=first)"), ("last = 1", "last = first()"), ("def third", "@first\ndef third")]
    {
        let theirs = base.replacen(old, new, 1);
        let outcome = with(&Options::default(), "a.py", &base, &ours, &theirs);
        assert!(matches!(outcome, Outcome::Conflict(_)), "{outcome:?}");
    }
    let body = base.replace("three()", "three(first)");
    let outcome = with(&Options::default(), "a.py", &base, &ours, &body);
    assert!(matches!(outcome, Outcome::Clean { .. }), "a body runs later: {outcome:?}");
}

#[test]
fn an_item_added_to_a_list_that_the_other_side_counted_anew_is_stopped_by_its_check() {
    let list = |items: &[&str]| (1..).zip(items).map(|(n, item)| format!("{n}. {item}\n")).collect::<String>();
    let base = list(&["a", "b", "c"]);
    let (ours, theirs) = (list(&["a", "new", "b", "c"]), list(&["a", "b", "c", "d"]));
    conflict("a.md", [&base, &ours, &theirs], Class::Semantic, Reason::Refused(Check::Numbering));
    let ones = |text: &str| text.replace(['2', '3', '4', '5'], "1");
    let merged = ones(&list(&["a", "new", "b", "c", "d"]));
    clean("a.md", [&ones(&base), &ones(&ours), &ones(&theirs)], Rung::Text, &merged);
}
