//! The durable queue on a disk: no row of it ends a start.

use crate::group::Group;
use quorate_pbft::Time;
use quorate_storage::Db;
use quorate_storage::faulty::Loss;

fn database(group: &mut Group) -> Db {
    group.crash(0, Loss::Nothing);
    Db::on(&group.sites[0].disk).expect("the disk")
}

/// Authors hand in again what has no verdict.
#[test]
fn a_row_of_the_queue_that_does_not_decode_ends_no_start_and_goes() {
    let mut group = Group::left_alone();
    let db = database(&mut group);
    let mut batch = db.begin().expect("a batch");
    batch.queue(9, Time::new(1), b"no envelope");
    batch.commit().expect("a commit");
    drop(db);

    group.start(0);
    group.turn();

    let db = database(&mut group);
    assert_eq!(db.snapshot().and_then(|disk| disk.queue()).expect("the disk"), []);
}
