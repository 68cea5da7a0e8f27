//! Panics that end the work in which they happen, and not the process.
//!
//! Merges and checks of contents are functions of bytes that any author may send. A mistake in one of them is the same
//! panic at the same slot at every replica, and again after each start: the group would be gone. So it is an answer
//! there. Everything else stops the replica (docs/adr/panics-of-merges.md).

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static SHELTERED: Cell<bool> = const { Cell::new(false) };
}

/// Does work that answers nothing where it panics. A panic hook that ends the process must let it be: see
/// [`is_sheltered`].
pub fn sheltered<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = SHELTERED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    SHELTERED.set(before);
    done.ok()
}

/// Whether a panic of this thread is caught by [`sheltered`].
pub fn is_sheltered() -> bool {
    SHELTERED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_is_none_and_one_outside_is_not_sheltered() {
        let inside = sheltered(|| {
            assert!(is_sheltered());
            std::panic::resume_unwind(Box::new("a mistake"))
        });
        assert_eq!((inside, is_sheltered()), (None::<()>, false));
        assert_eq!(sheltered(|| 7), Some(7));
    }
}
