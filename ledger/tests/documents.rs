//! Formats and schemas of documents: a policy of the group, refused or taken at the stage `schema`.

mod support;

use quorate_ledger::policy::{DomainPolicy, Format, PathRule, Schema};
use quorate_ledger::{Act, Class, Code, Ledger, Op, Principal, ProposalId, Receipt, Stage, State};
use serde_json::json;
use support::world::{Edit, World, write};

const PORT: &str = r#"{
    "type": "object",
    "properties": { "port": { "type": "integer", "minimum": 1, "maximum": 65535 }, "debug": { "type": "boolean" } },
    "required": ["port"]
}"#;

fn rule(pattern: &str, format: Format, schema: Option<&str>) -> PathRule {
    PathRule { pattern: pattern.into(), format: Some(format), schema: schema.map(Schema::new), ..PathRule::default() }
}

fn propose(world: &mut World, paths: Vec<PathRule>) -> Receipt {
    let policy = DomainPolicy { paths, ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let receipt = world.does(0, &[Edit::Other(Op::Propose { act: Act::SetPolicy { policy } })]);
    let proposal = ProposalId::of(&receipt.id, 0);
    for who in [1, 2] {
        world.does(who, &[Edit::Other(Op::Approve { proposal })]);
    }
    receipt
}

fn world() -> World {
    let mut world = World::new();
    let formats = [("json", Format::Json), ("toml", Format::Toml), ("yaml", Format::Yaml)];
    let paths = formats.map(|(name, format)| rule(&format!("config/*.{name}"), format, Some(PORT)));
    let plain = [rule("plain/*.toml", Format::Toml, None), rule("plain/*.yaml", Format::Yaml, None)];
    propose(&mut world, paths.into_iter().chain(plain).collect());
    world
}

fn refused(world: &mut World, path: &str, text: &str) -> (Option<Code>, String) {
    let receipt = world.does(0, &[write(path, text)]);
    assert_eq!(receipt.stage, Some(Stage::Schema), "{path}: {receipt:?}");
    (receipt.code, receipt.detail.unwrap_or_default())
}

#[test]
fn one_schema_holds_for_json_toml_and_yaml() {
    let mut world = world();
    let good = [("json", r#"{"port": 80}"#), ("toml", "port = 80\ndebug = true\n"), ("yaml", "port: 80 # usual\n")];
    for (name, text) in good {
        let receipt = world.does(0, &[write(&format!("config/a.{name}"), text)]);
        assert_eq!(receipt.state, State::Applied, "{name}: {receipt:?}");
    }
    for (name, text) in [("json", r#"{"port": 0}"#), ("toml", "port = 0\n"), ("yaml", "port: 0\n")] {
        let path = format!("config/a.{name}");
        let (code, detail) = refused(&mut world, &path, text);
        assert_eq!(code, Some(Code::Schema));
        assert_eq!(detail, format!("{path}: /port breaks /properties/port/minimum of the schema"));
    }
    for (name, text) in [("json", "{}"), ("toml", ""), ("yaml", "{}")] {
        assert_eq!(refused(&mut world, &format!("config/a.{name}"), text).0, Some(Code::Schema));
    }
}

#[test]
fn what_does_not_parse_is_refused_with_the_place() {
    let mut world = world();
    for path in ["plain/a.toml", "config/a.toml"] {
        let (code, detail) = refused(&mut world, path, "port = 80\nport = 81\n");
        assert_eq!(code, Some(Code::DoesNotParse));
        assert!(
            detail.starts_with(&format!("{path}: the content is not TOML: ")) && detail.contains("line 2"),
            "{detail}"
        );
    }
    for path in ["plain/a.yaml", "config/a.yaml"] {
        let (code, detail) = refused(&mut world, path, "port: 80\nhosts: [a, b\n");
        assert_eq!(code, Some(Code::DoesNotParse));
        assert!(
            detail.starts_with(&format!("{path}: the content is not YAML: ")) && detail.contains("line 3"),
            "{detail}"
        );
    }
    assert_eq!(refused(&mut world, "config/a.json", r#"{"port": 1, "port": 2}"#).0, Some(Code::DoesNotParse));
    assert_eq!(world.does(0, &[write("plain/a.yaml", "a: &x 1\nb: *x\n---\n!!str 1\n")]).state, State::Applied);
    assert_eq!(refused(&mut world, "config/a.yaml", "port: &x 1\n").0, Some(Code::DoesNotParse));
}

#[test]
fn a_merge_that_breaks_the_schema_is_a_semantic_conflict() {
    let mut world = World::new();
    let schema = r#"{ "maxProperties": 5 }"#;
    propose(&mut world, vec![rule("**", Format::Yaml, Some(schema))]);
    let text = |first: &str, last: &str| format!("{first}a: 1\nb: 1\nc: 1\nd: 1\n{last}");
    world.does(0, &[write("x", &text("", ""))]);
    let base = world.now();
    world.does_on(base, 1, &[write("x", &text("first: 1\n", ""))]);
    let receipt = world.does_on(base, 2, &[write("x", &text("", "last: 1\n"))]);
    assert_eq!(receipt.state, State::Conflict);
    let conflict = world.view().conflict(&receipt.conflicts[0]).expect("memory").expect("a conflict");
    assert_eq!(conflict.record.class, Class::Semantic);
}

#[test]
fn a_policy_with_a_schema_that_cannot_be_used_is_refused() {
    let mut world = World::new();
    let bad = [
        rule("a", Format::Text, Some("{}")),
        rule("a", Format::Json, Some("{")),
        rule("a", Format::Json, Some(r##"{"$ref": "#"}"##)),
        rule("a", Format::Json, Some(r#"{"$ref": "https://example.org/"}"#)),
        rule("a", Format::Yaml, Some(r#"{"typ": "object"}"#)),
        PathRule { format: None, ..rule("a", Format::Json, Some("{}")) },
    ];
    for rule in bad {
        let receipt = propose(&mut world, vec![rule]);
        assert_eq!(receipt.code, Some(Code::BadAct));
        assert!(receipt.detail.as_deref().is_some_and(|why| why.contains("the schema for \"a\"")), "{receipt:?}");
    }
}

/// The schemas of the policy are state: a ledger that was opened again checks as before.
#[test]
fn schemas_survive_a_restart() {
    let mut world = world();
    world.ledger = Ledger::open(&world.store, &world.genesis).expect("it was written");
    assert_eq!(refused(&mut world, "config/a.json", "{}").0, Some(Code::Schema));
}

/// Each level asks four times for the next, each value of the document twice: what would never end is refused at once.
#[test]
fn a_check_that_would_take_for_ever_is_refused() {
    let mut world = World::new();
    let level = |n: u32| {
        let next = json!({ "$ref": format!("#/$defs/{}", n + 1) });
        (n.to_string(), json!({ "items": { "oneOf": [next, next, next, next] } }))
    };
    let mut defs: serde_json::Map<String, serde_json::Value> = (0..40).map(level).collect();
    defs.insert("40".into(), json!(true));
    let schema = json!({ "$ref": "#/$defs/0", "$defs": defs }).to_string();
    propose(&mut world, vec![rule("**", Format::Json, Some(&schema))]);
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(refused(&mut world, "a", &nested(41)).0, Some(Code::Validator));
    assert_eq!(world.does(0, &[write("a", "[]")]).state, State::Applied);
}

/// An envelope asks for many checks that are cheap each.
#[test]
fn the_checks_of_one_envelope_have_one_budget() {
    let mut world = World::new();
    propose(&mut world, vec![rule("**", Format::Json, Some(r#"{"items": {"type": "integer"}}"#))]);
    let list = format!("[{}0]", "0,".repeat(100_000));
    let file = |n: usize| write(&format!("file-{n}"), &list);
    assert_eq!(world.does(0, &[file(0), file(1)]).state, State::Applied);
    let many: Vec<Edit> = (0..40).map(file).collect();
    assert_eq!(world.does(0, &many).code, Some(Code::Validator));
}
