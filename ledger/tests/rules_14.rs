//! Rules 14: nothing goes with a move that met an unseen file, and rules of paths bind what waited and what lies beneath.

mod support;

use quorate_ledger::policy::{Approvals, DomainPolicy, Format, PathRule, Schema, Step, Strategy};
use quorate_ledger::{Act, Code, EnvelopeId, GROUP_DOMAIN, LockMode, Op, Principal, Receipt, State};
use quorate_pbft::Signer;
use support::disputes::{is_open, policy, rule, step, vote, world};
use support::world::{Edit, World, remove, rename, write};

/// The file `old`, which one author moves to a path while another puts an unseen file at one; the receipt of the move.
fn moved_to(rules: u32, to: &str, unseen: &str) -> (World, Receipt) {
    let mut world = world(rules);
    world.does(0, &[write("old", "moved\n")]);
    let base = world.now();
    world.does(1, &[write(unseen, "unseen\n")]);
    let receipt = world.does_on(base, 2, &[rename("old", to)]);
    assert_eq!(receipt.state, State::Conflict);
    (world, receipt)
}

/// A file that one author moves to where another has put one meanwhile; the receipt of the move.
fn moved_onto(rules: u32) -> (World, Receipt) {
    let (world, receipt) = moved_to(rules, "new", "new");
    assert_eq!(receipt.changes.last().expect("a path").path, if rules < 14 { "old" } else { "new" });
    (world, receipt)
}

fn texts(world: &World) -> (Option<String>, Option<String>) {
    (world.text("old"), world.text("new"))
}

fn both() -> (Option<String>, Option<String>) {
    (Some("moved\n".into()), Some("unseen\n".into()))
}

#[test]
fn a_file_that_is_moved_onto_an_unseen_one_stays_as_well() {
    assert_eq!(texts(&moved_onto(13).0), (None, Some("unseen\n".into())), "it is nowhere but in the conflict");
    assert_eq!(texts(&moved_onto(14).0), both());
}

#[test]
fn a_move_that_loses_its_vote_leaves_both_files_where_they_are() {
    let (mut world, receipt) = moved_onto(14);
    for who in [0, 1, 2] {
        vote(&mut world, who, &receipt, 0);
    }
    assert!(!is_open(&world, &receipt));
    assert_eq!(texts(&world), both());
}

#[test]
fn a_move_that_wins_its_vote_stands_where_it_was_to_be() {
    let (mut world, receipt) = moved_onto(14);
    for who in [0, 1, 2] {
        vote(&mut world, who, &receipt, 1);
    }
    assert!(!is_open(&world, &receipt));
    assert_eq!(texts(&world), (Some("moved\n".into()), Some("moved\n".into())));
}

#[test]
fn who_has_seen_both_files_moves_the_one_there_and_settles() {
    let (mut world, receipt) = moved_onto(14);
    assert_eq!(world.does(2, &[rename("new", "third"), rename("old", "new")]).state, State::Applied);
    assert!(!is_open(&world, &receipt));
    assert_eq!(texts(&world), (None, Some("moved\n".into())));
    assert_eq!(world.text("third").as_deref(), Some("unseen\n"));
}

#[test]
fn what_its_author_goes_on_to_do_with_a_moved_file_moves_no_unseen_one() {
    let mut world = world(14);
    world.does(0, &[write("old", "moved\n")]);
    let base = world.now();
    world.does(1, &[write("new", "unseen\n")]);
    world.does_on(base, 2, &[rename("old", "new"), write("new", "more\n"), rename("new", "third")]);
    assert_eq!((texts(&world), world.text("third")), (both(), None));
}

#[test]
fn an_unseen_file_is_a_side_where_the_file_that_is_moved_onto_it_was_deleted() {
    let after = |rules| {
        let mut world = world(rules);
        world.does(0, &[write("old", "moved\n")]);
        let base = world.now();
        world.does(1, &[remove("old"), write("new", "unseen\n")]);
        let receipt = world.does_on(base, 2, &[rename("old", "new")]);
        assert_eq!(receipt.state, State::Conflict);
        for who in [0, 1, 2] {
            vote(&mut world, who, &receipt, 0);
        }
        world.text("new")
    };
    assert_eq!(after(13), None, "the first side was the deletion of the moved file");
    assert_eq!(after(14), Some("unseen\n".into()));
}

#[test]
fn a_side_that_stands_elsewhere_wins_no_vote_while_another_file_is_there() {
    let after = |rules| {
        let mut world = world(rules);
        world.decide("main", policy(vec![PathRule { format: Some(Format::Json), ..rule("vault/**") }]));
        world.does(0, &[write("old", "[]\n")]);
        let base = world.now();
        world.does(1, &[write("old", "no JSON\n")]);
        let receipt = world.does_on(base, 2, &[rename("old", "vault/a")]);
        assert_eq!((receipt.state, receipt.changes.len()), (State::Conflict, 1));
        world.does(3, &[write("vault/a", "{}\n")]);
        let code = [0, 1, 2].map(|who| vote(&mut world, who, &receipt, 1).code)[2];
        (world, receipt, code)
    };
    let (world, _, code) = after(13);
    assert_eq!((world.text("old"), world.text("vault/a").as_deref(), code), (None, Some("{}\n"), None), "it is gone");

    let (mut world, receipt, code) = after(14);
    assert!(is_open(&world, &receipt));
    assert_eq!((world.text("old").as_deref(), code), (Some("no JSON\n"), Some(Code::PathIsFile)));

    world.does(3, &[rename("vault/a", "vault/b")]);
    vote(&mut world, 2, &receipt, 1);
    assert!(!is_open(&world, &receipt));
    assert_eq!((world.text("old"), world.text("vault/a").as_deref()), (None, Some("[]\n")));
}

#[test]
fn a_move_to_where_another_has_put_the_same_is_no_conflict() {
    for rules in [13, 14] {
        let mut world = world(rules);
        world.does(0, &[write("old", "same\n")]);
        let base = world.now();
        world.does(1, &[write("new", "same\n")]);
        assert_eq!(world.does_on(base, 2, &[rename("old", "new")]).state, State::Merged, "rules {rules}");
        assert_eq!((world.text("old"), world.text("new").as_deref()), (None, Some("same\n")));
    }
}

#[test]
fn two_authors_who_move_a_file_to_one_place_agree() {
    for rules in [13, 14] {
        let mut world = world(rules);
        world.does(0, &[write("old", "a\n")]);
        let base = world.now();
        world.does(1, &[rename("old", "new"), write("new", "a\nb\n")]);
        assert_eq!(world.does_on(base, 2, &[rename("old", "new")]).state, State::Merged, "rules {rules}");
        assert_eq!((world.text("old"), world.text("new").as_deref()), (None, Some("a\nb\n")));
    }
}

#[test]
fn a_move_to_below_an_unseen_file_leaves_both_where_they_are() {
    let (world, _) = moved_to(14, "dir/new", "dir");
    assert_eq!((world.text("old").as_deref(), world.text("dir").as_deref()), (Some("moved\n"), Some("unseen\n")));
}

#[test]
fn a_move_onto_an_unseen_folder_leaves_both_where_they_are() {
    let (world, _) = moved_to(14, "new", "new/a");
    assert_eq!((world.text("old").as_deref(), world.text("new/a").as_deref()), (Some("moved\n"), Some("unseen\n")));
}

#[test]
fn a_file_moves_into_a_folder_of_its_own_name_and_back() {
    let mut world = world(14);
    world.does(0, &[write("a", "x\n")]);
    assert_eq!(world.does(1, &[rename("a", "a/b")]).state, State::Applied);
    assert_eq!(world.does(2, &[rename("a/b", "a")]).state, State::Applied);
    assert_eq!(world.text("a").as_deref(), Some("x\n"));
}

#[test]
fn a_file_that_is_moved_out_of_a_folder_onto_its_name_stays_where_others_put_another_there() {
    let mut world = world(14);
    world.does(0, &[write("a/b", "moved\n")]);
    let base = world.now();
    world.does(1, &[write("a/c", "unseen\n")]);
    assert_eq!(world.does_on(base, 2, &[rename("a/b", "a")]).state, State::Conflict);
    assert_eq!((world.text("a/b").as_deref(), world.text("a/c").as_deref()), (Some("moved\n"), Some("unseen\n")));
}

#[test]
fn a_file_that_is_moved_onto_a_seen_conflict_stays_where_others_put_another_below_it() {
    let mut world = world(14);
    world.does(0, &[write("new", "x\n"), write("old", "moved\n")]);
    let base = world.now();
    world.does(1, &[remove("new")]);
    assert_eq!(world.does_on(base, 2, &[write("new", "y\n")]).state, State::Conflict);
    let base = world.now();
    world.does(1, &[write("new/c", "unseen\n")]);
    world.does_on(base, 2, &[rename("old", "new")]);
    assert_eq!((world.text("old").as_deref(), world.text("new/c").as_deref()), (Some("moved\n"), Some("unseen\n")));
}

/// A file that one author moves into a folder which another has renamed meanwhile, with this file beside.
fn moved_into_renamed(unseen: &str) -> (World, State) {
    let mut world = world(14);
    world.does(0, &[write("d/a", "a\n"), write("old", "moved\n")]);
    let base = world.now();
    world.does(1, &[rename("d/a", "e/a"), write(unseen, "unseen\n")]);
    let state = world.does_on(base, 2, &[rename("old", "d/x")]).state;
    (world, state)
}

#[test]
fn a_file_that_is_moved_into_a_renamed_folder_stays_where_an_unseen_one_is_in_its_way_there() {
    let (world, state) = moved_into_renamed("e/x");
    assert_eq!((state, world.text("old").as_deref()), (State::Conflict, Some("moved\n")));
    assert_eq!(world.text("e/x").as_deref(), Some("unseen\n"));
}

#[test]
fn a_file_that_comes_to_its_place_in_a_renamed_folder_is_no_copy() {
    for unseen in ["d", "elsewhere"] {
        let (world, _) = moved_into_renamed(unseen);
        assert_eq!((world.text("old"), world.text("e/x").as_deref()), (None, Some("moved\n")), "{unseen}");
    }
}

#[test]
fn a_file_that_is_moved_into_a_renamed_folder_stays_where_its_owner_has_another_there() {
    let mut world = world(14);
    let theirs = Strategy::Authoritative(Principal::Organisation("org-1".into()));
    world.decide("main", policy(vec![PathRule { strategies: vec![step(theirs, None)], ..rule("e/**") }]));
    world.does(0, &[write("d/a", "a\n"), write("old", "moved\n")]);
    let base = world.now();
    world.does(1, &[rename("d/a", "e/a"), write("e/x", "unseen\n")]);
    world.does_on(base, 2, &[rename("old", "d/x")]);
    assert_eq!((world.text("old").as_deref(), world.text("e/x").as_deref()), (Some("moved\n"), Some("unseen\n")));
}

#[test]
fn a_file_that_stayed_does_not_go_with_its_folder() {
    let mut world = world(14);
    world.does(0, &[write("d/b", "b\n")]);
    let base = world.now();
    world.does(1, &[write("e/z", "unseen\n")]);
    world.does_on(base, 2, &[write("d/a", "a\n"), rename("d/a", "e/z"), rename("d/b", "e/b")]);
    assert_eq!((world.text("d/a").as_deref(), world.text("e/a")), (Some("a\n"), None));
    assert_eq!((world.text("d/b"), world.text("e/b").as_deref()), (None, Some("b\n")));
}

#[test]
fn a_file_that_stayed_is_still_its_authors() {
    let mut world = world(14);
    let theirs = Strategy::Authoritative(Principal::Organisation("org-0".into()));
    world.decide("main", policy(vec![PathRule { strategies: vec![step(theirs, None)], ..rule("old") }]));
    world.does(0, &[write("old", "first\n")]);
    let early = world.now();
    world.does(0, &[write("old", "theirs\n")]);
    let base = world.now();
    world.does(1, &[write("new", "unseen\n")]);
    assert_eq!(world.does_on(base, 2, &[rename("old", "new")]).state, State::Conflict);
    assert_eq!(world.does_on(early, 1, &[write("old", "mine\n")]).state, State::Merged, "its owner overrules it");
    assert_eq!(world.text("old").as_deref(), Some("theirs\n"));
}

#[test]
fn a_side_below_a_file_wins_no_vote() {
    let after = |rules| {
        let mut world = world(rules);
        world.does(0, &[write("d/x", "x\n")]);
        let base = world.now();
        world.does(1, &[remove("d/x"), write("d", "file\n")]);
        let receipt = world.does_on(base, 2, &[write("d/x", "y\n")]);
        assert_eq!(receipt.state, State::Conflict);
        for who in [0, 1, 2] {
            vote(&mut world, who, &receipt, 1);
        }
        (world.text("d").is_some(), world.text("d/x").is_some(), is_open(&world, &receipt))
    };
    assert_eq!(after(13), (true, true, false), "one path is a file and a folder");
    assert_eq!(after(14), (true, false, true));
}

#[test]
fn a_moved_file_wins_its_vote_where_its_author_has_gone_on_with_it() {
    let mut world = world(14);
    world.does(0, &[write("old", "x\n")]);
    let base = world.now();
    world.does(1, &[write("old", "y\n")]);
    world.does_on(base, 3, &[write("old", "z\n")]);
    let receipt = world.does_on(base, 2, &[rename("old", "new")]);
    assert_eq!((receipt.state, receipt.changes[0].path.as_str()), (State::Conflict, "old"));
    world.does(2, &[write("new", "later\n")]);
    for who in [0, 1, 2] {
        vote(&mut world, who, &receipt, 2);
    }
    assert!(!is_open(&world, &receipt));
    assert_eq!(texts(&world), (None, Some("later\n".into())));
}

#[test]
fn an_author_who_settles_a_conflict_by_a_move_that_meets_an_unseen_file_leaves_both() {
    let mut world = world(14);
    world.does(0, &[write("old", "x\n")]);
    let base = world.now();
    world.does(1, &[write("old", "moved\n")]);
    let first = world.does_on(base, 3, &[write("old", "z\n")]);
    let base = world.now();
    world.does(1, &[write("new", "unseen\n")]);
    assert_eq!(world.does_on(base, 2, &[rename("old", "new")]).state, State::Conflict);
    assert!(!is_open(&world, &first));
    assert_eq!(texts(&world), both());
}

/// A conflict whose newest side has no place any more when its deadline is over.
fn newest_without_place(rules: u32, steps: Vec<Step>) -> (World, Receipt) {
    let mut world = world(rules);
    let json = PathRule { format: Some(Format::Json), ..rule("vault/**") };
    world.decide("main", policy(vec![json, PathRule { strategies: steps, ..rule("**") }]));
    world.does(0, &[write("old", "[]\n")]);
    let base = world.now();
    world.does(1, &[write("old", "no JSON\n")]);
    let receipt = world.does_on(base, 2, &[rename("old", "vault/a")]);
    assert_eq!((receipt.state, receipt.changes.len()), (State::Conflict, 1));
    world.does(3, &[write("vault/a", "{}\n")]);
    world.time += 2_000;
    world.slot(&[]);
    world.slot(&[]);
    (world, receipt)
}

#[test]
fn the_last_writer_who_has_a_place_wins_at_the_deadline() {
    let steps = || vec![step(Strategy::Vote(None), Some(1_000)), step(Strategy::LastWriterWins, None)];
    let (world, receipt) = newest_without_place(14, steps());
    assert!(!is_open(&world, &receipt));
    assert_eq!((world.text("old").as_deref(), world.text("vault/a").as_deref()), (Some("no JSON\n"), Some("{}\n")));
    let (world, _) = newest_without_place(13, steps());
    assert_eq!((world.text("old"), world.text("vault/a").as_deref()), (None, Some("{}\n")), "it is gone");
}

/// State of a change that writes beneath a file which its author has not seen, and whose rule is this.
fn beneath(rules: u32, of_file: PathRule) -> (State, Option<Code>) {
    let mut world = world(rules);
    world.decide("main", policy(vec![of_file]));
    let base = world.now();
    assert_eq!(world.does(3, &[write("vault", "theirs\n")]).state, State::Applied);
    let receipt = world.does_on(base, 1, &[write("vault/x", "mine\n")]);
    assert_eq!(world.text("vault").as_deref(), Some("theirs\n"));
    (receipt.state, receipt.code)
}

#[test]
fn nobody_disputes_the_file_of_others_by_writing_beneath_it() {
    let owned = || PathRule { owners: vec![Principal::Organisation("org-3".into())], ..rule("vault") };
    assert_eq!(beneath(13, owned()), (State::Conflict, None));
    assert_eq!(beneath(14, owned()), (State::Refused, Some(Code::PathIsFile)));
}

#[test]
fn nobody_disputes_a_file_that_is_written_once_by_writing_beneath_it() {
    let once = || PathRule { write_once: true, ..rule("vault") };
    assert_eq!(beneath(13, once()), (State::Conflict, None));
    assert_eq!(beneath(14, once()), (State::Refused, Some(Code::PathIsFile)));
}

#[test]
fn who_may_write_a_file_disputes_it_by_writing_beneath_it() {
    for rules in [13, 14] {
        assert_eq!(beneath(rules, rule("vault")), (State::Conflict, None), "rules {rules}");
    }
}

fn attest(world: &mut World, who: u8, envelope: EnvelopeId) -> Vec<(State, Option<Code>)> {
    let draft = world.draft(who, world.now(), &[Edit::Other(Op::Attest { envelope, approve: true })]);
    let outcome = world.slot(&[&draft]);
    outcome.receipts[1..].iter().map(|receipt| (receipt.state, receipt.code)).collect()
}

/// A world in which a change of author 1 waits for one organisation.
fn waiting(rules: u32, ops: &[Edit]) -> (World, EnvelopeId) {
    let mut world = world(rules);
    world.decide("main", policy(vec![PathRule { approvals: 1, ..rule("w/**") }]));
    let waits = world.does(1, ops);
    assert_eq!(waits.state, State::Pending);
    (world, waits.id)
}

/// Final verdicts on a change that waited while its path came to ask for this.
fn decided_under(rules: u32, later: PathRule) -> Vec<(State, Option<Code>)> {
    let (mut world, id) = waiting(rules, &[write("w/a", "x\n")]);
    world.decide("main", policy(vec![later]));
    attest(&mut world, 2, id)
}

#[test]
fn a_change_that_waited_is_refused_where_its_path_asks_for_more_approvals_by_then() {
    let stricter = || PathRule { approvals: 2, ..rule("w/**") };
    assert_eq!(decided_under(13, stricter()), [(State::Applied, None)]);
    assert_eq!(decided_under(14, stricter()), [(State::Refused, Some(Code::Approvals))]);
}

#[test]
fn a_change_that_waited_is_refused_where_its_path_asks_for_validators_by_then() {
    let validators = vec![Principal::Organisation("org-3".into())];
    let stricter = || PathRule { approvals: 1, validators: validators.clone(), ..rule("w/**") };
    assert_eq!(decided_under(13, stricter()), [(State::Applied, None)]);
    assert_eq!(decided_under(14, stricter()), [(State::Refused, Some(Code::Approvals))]);
}

#[test]
fn a_change_that_waited_takes_effect_where_its_path_asks_for_no_more_than_it_has() {
    for (rules, later) in [(14, rule("other/**")), (14, PathRule { approvals: 1, ..rule("**") })] {
        assert_eq!(decided_under(rules, later), [(State::Applied, None)]);
    }
}

#[test]
fn a_validator_who_has_spoken_counts_by_whatever_list_the_policy_has_by_then() {
    let validator = |org: &str| Principal::Organisation(org.into());
    for later in [vec!["org-3"], vec!["org-3", "org-2"], vec!["org-2", "org-3"]] {
        let rule =
            |list: &[&str]| PathRule { validators: list.iter().map(|org| validator(org)).collect(), ..rule("w/**") };
        let mut world = world(14);
        world.decide("main", policy(vec![rule(&["org-2", "org-3"])]));
        let waits = world.does(1, &[write("w/a", "x\n")]);
        assert_eq!(attest(&mut world, 2, waits.id), []);
        world.decide("main", policy(vec![rule(&later)]));
        assert_eq!(attest(&mut world, 3, waits.id), [(State::Applied, None)], "{later:?}");
    }
}

/// Final verdicts on a change that waited while its author was revoked.
fn decided_after_revocation(rules: u32, ops: &[Edit]) -> Vec<(State, Option<Code>)> {
    let (mut world, id) = waiting(rules, ops);
    let key = support::author(1).public_key();
    world.agrees(GROUP_DOMAIN, Act::Revoke { key });
    assert_eq!(world.does(1, &[write("b", "y\n")]).code, Some(Code::Revoked));
    attest(&mut world, 2, id)
}

#[test]
fn a_key_that_was_revoked_while_its_change_waited_takes_no_lock() {
    let lock = || Op::Acquire { path: "lock".into(), mode: LockMode::X, lease_ms: 60_000, wait_ms: 0 };
    let ops = || [write("w/a", "x\n"), Edit::Other(lock())];
    assert_eq!(decided_after_revocation(13, &ops()), [(State::Applied, None)]);
    assert_eq!(decided_after_revocation(14, &ops()), [(State::Refused, Some(Code::Revoked))]);
}

#[test]
fn the_files_of_a_change_that_waited_take_effect_though_its_author_was_revoked() {
    for rules in [13, 14] {
        assert_eq!(decided_after_revocation(rules, &[write("w/a", "x\n")]), [(State::Applied, None)], "rules {rules}");
    }
}

#[test]
fn a_change_that_waited_may_name_the_revision_that_it_was_made_on_though_its_author_was_revoked() {
    let ops = [write("w/a", "x\n"), Edit::Other(Op::Anchor { revision: "1".parse().expect("a revision") })];
    assert_eq!(decided_after_revocation(14, &ops), [(State::Applied, None)]);
}

/// A policy whose schemas have so many regular expressions.
fn patterned(patterns: usize) -> DomainPolicy {
    let schema = |number: usize, patterns: usize| {
        let words: Vec<String> = (0..patterns).map(|word| format!("\"^k{number}_{word}$\": true")).collect();
        let text = format!("{{\"patternProperties\": {{{}}}}}", words.join(","));
        PathRule { format: Some(Format::Json), schema: Some(Schema::new(text)), ..rule(&format!("{number}/**")) }
    };
    policy(vec![schema(0, patterns / 2), schema(1, patterns - patterns / 2)])
}

fn proposed(rules: u32, policies: Vec<DomainPolicy>) -> (State, Option<Code>) {
    let propose = |policy| Edit::Other(Op::Propose { act: Act::SetPolicy { policy } });
    let receipt = world(rules).does(0, &policies.into_iter().map(propose).collect::<Vec<_>>());
    (receipt.state, receipt.code)
}

#[test]
fn a_policy_has_at_most_256_regular_expressions() {
    assert_eq!(proposed(13, vec![patterned(257)]), (State::Applied, None));
    assert_eq!(proposed(14, vec![patterned(257)]), (State::Refused, Some(Code::BadAct)));
    assert_eq!(proposed(14, vec![patterned(256)]), (State::Applied, None));
}

#[test]
fn an_envelope_proposes_so_many_regular_expressions_and_no_more() {
    assert_eq!(proposed(13, vec![patterned(256); 5]), (State::Applied, None));
    assert_eq!(proposed(14, vec![patterned(256); 5]), (State::Refused, Some(Code::BadAct)));
}

#[test]
fn a_policy_of_as_many_regular_expressions_as_may_be_takes_effect_in_the_envelope_that_proposes_it() {
    let mut world = world(14);
    let by_one = |paths| DomainPolicy { approvals: Approvals { organisations: Some(1), by: vec![] }, ..policy(paths) };
    world.decide("main", by_one(vec![]));
    let by_one = by_one(patterned(256).paths);
    let receipt = world.does(0, &[Edit::Other(Op::Propose { act: Act::SetPolicy { policy: by_one } })]);
    assert_eq!(receipt.state, State::Applied);
    assert_eq!(world.view().policy("main").expect("known").paths.len(), 2);
}

#[test]
fn a_policy_of_long_places_is_refused_before_they_are_spelled_out() {
    let key = "~".repeat(40_000);
    let text = format!("{{\"$defs\": {{\"{key}\": {{\"allOf\": [{}]}}}}}}", vec!["true"; 4_000].join(","));
    let rule = |number: usize| PathRule {
        format: Some(Format::Json),
        schema: Some(Schema::new(text.clone())),
        ..rule(&format!("{number}/**"))
    };
    assert_eq!(proposed(14, vec![policy(vec![rule(0)])]), (State::Refused, Some(Code::BadAct)));
}

#[test]
fn a_policy_of_many_names_at_long_places_is_refused() {
    let names: Vec<String> = (0..3_000).map(|number| format!("\"{number}\": []")).collect();
    let text = |id: &str| {
        let key = " ".repeat(12_000);
        format!("{{{id}\"properties\": {{\"{key}\": {{\"dependentRequired\": {{{}}}}}}}}}", names.join(","))
    };
    let refused = |text: String| {
        let rule = PathRule { format: Some(Format::Json), schema: Some(Schema::new(text)), ..rule("**") };
        proposed(14, vec![policy(vec![rule])]).1
    };
    assert_eq!(refused(text("\"$id\": \"https://x/\", ")), Some(Code::BadAct));
    assert_eq!(refused(text("").replace(&" ".repeat(12_000), "key")), None);
}
