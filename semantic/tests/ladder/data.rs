//! JSON, TOML and YAML.

use super::*;

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
