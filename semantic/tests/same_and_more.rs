//! Rules 25: what both sides say alike, what one said and more, and where an edit has lost its ground.

use quorate_semantic::{Input, Options, Outcome, Rules, merge};

/// The clean merge by these rules; none where it is a conflict.
fn merged(rules: Rules, path: &str, [base, ours, theirs]: [&str; 3]) -> Option<String> {
    let options = Options { rules, ..Options::default() };
    let of = |ours: &str, theirs: &str| {
        let (ours, theirs) = (ours.as_bytes(), theirs.as_bytes());
        match merge(&Input { base: Some(base.as_bytes()), ours, theirs, path, options: &options }) {
            Outcome::Clean { bytes, .. } => Some(String::from_utf8(bytes).expect("text")),
            Outcome::Conflict(_) => None,
        }
    };
    let lines = |text: Option<String>| {
        text.map(|text| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        })
    };
    assert_eq!(lines(of(ours, theirs)), lines(of(theirs, ours)), "the sides have no names");
    of(ours, theirs)
}

/// A conflict by rules 24 that rules 25 merge so.
fn solves(path: &str, files: [&str; 3], expected: &str) {
    assert_eq!(merged(Rules::V24, path, files), None, "{path}: rules 24");
    assert_eq!(merged(Rules::V25, path, files).as_deref(), Some(expected), "{path}: rules 25");
}

/// A merge by rules 24 that is a conflict by rules 25.
fn refuses(path: &str, files: [&str; 3]) {
    assert!(merged(Rules::V24, path, files).is_some(), "{path}: rules 24");
    assert_eq!(merged(Rules::V25, path, files), None, "{path}: rules 25");
}

#[test]
fn sides_that_say_the_same_in_other_lines_are_one() {
    solves("a.rs", ["f(a);\n", "g(a,\n    b);\n", "g(\n    a, b);\n"], "g(a,\n    b);\n");
    let [base, ours, theirs] = ["x = 1\n", "x = f(a,\n      b)\n", "x = f(a, b)\n\n\n"];
    solves("a.py", [base, ours, theirs], theirs);
    let nested = ["if a:\n    b()\n", "if a:\n    c()\nd()\n", "if a:\n    c()\n    d()\n"];
    assert_eq!(merged(Rules::V25, "a.py", nested), None, "the indentation tells the block");
    let comment = ["f(a);\n", "g(a); // b\nc();\n", "g(a); // b c();\n"];
    assert_eq!(merged(Rules::V25, "a.rs", comment), None, "the end of a comment says something");
}

#[test]
fn of_two_sides_the_one_that_did_all_that_the_other_did_and_more_stands() {
    let [base, ours, theirs] = ["run(old);\n", "run(new);\n", "run(other.new);\n"];
    solves("a.rs", [base, ours, theirs], theirs);
    assert_eq!(merged(Rules::V25, "a.rs", [base, ours, "run(other.newer);\n"]), None, "it did something else");
    let comments = ["// an old one\n", "// a new one\n", "// not a new one at all\n"];
    assert_eq!(merged(Rules::V25, "a.rs", comments), None, "comments say no more than words");
}

#[test]
fn blanks_at_line_ends_that_one_side_took_away_give_way() {
    solves_or_keeps("a.py", ["a = 1  \n", "a = 1\n", "a = 2  \n"], "a = 2\n");
    assert_eq!(merged(Rules::V25, "a.md", ["one  \n", "one\n", "two  \n"]), None, "they break a line of Markdown");
}

#[test]
fn a_line_end_at_the_end_of_the_file_gives_way_to_an_edit_of_the_last_line() {
    solves("a.yaml", ["a: 1", "a: 1\n", "a: 2\nb: 3\n"], "a: 2\nb: 3\n");
}

#[test]
fn exported_declarations_and_spread_entries_are_elements() {
    let (ours, theirs) = ("export const a = one();\n", "export const b = two(1);\n");
    solves(
        "a.ts",
        ["", ours, theirs].map(|side| ["x();\n", side, "y();\n"].concat()).each_ref().map(|s| &s[..]),
        "x();\nexport const a = one();\nexport const b = two(1);\ny();\n",
    );
    let handed_on = ["", "export { a } from './a';\n", "export const b = 1;\n"];
    let files = handed_on.map(|side| ["x();\n", side, "y();\n"].concat());
    assert_eq!(merged(Rules::V25, "a.ts", files.each_ref().map(|s| &s[..])), None, "an export of another file's");
}

#[test]
fn a_declaration_without_a_value_stands_beside_one_that_is_gone() {
    let base = "interface A {\n  one: string;\n  two: number;\n}\n";
    let ours = "interface A {\n  two: number;\n}\n";
    let theirs = "interface A {\n  three?: Widget;\n  one: string;\n  two: number;\n}\n";
    solves("a.ts", [base, ours, theirs], "interface A {\n  three?: Widget;\n  two: number;\n}\n");
}

#[test]
fn words_in_values_of_data_name_nothing_and_keys_do() {
    let base = "{\n  \"a\": \"the link\",\n  \"b\": \"the link\"\n}\n";
    let ours = "{\n  \"a\": \"der Verweis\",\n  \"b\": \"der Verweis\"\n}\n";
    let theirs = "{\n  \"a\": \"the link\",\n  \"b\": \"the link\",\n  \"c\": \"a bad link\"\n}\n";
    let both = "{\n  \"a\": \"der Verweis\",\n  \"b\": \"der Verweis\",\n  \"c\": \"a bad link\"\n}\n";
    solves("a.json", [base, ours, theirs], both);
    let jobs = ["build: 1\nuses: build\n", "make: 1\nuses: make\n", "build: 1\nuses: build\nneeds: build\n"];
    assert_eq!(merged(Rules::V25, "a.yaml", jobs), None, "a key that is gone");
}

#[test]
fn lines_of_one_text_in_data_merge() {
    let text = |first: &str, last: &str| format!("run: |\n  {first}\n  middle\n  {last}\n");
    let files = [text("one", "two"), text("one x", "two"), text("one", "two y")];
    solves_or_keeps("a.yaml", files.each_ref().map(|s| &s[..]), &text("one x", "two y"));
}

/// What rules 25 merge so, whatever those before did.
fn solves_or_keeps(path: &str, files: [&str; 3], expected: &str) {
    assert_eq!(merged(Rules::V25, path, files).as_deref(), Some(expected), "{path}");
}

#[test]
fn a_key_that_one_side_renamed_has_the_value_that_the_other_side_gave_it() {
    let [base, ours, theirs] = [
        "{\n  \"a\": \"x\",\n  \"reload\": \"Reload Forum\"\n}\n",
        "{\n  \"a\": \"x\",\n  \"reload\": \"Rebuild & Restart Forum\"\n}\n",
        "{\n  \"a\": \"x\",\n  \"rebuild\": \"Rebuild & Restart Forum\"\n}\n",
    ];
    solves("a.json", [base, ours, theirs], theirs);
}

#[test]
fn a_side_that_holds_the_markers_of_a_conflict_is_merged_with_nothing() {
    let ours = "<<<<<<< HEAD\na(1);\n=======\na(2);\n>>>>>>> other\nb();\n";
    refuses("a.rs", ["a();\nb();\n", ours, "a();\nb(3);\n"]);
}

#[test]
fn an_edit_below_a_condition_that_the_other_side_edited_is_refused() {
    refuses("a.py", ["if a:\n    b(c)\nd()\n", "if not a:\n    b(c)\nd()\n", "if a:\n    b(c, e)\nd()\n"]);
    refuses("a.js", ["if (a) {\n  b(c);\n}\n", "if (!a) {\n  b(c);\n}\n", "if (a) {\n  b(c, e);\n}\n"]);
}

#[test]
fn a_table_that_misses_the_keys_that_all_others_got_is_refused() {
    let base = "[a.one]\nport = 1\n[a.two]\nport = 2\n";
    let ours = "[a.one]\nport = 1\ntls = false\n[a.two]\nport = 2\ntls = false\n";
    let theirs = "[a.one]\nport = 1\n[a.three]\nport = 3\n[a.two]\nport = 2\n";
    refuses("a.toml", [base, ours, theirs]);
    let whole = theirs.replace("port = 3\n", "port = 3\ntls = true\n");
    assert!(merged(Rules::V25, "a.toml", [base, ours, &whole]).is_some());
}
