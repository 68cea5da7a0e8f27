//! §4.4: another primary (V).

use super::starts::start;
use super::*;
use quorate_pbft::{Cause, Input};

pub(super) fn proofs_sent(replica: &Alone) -> usize {
    replica.sent().filter(|message| matches!(message, Message::Evidence(_))).count()
}

/// V3: a primary that is proved already lies to one replica alone. Without word of it the others go on, and that one
/// waits for a view that nobody else asks for.
#[test]
fn a_proof_that_ends_the_view_is_shown_to_who_stays_in_it_also_if_the_primary_is_proved_already() {
    let mut replica = Alone::new(4, 3);
    for byte in [1, 2] {
        replica.hear(1, Message::Contradiction(say(0, Kind::Checkpoint, 0, 1, Digest([byte; 32]))));
    }
    assert_eq!((proofs_sent(&replica), replica.asks_for_view()), (1, None));
    [1_000, 1_001, 1_002].into_iter().for_each(|millis| replica.propose(0, 0, 1, &empty(millis)));
    replica.effects.clear();
    replica.status(1, 1);
    assert_eq!((proofs_sent(&replica), replica.asks_for_view()), (1, Some(1)));
}

/// V3: who is shown that proof leaves too.
#[test]
fn a_replica_that_is_shown_the_proof_leaves_also_if_the_primary_is_proved_already() {
    let mut replica = Alone::new(4, 3);
    let pair = |kind, seq| {
        let [one, other] = [1, 2].map(|byte| say(0, kind, 0, seq, Digest([byte; 32])));
        Message::Evidence(Evidence::pair(&one, &other).expect("two digests"))
    };
    replica.hear(1, pair(Kind::Checkpoint, 1));
    assert_eq!(replica.asks_for_view(), None);
    replica.hear(1, pair(Kind::PrePrepare, 1));
    assert_eq!(replica.asks_for_view(), Some(1));
}

/// V3: the primary asked this replica alone.
#[test]
fn a_primarys_demand_for_a_later_view_is_shown_to_who_stays_in_its_view() {
    let mut backup = Alone::new(4, 1);
    backup.demand(0, 3);
    backup.effects.clear();
    backup.status(2, 1);
    let shown =
        |message: &&&Message| matches!(message, Message::ViewChange { statement, .. } if statement.signer == id(0));
    assert_eq!((backup.sent_to(2).iter().filter(shown).count(), backup.asks_for_view()), (1, Some(1)));
}

/// V1 b: the primary keeps the content, and shows the proposal to this replica alone.
#[test]
fn a_proposal_that_nobody_votes_for_ends_nobodys_patience() {
    let mut backup = Alone::new(4, 3);
    backup.prepare(0, 0, 200, Digest([7; 32]));
    for seq in 1..=30 {
        backup.tick(100);
        backup.decide(seq, &Content { mark: true, ..empty(1_000 + seq) });
        backup.execute();
    }
    assert_eq!(backup.asks_for_view(), None);
}

/// V3: evidence that the current primary equivocated asks for the next view at once.
#[test]
fn a_backup_leaves_a_primary_that_equivocated_at_once() {
    let mut backup = Alone::new(4, 1);
    backup.propose(0, 0, 1, &empty(1_000));
    backup.propose(0, 0, 1, &empty(1_001));
    assert_eq!(backup.asks_for_view(), Some(1));
}

/// V3: the others may have lost it with the frames that the stop cut off.
#[test]
fn a_backup_shows_after_a_restart_why_it_left_a_view() {
    let mut backup = Alone::new(4, 1);
    backup.propose(0, 0, 1, &empty(1_000));
    backup.propose(0, 0, 1, &empty(1_001));
    backup.restart();
    backup.effects.clear();
    backup.status(2, 1);
    assert!(backup.sent_to(2).iter().any(|message| matches!(message, Message::Evidence(_))));
}

/// V3: whoever asks for a later view never votes below it again, so a primary that asks leaves a view without one.
#[test]
fn a_primary_that_asks_for_another_view_is_left_at_once() {
    let mut backup = Alone::new(4, 1);
    backup.demand(0, 3);
    assert_eq!(backup.asks_for_view(), Some(1));
}

/// V3: its demand came before its start.
#[test]
fn a_primary_that_asked_for_a_later_view_before_its_own_is_left_as_that_starts() {
    let mut backup = Alone::new(4, 3);
    backup.demand(0, 1);
    backup.demand(1, 9);
    assert_eq!(backup.asks_for_view(), Some(1));
    backup.hear(1, start(1).1);
    assert_eq!((backup.asks_for_view(), backup.replica.report().cause), (Some(2), Some(Cause::Resigned)));
}

/// V3: whichever demand for a later view a peer holds of its primary, it leaves by it.
#[test]
fn a_primarys_demand_is_not_shown_to_who_holds_one() {
    let mut backup = Alone::new(4, 1);
    backup.demand(0, 3);
    backup.effects.clear();
    let mut body = cluster::alone::status(Vec::new(), 0);
    body.view_changes = vec![(id(0), View::new(2), Digest([5; 32]))];
    let statement = say(2, Kind::Status, 0, 1, body.digest());
    backup.hear(2, Message::Status { statement, body });
    let shown =
        |message: &&&Message| matches!(message, Message::ViewChange { statement, .. } if statement.signer == id(0));
    assert_eq!(backup.sent_to(2).iter().filter(shown).count(), 0);
}

#[test]
fn a_primary_whose_process_is_to_end_asks_for_the_next_view_and_a_backup_asks_for_nothing() {
    for (replica, asked) in [(0, Some(1)), (1, None)] {
        let mut alone = Alone::new(4, replica);
        alone.step(Input::Resign);
        assert_eq!(alone.asks_for_view(), asked, "replica {replica}");
    }
}

/// V3, pitfalls 14 and 15.
#[test]
fn f_plus_one_demands_pull_a_replica_along_and_f_do_not() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let weak = committee(n).weak();
        let mut replica = Alone::new(n, n - 1);
        (1..weak).for_each(|signer| replica.demand(signer, 4 + signer as u64));
        assert_eq!(replica.asks_for_view(), None, "{n} replicas, f demands");
        replica.demand(if weak == 1 { 0 } else { weak }, 9);
        assert_eq!(replica.asks_for_view(), Some(if weak == 1 { 9 } else { 5 }), "{n} replicas, f + 1 demands");
    }
}

/// V3, pitfall 12: the NewView timer starts at q demands.
#[test]
fn a_replica_goes_on_to_the_next_view_only_after_q_demands_and_a_timeout() {
    let mut replica = Alone::new(4, 3);
    replica.demand(0, 1);
    replica.demand(2, 1);
    assert_eq!(replica.asks_for_view(), Some(1), "three of four, itself among them");
    let mut lonely = Alone::new(7, 6);
    lonely.demand(0, 1);
    lonely.demand(2, 1);
    lonely.demand(3, 1);
    assert_eq!(lonely.asks_for_view(), Some(1), "four of seven");
    for _ in 0..100 {
        replica.tick(100);
        lonely.tick(100);
    }
    assert!(replica.asks_for_view() > Some(1), "no NewView came in time");
    assert_eq!(lonely.asks_for_view(), Some(1), "q − 1 ask for it");
}

/// V2, pitfall 13.
#[test]
fn the_timeout_doubles_up_to_its_cap() {
    let mut replica = Alone::new(4, 3);
    let mut timeouts = Vec::new();
    for view in 1..9 {
        replica.demand(0, view);
        replica.demand(2, view);
        let asked = replica.replica.view();
        for _ in 0..400 {
            if replica.replica.view() == asked {
                replica.tick(100);
            }
        }
        timeouts.push(replica.replica.inspect().timeout_ms);
    }
    let constants = Constants::default();
    let doubled = |of: u64| (2 * of).min(constants.timeout_cap_ms);
    // A view that others leave and the next, whose timer ends, are two.
    let follows = |of: u64| [of, doubled(of), doubled(doubled(of))];
    assert!(timeouts.windows(2).all(|pair| follows(pair[0]).contains(&pair[1])), "{timeouts:?}");
    assert!(timeouts[0] < timeouts[3], "{timeouts:?}");
    assert_eq!(timeouts.last(), Some(&constants.timeout_cap_ms));
}

/// V2: else one timer after the other ends before any time-out has doubled.
#[test]
fn a_replica_that_leaves_a_view_with_others_backs_off_as_they_do() {
    let mut replica = Alone::new(4, 3);
    [1, 2].iter().for_each(|signer| replica.demand(*signer, 1));
    let seen = replica.replica.inspect();
    assert_eq!((seen.changing, seen.timeout_ms), (true, 2 * Constants::default().base_timeout_ms));
}

/// V6, §4.4: nothing is accepted before the NewView.
#[test]
fn a_replica_that_changes_view_accepts_no_proposal_and_still_acknowledges_bundles() {
    let mut replica = Alone::new(4, 3);
    replica.demand(0, 1);
    replica.demand(2, 1);
    replica.effects.clear();
    replica.propose(0, 0, 1, &empty(1_000));
    replica.propose(1, 1, 1, &empty(1_000));
    assert_eq!(replica.said(Kind::Prepare), []);
    replica.hear(1, Message::Bundle(bundle(1, Tip::default(), 0, envelope("a"))));
    assert!(!replica.said(Kind::Ack).is_empty());
}

/// §4.4, N8: decisions are accepted in any mode.
#[test]
fn a_replica_that_changes_view_takes_in_decisions() {
    let mut replica = Alone::new(4, 3);
    replica.demand(0, 1);
    replica.demand(2, 1);
    replica.decide(1, &empty(1_000));
    replica.execute();
    assert_eq!(replica.replica.executed_point().seq.get(), 1);
}

/// V1 a, pitfall 35: progress of others does not hide that one lane is starved.
#[test]
fn a_starved_lane_asks_for_another_primary_although_other_slots_are_decided() {
    let mut backup = Alone::new(4, 3);
    let tip = bundle(1, Tip::default(), 0, envelope("starved")).header.tip();
    backup.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, tip.digest, &[0, 1, 2])));
    for seq in 1..=14 {
        backup.tick(100);
        backup.decide(seq, &Content { mark: true, ..empty(1_000 + seq) });
        backup.execute();
    }
    assert_eq!(backup.asks_for_view(), None, "a base time-out after the primary was told, which is at half time");
    let told = backup.sent_to(0).into_iter().any(|message| matches!(message, Message::LaneCert(_)));
    assert!(told, "the primary is told before it is blamed");
    backup.tick(110);
    assert_eq!(backup.asks_for_view(), Some(1));
}

/// V1 a: the oldest certified bundle is what waits; a trickle of cuts below it restarts nothing.
#[test]
fn a_lane_that_is_cut_more_slowly_than_it_is_certified_asks_for_another_primary() {
    let mut backup = Alone::new(4, 3);
    let mut chain = vec![bundle(1, Tip::default(), 0, envelope("first"))];
    let mut cuts = 0;
    for step in 1..=40 {
        backup.tick(50);
        let last = chain.last().expect("one at least");
        let tip = last.header.tip();
        backup.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, tip.position.get(), tip.digest, &[0, 1, 2])));
        chain.push(bundle(1, tip, last.header.lane_bytes, envelope("next")));
        if step % 18 == 0 {
            cuts += 1;
            let cut = vec![(id(1), chain[cuts - 1].header.tip())];
            backup.decide(cuts as u64, &Content { cut, mark: true, ..empty(1_000) });
        }
    }
    assert_eq!(cuts, 2, "a bundle in 900 ms is cut, and eighteen are certified");
    assert_eq!(backup.asks_for_view(), Some(1), "within two time-outs");
}

/// V1: a window full of decisions waits for execution and its checkpoint, which no primary can hurry.
#[test]
fn a_full_window_that_is_executed_slowly_blames_nobody() {
    let constants = Constants { checkpoint_period: 4, window: 8, ..Constants::default() };
    let mut backup = Alone::with(4, 3, &constants);
    let first = bundle(1, Tip::default(), 0, envelope("cut"));
    let second = bundle(1, first.header.tip(), first.header.lane_bytes, envelope("waits"));
    for waits in [&first, &second] {
        let tip = waits.header.tip();
        backup.hear(1, Message::Bundle(waits.clone()));
        backup.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, tip.position.get(), tip.digest, &[0, 1, 2])));
    }
    backup.decide(1, &Content { cut: vec![(id(1), first.header.tip())], ..empty(1_000) });
    (2..=8).for_each(|seq| backup.decide(seq, &empty(1_000 + seq)));
    (0..300).for_each(|_| backup.tick(100));
    assert_eq!(backup.asks_for_view(), None, "the second bundle waits for a slot that nobody may propose");
    backup.execute();
    (0..20).for_each(|_| backup.tick(100));
    assert_eq!(backup.asks_for_view(), None, "executed, and not stable yet");
}

/// A backup that knows a certified bundle of lane 1, the bundle's tip, and its lane's next one.
fn with_certified_bundle(constants: &Constants) -> (Alone, Tip) {
    let mut backup = Alone::with(4, 3, constants);
    let tip = bundle(1, Tip::default(), 0, envelope("waits")).header.tip();
    backup.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, tip.digest, &[0, 1, 2])));
    (backup, tip)
}

/// V1 a: each third slot reaches this replica as a decision without its content, which it fetches in 300 ms, or only after the
/// next such decision: a primary that leaves out another replica each time would restart the wait of all of them for ever.
#[test]
fn contents_that_are_always_missing_do_not_hide_a_lane_that_is_left_out() {
    for behind in [2, 4] {
        let (mut backup, _) = with_certified_bundle(&Constants::default());
        let content = |seq: u64| Content { mark: true, ..empty(1_000 + seq) };
        for seq in 1..=30 {
            backup.tick(100);
            match seq % 3 {
                0 => (0..3).for_each(|signer| backup.commit(signer, 0, seq, content(seq).digest())),
                _ => backup.decide(seq, &content(seq)),
            }
            if seq > behind && (seq - behind) % 3 == 0 {
                backup.tick(99);
                backup.decide(seq - behind, &content(seq - behind));
                backup.execute();
            }
        }
        let asks = (backup.asks_for_view(), backup.replica.report().cause);
        assert_eq!(asks, (Some(1), Some(Cause::Lane(id(1)))), "{behind} slots behind");
    }
}

/// V1 a: what was decided in time may cover the bundle, so the wait holds until its content is here.
#[test]
fn a_decided_slot_whose_content_comes_late_blames_nobody_if_it_covers_the_bundle() {
    let covers = |covers: bool| {
        let (mut backup, tip) = with_certified_bundle(&Constants::default());
        let cut = if covers { vec![(id(1), tip)] } else { Vec::new() };
        let content = Content { cut, mark: true, ..empty(1_000) };
        backup.tick(900);
        (0..3).for_each(|signer| backup.commit(signer, 0, 1, content.digest()));
        (0..80).for_each(|_| backup.tick(50));
        assert_eq!(backup.asks_for_view(), None, "the content is missing");
        backup.decide(1, &content);
        backup.tick(1);
        backup.asks_for_view()
    };
    assert_eq!((covers(true), covers(false)), (None, Some(1)));
}

/// V1: a window that is filled anew each time it opens, past a bundle that waits, is no excuse.
#[test]
fn windows_filled_past_a_certified_bundle_do_not_hide_it() {
    let constants = Constants { checkpoint_period: 4, window: 8, ..Constants::default() };
    let (mut backup, _) = with_certified_bundle(&constants);
    for first in (1..=128).step_by(8) {
        backup.tick(400);
        (first..first + 8).for_each(|seq| backup.decide(seq, &empty(1_000 + seq)));
        backup.tick(100);
        backup.execute();
        let (_, seq, digest) = backup.said(Kind::Checkpoint).last().copied().expect("one");
        let stable = certificate(Kind::Checkpoint, 0, seq, digest, &[0, 1, 2]);
        backup.hear(1, Message::StableCheckpoint(stable));
    }
    assert_eq!((backup.asks_for_view(), backup.replica.report().cause), (Some(1), Some(Cause::Lane(id(1)))));
}

/// V1: slots that nobody has proposed are no decided ones that are missing here, and each is to be there a time-out after the
/// first one above it.
#[test]
fn a_primary_that_leaves_a_gap_and_fills_it_slot_by_slot_is_left() {
    let cause = |lane: bool, descends: bool| {
        let (mut backup, tip) = with_certified_bundle(&Constants::default());
        let cut = if lane { Vec::new() } else { vec![(id(1), tip)] };
        let top = Content { cut, mark: true, ..empty(1_000) };
        backup.decide(200, &top);
        for seq in 1..=3 {
            backup.tick(950);
            if descends {
                backup.decide(200 - seq, &empty(1_000)); // a younger one is the first above the gap
            }
            backup.decide(seq, &empty(1_000 + seq));
        }
        (backup.asks_for_view(), backup.replica.report().cause)
    };
    for (lane, descends) in [(true, false), (false, false), (true, true), (false, true)] {
        assert_eq!(cause(lane, descends), (Some(1), Some(Cause::Slot(SeqNum::new(2)))), "{lane} {descends}");
    }
}

/// A replica whose own bundles are certified in `own_ms`, and whose primary proposes them after `wait_ms`.
fn under_a_primary_that_waits(own_ms: u64, wait_ms: u64) -> Alone {
    let mut backup = Alone::new(4, 3);
    for seq in 1..=66 {
        backup.effects.clear();
        backup.step(Input::Submit(envelope("own")));
        let Some((_, position, digest)) = backup.said(Kind::Bundle).last().copied() else { break };
        backup.tick(own_ms);
        (0..2).for_each(|signer| backup.hear(signer, Message::Ack(say(signer, Kind::Ack, 3, position, digest))));
        backup.tick(wait_ms);
        let tip = Tip { position: Position::new(position), digest };
        let content = Content { cut: vec![(id(3), tip)], mark: true, ..empty(backup.now) };
        backup.propose(0, 0, seq, &content);
        backup.decide(seq, &content);
        backup.execute();
    }
    backup
}

/// V7: the group's own certifications are the measure, not an earlier primary.
#[test]
fn a_primary_ten_times_slower_than_own_certifications_is_left() {
    assert_eq!(under_a_primary_that_waits(20, 200).asks_for_view(), Some(1));
    assert_eq!(under_a_primary_that_waits(20, 150).asks_for_view(), None, "seven and a half times");
    assert_eq!(under_a_primary_that_waits(2, 90).asks_for_view(), None, "nobody notices 90 ms");
    assert_eq!(under_a_primary_that_waits(100, 200).asks_for_view(), None, "the network is slow");
}

/// Own bundles, each certified in 2 ms, that the primary cuts together after `wait_ms`.
fn cut_together(backup: &mut Alone, seq: u64, bundles: u64, wait_ms: u64) {
    let mut tip = Tip::default();
    for _ in 0..bundles {
        backup.effects.clear();
        backup.step(Input::Submit(envelope("own")));
        let Some((_, position, digest)) = backup.said(Kind::Bundle).last().copied() else { return };
        backup.tick(2);
        (0..2).for_each(|signer| backup.hear(signer, Message::Ack(say(signer, Kind::Ack, 3, position, digest))));
        tip = Tip { position: Position::new(position), digest };
    }
    backup.tick(wait_ms);
    let content = Content { cut: vec![(id(3), tip)], mark: true, ..empty(backup.now) };
    backup.propose(0, 0, seq, &content);
    backup.decide(seq, &content);
    backup.execute();
}

/// V7: as after a time in which the window was full, or a stumble of the network.
#[test]
fn one_late_cut_of_many_bundles_is_no_slow_primary() {
    let mut backup = Alone::new(4, 3);
    cut_together(&mut backup, 1, 64, 800);
    cut_together(&mut backup, 2, 10, 90);
    assert_eq!(backup.asks_for_view(), None);
}

/// V7: a primary that is nine tenths of the time at rest, as long as no timer ends, and cuts much then.
#[test]
fn a_primary_that_stalls_again_and_again_is_left_however_much_it_cuts_between() {
    for bundles in [20, 40, 64] {
        let mut backup = Alone::new(4, 3);
        for round in 0..8 {
            cut_together(&mut backup, 2 * round + 1, bundles, 850);
            cut_together(&mut backup, 2 * round + 2, bundles / 8, 20);
        }
        assert_eq!(backup.replica.report().cause, Some(Cause::Slow), "{bundles} bundles a stall");
    }
}

/// V1 b: the primary shows a proposal to this replica alone, and its content only a time-out later: the others see both with
/// this replica's vote.
#[test]
fn a_slot_below_one_that_is_voted_for_waits_from_the_vote() {
    let (mut backup, content) = (Alone::new(4, 3), empty(1_000));
    backup.prepare(0, 0, 2, content.digest());
    backup.tick(5_000);
    backup.hear(0, Message::Content { content, certificates: Vec::new() });
    backup.tick(990);
    assert_eq!((backup.said(Kind::Prepare).len(), backup.asks_for_view()), (1, None));
    backup.tick(20);
    assert_eq!(backup.asks_for_view(), Some(1));
}

/// V1 a: a committed cut that covers the oldest certificate moves the timer on to the next.
#[test]
fn a_lane_that_is_cut_in_time_asks_for_nothing() {
    let mut backup = Alone::new(4, 3);
    let tip = bundle(1, Tip::default(), 0, envelope("cut")).header.tip();
    backup.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, tip.digest, &[0, 1, 2])));
    backup.tick(900);
    backup.decide(1, &Content { cut: vec![(id(1), tip)], mark: true, ..empty(1_000) });
    for _ in 0..30 {
        backup.tick(100);
    }
    assert_eq!(backup.asks_for_view(), None, "it waits for data, which blames nobody");
}

/// V1 b.
#[test]
fn a_proposed_slot_that_is_not_decided_asks_for_another_primary() {
    let mut backup = Alone::new(4, 3);
    backup.propose(0, 0, 1, &empty(1_000));
    backup.tick(990);
    assert_eq!(backup.asks_for_view(), None);
    backup.tick(20);
    assert_eq!(backup.asks_for_view(), Some(1));
}

/// V1 c: a decided slot wants a checkpoint slot above it.
#[test]
fn a_primary_that_never_marks_is_replaced() {
    let mut backup = Alone::new(4, 3);
    backup.decide(1, &empty(1_000));
    backup.execute();
    backup.tick(1_100);
    assert_eq!(backup.asks_for_view(), None);
    backup.tick(110);
    assert_eq!(backup.asks_for_view(), Some(1));
}

/// Pitfall 36: an innocent new primary has its whole time.
#[test]
fn an_idle_replica_asks_for_nothing() {
    let mut backup = Alone::new(4, 3);
    for _ in 0..100 {
        backup.tick(1_000);
    }
    assert_eq!(backup.asks_for_view(), None);
}

/// D3: the cause of a view change is told, for operators.
#[test]
fn a_view_that_was_asked_for_has_a_cause() {
    let causes = |replica: &Alone| (replica.asks_for_view(), replica.replica.report().cause);
    let mut open = Alone::new(4, 3);
    open.propose(0, 0, 1, &empty(1_000));
    open.tick(1_010);
    assert_eq!(causes(&open), (Some(1), Some(Cause::Slot(SeqNum::new(1)))));
    let mut lied_to = Alone::new(4, 1);
    [1_000, 1_001].into_iter().for_each(|millis| lied_to.propose(0, 0, 1, &empty(millis)));
    assert_eq!(causes(&lied_to), (Some(1), Some(Cause::Equivocation)));
    let mut pulled = Alone::new(4, 3);
    [0, 1].into_iter().for_each(|signer| pulled.demand(signer, 5));
    assert_eq!(causes(&pulled), (Some(5), Some(Cause::Others)));
    let slow = under_a_primary_that_waits(20, 200);
    assert_eq!(causes(&slow), (Some(1), Some(Cause::Slow)));
    assert_eq!(causes(&Alone::new(4, 3)), (None, None));
}

/// D3: a certified bundle that no cut takes is named by its lane.
#[test]
fn a_lane_that_is_left_out_is_the_cause_of_the_next_view() {
    let mut backup = Alone::new(4, 3);
    let tip = bundle(1, Tip::default(), 0, envelope("left out")).header.tip();
    backup.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, tip.digest, &[0, 1, 2])));
    (0..30).for_each(|_| backup.tick(100));
    assert_eq!((backup.asks_for_view(), backup.replica.report().cause), (Some(1), Some(Cause::Lane(id(1)))));
}

/// V2.
#[test]
fn the_timeout_is_back_at_its_base_after_a_decision_in_the_view_that_is_not_of_an_empty_slot() {
    let base = Constants::default().base_timeout_ms;
    let tip = bundle(1, Tip::default(), 0, envelope("a")).header.tip();
    let full = Content { cut: vec![(id(1), tip)], ..empty(1_000) };
    for (view, content, timeout) in [(2, full.clone(), base), (2, empty(1_000), 2 * base), (0, full, 2 * base)] {
        let mut replica = Alone::new(4, 3);
        [0, 2].into_iter().for_each(|signer| replica.demand(signer, 1));
        while replica.replica.view() == View::new(1) {
            replica.tick(100);
        }
        replica.hear(2, start(2).1);
        assert_eq!(replica.replica.inspect().timeout_ms, 2 * base);
        let certificate = certificate(Kind::Commit, view, 1, content.digest(), &[0, 1, 2]);
        replica.hear(1, Message::Decided { certificate, content });
        assert_eq!(replica.replica.inspect().timeout_ms, timeout, "view {view}");
    }
}

/// V3: with f = 0 the demand of one member is enough, and it may name any view.
#[test]
fn a_backup_asks_for_no_view_after_the_last_of_all() {
    let mut backup = Alone::new(2, 0);
    backup.demand(1, u64::MAX);
    (0..100).for_each(|_| backup.tick(10_000));
    assert_eq!(backup.asks_for_view(), Some(u64::MAX));
}

/// V3: the same for the primary of that view, whose process is to end.
#[test]
fn the_primary_of_the_last_view_of_all_hands_it_to_nobody() {
    let mut primary = Alone::new(2, 1);
    primary.demand(0, u64::MAX);
    assert_eq!((primary.asks_for_view(), primary.replica.view().get()), (None, u64::MAX), "it has started the view");
    primary.step(Input::Resign);
    assert_eq!(primary.asks_for_view(), None);
}
