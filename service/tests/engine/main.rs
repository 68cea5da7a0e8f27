//! The engine over simulated disks: rounds, commits, crashes, epochs.

mod analyses;
mod behind;
mod copied;
mod dear;
mod epochs;
mod group;
mod queues;
mod replies;
mod started;
mod supplies;
mod tolls;
mod unordered;

use group::{Group, ROUNDS_MAX, key_of};
use quorate_ledger::copy::{Survey, Walk};
use quorate_ledger::{Limits, Revision, State};
use quorate_net::Channel;
use quorate_pbft::{Broken, Constants, Digest, Message, Record, ReplicaId, SeqNum};
use quorate_service::engine::{History, Notice, Place, Request};
use quorate_storage::Db;
use quorate_storage::faulty::Loss;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

#[test]
fn four_engines_agree_on_a_change_and_its_receipt() {
    let mut group = Group::new(4);
    let envelope = group.envelope(1, "a");
    group.submit(2, &envelope);

    group.until("receipts everywhere", |group| (0..4).all(|site| group.receipt(site, &envelope.id).is_some()));

    let first = group.receipt(0, &envelope.id);
    assert_eq!(first.as_ref().map(|receipt| receipt.state), Some(State::Applied));
    assert!((0..4).all(|site| group.receipt(site, &envelope.id) == first));
    group.until("equal states", Group::roots_agree);
    let told = |notice: &Notice| matches!(notice, Notice::Verdict(receipt) if receipt.id == envelope.id);
    assert!(group.sites[2].notices.iter().any(told), "whoever gave the ticket is told");
}

#[test]
fn nothing_leaves_a_round_whose_commit_failed() {
    let mut group = Group::new(4);
    let envelope = group.envelope(1, "a");
    group.until_all_may_sign();
    group.sites[1].disk.cut_power_after(0);

    let request = Request::Submit { caller: 1, envelope, queues: false };

    assert!(group.round(1, vec![request]).is_none());
}

#[test]
fn an_engine_that_lost_its_unsynced_writes_goes_on_and_accuses_nobody() {
    let mut group = Group::new(4);
    for seq in 1..=6 {
        let envelope = group.envelope(seq, &format!("file-{seq}"));
        group.submit((seq % 4) as usize, &envelope);
        (0..3).for_each(|_| group.turn());
        let site = (seq % 4) as usize;
        group.crash(site, Loss::Some { seed: seq });
        group.start(site);
        group.submit(site, &envelope); // as its author's outbox does
        group.until("executed", |group| (0..4).any(|site| group.receipt(site, &envelope.id).is_some()));
    }

    group.until("equal states", |group| group.roots_agree() && group.executed(0).get() > 0);

    let accused = group.sites.iter().flat_map(|site| &site.notices).any(|n| matches!(n, Notice::Accused(_)));
    assert!(!accused);
}

/// docs/storage.md: the state on the disk may be that of the genesis; the journal has the rest.
#[test]
fn a_start_executes_again_what_was_confirmed_before_the_state_was_folded() {
    let mut group = Group::new(4);
    let envelopes: Vec<_> = (1..=5).map(|seq| group.envelope(seq, &format!("file-{seq}"))).collect();
    for envelope in &envelopes {
        group.submit(1, envelope);
        group.until("the receipt", |group| group.receipt(1, &envelope.id).is_some());
    }
    let executed = group.executed(1);

    group.crash(1, Loss::All);
    group.start(1);

    assert!(group.executed(1) >= executed, "{} of {executed}", group.executed(1));
    assert!(envelopes.iter().all(|envelope| group.receipt(1, &envelope.id).is_some()));
}

#[test]
fn a_restart_forgets_nobody_whose_envelope_was_bundled() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    (1..4).for_each(|site| group.crash(site, Loss::All));
    let envelope = group.envelope(1, "a");
    group.submit(0, &envelope);

    group.crash(0, Loss::All);
    group.start(0);

    let pending = group.sites[0].engine.as_ref().expect("it runs").shared_mempool();
    assert!(pending.lock().expect("one thread").place(&envelope.id).is_some());
    (1..4).for_each(|site| group.start(site));
    group.until("the receipt", |group| group.receipt(0, &envelope.id).is_some());
}

/// Else it would hold the number of the envelope that its author writes next, and the row of the queue that has it. It is
/// judged itself, or its first number is another one's.
#[test]
fn an_envelope_on_the_own_lane_that_another_lane_has_ended_waits_no_more_after_a_restart() {
    for is_overtaken in [false, true] {
        let mut group = Group::new(4);
        let voters = |group: &Group| group.sites.iter().flat_map(|site| &site.engine).all(|e| e.core().can_order());
        group.until("all hear each other", voters);
        let judged = group.envelope(1, "a");
        let bundled = if is_overtaken { group.pair(1) } else { judged.clone() };
        group.submit(0, &bundled);
        group.submit(1, &judged);
        for _ in 0..ROUNDS_MAX {
            // Nobody hears of the bundle of replica 0, which hears the others.
            group.sites[1..].iter_mut().for_each(|other| other.inbox.retain(|(from, _)| *from != key_of(0)));
            if group.receipt(0, &judged.id).is_some() {
                break;
            }
            group.turn();
        }
        let lane = group.receipt(0, &judged.id).expect("its verdict").lane;
        assert_eq!((lane, group.receipt(0, &bundled.id).is_none()), (Some(ReplicaId::new(1)), is_overtaken));
        group.crash(0, Loss::All);
        group.start(0);

        assert_eq!(group.place(0, &bundled.id), None, "overtaken: {is_overtaken}");
    }
}

/// R: level `eventual` without a quorum, of an envelope that waits for the number before it.
#[test]
fn what_waits_already_is_as_durable_as_what_comes_while_nothing_can_be_ordered() {
    let mut group = Group::left_alone();
    let envelope = group.envelope(2, "file");
    group.submit(0, &envelope);
    assert_eq!(group.place(0, &envelope.id), Some(Place::Gap { waits_for: 1 }));

    group.queue(0, &envelope);

    let told = |notice: &Notice| matches!(notice, Notice::Taken { place: Place::Queued, .. });
    assert!(group.sites[0].notices.iter().any(told));
    group.crash(0, Loss::All);
    group.start(0);
    assert_eq!(group.place(0, &envelope.id), Some(Place::Queued));
}

/// R: level `eventual` without a quorum.
#[test]
fn a_queue_survives_crashes_and_is_executed_once_and_in_order_when_the_quorum_is_back() {
    let mut group = Group::left_alone();
    let envelopes: Vec<_> = (1..=5).map(|seq| group.envelope(seq, &format!("file-{seq}"))).collect();
    envelopes.iter().for_each(|envelope| group.queue(0, envelope));
    group.crash(0, Loss::All);
    group.start(0);
    assert!(envelopes.iter().all(|envelope| group.place(0, &envelope.id) == Some(Place::Queued)));
    envelopes.iter().for_each(|envelope| group.queue(0, envelope)); // as its author's outbox does

    (1..4).for_each(|site| group.start(site));
    group.until("handed on", |group| group.place(0, &envelopes[0].id) != Some(Place::Queued));
    group.crash(0, Loss::All); // the lane may hold some of them or none
    group.start(0);
    group.until("receipts", |group| envelopes.iter().all(|envelope| group.receipt(0, &envelope.id).is_some()));
    (0..200).for_each(|_| group.turn());

    let revisions: Vec<_> =
        envelopes.iter().map(|e| group.receipt(0, &e.id).and_then(|receipt| receipt.revision)).collect();
    assert!(revisions.is_sorted(), "{revisions:?}");
    for envelope in &envelopes {
        let told = |notice: &&Notice| matches!(notice, Notice::Verdict(receipt) if receipt.id == envelope.id);
        assert_eq!(group.sites[1].notices.iter().filter(told).count(), 1);
    }
    group.crash(0, Loss::Nothing);
    let db = Db::on(&group.sites[0].disk).expect("the disk");
    assert_eq!(db.snapshot().and_then(|disk| disk.queue()).expect("the disk"), [], "rows go with the verdicts");
}

#[test]
fn who_hears_a_quorum_again_is_told_of_everything_that_was_paused() {
    let mut group = Group::left_alone();
    assert!(group.sites[0].notices.iter().any(|notice| matches!(notice, Notice::Paused)));
    let envelopes: Vec<_> = (1..=3).map(|seq| group.envelope(seq, &format!("file-{seq}"))).collect();
    envelopes.iter().for_each(|envelope| group.queue(0, envelope));
    group.sites[0].notices.clear();
    let came = group.now.wall;
    (0..100).for_each(|_| group.turn());

    (1..4).for_each(|site| group.start(site));
    group.until("receipts", |group| envelopes.iter().all(|envelope| group.receipt(0, &envelope.id).is_some()));

    let resumed = |notice: &Notice| match notice {
        Notice::Resumed { paused, since } => Some((paused.len(), *since)),
        _ => None,
    };
    let told: Vec<_> = group.sites[0].notices.iter().filter_map(resumed).collect();
    assert_eq!(told, [(3, Some(came))]);
}

#[test]
fn only_level_eventual_is_queued_and_only_while_nothing_can_be_ordered() {
    let mut group = Group::left_alone();
    let envelope = group.envelope(1, "a");
    group.submit(0, &envelope);
    assert_eq!(group.place(0, &envelope.id), Some(Place::Lane));

    (1..4).for_each(|site| group.start(site));
    group.until("receipt", |group| group.receipt(0, &envelope.id).is_some());
    let next = group.envelope(2, "b");
    group.queue(0, &next);
    assert_eq!(group.place(0, &next.id), Some(Place::Lane));
}

#[test]
fn votes_and_certificates_far_below_a_stable_checkpoint_leave_the_disk() {
    let mut group = Group::with(4, Constants { checkpoint_period: 4, window: 8, ..Constants::default() });
    for seq in 1..=30 {
        let envelope = group.envelope(seq, &format!("file-{seq}"));
        group.submit((seq % 4) as usize, &envelope);
        group.until("the receipt", |group| group.receipt(0, &envelope.id).is_some());
        (0..60).for_each(|_| group.turn()); // the state is folded once a second
    }

    let slots = group.executed(0).get();
    group.crash(0, Loss::Nothing);
    let db = Db::on(&group.sites[0].disk).expect("the disk");
    db.fold().expect("the disk");
    let stats = db.stats().expect("the disk");
    let rows = |table| stats.rows.iter().find(|(name, _)| *name == table).map(|(_, rows)| *rows);

    assert!(slots >= 30, "{slots}");
    for table in ["prepared", "accepted"] {
        assert!(rows(table).is_some_and(|rows| rows <= 20), "{table}: {rows:?} of {slots} slots", rows = rows(table));
    }
    assert!(rows("committed").is_some_and(|rows| rows >= 30), "decided slots stay: laggards need them");
}

/// A group without replica 3 that has forgotten its first slots.
fn forgetful(history_ms: u64) -> Group {
    let constants = Constants { checkpoint_period: 4, window: 8, ..Constants::default() };
    let mut group = Group::keeping(History::Time(history_ms), 4, constants);
    group.crash(3, Loss::Nothing);
    for seq in 1..=60 {
        let envelope = group.envelope(seq, &format!("file-{seq}"));
        group.submit((seq % 3) as usize, &envelope);
        group.until("the receipt", |group| group.receipt(0, &envelope.id).is_some());
        (0..60).for_each(|_| group.turn()); // the state is folded once a second
    }
    group
}

#[test]
fn an_observer_that_needs_forgotten_slots_is_told_to_copy() {
    let mut group = forgetful(1_000);
    group.observe(3);

    let why = |group: &Group| group.sites[3].engine.as_ref().map(|engine| engine.published().report.why.clone());
    group.until("the way out", |group| why(group).is_some_and(|why| why.contains("quorate copy")));

    assert_eq!(group.executed(3), SeqNum::default());
}

#[test]
fn an_observer_executes_what_the_members_decide_and_goes_on_from_its_disk() {
    let mut group = Group::new(4);
    group.crash(3, Loss::Nothing);
    let first = group.envelope(1, "a");
    group.submit(0, &first);
    group.observe(3);
    group.until("the receipt", |group| group.receipt(3, &first.id).is_some());

    group.crash(3, Loss::All);
    let second = group.envelope(2, "b");
    group.submit(1, &second);
    group.observe(3);
    group.until("both receipts", |group| [&first, &second].iter().all(|one| group.receipt(3, &one.id).is_some()));

    group.until("equal states", Group::roots_agree);
    let certified = |group: &Group| group.sites[3].engine.as_ref().and_then(|e| e.published().certified);
    group.until("a state for proofs", |group| certified(group).is_some_and(|held| held.moment.seq().get() > 0));
}

/// A status comes before the first certificate, and says how far the observer is behind; nothing else does.
#[test]
fn an_observer_to_which_one_says_that_it_has_more_knows_the_newest_slot_once_it_sees_a_certificate() {
    let mut group = Group::new(4);
    group.crash(3, Loss::Nothing);
    group.watched = Some(0);
    let is_status = |message: &Message, slots: bool| matches!(message, Message::Status { body, .. } if (body.executed > SeqNum::default()) == slots);
    for (slots, knows) in [(false, true), (true, false)] {
        if slots {
            let envelope = group.envelope(1, "a");
            group.submit(0, &envelope);
        }
        group.until("a status", |group| group.said.iter().any(|message| is_status(message, slots)));
        group.observe(3);
        let status = group.said.iter().find(|message| is_status(message, slots)).expect("just seen");
        let frame = borsh::to_vec(&**status).expect("into memory");
        let message = group.sites[3].checker.check(key_of(0), Channel::Bulk, &frame).expect("an honest one");
        group.round(3, vec![Request::Message(Box::new(message))]).expect("a round");
        let report = group.sites[3].engine.as_ref().expect("it runs").published().report;
        assert_eq!((report.knows_the_newest(), report.last_sync.is_some()), (knows, knows), "slots: {slots}");
    }
    let knows = |group: &Group| {
        let report = group.sites[3].engine.as_ref().expect("it runs").published().report;
        report.knows_the_newest() && report.last_sync.is_some()
    };
    group.until("it is in step", knows);
    assert!(group.executed(3) > SeqNum::default());
}

/// E7: the mark keeps a key from voting, and an observer has none.
#[test]
fn the_mark_of_a_copied_disk_stops_no_observer() {
    let mut group = Group::new(4);
    group.crash(3, Loss::Nothing);
    let db = Db::on(&group.sites[3].disk).expect("the disk");
    let mut batch = db.begin().expect("a batch");
    batch.record(&Record::Broken(Broken::Copied(SeqNum::default()))).expect("a record");
    batch.commit().expect("a commit");
    drop(db);
    group.observe(3);

    let envelope = group.envelope(1, "a");
    group.submit(0, &envelope);

    group.until("the receipt", |group| group.receipt(3, &envelope.id).is_some());
}

/// S1: what is served is what a status says, also after a restart; whoever needs more is told that waiting is in vain.
#[test]
fn slots_beyond_the_history_of_all_leave_their_disks_and_a_replica_that_needs_them_says_so() {
    let mut group = forgetful(1_000);
    let served = |group: &Group, site: usize| {
        let engine = group.sites[site].engine.as_ref().expect("it runs");
        engine.published().moment.snapshot.recover(engine.ledger().executed().clone()).expect("the disk").oldest.get()
    };

    let (oldest, slots) = (served(&group, 0), group.executed(0).get());
    assert!((16..=slots - 32).contains(&oldest), "{oldest} of {slots} slots");
    group.crash(0, Loss::Some { seed: 1 });
    group.start(0);
    assert!(served(&group, 0) >= oldest.saturating_sub(1), "{} was {oldest}", served(&group, 0));
    let unserved =
        |group: &Group| group.sites[3].engine.as_ref().is_some_and(|e| e.published().report.unserved.is_some());
    group.start(3);
    group.until("a report of what is gone", unserved);
    assert_eq!(group.executed(3), SeqNum::default());

    group.crash(0, Loss::Nothing);
    let db = Db::on(&group.sites[0].disk).expect("the disk");
    db.fold().expect("the disk");
    let stats = db.stats().expect("the disk");
    let rows = |table| stats.rows.iter().find(|(name, _)| *name == table).map_or(0, |(_, rows)| *rows);
    assert!(rows("committed") <= slots - oldest + 1 && rows("bundles") < 60, "{:?}", stats.rows);
}

/// Contents that no row names leave each disk, however often the power goes while they do, and no other content does.
#[test]
fn contents_that_nobody_names_leave_the_disk_and_no_others_whenever_the_power_goes() {
    let constants = Constants { checkpoint_period: 4, window: 8, ..Constants::default() };
    let limits = Limits { base_horizon_ms: 1_000, ..Limits::default() };
    let mut group = Group::limited(History::Time(1_000), 4, constants, limits);
    let texts = |seq: u64| format!("text {seq}");
    for seq in 1..=60u64 {
        let site = (seq % 3) as usize; // replica 3 is the one that crashes
        let revision = group.sites[site].engine.as_ref().map_or(Revision::GENESIS, |e| e.ledger().revision());
        let envelope = group.putting(seq, &format!("file-{}", seq % 5), &texts(seq), revision);
        group.submit(site, &envelope);
        group.until("the receipt", |group| group.receipt(site, &envelope.id).is_some());
        (0..60).for_each(|_| group.turn()); // the state is folded once a second
        if seq % 3 == 0 {
            group.sites[3].disk.cut_power_after(seq * 7 % 41);
            (0..40).for_each(|_| group.turn());
            group.crash(3, Loss::Some { seed: seq });
            group.start(3);
        }
    }
    let newest = group.executed(0);
    group.until("the one that crashed is with the others", |group| group.executed(3) >= newest);

    for site in 0..4 {
        let moment = group.sites[site].engine.as_ref().expect("it runs").published().moment;
        let view = moment.view();
        for file in 0..5 {
            let found = view.file("main", &format!("file-{file}"), None).expect("the disk").found().expect("a file");
            let text = view.content(&found.hash).expect("the disk").expect("its content");
            assert_eq!(text, texts((56..=60).find(|seq| seq % 5 == file).expect("one of five")).into_bytes());
        }
    }
    // Without room the sweep goes on to its end, though nothing is ordered any more.
    group.run_short_of_room(true);
    let contents: BTreeSet<_> = (1..=60).map(|seq| Digest(Sha256::digest(texts(seq)).into())).collect();
    (0..1_000).for_each(|_| group.turn());
    for site in 0..4 {
        let (kept, named) = group.kept_and_named(site, &contents);
        assert_eq!(kept, named, "of replica {site}");
        assert!(kept.len() < 45, "{} contents of 60 on the disk of replica {site}", kept.len());
    }
}

/// A group whose replicas take no changes for want of room orders nothing: its history grows old all the same, and goes.
#[test]
fn a_group_without_room_forgets_and_folds_while_nothing_is_ordered() {
    let mut group = forgetful(12_000);
    let served = |group: &Group, site: usize| {
        let engine = group.sites[site].engine.as_ref().expect("it runs");
        engine.published().moment.snapshot.recover(engine.ledger().executed().clone()).expect("the disk").oldest.get()
    };
    let live = |group: &Group| {
        let engine = group.sites[0].engine.as_ref().expect("it runs");
        engine.published().moment.snapshot.live_bytes().expect("the disk")
    };
    (0..600).for_each(|_| group.turn());
    let (executed, oldest, bytes) = (group.executed(0), served(&group, 0), live(&group));
    (0..600).for_each(|_| group.turn());
    assert_eq!((served(&group, 0), live(&group)), (oldest, bytes), "with room, ledger time says what is old");

    group.run_short_of_room(true);
    group.until("all that may be forgotten is", |group| served(group, 0) > oldest);
    group.until("its pages hold nothing", |group| live(group) < bytes);
    (0..600).for_each(|_| group.turn());

    assert_eq!(group.executed(0), executed, "nothing was ordered for it");
    assert!(served(&group, 0) + 32 >= executed.get(), "{} of {executed}", served(&group, 0));
    group.run_short_of_room(false);
    let envelope = group.envelope(61, "file-61");
    group.submit(0, &envelope);
    group.until("the receipt", |group| group.receipt(0, &envelope.id).is_some());
    group.crash(0, Loss::All);
    group.start(0);
    group.until("it goes on from its disk", |group| group.executed(0) > executed);
}

#[test]
fn a_state_at_a_certified_checkpoint_is_at_hand_for_proofs() {
    let mut group = Group::new(4);
    let envelope = group.envelope(1, "a");
    group.submit(0, &envelope);

    let certified = |group: &Group| {
        let held = group.sites[3].engine.as_ref()?.published().certified?;
        (held.moment.seq().get() > 0).then_some(held)
    };
    group.until("a certified state", |group| certified(group).is_some());

    let held = certified(&group).expect("just seen");
    let proof = held.moment.view().prove_file(&held.certificate, "main", "a", None).expect("a proof");
    assert!(quorate_ledger::proof::Proof::File(Box::new(proof)).verify(&group.genesis).is_ok());
}

/// Votes for more checkpoints than states are held come late, and then nothing is ordered any more.
#[test]
fn the_last_checkpoint_of_a_group_that_rests_is_at_hand_for_proofs_however_late_its_certificate_comes() {
    let mut group = Group::with(4, Constants { checkpoint_period: 1, window: 8, ..Constants::default() });
    let is_of_checkpoint =
        |frame: &[u8]| matches!(borsh::from_slice(frame), Ok(Message::Checkpoint(_) | Message::StableCheckpoint(_)));
    group.until_all_may_sign();
    for seq in 1..=4 {
        let envelope = group.envelope(seq, &format!("file-{seq}"));
        group.submit(0, &envelope);
        while group.receipt(0, &envelope.id).is_none() || !group.roots_agree() {
            group.turn();
            group.sites.iter_mut().for_each(|site| site.inbox.retain(|(_, frame)| !is_of_checkpoint(frame)));
        }
    }

    let certified = |group: &Group, site: usize| {
        let held = group.sites[site].engine.as_ref()?.published().certified?;
        Some(held.moment.seq())
    };
    group.until("its state with its certificate", |group| {
        (0..4).all(|site| certified(group, site) == Some(group.executed(site)))
    });
}

#[test]
fn a_replica_that_lags_says_how_far_it_is_behind_and_then_nothing() {
    let mut group = Group::new(4);
    group.crash(3, Loss::Nothing);
    for seq in 1..=5 {
        let envelope = group.envelope(seq, &format!("file-{seq}"));
        group.submit(0, &envelope);
        group.until("it is ordered", |group| group.receipt(0, &envelope.id).is_some());
    }
    group.start(3);

    let behind = |group: &Group| group.sites[3].engine.as_ref().map_or(0, |engine| engine.published().report.behind);
    for _ in 0..ROUNDS_MAX {
        group.sites[3].inbox.retain(|(_, frame)| is_status(frame));
        group.turn();
        if behind(&group) > 0 {
            break;
        }
    }
    assert!(behind(&group) >= 5, "{} slots", behind(&group));
    group.until("it caught up and says so", |group| group.roots_agree() && behind(group) == 0);
}

fn is_status(frame: &[u8]) -> bool {
    matches!(borsh::from_slice(frame), Ok(quorate_pbft::Message::Status { .. }))
}

/// File of the tables.
const TABLES: &str = "quorate.redb";

/// Files of a state that is folded.
const FILES: u64 = 20;

/// A content that fills blocks of its own.
fn marker(number: u64) -> String {
    format!("content {number} of its own ").repeat(1_000)
}

/// Four replicas, the first of which has folded the first file, and what came with it.
fn folded() -> Group {
    let mut group = Group::new(4);
    for number in 1..=FILES {
        let envelope = group.putting(number, &format!("file-{number}"), &marker(number), Revision::GENESIS);
        group.submit(1, &envelope);
        group.until("a receipt", |group| group.receipt(0, &envelope.id).is_some());
    }
    let text = marker(1).into_bytes();
    let is_folded =
        |group: &Group| group.sites[0].disk.image(TABLES).windows(4_096).any(|found| found == &text[..4_096]);
    group.until("the state is folded", is_folded);
    group
}

#[test]
fn a_read_of_a_survey_that_the_disk_fails_is_damage_wherever_it_comes() {
    let mut group = folded();
    for read in 0.. {
        group.crash(0, Loss::Nothing);
        group.start(0);
        let (disk, moment) =
            (&group.sites[0].disk, group.sites[0].engine.as_ref().expect("it runs").published().moment);
        disk.lose_read_after(read);
        let (before, mut found, mut walk) = (disk.reads(), Vec::new(), Walk::default());
        let walked =
            Survey::of(&moment.ledger).go_on(&moment.snapshot, &mut walk, u64::MAX, &mut |damage| found.push(damage));
        if disk.reads() - before <= read {
            disk.lose_read_after(u64::from(u32::MAX)); // far away
            assert!(read > 3, "a walk of {read} reads");
            assert_eq!((walked, found), (Ok(true), vec![]));
            return;
        }
        assert!(walked.is_err() || !found.is_empty(), "read {read}");
    }
}
