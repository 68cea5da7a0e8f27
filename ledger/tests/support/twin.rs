//! A second ledger beside the one of a world: thrown away again and again, made anew from a copy of its own state, and
//! held against the first at every slot.

use super::{certificate_of, keep_step};
use core::ops::ControlFlow;
use quorate_ledger::copy::{Next, Session, Survey, Walk, answer};
use quorate_ledger::proof::Checkpoint;
use quorate_ledger::{Ledger, MemoryStore, Outcome, Read, Sweep, Table};
use quorate_pbft::{Decided, QuorumCert};
use std::collections::BTreeMap;

/// Slots between two copies, on average. `QUORATE_COPIES` sets another number.
const SLOTS: u64 = 5;

/// Rows of a table by their keys.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Kinds of the index that are laid out on demand: a copy has none of them at first.
const ON_DEMAND: [u8; 2] = [b'm', b'w'];
/// Kinds of the index that tell of numbers: a copy has those within the horizon.
const OF_NUMBERS: [u8; 2] = [b'k', b'h'];

/// Rows that the forgetful ledger looks at after each slot.
const FORGOTTEN_AT_ONCE: usize = 24;

#[derive(Clone)]
pub struct Twin {
    store: MemoryStore,
    ledger: Ledger,
    forgetful: Forgetful,
    /// The store as it was when it was last made.
    older: MemoryStore,
}

/// A third ledger, which keeps no history at all.
#[derive(Clone)]
struct Forgetful {
    store: MemoryStore,
    ledger: Ledger,
    sweep: Sweep,
}

impl Forgetful {
    fn of(ledger: &Ledger, store: &MemoryStore) -> Self {
        Self { store: store.clone(), ledger: ledger.clone(), sweep: Sweep::default() }
    }

    /// Executes a slot, and forgets: some after each, all that may go where a copy is taken, which must lack nothing.
    fn follow(&mut self, decided: &Decided, theirs: &Outcome) {
        let ours = self.ledger.execute(&mut self.store, decided).expect("nothing is missing");
        assert_eq!(&ours, theirs, "a ledger that forgets, at {}", decided.seq);
        keep_step(&self.ledger, &mut self.store);
        let mut is_through = self.forget();
        if is_time(decided) {
            while !is_through {
                is_through = self.forget();
            }
            check_index(&self.ledger, &self.store, &copy(&self.ledger, &self.store));
            check_soundness(&self.ledger, &self.store);
        }
    }

    fn forget(&mut self) -> bool {
        let next = self.ledger.executed().seq.next();
        let forgotten = self.ledger.forget(&mut self.store, &mut self.sweep, next, FORGOTTEN_AT_ONCE);
        forgotten.expect("memory does not fail")
    }
}

impl Twin {
    pub fn of(ledger: &Ledger, store: &MemoryStore) -> Self {
        Self::made(ledger, store, copy(ledger, store), Forgetful::of(ledger, store))
    }

    fn made(ledger: &Ledger, store: &MemoryStore, copied: MemoryStore, forgetful: Forgetful) -> Self {
        check_index(ledger, store, &copied);
        check_soundness(ledger, store);
        let opened = Ledger::open(&copied, ledger.genesis()).expect("a copy opens");
        Self { older: copied.clone(), store: copied, ledger: opened, forgetful }
    }

    /// Made anew from its own state: whole, from what an older state lacks, or in two goes.
    fn again(&self) -> Self {
        let (ledger, store) = (&self.ledger, &self.store);
        let copied = match ledger.executed().seq.get() % 4 {
            0 => copy(ledger, store),
            1 => asked(ledger, store, MemoryStore::new(), usize::MAX),
            2 => asked(ledger, store, self.older.clone(), usize::MAX),
            _ => asked(ledger, store, MemoryStore::new(), 3),
        };
        Self::made(ledger, store, copied, self.forgetful.clone())
    }

    /// Executes what another ledger has executed, and holds all of it against that.
    pub fn follow(&mut self, decided: &Decided, theirs: &Outcome) {
        if is_time(decided) {
            *self = self.again();
        }
        self.forgetful.follow(decided, theirs);
        let ours = self.ledger.execute(&mut self.store, decided).expect("a copy lacks nothing");
        assert_eq!(&ours, theirs, "a ledger that was copied at {}", decided.seq);
        keep_step(&self.ledger, &mut self.store);
    }

    /// Whether it stands where a ledger stands that is about to execute.
    pub fn is_beside(&self, ledger: &Ledger) -> bool {
        self.ledger.executed() == ledger.executed()
    }
}

/// Whether a copy is taken before a slot.
fn is_time(decided: &Decided) -> bool {
    is_place(decided.seq.get())
}

/// Dice that every run throws alike.
pub fn is_place(seq: u64) -> bool {
    let slots = std::env::var("QUORATE_COPIES").ok().and_then(|slots| slots.parse().ok()).unwrap_or(SLOTS);
    let thrown = seq.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (thrown >> 33).is_multiple_of(slots.max(1))
}

fn copy(ledger: &Ledger, store: &MemoryStore) -> MemoryStore {
    let mut copied = MemoryStore::new();
    ledger.copy(store, &mut copied).expect("nothing is missing");
    copied
}

/// A state that nobody has damaged has no fault.
fn check_soundness(ledger: &Ledger, store: &MemoryStore) {
    let mut found = Vec::new();
    let walked = Survey::of(ledger).go_on(store, &mut Walk::default(), u64::MAX, &mut |damage| found.push(damage));
    assert_eq!((walked, found), (Ok(true), vec![]), "after {}", ledger.executed().seq);
}

/// A copy by question and answer into a store that may hold an older state; stopped after some errands, and taken up
/// again.
pub fn asked(ledger: &Ledger, store: &MemoryStore, mut into: MemoryStore, stop_after: usize) -> MemoryStore {
    let certificate = certificate_of(ledger);
    if walk((ledger, store, &certificate), &mut into, stop_after).is_none() {
        let whole = walk((ledger, store, &certificate), &mut into, usize::MAX);
        assert!(whole.is_some(), "one state is copied in one go");
    }
    into
}

/// A copy by question and answer, with the state as its members have signed it.
pub fn certified(ledger: &Ledger, store: &MemoryStore) -> (MemoryStore, Checkpoint) {
    let mut into = MemoryStore::new();
    let whole = walk((ledger, store, &certificate_of(ledger)), &mut into, usize::MAX);
    (into, whole.expect("one state is copied in one go"))
}

/// The state that the store holds whole, if it does.
fn walk(from: (&Ledger, &MemoryStore, &QuorumCert), into: &mut MemoryStore, stop_after: usize) -> Option<Checkpoint> {
    let (ledger, store, certificate) = from;
    let mut session = Session::open(into, ledger.genesis()).expect("memory does not fail");
    for _ in 0..stop_after {
        match session.next(into).expect("memory does not fail") {
            Next::Errand(mut errand) => {
                while let Some(ask) = errand.ask() {
                    let answered = answer(ledger, store, certificate, &ask).expect("nothing is missing");
                    session.take(&mut errand, into, &answered).expect("an honest answer");
                }
                session.install(errand, into).expect("memory does not fail");
            }
            Next::Wait => panic!("nothing is on its way"),
            Next::Whole(checkpoint) => {
                session.finish(into, &checkpoint).expect("memory does not fail");
                return Some(*checkpoint);
            }
        }
    }
    None
}

/// The rows that were kept while slots were executed are those that a copy derives.
fn check_index(ledger: &Ledger, store: &MemoryStore, copied: &MemoryStore) {
    assert_eq!(rows(store, Table::Names), rows(copied, Table::Names));
    let (kept, derived) = (rows(store, Table::Index), rows(copied, Table::Index));
    let is = |kinds: &[u8], key: &[u8]| kinds.contains(&key[0]);
    let of_entries = |rows: &Rows| -> Rows {
        let rows = rows.iter().filter(|(key, _)| !is(&ON_DEMAND, key) && !is(&OF_NUMBERS, key));
        rows.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    assert_eq!(of_entries(&kept), of_entries(&derived));
    let all = ledger.head().times.floor().get() == 0;
    for (key, value) in derived.iter().filter(|(key, _)| is(&OF_NUMBERS, key)) {
        assert!(kept.get(key) == Some(value) || !all && key[0] == b'h', "{key:?}");
    }
}

/// All rows of a table.
pub fn rows(store: &MemoryStore, table: Table) -> Rows {
    let mut found = Rows::new();
    let scanned = store.scan(table, &[], &[0xff; 4_200], &mut |key, value| {
        found.insert(key.to_vec(), value.to_vec());
        ControlFlow::Continue(())
    });
    scanned.expect("memory does not fail");
    found
}
