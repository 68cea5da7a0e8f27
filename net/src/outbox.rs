//! Frames to be sent to one peer on one channel: a queue bounded by frames and bytes that refuses the newest.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio_util::bytes::Bytes;

use crate::limits::QueueMax;

/// Filled by the shell, drained by the one task that writes the stream.
///
/// The queue outlives streams: frames for a peer that is away go out when it is back. Frames that a dying stream had
/// taken are lost; status and repair (rule N9) bring them again.
#[derive(Debug)]
pub(crate) struct Outbox {
    max: QueueMax,
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    bytes: usize,
}

impl Outbox {
    pub(crate) fn new(max: QueueMax) -> Self {
        Self { max, queue: Mutex::default(), filled: Notify::new() }
    }

    /// Appends `frame`; false if the queue is full, which then stays as it was. Never blocks.
    pub(crate) fn push(&self, frame: Bytes) -> bool {
        let mut queue = self.lock();
        if queue.frames.len() >= self.max.frames || queue.bytes + frame.len() > self.max.bytes {
            return false;
        }
        queue.bytes += frame.len();
        queue.frames.push_back(frame);
        drop(queue);
        self.filled.notify_one();
        true
    }

    /// The oldest frame, if one waits.
    pub(crate) fn try_next(&self) -> Option<Bytes> {
        let mut queue = self.lock();
        let frame = queue.frames.pop_front()?;
        queue.bytes -= frame.len();
        Some(frame)
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

    #[tokio::test]
    async fn a_waiting_writer_wakes_for_a_frame() {
        let outbox = std::sync::Arc::new(Outbox::new(QueueMax { frames: 1, bytes: 10 }));
        let waiting = outbox.clone();
        let writer = tokio::spawn(async move { waiting.next().await });

        outbox.push(frame(3));

        assert_eq!(writer.await.unwrap().len(), 3);
    }
}
