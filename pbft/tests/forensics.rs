//! Whoever has what a broken group left names at least f + 1 of the guilty, and never an honest one (E4).

mod cluster;

use cluster::alone::{certificate, say};
use cluster::{committee, context, id};
use quorate_pbft::{
    Conflict, Constants, Content, Digest, EvidenceKind, Findings, Kind, NewView, PreparedEntry, Remains, ReplicaId,
    SeqNum, Signed, View, ViewChange, VotedEntry,
};
use std::collections::BTreeSet;
use std::sync::Arc;

const N: usize = 4;
const WINDOW: u64 = 16;

fn digest(byte: u8) -> Digest {
    Digest([byte; 32])
}

fn constants() -> Constants {
    Constants { window: WINDOW, checkpoint_period: 8, ..Constants::default() }
}

fn investigate(remains: &Remains) -> Findings {
    let (committee, constants) = (committee(N), constants());
    let context = context(&committee, &constants);
    let findings = remains.investigate(&context);
    assert!(findings.proofs.iter().all(|proof| proof.is_valid(&context)), "each proof holds by itself");
    findings
}

fn names(findings: &Findings) -> Vec<usize> {
    findings.culprits().iter().map(|id| id.index()).collect()
}

fn proposed(view: u64, seq: u64, of: Digest) -> Signed {
    say(view as usize % N, Kind::PrePrepare, view, seq, of)
}

fn prepared(view: u64, of: Digest, signers: &[usize], new_view: Digest) -> PreparedEntry {
    PreparedEntry {
        certificate: certificate(Kind::Prepare, view, 1, of, signers),
        pre_prepare: proposed(view, 1, of),
        new_view,
    }
}

fn voted(view: u64, of: Digest, new_view: Digest) -> VotedEntry {
    VotedEntry { pre_prepare: proposed(view, 1, of), new_view }
}

fn demand(signer: usize, body: ViewChange) -> (Signed, Arc<ViewChange>) {
    (say(signer, Kind::ViewChange, body.view.get(), 0, body.digest(WINDOW)), Arc::new(body))
}

fn nothing(view: u64) -> ViewChange {
    ViewChange { view: View::new(view), checkpoint: None, prepared: Vec::new(), voted: Vec::new() }
}

/// The start of a view by its primary: what follows from the demands, then one more slot if they decide nothing.
fn start(view: u64, view_changes: Vec<(Signed, Arc<ViewChange>)>) -> (Signed, Arc<NewView>) {
    let mut body = NewView { view: View::new(view), view_changes, pre_prepares: Vec::new() };
    let computed = body.recompute(&committee(N), Content::NULL.digest());
    body.pre_prepares = computed.into_iter().map(|(seq, of)| proposed(view, seq.get(), of)).collect();
    (say(view as usize % N, Kind::NewView, view, 0, body.digest(WINDOW)), Arc::new(body))
}

fn of_certificates(certificates: Vec<quorate_pbft::ClaimedCert>) -> Remains {
    Remains { certificates, ..Remains::default() }
}

#[test]
fn two_decisions_of_one_view_name_their_common_signers() {
    let remains = of_certificates(vec![
        certificate(Kind::Commit, 2, 1, digest(1), &[0, 1, 2]),
        certificate(Kind::Commit, 2, 1, digest(2), &[1, 2, 3]),
    ]);
    let findings = investigate(&remains);
    assert_eq!(names(&findings), [1, 2]);
    assert_eq!(findings.conflicts.len(), 1);
    let Conflict { first, second } = &findings.conflicts[0];
    assert_eq!([first, second].map(|of| (of.seq(), of.digest())), [1, 2].map(|of| (SeqNum::new(1), digest(of))));
}

#[test]
fn a_fast_and_a_slow_decision_of_one_view_name_all_signers_of_the_slow_one() {
    let remains = of_certificates(vec![
        certificate(Kind::Prepare, 0, 1, digest(1), &[0, 1, 2, 3]),
        certificate(Kind::Commit, 0, 1, digest(2), &[0, 1, 3]),
    ]);
    assert_eq!(names(&investigate(&remains)), [0, 1, 3]);
}

#[test]
fn two_certified_bundles_at_one_position_name_those_who_acknowledged_both() {
    let remains = of_certificates(vec![
        certificate(Kind::Ack, 3, 5, digest(1), &[0, 1, 2]),
        certificate(Kind::Ack, 3, 5, digest(2), &[0, 1, 3]),
    ]);
    let findings = investigate(&remains);
    assert_eq!((names(&findings), findings.conflicts.len()), (vec![0, 1], 1));
}

#[test]
fn two_certified_states_of_one_slot_name_those_who_signed_both() {
    let remains = of_certificates(vec![
        certificate(Kind::Checkpoint, 0, 8, digest(1), &[0, 1, 2]),
        certificate(Kind::Checkpoint, 0, 8, digest(2), &[0, 2, 3]),
    ]);
    let findings = investigate(&remains);
    assert_eq!((names(&findings), findings.conflicts.len()), (vec![0, 2], 1));
}

/// Replica 0 decided 1 in view 0 with 1 and 2; these say in view 1 that they know of nothing, and decide 2 with 3.
fn forgotten_decision() -> Remains {
    let started = start(1, vec![demand(1, nothing(1)), demand(2, nothing(1)), demand(3, nothing(1))]);
    let mut remains = of_certificates(vec![
        certificate(Kind::Commit, 0, 1, digest(1), &[0, 1, 2]),
        certificate(Kind::Commit, 1, 1, digest(2), &[1, 2, 3]),
    ]);
    remains.new_views.push(started);
    remains
}

#[test]
fn a_decision_that_later_demands_leave_out_names_those_who_left_it_out() {
    let findings = investigate(&forgotten_decision());
    assert_eq!(names(&findings), [1, 2], "3 knew of nothing and is honest");
    assert!(findings.proofs.iter().all(|proof| proof.key().kind == EvidenceKind::Omission));
}

#[test]
fn without_the_start_between_two_decisions_of_different_views_nobody_is_named() {
    let remains = Remains { new_views: Vec::new(), ..forgotten_decision() };
    let findings = investigate(&remains);
    assert_eq!((names(&findings), findings.conflicts.len()), (Vec::new(), 1));
}

#[test]
fn a_fast_decision_that_later_demands_leave_out_names_those_who_left_it_out() {
    let started = start(1, vec![demand(1, nothing(1)), demand(2, nothing(1)), demand(3, nothing(1))]);
    let mut remains = of_certificates(vec![certificate(Kind::Prepare, 0, 1, digest(1), &[0, 1, 2, 3])]);
    remains.new_views.push(started);
    assert_eq!(names(&investigate(&remains)), [1, 2, 3]);
}

/// View 1 starts rightly with what was decided in view 0. For view 2 the liars claim to have prepared something else in
/// view 1, under the start that carries the decision.
#[test]
fn a_claim_against_the_start_that_it_names_is_found() {
    let report = || ViewChange {
        prepared: vec![prepared(0, digest(1), &[0, 1, 2], Digest::ZERO)],
        voted: vec![voted(0, digest(1), Digest::ZERO)],
        ..nothing(1)
    };
    let right = start(1, vec![demand(0, report()), demand(1, report()), demand(2, report())]);
    let named = right.0.statement.digest;
    let lie = || ViewChange {
        prepared: vec![prepared(1, digest(2), &[1, 2, 3], named)],
        voted: vec![voted(1, digest(2), named)],
        ..nothing(2)
    };
    let wrong = start(2, vec![demand(1, lie()), demand(2, lie()), demand(3, nothing(2))]);
    assert_eq!(wrong.1.carries(SeqNum::new(1)), Some(digest(2)), "it follows from what was claimed");
    let remains = Remains {
        certificates: vec![certificate(Kind::Commit, 0, 1, digest(1), &[0, 1, 2])],
        new_views: vec![right, wrong],
        ..Remains::default()
    };
    let findings = investigate(&remains);
    let culprits = findings.culprits();
    assert!(culprits.is_superset(&BTreeSet::from([id(1), id(2)])), "{culprits:?}");
    assert!(!culprits.contains(&id(0)));
    assert!(findings.proofs.iter().any(|proof| proof.key().kind == EvidenceKind::InvalidViewChange));
}

#[test]
fn a_start_that_carries_what_does_not_follow_names_its_primary() {
    let (_, body) = start(1, vec![demand(1, nothing(1)), demand(2, nothing(1)), demand(3, nothing(1))]);
    let mut body = NewView::clone(&body);
    body.pre_prepares.push(proposed(1, 1, digest(9)));
    let signed = say(1, Kind::NewView, 1, 0, body.digest(WINDOW));
    let remains = Remains { new_views: vec![(signed, Arc::new(body))], ..Remains::default() };
    assert_eq!(names(&investigate(&remains)), [1]);
}

#[test]
fn a_forged_word_neither_frames_anybody_nor_hides_a_genuine_one() {
    let mut forged = say(1, Kind::Commit, 0, 1, digest(3));
    forged.signature.0[0] ^= 1;
    let mut of_honest = say(3, Kind::Commit, 0, 1, digest(3));
    of_honest.signature.0[0] ^= 1;
    let remains = Remains {
        statements: vec![
            forged,
            say(1, Kind::Commit, 0, 1, digest(1)),
            say(1, Kind::Prepare, 0, 1, digest(2)),
            of_honest,
            say(3, Kind::Commit, 0, 1, digest(1)),
        ],
        ..Remains::default()
    };
    assert_eq!(names(&investigate(&remains)), [1]);
}

#[test]
fn a_demand_whose_body_is_not_what_was_signed_accuses_nobody() {
    let (signed, _) = demand(1, nothing(1));
    let other = ViewChange { voted: vec![voted(0, digest(1), Digest::ZERO)], ..nothing(1) };
    let remains = Remains {
        statements: vec![say(1, Kind::Prepare, 0, 1, digest(2))],
        view_changes: vec![(signed, Arc::new(other))],
        ..Remains::default()
    };
    assert_eq!(names(&investigate(&remains)), Vec::<usize>::new());
}

#[test]
fn the_remains_of_an_honest_history_name_nobody() {
    let report = || ViewChange {
        prepared: vec![prepared(0, digest(1), &[0, 1, 2], Digest::ZERO)],
        voted: vec![voted(0, digest(1), Digest::ZERO)],
        ..nothing(1)
    };
    let right = start(1, vec![demand(0, report()), demand(1, report()), demand(3, nothing(1))]);
    let remains = Remains {
        certificates: vec![
            certificate(Kind::Commit, 0, 1, digest(1), &[0, 1, 2]),
            certificate(Kind::Commit, 1, 1, digest(1), &[0, 1, 3]),
        ],
        new_views: vec![right],
        ..Remains::default()
    };
    let findings = investigate(&remains);
    assert!(findings.conflicts.is_empty());
    assert_eq!(findings.culprits(), BTreeSet::<ReplicaId>::new());
}

#[test]
fn a_start_or_a_demand_that_is_longer_than_a_window_is_not_read() {
    let entries =
        || (1..=WINDOW + 1).map(|seq| VotedEntry { pre_prepare: proposed(0, seq, digest(1)), new_view: digest(0) });
    for (long, named) in [(WINDOW, vec![1]), (WINDOW + 1, vec![])] {
        let (_, body) = start(1, vec![demand(1, nothing(1)), demand(2, nothing(1)), demand(3, nothing(1))]);
        let pre_prepares = (1..=long).map(|seq| proposed(1, seq, digest(9))).collect();
        let body = NewView { pre_prepares, ..NewView::clone(&body) };
        let signed = say(1, Kind::NewView, 1, 0, body.digest(WINDOW));
        let remains = Remains { new_views: vec![(signed, Arc::new(body))], ..Remains::default() };
        assert_eq!(names(&investigate(&remains)), named, "a start of {long} slots");
        let body = ViewChange { voted: entries().take(long as usize).collect(), ..nothing(1) };
        let statements = vec![say(1, Kind::Commit, 0, 1, digest(1))];
        let remains = Remains { statements, view_changes: vec![demand(1, body)], ..Remains::default() };
        assert_eq!(names(&investigate(&remains)), named, "a demand about {long} slots");
    }
}

/// Memory is bounded however much a store holds.
#[test]
fn of_the_words_at_one_place_512_are_read() {
    for (forged, named) in [(510, vec![1]), (511, vec![])] {
        let mut statements: Vec<Signed> = (0..forged).map(|_| say(1, Kind::Commit, 0, 1, digest(3))).collect();
        for (number, forged) in statements.iter_mut().enumerate() {
            forged.signature.0[..8].copy_from_slice(&(number as u64 + 1).to_le_bytes());
        }
        statements.extend([digest(1), digest(2)].map(|of| say(1, Kind::Commit, 0, 1, of)));
        let remains = Remains { statements, ..Remains::default() };
        assert_eq!(names(&investigate(&remains)), named, "after {forged} forged ones");
    }
}

#[test]
fn a_body_that_was_not_signed_hides_none_that_was() {
    let (_, honest) = start(1, vec![demand(1, nothing(1)), demand(2, nothing(1)), demand(3, nothing(1))]);
    let lie = Arc::new(NewView { pre_prepares: vec![proposed(1, 1, digest(9))], ..NewView::clone(&honest) });
    let signed = say(1, Kind::NewView, 1, 0, lie.digest(WINDOW));
    let remains = Remains { new_views: vec![(signed, honest), (signed, lie)], ..Remains::default() };
    assert_eq!(names(&investigate(&remains)), [1]);

    let (signed, omits) = demand(1, nothing(1));
    let other = Arc::new(ViewChange { voted: vec![voted(0, digest(1), Digest::ZERO)], ..nothing(1) });
    let statements = vec![say(1, Kind::Commit, 0, 1, digest(1))];
    let remains = Remains { statements, view_changes: vec![(signed, other), (signed, omits)], ..Remains::default() };
    assert_eq!(names(&investigate(&remains)), [1]);
}

/// B: a store may be forged, and no signature covers claims beyond a demand's window.
#[test]
fn claims_about_slots_far_beyond_every_window_neither_take_time_nor_hide_a_wrong_start() {
    let far = VotedEntry { pre_prepare: proposed(0, u64::MAX, digest(1)), new_view: Digest::ZERO };
    let demands = [1, 2, 3].map(|signer| demand(signer, ViewChange { voted: vec![far.clone()], ..nothing(1) }));
    let pre_prepares = vec![proposed(1, 1, digest(9))];
    let body = NewView { view: View::new(1), view_changes: demands.to_vec(), pre_prepares };
    let wrong = (say(1, Kind::NewView, 1, 0, body.digest(WINDOW)), Arc::new(body));
    assert_eq!(names(&investigate(&Remains { new_views: vec![wrong], ..Remains::default() })), [1]);
}
