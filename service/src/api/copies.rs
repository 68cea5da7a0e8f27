//! State that is being copied: held for some seconds, and read by few at a time.

use crate::engine::Certified;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Answers that are made at a time.
const MADE_AT_A_TIME: usize = 2;
/// Time for which answers come from one state: while it is held, no page that it can see is used again.
const HELD_FOR: Duration = Duration::from_secs(5);

/// State that is being copied, and turns to read it.
pub struct Copies {
    /// Turns to make an answer.
    pub turns: Semaphore,
    held: Arc<Mutex<Option<Certified>>>,
}

impl Default for Copies {
    fn default() -> Self {
        Self { turns: Semaphore::new(MADE_AT_A_TIME), held: Arc::default() }
    }
}

impl Copies {
    /// The state that is held.
    pub fn held(&self) -> Option<Certified> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Holds a state for some seconds.
    pub fn hold(&self, certified: Certified) -> Certified {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(certified.clone());
        let held = self.held.clone();
        tokio::spawn(async move {
            tokio::time::sleep(HELD_FOR).await;
            *held.lock().unwrap_or_else(PoisonError::into_inner) = None;
        });
        certified
    }
}
