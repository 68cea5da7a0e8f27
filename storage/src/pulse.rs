//! Pulse: signs of life of the thread that executes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Signs of life of the thread that executes, and whether it stands at the disk.
#[derive(Debug)]
pub struct Pulse {
    beat: Mutex<Instant>,
    is_at_disk: AtomicBool,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { beat: Mutex::new(Instant::now()), is_at_disk: AtomicBool::new(false) }
    }
}

impl Pulse {
    /// The thread is at work.
    pub fn beat(&self) {
        *self.beat.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Time since the last sign of life.
    pub fn silence(&self) -> Duration {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Whether the thread waits for a write to the disk.
    pub fn is_at_disk(&self) -> bool {
        self.is_at_disk.load(Ordering::Acquire)
    }

    /// Writes to the disk, and counts as a sign of life before and after.
    pub(crate) fn at_disk<T>(&self, write: impl FnOnce() -> T) -> T {
        self.beat();
        self.is_at_disk.store(true, Ordering::Release);
        let written = write();
        self.is_at_disk.store(false, Ordering::Release);
        self.beat();
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;

    #[test]
    fn a_write_counts_as_a_sign_of_life_and_is_known_while_it_lasts() {
        let pulse = Pulse::default();
        let at_disk = || {
            sleep(Duration::from_millis(50));
            (pulse.is_at_disk(), pulse.silence() >= Duration::from_millis(50))
        };
        assert_eq!(pulse.at_disk(at_disk), (true, true));
        assert!(!pulse.is_at_disk() && pulse.silence() < Duration::from_millis(50));
    }
}
