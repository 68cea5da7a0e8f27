//! Rules 15: what one envelope or one deadline makes every replica do is bounded, and bounds of a policy count what it costs.

mod support;
#[path = "support/memory.rs"]
mod memory;

use memory::{peak_of, taken_by};
use quorate_ledger::policy::{DomainPolicy, Format, PathRule, Schema, Step, Strategy};
use quorate_ledger::{
    Act, Base, Code, Dependency, Genesis, GenesisFile, Limits, LockMode, Op, Principal, Receipt, State,
};
use quorate_pbft::Signer;
use support::disputes::{goes_on_by, policy, rule, world};
use support::locks::grab;
use support::world::{Edit, World, remove, rename, write};

/// A policy with a rule for each schema: the folders `0`, `1` and so on.
fn with_schemas(schemas: Vec<String>) -> DomainPolicy {
    let rule = |(number, text): (usize, String)| PathRule {
        format: Some(Format::Json),
        schema: Some(Schema::new(text)),
        ..rule(&format!("{number}/**"))
    };
    policy(schemas.into_iter().enumerate().map(rule).collect())
}

fn propose(policy: DomainPolicy) -> Edit {
    Edit::Other(Op::Propose { act: Act::SetPolicy { policy } })
}

fn proposed(rules: u32, policy: DomainPolicy) -> Option<Code> {
    world(rules).does(0, &[propose(policy)]).code
}

/// Memory at its peak while one envelope puts a document under each of four schemas.
fn peak_under(rules: u32, schema: &str) -> usize {
    let mut world = world(rules);
    world.decide("main", with_schemas(vec![schema.to_owned(); 4]));
    let edits: Vec<Edit> = (0..4).map(|number| write(&format!("{number}/a.json"), "[]\n")).collect();
    let draft = world.draft(0, world.now(), &edits);
    let decided = world.item(&draft);
    let mut receipts = Vec::new();
    let peak = peak_of(|| receipts = world.slot_of(vec![(0, vec![decided])]).receipts);
    assert_eq!(receipts[0].state, State::Applied);
    peak
}

#[test]
fn a_long_name_of_a_schema_is_held_once_and_not_for_each_keyword() {
    let parts = vec!["true"; 3_000].join(",");
    let schema = |id: &str| format!("{{\"$id\": \"https://x/{id}\", \"allOf\": [{parts}]}}");
    let (short, long) = (peak_under(14, &schema("a")), peak_under(14, &schema(&"a".repeat(40_000))));
    assert!(long < short + (8 << 20), "{long} bytes, {short} with a short name");
}

/// A schema of regular expressions, each of which stands in it so often.
fn patterned(expressions: usize, times: usize) -> String {
    let word = |number: usize| {
        let times = vec![format!("{{\"pattern\": \"^k{number}$\"}}"); times].join(",");
        format!("\"k{number}\": {{\"allOf\": [{times}]}}")
    };
    format!("{{\"properties\": {{{}}}}}", (0..expressions).map(word).collect::<Vec<_>>().join(","))
}

#[test]
fn equal_regular_expressions_of_a_schema_count_once() {
    let policy = |expressions| with_schemas(vec![patterned(expressions, 3)]);
    assert_eq!(proposed(14, policy(256)), Some(Code::BadAct));
    assert_eq!(proposed(15, policy(256)), None);
    assert_eq!(proposed(15, policy(257)), Some(Code::BadAct));
}

#[test]
fn a_name_of_a_schema_makes_its_places_no_dearer() {
    let names: Vec<String> = (0..3_000).map(|number| format!("\"{number}\": []")).collect();
    let policy = |id: &str, bytes: usize| {
        let key = " ".repeat(bytes);
        let required = format!("{{\"dependentRequired\": {{{}}}}}", names.join(","));
        with_schemas(vec![format!("{{\"$id\": \"{id}\", \"properties\": {{\"{key}\": {required}}}}}")])
    };
    for id in ["name.schema.json", "https://example.org/name.schema.json"] {
        assert_eq!(proposed(14, policy(id, 5_000)), Some(Code::BadAct), "{id}");
        assert_eq!(proposed(15, policy(id, 5_000)), None, "{id}");
        assert_eq!(proposed(15, policy(id, 12_000)), Some(Code::BadAct), "{id}");
    }
}

/// A domain whose policy has 300 regular expressions since before there was a bound, under these rules by now.
fn with_300_expressions(rules: u32) -> World {
    let mut world = world(13);
    world.decide("main", with_schemas(vec![patterned(300, 1)]));
    (14..=rules).for_each(|next| goes_on_by(&mut world, next));
    world
}

/// Verdict on the proposal of the policy that is in force with other writers and these schemas.
fn successor(rules: u32, schemas: Vec<String>) -> Option<Code> {
    let writers = ["org-0", "org-1", "org-2"].map(|org| Principal::Organisation(org.into()));
    let policy = DomainPolicy { writers: writers.into(), ..with_schemas(schemas) };
    with_300_expressions(rules).does(0, &[propose(policy)]).code
}

#[test]
fn a_writer_can_be_taken_out_of_a_policy_whose_schemas_came_before_their_bound() {
    assert_eq!(successor(14, vec![patterned(300, 1)]), Some(Code::BadAct));
    assert_eq!(successor(15, vec![patterned(300, 1)]), None);
}

#[test]
fn a_policy_above_the_bounds_of_schemas_may_become_cheaper_and_not_dearer() {
    assert_eq!(successor(15, vec![patterned(299, 1)]), None);
    assert_eq!(successor(15, vec![patterned(301, 1)]), Some(Code::BadAct));
    assert_eq!(successor(15, vec![patterned(300, 1), patterned(1, 1)]), Some(Code::BadAct));
}

#[test]
fn a_policy_above_the_bounds_of_schemas_takes_effect_where_it_is_agreed() {
    let mut world = with_300_expressions(15);
    world.decide("main", with_schemas(vec![patterned(299, 1)]));
    world.decide("main", with_schemas(vec![patterned(1, 1)]));
}

#[test]
fn a_schema_that_is_in_force_is_made_ready_again_for_no_proposal() {
    let mut world = with_300_expressions(15);
    let again: Vec<Edit> = (0..8).map(|_| propose(with_schemas(vec![patterned(300, 1)]))).collect();
    assert_eq!(world.does(0, &again).code, None);
    let others: Vec<Edit> = (0..8).map(|_| propose(with_schemas(vec![patterned(299, 1)]))).collect();
    assert_eq!(world.does(0, &others).code, Some(Code::BadAct), "those have to be");
}

#[test]
fn a_schema_in_force_is_refused_beside_another_format() {
    let mut world = world(15);
    world.decide("main", with_schemas(vec!["{}".into()]));
    let mut text = with_schemas(vec!["{}".into()]);
    text.paths[0].format = Some(Format::Text);
    assert_eq!(world.does(0, &[propose(text)]).code, Some(Code::BadAct));
}

/// A path below so many folders.
fn deep(folders: usize, name: &str) -> String {
    format!("{}{name}", "a/".repeat(folders))
}

fn refusal(receipt: Receipt) -> Option<(Code, bool)> {
    receipt.code.map(|code| (code, receipt.detail.is_some_and(|why| why.contains("at most 128 folders"))))
}

#[test]
fn a_new_path_has_at_most_128_folders() {
    let put = |rules, folders| refusal(world(rules).does(0, &[write(&deep(folders, "x"), "x\n")]));
    assert_eq!((put(14, 129), put(15, 128)), (None, None));
    assert_eq!(put(15, 129), Some((Code::BadPath, true)));
}

#[test]
fn a_file_moves_to_below_at_most_128_folders() {
    let moved = |rules, folders| {
        let mut world = world(rules);
        world.does(0, &[write("old", "x\n")]);
        refusal(world.does(0, &[rename("old", &deep(folders, "x"))]))
    };
    assert_eq!((moved(14, 129), moved(15, 128)), (None, None));
    assert_eq!(moved(15, 129), Some((Code::BadPath, true)));
}

#[test]
fn a_part_of_a_composition_makes_no_path_with_more_than_128_folders() {
    let composed = |rules| {
        let mut world = world(rules);
        let mut draft = world.draft(0, world.now(), &[write("b", "b\n")]);
        let mut part = world.draft(0, world.now(), &[write(&deep(129, "x"), "x\n")]).body.changes.remove(0);
        let (author, domain) = (support::author(0).public_key(), "main".to_owned());
        part.wishes.depends_on = vec![Dependency { author, domain, seq: draft.body.from_seq }];
        draft.body.changes.push(part);
        draft.body.to_seq += 1;
        draft.contents.push("x\n".into());
        let receipt = world.verdict(&draft);
        assert!(receipt.code.is_none() || receipt.detail.as_ref().is_some_and(|why| why.starts_with("part 2 of 2")));
        refusal(receipt)
    };
    assert_eq!(composed(14), None);
    assert_eq!(composed(15), Some((Code::BadPath, true)));
}

#[test]
fn a_path_that_was_there_before_its_bound_is_edited_and_moved_away_and_deleted() {
    let mut world = world(14);
    world.does(0, &[write(&deep(129, "x"), "x\n"), write(&deep(129, "y"), "y\n")]);
    goes_on_by(&mut world, 15);
    assert_eq!(world.does(0, &[write(&deep(129, "x"), "more\n")]).state, State::Applied);
    assert_eq!(world.text(&deep(129, "x")).as_deref(), Some("more\n"));
    assert_eq!(world.does(0, &[rename(&deep(129, "x"), "x")]).state, State::Applied);
    assert_eq!(world.does(0, &[remove(&deep(129, "y"))]).state, State::Applied);
    assert_eq!(refusal(world.does(0, &[write(&deep(129, "y"), "y\n")])), Some((Code::BadPath, true)));
}

#[test]
fn a_conflict_at_a_path_that_was_there_before_its_bound_is_settled() {
    let mut world = world(14);
    let path = deep(129, "x");
    world.does(0, &[write(&path, "x\n")]);
    let base = world.now();
    world.does(1, &[remove(&path)]);
    assert_eq!(world.does_on(base, 2, &[write(&path, "y\n")]).state, State::Conflict);
    goes_on_by(&mut world, 15);
    assert_eq!(world.does(3, &[write(&path, "settled\n")]).code, None);
    assert_eq!(world.text(&path).as_deref(), Some("settled\n"));
}

/// Length of the path to which a file of this name comes whose folder others have renamed meanwhile to a long one, and whether
/// it was there before the renaming.
fn follows(rules: u32, name: &str, renamed_later: bool) -> Option<usize> {
    let mut world = world(rules);
    let (own, to) = (format!("d/{name}"), format!("{}/z", vec!["f".repeat(200); 18].join("/")));
    world.does(0, &[write("d/z", "z\n")]);
    let base = world.now();
    let edits = [rename("d/z", &to)];
    let receipt = match renamed_later {
        false => {
            world.does(1, &edits);
            world.does_on(base, 2, &[write(&own, "x\n")])
        }
        true => {
            assert_eq!(world.does(2, &[write(&own, "x\n")]).code, None);
            world.does_on(base, 1, &edits)
        }
    };
    assert!(receipt.code.is_none());
    let stays = world.text(&own).is_some();
    (!stays).then(|| receipt.changes.iter().map(|change| change.path.len()).max().expect("a path"))
}

#[test]
fn a_file_goes_with_its_renamed_folder_to_no_path_that_no_operation_may_make() {
    let (long, deep) = (vec!["n".repeat(200); 4].join("/"), deep(111, "n"));
    for renamed_later in [false, true] {
        assert!(follows(14, &long, renamed_later).is_some_and(|bytes| bytes > 4_096));
        assert!(follows(14, &deep, renamed_later).is_some());
        assert_eq!((follows(15, &long, renamed_later), follows(15, &deep, renamed_later)), (None, None));
        assert!(follows(15, "n", renamed_later).is_some());
    }
}

/// Whether a deadline ends a conflict whose so many newest sides have no place below 100 folders, and whose next has one.
fn ends_at_the_deadline(rules: u32, sides: usize) -> bool {
    let mut world = world(rules);
    let json = PathRule { format: Some(Format::Json), ..rule("vault/**") };
    let step = |strategy, deadline_ms| Step { class: None, strategy, deadline_ms };
    let strategies = vec![step(Strategy::Vote(None), Some(1_000)), step(Strategy::LastWriterWins, None)];
    world.decide("main", policy(vec![json, PathRule { strategies, ..rule("**") }]));
    world.does(0, &[write("old", "[]\n")]);
    let base = world.now();
    world.does(1, &[write("old", "no JSON\n")]);
    let places: Vec<String> = (0..sides).map(|side| format!("vault/{}", deep(99, &side.to_string()))).collect();
    let receipts: Vec<Receipt> = places.iter().map(|place| world.does_on(base, 2, &[rename("old", place)])).collect();
    assert!(receipts.iter().all(|receipt| receipt.state == State::Conflict));
    world.does(3, &places.iter().map(|place| write(place, "{}\n")).collect::<Vec<_>>());
    world.time += 2_000;
    world.slot(&[]);
    world.slot(&[]);
    let conflict = world.view().conflict(&receipts[0].conflicts[0]).expect("memory").expect("it was opened");
    conflict.record.settled.is_some()
}

#[test]
fn a_deadline_looks_at_the_folders_of_sides_without_a_place_so_often_and_no_more() {
    assert!(ends_at_the_deadline(14, 12));
    assert!(!ends_at_the_deadline(15, 12));
    assert!(ends_at_the_deadline(15, 10));
}

/// A world whose horizon is ten seconds, and that has had a file at `gone` and deleted it before.
fn with_a_forgotten_path() -> World {
    let limits = Limits { base_horizon_ms: 10_000, ..Limits::default() };
    let file = support::genesis_by(Some(15)).file().clone();
    let mut world = World::of(Genesis::build(GenesisFile { limits, ..file }).expect("a good genesis"));
    world.does(0, &[write("gone", "x\n")]);
    world.does(0, &[remove("gone")]);
    for _ in 0..3 {
        world.time += 20_000;
        (0..15).for_each(|_| drop(world.slot(&[])));
    }
    world
}

/// Looks that an envelope has: as many times the versions of one path.
const LOOKS: (usize, usize) = (255, 257);

#[test]
fn a_version_that_a_replica_may_have_forgotten_costs_no_look() {
    let mut world = with_a_forgotten_path();
    let base = world.now();
    let (mut drafts, mut last) = (Vec::new(), base);
    for number in 0..LOOKS.1 {
        drafts.push(world.draft(1, last, &[write("often", &format!("{number}\n"))]));
        last = Base::Envelope(world.id(&drafts[number]));
    }
    world.slot(&drafts.iter().collect::<Vec<_>>());
    world.does(1, &[write("gone", "unseen\n")]);
    let leave = |path: &str| [write(path, "mine\n"), remove(path)];
    let edits: Vec<Edit> = (0..LOOKS.0).flat_map(|_| leave("often")).chain(leave("gone")).collect();
    let receipt = world.does_on(base, 2, &edits); // a world compares itself with a ledger that forgets
    let conflict =
        receipt.conflicts.iter().map(|id| world.view().conflict(id).expect("memory").expect("it was opened"));
    let of_gone = conflict.into_iter().find(|conflict| conflict.record.path == "gone").expect("it met the other");
    assert_eq!(
        of_gone.sides.last().map(|entry| entry.side.file),
        Some(of_gone.sides[0].side.file),
        "it took nothing away"
    );
}

#[test]
fn a_content_that_every_operation_of_an_envelope_names_is_laid_down_once() {
    const SIZE: usize = 1 << 20;
    let mut world = world(8);
    let content = "x".repeat(SIZE);
    let edits: Vec<Edit> = (0..64).map(|path| write(&format!("f/{path}"), &content)).collect();
    let mut draft = world.draft(0, world.now(), &edits);
    draft.contents.truncate(1);
    let item = world.item(&draft);
    let decided = world.decided(vec![(0, vec![item])]);
    let mut state = None;
    let taken = taken_by(|| {
        let outcome = world.ledger.execute(&mut world.store, &decided).expect("memory does not fail");
        state = outcome.receipts.first().map(|receipt| receipt.state);
    });
    assert_eq!(state, Some(State::Applied));
    assert!(taken < 16 * SIZE, "{taken} bytes");
}

/// Bytes that an envelope of so many writes takes below sixteen folders, each of which four authors have locked or not.
fn taken_below(is_locked: bool, writes: usize) -> usize {
    let mut world = world(8);
    let folders: Vec<String> = (1..=16).map(|depth| vec!["a"; depth].join("/")).collect();
    if is_locked {
        let locks: Vec<Edit> = folders.iter().map(|folder| grab(folder, LockMode::Ix)).collect();
        (0..4).for_each(|who| assert_eq!(world.does(who, &locks).state, State::Applied));
    }
    let edits: Vec<Edit> = (0..writes).map(|name| write(&format!("{}/{name}", folders[15]), "x")).collect();
    let draft = world.draft(0, world.now(), &edits);
    let item = world.item(&draft);
    let decided = world.decided(vec![(0, vec![item])]);
    taken_by(|| drop(world.ledger.execute(&mut world.store, &decided).expect("memory does not fail")))
}

#[test]
fn a_line_of_locks_is_read_once_for_all_that_an_envelope_writes_below_it() {
    let (free, locked) = (taken_below(false, 500), taken_below(true, 500));
    assert!(locked < free + (1 << 20), "{locked} bytes, {free} without locks");
}

#[test]
fn of_envelopes_whose_files_leave_nothing_is_decoded_that_they_wrote() {
    const ENVELOPES: usize = 8;
    let mut world = world(16);
    for envelope in 0..ENVELOPES {
        let files: Vec<Edit> = (0..2_000).map(|number| write(&format!("{envelope}/{number}"), "x")).collect();
        assert_eq!(world.does(0, &files).state, State::Applied);
    }
    let gone: Vec<Edit> = (0..ENVELOPES).map(|envelope| remove(&format!("{envelope}/7"))).collect();
    let draft = world.draft(0, world.now(), &gone);
    let item = world.item(&draft);
    let decided = world.decided(vec![(0, vec![item])]);
    let taken = taken_by(|| drop(world.ledger.execute(&mut world.store, &decided).expect("memory does not fail")));
    assert!(taken < ENVELOPES * (200 << 10), "{taken} bytes");
}
