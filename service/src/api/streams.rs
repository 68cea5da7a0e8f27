//! Shared parts of streams: their counts, and the newest look at the order.

use axum::body::Bytes;
use quorate_client::api::Event;
use quorate_ledger::{EnvelopeId, Revision};
use quorate_pbft::SeqNum;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// Streams of events at a time.
const STREAMS_MAX: usize = 256;
/// Streams of envelopes at a time.
const OFFERS_MAX: usize = 128;

/// Slots that a look goes through: after a position, up to the end of a slot.
pub type Slots = (Revision, SeqNum);

/// Events of some slots, each with the position to go on from.
pub type Look = Arc<Vec<(Revision, Found)>>;

/// An event, or the name of a receipt, which may be large.
#[derive(Debug, Clone)]
pub enum Found {
    /// A receipt, read when it is sent.
    Receipt(EnvelopeId),
    /// Anything else.
    Event(Event),
    /// An event as it is sent.
    Written(Bytes),
}

/// Room for streams, and the newest look: hundreds of subscribers to what happens now ask for the same.
pub struct Streams {
    room: Arc<Semaphore>,
    offers: Arc<Semaphore>,
    newest: Mutex<Option<(Slots, Look)>>,
}

impl Default for Streams {
    fn default() -> Self {
        let [room, offers] = [STREAMS_MAX, OFFERS_MAX].map(|places| Arc::new(Semaphore::new(places)));
        Self { room, offers, newest: Mutex::default() }
    }
}

impl Streams {
    /// Room for one more stream of events, as long as it is held.
    pub fn room(&self) -> Option<OwnedSemaphorePermit> {
        self.room.clone().try_acquire_owned().ok()
    }

    /// Room for one more stream of envelopes, as long as it is held.
    pub fn room_for_offers(&self) -> Option<OwnedSemaphorePermit> {
        self.offers.clone().try_acquire_owned().ok()
    }

    /// The look at the newest slots: that of another stream, or else what `find` gives.
    pub async fn newest(&self, slots: Slots, find: impl Future<Output = Option<Look>>) -> Option<Look> {
        let mut newest = self.newest.lock().await;
        match &*newest {
            Some((known, look)) if *known == slots => Some(look.clone()),
            _ => {
                let look = find.await?;
                *newest = Some((slots, look.clone()));
                Some(look)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn streams_at_one_place_share_one_look() {
        let (streams, slots) = (Streams::default(), (Revision::slot(SeqNum::new(6)), SeqNum::new(7)));
        let first = streams.newest(slots, async { Some(Look::default()) }).await.expect("it was found");
        let second = streams.newest(slots, async { panic!("nobody looks twice") }).await.expect("it is known");
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn there_is_room_for_so_many_streams() {
        let streams = Streams::default();
        let open: Vec<_> = (0..STREAMS_MAX).map(|_| streams.room().expect("there is room")).collect();
        assert!(streams.room().is_none());
        drop(open);
        assert!(streams.room().is_some());
    }
}
