//! Frames to be sent to one peer on one channel: a queue bounded by frames and bytes that refuses the newest.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;
use tokio_util::bytes::Bytes;

use crate::limits::{QueueMax, STALE_AFTER};

/// Filled by the shell, drained by the one task that writes the stream.
///
/// The queue outlives streams: frames for a peer that is away go out when it is back, unless they are older than
/// [`STALE_AFTER`]. Frames that a dying stream had taken are lost; status and repair (rule N9) bring them again.
#[derive(Debug)]
pub(crate) struct Outbox {
    max: QueueMax,
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Debug)]
struct Queue {
    /// Each with the moment at which it was queued.
    frames: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    /// Since when no stream drains it; none while one does.
    away_since: Option<Instant>,
}

impl Queue {
    fn pop(&mut self) -> Option<Bytes> {
        let (_, frame) = self.frames.pop_front()?;
        self.bytes -= frame.len();
        Some(frame)
    }

    /// Drops what is stale by now, for a peer that is away: a vote of a slot that the others have executed since, or what they
    /// said of themselves then, only keeps it from what it needs.
    fn forget(&mut self, now: Instant) {
        let is_stale = |queued: Instant| now.saturating_duration_since(queued) > STALE_AFTER;
        while self.away_since.is_some() && self.frames.front().is_some_and(|(queued, _)| is_stale(*queued)) {
            self.pop();
        }
    }
}

impl Outbox {
    pub(crate) fn new(max: QueueMax) -> Self {
        let queue = Queue { frames: VecDeque::new(), bytes: 0, away_since: Some(Instant::now()) };
        Self { max, queue: Mutex::new(queue), filled: Notify::new() }
    }

    /// Appends `frame`; false if the queue is full, which then stays as it was. Never blocks.
    pub(crate) fn push(&self, frame: Bytes) -> bool {
        self.push_at(frame, Instant::now())
    }

    fn push_at(&self, frame: Bytes, now: Instant) -> bool {
        let mut queue = self.lock();
        queue.forget(now);
        if queue.frames.len() >= self.max.frames || queue.bytes + frame.len() > self.max.bytes {
            return false;
        }
        queue.bytes += frame.len();
        queue.frames.push_back((now, frame));
        drop(queue);
        self.filled.notify_one();
        true
    }

    /// A stream drains it from now on, maybe in place of another.
    pub(crate) fn drains(&self, now: Instant) {
        let mut queue = self.lock();
        queue.forget(now);
        queue.away_since = None;
    }

    /// The stream that drained it has ended.
    pub(crate) fn rests(&self, now: Instant) {
        self.lock().away_since = Some(now);
    }

    /// The oldest frame, if one waits.
    pub(crate) fn try_next(&self) -> Option<Bytes> {
        self.lock().pop()
    }

    /// The oldest frame, as soon as there is one. Loses nothing when it is dropped half way.
    pub(crate) async fn next(&self) -> Bytes {
        loop {
            if let Some(frame) = self.try_next() {
                return frame;
            }
            self.filled.notified().await;
        }
    }

    /// Frames and bytes that wait.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let queue = self.lock();
        (queue.frames.len(), queue.bytes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn frame(bytes: usize) -> Bytes {
        Bytes::from(vec![0; bytes])
    }

    #[test]
    fn a_full_queue_refuses_the_newest_by_count() {
        let outbox = Outbox::new(QueueMax { frames: 2, bytes: 100 });

        assert!(outbox.push(Bytes::from_static(b"first")));
        assert!(outbox.push(Bytes::from_static(b"second")));
        assert!(!outbox.push(Bytes::from_static(b"third")));

        assert_eq!(outbox.try_next().unwrap(), "first");
        assert_eq!(outbox.try_next().unwrap(), "second");
        assert_eq!(outbox.try_next(), None);
    }

    #[test]
    fn a_queue_takes_its_bytes_to_the_last_and_not_one_more() {
        let outbox = Outbox::new(QueueMax { frames: 9, bytes: 10 });

        assert!(outbox.push(frame(4)));
        assert!(!outbox.push(frame(7)));
        assert!(outbox.push(frame(6)));

        assert_eq!(outbox.waiting(), (2, 10));
    }

    #[test]
    fn a_taken_frame_makes_room() {
        let outbox = Outbox::new(QueueMax { frames: 1, bytes: 10 });
        assert!(outbox.push(frame(10)));

        outbox.try_next().unwrap();

        assert_eq!(outbox.waiting(), (0, 0));
        assert!(outbox.push(frame(10)));
    }

    #[test]
    fn a_peer_that_comes_back_gets_what_was_queued_lately_and_nothing_older() {
        let (outbox, begun) = (Outbox::new(QueueMax { frames: 9, bytes: 100 }), Instant::now());
        outbox.push_at(Bytes::from_static(b"old"), begun);
        outbox.push_at(Bytes::from_static(b"new"), begun + STALE_AFTER);

        outbox.drains(begun + STALE_AFTER + Duration::from_millis(1));

        assert_eq!(outbox.waiting(), (1, 3));
        assert_eq!(outbox.try_next().unwrap(), "new");
    }

    #[test]
    fn what_is_stale_makes_room_for_what_is_new_while_a_peer_is_away() {
        let (outbox, begun) = (Outbox::new(QueueMax { frames: 1, bytes: 100 }), Instant::now());
        assert!(outbox.push_at(Bytes::from_static(b"old"), begun));
        assert!(!outbox.push_at(Bytes::from_static(b"soon"), begun + STALE_AFTER));

        assert!(outbox.push_at(Bytes::from_static(b"new"), begun + STALE_AFTER + Duration::from_millis(1)));

        assert_eq!(outbox.try_next().unwrap(), "new");
    }

    #[test]
    fn a_slow_peer_that_is_there_loses_nothing_by_age() {
        let (outbox, begun) = (Outbox::new(QueueMax { frames: 9, bytes: 100 }), Instant::now());
        outbox.drains(begun);
        outbox.push_at(Bytes::from_static(b"first"), begun);

        outbox.push_at(Bytes::from_static(b"second"), begun + 10 * STALE_AFTER);
        outbox.drains(begun + 10 * STALE_AFTER); // by another stream, in place of the first
        outbox.rests(begun + 10 * STALE_AFTER);

        assert_eq!(outbox.try_next().unwrap(), "first");
    }

    #[tokio::test]
    async fn a_waiting_writer_wakes_for_a_frame() {
        let outbox = std::sync::Arc::new(Outbox::new(QueueMax { frames: 1, bytes: 10 }));
        let waiting = outbox.clone();
        let writer = tokio::spawn(async move { waiting.next().await });

        outbox.push(frame(3));

        assert_eq!(writer.await.unwrap().len(), 3);
    }
}
