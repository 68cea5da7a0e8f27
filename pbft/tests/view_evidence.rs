//! Evidence against demands for views and starts of views (E3): each lie is proved, and no honest message is.

mod cluster;

use cluster::{HashSigner, committee, context, id, key};
use quorate_pbft::{
    ClaimedCert, Constants, Content, Digest, Epoch, Evidence, InvalidNewView, InvalidViewChange, Kind, NewView,
    Omission, PreparedEntry, SeqNum, Signed, Signer, Statement, View, ViewChange, ViewChangeLeaf, VotedEntry,
};
use std::sync::Arc;

const WINDOW: u64 = 16;
const N: usize = 4;

fn sign(signer: usize, kind: Kind, view: u64, seq: u64, digest: Digest) -> Signed {
    let statement = Statement {
        group: committee(N).group(),
        epoch: Epoch::new(0),
        kind,
        view: View::new(view),
        seq: SeqNum::new(seq),
        digest,
    };
    let signature = HashSigner(key(signer)).sign(&statement.signed_bytes());
    Signed { statement, signer: id(signer), signature }
}

fn digest(byte: u8) -> Digest {
    Digest([byte; 32])
}

fn certificate(kind: Kind, view: u64, seq: u64, of: Digest) -> ClaimedCert {
    let signatures = (0..3).map(|signer| (id(signer), sign(signer, kind, view, seq, of).signature)).collect();
    ClaimedCert { epoch: Epoch::new(0), kind, view: View::new(view), seq: SeqNum::new(seq), digest: of, signatures }
}

fn proposed(view: u64, seq: u64, of: Digest) -> Signed {
    sign(view as usize % N, Kind::PrePrepare, view, seq, of)
}

/// A demand for view 1 by somebody who prepared slot 1 and voted for slot 2.
fn honest_demand() -> ViewChange {
    ViewChange {
        view: View::new(1),
        checkpoint: None,
        prepared: vec![PreparedEntry {
            certificate: certificate(Kind::Prepare, 0, 1, digest(1)),
            pre_prepare: proposed(0, 1, digest(1)),
            new_view: Digest::ZERO,
        }],
        voted: vec![
            VotedEntry { pre_prepare: proposed(0, 1, digest(1)), new_view: Digest::ZERO },
            VotedEntry { pre_prepare: proposed(0, 2, digest(2)), new_view: Digest::ZERO },
        ],
    }
}

fn signed_demand(signer: usize, body: &ViewChange) -> Signed {
    sign(signer, Kind::ViewChange, body.view.get(), 0, body.digest(WINDOW))
}

fn proves(evidence: &Evidence) -> bool {
    evidence.is_valid(&context(&committee(N), &constants()))
}

fn proves_in_remains(evidence: &Evidence) -> bool {
    evidence.is_valid_in_remains(&context(&committee(N), &constants()))
}

fn constants() -> Constants {
    Constants { window: WINDOW, ..Constants::default() }
}

fn omission(vote: &Signed, body: &ViewChange) -> Option<Evidence> {
    let found = Omission::find(vote, &signed_demand(2, body), body, WINDOW)?;
    Some(Evidence::Omission(Box::new(found)))
}

#[test]
fn a_demand_that_leaves_out_a_prepare_is_an_omission() {
    let body = ViewChange { voted: Vec::new(), ..honest_demand() };
    let evidence = omission(&sign(2, Kind::Prepare, 0, 2, digest(2)), &body).expect("left out");
    assert!(proves(&evidence));
    assert_eq!(evidence.key().signer, id(2));
}

#[test]
fn a_demand_that_leaves_out_a_commit_is_an_omission() {
    let body = ViewChange { prepared: Vec::new(), ..honest_demand() };
    let evidence = omission(&sign(2, Kind::Commit, 0, 1, digest(1)), &body).expect("left out");
    assert!(proves(&evidence));
}

#[test]
fn a_demand_that_reports_every_vote_omits_nothing() {
    let body = honest_demand();
    for vote in [
        sign(2, Kind::Prepare, 0, 1, digest(1)),
        sign(2, Kind::Commit, 0, 1, digest(1)),
        sign(2, Kind::Prepare, 0, 2, digest(2)),
    ] {
        assert_eq!(omission(&vote, &body), None);
    }
}

/// E3: the demand of a liar names a vote under a certificate that is none.
#[test]
fn an_entry_that_does_not_verify_covers_no_vote() {
    let proves_omission = |body: &ViewChange| {
        let leaf = ViewChangeLeaf::of(&signed_demand(2, body), body, SeqNum::new(1), WINDOW).expect("a slot");
        let vote = sign(2, Kind::Commit, 0, 1, digest(1));
        proves(&Evidence::Omission(Box::new(Omission { vote, leaf })))
    };
    let mut body = honest_demand();
    assert!(!proves_omission(&body));
    body.prepared[0].certificate.signatures[0].1.0[0] ^= 1;
    assert!(proves_omission(&body));
}

#[test]
fn a_vote_that_the_checkpoint_of_the_demand_covers_is_not_omitted() {
    let checkpoint = Some(certificate(Kind::Checkpoint, 0, 2, digest(9)));
    let body = ViewChange { checkpoint, prepared: Vec::new(), voted: Vec::new(), ..honest_demand() };
    assert_eq!(omission(&sign(2, Kind::Prepare, 0, 2, digest(2)), &body), None);
}

/// A vote at s says that the stable checkpoint is at s − window at least, and it never goes back.
#[test]
fn a_demand_whose_window_ends_below_a_vote_leaves_it_out() {
    let vote = |seq| sign(2, Kind::Commit, 0, seq, digest(3));
    let body = honest_demand();
    let evidence = omission(&vote(WINDOW + 1), &body).expect("left out");
    assert!(proves_in_remains(&evidence) && !proves(&evidence), "no group records it");
    assert_eq!((evidence.key().signer, evidence.place().1.get()), (id(2), WINDOW + 1));

    let Some(Evidence::Omission(mut within)) = omission(&vote(WINDOW + 1), &body) else { panic!("left out") };
    within.vote = vote(WINDOW);
    assert!(!proves_in_remains(&Evidence::Omission(within)), "the leaf is about another slot of the window");
}

#[test]
fn a_vote_of_the_demanded_view_or_a_later_one_is_not_omitted() {
    assert_eq!(omission(&sign(2, Kind::Prepare, 1, 3, digest(3)), &honest_demand()), None);
}

#[test]
fn an_omission_of_which_any_part_is_changed_proves_nothing() {
    let body = ViewChange { voted: Vec::new(), ..honest_demand() };
    let Some(Evidence::Omission(honest)) = omission(&sign(2, Kind::Prepare, 0, 2, digest(2)), &body) else {
        panic!("left out");
    };
    let changes: [fn(&mut Omission); 6] = [
        |o| o.vote.signer = id(1),
        |o| o.vote.statement.seq = SeqNum::new(3),
        |o| o.leaf.seq = SeqNum::new(3),
        |o| o.leaf.view_change.statement.view = View::new(2),
        |o| o.leaf.slot.siblings[0] = digest(7),
        |o| o.leaf.checkpoint = Some(certificate(Kind::Checkpoint, 0, 1, digest(9))),
    ];
    for change in changes {
        let mut changed = (*honest).clone();
        change(&mut changed);
        assert!(!proves(&Evidence::Omission(Box::new(changed))));
    }
}

fn invalid_demand(body: &ViewChange) -> Option<Evidence> {
    let found = InvalidViewChange::find(&signed_demand(2, body), body, &context(&committee(N), &constants()))?;
    Some(Evidence::InvalidViewChange(Box::new(found)))
}

#[test]
fn a_certificate_that_does_not_verify_in_a_demand_is_evidence() {
    let mut body = honest_demand();
    body.prepared[0].certificate.signatures[0].1.0[0] ^= 1;
    assert!(proves(&invalid_demand(&body).expect("unsound")));
    let mut body = honest_demand();
    body.checkpoint = Some(certificate(Kind::Checkpoint, 0, 0, digest(9)));
    body.checkpoint.as_mut().expect("set").signatures.pop();
    assert!(proves(&invalid_demand(&body).expect("unsound")));
}

#[test]
fn no_honest_demand_is_invalid() {
    assert_eq!(invalid_demand(&honest_demand()), None);
    // Nor does evidence that points at a sound leaf prove anything.
    let body = honest_demand();
    let leaf = ViewChangeLeaf::of(&signed_demand(2, &body), &body, SeqNum::new(1), WINDOW).expect("a slot");
    assert!(!proves(&Evidence::InvalidViewChange(Box::new(InvalidViewChange { leaf, named: None }))));
}

fn start(bodies: &[ViewChange], slots: &[Digest]) -> (Signed, NewView) {
    let view = bodies[0].view;
    let demands = bodies.iter().zip(1..).map(|(body, signer)| (signed_demand(signer, body), Arc::new(body.clone())));
    let pre_prepares = slots.iter().zip(1..).map(|(of, seq)| proposed(view.get(), seq, *of)).collect();
    let body = NewView { view, view_changes: demands.collect(), pre_prepares };
    (sign(view.get() as usize % N, Kind::NewView, view.get(), 0, body.digest(WINDOW)), body)
}

fn invalid_start(signed: &Signed, body: &NewView) -> Option<Evidence> {
    let found = InvalidNewView::find(signed, body, &committee(N), WINDOW)?;
    Some(Evidence::InvalidNewView(Box::new(found)))
}

#[test]
fn a_start_that_follows_from_its_demands_is_no_evidence() {
    let bodies = [honest_demand(), honest_demand(), honest_demand()];
    let (signed, body) = start(&bodies, &[digest(1), digest(2)]);
    assert_eq!(invalid_start(&signed, &body), None);
}

#[test]
fn a_start_with_another_digest_or_null_in_a_slot_is_evidence() {
    let bodies = [honest_demand(), honest_demand(), honest_demand()];
    for wrong in [digest(5), Content::NULL.digest()] {
        let (signed, body) = start(&bodies, &[wrong, digest(2)]);
        let evidence = invalid_start(&signed, &body).expect("does not follow");
        assert!(proves(&evidence));
        assert_eq!(evidence.key().signer, id(1));
    }
}

#[test]
fn a_start_that_leaves_out_a_decided_slot_is_evidence() {
    let bodies = [honest_demand(), honest_demand(), honest_demand()];
    let (signed, body) = start(&bodies, &[digest(1)]);
    assert!(proves(&invalid_start(&signed, &body).expect("a slot is missing")));
}

#[test]
fn evidence_against_a_start_needs_the_demands_that_it_rests_on() {
    let bodies = [honest_demand(), honest_demand(), honest_demand()];
    let (signed, body) = start(&bodies, &[digest(5), digest(2)]);
    let Some(Evidence::InvalidNewView(honest)) = invalid_start(&signed, &body) else { panic!("does not follow") };
    let changes: [fn(&mut InvalidNewView); 3] = [
        |s| drop(s.view_changes.pop()),
        |s| s.view_changes[0] = s.view_changes[1].clone(),
        |s| s.leaf.carried = Some(digest(1)),
    ];
    for change in changes {
        let mut changed = (*honest).clone();
        change(&mut changed);
        assert!(!proves(&Evidence::InvalidNewView(Box::new(changed))));
    }
}

#[test]
fn a_demand_that_disagrees_with_the_start_that_it_names_is_evidence() {
    let bodies = [honest_demand(), honest_demand(), honest_demand()];
    let (signed, named) = start(&bodies, &[digest(1), digest(2)]);
    let vote = |of: Digest| ViewChange {
        view: View::new(2),
        checkpoint: None,
        prepared: Vec::new(),
        voted: vec![VotedEntry { pre_prepare: proposed(1, 2, of), new_view: named.digest(WINDOW) }],
    };
    let lie = vote(digest(7));
    let found = InvalidViewChange::against(&signed_demand(3, &lie), &lie, &signed, &named, WINDOW).expect("disagrees");
    assert!(proves(&Evidence::InvalidViewChange(Box::new(found))));
    let truth = vote(digest(2));
    assert_eq!(InvalidViewChange::against(&signed_demand(3, &truth), &truth, &signed, &named, WINDOW), None);
}

#[test]
fn an_entry_of_the_demanded_view_is_evidence() {
    for (view, proved) in [(0, false), (1, true)] {
        let mut body = honest_demand();
        let new_view = if view == 0 { Digest::ZERO } else { digest(9) };
        body.voted[1] = VotedEntry { pre_prepare: proposed(view, 2, digest(2)), new_view };
        assert_eq!(invalid_demand(&body).is_some_and(|evidence| proves(&evidence)), proved, "view {view}");
    }
}

#[test]
fn an_entry_of_an_earlier_view_or_of_the_same_with_another_digest_leaves_a_vote_out() {
    let vote = sign(2, Kind::Prepare, 1, 2, digest(2));
    for (view, of, left_out) in [(0, 2, true), (1, 7, true), (1, 2, false), (2, 7, false)] {
        let new_view = if view == 0 { Digest::ZERO } else { digest(9) };
        let voted = vec![VotedEntry { pre_prepare: proposed(view, 2, digest(of)), new_view }];
        let body = ViewChange { view: View::new(3), voted, ..honest_demand() };
        assert_eq!(omission(&vote, &body).is_some(), left_out, "{of} in view {view}");
    }
}

#[test]
fn a_certificate_beside_a_proposal_of_another_slot_view_or_digest_is_evidence() {
    for (view, seq, of, proved) in [(0, 1, 1, false), (0, 1, 7, true), (0, 2, 1, true)] {
        let mut body = honest_demand();
        body.prepared[0].pre_prepare = proposed(view, seq, digest(of));
        assert_eq!(invalid_demand(&body).is_some_and(|evidence| proves(&evidence)), proved, "{of} in slot {seq}");
        assert_eq!(body.is_well_formed(&committee(N), WINDOW), !proved);
    }
}
