//! Demands for views, starts of views, and why a replica takes no part: rows of their own (V3, V4, E4, E7).

mod world;

use quorate_pbft::{
    Broken, Digest, Evidence, Kind, Message, NewView, Question, Record, Recovered, SeqNum, Signed, View, ViewChange,
    VotedEntry, Wanted,
};
use quorate_storage::{Db, SupplyLimits};
use std::sync::Arc;
use world::{EPOCH, cert, content, db, digest, executed, mark_slot, own, said, store};

fn recover(db: &Db) -> Recovered {
    db.snapshot().unwrap().recover(executed(0, &[])).unwrap()
}

fn demand(view: u64) -> (Signed, Arc<ViewChange>) {
    let body = ViewChange { view: View::new(view), checkpoint: None, prepared: Vec::new(), voted: Vec::new() };
    (said(0, Kind::ViewChange, view, 0, body.digest(256)), Arc::new(body))
}

/// A start of a view; starts of one view differ by what they carry.
fn start(view: u64, carried: &str) -> (Signed, Arc<NewView>) {
    let pre_prepares = vec![said(1, Kind::PrePrepare, view, 1, digest(carried))];
    let body = NewView { view: View::new(view), view_changes: vec![demand(view)], pre_prepares };
    (said(1, Kind::NewView, view, 0, body.digest(256)), Arc::new(body))
}

fn demanded((statement, body): (Signed, Arc<ViewChange>)) -> Record {
    Record::ViewChange { statement, body }
}

fn entered((statement, body): (Signed, Arc<NewView>)) -> Record {
    Record::NewView { statement, body }
}

fn named((statement, body): (Signed, Arc<NewView>)) -> Record {
    Record::NamedNewView { statement, body }
}

/// V3: views only go up, and the newest demand says all.
#[test]
fn the_newest_demand_is_the_one_that_comes_back() {
    let db = db();
    (1..=3).for_each(|view| store(&db, &[demanded(demand(view))]));

    assert_eq!(recover(&db).view_change, Some(demand(3)));
}

/// V4: entries of later demands name the start of their view.
#[test]
fn the_start_of_every_view_comes_back_in_order() {
    let db = db();
    [3, 1, 2].into_iter().for_each(|view| store(&db, &[entered(start(view, "a"))]));

    assert_eq!(recover(&db).new_views, [1, 2, 3].map(|view| start(view, "a")));
    assert_eq!(recover(&db).named_new_views, []);
}

/// E4: two starts of one view are the fault of its primary; who holds both can show both.
#[test]
fn a_start_that_was_only_named_stands_beside_the_one_that_was_entered() {
    let db = db();
    store(&db, &[entered(start(2, "a")), named(start(2, "b")), named(start(1, "c")), entered(start(3, "d"))]);

    assert_eq!(recover(&db).new_views, [start(2, "a"), start(3, "d")]);
    assert_eq!(recover(&db).named_new_views, [start(1, "c"), start(2, "b")]);
}

#[test]
fn starts_are_handed_out_by_view_and_digest_whether_entered_or_named() {
    let db = db();
    store(&db, &[entered(start(2, "a")), named(start(2, "b"))]);
    let ask = |digest: Digest| {
        let wanted = Wanted::NewView { view: View::new(2), digest };
        db.snapshot().unwrap().supply(&Question { epoch: EPOCH, wanted }, SupplyLimits::default()).unwrap()
    };

    for (statement, body) in [start(2, "a"), start(2, "b")] {
        assert_eq!(ask(statement.statement.digest), [Message::NewView { statement, body }]);
    }
    assert_eq!(ask(digest("neither")), []);
}

fn older() -> Broken {
    Broken::OlderThanPromises(said(0, Kind::Prepare, 0, 7, digest("lost")))
}

#[test]
fn why_a_replica_takes_no_part_comes_back_and_the_newest_reason_stays() {
    let db = db();
    assert_eq!(recover(&db).broken, None);
    store(&db, &[Record::Broken(older())]);
    assert_eq!(recover(&db).broken, Some(older()));
    let diverged = Broken::Diverged { seq: SeqNum::new(8), ours: digest("ours"), certified: digest("theirs") };
    store(&db, &[Record::Broken(diverged.clone())]);

    assert_eq!(recover(&db).broken, Some(diverged));
}

/// E7: the own key in use elsewhere is evidence against oneself; when it is recorded, the proof goes, the mark stays.
#[test]
fn recorded_evidence_does_not_make_a_follower_a_member_again() {
    let db = db();
    let two = ["one", "other"].map(|name| said(0, Kind::Prepare, 0, 7, digest(name)));
    let evidence = Evidence::pair(&two[0], &two[1]).unwrap();
    store(&db, &[Record::Broken(older()), Record::Evidence(evidence.clone())]);
    let mut batch = db.begin().unwrap();
    batch.recorded(&evidence.key()).unwrap();
    batch.commit().unwrap();

    let found = recover(&db);

    assert_eq!(found.evidence, []);
    assert_eq!(found.broken, Some(older()));
}

/// E4: what a disk tells of who lied.
#[test]
fn remains_hold_every_signed_thing_and_of_decided_slots_those_that_are_wanted() {
    let db = db();
    (1..=3).for_each(|seq| store(&db, &mark_slot(seq, 2, seq)));
    let other = cert(Kind::Commit, 0, 1, digest("other"));
    store(
        &db,
        &[Record::Conflicting(other.clone()), demanded(demand(1)), entered(start(1, "a")), named(start(1, "b"))],
    );

    let snapshot = db.snapshot().unwrap();
    let remains = snapshot.remains(|seq| seq.get() == 2).unwrap();

    assert!(remains.certificates.contains(other.claim()));
    let own = |kind| remains.statements.iter().filter(|said| said.statement.kind == kind).count();
    assert_eq!((own(Kind::Commit), own(Kind::Bundle) > 0 || own(Kind::Ack) > 0), (3, true));
    let decided = remains.certificates.iter().filter(|cert| cert.kind == Kind::Commit);
    assert_eq!(
        decided.map(|cert| cert.seq.get()).collect::<Vec<_>>(),
        [1, 2],
        "the one that contradicts is wanted always"
    );
    assert_eq!(remains.certificates.iter().filter(|cert| cert.kind == Kind::Prepare).count(), 3);
    assert_eq!((remains.view_changes, remains.new_views.len()), (vec![demand(1)], 2));
    let decisions = snapshot.decisions().unwrap();
    assert_eq!(decisions.iter().map(|(seq, _)| seq.get()).collect::<Vec<_>>(), [1, 2, 3]);
}

const PERIOD: u64 = 8;

/// As at a stable checkpoint that covers the slots up to `covered`.
fn prune(db: &Db, covered: u64) {
    let mut batch = db.begin().unwrap();
    while batch.prune(SeqNum::new(covered + 2 * PERIOD), PERIOD).unwrap() {}
    batch.commit().unwrap();
}

fn decided(seq: u64, view: u64) -> Record {
    let content = content(&[], seq);
    Record::Committed { certificate: cert(Kind::Commit, view, seq, content.digest()), content }
}

fn accepted(seq: u64, view: u64) -> Record {
    let content = content(&[], seq);
    Record::Accepted { pre_prepare: said(1, Kind::PrePrepare, view, seq, content.digest()), content }
}

/// Four views, each asked for and entered; slots up to 8 are decided in the third.
fn four_views(starts: [(Signed, Arc<NewView>); 4]) -> Db {
    let db = db();
    for (start, view) in starts.into_iter().zip(1..) {
        let asked = own(Kind::ViewChange, view, 0, digest("asked"));
        store(&db, &[asked, entered(start), Record::View { epoch: EPOCH, view: View::new(view), changing: false }]);
    }
    (1..=8).for_each(|seq| store(&db, &[decided(seq, 3)]));
    db
}

fn four_alike() -> [(Signed, Arc<NewView>); 4] {
    [1, 2, 3, 4].map(|view| start(view, "a"))
}

fn views_left(db: &Db) -> Vec<u64> {
    recover(db).new_views.iter().map(|(_, body)| body.view.get()).collect()
}

fn statements(db: &Db) -> u64 {
    db.fold().unwrap();
    db.stats().unwrap().rows.into_iter().find(|(name, _)| *name == "statements").unwrap().1
}

/// E1.
#[test]
fn starts_and_own_words_about_views_go_when_a_later_view_has_decided_what_is_covered() {
    let db = four_views(four_alike());
    prune(&db, 7);
    prune(&db, 8);

    assert_eq!((views_left(&db), statements(&db)), (vec![3, 4], 2));
}

/// E1: the newest word of each kind stays, whatever is covered; so does the start of the view that a replica is in.
#[test]
fn a_replica_that_is_views_behind_keeps_the_start_of_its_own() {
    let db = four_views(four_alike());
    (9..=40).for_each(|seq| store(&db, &[decided(seq, 9)]));
    prune(&db, 40);

    assert_eq!((views_left(&db), statements(&db)), (vec![4], 1));
}

/// V4: P and Q of the slot name it.
#[test]
fn a_start_stays_while_a_content_of_its_view_is_kept() {
    let db = four_views(four_alike());
    store(&db, &[accepted(9, 2)]);
    prune(&db, 8);
    assert_eq!(views_left(&db), [2, 3, 4]);
    (9..=16).for_each(|seq| store(&db, &[decided(seq, 3)]));
    prune(&db, 16);

    assert_eq!(views_left(&db), [3, 4]);
}

/// E4: a start that carries something else than what was decided is the evidence.
#[test]
fn a_start_stays_while_it_carries_a_slot_that_is_not_covered() {
    let mut starts = four_alike();
    Arc::make_mut(&mut starts[0].1).pre_prepares = vec![said(1, Kind::PrePrepare, 1, 9, digest("a"))];
    let db = four_views(starts);
    prune(&db, 8);

    assert_eq!(views_left(&db), [1, 3, 4]);
}

/// V4: whoever sends a start serves those that its ViewChanges name.
#[test]
fn a_start_stays_while_one_that_stays_rests_on_it() {
    let mut starts = four_alike();
    let named = starts[0].0.statement.digest;
    let pre_prepare = said(1, Kind::PrePrepare, 1, 9, digest("a"));
    let voted = vec![VotedEntry { pre_prepare, new_view: named }];
    let demand = ViewChange { voted, ..ViewChange::clone(&demand(4).1) };
    Arc::make_mut(&mut starts[3].1).view_changes[0].1 = Arc::new(demand);
    let db = four_views(starts);
    prune(&db, 8);

    assert_eq!(views_left(&db), [1, 3, 4]);
}
