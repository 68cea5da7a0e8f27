//! Proposals of replicas' analysers: ordered items of their lanes, counted, and never anybody's edit.

mod support;

use quorate_ledger::{
    Actor, Analysis, Code, ConflictEntry, ConflictEventKind, ConflictId, Mode, Op, PathOutcome, State,
};
use quorate_pbft::{Digest, Item, Signer};
use support::world::{Edit, World, revision, write};

/// Authors 1 and 2 change different words of one line.
fn disputed() -> (World, ConflictId) {
    let mut world = World::new();
    world.does(0, &[write("a", "the limit is 10 a minute\n")]);
    world.does_on(revision("1"), 1, &[write("a", "the limit is 20 a minute\n")]);
    let receipt = world.does_on(revision("1"), 2, &[write("a", "the limit is 10 an hour\n")]);
    assert_eq!(receipt.state, State::Conflict);
    (world, receipt.conflicts[0])
}

fn analysis(world: &World, id: &ConflictId) -> Analysis {
    world.view().analyse(id).expect("memory").expect("an analyser has a proposal for this")
}

fn item(analysis: &Analysis) -> Item {
    analysis.item().expect("it is small")
}

fn conflict(world: &World, id: &ConflictId) -> ConflictEntry {
    world.view().conflict(id).expect("memory").expect("a conflict")
}

fn replicas(numbers: &[u8]) -> Vec<Actor> {
    let mut keys: Vec<Actor> =
        numbers.iter().map(|number| Actor::Replica(support::replica(*number).public_key())).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn equal_proposals_of_all_replicas_are_one_with_its_supporters() {
    let (mut world, id) = disputed();
    let proposal = item(&analysis(&world, &id));
    world.slot_of((0..4).map(|lane| (lane, vec![proposal.clone()])).collect());
    let sides = conflict(&world, &id).sides;
    assert_eq!(sides.len(), 3);
    assert_eq!(sides[2].supporters, replicas(&[0, 1, 2, 3]));
    let reason = sides[2].side.proposed.as_deref().expect("a proposal has its reason");
    assert!(reason.contains("rung `text`") && reason.contains("both sides changed the same lines"), "{reason}");
    assert_eq!(sides[2].side.file.map(|file| file.content), Some(support::digest(b"the limit is 20 an hour\n")));
}

#[test]
fn a_replica_proposes_once() {
    let (mut world, id) = disputed();
    let first = analysis(&world, &id);
    let second = Analysis { file: Some((Mode::File, b"something else\n".to_vec())), ..first.clone() };
    world.slot_of(vec![(1, vec![item(&first), item(&second)])]);
    world.slot_of(vec![(1, vec![item(&second)])]);
    let sides = conflict(&world, &id).sides;
    assert_eq!((sides.len(), sides[2].supporters.clone()), (3, replicas(&[1])));
}

#[test]
fn a_lying_analyser_is_one_voice_beside_the_honest() {
    let (mut world, id) = disputed();
    let honest = analysis(&world, &id);
    let lie = Analysis { file: Some((Mode::File, b"no limit\n".to_vec())), ..honest.clone() };
    let lanes = vec![(0, vec![item(&honest)]), (1, vec![item(&lie)]), (2, vec![item(&honest)])];
    world.slot_of(lanes);
    let sides = conflict(&world, &id).sides;
    assert_eq!(sides[2].supporters, replicas(&[0, 2]));
    assert_eq!(sides[3].supporters, replicas(&[1]));
    assert_eq!(world.text("a").as_deref(), Some("the limit is 20 a minute\n"), "nothing is decided by it");
}

#[test]
fn a_proposal_that_repeats_a_side_supports_that_side() {
    let (mut world, id) = disputed();
    let same = Analysis { file: Some((Mode::File, b"the limit is 10 an hour\n".to_vec())), ..analysis(&world, &id) };
    world.slot_of(vec![(3, vec![item(&same)])]);
    let sides = conflict(&world, &id).sides;
    assert_eq!((sides.len(), sides[1].supporters.clone()), (2, replicas(&[3])));
}

#[test]
fn what_is_about_no_open_conflict_changes_nothing() {
    let (mut world, id) = disputed();
    let proposal = analysis(&world, &id);
    let stray = Analysis { conflict: ConflictId(Digest([9; 32])), ..proposal.clone() };
    world.slot_of(vec![(0, vec![item(&stray)])]);
    world.does(3, &[write("a", "done\n")]);
    let before = conflict(&world, &id);
    world.slot_of(vec![(0, vec![item(&proposal)])]);
    assert_eq!(conflict(&world, &id), before);
    assert_eq!(world.view().analyse(&id), Ok(None), "there is nothing to propose any more");
}

#[test]
fn what_an_analyser_proposes_can_be_voted_in() {
    let (mut world, id) = disputed();
    let proposal = item(&analysis(&world, &id));
    world.slot_of(vec![(0, vec![proposal])]);
    for who in [0, 1, 2] {
        world.does(who, &[Edit::Other(Op::Vote { conflict: id, side: 2 })]);
    }
    assert_eq!(world.text("a").as_deref(), Some("the limit is 20 an hour\n"));
    let conflict_log = world.view().conflict_log(&id).expect("memory");
    let deeds: Vec<&ConflictEventKind> = conflict_log.iter().map(|event| &event.what).collect();
    assert!(
        matches!(
            deeds[..],
            [
                ConflictEventKind::Opened,
                ConflictEventKind::Proposed { side: 2, .. },
                ConflictEventKind::Voted { .. },
                ..
            ]
        ),
        "{deeds:?}"
    );
    assert!(matches!(deeds.last(), Some(ConflictEventKind::Settled { side: Some(2), .. })));
}

#[test]
fn people_and_analysers_who_agree_stand_behind_one_proposal() {
    let (mut world, id) = disputed();
    let proposal = analysis(&world, &id);
    let (mode, bytes) = proposal.file.clone().expect("a content");
    world.slot_of(vec![(0, vec![item(&proposal)])]);
    let file = Some((mode, support::digest(&bytes)));
    let mut draft =
        world.draft(3, world.now(), &[Edit::Other(Op::Suggest { conflict: id, file, reason: "yes".into() })]);
    draft.contents.push(bytes);
    assert_eq!(world.verdict(&draft).conflicts, [id]);
    assert_eq!(conflict(&world, &id).sides[2].supporters.len(), 2);
}

#[test]
fn an_edit_against_a_deletion_is_proposed_to_stay() {
    let mut world = World::new();
    world.does(0, &[write("a", "base\n")]);
    world.does_on(revision("1"), 1, &[support::world::remove("a")]);
    let id = world.does_on(revision("1"), 2, &[write("a", "better\n")]).conflicts[0];
    assert_eq!(analysis(&world, &id).file, Some((Mode::File, b"better\n".to_vec())));
}

#[test]
fn an_organisation_cannot_drown_the_others_in_proposals() {
    let (mut world, id) = disputed();
    let suggest = |n: u32| Op::Suggest { conflict: id, file: None, reason: format!("because {n}") };
    assert_eq!(world.does(3, &[Edit::Other(suggest(0))]).state, State::Applied);
    assert_eq!(world.does(3, &[Edit::Other(suggest(1))]).state, State::Applied, "the same again is no news");
    for n in 0..15 {
        let text = format!("proposal {n}\n");
        let file = Some((Mode::File, support::digest(text.as_bytes())));
        let op = Op::Suggest { conflict: id, file, reason: String::new() };
        let mut draft = world.draft(3, world.now(), &[Edit::Other(op)]);
        draft.contents.push(text.into_bytes());
        assert_eq!(world.verdict(&draft).state, State::Applied, "proposal {n}");
    }
    assert_eq!(world.does(3, &[Edit::Other(suggest(2))]).code, Some(Code::Quota));
    assert_eq!(world.does(0, &[Edit::Other(suggest(3))]).state, State::Applied);
    assert_eq!(world.does(1, &[write("a", "done\n")]).changes[0].outcome, PathOutcome::Settled);
}
