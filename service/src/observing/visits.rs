//! Places of visitors for addresses, and their bytes: what they cost is no observer's wait.

use super::budget::Budget;
use tokio::sync::Semaphore;

/// Visits for addresses at a time.
const VISITS_MAX: usize = 32;

/// Places and bytes of visitors.
pub(super) struct Visits {
    pub(super) places: Semaphore,
    pub(super) budget: Budget,
}

impl Default for Visits {
    fn default() -> Self {
        Self { places: Semaphore::new(VISITS_MAX), budget: Budget::default() }
    }
}
