//! State beyond the horizon: execution cannot meet it, whatever a replica still keeps of it.

mod support;

use quorate_ledger::policy::{DomainPolicy, PathRule};
use quorate_ledger::{Base, Code, Limits, Mode, Op, Principal, Read, State, Store, Table};
use support::digest;
use support::world::{Edit, World, at, remove, rename, write};

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

/// Forgets all earlier versions, which lie beyond the horizon.
fn forget_versions(world: &mut World) -> usize {
    let old = world.versions();
    old.iter().for_each(|key| world.store.delete(Table::Past, key).unwrap());
    old.len()
}

/// Whether or not a replica has pruned the two earlier versions of `a`, of which one had the content "one".
fn naming_an_old_content_gives_one_root(mut world: World) {
    let mut pruned = world.clone();
    assert_eq!(forget_versions(&mut pruned), 2);
    let roots = [&mut world, &mut pruned].map(|world| {
        let draft = world.draft(1, world.now(), &[Edit::Mode("a".into(), Mode::File, digest(b"one"))]);
        world.slot(&[&draft]).state_root
    });
    assert_eq!(roots[0], roots[1], "two replicas of one order");
}

#[test]
fn a_content_beyond_the_horizon_is_no_content_of_the_path_whatever_was_pruned() {
    let mut world = short();
    for text in ["one", "two", "three"] {
        world.does(0, &[write("a", text)]);
    }
    time_passes(&mut world);
    assert!(world.ledger.head().times.floor().get() > 3);
    naming_an_old_content_gives_one_root(world);
}

#[test]
fn a_content_of_a_forgotten_path_is_no_content_of_it_whatever_was_pruned() {
    let mut world = short();
    world.does(0, &[write("a", "one")]);
    world.does(0, &[remove("a")]);
    time_passes(&mut world);
    naming_an_old_content_gives_one_root(world);
}

/// The same for the list of paths that ever were, in which folders of forgotten files count to the limit.
#[test]
fn paths_that_left_the_state_do_not_decide_where_a_file_goes() {
    let mut world = short();
    let (files, gone): (Vec<Edit>, Vec<Edit>) =
        (0..260).map(|n| format!("f/old-{n}")).map(|path| (write(&path, "x"), remove(&path))).unzip();
    world.does(0, &files);
    world.does(0, &gone);
    time_passes(&mut world);
    let mut pruned = world.clone();
    let forgotten = pruned.rows_of(Table::Archive, b'P');
    assert_eq!(forgotten.len(), 260);
    forgotten.iter().for_each(|key| pruned.store.delete(Table::Archive, key).unwrap());
    let served = [&mut world, &mut pruned].map(|world| {
        world.does(0, &[write("f/a", "a"), write("f/b", "b")]);
        let base = world.now();
        world.does(0, &[rename("f/a", "g/a"), rename("f/b", "g/b")]);
        world.does_on(base, 1, &[write("f/new", "new")]);
        (world.text("f/new"), world.text("g/new"), world.ledger.state_root())
    });
    assert_eq!(served[0], served[1], "two replicas of one order");
}

/// Executes a change with so many operations that share one content.
fn bulk(world: &mut World, edits: &[Edit]) {
    let mut draft = world.draft(0, world.now(), edits);
    draft.contents.truncate(1);
    assert_eq!(world.verdict(&draft).state, State::Applied);
}

#[test]
fn a_path_that_came_back_is_not_marked_for_removal() {
    let mut world = short();
    world.does(0, &[write("a", "x")]);
    world.does(0, &[remove("a")]);
    assert_eq!(world.rows_of(Table::Index, b'd').len(), 1);
    world.does(0, &[write("a", "x")]);
    assert_eq!(world.rows_of(Table::Index, b'd').len(), 0);
}

#[test]
fn a_listing_of_the_past_looks_at_a_thousand_paths_a_page() {
    let mut world = short();
    world.does(0, &[write("z", "x")]);
    let paths = (0..2_500).map(|n| format!("old/{n:04}"));
    let (files, gone): (Vec<Edit>, Vec<Edit>) = paths.map(|path| (write(&path, "x"), remove(&path))).unzip();
    bulk(&mut world, &files);
    bulk(&mut world, &gone);
    for _ in 0..3 {
        time_passes(&mut world); // only so many leave in one slot
    }
    let (mut pages, mut found, mut from) = (0, Vec::new(), None::<String>);
    loop {
        let page = world.view().ls("main", "", Some(at("3")), from.as_deref(), 10).expect("known");
        found.extend(page.items.into_iter().map(|file| file.path));
        pages += 1;
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!((pages, found), (3, vec!["z".to_owned()]));
    let then = world.view().ls("main", "old/", Some(at("2")), None, 1_000).expect("known");
    assert_eq!(then.items.len(), 1_000, "and what is forgotten can still be read where it stood");
}

/// Forgets every receipt: what execution needs of a verdict is a row that its author's numbers vouch for.
fn forget_receipts(world: &mut World) {
    for key in world.rows(Table::Receipts) {
        world.store.delete(Table::Receipts, &key).unwrap();
    }
}

#[test]
fn receipts_are_history_that_no_execution_reads() {
    let reviewed = PathRule { pattern: "reviewed/**".into(), approvals: 1, ..PathRule::default() };
    let policy = DomainPolicy { paths: vec![reviewed], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let mut world = World::new();
    world.decide("main", policy);
    let first = world.draft(3, world.now(), &[write("a", "x")]);
    let id = world.verdict(&first).id;
    let waits = world.does(3, &[write("reviewed/a", "x")]).id;
    let mut pruned = world.clone();
    forget_receipts(&mut pruned);
    let roots = [&mut world, &mut pruned].map(|world| {
        let mut twice = first.clone();
        twice.body.changes[0].message = "another".into();
        world.slot(&[&twice]);
        let chained = world.draft(3, Base::Envelope(id), &[write("a", "y")]);
        assert_eq!(world.verdict(&chained).state, State::Applied);
        let approve = world.does(1, &[Edit::Other(Op::Attest { envelope: waits, approve: true })]);
        assert_eq!((approve.state, world.text("reviewed/a").as_deref()), (State::Applied, Some("x")));
        world.ledger.state_root()
    });
    assert_eq!(roots[0], roots[1], "two replicas of one order");
}

#[test]
fn a_change_that_waited_and_was_refused_is_no_base_for_the_next() {
    let reviewed = PathRule { pattern: "reviewed/**".into(), approvals: 3, ..PathRule::default() };
    let policy = DomainPolicy { paths: vec![reviewed], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let mut world = World::new();
    world.decide("main", policy);
    let waits = world.does(3, &[write("reviewed/a", "x")]);
    let on_it = world.does_on(Base::Envelope(waits.id), 3, &[write("b", "1")]);
    assert_eq!((waits.state, on_it.state), (State::Pending, State::Applied));
    world.does(1, &[Edit::Other(Op::Attest { envelope: waits.id, approve: false })]);
    let after = world.does_on(Base::Envelope(waits.id), 3, &[write("b", "2")]);
    assert_eq!(after.code, Some(Code::BaseRefused));
}

/// Entries of the state whose names begin with this byte.
fn entries_of(world: &World, kind: u8) -> usize {
    let mut found = 0;
    let scanned = world.store.scan(Table::Entries, &[], &[0xff; 37], &mut |_, row| {
        found += usize::from(row[36] == kind);
        core::ops::ControlFlow::Continue(())
    });
    scanned.expect("memory does not fail");
    found
}

#[test]
fn settled_conflicts_and_ended_proposals_leave_the_state_and_can_still_be_read() {
    let mut world = short();
    let everyone = vec![Principal::Everyone];
    world.decide("main", DomainPolicy::new(everyone, vec![]));
    world.does(0, &[write("a", "one")]);
    let base = world.now();
    world.does(0, &[write("a", "two")]);
    let id = world.does_on(base, 1, &[write("a", "three")]).conflicts[0];
    let open = world.does_on(base, 2, &[write("a", "four")]).state;
    assert_eq!((open, entries_of(&world, b'c'), entries_of(&world, b'p')), (State::Conflict, 1, 1));
    time_passes(&mut world);
    assert_eq!((entries_of(&world, b'c'), entries_of(&world, b'p')), (1, 0), "the conflict is open");
    world.does(0, &[write("a", "five")]);
    time_passes(&mut world);
    assert_eq!(entries_of(&world, b'c'), 0);
    let conflict = world.view().conflict(&id).expect("memory").expect("it is in the archive");
    assert!(conflict.record.settled.is_some() && conflict.sides.len() == 3);
    let listed = world.view().conflicts(None, Some(false), None, 10).expect("a page").items;
    let proposals = world.view().proposals(None, false, None, 10).expect("a page").items;
    assert_eq!((listed.len(), proposals.len()), (1, 1));
}

#[test]
fn each_version_that_is_kept_costs_some_of_the_horizon() {
    let mut world = World::with(Limits { base_horizon_bytes: 64 << 10, ..Limits::default() });
    let old = world.does(0, &[write("a", "")]).revision.expect("a verdict");
    for n in 0..200 {
        world.does(0, &[write("a", &n.to_string())]);
    }
    let late = world.does_on(Base::Revision(old), 1, &[write("b", "x")]);
    assert_eq!(late.code, Some(Code::BaseTooOld), "200 versions of 512 bytes are more than 64 KiB");
}
