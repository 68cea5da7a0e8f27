//! Line ends.

use super::*;

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
