//! Rules for paths: each is refused at its own stage.

mod support;

use quorate_ledger::policy::{Approvals, BadPolicy, DomainPolicy, Fault, Format, PathRule, Quota, Step, Strategy};
use quorate_ledger::{Class, Code, Principal, Stage, State};
use support::world::{World, remove, rename, write};

/// A world whose domain `main` has these rules.
fn with_policy(policy: DomainPolicy) -> World {
    let mut world = World::new();
    world.decide("main", DomainPolicy { approvals: Approvals::default(), ..policy });
    world
}

fn with_rule(rule: PathRule) -> World {
    with_policy(DomainPolicy { paths: vec![rule], ..open() })
}

fn open() -> DomainPolicy {
    DomainPolicy::new(vec![Principal::Everyone], vec![])
}

fn rule(pattern: &str) -> PathRule {
    PathRule { pattern: pattern.into(), ..PathRule::default() }
}

#[test]
fn only_owners_change_what_is_owned() {
    let owners = vec![Principal::Organisation("org-1".into())];
    let mut world = with_rule(PathRule { owners, ..rule("docs/**") });
    let refused = world.does(0, &[write("docs/a", "x")]);
    assert_eq!((refused.stage, refused.code), (Some(Stage::Ownership), Some(Code::NotOwner)));
    assert_eq!(world.does(1, &[write("docs/a", "x")]).state, State::Applied);
    assert_eq!(world.does(0, &[remove("docs/a")]).code, Some(Code::NotOwner));
    assert_eq!(world.does(0, &[rename("docs/a", "b")]).code, Some(Code::NotOwner));
    assert_eq!(world.does(0, &[write("b", "x"), rename("b", "docs/b")]).code, Some(Code::NotOwner));
    assert_eq!(world.does(0, &[write("b", "x")]).state, State::Applied);
}

#[test]
fn a_path_that_is_written_once_is_written_once() {
    let mut world = with_rule(PathRule { write_once: true, ..rule("releases/*") });
    assert_eq!(world.does(0, &[write("releases/1", "x")]).state, State::Applied);
    let base = world.now();
    assert_eq!(world.does_on(base, 0, &[write("releases/1", "y")]).code, Some(Code::WriteOnce));
    assert_eq!(world.does_on(base, 0, &[remove("releases/1")]).code, Some(Code::WriteOnce));
    assert_eq!(world.does_on(base, 0, &[rename("releases/1", "a")]).code, Some(Code::WriteOnce));
    let unseen = support::world::revision("0");
    assert_eq!(world.does_on(unseen, 1, &[write("releases/1", "z")]).code, Some(Code::WriteOnce));
    assert_eq!(world.text("releases/1").as_deref(), Some("x"));
}

#[test]
fn a_content_must_parse_as_its_format() {
    let mut world = with_rule(PathRule { format: Some(Format::Json), ..rule("**/*.json") });
    let refused = world.does(0, &[write("a/b.json", "{")]);
    assert_eq!((refused.stage, refused.code), (Some(Stage::Schema), Some(Code::DoesNotParse)));
    assert_eq!(world.does(0, &[write("a/b.json", "{}")]).state, State::Applied);
}

#[test]
fn sizes_and_forbidden_texts_are_refused_by_the_schema_stage() {
    let mut world = with_rule(PathRule { size_max: Some(3), forbidden: vec!["no".into()], ..rule("**") });
    assert_eq!(world.does(0, &[write("a", "four")]).code, Some(Code::Validator));
    assert_eq!(world.does(0, &[write("a", "no")]).code, Some(Code::Validator));
    assert_eq!(world.does(0, &[write("a", "yes")]).state, State::Applied);
}

#[test]
fn a_merge_that_breaks_the_rule_of_its_path_is_a_semantic_conflict() {
    let mut world = with_rule(PathRule { size_max: Some(24), ..rule("**") });
    world.does(0, &[write("a", "1\n2\n3\n4\n5\n")]);
    let base = world.now();
    world.does_on(base, 1, &[write("a", "1 and more\n2\n3\n4\n5\n")]);
    let receipt = world.does_on(base, 2, &[write("a", "1\n2\n3\n4\n5 and more\n")]);
    assert_eq!(receipt.state, State::Conflict);
    let conflict = world.view().conflict(&receipt.conflicts[0]).expect("memory").expect("a conflict");
    assert_eq!(conflict.record.class, Class::Semantic);
}

#[test]
fn a_full_domain_takes_only_what_makes_it_smaller() {
    let quota = Quota { files_max: Some(2), bytes_max: Some(10) };
    let mut world = with_policy(DomainPolicy { quota, ..open() });
    assert_eq!(world.does(0, &[write("a", "12345"), write("b", "12345")]).state, State::Applied);
    let refused = world.does(0, &[write("c", "")]);
    assert_eq!((refused.stage, refused.code), (Some(Stage::Access), Some(Code::Quota)));
    assert_eq!(world.does(0, &[write("a", "123456")]).code, Some(Code::Quota));
    assert_eq!(world.does(0, &[remove("b"), write("c", "1234")]).state, State::Applied);
    assert_eq!(world.does(0, &[write("a", "123456")]).state, State::Applied);
}

#[test]
fn the_quota_counts_what_the_same_slot_wrote_before() {
    let quota = Quota { files_max: Some(1), bytes_max: None };
    let mut world = with_policy(DomainPolicy { quota, ..open() });
    let drafts = [0, 1].map(|who| world.draft(who, world.now(), &[write(&format!("file-{who}"), "x")]));
    let outcome = world.slot(&drafts.iter().collect::<Vec<_>>());
    let codes: Vec<_> = outcome.receipts.iter().map(|receipt| receipt.code).collect();
    assert_eq!(codes, [None, Some(Code::Quota)]);
}

/// Stages are in order: the first that fails names the refusal.
#[test]
fn of_several_failures_the_earliest_stage_is_named() {
    let owners = vec![Principal::Organisation("org-1".into())];
    let paths = vec![PathRule { owners, size_max: Some(1), ..rule("a") }];
    let quota = Quota { files_max: Some(0), bytes_max: None };
    let writers = vec![Principal::Organisation("org-0".into()), Principal::Organisation("org-1".into())];
    let mut world = with_policy(DomainPolicy { paths, quota, ..DomainPolicy::new(writers, vec![]) });
    let edits = [write("a", "xx")];
    let failures = [
        (9, world.now(), vec![write("..", "x")], Code::UnknownAuthor),
        (2, support::world::revision("99"), vec![write("..", "x")], Code::BaseUnknown),
        (2, world.now(), vec![write("a", "xx"), write("..", "x")], Code::BadPath),
        (2, world.now(), edits.to_vec(), Code::NotMember),
        (0, world.now(), edits.to_vec(), Code::Validator),
        (0, world.now(), vec![write("a", "x")], Code::NotOwner),
        (1, world.now(), vec![write("a", "x")], Code::Quota),
    ];
    for (who, base, edits, expected) in failures {
        assert_eq!(world.does_on(base, who, &edits).code, Some(expected));
    }
}

#[test]
fn an_arbiter_who_may_not_write_is_refused() {
    let named = |name: &str| Principal::Organisation(name.into());
    let step = Step { class: None, strategy: Strategy::Arbitrate(named("org-3")), deadline_ms: None };
    let arbitrated = |owners: Vec<Principal>| PathRule { owners, strategies: vec![step.clone()], ..rule("**") };
    let policy = |writers: Vec<Principal>, owners| DomainPolicy {
        paths: vec![rule("a"), arbitrated(owners)],
        ..DomainPolicy::new(writers, vec![Principal::Everyone])
    };
    let fault = Fault { place: "paths[1]".into(), why: BadPolicy::Arbiter(named("org-3")) };
    for (writers, owners, faults) in [
        (vec![Principal::Everyone], vec![], vec![]),
        (vec![named("org-0"), named("org-3")], vec![], vec![]),
        (vec![named("org-0"), named("org-1")], vec![], vec![fault.clone()]),
        (vec![Principal::Everyone], vec![named("org-1")], vec![fault]),
    ] {
        assert_eq!(policy(writers, owners).faults(4).collect::<Vec<_>>(), faults);
    }
}

#[test]
fn each_fault_of_a_rule_is_found_and_a_change_is_refused_with_the_first() {
    let nobody = Principal::Organisation("nobody".into());
    let step = Step { class: None, strategy: Strategy::Arbitrate(nobody.clone()), deadline_ms: None };
    let bad = PathRule { approvals: 4, strategies: vec![step], forbidden: vec![String::new()], ..rule("") };
    let policy = DomainPolicy {
        paths: vec![bad],
        ..DomainPolicy::new(vec![Principal::Organisation("org-0".into())], vec![Principal::Everyone])
    };

    let faults: Vec<BadPolicy> = policy.faults(4).map(|fault| fault.why).collect();

    let forbidden = BadPolicy::TooLong("a forbidden text, or their list,");
    let all = [BadPolicy::Approvals(4), BadPolicy::Pattern(String::new()), forbidden, BadPolicy::Arbiter(nobody)];
    assert_eq!(faults, all);
    assert_eq!(policy.check(4), Err(BadPolicy::Approvals(4)));
}

#[test]
fn each_fault_of_a_policy_is_found_with_its_place() {
    let paths = vec![rule(""), rule("ok"), PathRule { approvals: 4, ..rule("**") }];
    let approvals = Approvals { organisations: Some(5), by: vec![] };
    let faults = DomainPolicy { paths, approvals, ..open() };
    let places: Vec<String> = faults.faults(4).map(|fault| fault.place).collect();
    assert_eq!(places, ["approvals", "paths[0]", "paths[2]"]);
}
