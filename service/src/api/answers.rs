//! Large answers: few are made at a time, and each keeps its room until its reader has taken it.

use super::problem::{Answer, Failure};
use axum::body::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// KiB of large answers that readers have not taken yet.
const UNREAD_KIB: usize = 64 << 10;
/// Bytes of an answer that needs no room: less than a connection's own buffers.
const SMALL_BYTES: usize = 16 << 10;
/// Answers that are made at a time: each reads much of the disk, or hashes much.
const MADE_AT_A_TIME: usize = 4;
/// Time that an answer waits for its turn and its room.
const ROOM_WITHIN: Duration = Duration::from_secs(10);

/// Turns and room for large answers.
pub struct Answers {
    turns: Arc<Semaphore>,
    unread: Arc<Semaphore>,
    within: Duration,
}

impl Default for Answers {
    fn default() -> Self {
        let [turns, unread] = [MADE_AT_A_TIME, UNREAD_KIB].map(|count| Arc::new(Semaphore::new(count)));
        Self { turns, unread, within: ROOM_WITHIN }
    }
}

/// Bytes with the room that they take.
struct Unread {
    bytes: Vec<u8>,
    _room: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Answers {
    /// Makes an answer on a thread that may block; its room is free again when the last byte has left.
    pub async fn make(&self, work: impl FnOnce() -> Answer<Vec<u8>> + Send + 'static) -> Answer<Bytes> {
        let _turn = self.permits(&self.turns, 1).await?;
        let made = tokio::task::spawn_blocking(work).await;
        let bytes = made.unwrap_or_else(|_| Err(Failure::stopping()))?;
        let kib = bytes.len().div_ceil(1 << 10).min(UNREAD_KIB);
        let room = if bytes.len() > SMALL_BYTES { Some(self.permits(&self.unread, kib).await?) } else { None };
        Ok(Bytes::from_owner(Unread { bytes, _room: room }))
    }

    async fn permits(&self, of: &Arc<Semaphore>, count: usize) -> Answer<OwnedSemaphorePermit> {
        let permits = tokio::time::timeout(self.within, of.clone().acquire_many_owned(count as u32)).await;
        permits.ok().and_then(Result::ok).ok_or_else(|| Failure::busy("too many large answers are on their way out"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_keeps_its_room_until_it_is_gone() {
        let answers = Answers::default();
        let bytes = answers.make(|| Ok(vec![0; 1 << 20])).await.expect("there is room");
        let copy = bytes.slice(7..);
        drop(bytes);
        assert_eq!(answers.unread.available_permits(), UNREAD_KIB - 1_024);
        drop(copy);
        assert_eq!(answers.unread.available_permits(), UNREAD_KIB);
    }

    #[tokio::test]
    async fn an_answer_without_room_is_refused_in_time() {
        let answers = Answers { within: Duration::from_millis(10), ..Answers::default() };
        let large = answers.make(|| Ok(vec![0; UNREAD_KIB << 10])).await.expect("there is room");
        assert!(answers.make(|| Ok(vec![0; 1 << 20])).await.is_err());
        assert!(answers.make(|| Ok(vec![0; 100])).await.is_ok(), "small answers need none");
        drop(large);
    }
}
