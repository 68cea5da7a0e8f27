//! Merges that looked clean and were wrong: each comes out right, or as a conflict.

mod parsers;

use quorate_semantic::{Input, Options, Outcome, merge};

/// The merge, which the exchanged sides give as well.
#[track_caller]
fn merged(path: &str, base: &str, ours: &str, theirs: &str) -> Option<String> {
    let options = Options::default();
    let of = |ours: &str, theirs: &str| {
        let [base, ours, theirs] = [base, ours, theirs].map(str::as_bytes);
        let input = Input { base: Some(base), ours, theirs, path, options: &options };
        let outcome = merge(&input);
        parsers::check(&input, &outcome);
        match outcome {
            Outcome::Clean { bytes, .. } => Some(String::from_utf8(bytes).expect("text")),
            Outcome::Conflict(_) => None,
        }
    };
    let there = of(ours, theirs);
    assert_eq!(there.is_some(), of(theirs, ours).is_some(), "the sides have no names");
    there
}

#[track_caller]
fn conflicts(path: &str, base: &str, ours: &str, theirs: &str) {
    assert_eq!(merged(path, base, ours, theirs), None, "{path}");
}

// ── indentation ──

#[test]
fn a_line_that_one_side_indented_and_the_other_edited_is_edited_and_indented() {
    let base = "def f(x):\n    go(x)\n    end()\n";
    let ours = "def f(x):\n    try:\n        go(x)\n    except E:\n        pass\n    end()\n";
    let theirs = base.replace("go(x)", "go(x, timeout=3)");
    let both = ours.replace("go(x)", "go(x, timeout=3)");
    assert_eq!(merged("a.py", base, ours, &theirs), Some(both));
}

#[test]
fn a_line_that_one_side_took_out_of_a_loop_stays_out_of_it() {
    let base = "def f(xs):\n    for x in xs:\n        a(x)\n        log(x)\n    return 1\n";
    let ours = base.replace("        log(x)", "    log(x)");
    let theirs = base.replace("log(x)", "log(x, \"done\")");
    assert_eq!(merged("a.py", base, &ours, &theirs), Some(ours.replace("log(x)", "log(x, \"done\")")));
}

#[test]
fn a_line_of_no_code_keeps_its_indentation_or_is_left_alone() {
    conflicts("Makefile", "a:\n\trun b\nc\n", "a:\n    run b\nc\n", "a:\n\trun b now\nc\n");
    conflicts("a.md", "- a\n- b\n- c\n", "- a\n  - b\n- c\n", "- a\n- b more\n- c\n");
}

#[test]
fn an_addition_beside_a_line_that_left_its_block_is_left_alone() {
    let base = "def f():\n    if a:\n        x()\n    end()\n";
    let theirs = "def f():\n    if a:\n        x()\n        z()\n    end()\n";
    conflicts("a.py", base, "def f():\n    x()\n    end()\n", theirs);
    let [base, theirs] = [base, theirs].map(|file| file.replace("    end()", "    end(1)"));
    conflicts("a.py", &base, "def f():\n    x = None\n    end(1)\n", &theirs);
}

// ── the larger of two edits ──

#[test]
fn what_one_side_put_in_elsewhere_is_not_what_the_other_put_in() {
    let edits = [
        ("a.py", "if u.ok:\n    go()\n", "u.ok", "not u.ok", "not u.banned and u.ok"),
        ("a.js", "if (ready) go();\n", "ready", "!ready", "!a && ready"),
        ("a.sql", "DELETE FROM a\nWHERE old;\n", "old", "old AND mine = 1", "old OR gone AND mine = 1"),
        ("a.js", "f(a);\n", "a", "&a", "&b, a"),
        ("a.ts", "f(a) {}\n", "(a)", "(a: int)", "(a: List[int])"),
        ("a.txt", "foo\n", "foo", "allow foo", "do not allow foo"),
    ];
    for (path, base, from, one, two) in edits {
        let base = format!("start\n{base}end\n");
        conflicts(path, &base, &base.replace(from, one), &base.replace(from, two));
    }
}

#[test]
fn a_new_line_that_only_has_the_words_of_the_other_is_another_line() {
    let added = [
        (".gitignore", "build/\n", "!build/\n"),
        ("a.js", "const t = 5;\n", "const t = 5 * 60;\n"),
        ("a.css", "margin: -5px\n", "margin: -1px 5px\n"),
    ];
    for (path, one, two) in added {
        let of = |added: &str| format!("a\n{added}z\n");
        conflicts(path, &of(""), &of(one), &of(two));
    }
}

#[test]
fn of_two_edits_at_one_place_the_one_with_all_lines_of_the_other_stands() {
    let of = |added: &str| format!("start(\n{added}end)\n");
    let larger = of("a,\nb\n");
    assert_eq!(merged("a.txt", &of(""), &of("a\n"), &larger), Some(larger));
    // A comma behind the last entry is for one that would come after it.
    conflicts("a.txt", &of(""), &of("a\n"), &of("a,\nb,\n"));
}

// ── moved units ──

#[test]
fn an_edit_goes_with_the_function_that_the_other_side_moved() {
    let unit = |name: &str, line: &str| format!("func {name}() {{\n\t{line}\n}}\n");
    let file = |units: [String; 2]| format!("package a\n\n{}", units.join("\n"));
    let base = file([unit("a", "f(1)"), unit("b", "f(1)")]);
    let ours = file([unit("b", "f(1)"), unit("a", "f(1)")]);
    let theirs = file([unit("a", "f(2)"), unit("b", "f(1)")]);
    assert_eq!(merged("a.go", &base, &ours, &theirs), Some(file([unit("b", "f(1)"), unit("a", "f(2)")])));
}

#[test]
fn an_edit_beside_a_line_that_the_other_side_moved_is_left_alone() {
    let base = "[dev]\nurl=a\n\n[prod]\nurl=a\n";
    conflicts("a.ini", base, "[prod]\nurl=a\n\n[dev]\nurl=a\n", "[dev]\nurl=b\n\n[prod]\nurl=a\n");
}

#[test]
fn a_removal_takes_no_other_function_than_its_own() {
    let unit = |name: &str| format!("/// Does {name}.\nfn {name}(a: u8) {{\n    open(a);\n    close(a);\n}}\n");
    let base = [unit("one"), unit("two")].join("\n");
    conflicts("a.rs", &base, &[unit("two"), unit("one")].join("\n"), &unit("one"));
}

// ── sweeps ──

#[test]
fn an_edit_of_a_function_that_the_other_side_removed_is_no_sweep() {
    let base = "def a():\n    one()\n\ndef b(x):\n    log.info(x)\n    log.info(x.y)\n\ndef c():\n    two()\n";
    let ours = "def a():\n    one()\n\ndef c():\n    two()\n";
    conflicts("a.py", base, ours, &base.replace("info", "debug"));
}

#[test]
fn a_renamed_word_in_what_the_other_side_wrote_anew_is_left_alone() {
    let base = "const old = load();\nlog(old);\nstep();\nsend(old);\n";
    let theirs = base.replace("send(old);", "if (enabled) queue.push({ body: old, retries: 3, at: now() });");
    conflicts("a.js", base, &base.replace("old", "fresh"), &theirs);
}

// ── both added ──

#[test]
fn two_additions_that_set_one_thing_are_left_alone() {
    let added = [
        (
            "a.tsx",
            "const [open, setOpen] = useState(false);",
            "const [open, setOpen] = useLocalStorage(\"menu\", true);",
        ),
        ("a.js", "const { a } = one();", "let [a, c] = two.of(three);"),
        ("a.kt", "val (x, y) = one()", "val (x, z) = two.of(three)"),
        ("a.rs", "let (tx, rx) = one();", "let (tx, done) = two.of(three);"),
        ("a.py", "os.environ[\"MODE\"] = \"test\"", "os.environ[\"MODE\"] = args.mode or default()"),
        ("a.py", "out, err = one()", "out, code = two.of(three)"),
        ("a.go", "ctx, cancel := one()", "ctx, span := tracer.Start(parent, \"f\")"),
        ("a.rs", "C::Reset(id) => reset(id, now),", "C::Reset(target) => target.clear(),"),
        ("a.js", "total += tax;", "total *= discount(a);"),
    ];
    for (path, one, two) in added {
        let of = |added: &str| format!("start();\n{added}end();\n");
        conflicts(path, &of(""), &of(&format!("{one}\n")), &of(&format!("{two}\n")));
    }
}

#[test]
fn two_additions_that_set_two_things_of_one_type_stand() {
    let of = |added: &str| format!("start();\n{added}end();\n");
    let (one, two) = ("let a: Vec<(u8, X)> = one();\n", "let b: Vec<(u8, X)> = two.of(three, four);\n");
    assert!(merged("a.rs", &of(""), &of(one), &of(two)).is_some());
}

#[test]
fn nothing_is_put_behind_a_jump() {
    let of = |added: &str| format!("a();\n{added}z();\n");
    conflicts("a.js", &of(""), &of("throw new E(x);\n"), &of("log.info(y, z);\n"));
    conflicts("a.go", &of(""), &of("return x\n"), &of("log.Info(y, z)\n"));
    let of = |lines: &str| format!("function f() {{\n{lines}}}\n");
    conflicts("a.js", &of("run();\n"), &of("return run();\n"), &of("run();\nstop(b);\n"));
}

// ── beside what is gone or edited ──

#[test]
fn an_entry_of_what_the_other_side_removed_never_stands_under_something_else() {
    let yaml = "x: &a 1\na:\n  k: 1\nb:\n  k: 2\nc: 3\n";
    conflicts("a.yml", yaml, "x: &a 1\na:\n  k: 1\nc: 3\n", &yaml.replace("k: 2\n", "k: 2\n  m: 5\n"));
    let nested = "x: &a 1\nj:\n  s:\n    k: v\nz: 1\n";
    conflicts("a.yml", nested, "x: &a 1\nj:\n  s: 3\nz: 1\n", &nested.replace("k: v\n", "k: v\n    m: w\n"));
    let prose = "# T\n\n## A\n\none\n\n## B\n\ntwo\n";
    conflicts("a.md", prose, "# T\n\n## A\n\none\n", &format!("{prose}three\n"));
}

#[test]
fn a_statement_beside_a_removed_one_is_left_alone_without_semicolons_too() {
    let of = |lines: &str| format!("a()\n{lines}b()\n");
    conflicts("a.go", &of("use(x)\n"), &of(""), &of("m.Lock()\nuse(x)\n"));
    conflicts("a.py", &of("use(x)\n"), &of(""), &of("x = tune(x, 3)\nuse(x)\n"));
    conflicts("a.js", &of("use(x)\n"), &of(""), &of("lock.take()\nuse(x)\n"));
}

#[test]
fn json_gets_no_comma_before_a_closing_bracket() {
    let of = |items: &str| format!("{{\n  \"files\": [\n{items}  ]\n}}\n");
    let both = merged("a.json", &of("    \"x\"\n"), &of(""), &of("    \"n\",\n    \"x\"\n"));
    assert_eq!(both, Some(of("    \"n\"\n")));
}

#[test]
fn a_key_beside_a_removed_one_of_json_stands() {
    let theirs = "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}\n";
    let both = merged("a.json", "{\n  \"a\": 1,\n  \"b\": 2\n}\n", "{\n  \"a\": 1\n}\n", theirs);
    assert_eq!(both.as_deref(), Some("{\n  \"a\": 1,\n  \"c\": 3\n}\n"));
}

#[test]
fn an_import_from_the_future_stands_above_all_others() {
    let base = "\"\"\"Doc.\"\"\"\nimport os\n\nx = 1\n";
    let ours = base.replace("import os", "from __future__ import annotations\n\nimport os");
    let theirs = base.replace("import os", "from .base import Base\nimport os");
    let both = ours.replace("annotations\n", "annotations\nfrom .base import Base\n");
    assert_eq!(merged("a.py", base, &ours, &theirs), Some(both));
}

#[test]
fn a_line_that_goes_on_with_an_edited_one_is_left_alone() {
    let of = |lines: &str| format!("fn f() -> u8 {{\n    a();\n{lines}}}\n");
    conflicts("a.rs", &of("    x\n"), &of("    x + 1\n"), &of("    x\n        .y()\n"));
    conflicts(
        "a.js",
        "let a = get(b)\nend()\n",
        "let a = await get(b)\nend()\n",
        "let a = get(b)\n  .then(c)\nend()\n",
    );
}

#[test]
fn a_line_that_goes_on_with_a_call_of_other_arguments_stands() {
    let of = |lines: &str| format!("start()\n{lines}end()\n");
    let merged = merged("a.js", &of("get(a)\n"), &of("get(b)\n"), &of("get(a)\n  .then(c)\n"));
    assert_eq!(merged, Some(of("get(b)\n  .then(c)\n")));
}

// ── blocks that one side opens, and items that it takes away ──

#[test]
fn a_line_that_one_side_adds_does_not_come_to_stand_in_a_block_that_the_other_opens_there() {
    for (path, head, mark) in
        [("a.rs", "if make(22) {", ";"), ("a.go", "if make(22) {", ""), ("a.ts", "for (const a of b) {", ";")]
    {
        let of = |body: &[&str]| {
            format!("fn f() {{\n{}}}\n", body.iter().map(|line| format!("    {line}\n")).collect::<String>())
        };
        let [list, add, write] = ["list(96)", "mark(54)", "write(58)"].map(|call| format!("{call}{mark}"));
        let (base, ours) = (of(&[&list, &write]), of(&[&list, &add, &write]));
        let theirs = of(&[head, &format!("    {write}"), "}"]);
        conflicts(path, &base, &ours, &theirs);
    }
}

#[test]
fn a_line_that_one_side_adds_to_a_method_does_not_go_to_one_that_the_other_wrote_in_its_place() {
    let of = |method: &str| {
        format!("class A {{\n    int list(int a) {{\n        save(25);\n        return 9;\n    }}\n{method}}}\n")
    };
    let base = of("    int openPool(int a) {\n        sort(38);\n        return 4;\n    }\n");
    let ours = of("    int takeNode(int a) {\n        scan(42);\n        return 7;\n    }\n");
    let theirs =
        base.replace("        return 4", "        if (push(59)) {\n            leaf(15);\n        }\n        return 4");
    conflicts("A.java", &base, &ours, &theirs);
}
