//! Merges of each rung, and all that a rung leaves alone.

#[path = "../parsers/mod.rs"]
mod parsers;

mod code;
mod data;
mod imports;
mod lines;
mod text;

use quorate_semantic::{
    Check, Class, Form, Input, Labels, ListKey, Options, Outcome, Reason, Rung, markers, markers_of, merge,
};

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
        let shown = String::from_utf8(markers(&c, &Labels::default()).expect("pieces")).expect("text");
        assert!(c.check().is_some() && shown.contains("<<<<<<<") && shown.contains(">>>>>>>"), "{c:?}\n{shown}");
    }
}

#[test]
fn a_conflict_without_lines_to_show_has_no_markers_and_is_no_empty_file() {
    let options = Options::default();
    let (base, ours, theirs) = (&[0_u8, 1][..], &[0_u8, 2][..], &[0_u8, 3][..]);
    let merged = merge(&Input { base: Some(base), ours, theirs, path: "a.bin", options: &options });
    let Outcome::Conflict(binary) = merged else { panic!("clean") };
    assert_eq!((binary.reason, markers(&binary, &Labels::default())), (Reason::Binary, None));
}

#[test]
fn a_marker_is_one_line_with_a_sign_whatever_its_label_and_size_are() {
    let Outcome::Conflict(c) = with(&Options::default(), "a.txt", "b\n", "x\n", "y\n") else { panic!("clean") };
    let labels = Labels { ours: "one\r\ntwo".into(), base: "\nthree".into(), theirs: "four\rfive".into() };
    let shown = markers_of(&c, &labels, Form { size: 0, ..Form::default() }).expect("pieces");
    assert_eq!(String::from_utf8(shown).expect("text"), "< one\nx\n|\nb\n=\ny\n> four\n");
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
