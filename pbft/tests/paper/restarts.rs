//! What a restart remembers (E1, E7, pitfall 9).

use super::*;
use quorate_pbft::{Bundle, Floors, Journal};
use std::sync::Arc;

/// E7.
#[test]
fn after_a_start_nothing_is_signed_until_q_minus_one_have_answered() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let q = committee(n).quorum();
        let mut replica = Alone::starting(n, n - 1, &Constants::default());
        replica.step(Input::Submit(envelope("waits")));
        (0..q - 2).for_each(|peer| replica.recalled(peer, 9));
        assert_eq!(replica.said(Kind::Bundle), [], "{n} replicas, q − 2 answers");
        replica.recalled(q - 2, 9);
        assert_eq!(replica.said(Kind::Bundle).len(), 1, "{n} replicas, q − 1 answers");
    }
}

#[test]
fn a_group_of_one_needs_nobody() {
    let mut alone = Alone::new(1, 0);
    alone.step(Input::Submit(envelope("alone")));
    alone.execute();
    assert_eq!(alone.replica.executed_point().seq.get(), 1);
}

/// L3, E1: nobody else says again what it had said to itself.
#[test]
fn a_group_of_one_goes_on_after_a_crash_between_any_two_records() {
    let mut alone = Alone::new(1, 0);
    alone.step(Input::Submit(envelope("first")));
    let records = alone.effects.iter().filter_map(|effect| match effect {
        Effect::Persist(record) => Some(record),
        _ => None,
    });
    let records: Vec<&Record> = records.collect();
    assert!(records.iter().any(|record| matches!(record, Record::Committed { .. })), "it decides by itself");
    for kept in 0..=records.len() {
        let mut restarted = Alone::new(1, 0);
        restarted.disk = Journal::new(1);
        records[..kept].iter().for_each(|record| restarted.disk.record(record));
        restarted.restart();
        restarted.step(Input::Submit(envelope("again")));
        for _ in 0..20 {
            restarted.tick(100);
            restarted.execute();
        }
        let executes = |effect: &Effect| match effect {
            Effect::Execute(decided) => decided.bundles.iter().any(|bundle| bundle.items.contains(&envelope("again"))),
            _ => false,
        };
        assert!(restarted.effects.iter().any(executes), "after {kept} of {} records", records.len());
    }
}

/// E7: the state of a slot that was executed meanwhile is told as soon as anything may be signed.
#[test]
fn a_checkpoint_that_was_executed_before_the_recall_is_signed_after_it() {
    let mut replica = Alone::starting(4, 3, &Constants::default());
    replica.decide(1, &Content { mark: true, ..empty(1_000) });
    replica.execute();
    assert_eq!((replica.replica.executed_point().seq.get(), replica.said(Kind::Checkpoint)), (1, Vec::new()));
    (0..3).for_each(|peer| replica.recalled(peer, 9));
    let state = replica.replica.executed_point().checkpoint_digest();
    assert_eq!(replica.said(Kind::Checkpoint), [(0, 1, state)]);
}

/// C2: the slot is not the last one that was executed, and the restart finds no word about it.
#[test]
fn a_checkpoint_that_a_restart_before_the_recall_left_unsigned_is_signed_after_it() {
    let mut replica = Alone::starting(4, 3, &Constants::default());
    [true, false].into_iter().zip(1..).for_each(|(mark, seq)| replica.decide(seq, &Content { mark, ..empty(1_000) }));
    replica.execute();
    let state = replica.replica.executed_point().checkpoint_digest();
    assert_eq!((replica.replica.executed_point().seq.get(), replica.said(Kind::Checkpoint)), (2, Vec::new()));
    replica.restart();
    assert_eq!(replica.said(Kind::Checkpoint), [(0, 1, state)]);
}

/// E7: the answer to an earlier start says nothing about this one.
#[test]
fn answers_to_another_incarnation_do_not_count() {
    let mut replica = Alone::starting(4, 3, &Constants::default());
    (0..3).for_each(|peer| replica.recalled(peer, 8));
    assert!(replica.replica.is_recovering());
}

/// E7, pitfall 5.
#[test]
fn an_own_statement_that_is_not_on_the_disk_makes_a_follower_also_after_a_restart() {
    let mut replica = Alone::new(4, 3);
    let forgotten = say(3, Kind::Commit, 0, 7, Digest([1; 32]));
    replica.hear(1, Message::Contradiction(forgotten));
    assert!(replica.replica.report().following);
    replica.propose(0, 0, 1, &empty(1_000));
    assert_eq!(replica.said(Kind::Prepare), []);
    replica.restart();
    replica.propose(0, 0, 1, &empty(1_000));
    assert!(replica.replica.report().following);
    assert_eq!(replica.said(Kind::Prepare), []);
}

/// A replica under whose promises a newer state was put: of slot 1, and what it said before is on its disk whole. It has
/// executed more slots since.
fn with_a_newer_state(since: u64, statements: Vec<Signed>, floors: Option<Floors>) -> Alone {
    let mut replica = Alone::starting(4, 3, &Constants::default());
    (1..=1 + since).for_each(|seq| replica.decide(seq, &Content { mark: true, ..empty(1_000) }));
    replica.execute();
    let state = replica.replica.executed_point().checkpoint_digest();
    let stable = Some(certificate(Kind::Checkpoint, 0, 1, state, &[0, 1, 2]));
    let recovered = Recovered { stable, statements, floors, ..replica.disk.recovered() };
    replica.replica = Replica::recover(cluster::config(4, 3, 77, &Constants::default()), recovered);
    replica.effects.clear();
    replica.tick(1);
    replica
}

/// E7: the state of a slot says nothing of what was signed before it, in votes or in demands of views.
#[test]
fn a_newer_state_under_older_promises_hides_none_that_are_missing() {
    let lost = say(3, Kind::Commit, 0, 1, Digest([1; 32]));
    let none = || (SeqNum::new(0), Vec::new());
    for (floors, follows) in [(Some(none()), true), (None, false)] {
        let mut replica = with_a_newer_state(0, Vec::new(), floors);
        replica.hear(1, Message::Recalled { incarnation: 77, statements: vec![lost] });
        assert_eq!(replica.replica.report().following, follows);
    }
    let mut whole = with_a_newer_state(0, vec![lost], Some(none()));
    whole.hear(1, Message::Recalled { incarnation: 77, statements: vec![lost] });
    assert!(!whole.replica.report().following);
}

/// E1: once others have answered, nothing is signed at or below the state.
#[test]
fn after_the_recall_nothing_is_signed_below_a_newer_state() {
    let mut replica = with_a_newer_state(0, Vec::new(), Some((SeqNum::new(0), Vec::new())));
    (0..2).for_each(|peer| replica.recalled(peer, 77));
    replica.propose(0, 0, 1, &empty(1_000));
    assert_eq!((replica.replica.report().following, replica.said(Kind::Prepare)), (false, Vec::new()));
    replica.hear(1, Message::Contradiction(say(3, Kind::Commit, 0, 1, Digest([1; 32]))));
    assert!(!replica.replica.report().following, "what it may have said there binds it to nothing");
}

/// C3: the word of a replica that had diverged says nothing of the state that was put in its place, and is not said again.
#[test]
fn a_state_that_was_made_anew_is_compared_and_not_what_was_signed_over_the_one_before() {
    let wrong = |seq| say(3, Kind::Checkpoint, 0, seq, Digest([5; 32]));
    let mut replica = with_a_newer_state(1, vec![wrong(2), wrong(3)], Some((SeqNum::new(0), Vec::new())));
    (0..2).for_each(|peer| replica.recalled(peer, 77));
    let state = replica.replica.executed_point().checkpoint_digest();
    (3..=4).for_each(|seq| replica.decide(seq, &Content { mark: true, ..empty(1_000) }));
    replica.execute();
    assert_eq!(replica.said(Kind::Checkpoint), [(0, 4, state)]);
    for seq in [2, 3] {
        let certified = certificate(Kind::Checkpoint, 0, seq, state, &[0, 1, 2]);
        replica.hear(0, Message::StableCheckpoint(certified));
        assert_eq!((replica.replica.report().stable.get(), replica.broken()), (seq, Vec::new()));
    }
}

/// E1, pitfalls 1, 3 and 7.
#[test]
fn after_a_restart_the_primary_sends_what_it_stored_and_goes_on_after_it() {
    let mut primary = Alone::new(4, 0);
    let tip = bundle(1, Tip::default(), 0, envelope("a")).header.tip();
    primary.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, tip.digest, &[1, 2, 3])));
    let first = primary.said(Kind::PrePrepare);
    assert_eq!(first.len(), 1);
    primary.restart();
    assert_eq!(primary.said(Kind::PrePrepare), [], "nothing is rebuilt");
    assert_eq!(primary.said(Kind::Prepare), [(0, 1, first[0].2)], "the stored vote goes out with the PrePrepare in it");
    let other = bundle(2, Tip::default(), 0, envelope("b")).header.tip();
    primary.hear(2, Message::LaneCert(certificate(Kind::Ack, 2, 1, other.digest, &[1, 2, 3])));
    primary.tick(50);
    assert_eq!(primary.said(Kind::PrePrepare).iter().map(|said| said.1).collect::<Vec<_>>(), [2]);
}

/// L2: a certificate stands for an Ack of each bundle below it, so an Ack on another branch of a forked lane takes back one
/// that is on the disk.
#[test]
fn a_branch_that_comes_before_the_recall_is_not_acknowledged_instead_of_the_one_that_was() {
    let branch = |items: [&str; 3]| {
        let mut tip = Tip::default();
        let bundles = (0..).zip(items).map(|(lane_bytes, item)| {
            let bundle = bundle(1, tip, lane_bytes, envelope(item));
            tip = bundle.header.tip();
            bundle
        });
        bundles.collect::<Vec<_>>()
    };
    let other = branch(["y", "y", "y"]);
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let mut backup = Alone::new(4, 3);
        let first = branch([name, "x", "x"]);
        first[..2].iter().for_each(|bundle| backup.hear(1, Message::Bundle(bundle.clone())));
        backup.replica = Replica::recover(backup.config(77), backup.disk.recovered());
        other.iter().for_each(|bundle| backup.hear(1, Message::Bundle(bundle.clone())));
        backup.effects.clear();
        (0..3).for_each(|peer| backup.recalled(peer, 77));
        assert!(backup.said(Kind::Ack).iter().all(|said| said.1 <= 2), "a branch that leaves out {name}");
        backup.hear(1, Message::Bundle(first[2].clone()));
        assert_eq!(backup.said(Kind::Ack).last(), Some(&(1, 3, first[2].header.digest())));
    }
}

/// A chain of lane 1 after a bundle, with these items.
fn chain(mut tip: Tip, items: &[&str]) -> Vec<Arc<Bundle>> {
    let above = tip.position.get()..;
    let after = |(lane_bytes, item): (u64, &&str)| {
        let bundle = bundle(1, tip, lane_bytes, envelope(item));
        tip = bundle.header.tip();
        bundle
    };
    above.zip(items).map(after).collect()
}

/// A backup that acknowledged a chain of lane 1 and started from a repair that left the bundles at these positions behind.
fn without(lost: &[u64], acknowledged: &[Arc<Bundle>]) -> Alone {
    let mut backup = Alone::new(4, 3);
    acknowledged.iter().for_each(|bundle| backup.hear(1, Message::Bundle(bundle.clone())));
    let mut recovered = backup.disk.recovered();
    recovered.bundles.retain(|bundle| !lost.contains(&bundle.header.position.get()));
    backup.replica = Replica::recover(backup.config(77), recovered);
    backup.effects.clear();
    backup.tick(1);
    (0..3).for_each(|peer| backup.recalled(peer, 77));
    backup
}

/// Position in lane 1 up to which a replica says that it has acknowledged bundles.
fn told(backup: &mut Alone) -> Option<u64> {
    backup.effects.clear();
    (0..10).for_each(|_| backup.tick(500)); // one of ten statuses names all lanes
    let statuses = backup.sent().filter_map(|message| match message {
        Message::Status { body, .. } => body.lanes.iter().find(|(lane, _)| *lane == id(1)),
        _ => None,
    });
    statuses.last().map(|(_, lane)| lane.acknowledged.position.get())
}

/// L2, L3: own Acks only extend.
#[test]
fn where_the_newest_acknowledged_bundle_was_left_behind_its_chain_alone_goes_on() {
    let sound = chain(Tip::default(), &["a", "b", "c"]);
    for name in ["d", "e", "f", "g", "h"] {
        let mut backup = without(&[2], &sound[..2]);
        let rivals = chain(sound[0].header.tip(), &[name, "x"]);
        rivals.iter().chain([&rivals[0], &sound[0]]).for_each(|bundle| backup.hear(1, Message::Bundle(bundle.clone())));
        let above = backup.said(Kind::Ack).into_iter().filter(|(lane, position, _)| *lane == 1 && *position > 1);
        assert_eq!(above.collect::<Vec<_>>(), [], "the rival {name}, and an Ack of what is not here");
        sound[1..].iter().for_each(|bundle| backup.hear(1, Message::Bundle(bundle.clone())));
        let acks = [1, 2].map(|place| (1, place as u64 + 1, sound[place].header.digest()));
        assert!(acks.iter().all(|ack| backup.said(Kind::Ack).contains(ack)), "{:?}", backup.said(Kind::Ack));
    }
}

/// L3: each own Ack binds.
#[test]
fn no_rival_of_an_acknowledged_bundle_below_the_newest_one_is_followed() {
    let sound = chain(Tip::default(), &["a", "b", "c"]);
    let mut backup = without(&[2, 3], &sound);
    let rival = chain(sound[0].header.tip(), &["x"]).remove(0);
    backup.hear(1, Message::Bundle(rival));
    assert_eq!(told(&mut backup), Some(1));
    sound[1..].iter().for_each(|bundle| backup.hear(1, Message::Bundle(bundle.clone())));
    assert_eq!(backup.said(Kind::Ack).last(), Some(&(1, 3, sound[2].header.digest())));
}

/// N9: its owner sends what a status lacks, however many were left behind.
#[test]
fn a_status_names_no_acknowledged_bundle_that_was_left_behind_until_all_up_to_it_have_come() {
    let sound = chain(Tip::default(), &["a", "b", "c", "d"]);
    let mut backup = without(&[2, 4], &sound);
    let mut names = vec![told(&mut backup)];
    for lost in [1, 3] {
        backup.hear(1, Message::Bundle(sound[lost].clone()));
        names.push(told(&mut backup));
    }
    assert_eq!(names, [Some(1), Some(3), Some(4)]);
}

/// L2, N9: what was kept above what was left behind is of no use without it.
#[test]
fn nothing_is_acknowledged_over_a_bundle_that_was_left_behind_below_the_newest_acknowledged_one() {
    let sound = chain(Tip::default(), &["a", "b", "c", "d", "e"]);
    let mut backup = without(&[2], &sound[..4]);
    assert_eq!(told(&mut backup), Some(1));
    backup.hear(1, Message::Bundle(sound[4].clone()));
    assert_eq!(backup.said(Kind::Ack), []);
    backup.hear(1, Message::Bundle(sound[1].clone()));
    assert_eq!(backup.said(Kind::Ack), [(1, 5, sound[4].header.digest()); 2], "to the owner and the primary");
    assert_eq!(told(&mut backup), Some(5));
}

/// N9: a certificate rests on Acks of those that have the data.
#[test]
fn an_owner_is_sent_no_ack_of_a_bundle_that_was_left_behind() {
    let sound = chain(Tip::default(), &["a", "b"]);
    for (lost, acks) in [(vec![2], 0), (vec![], 1)] {
        let mut backup = without(&lost, &sound);
        backup.tick(500);
        backup.effects.clear();
        backup.status(1, 1);
        assert_eq!(backup.said(Kind::Ack).len(), acks, "without {lost:?}");
    }
}

/// L2: an Ack stands for everything between the bundle and an anchor, also when the bundle comes again.
#[test]
fn a_bundle_that_comes_twice_before_the_one_below_it_has_come_is_sent_no_ack() {
    let sound = chain(Tip::default(), &["a", "b", "c"]);
    for lost in [vec![2, 3], vec![2]] {
        let mut backup = without(&lost, &sound);
        (0..2).for_each(|_| backup.hear(1, Message::Bundle(sound[2].clone())));
        assert_eq!(backup.said(Kind::Ack), [], "without {lost:?}");
        (0..2).for_each(|_| backup.hear(1, Message::Bundle(sound[1].clone())));
        assert_eq!(backup.said(Kind::Ack).last(), Some(&(1, 2, sound[1].header.digest())), "without {lost:?}");
    }
}

/// L2: a certified bundle that is here is an anchor, not below the own Ack.
#[test]
fn a_lane_goes_on_above_a_certified_bundle_beyond_one_that_was_left_behind() {
    let sound = chain(Tip::default(), &["a", "b", "c", "d"]);
    let mut backup = without(&[2], &sound[..2]);
    let tip = sound[2].header.tip();
    backup.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 3, tip.digest, &[0, 1, 2])));
    sound[2..].iter().for_each(|bundle| backup.hear(1, Message::Bundle(bundle.clone())));
    assert_eq!(backup.said(Kind::Ack).last(), Some(&(1, 4, sound[3].header.digest())));
    backup.tick(1_000);
    let wanted = ask(Wanted::Bundles { lane: id(1), from: Position::new(1), to: Position::new(2) });
    assert!(backup.sent().any(|message| *message == wanted), "the one between is certified too");
}

/// Pitfall 9.
#[test]
fn a_restart_goes_on_asking_for_the_view_that_was_asked_for() {
    let mut replica = Alone::new(4, 3);
    replica.demand(0, 1);
    replica.demand(2, 1);
    let demand = replica.said(Kind::ViewChange);
    replica.restart();
    assert_eq!(replica.asks_for_view(), Some(1));
    replica.tick(1_000);
    assert_eq!(replica.replica.view(), View::new(1));
    assert!(replica.said(Kind::ViewChange).iter().all(|said| *said == demand[0]), "as it was signed");
}

/// E7: executed and stable, and its owner may still ask after it.
#[test]
fn after_a_restart_others_are_told_what_they_signed_before_it() {
    let mut replica = Alone::new(4, 3);
    let bundle = bundle(1, Tip::default(), 0, envelope("a"));
    replica.hear(1, Message::Bundle(bundle.clone()));
    replica.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, bundle.header.digest(), &[0, 1, 2])));
    let content = Content { cut: vec![(id(1), bundle.header.tip())], mark: true, ..empty(1_000) };
    replica.decide(1, &content);
    replica.execute();
    let state = replica.said(Kind::Checkpoint)[0].2;
    replica.hear(0, Message::StableCheckpoint(certificate(Kind::Checkpoint, 0, 1, state, &[0, 2, 3])));
    replica.restart();
    replica.effects.clear();

    replica.hear(1, ask(Wanted::Recall { incarnation: 5 }));

    let [Message::Recalled { statements, .. }] = &replica.sent_to(1)[..] else { panic!("no answer") };
    let commit = say(1, Kind::Commit, 0, 1, content.digest());
    let ack = say(1, Kind::Ack, 1, 1, bundle.header.digest());
    assert!([bundle.statement, ack, commit].iter().all(|said| statements.contains(said)), "{statements:?}");
}
