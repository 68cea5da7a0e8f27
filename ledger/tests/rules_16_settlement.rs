//! Rules 16: nobody keeps a conflict from its end, votes count where they suffice, and neither proposals nor votes pass a rule by.

mod support;
#[path = "support/memory.rs"]
mod memory;

use memory::peak_of;
use quorate_ledger::policy::{PathRule, Strategy};
use quorate_ledger::{Base, Code, ConflictEntry, Mode, Op, Principal, Receipt, State};
use quorate_pbft::Signer;
use support::disputes::{is_open, policy, rule, step, vote, world};
use support::world::{Edit, World, remove, rename, write};
use support::{author, digest};

const DAY: u64 = 86_400_000;
/// Sides of one organisation in one conflict.
const SIDES: usize = 64;

fn text(text: &str) -> Option<String> {
    Some(format!("{text}\n"))
}

fn org(n: u8) -> Principal {
    Principal::Organisation(format!("org-{n}"))
}

fn conflict(world: &World, receipt: &Receipt) -> ConflictEntry {
    world.view().conflict(&receipt.conflicts[0]).expect("memory").expect("it was opened")
}

/// An arbiter, author 3, for a day; then the last writer.
fn arbitrated() -> PathRule {
    let arbiter = Strategy::Arbitrate(Principal::Author(author(3).public_key()));
    let steps = vec![step(Strategy::Merge, None), step(arbiter, Some(DAY)), step(Strategy::LastWriterWins, None)];
    PathRule { strategies: steps, ..rule("**") }
}

/// A world by these rules and policy in which authors 1 and 2 make something of one base.
fn clash(rules: u32, paths: Vec<PathRule>) -> (World, Receipt) {
    let mut world = world(rules);
    world.decide("main", policy(paths));
    world.does(0, &[write("a", "base\n")]);
    let base = world.now();
    world.does_on(base, 1, &[write("a", "one\n")]);
    let receipt = world.does_on(base, 2, &[write("a", "two\n")]);
    assert_eq!(receipt.state, State::Conflict);
    (world, receipt)
}

/// The arbiter answers what it saw a slot ago, again and again, while author 1 joins before and after; then the day is over.
fn answered_beside(rules: u32, put: impl Fn(usize) -> String) -> (usize, Option<String>) {
    let (mut world, receipt) = clash(rules, vec![arbitrated()]);
    let mut answers = 0;
    while answers < 40 {
        let seen = world.now();
        world.does(1, &[write("a", &put(2 * answers))]);
        world.does_on(seen, 3, &[write("a", "peace\n")]);
        answers += 1;
        if !is_open(&world, &receipt) {
            break;
        }
        world.does(1, &[write("a", &put(2 * answers - 1))]);
    }
    world.time += DAY;
    world.slot(&[]);
    (answers, world.text("a"))
}

#[test]
fn an_arbiter_has_its_word_though_a_writer_joins_in_each_slot() {
    let put = |n| format!("mine {n}\n");
    assert_eq!(answered_beside(15, put), (40, text("mine 79")), "the writer wins as the last one");
    assert_eq!(answered_beside(16, put), (SIDES / 2 + 1, text("peace")));
}

#[test]
fn a_side_that_is_there_already_keeps_nobody_from_settling() {
    let put = |_| "one\n".to_owned();
    assert_eq!(answered_beside(15, put), (40, text("one")));
    assert_eq!(answered_beside(16, put), (1, text("peace")));
}

#[test]
fn who_says_again_what_another_has_said_is_still_the_last_writer() {
    for rules in [15, 16] {
        let (mut world, _) = clash(rules, vec![arbitrated()]);
        assert_eq!(world.does(0, &[write("a", "one\n")]).state, State::Conflict);
        world.time += DAY;
        world.slot(&[]);
        assert_eq!(world.text("a"), text("one"), "rules {rules}");
    }
}

#[test]
fn a_chain_of_fifty_edits_of_a_path_that_others_have_changed_is_kept() {
    let (mut world, receipt) = clash(16, vec![]);
    let mut base = Base::Envelope(receipt.id);
    for edit in 1..50 {
        let receipt = world.does_on(base, 2, &[write("a", &format!("{edit}\n"))]);
        assert_eq!(receipt.state, State::Conflict, "edit {edit}");
        base = Base::Envelope(receipt.id);
    }
    assert_eq!(conflict(&world, &receipt).record.sides, 51);
}

#[test]
fn an_organisation_joins_a_conflict_so_often_and_no_more() {
    let (mut world, receipt) = clash(16, vec![arbitrated()]);
    let put = |n: usize| [write("a", &format!("{n}\n"))];
    for n in 1..SIDES {
        assert_eq!(world.does(2, &put(n)).state, State::Conflict, "{n}");
    }
    let refused = world.does(2, &put(SIDES));
    assert_eq!((refused.state, refused.code), (State::Refused, Some(Code::Quota)));
    let detail = refused.detail.expect("a refusal says why");
    assert!(
        detail.contains("\"org-2\" has joined its conflict 64 times, and may no more until it is settled"),
        "{detail}"
    );
    assert_eq!(world.does(2, &[write("b", "b\n")]).state, State::Applied, "other paths are free");
    let puts: Vec<Edit> = (0..100).map(|n| write("a", &format!("{n}\n"))).collect();
    assert_eq!(world.does(1, &puts).state, State::Conflict, "an envelope joins once");
    assert_eq!(conflict(&world, &receipt).record.sides, (1 + SIDES + 100) as u32);
}

#[test]
fn a_new_folder_of_hundreds_of_files_that_meets_an_unseen_file_is_kept_whole() {
    let mut world = world(16);
    let base = world.now();
    world.does(0, &[write("d", "a file\n")]);
    let folder: Vec<Edit> = (0..300).map(|n| write(&format!("d/{n}"), "in a folder\n")).collect();
    let receipt = world.does_on(base, 1, &folder);
    assert_eq!(receipt.state, State::Conflict);
    assert_eq!(conflict(&world, &receipt).record.sides, 301);
}

fn suggestion(receipt: &Receipt, content: &str) -> Edit {
    let file = Some((Mode::File, digest(content.as_bytes())));
    Edit::Other(Op::Suggest { conflict: receipt.conflicts[0], file, reason: "peace".into() })
}

/// Proposes this as somebody.
fn suggest(world: &mut World, who: u8, receipt: &Receipt, content: &str) -> Receipt {
    let mut draft = world.draft(who, world.now(), &[suggestion(receipt, content)]);
    draft.contents.push(content.as_bytes().to_vec());
    world.verdict(&draft)
}

#[test]
fn a_conflict_with_many_sides_has_places_for_proposals() {
    for (rules, code, sides) in [(15, Some(Code::BadAct), 257), (16, None, 258)] {
        let (mut world, receipt) = clash(rules, vec![arbitrated()]);
        let puts: Vec<Edit> = (0..SIDES).map(|n| write("a", &format!("{n}\n"))).collect();
        let base = Base::Revision(receipt.revision.expect("accepted")); // the arbiter has not seen the others
        for (who, puts) in [(0, &puts[..]), (1, &puts[..]), (2, &puts[1..]), (3, &puts[..])] {
            assert_eq!(world.does_on(base, who, puts).state, State::Conflict);
        }
        assert_eq!(conflict(&world, &receipt).record.sides, 257);
        assert_eq!(suggest(&mut world, 0, &receipt, "peace\n").code, code, "rules {rules}");
        suggest(&mut world, 1, &receipt, "peace\n");
        let conflict = conflict(&world, &receipt);
        assert_eq!(conflict.record.sides, sides, "an equal proposal is one");
        assert_eq!(conflict.record.supporters.get(&257).map(|who| who.len()), code.is_none().then_some(2));
    }
}

#[test]
fn what_stands_is_no_newer_side_again_for_each_of_those_who_leave_it() {
    let sides = |rules| {
        let mut world = world(rules);
        world.does(0, &[write("old", "moved\n")]);
        let base = world.now();
        world.does(1, &[write("new", "unseen\n")]);
        let receipt = world.does_on(base, 2, &[rename("old", "new")]);
        for _ in 0..3 {
            world.does_on(Base::Envelope(receipt.id), 2, &[remove("new")]);
        }
        conflict(&world, &receipt).record.sides
    };
    assert_eq!((sides(15), sides(16)), (5, 3));
}

/// Three votes within a second, two within the next, and else the last writer.
fn fewer_votes() -> PathRule {
    let vote = |n| step(Strategy::Vote(Some(n)), Some(1_000));
    PathRule { strategies: vec![vote(3), vote(2), step(Strategy::LastWriterWins, None)], ..rule("**") }
}

/// Lets a deadline pass.
fn pass(world: &mut World) {
    world.time += 1_000;
    world.slot(&[]);
}

#[test]
fn votes_that_suffice_for_the_next_step_of_a_policy_decide_when_it_comes() {
    let after = |rules| {
        let (mut world, receipt) = clash(rules, vec![fewer_votes()]);
        for who in [0, 1] {
            vote(&mut world, who, &receipt, 0);
        }
        pass(&mut world);
        let is_over = !is_open(&world, &receipt);
        pass(&mut world);
        (is_over, world.text("a"))
    };
    assert_eq!(after(15), (false, text("two")), "two organisations had voted for the other side");
    assert_eq!(after(16), (true, text("one")));
}

#[test]
fn a_tie_for_the_next_step_of_a_policy_decides_nothing() {
    let (mut world, receipt) = clash(16, vec![fewer_votes()]);
    vote(&mut world, 0, &receipt, 0);
    vote(&mut world, 1, &receipt, 1);
    pass(&mut world);
    assert!(is_open(&world, &receipt));
    vote(&mut world, 2, &receipt, 0);
    assert_eq!((is_open(&world, &receipt), world.text("a")), (false, text("one")));
}

/// A side that its author has at `d/f`, where another file stands when two votes for it suffice, and may go away in time.
fn after_its_place_was_taken(rules: u32, is_freed: bool) -> [Option<String>; 2] {
    let mut world = world(rules);
    world.decide("main", policy(vec![fewer_votes()]));
    world.does(0, &[write("old", "x\n")]);
    let base = world.now();
    world.does(1, &[write("old", "y\n"), write("d/f", "there\n")]);
    let receipt = world.does_on(base, 3, &[write("old", "w\n")]);
    world.does_on(base, 2, &[rename("old", "d/f")]);
    world.does_on(base, 3, &[write("old", "z\n")]);
    assert_eq!(conflict(&world, &receipt).sides[2].side.path, "d/f");
    for who in [0, 1] {
        vote(&mut world, who, &receipt, 2);
    }
    pass(&mut world);
    if is_freed {
        world.does(1, &[remove("d/f")]);
    }
    pass(&mut world);
    assert!(!is_open(&world, &receipt));
    ["old", "d/f"].map(|path| world.text(path))
}

#[test]
fn a_side_with_enough_votes_wins_at_the_deadline_where_its_place_is_free_by_then() {
    assert_eq!(after_its_place_was_taken(15, true), [text("z"), None]);
    assert_eq!(after_its_place_was_taken(16, true), [None, text("x")]);
    assert_eq!(after_its_place_was_taken(16, false), [text("z"), text("there")]);
}

/// Code of a proposal by an author under a rule that came into force after the clash.
fn proposed(rules: u32, who: u8, under: PathRule) -> Option<Code> {
    let (mut world, receipt) = clash(rules, vec![]);
    world.decide("main", policy(vec![under]));
    suggest(&mut world, who, &receipt, "both\n").code
}

#[test]
fn a_proposal_passes_no_approval_attestation_or_owner_by() {
    let approved = || PathRule { approvals: 1, ..rule("**") };
    let attested = || PathRule { validators: vec![org(3)], ..rule("**") };
    let owned = || PathRule { owners: vec![org(1)], ..rule("**") };
    for under in [approved(), attested(), owned()] {
        assert_eq!(proposed(15, 2, under), None);
    }
    assert_eq!(proposed(16, 2, approved()), Some(Code::Approvals));
    assert_eq!(proposed(16, 2, attested()), Some(Code::Validator));
    assert_eq!(proposed(16, 2, owned()), Some(Code::NotOwner));
    assert_eq!(proposed(16, 1, owned()), None);
}

/// Proposals of the analysers of replicas 1 and 2 that are taken under a rule.
fn analysed(rules: u32, under: PathRule) -> usize {
    let mut world = world(rules);
    world.does(0, &[write("a", "the limit is 10 a minute\n")]);
    let base = world.now();
    world.does_on(base, 1, &[write("a", "the limit is 20 a minute\n")]);
    let receipt = world.does_on(base, 2, &[write("a", "the limit is 10 an hour\n")]);
    world.decide("main", policy(vec![under]));
    let analysis = world.view().analyse(&receipt.conflicts[0]).expect("memory").expect("a proposal");
    let item = analysis.item().expect("it is small");
    world.slot_of(vec![(1, vec![item.clone()]), (2, vec![item])]);
    conflict(&world, &receipt).record.supporters.values().map(|voices| voices.len()).sum()
}

#[test]
fn an_analysers_proposal_passes_no_approval_or_owner_by() {
    let approved = PathRule { approvals: 1, ..rule("**") };
    let owned = PathRule { owners: vec![org(1)], ..rule("**") };
    assert_eq!((analysed(15, approved.clone()), analysed(16, approved)), (2, 0));
    assert_eq!((analysed(15, owned.clone()), analysed(16, owned)), (2, 1));
    assert_eq!(analysed(16, rule("**")), 2);
}

/// Votes of three organisations for a side, under a rule that came into force after the clash: the last code, and what stands.
fn voted(rules: u32, side: u32, forbidden: &str) -> (Option<Code>, Option<String>, bool) {
    let (mut world, receipt) = clash(rules, vec![]);
    world.decide("main", policy(vec![PathRule { forbidden: vec![forbidden.into()], ..rule("**") }]));
    let code = [0, 1, 2].map(|who| vote(&mut world, who, &receipt, side).code)[2];
    (code, world.text("a"), is_open(&world, &receipt))
}

#[test]
fn a_side_that_breaks_the_rule_of_its_path_by_now_wins_no_vote() {
    assert_eq!(voted(15, 1, "two"), (None, text("two"), false));
    assert_eq!(voted(16, 1, "two"), (Some(Code::Validator), text("one"), true));
    assert_eq!(voted(16, 1, "one"), (None, text("two"), false));
}

#[test]
fn what_is_served_may_stay_by_votes_though_a_rule_forbids_it_by_now() {
    assert_eq!(voted(16, 0, "one"), (None, text("one"), false));
}

/// Memory at its peak while a small envelope joins a conflict of a file below so many bytes of folders, and of a folder of
/// 1,000 files in its place.
fn peak_of_joining(folders: usize) -> usize {
    let mut world = world(16);
    let path = vec!["a".repeat(folders / 16 - 1); 16].join("/");
    let base = world.now();
    world.does(1, &[write(&path, "a file\n")]);
    let below: Vec<Edit> = (0..1_000).map(|n| write(&format!("{path}/{n}"), "x\n")).collect();
    let receipt = world.does_on(base, 2, &below);
    assert_eq!(conflict(&world, &receipt).record.sides, 1_001);
    let draft = world.draft(3, base, &[write(&path, "another\n")]);
    let item = world.item(&draft);
    let mut receipts = Vec::new();
    let peak = peak_of(|| receipts = world.slot_of(vec![(0, vec![item])]).receipts);
    assert_eq!(receipts[0].state, State::Conflict);
    peak
}

#[test]
fn sides_with_long_paths_take_no_more_memory_where_one_joins_them() {
    let (short, long) = (peak_of_joining(160), peak_of_joining(4_000));
    assert!(long < short + (2 << 20), "{long} bytes, {short} with short paths");
}

/// A path, and rules of which the last one alone is its own: 64 looks for it take more steps than an envelope has.
fn dear() -> (String, Vec<PathRule>) {
    let alike = rule(&format!("**/*{}b*/**", "a".repeat(127)));
    let rules = core::iter::repeat_n(alike, 255).chain([arbitrated()]);
    (vec!["a".repeat(255); 16].join("/"), rules.collect())
}

#[test]
fn proposals_and_votes_of_one_envelope_look_for_the_rule_of_a_conflict_once() {
    let mut world = world(16);
    let (path, rules) = dear();
    let base = world.now();
    world.does_on(base, 1, &[write(&path, "one\n")]);
    let receipt = world.does_on(base, 2, &[write(&path, "two\n")]);
    world.decide("main", policy(rules));
    let nothing = Op::Suggest { conflict: receipt.conflicts[0], file: None, reason: String::new() };
    let proposed = world.does(3, &vec![Edit::Other(nothing); 64]);
    assert_eq!((proposed.state, proposed.code), (State::Applied, None), "{proposed:?}");
}
