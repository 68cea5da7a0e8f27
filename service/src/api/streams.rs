//! Shared parts of streams: their counts, and the newest look at the order.

use axum::body::Bytes;
use quorate_client::api::Event;
use quorate_ledger::{EnvelopeId, Revision};
use quorate_pbft::SeqNum;
use std::net::IpAddr;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore};

/// Streams of events at a time.
const STREAMS_MAX: usize = 256;
/// Streams of envelopes at a time.
const OFFERS_MAX: usize = 128;
/// Places of one address beyond which its newcomers leave at once where another address asks.
const CROWD: usize = OFFERS_MAX / 2;

/// Times after which a stream leaves where another asks for its place.
struct Patience {
    /// From the begin, where nothing was let in.
    new: Duration,
    /// The same while an envelope comes: the largest has half a minute and more.
    grows: Duration,
    /// Without a new envelope, or more of one, where some were let in.
    unused: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { new: Duration::from_secs(2), grows: Duration::from_secs(60), unused: Duration::from_secs(10) }
    }
}

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
    patience: Patience,
    newest: Mutex<Option<(Slots, Look)>>,
}

impl Default for Streams {
    fn default() -> Self {
        let room = Arc::new(Semaphore::new(STREAMS_MAX));
        Self { room, offers: std::sync::Mutex::default(), patience: Patience::default(), newest: Mutex::default() }
    }
}

/// Place of a stream of envelopes.
pub struct Offering {
    /// Address of its client; none where no door has seen it.
    from: Option<IpAddr>,
    begun: Instant,
    used: std::sync::Mutex<Used>,
    leave: Notify,
}

/// Use of a place.
struct Used {
    /// When a new envelope was let in or answered last; none before the first.
    last: Option<Instant>,
    /// When an envelope that is not whole yet has grown.
    grew: Option<Instant>,
    /// Envelopes at the gate, and new ones without an answer.
    working: usize,
}

/// Envelope of a stream: at the gate, and if it is let in and new until it is answered.
pub struct Entering {
    place: Arc<Offering>,
    is_in: bool,
}

impl Offering {
    fn begin(from: Option<IpAddr>) -> Arc<Self> {
        let used = Used { last: None, grew: None, working: 0 };
        Arc::new(Self { from, begun: Instant::now(), used: std::sync::Mutex::new(used), leave: Notify::new() })
    }

    /// Notes that more of an envelope has come.
    pub fn grow(&self) {
        self.used().grew = Some(Instant::now());
    }

    /// Notes that an envelope is whole, and comes to the gate.
    pub fn enter(self: &Arc<Self>) -> Entering {
        let mut used = self.used();
        (used.grew, used.working) = (None, used.working + 1);
        Entering { place: self.clone(), is_in: false }
    }

    /// Ends when the stream has to leave for another.
    pub async fn must_leave(&self) {
        self.leave.notified().await;
    }

    /// Rank among those that may have to leave, the first in order first: those from which nothing new was ever let in, and
    /// then by their last use. None while it is in use: an envelope that grows is use, but a newcomer's for a while only, and
    /// none where its address is a crowd.
    fn rank(&self, patience: &Patience, is_crowd: bool) -> Option<(bool, Instant)> {
        let used = self.used();
        let grows = used.grew.is_some_and(|grew| grew.elapsed() < patience.unused);
        let (last, is_over) = match used.last {
            Some(last) => (last, !grows && last.elapsed() >= patience.unused),
            None if grows && self.begun.elapsed() < patience.grows => (self.begun, is_crowd),
            None => (self.begun, is_crowd || self.begun.elapsed() >= patience.new),
        };
        (used.working == 0 && is_over).then_some((used.last.is_some(), last))
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entering {
    /// Notes that the envelope was let in, and is new.
    pub fn is_let_in(&mut self) {
        self.is_in = true;
        self.place.used().last = Some(Instant::now());
    }
}

impl Drop for Entering {
    fn drop(&mut self) {
        let mut used = self.place.used();
        used.working -= 1;
        if self.is_in {
            used.last = Some(Instant::now());
        }
    }
}

impl Streams {
    /// Room for one more stream of events, as long as it is held.
    pub fn room(&self) -> Option<OwnedSemaphorePermit> {
        self.room.clone().try_acquire_owned().ok()
    }

    /// Place for one more stream of envelopes, as long as it is held. If none is free, another has to leave: one from which
    /// nothing new was let in, or else the one that is unused for longest. It is told, and no more counted.
    pub fn place_for_offers(&self, from: Option<IpAddr>) -> Option<Arc<Offering>> {
        let mut known = self.offers.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|offering| offering.strong_count() > 0);
        if known.len() >= OFFERS_MAX {
            let open: Vec<_> = known.iter().filter_map(Weak::upgrade).collect();
            let of = |address| open.iter().filter(|offering| offering.from == address).count();
            let ranked = open.iter().filter_map(|offering| {
                let is_crowd = offering.from != from && of(offering.from) > CROWD;
                Some((offering.rank(&self.patience, is_crowd)?, offering))
            });
            let (_, leaves) = ranked.min_by_key(|(rank, _)| *rank)?;
            leaves.leave.notify_one();
            known.retain(|offering| !std::ptr::eq(offering.as_ptr(), Arc::as_ptr(leaves)));
        }
        let offering = Offering::begin(from);
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

    const A: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    /// All places are taken, where streams have so many seconds.
    fn full(patience: [u64; 3]) -> (Streams, Vec<Arc<Offering>>) {
        let [new, grows, unused] = patience.map(Duration::from_secs);
        let streams = Streams { patience: Patience { new, grows, unused }, ..Streams::default() };
        let open = (0..OFFERS_MAX).map(|_| streams.place_for_offers(A).expect("there is room")).collect();
        (streams, open)
    }

    fn lets_in(offering: &Arc<Offering>) -> Entering {
        let mut entering = offering.enter();
        entering.is_let_in();
        entering
    }

    #[test]
    fn a_stream_that_has_just_begun_or_lets_in_keeps_its_place() {
        let (streams, open) = full([60, 60, 60]);
        assert!(streams.place_for_offers(A).is_none());
        drop(lets_in(&open[0]));
        assert!(streams.place_for_offers(A).is_none());
    }

    #[test]
    fn a_stream_that_never_let_anything_in_leaves_first_and_then_the_longest_unused() {
        let (streams, open) = full([0, 60, 0]);
        let waits = lets_in(&open[0]);
        open[2..].iter().for_each(|offering| drop(lets_in(offering)));
        let more: Vec<_> = (0..3).map(|_| streams.place_for_offers(A).expect("one leaves")).collect();
        assert_eq!([0, 1, 2, 3].map(|at| leaves(&open[at])), [false, true, false, false]);
        assert_eq!([0, 1, 2].map(|at| leaves(&more[at])), [true, true, false], "they let nothing in either");
        drop(lets_in(&more[2]));
        let _other = streams.place_for_offers(A).expect("the longest unused");
        assert_eq!([0, 1, 2, 3].map(|at| leaves(&open[at])), [false, false, true, false]);
        drop(waits);
    }

    #[test]
    fn an_envelope_at_the_gate_or_that_grows_keeps_the_place_and_one_that_is_refused_does_not() {
        let (streams, open) = full([0, 60, 60]);
        open[1..].iter().for_each(|offering| offering.grow());
        let at_the_gate = open[0].enter();
        assert!(streams.place_for_offers(A).is_none());
        drop(at_the_gate);
        assert!(streams.place_for_offers(A).is_some() && leaves(&open[0]));
    }

    #[test]
    fn a_newcomers_envelope_that_grows_keeps_no_place_for_ever() {
        let (streams, open) = full([0, 0, 60]);
        open.iter().for_each(|offering| offering.grow());
        assert!(streams.place_for_offers(A).is_some());
    }

    #[test]
    fn newcomers_of_a_crowd_leave_at_once_for_another_address() {
        let (streams, open) = full([60, 60, 60]);
        open.iter().for_each(|offering| offering.grow());
        assert!(streams.place_for_offers(A).is_none());
        let first = (1..=OFFERS_MAX - CROWD).map(|_| streams.place_for_offers(None).expect("a crowd's"));
        let held: Vec<_> = first.collect();
        assert!(streams.place_for_offers(None).is_none(), "half of the places stay the crowd's");
        drop(held);
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
