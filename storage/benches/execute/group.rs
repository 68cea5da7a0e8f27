//! A ledger with files in it, in memory or over a database, and the slots that it is given.

use crate::meter::{Cost, measured};
use crate::support::world::World;
use crate::support::{author, put};
use quorate_ledger::{Base, Body, Change, Envelope, Ledger, Op, Outcome, Revision, State};
use quorate_pbft::{Decided, Item, ItemKind, Signer};
use quorate_storage::{Db, Snapshot};
use std::path::Path;
use tempfile::TempDir;

/// Operations in one envelope while the state is loaded.
const LOAD: usize = 10_000;

/// Far from every size that is measured, so that changes meet the files in no order.
const STRIDE: usize = 7_919;

/// Store that holds the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Memory,
    Redb,
}

impl Place {
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redb => "redb",
        }
    }
}

/// A ledger and what it stands on. As in a replica, the newest moment is held while the next slot is executed.
pub struct Group {
    world: World,
    disk: Option<Disk>,
    files: usize,
    numbers: [u64; 4],
    next_file: usize,
}

struct Disk {
    db: Db,
    moment: Snapshot,
    _folder: TempDir,
}

impl Group {
    /// A group with so many files of 256 bytes in the domain `main`.
    pub fn loaded(place: Place, files: usize, folder: &Path) -> Self {
        let mut world = World::new();
        let disk = (place == Place::Redb).then(|| Disk::create(&mut world, folder));
        let mut group = Self { world, disk, files, numbers: [1; 4], next_file: 0 };
        for start in (0..files).step_by(LOAD) {
            let texts = (start..(start + LOAD).min(files)).map(|n| (path(n), content(n, 0)));
            let item = group.envelope(0, Base::Revision(Revision::GENESIS), texts.collect());
            group.slot(vec![item], State::Applied);
        }
        group
    }

    /// Writes other paths, each twice from one base: `are_open` says whether by two authors, who then disagree.
    pub fn write_elsewhere(&mut self, paths: usize, are_open: bool) {
        let base = Base::Revision(Revision::GENESIS);
        for start in (0..paths).step_by(LOAD) {
            let texts =
                |text| (start..(start + LOAD).min(paths)).map(move |n| (format!("else/where-{n}"), content(n, text)));
            let first = self.envelope(1, base, texts(1).collect());
            self.slot(vec![first], State::Applied);
            let base = if are_open { base } else { Base::Revision(self.world.ledger.revision()) };
            let second = self.envelope(if are_open { 2 } else { 1 }, base, texts(2).collect());
            self.slot(vec![second], if are_open { State::Conflict } else { State::Applied });
        }
    }

    /// Cost of `slots` slots that change `changes` of the loaded files each.
    pub fn change(&mut self, slots: usize, changes: usize) -> Cost {
        let mut cost = Cost::default();
        for _ in 0..slots {
            let base = Base::Revision(self.world.ledger.revision());
            let items = (0..changes).map(|_| {
                self.next_file = (self.next_file + STRIDE) % self.files;
                let text = content(self.next_file, self.world.time as usize);
                self.envelope(0, base, vec![(path(self.next_file), text)])
            });
            let items = items.collect();
            cost = cost + self.slot(items, State::Applied);
        }
        cost
    }

    /// Cost of reading the first page of open conflicts, and how many entries it has.
    pub fn list(&self, limit: usize) -> (Cost, usize) {
        let moment = match &self.disk {
            None => self.world.view(),
            Some(disk) => self.world.ledger.view(&disk.moment),
        };
        measured(|| moment.conflicts(None, Some(true), None, limit).expect("a healthy disk").items.len())
    }

    fn slot(&mut self, items: Vec<Item>, expected: State) -> Cost {
        let decided = self.world.decided(vec![(0, items)]);
        let held = self.world.ledger.clone();
        let (ledger, store) = (&mut self.world.ledger, &mut self.world.store);
        let (cost, outcome) = match &mut self.disk {
            None => {
                let (cost, outcome) = measured(|| ledger.execute(store, &decided).expect("memory does not fail"));
                (Cost { executing: cost.cpu, ..cost }, outcome)
            }
            Some(disk) => disk.execute(ledger, &decided),
        };
        drop(held);
        assert!(outcome.deferred.is_empty() && outcome.receipts.iter().all(|receipt| receipt.state == expected));
        cost
    }

    fn envelope(&mut self, who: usize, base: Base, texts: Vec<(String, String)>) -> Item {
        let ops: Vec<Op> = texts.iter().map(|(path, text)| put(path, text.as_bytes())).collect();
        let contents = texts.into_iter().map(|(_, text)| text.into_bytes()).collect();
        let (signer, number) = (author(who as u8), &mut self.numbers[who]);
        let body = Body {
            author: signer.public_key(),
            domain: "main".into(),
            from_seq: *number,
            to_seq: *number,
            attempt: 1,
            changes: vec![Change::new(base, ops, "", 0)],
            carried: vec![],
        };
        *number += 1;
        let bytes = Envelope::sign(&self.world.genesis.group(), body, contents, &signer).encode();
        Item { kind: ItemKind::Envelope, bytes }
    }
}

impl Disk {
    fn create(world: &mut World, folder: &Path) -> Self {
        let folder = tempfile::tempdir_in(folder).expect("a folder to write in");
        let db = Db::create(folder.path()).expect("an empty folder");
        let mut batch = db.begin().expect("a healthy disk");
        world.ledger = Ledger::create(&mut batch, &world.genesis).expect("an empty database");
        batch.commit().expect("a healthy disk");
        let moment = db.snapshot().expect("a healthy disk");
        Self { db, moment, _folder: folder }
    }

    /// As a replica does: one durable commit for a slot, then a snapshot for whoever reads.
    fn execute(&mut self, ledger: &mut Ledger, decided: &Decided) -> (Cost, Outcome) {
        let (execution, (batch, outcome)) = measured(|| {
            let mut batch = self.db.begin().expect("a healthy disk");
            let outcome = ledger.execute(&mut batch, decided).expect("a healthy disk");
            (batch, outcome)
        });
        let (commit, ()) = measured(|| {
            batch.commit().expect("a healthy disk");
            self.moment = self.db.snapshot().expect("a healthy disk");
        });
        (Cost { executing: execution.cpu, ..execution } + commit, outcome)
    }
}

fn path(n: usize) -> String {
    format!("src/module-{}/part-{}/file-{n}.rs", n % 97, n % 11)
}

/// 256 bytes.
fn content(n: usize, text: usize) -> String {
    format!("{n:0>100}{text:0>100}{:56}", "")
}
