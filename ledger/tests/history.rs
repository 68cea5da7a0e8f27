//! History beyond a node's policy: what is forgotten, what stays, and what readers are told.

mod support;

use quorate_ledger::policy::{DomainPolicy, PathRule};
use quorate_ledger::{
    Act, Base, ChangesCursor, Forgotten, Limits, Numbers, Op, Principal, QueryError, Revision, State, Store as _,
    Sweep, Table, Waited,
};
use quorate_pbft::SeqNum;
use support::counting::Counting;
use support::world::{Draft, Edit, World, write};

fn short() -> World {
    World::with(Limits { base_horizon_ms: 1_000, ..Limits::default() })
}

/// Lets time pass until every earlier revision lies beyond the horizon.
fn time_passes(world: &mut World) {
    for _ in 0..4 {
        world.time += 2_000;
        world.slot(&[]);
    }
}

/// Forgets all that may go of slots before `oldest`; so many calls.
fn forget(world: &mut World, oldest: u64) -> usize {
    let mut sweep = Sweep::default();
    for calls in 1.. {
        if world.ledger.forget(&mut world.store, &mut sweep, SeqNum::new(oldest), 5).expect("memory does not fail") {
            return calls;
        }
    }
    unreachable!("a sweep ends")
}

fn next(world: &World) -> u64 {
    world.ledger.executed().seq.next().get()
}

fn slot(seq: u64) -> Revision {
    Revision::slot(SeqNum::new(seq))
}

#[test]
fn rows_of_history_do_not_grow_with_the_slots() {
    let mut world = short();
    let mut counts = Vec::new();
    for round in 0..12 {
        for text in ["one", "two", "three", "four"] {
            world.does(0, &[write("a", &format!("{text} {round}"))]);
        }
        time_passes(&mut world);
        let oldest = next(&world) - 3;
        forget(&mut world, oldest);
        let tables = [Table::Receipts, Table::Archive, Table::Past, Table::Range, Table::Index];
        counts.push(tables.map(|table| world.rows(table).len()));
    }
    let (early, late) = (counts[3], counts[11]);
    for (early, late) in early.into_iter().zip(late) {
        assert!(late <= early + 8, "{counts:?}"); // paths to older leaves: one node for each doubling
    }
}

#[test]
fn kept_receipts_and_versions_are_as_they_were() {
    let mut world = short();
    for text in ["one", "two", "three"] {
        world.does(0, &[write("a", text)]);
    }
    time_passes(&mut world);
    let before = next(&world);
    let kept = [world.does(0, &[write("a", "four")]), world.does(1, &[write("b", "x")])];
    let whole = world.clone();

    forget(&mut world, before);

    for receipt in &kept {
        let found = world.ledger.receipt(&world.store, &receipt.id).expect("memory");
        assert_eq!(found.as_ref(), Some(receipt));
    }
    for at in before..next(&world) {
        let files = [&world, &whole].map(|world| world.view().ls("main", "", Some(slot(at)), None, 10).expect("kept"));
        assert_eq!(files[0].items, files[1].items, "slot {at}");
    }
    let logs = [&world, &whole].map(|world| world.view().log("main", None, None, 2).expect("kept"));
    assert_eq!(logs[0].items, logs[1].items);
}

#[test]
fn a_revision_from_before_the_history_is_refused_with_where_it_begins() {
    let mut world = short();
    let first = world.does(0, &[write("a", "one")]);
    for text in ["two", "three"] {
        world.does(0, &[write("a", text)]);
    }
    time_passes(&mut world);
    let oldest = next(&world);
    world.does(0, &[write("a", "four")]);
    assert!(world.view().file("main", "a", Some(slot(1))).is_ok());

    forget(&mut world, oldest);

    let view = world.view();
    let is_pruned = |error: QueryError| matches!(error, QueryError::Pruned { .. });
    assert!(view.file("main", "a", Some(slot(1))).is_err_and(is_pruned));
    assert!(view.ls("main", "", Some(slot(1)), None, 10).is_err());
    assert!(view.diff("main", (slot(1), slot(oldest)), None, 10).is_err_and(is_pruned));
    assert!(view.accepted("main", Revision::GENESIS, slot(oldest)).is_err_and(is_pruned));
    assert!(view.log("main", None, first.revision, 10).is_err_and(is_pruned));
    assert!(view.changes("main", &ChangesCursor::after(slot(1)), 10).is_err_and(is_pruned));
    assert_eq!(view.log("main", Some("a"), None, 10).expect("the newest").items.len(), 1);
    assert_eq!(world.ledger.receipt(&world.store, &first.id), Ok(None));
}

/// Answer of the gate to an envelope that may not enter: what it says of its numbers.
fn numbers(world: &World, draft: &Draft) -> Numbers {
    let bytes = world.sign(draft).encode();
    let admitted = world.ledger.admit(&world.store, &bytes).expect("memory does not fail");
    admitted.expect_err("its numbers are used").numbers.expect("it was refused for them")
}

/// World whose author 0 wrote once, then three times more, and later again; the first of these drafts.
fn with_a_first_draft() -> (World, Draft) {
    let mut world = short();
    let first = world.draft(0, world.now(), &[write("a", "one")]);
    world.verdict(&first);
    for text in ["two", "three", "four"] {
        world.does(0, &[write("a", text)]);
    }
    (world, first)
}

/// Forgets what lies before a change of author 0 that is made after all else has left the horizon.
fn forget_before_a_last_change(world: &mut World) {
    time_passes(world);
    let oldest = next(world);
    world.does(0, &[write("a", "last")]);
    time_passes(world);
    forget(world, oldest);
}

#[test]
fn the_log_of_a_domain_that_began_after_the_forgotten_slots_is_whole() {
    let mut world = short();
    world.does(0, &[write("a", "one")]);
    time_passes(&mut world);
    let oldest = next(&world);
    let policy = DomainPolicy::new(vec![Principal::Everyone], vec![]);
    world.agrees("@group", Act::CreateDomain { name: "later".into(), policy });

    forget(&mut world, oldest);

    assert_eq!(world.view().log_begins("main"), Ok(Some(SeqNum::new(oldest))));
    assert_eq!(world.view().log_begins("later"), Ok(None));
}

/// World with a domain `quiet` in which nobody has written yet, older than what is forgotten.
fn with_a_quiet_domain() -> World {
    let mut world = short();
    let policy = DomainPolicy::new(vec![Principal::Everyone], vec![]);
    world.agrees("@group", Act::CreateDomain { name: "quiet".into(), policy });
    world.does(0, &[write("a", "one")]);
    world
}

fn writes_in_quiet(world: &mut World, who: u8) {
    let receipt = world.does_in("quiet", who, &[write(&format!("{who}"), "some")]);
    assert_eq!(receipt.state, State::Applied);
}

#[test]
fn the_log_of_a_domain_whose_first_change_came_after_the_forgotten_slots_is_whole() {
    let mut world = with_a_quiet_domain();
    time_passes(&mut world);
    let oldest = next(&world);

    forget(&mut world, oldest);
    assert_eq!(world.view().log_begins("quiet"), Ok(None), "it has no change");
    writes_in_quiet(&mut world, 1);

    assert_eq!(world.view().log_begins("quiet"), Ok(None));
    assert_eq!(world.view().log_begins("main"), Ok(Some(SeqNum::new(oldest))));
}

#[test]
fn the_log_of_a_domain_in_which_another_author_wrote_before_is_not() {
    let mut world = with_a_quiet_domain();
    writes_in_quiet(&mut world, 0);
    time_passes(&mut world);
    let oldest = next(&world);

    writes_in_quiet(&mut world, 1);
    forget(&mut world, oldest);

    assert_eq!(world.view().log_begins("quiet"), Ok(Some(SeqNum::new(oldest))));
}

#[test]
fn the_log_is_cut_off_whose_authors_first_numbers_are_forgotten() {
    let mut world = with_a_quiet_domain();
    (0..3).for_each(|_| writes_in_quiet(&mut world, 0));
    time_passes(&mut world);
    let oldest = next(&world);
    writes_in_quiet(&mut world, 0);
    time_passes(&mut world);

    forget(&mut world, oldest);

    assert_eq!(world.view().log_begins("quiet"), Ok(Some(SeqNum::new(oldest))));
}

#[test]
fn an_envelope_whose_verdict_is_forgotten_is_not_said_to_be_anothers() {
    let (mut world, first) = with_a_first_draft();

    forget_before_a_last_change(&mut world);

    assert_eq!(world.ledger.receipt(&world.store, &world.id(&first)), Ok(None));
    assert_eq!(numbers(&world, &first).forgotten, Some(Forgotten::Number));
}

#[test]
fn an_envelope_whose_number_is_kept_is_known_by_it_without_its_receipt() {
    let (mut world, first) = with_a_first_draft();
    world.store.delete(Table::Receipts, &world.id(&first).0.0).expect("memory does not fail");

    assert_eq!(numbers(&world, &first).forgotten, Some(Forgotten::Receipt));
}

#[test]
fn another_envelope_under_a_kept_number_is_told_from_the_one_that_used_it() {
    let (mut world, first) = with_a_first_draft();
    forget_before_a_last_change(&mut world);
    let mut last = world.draft(0, world.now(), &[write("a", "other")]);
    (last.body.from_seq, last.body.to_seq) = (5, 5);
    let mut ahead = first;
    (ahead.body.from_seq, ahead.body.to_seq) = (5, 6);
    ahead.body.changes.push(ahead.body.changes[0].clone());

    assert_eq!(numbers(&world, &last).forgotten, None, "an attempt above the one of the kept row");
    assert_eq!(numbers(&world, &ahead).forgotten, None, "it would have used number 6 too");
}

#[test]
fn an_attempt_that_had_no_verdict_is_told_where_no_row_is_missing() {
    let (world, first) = with_a_first_draft();
    let mut other = first;
    other.body.attempt = 9;

    assert_eq!(numbers(&world, &other).forgotten, None);
}

#[test]
fn a_receipt_that_cannot_be_read_stops_no_sweep() {
    let mut world = short();
    let first = world.does(0, &[write("a", "one")]);
    let second = world.does(0, &[write("a", "two")]);
    time_passes(&mut world);
    world.store.put(Table::Receipts, &first.id.0.0, b"").expect("memory does not fail");
    let oldest = next(&world);

    forget(&mut world, oldest);

    assert_eq!(world.ledger.receipt(&world.store, &second.id), Ok(None));
    assert!(world.ledger.receipt(&world.store, &first.id).is_err(), "to name it is the scrub's");
}

/// As `repair` does with a receipt that cannot be read.
#[test]
fn a_dropped_receipt_is_left_out_of_the_log_whose_page_says_so_and_no_page_ends_at_it() {
    let mut world = World::new();
    let told: Vec<_> = (0..5).map(|number| world.does(0, &[write("a", &format!("text {number}"))])).collect();
    let at = |place: usize| told[place].revision.expect("it was applied");
    world.store.delete(Table::Receipts, &told[2].id.0.0).expect("memory does not fail");
    let view = world.view();
    for path in [None, Some("a")] {
        let (mut found, mut from, mut gaps) = (Vec::new(), None, 0);
        loop {
            let page = view.log("main", path, from, 1).expect("kept");
            gaps += usize::from(page.has_gaps);
            found.extend(page.items.into_iter().map(|entry| entry.id));
            let Some(next) = page.next else { break };
            from = Some(next.parse().expect("a revision"));
        }
        assert_eq!((found, gaps), ([4, 3, 1, 0].map(|place: usize| told[place].id).to_vec(), 1), "{path:?}");
    }
    let over = view.diff("main", (at(0), at(4)), None, 10);
    assert_eq!(over, Err(QueryError::Dropped(at(2))));
    assert_eq!(view.diff("main", (at(2), at(4)), None, 10).expect("kept").items.len(), 1);
}

/// Versions and numbers stay as long as a base may lie there, however short the policy is.
#[test]
fn what_a_base_may_need_stays_until_the_horizon_has_passed_it() {
    let mut world = World::new();
    let base = world.does(0, &[write("a", "one\ntwo\nthree\n")]).revision.expect("applied");
    world.does(0, &[write("a", "ONE\ntwo\nthree\n")]);
    let chained = world.does(1, &[write("b", "x")]).id;
    let past = world.rows(Table::Past);

    let oldest = next(&world);
    forget(&mut world, oldest);

    assert_eq!(world.rows(Table::Past), past);
    assert_eq!(world.does_on(Base::Revision(base), 2, &[write("a", "one\ntwo\nTHREE\n")]).state, State::Merged);
    assert_eq!(world.does_on(Base::Envelope(chained), 1, &[write("b", "y")]).state, State::Applied);
}

#[test]
fn the_receipt_of_a_change_that_waits_stays_until_it_is_resolved() {
    let reviewed = PathRule { pattern: "reviewed/**".into(), approvals: 1, ..PathRule::default() };
    let policy = DomainPolicy { paths: vec![reviewed], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let mut world = World::new();
    world.decide("main", policy);
    let waits = world.does(3, &[write("reviewed/a", "x")]);
    assert_eq!(waits.state, State::Pending);

    let oldest = next(&world);
    forget(&mut world, oldest);
    assert_eq!(world.ledger.receipt(&world.store, &waits.id), Ok(Some(waits.clone())));
    world.does(1, &[Edit::Other(Op::Attest { envelope: waits.id, approve: true })]);
    assert_eq!(world.text("reviewed/a").as_deref(), Some("x"));

    let oldest = next(&world);
    forget(&mut world, oldest);
    assert_eq!(world.ledger.receipt(&world.store, &waits.id), Ok(None));
}

#[test]
fn a_sweep_looks_at_few_rows_at_a_time() {
    let mut world = World::new();
    (0..20).for_each(|number| drop(world.does(0, &[write(&format!("file-{number}"), "x")])));
    let tables = [Table::Receipts, Table::Archive, Table::Past, Table::Range];
    let rows: usize = tables.map(|table| world.rows(table).len()).iter().sum();

    assert!(forget(&mut world, 1) >= rows / 5, "{rows} rows");
}

#[test]
fn a_sweep_forgets_few_rows_at_a_time_also_where_each_number_takes_many_with_it() {
    const PATHS: usize = 12;
    let mut world = short();
    let mut base = None;
    for number in 0..8 {
        let writes: Vec<_> = (0..PATHS).map(|path| write(&format!("file-{path}"), &format!("{number}"))).collect();
        base = Some(match base {
            Some(parent) => world.does_on(Base::Envelope(parent), 0, &writes).id,
            None => world.does(0, &writes).id,
        });
    }
    time_passes(&mut world);
    let (oldest, mut sweep, mut rows) = (next(&world), Sweep::default(), vec![world.rows(Table::Index).len()]);
    while !world.ledger.forget(&mut world.store, &mut sweep, SeqNum::new(oldest), 5).expect("memory does not fail") {
        rows.push(world.rows(Table::Index).len());
    }
    let most = rows.windows(2).map(|rows| rows[0] - rows[1]).max();
    assert!(rows[0] - rows[rows.len() - 1] >= 6 * PATHS, "what was laid out of the chain goes: {rows:?}");
    assert!(most <= Some(4 + PATHS + 3), "four rows, and one number's: {rows:?}");
}

#[test]
fn news_of_the_newest_slot_cost_as_many_rows_after_a_long_log_as_after_a_short_one() {
    let mut world = World::new();
    let mut rows_after = |envelopes: usize| {
        (0..envelopes).for_each(|number| drop(world.does(0, &[write("a", &format!("{number} of {envelopes}"))])));
        let counting = Counting::of(&world.store);
        let (after, until) = (slot(next(&world) - 2), world.ledger.revision());
        let found = world.ledger.view(&counting).accepted("main", after, until).expect("known");
        (found.len(), counting.rows())
    };

    let (short, long) = (rows_after(5), rows_after(300));

    assert_eq!((short.0, long.0), (1, 1));
    assert!(long.1 <= short.1 + 2, "{short:?} {long:?}");
}

#[test]
fn a_wait_that_began_before_history_is_told_as_forgotten() {
    let mut world = short();
    let rule = PathRule { pattern: "reviewed/**".into(), approvals: 1, ..PathRule::default() };
    let policy = DomainPolicy { paths: vec![rule], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    world.decide("main", policy);
    let pending = world.does(0, &[write("reviewed/a", "x")]);
    time_passes(&mut world);
    let oldest = next(&world);
    world.does(1, &[Edit::Other(Op::Attest { envelope: pending.id, approve: true })]);
    assert!(matches!(world.view().waited("main", &pending.id), Ok(Waited::Until(_))));

    forget(&mut world, oldest);

    assert!(world.ledger.receipt(&world.store, &pending.id).is_ok_and(|last| last.is_some()), "its end is kept");
    assert_eq!(world.view().waited("main", &pending.id), Ok(Waited::Forgotten));
}
