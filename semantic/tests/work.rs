//! What a merge costs at most, in counted steps: inputs made to be dear, each in two sizes.

use quorate_semantic::{Input, Options, Outcome, Reason, Rules, STEPS_MAX, Work, merge, merge_within};

/// Steps, and the answer.
fn measured(path: &str, files: [&str; 3], steps: u64) -> (u64, Outcome) {
    measured_by(Rules::NEWEST, path, files, steps)
}

fn measured_by(rules: Rules, path: &str, [base, ours, theirs]: [&str; 3], steps: u64) -> (u64, Outcome) {
    let (options, work) = (Options { rules, newest_version: true, ..Options::default() }, Work::of(steps));
    let input = Input {
        base: Some(base.as_bytes()),
        ours: ours.as_bytes(),
        theirs: theirs.as_bytes(),
        path,
        options: &options,
    };
    let outcome = merge_within(&input, &work);
    (work.taken(), outcome)
}

/// Twice the input costs about twice the steps, and none is left out of the count: more than one for each byte.
#[track_caller]
fn grows_with_its_size(path: &str, times: usize, files: impl Fn(usize) -> [String; 3]) {
    grows_by(Rules::NEWEST, path, times, files);
}

/// The same of rows of equal lines: all but what the diff engine looks back over, which is a square of a row without end.
#[track_caller]
fn rows_grow_with_their_size(path: &str, times: usize, files: impl Fn(usize) -> [String; 3]) {
    grows_by(Rules::V23, path, times, &files);
    grows_by(Rules::NEWEST, path, times, |times| files(times).map(|file| parted(&file)));
}

/// A file with a line of its own behind each 32.
fn parted(file: &str) -> String {
    let mut lines = file.split_inclusive('\n').enumerate();
    let own = |at: usize| if at % 32 == 31 { format!("own{at} = {at}\n") } else { String::new() };
    lines.by_ref().map(|(at, line)| line.to_owned() + &own(at)).collect()
}

#[track_caller]
fn grows_by(rules: Rules, path: &str, times: usize, files: impl Fn(usize) -> [String; 3]) {
    let steps = |times: usize| {
        let files = files(times);
        let bytes = files.iter().map(String::len).sum::<usize>() as u64;
        let (steps, outcome) = measured_by(rules, path, files.each_ref().map(String::as_str), STEPS_MAX);
        assert!(steps > bytes, "{path}: {steps} steps for {bytes} bytes");
        assert!(!is_spent(&outcome), "{path}, {times}: {steps} steps");
        steps
    };
    let (once, twice) = (steps(times), steps(2 * times));
    assert!(twice < 3 * once, "{path}: {once} steps, and {twice} for twice the size");
}

fn is_spent(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Conflict(conflict) if conflict.reason == Reason::TooMuchWork)
}

const CODE: [&str; 6] = ["a.rs", "a.ts", "a.py", "a.go", "A.java", "a.sh"];

/// Both sides change the first and the last line of `middle`.
fn around(middle: &str) -> [String; 3] {
    [("one", "two"), ("first", "two"), ("uno", "last")].map(|(from, to)| format!("{from} = 1\n{middle}\n{to} = 2\n"))
}

#[test]
fn blank_lines_and_comments_and_decorators_in_code_are_walked_over_once() {
    for path in CODE {
        for piece in ["\n", "// a\n", "# a\n", "@a\n", "x\n\n\n", "{}\n", "a = {}\n"] {
            rows_grow_with_their_size(path, 4_000, |times| around(&piece.repeat(times)));
        }
    }
}

#[test]
fn a_row_of_equal_lines_is_merged_or_a_conflict_and_never_takes_minutes() {
    let file = |lines: usize, [one, two, three, four]: [&str; 4]| {
        let middle = "\n".repeat(lines);
        format!("{one}\nsep one\nsep two\n{two}\n{middle}{three}\nsep three\nsep four\n{four}\n")
    };
    let row = |lines| [["a", "b", "c", "d"], ["x", "b", "y", "d"], ["a", "v", "c", "w"]].map(|ends| file(lines, ends));
    let told = |lines: usize| measured("a.txt", row(lines).each_ref().map(String::as_str), STEPS_MAX);
    let (once, outcome) = told(10_000);
    assert!(matches!(outcome, Outcome::Clean { .. }));
    assert!(told(20_000).0 > 3 * once, "each line looks back over the row");
    assert!(is_spent(&told(400_000).1));
}

#[test]
fn many_equal_lines_cost_no_square() {
    for path in ["a.txt", "a.md", "a.rs", "a.yaml"] {
        rows_grow_with_their_size(path, 8_000, |times| around(&"same\n".repeat(times)));
        rows_grow_with_their_size(path, 8_000, |times| {
            let side = |every: usize| (0..times).map(|i| if i % every == 0 { "x\n" } else { "same\n" }).collect();
            [3, 5, 7].map(side)
        });
    }
}

#[test]
fn thousands_of_tiny_disputes_cost_as_many_as_there_are() {
    for path in ["a.txt", "a.toml", "a.rs", "a.py"] {
        for value in ["1.2.", "\"a b c d\" ", ""] {
            grows_with_its_size(path, 2_000, |times| {
                ["1", "2", "3"].map(|of| (0..times).map(|i| format!("k{i} = {value}{of}\n\nx{i} = 0\n\n")).collect())
            });
        }
    }
}

#[test]
fn long_lists_of_imports_cost_no_cube() {
    let list = |names: usize, of: &str| (0..names).map(|i| format!("    {of}{i},\n")).collect::<String>();
    for (path, open, close) in [("a.rs", "use a::{\n", "};\n"), ("a.ts", "import {\n", "} from 'a';\n")] {
        // A list of names is looked through for each of them: a square of what one stretch may have, and no more.
        let files = |names: usize| ["a", "b", "c"].map(|of| format!("{open}    z,\n{}{close}", list(names, of)));
        let (steps, _) = measured(path, files(3_000).each_ref().map(String::as_str), STEPS_MAX);
        assert!(steps < STEPS_MAX / 4, "{path}: {steps}");
    }
}

/// Three lines that one side changes alike, each a row of `marks` marks, and a new line of the other side with twice as many.
fn alike(marks: usize) -> [String; 3] {
    let row = ";".repeat(marks);
    let file = |[one, two]: [&str; 2], row: &str, new: &str| {
        let lines = |i: usize| format!("p{i} {row}x\nsep{i}\n");
        format!("{one}\n{two}\nsep\n{}end\n{new}", (0..3).map(lines).collect::<String>())
    };
    let new = format!("{row}{row}\n");
    [file(["one", "two"], &row, ""), file(["one!", "two"], "+", ""), file(["one", "two!"], &row, &new)]
}

#[test]
fn a_change_is_looked_for_at_every_place_of_a_line_and_each_comparison_counts() {
    let steps = |marks: usize| measured("a.txt", alike(marks).each_ref().map(String::as_str), STEPS_MAX);
    for marks in [1_000, 8_000] {
        let (taken, outcome) = steps(marks);
        assert!(taken > (marks * marks) as u64, "{marks} marks: {taken} steps");
        assert!(!is_spent(&outcome), "{marks} marks: {taken} steps");
    }
    assert!(is_spent(&steps(80_000).1));
}

#[test]
fn strings_that_never_end_are_read_once() {
    for path in ["a.txt", "a.rs", "a.ts", "a.py", "a.json"] {
        for piece in ["\\\"", "\\'", "\\`", "\\\"\\\n", "\"\\\\\n"] {
            rows_grow_with_their_size(path, 4_000, |times| {
                ["a", "b", "c"].map(|of| format!("{of}\"{}\n", piece.repeat(times)))
            });
            rows_grow_with_their_size(path, 4_000, |times| around(&piece.repeat(times)));
        }
    }
}

#[test]
fn tables_and_lists_of_data_are_found_by_their_names() {
    grows_with_its_size("a.toml", 2_000, |times| {
        let tables: String = (0..times).map(|i| format!("[t{i}]\n[[l]]\n")).collect();
        around(&tables)
    });
    grows_with_its_size("a.json", 1_000, |times| {
        let list =
            |value: u8| (0..times).map(|i| format!("  {{\"id\": \"n{i}\",\n  \"v\": {value}}},\n")).collect::<String>();
        [(1, 1), (2, 1), (1, 2)].map(|(a, b)| format!("{{\"a\": [\n{}  {{\"id\": \"z\"}}\n],\n\"b\": {b}}}\n", list(a)))
    });
}

#[test]
fn classes_in_classes_cost_their_depth_and_stop_at_the_limit() {
    let nested = |depth: usize, of: &str| {
        let open: String = (0..depth).map(|i| format!("class C{i} {{\nf{i}() {{ return {of}{i} }}\n")).collect();
        format!("{open}{}", "}\n".repeat(depth))
    };
    for (path, depth) in [("a.ts", 60), ("A.java", 60), ("a.ts", 200)] {
        let (steps, _) =
            measured(path, ["a", "b", "c"].map(|of| nested(depth, of)).each_ref().map(String::as_str), STEPS_MAX);
        assert!(steps < STEPS_MAX / 64, "{path}, {depth} deep: {steps}");
    }
    let python = |of: &str| {
        let line = |i: usize, text: String| format!("{}{text}\n", " ".repeat(i));
        (0..300).map(|i| line(i, format!("class C{i}:")) + &line(i + 1, format!("x = {of}"))).collect::<String>()
    };
    let (steps, _) = measured("a.py", ["a", "b", "c"].map(python).each_ref().map(String::as_str), STEPS_MAX);
    assert!(steps < STEPS_MAX / 16, "{steps}");
}

#[test]
fn two_large_files_that_share_all_lines_in_another_order_end_in_a_conflict_and_not_in_hours() {
    let lines = |step: u64| (0..600_000u64).map(|i| format!("{}\n", i * step % 599_999 % 5_003)).collect::<String>();
    let [base, ours, theirs] = [1, 7_919, 104_729].map(lines);
    let (base, ours, theirs) = (Some(base.as_bytes()), ours.as_bytes(), theirs.as_bytes());
    assert!(is_spent(&merge(&Input { base, ours, theirs, path: "a.txt", options: &Options::default() })));
}

#[test]
fn a_large_file_with_a_few_edits_on_either_side_is_far_from_the_limit() {
    let lines: Vec<String> = (0..200_000).map(|i| format!("line number {} of many\n", i % 90_000)).collect();
    let edited = |at: &[usize]| {
        let mut lines = lines.clone();
        at.iter().for_each(|at| lines[*at] = format!("edited at {at}\n"));
        lines.concat()
    };
    let (base, ours, theirs) = (lines.concat(), edited(&[1, 100_000, 199_998]), edited(&[3, 100_001, 199_000]));
    let (steps, outcome) = measured("a.txt", [&base, &ours, &theirs], STEPS_MAX);
    assert!(matches!(outcome, Outcome::Clean { .. }) && steps < STEPS_MAX / 4, "{steps}");
}

#[test]
fn a_million_lines_with_an_edit_at_either_end_are_merged() {
    let lines: Vec<String> = (0..1_000_000u64).map(|i| format!("line {}\n", i * 7_919 % 999_983)).collect();
    let base = lines.concat();
    let (ours, theirs) = (format!("top\n{base}"), format!("{base}end\n"));
    let (steps, outcome) = measured("a.txt", [&base, &ours, &theirs], STEPS_MAX);
    assert!(matches!(&outcome, Outcome::Clean { bytes, .. } if *bytes == format!("top\n{base}end\n").into_bytes()));
    assert!(steps < STEPS_MAX / 4, "{steps}");
}

#[test]
fn with_fewer_steps_the_answer_is_the_same_or_a_conflict() {
    let cases = [
        ("a.txt", ["a\nb\nc\n", "a\nx\nc\n", "a\nb\ny\n"]),
        ("a.toml", ["[a]\nx = 1\n", "[a]\nx = 1\ny = 2\n", "[a]\nx = 1\nz = 3\n"]),
        ("a.rs", ["use a::b;\n", "use a::b;\nuse c::d;\n", "use a::b;\nuse c::e;\n"]),
        (
            "a.py",
            [
                "def a():\n    pass\n",
                "def a():\n    pass\n\n\ndef b():\n    pass\n",
                "def a():\n    pass\n\n\ndef c():\n    pass\n",
            ],
        ),
        ("a.ts", ["f(a, b);\n", "f(\n  a, b);\n", "f(a, c);\n"]),
        ("a.md", ["1. a\n2. b\n", "1. a\r\n2. b\r\n", "1. a\n2. c\n"]),
    ];
    for (path, files) in cases {
        let (all, whole) = measured(path, files, STEPS_MAX);
        assert!(matches!(whole, Outcome::Clean { .. }), "{path}");
        for steps in 0..all {
            let (taken, outcome) = measured(path, files, steps);
            assert!(taken <= steps);
            let is_answered = outcome == whole;
            assert!(is_answered || is_spent(&outcome), "{path}: {steps} of {all} steps, and {outcome:?}");
            let (_, back) = measured(path, [files[0], files[2], files[1]], steps);
            assert!(back == outcome || is_spent(&back) && is_spent(&outcome), "{path}: the sides have names");
        }
        assert_eq!(measured(path, files, all).1, whole);
    }
}

/// A list in a list so deep, each item with an identity: one side renames the innermost key, the other sets its value.
fn lists_in_lists(levels: usize) -> [String; 3] {
    let around = |inner: &str| format!("{}{inner}{}", "{\"id\": 1, \"c\": [\n".repeat(levels), "]}\n".repeat(levels));
    ["{\"id\": 1, \"k\":\n1\n}", "{\"id\": 1, \"m\":\n1\n}", "{\"id\": 1, \"k\":\n2\n}"].map(around)
}

#[test]
fn lists_in_lists_are_merged_once_however_deep_they_are() {
    for path in ["a.json", "a.yaml"] {
        grows_with_its_size(path, 30, lists_in_lists);
    }
}

#[test]
fn rules_before_26_count_each_visit_of_lists_in_lists_and_end_in_time() {
    let steps = |levels: usize| {
        let files = lists_in_lists(levels);
        measured_by(Rules::V25, "a.json", files.each_ref().map(String::as_str), STEPS_MAX)
    };
    assert_eq!(steps(10).0, 275_734, "as the programs before counted");
    assert!(is_spent(&steps(60).1));
}
