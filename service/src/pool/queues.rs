//! Frames that wait to be checked: one queue for each peer and channel, taken in turns.
//!
//! A queue that one worker has taken from is left alone by the others until that frame is done, so frames of one peer
//! on one channel reach the core in the order in which they were sent.

use quorate_pbft::ReplicaId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that one peer may have waiting on one channel: one of the largest frames and some.
const WAITING_BYTES_MAX: usize = 40 << 20;
/// Frames that one peer may have waiting on one channel: a second of a busy group.
const WAITING_FRAMES_MAX: usize = 2_048;
/// Votes taken before a bulk frame has its turn: a vote waits for one bundle at most, a bundle for little.
const VOTES_IN_ROW_MAX: usize = 32;

/// One frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// On whose connection.
    pub from: ReplicaId,
    /// Whether it came on the stream for bulk data.
    pub bulk: bool,
    /// Canonical bytes of a message, if its sender is honest.
    pub bytes: Vec<u8>,
}

/// The queues of all peers.
#[derive(Debug, Default)]
pub struct Queues {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queues: BTreeMap<(bool, ReplicaId), Queue>,
    /// Who had the last turn, among votes and among bulk data.
    last_vote: Option<ReplicaId>,
    last_bulk: Option<ReplicaId>,
    /// Votes taken since the last bulk frame.
    votes_in_row: usize,
    closed: bool,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
    taken: bool,
}

impl Queues {
    /// With nothing in them.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a frame; false if its sender has too much waiting, and then it is dropped (status and repair bring it
    /// again, N9).
    pub fn push(&self, frame: Frame) -> bool {
        let mut state = self.lock();
        let queue = state.queues.entry((frame.bulk, frame.from)).or_default();
        let fits = queue.frames.len() < WAITING_FRAMES_MAX && queue.bytes + frame.bytes.len() <= WAITING_BYTES_MAX;
        if fits {
            queue.bytes += frame.bytes.len();
            queue.frames.push_back(frame.bytes);
            self.ready.notify_one();
        }
        fits
    }

    /// Waits for a frame; none once closed. [`Queues::done`] must follow.
    pub fn take(&self) -> Option<Frame> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(frame) = state.next() {
                return Some(frame);
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The frame taken of this peer and channel has reached the core or was dropped.
    pub fn done(&self, from: ReplicaId, bulk: bool) {
        if let Some(queue) = self.lock().queues.get_mut(&(bulk, from)) {
            queue.taken = false;
        }
        self.ready.notify_one();
    }

    /// Ends all waiting; what is still queued is dropped.
    pub fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Votes first, but now and then a bulk frame, so that no flood of votes keeps bundles out for ever.
    fn next(&mut self) -> Option<Frame> {
        let bulk_first = self.votes_in_row >= VOTES_IN_ROW_MAX;
        self.next_of(bulk_first).or_else(|| self.next_of(!bulk_first))
    }

    fn next_of(&mut self, bulk: bool) -> Option<Frame> {
        let from = self.whose_turn(bulk)?;
        let queue = self.queues.get_mut(&(bulk, from))?;
        let bytes = queue.frames.pop_front()?;
        queue.bytes -= bytes.len();
        queue.taken = true;
        *(if bulk { &mut self.last_bulk } else { &mut self.last_vote }) = Some(from);
        self.votes_in_row = if bulk { 0 } else { self.votes_in_row + 1 };
        Some(Frame { from, bulk, bytes })
    }

    /// The first free queue of a channel after the one that had the last turn.
    fn whose_turn(&self, bulk: bool) -> Option<ReplicaId> {
        let last = if bulk { self.last_bulk } else { self.last_vote };
        let free = |(key, queue): (&(bool, ReplicaId), &Queue)| {
            (key.0 == bulk && !queue.taken && !queue.frames.is_empty()).then_some(key.1)
        };
        let after = self.queues.iter().filter_map(free).find(|from| last.is_none_or(|last| *from > last));
        after.or_else(|| self.queues.iter().find_map(free))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(from: u16, bulk: bool, byte: u8) -> Frame {
        Frame { from: ReplicaId::new(from), bulk, bytes: vec![byte] }
    }

    fn take(queues: &Queues) -> (u16, bool, u8) {
        let frame = queues.take().unwrap();
        queues.done(frame.from, frame.bulk);
        (frame.from.get(), frame.bulk, frame.bytes[0])
    }

    #[test]
    fn peers_take_turns_and_votes_go_before_bulk() {
        let queues = Queues::new();
        for (from, bulk, byte) in [(1, true, 9), (1, false, 1), (1, false, 2), (2, false, 3), (3, false, 4)] {
            assert!(queues.push(frame(from, bulk, byte)));
        }

        let order: Vec<_> = (0..5).map(|_| take(&queues)).collect();

        assert_eq!(order, [(1, false, 1), (2, false, 3), (3, false, 4), (1, false, 2), (1, true, 9)]);
    }

    #[test]
    fn one_peers_frames_are_not_checked_side_by_side() {
        let queues = Queues::new();
        queues.push(frame(1, false, 1));
        queues.push(frame(1, false, 2));
        queues.push(frame(2, false, 3));

        let first = queues.take().unwrap();
        let second = queues.take().unwrap();

        assert_eq!((first.from.get(), second.from.get()), (1, 2));
        queues.done(first.from, false);
        assert_eq!(queues.take().unwrap().bytes, [2]);
    }

    #[test]
    fn a_peer_that_floods_loses_its_own_frames_only() {
        let queues = Queues::new();
        for _ in 0..WAITING_FRAMES_MAX {
            assert!(queues.push(frame(1, false, 0)));
        }

        assert!(!queues.push(frame(1, false, 0)));
        assert!(queues.push(frame(2, false, 0)));
        assert!(queues.push(frame(1, true, 0)));
    }

    #[test]
    fn closing_ends_the_wait() {
        let queues = Queues::new();
        queues.push(frame(1, false, 0));
        queues.close();

        assert_eq!(queues.take(), None);
    }
}
