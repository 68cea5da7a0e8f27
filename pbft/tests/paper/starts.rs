//! §4.4: how a view starts (V4 to V6).

use super::views::proofs_sent;
use super::*;
use crate::cluster::alone::status;
use quorate_pbft::{Broken, Effect, NewView, PreparedEntry, Record, ViewChange, VotedEntry};
use std::sync::Arc;

/// The start of a view by its primary that rests on three demands which report nothing.
pub(super) fn start(view: u64) -> (Signed, Message) {
    start_by(view, [0, 1, 2], &[], Vec::new())
}

/// A vote for the proposal of a view's primary.
fn vote(view: u64, seq: u64, digest: Digest) -> VotedEntry {
    let pre_prepare = say(view as usize % 4, Kind::PrePrepare, view, seq, digest);
    VotedEntry { pre_prepare, new_view: Digest::ZERO }
}

/// The start of a view by its primary that rests on the demands of these members, and carries what two
/// of them report to have voted for.
fn start_by(view: u64, members: [usize; 3], voters: &[usize], voted: Vec<VotedEntry>) -> (Signed, Message) {
    let window = Constants::default().window;
    let demand = |signer: usize| {
        let voted = if voters.contains(&signer) { voted.clone() } else { Vec::new() };
        let body = ViewChange { view: View::new(view), checkpoint: None, prepared: Vec::new(), voted };
        (say(signer, Kind::ViewChange, view, 0, body.digest(window)), Arc::new(body))
    };
    let (primary, view_changes) = (view as usize % 4, members.map(demand).to_vec());
    let carried = voted.iter().filter(|_| voters.len() > 1).map(|of| of.pre_prepare.statement);
    let pre_prepares = carried.map(|of| say(primary, Kind::PrePrepare, view, of.seq.get(), of.digest)).collect();
    let body = NewView { view: View::new(view), view_changes, pre_prepares };
    let statement = say(primary, Kind::NewView, view, 0, body.digest(window));
    (statement, Message::NewView { statement, body: Arc::new(body) })
}

/// V5, E3: what a primary signs in a start its next demand must report, and slots that it has executed and forgotten it cannot.
#[test]
fn a_primary_starts_no_view_with_slots_that_it_has_executed_and_forgotten() {
    let constants = Constants { checkpoint_period: 4, window: 8, ..Constants::default() };
    let mut primary = Alone::with(4, 1, &constants);
    let content = |seq: u64| empty(1_000 + seq);
    for seq in 1..=12 {
        let certificate = certificate(Kind::Commit, 0, seq, content(seq).digest(), &[0, 2, 3]);
        primary.hear(0, Message::Decided { certificate, content: content(seq) });
        primary.execute();
    }
    for signer in [0, 2, 3] {
        let pre_prepare = say(0, Kind::PrePrepare, 0, 3, content(3).digest());
        let certificate = certificate(Kind::Prepare, 0, 3, content(3).digest(), &[0, 2, 3]);
        let entry = PreparedEntry { certificate, pre_prepare, new_view: Digest::ZERO };
        let voted = vec![VotedEntry { pre_prepare, new_view: Digest::ZERO }];
        let body = ViewChange { view: View::new(1), checkpoint: None, prepared: vec![entry], voted };
        let statement = say(signer, Kind::ViewChange, 1, 0, body.digest(constants.window));
        primary.hear(signer, Message::ViewChange { statement, body: Arc::new(body) });
    }
    assert_eq!((primary.asks_for_view(), primary.said(Kind::NewView)), (Some(1), Vec::new()));
}

/// Replica 3 asks for view 1, and knows that slot 1 was decided in a view; what a start of view 1 then carries there was
/// proposed in view 0.
fn decided_before_a_start(decided_in: u64, carried: &Content) -> Alone {
    let mut replica = Alone::new(4, 3);
    [0, 2].into_iter().for_each(|signer| replica.demand(signer, 1));
    decided_before(&mut replica, decided_in, carried);
    replica
}

/// Replica 3 asks for a view whose primary is proved a liar by words about nothing of it.
fn asking_for_view(view: u64) -> Alone {
    let (mut replica, primary) = (Alone::new(4, 3), view as usize % 4);
    for byte in [1, 2] {
        replica.hear(0, Message::Contradiction(say(primary, Kind::Checkpoint, 0, 1, Digest([byte; 32]))));
    }
    let others = (0..3).filter(|signer| *signer != primary);
    others.for_each(|signer| replica.demand(signer, view));
    assert_eq!((proofs_sent(&replica), replica.asks_for_view()), (1, Some(view)));
    replica
}

/// Whether it has entered a view, though it may have left it since: two starts prove their primary.
fn has_entered(replica: &Alone, view: u64) -> bool {
    let entered = |effect: &Effect| matches!(effect, Effect::Persist(Record::View { view: of, changing: false, .. }) if of.get() == view);
    replica.effects.iter().any(entered)
}

fn decided_before(replica: &mut Alone, decided_in: u64, carried: &Content) {
    let content = empty(2_000);
    let certificate = certificate(Kind::Commit, decided_in, 1, content.digest(), &[0, 1, 2]);
    replica.hear(2, Message::Decided { certificate, content });
    replica.hear(1, start_by(1, [0, 1, 2], &[0, 2], vec![vote(0, 1, carried.digest())]).1);
}

/// A start of view 2 in which member 2 reports a vote in a start of view 1.
fn start_that_names_one_of_view_1(named: Digest) -> Message {
    let pre_prepare = say(1, Kind::PrePrepare, 1, 1, Digest([7; 32]));
    start_by(2, [0, 1, 2], &[2], vec![VotedEntry { pre_prepare, new_view: named }]).1
}

/// V5, N8: a faulty primary tells two backups one start and this replica another one. What the two decided with the primary says
/// nothing against f: the replica enters the view with them.
#[test]
fn a_start_against_a_decision_of_its_own_view_is_not_entered_and_the_other_start_is() {
    let mut replica = asking_for_view(1);
    decided_before(&mut replica, 1, &empty(1_000));
    assert_eq!((replica.broken(), replica.asks_for_view()), (Vec::new(), Some(1)));
    assert!(replica.refused().contains(&&Rejected::WrongNewView { from: id(1), view: View::new(1) }));
    replica.hear(2, start_by(1, [1, 2, 3], &[2], vec![vote(0, 1, empty(1_000).digest())]).1);
    assert!(replica.broken().is_empty() && has_entered(&replica, 1));
}

/// V5, N8: the start of view 1 was kept back until the others had decided in view 2.
#[test]
fn a_start_against_a_decision_of_a_later_view_stops_nobody() {
    let mut replica = decided_before_a_start(2, &empty(1_000));
    assert_eq!((replica.broken(), replica.asks_for_view()), (Vec::new(), Some(1)));
    replica.hear(2, start(2).1);
    assert_eq!((replica.broken(), replica.replica.view(), replica.asks_for_view()), (Vec::new(), View::new(2), None));
}

/// N8: with f faulty ones, each start of a later view carries what was decided.
#[test]
fn a_start_against_a_decision_of_an_earlier_view_stops_the_replica() {
    let replica = decided_before_a_start(0, &empty(1_000));
    assert!(matches!(replica.broken()[..], [Broken::NewViewAgainstCommit { .. }]), "{:?}", replica.broken());
}

/// V5, N8: a late primary signs no proposal against what a later view has decided.
#[test]
fn a_primary_starts_no_view_against_a_decision_of_a_later_one() {
    let mut primary = Alone::new(4, 1);
    let content = empty(2_000);
    let certificate = certificate(Kind::Commit, 2, 1, content.digest(), &[0, 2, 3]);
    primary.hear(2, Message::Decided { certificate, content });
    let voted = vec![vote(0, 1, empty(1_000).digest())];
    let (_, Message::NewView { body, .. }) = start_by(1, [0, 2, 3], &[0, 2], voted) else { unreachable!("a start") };
    for (statement, body) in body.view_changes[..2].iter().cloned() {
        primary.hear(2, Message::ViewChange { statement, body });
    }
    assert_eq!((primary.asks_for_view(), primary.said(Kind::NewView)), (Some(1), Vec::new()));
}

/// V3, V4: a primary that is proved already sends one replica alone a start that rests on what nobody has, and another one to
/// all: that replica enters with the others.
#[test]
fn a_start_that_cannot_be_entered_hides_no_other_one_of_its_view() {
    let mut replica = asking_for_view(2);
    replica.hear(2, start_that_names_one_of_view_1(Digest([8; 32])));
    assert_eq!(replica.asks_for_view(), Some(2), "nobody has the start that it names");

    replica.hear(2, start(2).1);

    assert!(has_entered(&replica, 2));
}

/// V5, N8: nobody can enter the late one, so it takes the place of none that waits for a start that it names.
#[test]
fn a_start_against_a_decision_takes_no_place_of_one_that_waits() {
    let mut replica = asking_for_view(2);
    let (named, of_view_1) = start(1);
    replica.hear(2, start_that_names_one_of_view_1(named.statement.digest));
    let content = empty(2_000);
    let certificate = certificate(Kind::Commit, 3, 1, content.digest(), &[0, 1, 2]);
    replica.hear(0, Message::Decided { certificate, content });
    replica.hear(2, start_by(2, [0, 1, 2], &[0, 1], vec![vote(0, 1, empty(1_000).digest())]).1);
    assert!(replica.refused().contains(&&Rejected::WrongNewView { from: id(2), view: View::new(2) }));
    assert_eq!(replica.asks_for_view(), Some(2));

    replica.hear(1, of_view_1);

    assert!(replica.broken().is_empty() && has_entered(&replica, 2));
}

/// Peer 0 says that it is in the view that this starts.
fn entered_by_a_peer(replica: &mut Alone, start: &Message) {
    let Message::NewView { statement, body } = start else { unreachable!("a start") };
    let body = StatusBody { view: body.view, new_view: statement.statement.digest, ..status(Vec::new(), 0) };
    let said = say(0, Kind::Status, 0, 1, body.digest());
    replica.hear(0, Message::Status { statement: said, body });
}

/// V5: a liar repeats the one that nobody can enter.
#[test]
fn a_start_that_peers_have_entered_waits_on_whatever_else_its_primary_sends() {
    let mut replica = asking_for_view(2);
    let (named, of_view_1) = start(1);
    let others = [named.statement.digest, Digest([8; 32])].map(start_that_names_one_of_view_1);
    others.iter().rev().for_each(|start| replica.hear(2, start.clone()));
    entered_by_a_peer(&mut replica, &others[0]);
    replica.hear(2, others[1].clone());

    replica.hear(1, of_view_1);

    assert!(has_entered(&replica, 2));
}

/// V4: a peer in the view has had all that its start names; the two who signed may keep it to themselves.
#[test]
fn a_start_that_is_named_is_asked_of_whoever_has_entered_the_one_that_waits() {
    let mut replica = asking_for_view(2);
    let (named, _) = start(1);
    let waiting = start_that_names_one_of_view_1(named.statement.digest);
    replica.hear(2, waiting.clone());
    entered_by_a_peer(&mut replica, &waiting);

    (0..30).for_each(|_| replica.tick(100));

    let wanted = ask(Wanted::NewView { view: View::new(1), digest: named.statement.digest });
    assert!(replica.sent_to(0).contains(&&wanted));
}

/// V3: others left the view when they heard of it; whoever enters it later does so too.
#[test]
fn a_view_whose_primary_was_proved_before_it_started_is_left_at_once() {
    let mut replica = Alone::new(4, 3);
    [0, 2].into_iter().for_each(|signer| replica.demand(signer, 1));
    for byte in [1, 2] {
        replica.hear(2, Message::Contradiction(say(1, Kind::NewView, 1, 0, Digest([byte; 32]))));
    }
    assert_eq!((proofs_sent(&replica), replica.asks_for_view()), (1, Some(1)));

    replica.hear(1, start(1).1);

    assert_eq!(replica.asks_for_view(), Some(2));
}

/// V3: its first proof was about nothing of the view.
#[test]
fn a_view_is_left_whose_primary_said_two_starts_of_it_after_it_was_proved() {
    let mut replica = asking_for_view(2);
    for byte in [1, 2] {
        replica.hear(1, Message::Contradiction(say(2, Kind::NewView, 2, 0, Digest([byte; 32]))));
    }

    replica.hear(2, start(2).1);

    assert_eq!(replica.asks_for_view(), Some(3));
}

/// V5: a liar says that it has entered the one that nobody can enter, and repeats it.
#[test]
fn a_start_that_can_be_entered_gives_way_to_none_that_waits() {
    let mut replica = asking_for_view(2);
    let waits = start_that_names_one_of_view_1(Digest([8; 32]));
    replica.hear(2, waits.clone());
    entered_by_a_peer(&mut replica, &waits);

    replica.hear_together(2, [start(2).1, waits]);

    assert!(has_entered(&replica, 2));
}

/// E2: whoever entered another start of that view lacks this word, and nobody else asks for it.
#[test]
fn a_start_of_a_view_that_is_passed_is_sent_on_once() {
    let mut replica = Alone::new(4, 3);
    replica.hear(2, start(2).1);
    assert_eq!((replica.replica.view(), replica.asks_for_view()), (View::new(2), None));
    let (statement, passed) = start(1);
    replica.hear(1, passed.clone());
    replica.hear(0, passed);
    let sent = replica.sent().filter(|message| matches!(message, Message::Contradiction(word) if *word == statement));
    assert_eq!(sent.count(), 1);
}

/// E2: the start that was entered is what others have too.
#[test]
fn the_start_that_was_entered_is_not_sent_on() {
    let mut replica = Alone::new(4, 3);
    [1, 1, 2].into_iter().for_each(|view| replica.hear(2, start(view).1));
    assert_eq!(replica.replica.view(), View::new(2));
    assert!(!replica.sent().any(|message| matches!(message, Message::Contradiction(_))));
}
