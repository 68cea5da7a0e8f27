//! E1 at the last door: what was said once is never said otherwise.

mod world;

use quorate_pbft::{Bundle, Epoch, Evidence, Kind, Record, View};
use quorate_storage::RecordError;
use std::sync::Arc;
use world::{EPOCH, cert, content, db, digest, executed, mark_bundle, own, said, store, try_store};

#[test]
fn a_second_statement_for_a_key_is_refused_with_both() {
    let db = db();
    store(&db, &[own(Kind::Ack, 2, 5, digest("a"))]);

    let refused = try_store(&db, &[own(Kind::Ack, 2, 5, digest("b"))]);

    let (stored, new) = (said(0, Kind::Ack, 2, 5, digest("a")), said(0, Kind::Ack, 2, 5, digest("b")));
    assert_eq!(refused, Err(RecordError::Contradiction { stored: stored.into(), new: new.into() }));
}

#[test]
fn a_second_statement_for_a_key_is_refused_within_one_batch_too() {
    let refused = try_store(&db(), &[own(Kind::Prepare, 0, 5, digest("a")), own(Kind::Prepare, 0, 5, digest("b"))]);

    assert!(matches!(refused, Err(RecordError::Contradiction { .. })));
}

/// E2: PrePrepare, Prepare and Commit of one place have one digest.
#[test]
fn a_commit_to_another_digest_than_the_prepare_is_refused() {
    let refused = try_store(&db(), &[own(Kind::Prepare, 0, 5, digest("a")), own(Kind::Commit, 0, 5, digest("b"))]);

    assert!(matches!(refused, Err(RecordError::Contradiction { .. })));
}

#[test]
fn the_same_statement_twice_is_one_row() {
    let db = db();
    store(&db, &[own(Kind::Prepare, 0, 5, digest("a")), own(Kind::Commit, 0, 5, digest("a"))]);
    store(&db, &[own(Kind::Prepare, 0, 5, digest("a"))]);

    assert_eq!(db.snapshot().unwrap().recover(executed(0, &[])).unwrap().statements.len(), 2);
}

#[test]
fn other_views_kinds_and_slots_are_other_keys() {
    let kinds = [own(Kind::Prepare, 0, 5, digest("a")), own(Kind::Prepare, 1, 5, digest("b"))];
    let slots = [own(Kind::Prepare, 0, 6, digest("c")), own(Kind::Checkpoint, 0, 5, digest("d"))];
    let db = db();
    store(&db, &kinds);
    store(&db, &slots);

    assert_eq!(db.snapshot().unwrap().recover(executed(0, &[])).unwrap().statements.len(), 4);
}

#[test]
fn a_refused_record_leaves_nothing_of_its_batch() {
    let db = db();
    store(&db, &[own(Kind::Prepare, 0, 5, digest("a"))]);
    let _ = try_store(&db, &[own(Kind::Prepare, 0, 6, digest("x")), own(Kind::Prepare, 0, 5, digest("b"))]);

    let found = db.snapshot().unwrap().recover(executed(0, &[])).unwrap();

    assert_eq!(found.statements, [said(0, Kind::Prepare, 0, 5, digest("a"))]);
}

#[test]
fn a_status_is_never_stored() {
    let refused = try_store(&db(), &[own(Kind::Status, 0, 5, digest("a"))]);

    assert!(matches!(refused, Err(RecordError::Malformed(_))));
}

/// Pitfall 9: the highest view entered or asked for comes back, whichever came last.
#[test]
fn views_only_go_up() {
    let db = db();
    let view = |view, changing| Record::View { epoch: EPOCH, view: View::new(view), changing };
    store(&db, &[view(2, true)]);
    store(&db, &[view(2, false)]);
    store(&db, &[view(3, true)]);

    assert!(matches!(try_store(&db, &[view(2, false)]), Err(RecordError::ViewWentBack { .. })));
    let found = db.snapshot().unwrap().recover(executed(0, &[])).unwrap();
    assert_eq!((found.view, found.changing), (View::new(3), true));
}

#[test]
fn a_view_that_started_is_not_changing_again() {
    let db = db();
    let view = |changing| Record::View { epoch: EPOCH, view: View::new(2), changing };
    store(&db, &[view(false)]);

    assert!(matches!(try_store(&db, &[view(true)]), Err(RecordError::ViewWentBack { .. })));
}

/// N4: one commit sink, keyed by slot.
#[test]
fn a_slot_is_decided_once() {
    let db = db();
    let decide = |view, time| {
        let content = content(&[], time);
        Record::Committed { certificate: cert(Kind::Commit, view, 9, content.digest()), content }
    };
    store(&db, &[decide(0, 1)]);
    store(&db, &[decide(1, 1)]);

    assert!(matches!(try_store(&db, &[decide(1, 2)]), Err(RecordError::TwoDecisions { .. })));
}

#[test]
fn a_disk_belongs_to_one_group() {
    let db = db();
    store(&db, &[own(Kind::Prepare, 0, 1, digest("a"))]);
    let mut stranger = said(0, Kind::Prepare, 0, 2, digest("a"));
    stranger.statement.group = digest("another genesis");

    assert!(matches!(try_store(&db, &[Record::Statement(stranger)]), Err(RecordError::OtherGroup { .. })));
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let wrong_header = Bundle { statement: said(1, Kind::Bundle, 0, 1, digest("other")), ..mark_bundle(1, 1) };
    let chosen = content(&[], 1);
    let pre_prepare = said(0, Kind::PrePrepare, 0, 1, digest("other"));

    for record in [
        Record::Bundle(Arc::new(wrong_header)),
        Record::Accepted { pre_prepare, content: chosen.clone() },
        Record::Committed { certificate: cert(Kind::Commit, 0, 1, digest("other")), content: chosen },
        Record::LaneCert(cert(Kind::Commit, 0, 1, digest("a"))),
    ] {
        assert!(matches!(try_store(&db(), &[record]), Err(RecordError::Malformed(_))));
    }
}

#[test]
fn a_proof_stays_until_the_ledger_has_recorded_it() {
    let db = db();
    let said = |kind, name| said(2, kind, 0, 3, digest(name));
    let evidence = Evidence::pair(&said(Kind::Prepare, "a"), &said(Kind::Commit, "b")).unwrap();
    store(&db, &[Record::Evidence(evidence.clone())]);
    let recover = || db.snapshot().unwrap().recover(executed(0, &[])).unwrap();
    assert_eq!(recover().evidence, std::slice::from_ref(&evidence));

    let mut batch = db.begin().unwrap();
    batch.recorded(&evidence.key()).unwrap();
    batch.commit().unwrap();

    assert_eq!(recover().evidence, []);
}

#[test]
fn statements_of_two_epochs_do_not_meet() {
    let db = db();
    let mut later = said(0, Kind::Prepare, 0, 5, digest("b")).statement;
    later.epoch = Epoch::new(1);
    let later = later.sign(quorate_pbft::ReplicaId::new(0), &world::key_of(0));

    store(&db, &[own(Kind::Prepare, 0, 5, digest("a")), Record::Statement(later)]);

    assert_eq!(db.snapshot().unwrap().recover(executed(0, &[])).unwrap().statements, [later]);
    assert!(try_store(&db, &[own(Kind::Prepare, 0, 5, digest("c"))]).is_err(), "the first one is there as well");
}
