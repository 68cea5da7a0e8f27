//! Lines and stretches of them.

use super::*;

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
