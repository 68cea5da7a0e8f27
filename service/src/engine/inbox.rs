//! Queue of the core's thread: messages from the pool and requests from the API, each bounded on its own, so that
//! neither keeps the other out.

use super::Request;
use quorate_pbft::Admitted;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Messages that were checked and wait: some rounds of a busy group.
const MESSAGES_MAX: usize = 4_096;
/// Requests of the API that wait: more are told to come again.
const REQUESTS_MAX: usize = 4_096;
/// Messages of one round, and requests of one round: what one commit to disk takes together. Bounds the latency of all.
const ROUND_MAX: usize = 512;

/// The door to the core's thread.
#[derive(Debug, Default)]
pub struct Inbox {
    state: Mutex<State>,
    filled: Condvar,
    drained: Condvar,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Request>,
    requests: VecDeque<Request>,
    closed: bool,
}

/// A request that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no room for another request")]
pub struct NoRoom;

/// Requests of a round, or the end.
#[derive(Debug)]
pub enum Woken<T> {
    /// There may be work, or the time is over.
    Round(T),
    /// The door is closed and nothing is left.
    Closed,
}

impl Inbox {
    /// Hands over a checked message; waits while there is no room. After the door closed it is dropped.
    pub fn message(&self, message: Box<Admitted>) {
        self.hear(Request::Message(message));
    }

    /// The same with any other word of a peer, in its turn among the messages.
    pub fn hear(&self, word: Request) {
        let mut state = self.lock();
        while state.messages.len() >= MESSAGES_MAX && !state.closed {
            state = self.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.closed {
            state.messages.push_back(word);
            self.filled.notify_one();
        }
    }

    /// Hands over a request; without room or after the door closed it is dropped.
    pub fn request(&self, request: Request) -> Result<(), NoRoom> {
        let mut state = self.lock();
        if state.requests.len() >= REQUESTS_MAX || state.closed {
            return Err(NoRoom);
        }
        state.requests.push_back(request);
        self.filled.notify_one();
        Ok(())
    }

    /// Takes the queued requests, waiting for the first at most `patience`.
    pub fn round(&self, patience: Duration) -> Woken<Vec<Request>> {
        let mut state = self.lock();
        if state.is_empty() && !state.closed {
            let (guard, _) = self.filled.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
            state = guard;
        }
        if state.is_empty() && state.closed {
            return Woken::Closed;
        }
        let requests = state.requests.len().min(ROUND_MAX);
        let messages = state.messages.len().min(ROUND_MAX);
        let mut round: Vec<Request> = state.messages.drain(..messages).collect();
        round.extend(state.requests.drain(..requests));
        self.drained.notify_all();
        Woken::Round(round)
    }

    /// Takes nothing more; what is there is still worked off.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.drained.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.requests.is_empty()
    }
}
