//! Rules 15: no file goes with the operations beside a move that met an unseen file, nor with a new file of a renamed folder.

mod support;

use quorate_ledger::policy::{PathRule, Strategy};
use quorate_ledger::{Base, Code, PathOutcome, Principal, Receipt, State};
use support::disputes::{is_open, policy, rule, step, vote, world};
use support::world::{Edit, World, composition, remove, rename, write};

/// The rule of paths whose files one organisation decides.
fn owned(pattern: &str, organisation: &str) -> PathRule {
    let owner = Strategy::Authoritative(Principal::Organisation(organisation.into()));
    PathRule { strategies: vec![step(owner, None)], ..rule(pattern) }
}

fn text(text: &str) -> Option<String> {
    Some(format!("{text}\n"))
}

fn texts<const N: usize>(world: &World, paths: [&str; N]) -> [Option<String>; N] {
    paths.map(|path| world.text(path))
}

#[test]
fn a_file_that_its_author_moves_to_where_another_was_put_back_stays_if_it_is_overruled_there() {
    let after = |rules| {
        let mut world = world(rules);
        world.decide("main", policy(vec![owned("old", "org-0")]));
        world.does(0, &[write("old", "theirs\n")]);
        world.does(2, &[write("f2", "mine\n")]);
        let base = world.now();
        world.does(1, &[write("new", "unseen\n")]);
        world.does_on(base, 2, &[rename("old", "new"), rename("f2", "old")]);
        texts(&world, ["old", "new", "f2"])
    };
    assert_eq!(after(14), [text("theirs"), text("unseen"), None], "the second file is nowhere");
    assert_eq!(after(15), [text("theirs"), text("unseen"), text("mine")]);
}

/// A folder that author 1 renames from `d` to `e` while another works on the older base.
fn renamed_folder(rules: u32, paths: Vec<PathRule>) -> (World, Base) {
    let mut world = world(rules);
    world.decide("main", policy(paths));
    world.does(0, &[write("d/a", "a\n"), write("old", "moved\n")]);
    let base = world.now();
    world.does(1, &[rename("d/a", "e/a")]);
    (world, base)
}

#[test]
fn a_new_file_of_a_renamed_folder_stays_where_its_place_there_is_overruled() {
    let after = |rules| {
        let (mut world, base) = renamed_folder(rules, vec![owned("e/**", "org-1")]);
        world.does(1, &[write("e/x", "theirs\n")]);
        let receipt = world.does_on(base, 2, &[write("d/x", "mine\n")]);
        (receipt.state, texts(&world, ["d/x", "e/x"]))
    };
    assert_eq!(after(14), (State::Merged, [None, text("theirs")]), "the new file is nowhere");
    assert_eq!(after(15), (State::Applied, [text("mine"), text("theirs")]));
}

#[test]
fn a_new_file_of_a_renamed_folder_settles_no_conflict_there() {
    let after = |rules, edit: &[Edit]| {
        let mut world = world(rules);
        world.does(0, &[write("d/a", "a\n"), write("old", "moved\n"), write("e/x", "x\n")]);
        let base = world.now();
        world.does(0, &[write("e/x", "y\n")]);
        let conflict = world.does_on(base, 3, &[write("e/x", "z\n")]);
        assert_eq!(conflict.state, State::Conflict);
        let base = world.now();
        world.does(1, &[rename("d/a", "e/a")]);
        world.does_on(base, 2, edit);
        (is_open(&world, &conflict), texts(&world, ["d/x", "e/x", "old"]))
    };
    let put = [write("d/x", "mine\n")];
    assert_eq!(after(14, &put), (false, [None, text("mine"), text("moved")]), "nobody meant to settle it");
    assert_eq!(after(15, &put), (true, [text("mine"), text("y"), text("moved")]));
    let moved = [rename("old", "d/x")];
    assert!(!after(14, &moved).0, "nobody meant to settle it");
    assert_eq!(after(15, &moved), (true, [text("moved"), text("y"), None]));
}

#[test]
fn a_new_file_of_a_renamed_folder_replaces_no_file_there_as_the_last_writer() {
    let after = |rules| {
        let mut world = world(rules);
        let last = PathRule { strategies: vec![step(Strategy::LastWriterWins, None)], ..rule("**") };
        world.decide("main", policy(vec![last]));
        world.does(0, &[write("d/a", "a\n"), write("e/x", "theirs\n")]);
        let base = world.now();
        world.does(1, &[rename("d/a", "e/a")]);
        world.does_on(base, 2, &[write("d/x", "mine\n")]);
        texts(&world, ["d/x", "e/x"])
    };
    assert_eq!(after(14), [None, text("mine")], "its author had seen the other file, and did not touch it");
    assert_eq!(after(15), [text("mine"), text("theirs")]);
}

#[test]
fn a_file_that_is_moved_into_a_renamed_folder_leaves_no_copy_where_a_conflict_is_open_there() {
    let after = |rules| {
        let mut world = world(rules);
        world.does(0, &[write("d/a", "a\n"), write("d/x", "x\n"), write("old", "moved\n"), write("e/x", "x\n")]);
        world.does(0, &[remove("d/x")]);
        let base = world.now();
        world.does(0, &[write("e/x", "y\n")]);
        world.does_on(base, 3, &[write("e/x", "z\n")]);
        let base = world.now();
        world.does(1, &[rename("d/a", "e/a")]);
        world.does_on(base, 2, &[rename("old", "d/x")]);
        texts(&world, ["old", "d/x", "e/x"])
    };
    assert_eq!(after(14), [text("moved"), None, text("moved")], "it stands twice, and the conflict is over");
    assert_eq!(after(15), [None, text("moved"), text("y")]);
}

/// State of changes that hold together, of which the first edits a file that its owner moved and changed meanwhile.
fn held_together(rules: u32) -> (State, Option<Code>, Option<String>) {
    let (mut world, base) = renamed_folder(rules, vec![owned("e/**", "org-1")]);
    world.does(1, &[write("e/a", "theirs\n")]);
    let draft = composition(&mut world, 2, base, &[&[write("d/a", "mine\n")], &[write("more", "more\n")]]);
    let receipt = world.verdict(&draft);
    (receipt.state, receipt.code, world.text("more"))
}

#[test]
fn changes_that_hold_together_are_refused_where_one_is_overruled_at_the_new_place_of_its_file() {
    assert_eq!(held_together(14), (State::Merged, None, text("more")), "as if all of it stood");
    assert_eq!(held_together(15), (State::Refused, Some(Code::WouldConflict), None));
}

#[test]
fn an_edit_that_is_overruled_at_the_new_place_of_its_file_is_told_so() {
    let outcome = |rules| {
        let (mut world, base) = renamed_folder(rules, vec![owned("e/**", "org-1")]);
        world.does(1, &[write("e/a", "theirs\n")]);
        world.does_on(base, 2, &[write("d/a", "mine\n")]).changes[0].outcome
    };
    assert_eq!((outcome(14), outcome(15)), (PathOutcome::Merged, PathOutcome::Overruled));
}

/// A vote, and the last writer where there was none in time.
fn vote_then_last() -> PathRule {
    let steps = vec![step(Strategy::Vote(None), Some(1_000)), step(Strategy::LastWriterWins, None)];
    PathRule { strategies: steps, ..rule("**") }
}

/// Author 2 does this on a base without the file that author 1 has put at `new`; then the deadline passes.
fn after_the_deadline(rules: u32, envelopes: &[&[Edit]]) -> [Option<String>; 3] {
    let mut world = world(rules);
    world.decide("main", policy(vec![vote_then_last()]));
    world.does(0, &[write("old", "moved\n")]);
    let mut base = world.now();
    world.does(1, &[write("new", "unseen\n")]);
    let receipts: Vec<Receipt> = envelopes
        .iter()
        .map(|edits| {
            let receipt = world.does_on(base, 2, edits);
            base = Base::Envelope(receipt.id);
            receipt
        })
        .collect();
    world.time += 2_000;
    world.slot(&[]);
    world.slot(&[]);
    assert!(!is_open(&world, &receipts[0]));
    texts(&world, ["old", "new", "third"])
}

#[test]
fn a_file_that_is_moved_onto_an_unseen_one_and_on_takes_nothing_away() {
    let edits = [rename("old", "new"), rename("new", "third")];
    for envelopes in [&[&edits[..]][..], &[&edits[..1], &edits[1..]]] {
        assert_eq!(after_the_deadline(14, envelopes), [text("moved"), None, text("moved")], "the unseen one is gone");
        assert_eq!(after_the_deadline(15, envelopes), [text("moved"), text("unseen"), text("moved")]);
    }
}

#[test]
fn a_file_that_is_moved_onto_an_unseen_one_and_deleted_takes_nothing_away() {
    let edits = [rename("old", "new"), remove("new")];
    for envelopes in [&[&edits[..]][..], &[&edits[..1], &edits[1..]]] {
        assert_eq!(after_the_deadline(14, envelopes), [text("moved"), None, None], "the unseen one is gone");
        assert_eq!(after_the_deadline(15, envelopes), [text("moved"), text("unseen"), None]);
    }
}

#[test]
fn a_file_that_is_put_onto_an_unseen_one_and_moved_on_takes_nothing_away() {
    let edits: &[&[Edit]] = &[&[write("new", "mine\n"), rename("new", "third")]];
    assert_eq!(after_the_deadline(14, edits), [text("moved"), None, text("mine")], "the unseen one is gone");
    assert_eq!(after_the_deadline(15, edits), [text("moved"), text("unseen"), text("mine")]);
}

#[test]
fn a_file_that_lost_against_an_unseen_one_moves_on_without_it() {
    for (edit, third) in [(rename("new", "third"), text("moved")), (remove("new"), None)] {
        let mut world = world(15);
        world.does(0, &[write("old", "moved\n")]);
        let base = world.now();
        world.does(1, &[write("new", "unseen\n")]);
        let receipt = world.does_on(base, 2, &[rename("old", "new")]);
        for who in [0, 1, 3] {
            vote(&mut world, who, &receipt, 0);
        }
        assert!(!is_open(&world, &receipt));
        world.does_on(Base::Envelope(receipt.id), 2, &[edit]);
        assert_eq!(texts(&world, ["new", "third"]), [text("unseen"), third]);
        assert_eq!(world.view().conflicts(None, Some(true), None, 10).expect("known").items.len(), 0);
    }
}

#[test]
fn a_file_that_met_one_where_it_needs_a_folder_moves_on_and_takes_nothing_away() {
    let after = |rules| {
        let mut world = world(rules);
        world.decide("main", policy(vec![vote_then_last()]));
        world.does(0, &[write("old", "moved\n")]);
        let base = world.now();
        world.does(1, &[write("d", "unseen\n")]);
        world.does_on(base, 2, &[rename("old", "d/x"), rename("d/x", "third")]);
        world.time += 2_000;
        world.slot(&[]);
        world.slot(&[]);
        texts(&world, ["d", "third"])
    };
    assert_eq!(after(14), [None, text("moved")], "the unseen one is gone");
    assert_eq!(after(15), [text("unseen"), text("moved")]);
}

#[test]
fn a_file_that_left_a_conflict_is_its_authors_to_go_on_with() {
    let edits: &[&[Edit]] = &[&[rename("old", "new"), rename("new", "third"), write("third", "more\n")]];
    assert_eq!(after_the_deadline(15, edits), [text("moved"), text("unseen"), text("more")]);
}

#[test]
fn a_file_that_left_a_conflict_leaves_there_the_file_of_its_author() {
    let mut world = world(15);
    world.decide("main", policy(vec![owned("other", "org-0"), vote_then_last()]));
    world.does(0, &[write("old", "moved\n")]);
    let base = world.now();
    world.does(1, &[write("new", "unseen\n")]);
    let receipt = world.does_on(base, 2, &[rename("old", "new"), rename("new", "third")]);
    let conflict = world.view().conflict(&receipt.conflicts[0]).expect("memory").expect("it was opened");
    let (first, last) = (&conflict.sides[0].side, &conflict.sides[2].side);
    assert_eq!((first.author, first.file), (last.author, last.file));
}

#[test]
fn a_file_that_others_changed_is_still_moved_and_deleted_by_the_last_writer() {
    let after = |edits: &[Edit]| {
        let mut world = world(15);
        world.decide("main", policy(vec![vote_then_last()]));
        world.does(0, &[write("old", "x\n")]);
        let base = world.now();
        world.does(1, &[write("old", "y\n")]);
        assert_eq!(world.does_on(base, 2, edits).state, State::Conflict);
        world.time += 2_000;
        world.slot(&[]);
        world.slot(&[]);
        texts(&world, ["old", "new"])
    };
    assert_eq!(after(&[write("old", "z\n"), rename("old", "new")]), [None, text("z")]);
    assert_eq!(after(&[remove("old")]), [None, None]);
}

/// The side of author 2, who moved `old` to `d/f` and had not seen its conflict, wins the vote after author 2 has done this
/// on a base of author 1's last change but one; author 1's change is unseen.
fn moved_side_wins(rules: u32, unseen: &[Edit], later: &[Edit]) -> (World, Option<Code>) {
    let mut world = world(rules);
    world.does(0, &[write("old", "x\n"), write("q/a", "a\n"), write("g", "g\n")]);
    let base = world.now();
    world.does(1, &[write("old", "y\n")]);
    world.does_on(base, 3, &[write("old", "z\n")]);
    let receipt = world.does_on(base, 2, &[rename("old", "d/f")]);
    assert_eq!((receipt.state, receipt.changes[0].path.as_str()), (State::Conflict, "old"));
    let base = world.now();
    if !unseen.is_empty() {
        world.does(1, unseen);
    }
    world.does_on(base, 2, later);
    let code = [0, 1, 2].map(|who| vote(&mut world, who, &receipt, 2).code)[2];
    (world, code)
}

#[test]
fn a_side_wins_no_vote_while_its_author_has_another_file_at_its_place() {
    let added = [write("q/f", "added\n")];
    let cases: [(&[Edit], Edit, &str); 3] =
        [(&added, rename("q/a", "d/a"), "added"), (&[], rename("g", "d/f"), "g"), (&[], write("d/f", "new\n"), "new")];
    for (unseen, later, there) in cases {
        let (world, code) = moved_side_wins(14, unseen, std::slice::from_ref(&later));
        assert_eq!((texts(&world, ["old", "d/f"]), code), ([None, text(there)], None), "the side is nowhere");
        let (world, code) = moved_side_wins(15, unseen, &[later]);
        assert_eq!((texts(&world, ["old", "d/f"]), code), ([text("y"), text(there)], Some(Code::PathIsFile)));
    }
}

#[test]
fn a_side_wins_its_vote_where_its_author_has_put_the_same_at_its_place() {
    let (world, code) = moved_side_wins(15, &[], &[write("d/f", "x\n")]);
    assert_eq!((texts(&world, ["old", "d/f"]), code), ([None, text("x")], None));
}

#[test]
fn a_move_of_a_deleted_file_to_where_another_has_put_the_same_is_no_conflict() {
    let after = |rules| {
        let mut world = world(rules);
        world.does(0, &[write("old", "same\n")]);
        let base = world.now();
        world.does(1, &[remove("old"), write("new", "same\n")]);
        let state = world.does_on(base, 2, &[rename("old", "new")]).state;
        (state, texts(&world, ["old", "new"]))
    };
    assert_eq!(after(14), (State::Conflict, [None, text("same")]));
    assert_eq!(after(15), (State::Merged, [None, text("same")]));
}

/// Files after edits by author 2 on a base on which author 0 edits `old` meanwhile.
fn after_an_edit_of_old<const N: usize>(rules: u32, edits: &[Edit], paths: [&str; N]) -> [Option<String>; N] {
    let mut world = world(rules);
    world.does(0, &[write("old", "x\n"), write("b", "b\n")]);
    let base = world.now();
    world.does(0, &[write("old", "y\n")]);
    world.does_on(base, 2, edits);
    texts(&world, paths)
}

#[test]
fn an_edit_goes_with_a_file_that_is_renamed_again_and_again() {
    let twice = [rename("old", "new"), rename("new", "third")];
    let swap = [rename("old", "tmp"), rename("b", "old"), rename("tmp", "b")];
    let into = [rename("old", "d"), rename("d", "d/x")];
    for rules in [14, 15] {
        let third = after_an_edit_of_old(rules, &twice, ["old", "new", "third"]);
        assert_eq!(third, [None, None, text("y")], "rules {rules}");
        assert_eq!(after_an_edit_of_old(rules, &swap, ["tmp", "old", "b"]), [None, text("b"), text("y")]);
        assert_eq!(after_an_edit_of_old(rules, &into, ["old", "d", "d/x"]), [None, None, text("y")]);
    }
}

/// Files after a chain of author 2: a new file `d/n`, then what others do, then these edits.
fn after_others<const N: usize>(rules: u32, others: &[Edit], edits: &[Edit], paths: [&str; N]) -> [Option<String>; N] {
    let mut world = world(rules);
    world.does(0, &[write("d/a", "a\n")]);
    let mut base = Base::Envelope(world.does_on(world.now(), 2, &[write("d/n", "1\n2\n3\n4\n5\n")]).id);
    world.does(1, others);
    for edit in edits {
        base = Base::Envelope(world.does_on(base, 2, std::slice::from_ref(edit)).id);
    }
    texts(&world, paths)
}

#[test]
fn a_merged_edit_goes_with_the_new_file_that_its_author_moves_on() {
    let others = [write("d/n", "1\n2\n3\n4\nfive\n")];
    let edits = [write("d/n", "one\n2\n3\n4\n5\n"), rename("d/n", "q")];
    for rules in [14, 15] {
        assert_eq!(after_others(rules, &others, &edits, ["d/n", "q"]), [None, text("one\n2\n3\n4\nfive")]);
    }
}

#[test]
fn who_deletes_a_new_file_that_went_with_a_renamed_folder_is_not_told_that_it_is_merged() {
    let (others, edits) = ([rename("d/a", "e/a"), rename("d/n", "e/n")], [write("d/n", "new\n"), remove("d/n")]);
    let after = |rules| after_others(rules, &others, &edits, ["d/n", "e/n"]);
    assert_eq!(after(15), after(14));
}
