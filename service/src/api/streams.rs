//! Shared parts of streams: their counts, and the newest look at the order.

use axum::body::Bytes;
use quorate_client::api::Event;
use quorate_ledger::{EnvelopeId, Revision};
use quorate_pbft::SeqNum;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore};

/// Streams of events at a time.
const STREAMS_MAX: usize = 256;
/// Streams of envelopes at a time.
const OFFERS_MAX: usize = 128;
/// Time without an envelope that is let in after which a stream leaves where another asks for its place.
const UNUSED: Duration = Duration::from_secs(10);

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
    offers: std::sync::Mutex<Vec<Weak<Offering>>>,
    unused: Duration,
    newest: Mutex<Option<(Slots, Look)>>,
}

impl Default for Streams {
    fn default() -> Self {
        let room = Arc::new(Semaphore::new(STREAMS_MAX));
        Self { room, offers: std::sync::Mutex::default(), unused: UNUSED, newest: Mutex::default() }
    }
}

/// Place of a stream of envelopes.
pub struct Offering {
    /// When an envelope was let in last, or the stream began; and how many have no answer yet.
    used: std::sync::Mutex<(Instant, usize)>,
    leave: Notify,
}

/// Envelope of a stream that was let in, until it is answered.
pub struct Entered(Arc<Offering>);

impl Offering {
    fn begin() -> Arc<Self> {
        Arc::new(Self { used: std::sync::Mutex::new((Instant::now(), 0)), leave: Notify::new() })
    }

    /// Notes that an envelope was let in.
    pub fn enter(self: &Arc<Self>) -> Entered {
        let mut used = self.used();
        *used = (Instant::now(), used.1 + 1);
        Entered(self.clone())
    }

    /// Ends when the stream has to leave for another.
    pub async fn must_leave(&self) {
        self.leave.notified().await;
    }

    fn is_unused_for(&self, time: Duration) -> bool {
        let (last, waiting) = *self.used();
        waiting == 0 && last.elapsed() >= time
    }

    fn used(&self) -> MutexGuard<'_, (Instant, usize)> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.used().1 -= 1;
    }
}

impl Streams {
    /// Room for one more stream of events, as long as it is held.
    pub fn room(&self) -> Option<OwnedSemaphorePermit> {
        self.room.clone().try_acquire_owned().ok()
    }

    /// Place for one more stream of envelopes, as long as it is held. If none is free, that goes which has let no
    /// envelope in for longest: it is told, and no more counted.
    pub fn place_for_offers(&self) -> Option<Arc<Offering>> {
        let mut known = self.offers.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|offering| offering.strong_count() > 0);
        if known.len() >= OFFERS_MAX {
            let open = known.iter().enumerate().filter_map(|(at, offering)| Some((at, offering.upgrade()?)));
            let unused = open.filter(|(_, offering)| offering.is_unused_for(self.unused));
            let (at, longest) = unused.min_by_key(|(_, offering)| offering.used().0)?;
            longest.leave.notify_one();
            known.swap_remove(at);
        }
        let offering = Offering::begin();
        known.push(Arc::downgrade(&offering));
        Some(offering)
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

    fn leaves(offering: &Offering) -> bool {
        use futures::FutureExt as _;
        offering.must_leave().now_or_never().is_some()
    }

    #[test]
    fn a_stream_that_lets_no_envelope_in_leaves_for_another_and_the_longest_first() {
        let streams = Streams { unused: Duration::from_millis(50), ..Streams::default() };
        let open: Vec<_> = (0..OFFERS_MAX).map(|_| streams.place_for_offers().expect("there is room")).collect();
        assert!(streams.place_for_offers().is_none(), "all have just begun");
        std::thread::sleep(Duration::from_millis(60));
        let waits = open[0].enter();
        drop(open[1].enter());

        let another = streams.place_for_offers().expect("the third goes");

        assert_eq!([0, 1, 2, 3].map(|at| leaves(&open[at])), [false, false, true, false]);
        drop((another, waits));
        assert!(streams.place_for_offers().is_some() && !leaves(&open[3]), "one was free");
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
