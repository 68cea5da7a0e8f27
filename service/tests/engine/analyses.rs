//! Analyses on the lanes of members without a gate: which are free, and which are given back as their conflicts begin.

use crate::group::{Group, STEP_MS, author};
use crate::tolls::{liar_brings, liar_brings_all, strangers, taken_of};
use quorate_ledger::{ANALYSIS_BYTES_MAX, Analysis, Base, Change, ConflictId, Mode, Op, Revision, State};
use quorate_pbft::{Constants, Digest, Item, Time, Tip};
use quorate_service::engine::Candidate;
use quorate_storage::faulty::Loss;
use sha2::{Digest as _, Sha256};

/// Analysis of a conflict: a large file.
fn analysis(conflict: ConflictId, number: u8) -> Item {
    let file = Some((Mode::File, vec![number; ANALYSIS_BYTES_MAX]));
    Analysis { conflict, file, reason: "a merge".to_owned() }.item().expect("as large as it may be")
}

#[test]
fn a_lane_brings_sixteen_mebibytes_of_analyses_of_no_conflict() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let three = |number: u8| (0..3).map(|index| analysis(ConflictId(Digest([4 * number + index; 32])), 0)).collect();
    let mut end = <(Tip, u64)>::default();

    let taken = taken_of(&mut group, &mut end, (0..30).map(three));

    assert!((19..=23).contains(&taken), "{taken} bundles of three quarters of a mebibyte");
}

#[test]
fn a_lane_that_owes_all_it_may_brings_one_analysis_of_a_conflict_that_has_begun() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    let conflict = begun(&mut group);
    group.crash(3, Loss::All);
    let mut end = <(Tip, u64)>::default();
    let strangers: Vec<_> = (0..18).map(|number| strangers(&group, number)).collect();
    let owed = strangers.iter().filter(|envelope| liar_brings(&mut group, 3, &mut end, envelope)).count();
    assert!((15..18).contains(&owed), "it owes all it may");

    let mut takes = |item| liar_brings_all(&mut group, 3, &mut end, vec![item]);

    assert!(takes(analysis(conflict, 0)), "of a conflict that has begun");
    assert!(!takes(analysis(conflict, 1)), "of one of which it spoke before");
    assert!(!takes(analysis(ConflictId(Digest([9; 32])), 0)), "of none");
}

fn sides(group: &Group) -> [Candidate; 2] {
    [1, 2].map(|seq| group.putting(seq, "a", &format!("side {seq}"), Revision::GENESIS))
}

/// A conflict that begins now.
fn begun(group: &mut Group) -> ConflictId {
    let sides = sides(group);
    for side in &sides {
        group.submit(0, side);
        group.until("a receipt", |group| group.receipt(0, &side.id).is_some());
    }
    group.receipt(0, &sides[1].id).expect("a receipt").conflicts[0]
}

/// Ends it: somebody who has seen both sides writes the file anew.
fn settle(group: &mut Group) {
    let newest = group.receipt(0, &sides(group)[1].id).expect("a receipt").revision.expect("it was made");
    let both = group.putting(3, "a", "both", newest);
    group.submit(0, &both);
    group.until("a receipt", |group| group.receipt(0, &both.id).is_some());
    assert_eq!(group.receipt(0, &both.id).expect("a receipt").state, State::Applied);
}

/// Conflicts at so many paths, which begin in one slot: all that the first envelope wrote and the second edits, the third deletes.
fn begun_at_once(group: &mut Group, paths: usize) -> Vec<ConflictId> {
    let (mut base, mut conflicts) = (Revision::GENESIS, vec![]);
    for (seq, text) in [(1, Some("a")), (2, Some("b")), (3, None)] {
        let content = text.map(|text| Digest(Sha256::digest(text).into()));
        let ops = (0..paths).map(|number| match (format!("{number}"), content) {
            (path, Some(content)) => Op::Put { path, mode: Mode::File, content },
            (path, None) => Op::Delete { path },
        });
        let change = Change::new(Base::Revision(base), ops.collect(), "", 0);
        let contents = text.into_iter().map(|text| text.as_bytes().to_vec()).collect();
        let envelope = group.sealed(&author(), seq, vec![change], contents);
        group.submit(0, &envelope);
        group.until("a receipt", |group| group.receipt(0, &envelope.id).is_some());
        let receipt = group.receipt(0, &envelope.id).expect("a receipt");
        base = if seq == 1 { receipt.revision.expect("it was made") } else { base };
        conflicts = receipt.conflicts;
    }
    conflicts
}

/// The conflict that will begin in each group of this size, as its author knows.
fn to_begin(replicas: u16) -> ConflictId {
    let mut group = Group::new(replicas);
    group.until_all_may_sign();
    begun(&mut group)
}

/// The lane of a member without a gate is filled to a quarter of a mebibyte.
fn fill(group: &mut Group, liar: u16, end: &mut (Tip, u64)) {
    let mut junk = (0..=255).map(|number| analysis(ConflictId(Digest([number; 32])), number));
    while liar_brings_all(group, liar, end, vec![junk.next().expect("it is full before")]) {}
}

#[test]
fn an_analysis_that_was_refused_before_its_conflict_began_gives_its_lane_nothing_back() {
    let conflict = to_begin(4);
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let mut end = <(Tip, u64)>::default();
    fill(&mut group, 3, &mut end);
    assert!(!liar_brings_all(&mut group, 3, &mut end, vec![analysis(conflict, 0)]));

    assert_eq!(begun(&mut group), conflict);

    let junk = analysis(ConflictId(Digest([0xee; 32])), 0);
    assert!(!liar_brings_all(&mut group, 3, &mut end, vec![junk]), "it owes all it may");
}

#[test]
fn a_lane_whose_early_analysis_was_given_back_brings_no_other_of_that_conflict() {
    let conflict = to_begin(4);
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let mut end = <(Tip, u64)>::default();
    assert!(liar_brings_all(&mut group, 3, &mut end, vec![analysis(conflict, 0)]));
    assert_eq!(begun(&mut group), conflict);
    fill(&mut group, 3, &mut end);

    assert!(!liar_brings_all(&mut group, 3, &mut end, vec![analysis(conflict, 1)]));
}

/// Analysis of 37 bytes.
fn tiny(conflict: ConflictId) -> Item {
    Analysis { conflict, file: None, reason: String::new() }.item().expect("a small one")
}

/// Analyses of 37 bytes, of as many conflicts that never begin.
fn tiny_ones(bundle: u8) -> Vec<Item> {
    let of = |index: u16| {
        let mut id = [bundle; 32];
        id[..2].copy_from_slice(&index.to_be_bytes());
        tiny(ConflictId(Digest(id)))
    };
    (0..16_384).map(of).collect()
}

#[test]
fn analyses_of_one_lane_keep_no_other_from_what_is_given_back() {
    let conflict = to_begin(7);
    let mut group = Group::new(7);
    group.until_all_may_sign();
    [5, 6].into_iter().for_each(|site| group.crash(site, Loss::All));
    let (mut end, mut other) = <((Tip, u64), (Tip, u64))>::default();
    assert!(liar_brings_all(&mut group, 5, &mut end, vec![analysis(conflict, 0)]));
    fill(&mut group, 5, &mut end);
    (1..=5).for_each(|bundle| assert!(liar_brings_all(&mut group, 6, &mut other, tiny_ones(bundle))));

    assert_eq!(begun(&mut group), conflict);

    let junk = analysis(ConflictId(Digest([0xee; 32])), 0);
    assert!(liar_brings_all(&mut group, 5, &mut end, vec![junk]), "the first was given back");
}

#[test]
fn a_conflict_that_began_in_a_slot_which_is_executed_late_has_begun() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    let sides = sides(&group);
    group.submit(0, &sides[0]);
    group.until("a receipt", |group| group.receipt(0, &sides[0].id).is_some());
    group.submit(0, &sides[1]);
    while group.receipt(0, &sides[1].id).is_none() {
        group.now.wall = Time::new(group.now.wall.get() + 35_000);
        group.turn();
    }
    let conflict = group.receipt(0, &sides[1].id).expect("a receipt").conflicts[0];
    group.crash(3, Loss::All);
    let mut end = <(Tip, u64)>::default();
    fill(&mut group, 3, &mut end);

    assert!(liar_brings_all(&mut group, 3, &mut end, vec![analysis(conflict, 0)]));
}

#[test]
fn a_member_that_was_cut_off_for_a_minute_brings_its_analysis_for_nothing() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    let conflict = begun(&mut group);
    group.crash(3, Loss::All);
    let mut end = <(Tip, u64)>::default();
    (0..60_000 / STEP_MS).for_each(|_| group.turn());
    fill(&mut group, 3, &mut end);

    assert!(liar_brings_all(&mut group, 3, &mut end, vec![analysis(conflict, 0)]));
}

#[test]
fn a_conflict_that_began_before_a_restart_has_begun() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    let conflict = begun(&mut group);
    group.crash(3, Loss::All);
    (0..3).for_each(|site| group.crash(site, Loss::Nothing));
    (0..3).for_each(|site| group.start(site));
    group.until_all_may_sign();
    let mut end = <(Tip, u64)>::default();
    fill(&mut group, 3, &mut end);

    assert!(liar_brings_all(&mut group, 3, &mut end, vec![analysis(conflict, 0)]));
}

/// A group whose lane of member 3, of a member without a gate, owes all that it may; the end of that lane.
fn owing() -> (Group, (Tip, u64)) {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let mut end = <(Tip, u64)>::default();
    fill(&mut group, 3, &mut end);
    (group, end)
}

#[test]
fn an_analysis_that_comes_as_its_conflict_was_settled_is_free() {
    let (mut group, mut end) = owing();
    let conflict = begun(&mut group);
    settle(&mut group);

    assert!(liar_brings_all(&mut group, 3, &mut end, vec![analysis(conflict, 0)]));
}

#[test]
fn an_analysis_that_comes_more_than_ten_seconds_after_its_conflict_was_settled_is_charged() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let (conflict, mut end) = (begun(&mut group), Default::default());
    settle(&mut group);
    (0..11_000 / STEP_MS).for_each(|_| group.turn());
    fill(&mut group, 3, &mut end);

    assert!(!liar_brings_all(&mut group, 3, &mut end, vec![analysis(conflict, 0)]));
}

#[test]
fn a_conflict_that_began_before_the_state_from_which_a_replica_started_has_begun() {
    let mut group = Group::with(4, Constants { checkpoint_period: 4, window: 8, ..Constants::default() });
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let conflict = begun(&mut group);
    for seq in 3..=20 {
        (0..60).for_each(|_| group.turn()); // the state is folded once a second
        let envelope = group.envelope(seq, &format!("{seq}"));
        group.submit(0, &envelope);
        group.until("a receipt", |group| group.receipt(0, &envelope.id).is_some());
    }
    (0..3).for_each(|site| group.crash(site, Loss::Nothing));
    (0..3).for_each(|site| group.start(site));
    group.until_all_may_sign();
    let mut end = <(Tip, u64)>::default();
    fill(&mut group, 3, &mut end);

    assert!(liar_brings_all(&mut group, 3, &mut end, vec![analysis(conflict, 0)]));
}

#[test]
fn a_lane_brings_analyses_of_a_thousand_conflicts_that_began_unseen_and_pays_for_more() {
    let (mut group, mut end) = owing();
    let conflicts = begun_at_once(&mut group, 1_100);
    let (thousand, more) = conflicts.split_at(1_060);
    assert!(liar_brings_all(&mut group, 3, &mut end, thousand.iter().copied().map(tiny).collect()));

    let three = more.iter().take(3).map(|conflict| analysis(*conflict, 0)).collect();

    assert!(!liar_brings_all(&mut group, 3, &mut end, three));
}

#[test]
fn bundles_of_no_use_count_more_than_their_few_bytes() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let mut end = <(Tip, u64)>::default();
    fill(&mut group, 3, &mut end);
    let few = |kib: usize| {
        let file = Some((Mode::File, vec![7; kib << 10]));
        vec![Analysis { conflict: ConflictId(Digest::ZERO), file, reason: String::new() }.item().expect("a small one")]
    };
    [32, 4].into_iter().for_each(|kib| while liar_brings_all(&mut group, 3, &mut end, few(kib)) {});
    let until = group.now.ticks.after(10_000);

    let mut taken = 0;
    while group.now.ticks < until {
        taken += usize::from(liar_brings_all(&mut group, 3, &mut end, few(0)));
    }

    assert!((100..200).contains(&taken), "{taken} bundles of 42 bytes in ten seconds, a kibibyte more for each");
}
