//! States that are copied or compared: held for some seconds, and read by few at a time.

use super::problem::{Answer, Failure};
use crate::engine::{Certified, Moment};
use crate::tasks::spawn;
use quorate_pbft::{QuorumCert, SeqNum};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Answers that are made at a time.
const MADE_AT_A_TIME: usize = 2;
/// Time that an answer waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(10);
/// Time for which answers come from one state: while it is held, no page that it can see is used again.
const HELD_FOR: Duration = Duration::from_secs(5);
/// States that are held at once: one that is copied, and two that are compared.
const HELD_MAX: usize = 3;

/// Use of a state that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Copying: whoever copies is given the state that others copy.
    Copied,
    /// Comparing with that of another node at the same slot.
    Compared,
    /// Comparing as it was executed, signed or not.
    Executed,
}

/// State that is held.
#[derive(Debug, Clone)]
pub struct Held {
    used: Use,
    pub moment: Arc<Moment>,
    /// Its certificate, where it has one.
    pub certificate: Option<Arc<QuorumCert>>,
}

/// States that are being copied or compared, and turns to read them.
pub struct Copies {
    /// Turns to make an answer.
    turns: Semaphore,
    held: Arc<Mutex<VecDeque<Held>>>,
}

impl Default for Copies {
    fn default() -> Self {
        Self { turns: Semaphore::new(MADE_AT_A_TIME), held: Arc::default() }
    }
}

impl Copies {
    /// Turn to make an answer.
    pub async fn turn(&self) -> Answer<SemaphorePermit<'_>> {
        let turn =
            timeout(TURN_WITHIN, self.turns.acquire()).await.map_err(|_| Failure::busy("others copy from here"))?;
        turn.map_err(|_| Failure::stopping())
    }

    /// The newest state that is held for a use; at this slot, if one is named.
    pub fn held(&self, used: Use, seq: Option<SeqNum>) -> Option<Held> {
        let fits = |held: &&Held| held.used == used && seq.is_none_or(|seq| held.moment.seq() == seq);
        lock(&self.held).iter().rev().find(fits).cloned()
    }

    /// Holds a state that was certified for some seconds.
    pub fn hold(&self, used: Use, Certified { moment, certificate }: Certified) -> Held {
        self.keep(Held { used, moment, certificate: Some(certificate) })
    }

    /// Holds a state that was executed for some seconds.
    pub fn hold_executed(&self, moment: Arc<Moment>) -> Held {
        self.keep(Held { used: Use::Executed, moment, certificate: None })
    }

    fn keep(&self, new: Held) -> Held {
        let mut held = lock(&self.held);
        // Of two that ask for the first state at once, one may hold an older one than the other: a copy never goes back.
        let is_newer = |held: &&Held| held.used == new.used && held.moment.seq() > new.moment.seq();
        if new.used == Use::Copied
            && let Some(newer) = held.iter().find(is_newer)
        {
            return newer.clone();
        }
        let is_in_the_way = |held: &Held| new.used == Use::Copied || held.used != Use::Copied;
        if held.len() >= HELD_MAX
            && let Some(oldest) = held.iter().position(is_in_the_way)
        {
            held.remove(oldest);
        }
        held.push_back(new.clone());
        drop(held);
        let (held, moment) = (self.held.clone(), Arc::downgrade(&new.moment));
        spawn(async move {
            tokio::time::sleep(HELD_FOR).await;
            let mut held = lock(&held);
            if let Some(over) = held.iter().position(|held| Arc::as_ptr(&held.moment) == moment.as_ptr()) {
                held.remove(over);
            }
        });
        new
    }
}

fn lock(held: &Mutex<VecDeque<Held>>) -> MutexGuard<'_, VecDeque<Held>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
