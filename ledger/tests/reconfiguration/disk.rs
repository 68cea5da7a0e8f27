//! A disk that fails stops the replica: its error is no reason for anything under the root.

use super::*;
use core::cell::Cell;
use core::ops::ControlFlow;
use quorate_ledger::policy::DomainPolicy;
use quorate_ledger::{Base, EnvelopeId, MemoryStore, Principal, Read, Store, StoreError, Table};
use quorate_pbft::Digest;
use support::world::write;

/// Store of which only the first reads succeed.
struct Failing {
    store: MemoryStore,
    left: Cell<usize>,
    has_failed: Cell<bool>,
    steps: usize,
}

impl Failing {
    fn reads(&self) -> Result<(), StoreError> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.unwrap_or(0));
        self.has_failed.set(self.has_failed.get() || left.is_none());
        left.map(drop).ok_or_else(|| StoreError("a page is damaged".into()))
    }
}

impl Read for Failing {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads()?;
        self.store.get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.reads()?;
        self.store.scan(table, from, to, each)
    }

    fn scan_back(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.reads()?;
        self.store.scan_back(table, from, to, each)
    }
}

impl Store for Failing {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.store.put(table, key, value)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.store.delete(table, key)
    }

    fn step(&mut self) {
        self.steps += 1;
    }
}

/// Executes an envelope again and again, with one more read that succeeds each time.
fn fails_at_each_read(mut world: World, who: u8, op: Op) {
    let draft = world.draft_in(GROUP_DOMAIN, who, world.now(), &[Edit::Other(op)]);
    let item = world.item(&draft);
    let decided = world.decided(vec![(0, vec![item])]);
    for reads in 0.. {
        let (left, has_failed) = (Cell::new(reads), Cell::new(false));
        let mut disk = Failing { store: world.store.clone(), left, has_failed, steps: 0 };
        let executed = world.ledger.clone().execute(&mut disk, &decided);
        assert_eq!(executed.is_err(), disk.has_failed.get(), "read {reads}: {executed:?}");
        if let Ok(outcome) = executed {
            assert_eq!((outcome.receipts.len(), outcome.receipts[0].code, reads > 10), (1, None, true));
            return;
        }
    }
}

#[test]
fn a_slot_that_decides_on_members_fails_with_each_read_that_fails() {
    let mut world = World::new();
    world.does(0, &[write("f", "x")]);
    let joins = add(&world, 4);
    let proposal = proposed(&mut world, joins);
    approve(&mut world, proposal, 1);
    fails_at_each_read(world, 2, Op::Approve { proposal });
}

#[test]
fn a_slot_that_proposes_members_fails_with_each_read_that_fails() {
    let mut world = World::new();
    world.does(0, &[write("f", "x")]);
    let change = rekey(&world, 1, 5);
    fails_at_each_read(world, 0, Op::Propose { act: Act::Reconfigure { change } });
}

#[test]
fn a_slot_that_proposes_a_policy_fails_with_each_read_that_fails() {
    let mut world = World::new();
    world.does(0, &[write("f", "x")]);
    let policy = DomainPolicy::new(vec![Principal::Organisation("org-1".into())], vec![Principal::Everyone]);
    fails_at_each_read(world, 0, Op::Propose { act: Act::CreateDomain { name: "third".into(), policy } });
}

#[test]
fn a_store_sees_a_step_for_each_envelope_of_a_slot_whatever_becomes_of_it() {
    let mut world = World::new();
    world.does(0, &[write("f", "x")]);
    let base = world.now();
    let applied = world.draft_in("main", 0, base, &[write("g", "x")]);
    let refused = world.draft_in("main", 1, base, &[Edit::Delete("none".into())]);
    let waits = world.draft_in("main", 2, Base::Envelope(EnvelopeId(Digest([7; 32]))), &[write("h", "x")]);
    let items = [applied, refused, waits].map(|draft| world.item(&draft)).to_vec();
    let mut steps = |lanes| {
        let (left, has_failed) = (Cell::new(usize::MAX), Cell::new(false));
        let mut store = Failing { store: world.store.clone(), left, has_failed, steps: 0 };
        world.ledger.clone().execute(&mut store, &world.decided(lanes)).expect("memory does not fail");
        store.steps
    };
    let (with_none, with_three) = (steps(vec![]), steps(vec![(0, items)]));
    assert!(with_three >= with_none + 3, "{with_three} steps, {with_none} without envelopes");
}
