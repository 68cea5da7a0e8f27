//! Rules 15: what one envelope or one deadline makes every replica do is bounded, and bounds of a policy count what it costs.

mod support;

use quorate_ledger::policy::{DomainPolicy, Format, PathRule, Schema};
use quorate_ledger::{Principal, State};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use support::world::{Edit, World, write};

/// The system's allocator, which remembers for each thread the bytes in use and their peak.
struct Counting;

thread_local! {
    static IN_USE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = IN_USE.get() + layout.size();
        IN_USE.set(now);
        PEAK.set(PEAK.get().max(now));
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // Memory of another thread may be given back here.
        IN_USE.set(IN_USE.get().saturating_sub(layout.size()));
        // SAFETY: the caller's promise about `memory` and `layout` is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The peak of memory that `action` takes beside what was in use before.
fn peak_of(action: impl FnOnce()) -> usize {
    let before = IN_USE.get();
    PEAK.set(before);
    action();
    PEAK.get() - before
}

fn world(rules: u32) -> World {
    World::of(support::genesis_by(Some(rules)))
}

fn rule(pattern: &str) -> PathRule {
    PathRule { pattern: pattern.into(), ..PathRule::default() }
}

fn policy(paths: Vec<PathRule>) -> DomainPolicy {
    DomainPolicy { paths, ..DomainPolicy::new(vec![Principal::Everyone], vec![]) }
}

/// A policy with a rule for each schema: the folders `0`, `1` and so on.
fn with_schemas(schemas: Vec<String>) -> DomainPolicy {
    let rule = |(number, text): (usize, String)| PathRule {
        format: Some(Format::Json),
        schema: Some(Schema::new(text)),
        ..rule(&format!("{number}/**"))
    };
    policy(schemas.into_iter().enumerate().map(rule).collect())
}

/// Memory at its peak while one envelope puts a document under each of four schemas.
fn peak_under(rules: u32, schema: &str) -> usize {
    let mut world = world(rules);
    world.decide("main", with_schemas(vec![schema.to_owned(); 4]));
    let edits: Vec<Edit> = (0..4).map(|number| write(&format!("{number}/a.json"), "[]\n")).collect();
    let draft = world.draft(0, world.now(), &edits);
    let decided = world.item(&draft);
    let mut receipts = Vec::new();
    let peak = peak_of(|| receipts = world.slot_of(vec![(0, vec![decided])]).receipts);
    assert_eq!(receipts[0].state, State::Applied);
    peak
}

#[test]
fn a_long_name_of_a_schema_is_held_once_and_not_for_each_keyword() {
    let parts = vec!["true"; 3_000].join(",");
    let schema = |id: &str| format!("{{\"$id\": \"https://x/{id}\", \"allOf\": [{parts}]}}");
    let (short, long) = (peak_under(14, &schema("a")), peak_under(14, &schema(&"a".repeat(40_000))));
    assert!(long < short + (8 << 20), "{long} bytes, {short} with a short name");
}
