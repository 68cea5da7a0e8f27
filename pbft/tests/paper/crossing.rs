//! From one epoch to the next (M1, M3, L7): the list that counts, the last slot, and what goes over.
//!
//! Members 0 to 3 vote; slot 1 names 0, 1, 2 and 4 as the next ones. With a window of four slots the epoch ends with slot 6.
//! The first five tests are those of `docs/adr/epochs.md`: a list that stands in a state and is not in force yet.

use super::views::proofs_sent;
use super::*;
use cluster::alone::{certificate_in, say_in, status};
use quorate_pbft::{Broken, Elder, ExecutedPoint, Follower, FollowerConfig, Record, ViewChange};
use std::sync::Arc;

const LAST: u64 = 6;

fn short() -> Constants {
    Constants { checkpoint_period: 2, window: 4, ..Constants::default() }
}

/// The members of epoch 1.
fn next() -> Committee {
    let members = [0, 1, 2, 4].map(cluster::key).to_vec();
    Committee::new(Digest([7; 32]), Epoch::new(1), members).expect("distinct keys").after(SeqNum::new(LAST))
}

/// A member of epoch 0 whose slot 1 names the next members.
fn member(me: usize) -> Alone {
    let mut alone = Alone::with(4, me, &short());
    alone.next = Some((1, Arc::new(next())));
    alone
}

/// The certificate of the state after a slot, by these members of epoch 0.
fn stable(replica: &Alone, seq: u64, signers: &[usize]) -> Message {
    let digest = replica.said(Kind::Checkpoint).iter().find(|said| said.1 == seq).expect("its own is signed").2;
    Message::StableCheckpoint(certificate_in(&committee(4), Kind::Checkpoint, 0, seq, digest, signers))
}

/// The others decide a slot, and it is executed.
fn decide(replica: &mut Alone, seq: u64, content: &Content) {
    let me = replica.replica.id().index();
    let others: Vec<usize> = (0..4).filter(|peer| *peer != me).collect();
    let certificate = certificate_in(&replica.committee, Kind::Commit, 0, seq, content.digest(), &others);
    replica.hear(others[0], Message::Decided { certificate, content: content.clone() });
    replica.execute();
}

/// Executes slots of epoch 0 up to `seq`, with stable checkpoints below it.
fn reach(replica: &mut Alone, seq: u64) {
    for at in replica.replica.executed_point().seq.get() + 1..=seq {
        decide(replica, at, &empty(1_000 + at));
        if at % 2 == 0 && at < seq {
            let stable = stable(replica, at, &[0, 1, 2]);
            replica.hear(0, stable);
        }
    }
}

/// A member that has executed the last slot and knows its certificate.
fn done(me: usize) -> Alone {
    let mut replica = member(me);
    reach(&mut replica, LAST);
    let stable = stable(&replica, LAST, &[0, 1, 2]);
    replica.hear(2, stable);
    replica
}

fn is_outside(refused: &[&Rejected], at: u64) -> bool {
    refused.iter().any(|refused| matches!(refused, Rejected::OutsideWindow { seq, .. } if seq.get() == at))
}

/// Scenario 1, first half.
#[test]
fn a_restart_before_the_end_votes_for_no_slot_above_it() {
    let mut replica = member(3);
    reach(&mut replica, 5);
    replica.restart();
    replica.propose(0, 0, 6, &empty(2_000));
    replica.propose(0, 0, 7, &empty(2_001));
    assert_eq!(replica.said(Kind::Prepare).iter().map(|said| said.1).collect::<Vec<_>>(), [6]);
    assert!(is_outside(&replica.refused(), 7), "{:?}", replica.refused());
}

/// Scenario 1, second half: the window would reach on; the state says where the epoch ends.
#[test]
fn the_checkpoint_at_the_end_names_the_next_members_and_none_before_it_does() {
    let mut replica = member(3);
    reach(&mut replica, LAST);
    let names = |members: &Committee| checkpoint_digest(&Digest::ZERO, &Digest([66; 32]), &members.digest());
    let said: Vec<(u64, Digest)> = replica.said(Kind::Checkpoint).iter().map(|said| (said.1, said.2)).collect();
    assert_eq!(said, [(2, names(&committee(4))), (4, names(&committee(4))), (6, names(&next()))]);
}

/// Scenario 2: q of the next list, with its new member, is nothing before the end.
#[test]
fn next_members_decide_nothing_before_the_end_of_the_epoch() {
    let mut replica = member(3);
    reach(&mut replica, 2);
    let content = empty(2_000);
    let of_next = certificate_in(&next(), Kind::Commit, 0, 3, content.digest(), &[0, 1, 3]);
    let posed = certificate_in(
        &Committee::new(Digest([7; 32]), Epoch::new(0), next().keys().copied().collect()).expect("distinct keys"),
        Kind::Commit,
        0,
        3,
        content.digest(),
        &[0, 1, 3],
    );
    for (certificate, error) in [(of_next, CertError::Epoch(Epoch::new(1))), (posed, CertError::Signature(id(3)))] {
        let refused = replica.verify(0, Message::Decided { certificate, content: content.clone() });
        assert_eq!(refused.expect_err("another list"), Invalid::Certificate(error));
    }
}

/// Scenario 3.
#[test]
fn the_state_at_the_end_leads_nowhere_without_the_old_members_signatures() {
    let mut replica = member(3);
    reach(&mut replica, LAST);
    assert_eq!(replica.over(), None);
    replica.restart();
    assert_eq!(replica.over(), None);
    let digest = checkpoint_digest(&Digest::ZERO, &Digest([66; 32]), &next().digest());
    let by_next = certificate_in(&next(), Kind::Checkpoint, 0, LAST, digest, &[0, 1, 2]);
    assert!(replica.verify(0, Message::StableCheckpoint(by_next)).is_err());
    replica.tick(60_000);
    assert_eq!(replica.asks_for_view(), None, "it votes for nothing new");
    let by_old = certificate_in(&committee(4), Kind::Checkpoint, 0, LAST, digest, &[0, 1, 2]);
    replica.hear(0, Message::StableCheckpoint(by_old.clone()));
    assert_eq!(replica.over(), Some(by_old));
}

/// Scenario 4.
#[test]
fn a_later_state_votes_in_no_earlier_epoch_whatever_was_promised_there() {
    let mut before = member(1);
    before.propose(0, 0, 1, &empty(1_000));
    let point = done(1).replica.executed_point().entered().expect("the last slot");
    let mut later = member(1);
    later.enter_at(Recovered { epoch: Epoch::new(1), executed: point, ..Recovered::default() }, next());
    let old = before.verify(0, Message::Commit(say(0, Kind::Commit, 0, 1, Digest([1; 32])))).expect("of epoch 0");
    later.step(Input::Message(old));
    assert!(matches!(later.refused()[..], [Rejected::OtherEpoch { .. }]));
    later.propose(0, 0, LAST, &empty(1_000));
    assert!(is_outside(&later.refused(), LAST));
    later.propose(0, 0, LAST + 1, &empty(1_000));
    let vote = (0, LAST + 1, empty(1_000).digest());
    assert_eq!(later.said(Kind::Prepare), [vote]);
    assert!(later.sent().all(
        |message| !matches!(message, Message::Prepare { statement, .. } if statement.statement.epoch != Epoch::new(1))
    ));
}

/// Scenario 5.
#[test]
fn a_laggard_is_handed_no_slot_of_an_epoch_whose_end_is_pruned() {
    let over = done(1).over().expect("over");
    let asked = |oldest: u64| {
        let mut elder = Elder::new(cluster::config(4, 1, 9, &short()), over.clone(), SeqNum::new(oldest));
        let laggard = Alone::with(4, 3, &short());
        let mut out = quorate_pbft::Effects::new();
        let question = ask(Wanted::Slots { from: SeqNum::new(2), to: SeqNum::new(9) });
        elder.take_in(Default::default(), laggard.verify(3, question).expect("a question"), &mut out);
        out.take()
    };
    assert!(asked(5).is_empty(), "the difference of states instead");
    let whole =
        Question { epoch: Epoch::new(0), wanted: Wanted::Slots { from: SeqNum::new(2), to: SeqNum::new(LAST) } };
    assert!(matches!(&asked(1)[..], [Effect::Supply { question, .. }] if *question == whole));
}

#[test]
fn the_primary_fills_the_epoch_up_to_its_last_slot_and_no_further() {
    let mut primary = member(0);
    let proposed = |primary: &Alone| {
        let contents = primary.sent().filter_map(|message| match message {
            Message::PrePrepare { statement, content, .. } => Some((statement.statement.seq.get(), content.clone())),
            _ => None,
        });
        contents.collect::<Vec<_>>()
    };
    let fills = |primary: &mut Alone| {
        (0..20).for_each(|_| primary.tick(5));
        proposed(primary).into_iter().map(|(seq, _)| seq).collect::<Vec<_>>()
    };
    assert_eq!(fills(&mut primary), [], "an idle group has no slots");
    reach(&mut primary, 1);
    assert_eq!(fills(&mut primary), [2, 3, 4], "as far as the window");
    for (seq, content) in proposed(&primary) {
        decide(&mut primary, seq, &content);
    }
    let certified = stable(&primary, 4, &[1, 2, 3]);
    primary.hear(1, certified);
    assert_eq!(fills(&mut primary), [2, 3, 4, 5, 6]);
}

#[test]
fn a_primary_that_does_not_fill_the_epoch_is_left_and_so_is_one_that_trickles() {
    let base = short().base_timeout_ms;
    for trickles in [false, true] {
        let mut backup = member(3);
        reach(&mut backup, 2);
        let certified = stable(&backup, 2, &[0, 1, 2]);
        backup.hear(1, certified);
        backup.tick(base / 2);
        assert_eq!(backup.asks_for_view(), None);
        if trickles {
            decide(&mut backup, 3, &Content { mark: true, ..empty(2_000) });
        }
        backup.tick(base / 2 + LAST * 20);
        assert_eq!(backup.asks_for_view(), Some(1), "it trickles: {trickles}");
    }
}

/// V1 c: each full window is progress towards the end, however many of them it takes.
#[test]
fn an_epoch_whose_last_windows_become_stable_slowly_blames_nobody() {
    let (window, last) = (32, 64);
    let mut backup = Alone::with(4, 3, &Constants { checkpoint_period: 2, window, ..Constants::default() });
    backup.next = Some((window, Arc::new(next().after(SeqNum::new(last)))));
    (1..=window).for_each(|seq| decide(&mut backup, seq, &empty(1_000 + seq)));
    for low in (2..=window).step_by(2) {
        backup.tick(400);
        assert_eq!(backup.asks_for_view(), None, "{low} is not stable yet");
        let certified = stable(&backup, low, &[0, 1, 2]);
        backup.hear(1, certified);
        backup.tick(30);
        (window + low - 1..=window + low).for_each(|seq| decide(&mut backup, seq, &empty(1_000 + seq)));
    }
    assert_eq!(backup.replica.executed_point().seq.get(), last);
}

/// M1: whoever is done has nothing to wait for.
#[test]
fn after_the_last_slot_there_are_no_timers_and_nobody_is_followed_into_a_view() {
    let mut replica = member(3);
    replica.step(Input::Submit(envelope("late")));
    reach(&mut replica, LAST);
    replica.demand(0, 1);
    replica.demand(1, 1);
    replica.tick(60_000);
    assert_eq!(replica.asks_for_view(), None);
    assert_eq!(replica.said(Kind::ViewChange), []);
}

#[test]
fn the_end_is_said_once_and_again_after_a_restart() {
    let mut replica = done(3);
    let over = replica.over();
    assert_eq!(over.as_ref().map(|claimed| (claimed.epoch.get(), claimed.seq.get())), Some((0, LAST)));
    replica.effects.clear();
    replica.tick(1_000);
    assert_eq!(replica.over(), None);
    replica.restart();
    assert_eq!(replica.over(), over);
}

/// M1: the checkpoint is what makes the next list more than one replica's word.
#[test]
#[should_panic(expected = "M1: nobody leaves an epoch")]
fn nobody_leaves_an_epoch_whose_last_slot_is_executed_and_not_certified() {
    let mut replica = member(3);
    reach(&mut replica, LAST);
    replica.enter(0);
}

/// L7, M1: its lane begins anew with what no slot executed; the first slot is proposed at once, with the mark.
#[test]
fn a_member_goes_over_with_its_items_and_its_lane_begins_anew() {
    let mut replica = member(0);
    replica.step(Input::Submit(envelope("void")));
    replica.step(Input::Submit(envelope("waits")));
    assert_eq!(replica.said(Kind::Bundle).len(), 1);
    reach(&mut replica, LAST);
    let stable = stable(&replica, LAST, &[1, 2, 3]);
    replica.hear(1, stable);
    replica.effects.clear();
    replica.enter(0);
    let bundles = replica.sent().filter_map(|message| match message {
        Message::Bundle(bundle) => Some((bundle.header.position.get(), bundle.items.clone())),
        _ => None,
    });
    assert_eq!(bundles.collect::<Vec<_>>(), [(1, vec![envelope("void"), envelope("waits")])]);
    let first = replica.sent().find_map(|message| match message {
        Message::PrePrepare { statement, content, .. } => Some((statement.statement, content.mark)),
        _ => None,
    });
    let (said, marked) = first.expect("the first slot at once");
    assert_eq!((said.epoch.get(), said.view.get(), said.seq.get(), marked), (1, 0, LAST + 1, true));
}

/// V3, E5: a proof goes over with the replica, and the number of its signer is another member's there.
#[test]
fn a_proof_of_the_epoch_before_leaves_no_view_of_the_next() {
    let mut replica = done(1);
    for byte in [1, 2] {
        replica.hear(2, Message::Contradiction(say(0, Kind::PrePrepare, 0, LAST, Digest([byte; 32]))));
    }
    assert_eq!(proofs_sent(&replica), 1);
    replica.enter(1);
    assert_eq!(replica.asks_for_view(), None);
    replica.restart();
    assert_eq!(replica.asks_for_view(), None);
}

/// R, L7: the mark was on a bundle that is void.
#[test]
fn a_read_whose_mark_is_void_gets_another_one() {
    let mut replica = member(1);
    replica.step(Input::Read { reader: 8, nonce: Digest([8; 32]) });
    replica.tick(50);
    assert_eq!(replica.said(Kind::Bundle).len(), 1);
    reach(&mut replica, LAST);
    let stable = stable(&replica, LAST, &[0, 1, 2]);
    replica.hear(0, stable);
    replica.effects.clear();
    replica.enter(1);
    replica.tick(50);
    let marks = replica.sent().filter(|message| {
        matches!(message, Message::Bundle(bundle) if bundle.items.iter().any(|item| item.kind == quorate_pbft::ItemKind::ReadMark))
    });
    assert_eq!(marks.count(), 1);
}

/// E7, M3.
#[test]
fn entering_asks_nobody_what_it_signed_unless_the_replica_before_it_did_not_know() {
    let mut known = done(1);
    known.enter(1);
    assert!(!known.replica.is_recovering());
    let mut unknown = Alone::starting(4, 1, &short());
    unknown.next = Some((1, Arc::new(next())));
    reach_unsigned(&mut unknown);
    unknown.enter(1);
    assert!(unknown.replica.is_recovering());
}

#[test]
fn a_restart_in_the_next_epoch_goes_on_there() {
    let mut replica = done(0);
    replica.enter(0);
    let first = replica.said(Kind::PrePrepare);
    replica.restart();
    assert_eq!(replica.replica.executed_point().epoch, Epoch::new(1));
    assert_eq!(replica.said(Kind::PrePrepare), [], "nothing is rebuilt");
    assert_eq!(replica.said(Kind::Prepare).last().map(|said| said.2), first.last().map(|said| said.2));
}

/// V4: before the epoch has a stable checkpoint its ViewChanges rest on the slot that it begins after.
#[test]
fn a_view_change_rests_on_the_end_of_the_epoch_before_or_is_no_honest_one() {
    let mut replica = done(1);
    replica.enter(1);
    replica.tick(60_000);
    let said = replica.sent().find_map(|message| match message {
        Message::ViewChange { statement, body } if statement.statement.epoch == Epoch::new(1) => Some(body.clone()),
        _ => None,
    });
    let body = said.expect("nobody proposes the first slot");
    assert_eq!(body.base(), SeqNum::new(LAST));
    let window = short().window;
    let sent = |body: ViewChange| {
        let statement = say_in(&next(), 2, Kind::ViewChange, body.view.get(), 0, body.digest(window));
        replica
            .verify(2, Message::ViewChange { statement, body: Arc::new(body) })
            .map(|verified| verified.message().clone())
    };
    assert!(matches!(sent(ViewChange::clone(&body)), Ok(Message::ViewChange { .. })));
    let nowhere = ViewChange { checkpoint: None, ..ViewChange::clone(&body) };
    assert!(matches!(sent(nowhere), Ok(Message::Evidence(_))), "no honest member rests on nothing");
    let mut higher = body.checkpoint.clone().expect("it rests on something");
    higher.seq = SeqNum::new(LAST + 2);
    let higher = ViewChange { checkpoint: Some(higher), ..ViewChange::clone(&body) };
    assert!(matches!(sent(higher), Ok(Message::Evidence(_))), "no signatures, no checkpoint");
}

/// N9: a laggard hears how far its epoch went, with the proof.
#[test]
fn an_elder_tells_a_laggard_of_the_end() {
    let mut laggard = member(3);
    let mut elder = Elder::new(cluster::config(4, 1, 9, &short()), done(1).over().expect("over"), SeqNum::new(1));
    let body = status(Vec::new(), 0);
    let statement = say(3, Kind::Status, 0, 1, body.digest());
    let mut out = quorate_pbft::Effects::new();
    let said = laggard.verify(3, Message::Status { statement, body }).expect("a status");
    elder.take_in(Default::default(), said, &mut out);
    for effect in out.take() {
        let Effect::Send { to, message } = effect else { panic!("{effect:?}") };
        assert_eq!(to, id(3));
        laggard.hear(1, Message::clone(&message));
    }
    laggard.effects.clear();
    laggard.tick(1_000);
    laggard.tick(1_000);
    let asks = |message: &&&Message| matches!(message, Message::Ask(Question { wanted: Wanted::Slots { .. }, .. }));
    assert!(laggard.sent_to(1).iter().filter(asks).count() > 0);
    assert_eq!(laggard.replica.newest_checkpoint().map(|newest| newest.seq().get()), Some(LAST));
}

/// A follower that has gone over into epoch 1.
fn entered_follower() -> Follower {
    let point = ExecutedPoint { next: Some(Arc::new(next())), ..done(3).replica.executed_point().clone() };
    let config =
        |committee: Committee| FollowerConfig { committee, constants: short(), verify: Arc::new(cluster::HashVerify) };
    let over = done(3).over();
    let recovered = Recovered { executed: point, stable: over.clone(), ..Recovered::default() };
    let mut follower = Follower::recover(config(committee(4)), recovered);
    let mut out = quorate_pbft::Effects::new();
    follower.advance(&mut out);
    assert!(out.take().iter().any(|effect| matches!(effect, Effect::EpochOver { .. })));
    Follower::enter(config(next()), follower.hand_over(), &mut out)
}

/// M1, N9: above the last slot nothing is asked for, and below it whatever is missing, for execution makes no room there.
#[test]
fn a_follower_asks_for_the_last_slots_of_an_epoch_however_few() {
    let constants = Constants::default();
    let last = constants.last_slot(SeqNum::new(1));
    let members = [0, 1, 2, 4].map(cluster::key).to_vec();
    let next = Committee::new(Digest([7; 32]), Epoch::new(1), members).expect("distinct keys").after(last);
    let fresh = member(3).replica.executed_point().clone();
    let executed = ExecutedPoint { seq: SeqNum::new(last.get() - 3), next: Some(Arc::new(next)), ..fresh };
    let config =
        FollowerConfig { committee: committee(4), constants: constants.clone(), verify: Arc::new(cluster::HashVerify) };
    let mut follower = Follower::recover(config, Recovered { executed, ..Recovered::default() });
    let body = status(Vec::new(), last.get());
    let statement = say_in(&committee(4), 1, Kind::Status, 0, 1, body.digest());
    let told = Unverified::new(id(1), Message::Status { statement, body });
    let told = told.verify(&cluster::context(&committee(4), &constants)).expect("a status that verifies");
    let mut out = quorate_pbft::Effects::new();
    follower.step(Input::Message(told), &mut out);

    let effects = out.take();
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Send { message, .. } => match &**message {
            Message::Ask(Question { wanted: Wanted::Slots { from, to }, .. }) => Some((from.get(), to.get())),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(asked, Some((last.get() - 2, last.get())));
}

/// M3: who is in no list executes on, by other members' certificates.
#[test]
fn a_follower_goes_over_and_counts_by_the_next_list() {
    let (mut follower, mut out) = (entered_follower(), quorate_pbft::Effects::new());
    let content = empty(2_000);
    let certificate = certificate_in(&next(), Kind::Commit, 0, LAST + 1, content.digest(), &[0, 1, 3]);
    let decided = Unverified::new(id(0), Message::Decided { certificate, content });
    let decided = decided.verify(&cluster::context(&next(), &short())).expect("q of the next list");
    follower.step(Input::Message(decided), &mut out);
    let executes = |effect: &Effect| matches!(effect, Effect::Execute(decided) if decided.seq.get() == LAST + 1);
    assert!(out.take().iter().any(executes));
}

/// M3: all members of the epoch before decide another slot after its end, with their old keys.
#[test]
fn a_follower_in_a_later_epoch_refuses_a_second_history_of_the_one_before_and_names_both() {
    let (mut follower, mut out) = (entered_follower(), quorate_pbft::Effects::new());
    let content = empty(2_000);
    let certificate = certificate_in(&committee(4), Kind::Commit, 0, LAST + 1, content.digest(), &[0, 1, 2, 3]);
    let decided = Unverified::new(id(0), Message::Decided { certificate, content });
    let decided = decided.verify(&cluster::context(&committee(4), &short())).expect("all of the old list");
    follower.step(Input::Message(decided), &mut out);
    let effects = out.take();
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Execute(_))));
    let is_refused = |effect: &Effect| match effect {
        Effect::Refused(refused @ Rejected::OtherEpoch { theirs, ours, .. }) => {
            (*theirs, *ours) == (Epoch::new(0), Epoch::new(1)) && refused.to_string().contains('1')
        }
        _ => false,
    };
    assert!(effects.iter().any(is_refused));
}

/// E7: it signed what its disk does not hold, and another epoch is no other key.
#[test]
fn who_only_follows_under_its_key_goes_on_following_under_it() {
    for (me, follows) in [(2, true), (3, false)] {
        let mut replica = member(me);
        replica.hear(1, Message::Contradiction(say(me, Kind::Commit, 0, 2, Digest([1; 32]))));
        assert!(replica.replica.report().following);
        reach_unsigned(&mut replica);
        replica.enter(me);
        assert_eq!(replica.replica.report().following, follows, "number 3 has another key now");
        replica.restart();
        assert_eq!(replica.replica.report().following, follows, "after a restart");
    }
}

/// E7: a copy says nothing of the promises of a key, until there is another one.
#[test]
fn a_copied_disk_follows_under_its_key_and_votes_under_the_next_one_restarted_or_not() {
    for (me, follows) in [(2, true), (3, false)] {
        let mut replica = member(me);
        replica.disk.record(&Record::Broken(Broken::Copied(SeqNum::new(0))));
        replica.restart();
        assert!(replica.replica.report().following);
        reach_unsigned(&mut replica);
        replica.enter(me);
        assert_eq!(replica.disk.recovered().broken.is_some(), follows);
        for _ in 0..2 {
            assert_eq!(replica.replica.report().following, follows, "number 3 has another key now");
            replica.restart();
        }
    }
}

/// E7: who follows without a place in the list has promised nothing, and joins with a key of its own.
#[test]
fn a_joiner_that_followed_from_a_copied_disk_is_a_whole_member_after_a_restart() {
    let point = ExecutedPoint { next: Some(Arc::new(next())), ..done(3).replica.executed_point().clone() };
    let over = done(3).over();
    let config = FollowerConfig { committee: committee(4), constants: short(), verify: Arc::new(cluster::HashVerify) };
    let broken = Some(Broken::Copied(SeqNum::new(2)));
    let recovered = Recovered { executed: point, stable: over, broken, ..Recovered::default() };
    let mut follower = Follower::recover(config, recovered);
    let mut out = quorate_pbft::Effects::new();
    follower.advance(&mut out);
    let mut joiner = done(3);
    joiner.disk.record(&Record::Broken(Broken::Copied(SeqNum::new(2))));
    joiner.enter_from(3, follower.hand_over());
    assert!(!joiner.replica.report().following);
    joiner.restart();
    assert!(!joiner.replica.report().following);
}

/// E7: a start found it out from the disk alone, and no record says so before the next epoch.
#[test]
fn a_key_used_elsewhere_that_only_a_start_showed_is_on_the_disk_of_the_next_epoch() {
    let mut replica = member(0);
    let (own, others) = (empty(1_001), empty(5_000));
    let proposal = |content: &Content| say(0, Kind::PrePrepare, 0, 1, content.digest());
    replica.disk.record(&Record::Statement(proposal(&own)));
    replica.disk.record(&Record::Accepted { pre_prepare: proposal(&others), content: others });
    replica.restart();
    assert!(replica.replica.report().following);
    assert_eq!(replica.disk.recovered().broken, None);
    reach_unsigned(&mut replica);
    replica.enter(0);
    assert!(matches!(replica.disk.recovered().broken, Some(Broken::OlderThanPromises(_))));
    replica.restart();
    assert!(replica.replica.report().following);
}

/// Executes up to the last slot, by others' checkpoints.
fn reach_unsigned(replica: &mut Alone) {
    for seq in 1..=LAST {
        decide(replica, seq, &empty(1_000 + seq));
        if seq % 2 == 0 {
            let after = if seq == LAST { next() } else { committee(4) };
            let digest = checkpoint_digest(&Digest::ZERO, &Digest([66; 32]), &after.digest());
            let others: Vec<usize> = (0..4).filter(|peer| *peer != replica.replica.id().index()).collect();
            let certificate = certificate_in(&committee(4), Kind::Checkpoint, 0, seq, digest, &others);
            replica.hear(others[0], Message::StableCheckpoint(certificate));
        }
    }
}
