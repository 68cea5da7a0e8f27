//! Panics of the library beneath the database: some damage makes it panic where another says no.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

/// Part of the path of the library's sources.
const LIBRARY: &str = "/redb-";

thread_local! {
    static SHELTERED: Cell<bool> = const { Cell::new(false) };
}

/// Does work of which a panic means damage; none where it panicked. A panic hook that ends the process must let it be:
/// see [`is_sheltered`].
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

/// Whether the database's library panicked, which it does on damage alone.
pub fn is_damage(panic: &PanicHookInfo<'_>) -> bool {
    panic.location().is_some_and(|place| place.file().contains(LIBRARY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_is_none_and_one_outside_is_not_sheltered() {
        let inside = sheltered(|| {
            assert!(is_sheltered());
            std::panic::resume_unwind(Box::new("damage"))
        });
        assert_eq!((inside, is_sheltered()), (None::<()>, false));
        assert_eq!(sheltered(|| 7), Some(7));
    }
}
