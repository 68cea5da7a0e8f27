//! Demands for views, starts of views, and why a replica takes no part: rows of their own (V3, V4, E4, E7).

mod world;

use quorate_pbft::{
    Broken, Digest, Evidence, Kind, Message, NewView, Question, Record, Recovered, SeqNum, Signed, View, ViewChange,
    Wanted,
};
use quorate_storage::{Db, SupplyLimits};
use std::sync::Arc;
use world::{EPOCH, cert, db, digest, executed, mark_slot, said, store};

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
