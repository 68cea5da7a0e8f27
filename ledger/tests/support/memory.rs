//! Memory that a test takes, at its peak.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which remembers for each thread the bytes in use, their peak, and all that were ever taken.
struct Counting;

thread_local! {
    static IN_USE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = IN_USE.get() + layout.size();
        IN_USE.set(now);
        PEAK.set(PEAK.get().max(now));
        TAKEN.set(TAKEN.get() + layout.size());
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

/// Peak of memory that `action` takes beside what was in use before.
#[allow(dead_code)] // each test crate uses a part of it
pub fn peak_of(action: impl FnOnce()) -> usize {
    let before = IN_USE.get();
    PEAK.set(before);
    action();
    PEAK.get() - before
}

/// Bytes that `action` takes in all, whether it gives them back or not.
#[allow(dead_code)] // each test crate uses a part of it
pub fn taken_by(action: impl FnOnce()) -> usize {
    let before = TAKEN.get();
    action();
    TAKEN.get() - before
}
