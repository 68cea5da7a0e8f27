//! Folds of a feeder: what they let go of, and what its thread does meanwhile.

use super::*;
use crate::engine::Request;
use crate::health::Outages;
use crate::membership::Membership;
use crate::metrics::Metrics;
use crate::observing::Relay;
use crate::pool::Checker;
use crate::replica::Ways;
use quorate_ledger::keys::Purpose;
use quorate_ledger::{DomainRules, Enrolment, EnvelopeCheck, FORMAT, GenesisFile, Ledger, Limits, Store as _, Table};
use quorate_pbft::{Claims, Constants, Ed25519, Ed25519Signer, ReplicaId, Signer as _, hash};
use quorate_storage::faulty::Disk;
use std::sync::RwLock;
use tokio::sync::watch;

/// Looks, a millisecond apart, after which something must have happened.
const LOOKS_MAX: usize = 60_000;

fn until(is_so: impl Fn() -> bool) -> bool {
    (0..LOOKS_MAX).any(|_| {
        thread::sleep(Duration::from_millis(1));
        is_so()
    })
}

fn genesis() -> Arc<Genesis> {
    let member = |number: u8| Ed25519Signer::from_seed(&[number; 32]);
    let file = GenesisFile {
        format: FORMAT.into(),
        name: "fed".into(),
        rules: None,
        restarted_from: None,
        organisations: vec!["org".into()],
        members: (1..=4).map(|number| Enrolment::prove(Purpose::Member, "org", &member(number))).collect(),
        authors: vec![Enrolment::prove(Purpose::Author, "org", &member(9))],
        domains: vec![DomainRules::open("main")],
        constants: Constants::default(),
        limits: Limits::default(),
    };
    Arc::new(Genesis::build(file).expect("a good genesis"))
}

/// A feeder whose first copy is on its way to this disk, and its connections to a world in which nobody is.
fn begun(disk: &Disk) -> (Feeder, Surroundings) {
    let (db, genesis) = (Db::on(disk).expect("an empty disk"), genesis());
    let mut batch = db.begin().expect("a batch");
    Ledger::create(&mut batch, &genesis).expect("a ledger");
    batch.commit().and_then(|()| db.fold()).expect("a commit");
    let feeder = Feeder::open(db, genesis.clone(), &["main".to_owned()].into()).expect("a feeder");
    let (key, envelopes) = (Ed25519Signer::from_seed(&[7; 32]).public_key(), EnvelopeCheck::new(&genesis));
    let checker = Checker {
        committees: RwLock::new(feeder.committees()),
        constants: genesis.constants().clone(),
        verify: Arc::new(Ed25519),
        payload: Arc::new(envelopes.clone()),
        certified: Arc::default(),
    };
    let membership = Membership {
        key,
        peer_id: String::new(),
        network: None,
        relay: Arc::new(Relay::default()),
        checker: Arc::new(checker),
        envelopes,
        directory: Ways::default().directory(genesis.group(), key, &[].into()),
        addresses: [].into(),
    };
    let around = Surroundings {
        inbox: Arc::default(),
        reception: Arc::default(),
        published: watch::channel(feeder.published()).0,
        outages: watch::channel(Outages::new(None, 0)).0,
        metrics: Arc::new(Metrics::new()),
        pulse: feeder.pulse(),
        author_pace: None,
        certified: Arc::default(),
        membership: Arc::new(membership),
        send: Box::new(|_| ()),
    };
    (feeder, around)
}

fn put(feeder: &Feeder, number: u64, bytes: usize) {
    let mut batch = feeder.db.begin().expect("a batch");
    batch.put(Table::Contents, &hash("content", &number).0, &vec![7; bytes]).expect("a row");
    batch.commit().expect("a commit");
}

/// Pages that a fold frees are used again only once nobody reads a state of before it.
#[test]
fn a_first_copy_takes_no_more_of_the_disk_with_each_fold() {
    let disk = Disk::new();
    let (mut feeder, around) = begun(&disk);
    let bytes = [10, 40].map(|folds| {
        for _ in 0..folds {
            put(&feeder, 1, 100_000);
            feeder.fold(&around).expect("a fold");
            feeder.publish(&around);
        }
        disk.image("quorate.redb").len()
    });
    assert_eq!(bytes[0], bytes[1]);
    assert!(feeder.published().report.grows, "a part of a state is no state");
}

#[test]
fn a_feeder_takes_in_what_comes_while_a_fold_waits_for_the_disk() {
    let disk = Disk::new();
    let (mut feeder, around) = begun(&disk);
    put(&feeder, 1, 100_000);
    disk.fill_after(0);
    let (inbox, published, room) = (around.inbox.clone(), around.published.subscribe(), feeder.room());
    let folding = thread::spawn(move || feeder.fold(&around));
    assert!(until(|| room.is_awaited()));

    inbox.hear(Request::Holds { from: ReplicaId::new(0), claims: Claims::default(), leads: true });

    let is_taken_in = until(|| published.borrow().report.can_order);
    disk.free();
    folding.join().expect("no panic").expect("a fold");
    assert!(is_taken_in);
}

#[test]
fn a_feeder_tells_of_damage_that_keeps_its_rows_from_being_merged() {
    let disk = Disk::new();
    let (mut feeder, around) = begun(&disk);
    for number in 0..8 {
        put(&feeder, number, 100);
        feeder.fold(&around).expect("a fold");
        if number == 0 {
            let run = disk.names().into_iter().find(|name| name.starts_with("run-")).expect("a run");
            disk.flip(&run, 8 * 2); // a length
        }
    }
    let damage = feeder.published().report.damage.clone();
    assert!(damage.as_ref().is_some_and(|damage| damage.contains("run-")), "{damage:?}");
}
