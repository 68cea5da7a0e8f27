//! §4.4: demands for views and starts of views: which are well-formed, which of two counts, and what proves a lie (V4, E3).

use super::*;
use cluster::context;
use quorate_pbft::{
    InvalidNewView, InvalidViewChange, LeafPath, NewView, NewViewLeaf, Omission, ReplicaId, ViewChange, ViewChangeLeaf,
    VotedEntry, merkle_path,
};
use std::sync::Arc;

const N: usize = 4;
const WINDOW: u64 = Constants::STANDARD.window;

fn digest(byte: u8) -> Digest {
    Digest([byte; 32])
}

fn proposed(view: u64, seq: u64, of: Digest) -> Signed {
    say(view as usize % N, Kind::PrePrepare, view, seq, of)
}

/// A demand by somebody who voted for these, each under a start.
fn demand(signer: usize, view: u64, voted: &[(Signed, Digest)]) -> (Signed, Arc<ViewChange>) {
    let voted =
        voted.iter().map(|(pre_prepare, new_view)| VotedEntry { pre_prepare: *pre_prepare, new_view: *new_view });
    let body = ViewChange { view: View::new(view), checkpoint: None, prepared: Vec::new(), voted: voted.collect() };
    (say(signer, Kind::ViewChange, view, 0, body.digest(WINDOW)), Arc::new(body))
}

/// A start of view 1 that carries these, on the demands of three who voted for digest 1 in slot 1.
fn start(carried: &[Digest]) -> (Signed, Arc<NewView>) {
    let demands = [0, 1, 2].map(|signer| demand(signer, 1, &[(proposed(0, 1, digest(1)), Digest::ZERO)]));
    let pre_prepares = carried.iter().zip(1..).map(|(of, seq)| proposed(1, seq, *of)).collect();
    let body = NewView { view: View::new(1), view_changes: demands.to_vec(), pre_prepares };
    (say(1, Kind::NewView, 1, 0, body.digest(WINDOW)), Arc::new(body))
}

/// Members whose demands it has proved to contradict a start.
fn proved(replica: &Alone) -> Vec<ReplicaId> {
    let proved = replica.sent().filter_map(|message| match message {
        Message::Evidence(Evidence::InvalidViewChange(found)) => Some(found.leaf.view_change.signer),
        _ => None,
    });
    proved.collect()
}

fn proves(evidence: &Evidence) -> bool {
    evidence.is_valid(&context(&committee(N), &Constants::default()))
}

/// V4.
#[test]
fn an_entry_of_a_demand_is_its_primarys_within_the_window_of_an_earlier_view_under_its_start() {
    for (signer, view, seq, named, sound) in [
        (0, 0, 1, 0, true),
        (1, 0, 1, 0, false),
        (0, 0, 0, 0, false),
        (0, 0, WINDOW, 0, true),
        (0, 0, WINDOW + 1, 0, false),
        (0, 0, 1, 9, false),
        (1, 1, 1, 9, true),
        (2, 1, 1, 9, false),
        (1, 1, WINDOW + 1, 9, false),
        (1, 1, 1, 0, false),
        (2, 2, 1, 9, false),
    ] {
        let entry = (say(signer, Kind::PrePrepare, view, seq, digest(1)), digest(named));
        let (_, body) = demand(3, 2, &[entry]);
        let found = body.is_well_formed(&committee(N), WINDOW);
        assert_eq!(found, sound, "{signer} in view {view} of slot {seq} under {named}");
    }
}

/// V4: entries ascend.
#[test]
fn a_demand_that_names_a_slot_twice_is_malformed() {
    let entry = |seq| (proposed(0, seq, digest(1)), Digest::ZERO);
    let is_sound = |seqs: [u64; 2]| demand(3, 1, &seqs.map(entry)).1.is_well_formed(&committee(N), WINDOW);
    assert_eq!([[1, 2], [1, 1], [2, 1]].map(is_sound), [true, false, false]);
}

/// Statements of view 1 for so many slots.
fn slots(count: u64) -> Vec<Signed> {
    (1..=count).map(|seq| proposed(1, seq, digest(1))).collect()
}

/// V5.
#[test]
fn a_start_with_another_demand_or_statement_than_it_needs_is_malformed() {
    let (_, honest) = start(&[digest(1), digest(2)]);
    for whole in [NewView::clone(&honest), NewView { pre_prepares: slots(WINDOW), ..NewView::clone(&honest) }] {
        assert!(whole.is_well_formed(&committee(N), WINDOW));
    }
    type Change = fn(&mut NewView);
    let changes: [(&str, Change); 8] = [
        ("too few demands", |s| drop(s.view_changes.pop())),
        ("too many demands", |s| s.view_changes.push(demand(3, 1, &[]))),
        ("one demand twice", |s| s.view_changes[1] = s.view_changes[0].clone()),
        ("a demand for another view", |s| s.view_changes[1] = demand(1, 2, &[])),
        ("a slot of another signer", |s| s.pre_prepares[0] = say(2, Kind::PrePrepare, 1, 1, digest(1))),
        ("a slot of another view of its primary", |s| s.pre_prepares[0] = proposed(5, 1, digest(1))),
        ("a gap", |s| s.pre_prepares[0] = proposed(1, 3, digest(1))),
        ("more slots than a window", |s| s.pre_prepares = slots(WINDOW + 1)),
    ];
    for (what, change) in changes {
        let mut changed = NewView::clone(&honest);
        change(&mut changed);
        assert!(!changed.is_well_formed(&committee(N), WINDOW), "{what}");
    }
}

/// V4: the second is half of a proof (E2), and replaces nothing.
#[test]
fn of_two_demands_of_one_member_for_one_view_a_primary_starts_with_the_first() {
    let mut primary = Alone::new(N, 1);
    let (first, second) = (demand(2, 1, &[]), demand(2, 1, &[(proposed(0, 1, digest(1)), Digest::ZERO)]));
    let named = first.0;
    for (statement, body) in [first, second, demand(3, 1, &[])] {
        primary.hear(3, Message::ViewChange { statement, body });
    }
    let starts = primary.sent().filter_map(|message| match message {
        Message::NewView { body, .. } => Some(body.view_changes.iter().map(|(signed, _)| *signed).collect::<Vec<_>>()),
        _ => None,
    });
    let starts: Vec<_> = starts.collect();
    assert_eq!((starts.len(), starts[0].len(), starts[0][1]), (1, 3, named));
}

/// E3.
#[test]
fn a_demand_that_contradicts_the_start_that_it_names_is_proved_whichever_comes_first() {
    let (statement, body) = start(&[digest(1)]);
    for (of, is_start_first, culprits) in
        [(1, false, vec![]), (7, false, vec![id(2)]), (1, true, vec![]), (7, true, vec![id(2)])]
    {
        let mut replica = Alone::new(N, 3);
        let (asks, asked) = demand(2, 2, &[(proposed(1, 1, digest(of)), statement.statement.digest)]);
        let asks = (2, Message::ViewChange { statement: asks, body: asked });
        let starts = (1, Message::NewView { statement, body: body.clone() });
        for (from, message) in if is_start_first { [starts, asks] } else { [asks, starts] } {
            replica.hear(from, message);
        }
        assert_eq!(proved(&replica), culprits, "voted for {of}, the start first: {is_start_first}");
    }
}

/// E3: the demand comes inside a start alone, before or after the start that it contradicts.
#[test]
fn a_demand_that_only_a_start_hands_over_is_proved_to_contradict_the_start_that_it_names() {
    let (first, named) = start(&[digest(1)]);
    for (of, is_named_first, culprits) in
        [(1, true, vec![]), (7, true, vec![id(2)]), (1, false, vec![]), (7, false, vec![id(2)])]
    {
        let mut replica = Alone::new(N, 3);
        let voted = [(proposed(1, 1, digest(of)), first.statement.digest)];
        let view_changes = vec![demand(0, 2, &[]), demand(1, 2, &[]), demand(2, 2, &voted)];
        let mut body = NewView { view: View::new(2), view_changes, pre_prepares: Vec::new() };
        let carried = body.recompute(&committee(N), Content::NULL.digest());
        body.pre_prepares = carried.into_iter().map(|(seq, of)| proposed(2, seq.get(), of)).collect();
        let second = say(2, Kind::NewView, 2, 0, body.digest(WINDOW));
        let first = (1, Message::NewView { statement: first, body: named.clone() });
        let second = (2, Message::NewView { statement: second, body: Arc::new(body) });
        for (from, message) in if is_named_first { [first, second] } else { [second, first] } {
            replica.hear(from, message);
        }
        assert_eq!(proved(&replica), culprits, "voted for {of}, the named start first: {is_named_first}");
    }
}

/// E3: a proof needs the signer's own word, said as a demand.
#[test]
fn an_omission_of_a_demand_that_is_forged_or_was_signed_as_something_else_proves_nothing() {
    let vote = say(2, Kind::Prepare, 0, 1, digest(1));
    let (signed, body) = demand(2, 1, &[]);
    let honest = Omission::find(&vote, &signed, &body, WINDOW).expect("left out");
    let mut forged = signed;
    forged.signature.0[0] ^= 1;
    let other = say(2, Kind::NewView, 1, 0, signed.statement.digest);
    for (view_change, proved) in [(signed, true), (forged, false), (other, false)] {
        let leaf = ViewChangeLeaf { view_change, ..honest.leaf.clone() };
        assert_eq!(proves(&Evidence::Omission(Box::new(Omission { vote, leaf }))), proved, "{view_change:?}");
    }
}

/// E3.
#[test]
fn a_demand_is_proved_to_disagree_only_with_what_the_start_that_it_names_carries() {
    let (start, named) = start(&[digest(1), digest(2)]);
    let voted = |of| demand(3, 2, &[(proposed(1, 2, digest(of)), start.statement.digest)]);
    let ((signed, lie), (honest, truth)) = (voted(7), voted(2));
    let found = InvalidViewChange::against(&signed, &lie, &start, &named, WINDOW).expect("disagrees");
    let (_, path) = found.named.clone().expect("the start's slot");
    let of_honest = ViewChangeLeaf::of(&honest, &truth, SeqNum::new(2), WINDOW).expect("a slot");
    for (leaf, carried, proved) in
        [(&found.leaf, 2, true), (&found.leaf, 9, false), (&of_honest, 2, false), (&of_honest, 9, false)]
    {
        let named = Some((Some(digest(carried)), path.clone()));
        let evidence = Evidence::InvalidViewChange(Box::new(InvalidViewChange { leaf: leaf.clone(), named }));
        assert_eq!(proves(&evidence), proved, "{carried} carried");
    }
}

/// E3, V5.
#[test]
fn a_slot_of_a_start_is_evidence_only_if_it_does_not_follow_from_the_demands() {
    for (carried, proved) in [(1, false), (5, true)] {
        let (new_view, body) = start(&[digest(carried)]);
        let (leaves, seq) = (body.leaves(WINDOW), SeqNum::new(1));
        let path = |index| {
            let siblings = merkle_path(&leaves, index).expect("a leaf");
            LeafPath { index: index as u32, count: leaves.len() as u32, siblings }
        };
        let signers = body.view_changes.iter().map(|(signed, _)| (signed.signer, signed.statement.digest)).collect();
        let (head, slot, carried) = (path(0), path(1), body.carries(seq));
        let leaf = NewViewLeaf { new_view, view_changes: signers, head, seq, carried, slot };
        let demands = body.view_changes.iter().map(|(signed, of)| ViewChangeLeaf::of(signed, of, seq, WINDOW));
        let view_changes = demands.collect::<Option<Vec<_>>>().expect("a slot of the window");
        let evidence = Evidence::InvalidNewView(Box::new(InvalidNewView { leaf, view_changes }));
        assert_eq!(proves(&evidence), proved, "{carried:?}");
    }
}
