//! Queue of the core's thread: messages from the pool and requests from the API, each bounded on its own, so that
//! neither keeps the other out.
//!
//! A member's message keeps its room in its sender's budget until the core takes it, so that however long a round waits for
//! the disk no member fills memory, nor keeps the votes of another out.

use super::Request;
use quorate_net::Room;
use quorate_pbft::Admitted;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Messages that were checked and wait: some rounds of a busy group.
const MESSAGES_MAX: usize = 4_096;
/// Bytes of messages that wait without room in a budget, those of nodes that serve an observer: two of the largest.
const BYTES_MAX: usize = 64 << 20;
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
    messages: VecDeque<Waiting>,
    /// Bytes of those without room in a budget.
    bytes: usize,
    requests: VecDeque<Request>,
    closed: bool,
}

/// A message that waits.
#[derive(Debug)]
struct Waiting {
    word: Request,
    /// Its bytes, if it has no room in a budget.
    bytes: usize,
    _room: Option<Room>,
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
    /// Hands over a checked message with the room of its frame; waits while there is none here. After the door closed it is
    /// dropped.
    pub fn message(&self, message: Box<Admitted>, room: Option<Room>) {
        let bytes = if room.is_some() { 0 } else { weight(&message) };
        self.put(Waiting { word: Request::Message(message), bytes, _room: room });
    }

    /// The same with any other word of a peer, in its turn among the messages.
    pub fn hear(&self, word: Request) {
        self.put(Waiting { word, bytes: 0, _room: None });
    }

    fn put(&self, waiting: Waiting) {
        let mut state = self.lock();
        while !state.has_room_for(waiting.bytes) && !state.closed {
            state = self.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.closed {
            state.bytes += waiting.bytes;
            state.messages.push_back(waiting);
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
        let taken: Vec<Waiting> = state.messages.drain(..messages).collect();
        state.bytes -= taken.iter().map(|waiting| waiting.bytes).sum::<usize>();
        let mut round: Vec<Request> = taken.into_iter().map(|waiting| waiting.word).collect();
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

fn weight(message: &Admitted) -> usize {
    borsh::object_length(message.message()).expect("counting in memory cannot fail")
}

impl State {
    /// Whether one more message of so many bytes may wait: any while those here are fewer than the most.
    fn has_room_for(&self, bytes: usize) -> bool {
        self.messages.len() < MESSAGES_MAX && (bytes == 0 || self.bytes < BYTES_MAX)
    }

    fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.requests.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_without_room_waits_for_the_bytes_before_it_and_no_other_does() {
        let inbox = Inbox::default();
        inbox.put(Waiting { word: Request::Resign, bytes: BYTES_MAX, _room: None });
        assert!(!inbox.lock().has_room_for(1));
        assert!(inbox.lock().has_room_for(0), "a member's message has its own room");

        inbox.round(Duration::ZERO);

        assert!(inbox.lock().has_room_for(1));
    }
}
