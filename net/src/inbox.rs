//! Frames that peers sent and that are not worked off yet.
//!
//! Every peer has a budget of its own on each channel (rule B: budgets are per sender, never shared). The stream's task
//! gets room for a frame *before* it reads the frame and the room is given back when the frame is dropped, so a frame
//! that is being verified still counts. Without room nothing is read, the stream's window fills, and the peer waits.
//! Readers take in turns: one vote from each peer, then one bulk frame, so that neither a peer nor a channel starves
//! another; and a queue from which a frame is in hand is left alone, so that several readers keep its order.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_pbft::PublicKey;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::bytes::Bytes;

use crate::channel::{Channel, PerChannel};
use crate::limits::{IN_BULK, IN_VOTES, QueueMax};

/// News of the network.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A frame came. Frames of one peer on one channel come in the order in which they were sent, the next one once this
    /// one is dropped.
    Received {
        /// Peer on whose connection it came; who signed what is inside is another question.
        from: PublicKey,
        /// The channel it was sent on.
        channel: Channel,
        /// The bytes, never empty, at most [`Channel::frame_bytes_max`].
        frame: Frame,
    },
    /// Votes can flow to and from `peer`.
    Up {
        /// The peer that is there.
        peer: PublicKey,
    },
    /// The link to `peer` broke; what was on its way is lost. A Down and an Up that no reader took in between are told
    /// as one of each.
    Down {
        /// The peer that went away.
        peer: PublicKey,
    },
}

/// Bytes of a frame in the hand of a reader. Drop gives its room back to the peer and lets the next one follow.
pub struct Frame {
    bytes: Bytes,
    room: Option<Room>,
    inbox: Arc<Inbox>,
    queue: (usize, Channel),
}

impl Frame {
    /// Its room, to be given back to the peer later than the frame is dropped: when what was in it is. None the second time.
    pub fn take_room(&mut self) -> Option<Room> {
        self.room.take()
    }
}

impl Deref for Frame {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.bytes
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Frame {}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.bytes.fmt(f)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.inbox.put_down(self.queue);
    }
}

/// Readers' end of the network. Copies take from the same queues.
#[derive(Debug, Clone)]
pub struct Events {
    inbox: Arc<Inbox>,
}

impl Events {
    pub(crate) fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox }
    }

    /// The next event; none once the network has stopped. Loses nothing when it is dropped half way.
    pub async fn recv(&self) -> Option<Event> {
        self.inbox.next().await
    }

    /// The next event, for a plain thread: blocks until there is one.
    pub fn blocking_recv(&self) -> Option<Event> {
        futures::executor::block_on(self.inbox.next())
    }

    /// From now on at most all but one of so many readers have bulk in hand at a time: one is left for votes, whatever bulk
    /// takes. A single reader takes both.
    pub fn spare_a_reader(&self, readers: usize) {
        self.inbox.lock().bulk_max = Some(readers.saturating_sub(1).max(1));
    }

    /// Drops what is queued and ends all waiting: nothing comes any more.
    pub fn close(&self) {
        self.inbox.discard();
    }
}

/// Room for one frame within its sender's budget; given back when dropped.
#[derive(Debug)]
pub struct Room {
    _bytes: OwnedSemaphorePermit,
    _frame: OwnedSemaphorePermit,
}

#[derive(Debug, Clone)]
struct Budget {
    bytes: Arc<Semaphore>,
    frames: Arc<Semaphore>,
}

impl Budget {
    fn new(max: QueueMax) -> Self {
        Self { bytes: Arc::new(Semaphore::new(max.bytes)), frames: Arc::new(Semaphore::new(max.frames)) }
    }
}

/// Queues of each peer and channel; peers are named by their places.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    ready: Notify,
}

impl Inbox {
    /// Takes frames of a peer from now on.
    pub(crate) fn add(&self, peer: usize, key: PublicKey) {
        self.lock().peers.insert(peer, PeerQueues::new(key));
    }

    /// Drops what a peer said and nobody took, and takes nothing more of it.
    pub(crate) fn remove(&self, peer: usize) {
        self.lock().peers.remove(&peer);
    }

    /// Waits until the peer's budget has room for a frame of `bytes`, at most the channel's limit, that takes so many
    /// places; for ever, if the peer is none any more.
    pub(crate) async fn room(&self, peer: usize, channel: Channel, bytes: usize, places: u32) -> Room {
        let budget = self.lock().peers.get(&peer).map(|peer| peer.budgets[channel].clone());
        let Some(budget) = budget else { return std::future::pending().await };
        let bytes = u32::try_from(bytes).expect("frame limits fit u32, checked where they are defined");
        Room {
            _frame: budget.frames.acquire_many_owned(places).await.expect("budgets are never closed"),
            _bytes: budget.bytes.acquire_many_owned(bytes).await.expect("budgets are never closed"),
        }
    }

    /// Queues a frame; after the end it is dropped.
    pub(crate) fn put(&self, peer: usize, channel: Channel, frame: Bytes, room: Room) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        if let Some(peer) = state.peers.get_mut(&peer) {
            peer.queues[channel].frames.push_back((frame, room));
            self.ready.notify_one();
        }
    }

    /// The votes stream numbered `link` stands; an earlier one of this peer is gone.
    pub(crate) fn up(&self, peer: usize, link: u64) {
        self.lock().peers.get_mut(&peer).into_iter().for_each(|peer| peer.link = Some(link));
        self.ready.notify_one();
    }

    /// The peer has no votes stream.
    pub(crate) fn down(&self, peer: usize) {
        self.lock().peers.get_mut(&peer).into_iter().for_each(|peer| peer.link = None);
        self.ready.notify_one();
    }

    /// After this readers get what is still here, and then nothing.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_waiters();
    }

    /// After this readers get nothing.
    fn discard(&self) {
        let mut state = self.lock();
        state.peers.values_mut().for_each(|peer| peer.queues = PerChannel::default());
        drop(state);
        self.close();
    }

    /// A reader has worked off its frame of this queue.
    fn put_down(&self, (peer, channel): (usize, Channel)) {
        let mut state = self.lock();
        state.peers.get_mut(&peer).into_iter().for_each(|peer| peer.queues[channel].is_in_hand = false);
        state.bulk_in_hand -= usize::from(channel == Channel::Bulk);
        drop(state);
        self.ready.notify_one();
    }

    async fn next(self: &Arc<Self>) -> Option<Event> {
        loop {
            let ready = self.ready.notified(); // from here on no call is missed, awaited or not
            if let Some(event) = self.take() {
                self.ready.notify_one(); // several calls wake one reader: it wakes the next
                return Some(event);
            }
            if self.lock().closed {
                return None;
            }
            ready.await;
        }
    }

    /// An event that is there already.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Event> {
        let mut state = self.lock();
        if let Some((peer, up)) = state.take_change() {
            return Some(if up { Event::Up { peer } } else { Event::Down { peer } });
        }
        let (peer, channel, (bytes, room)) = state.take_frame()?;
        let from = state.peers[&peer].key;
        let frame = Frame { bytes, room: Some(room), inbox: self.clone(), queue: (peer, channel) };
        Some(Event::Received { from, channel, frame })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Frames of one peer on one channel.
#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<(Bytes, Room)>,
    /// True while a reader has the frame before these.
    is_in_hand: bool,
}

#[derive(Debug)]
struct PeerQueues {
    key: PublicKey,
    budgets: PerChannel<Budget>,
    queues: PerChannel<Queue>,
    /// The votes stream that stands.
    link: Option<u64>,
    /// The one that readers have been told of.
    told: Option<u64>,
}

impl PeerQueues {
    fn new(key: PublicKey) -> Self {
        let budgets = PerChannel { votes: Budget::new(IN_VOTES), bulk: Budget::new(IN_BULK) };
        Self { key, budgets, queues: PerChannel::default(), link: None, told: None }
    }
}

#[derive(Debug, Default)]
struct State {
    peers: BTreeMap<usize, PeerQueues>,
    /// The lowest place whose turn it is.
    turn: PerChannel<usize>,
    /// Votes taken since the last bulk frame.
    votes_in_row: usize,
    /// Bulk frames that readers have, also of peers that left, and how many they may have.
    bulk_in_hand: usize,
    bulk_max: Option<usize>,
    closed: bool,
}

impl State {
    /// A peer whose link is not what readers were told, and whether it is up.
    fn take_change(&mut self) -> Option<(PublicKey, bool)> {
        let peer = self.peers.values_mut().find(|peer| peer.link != peer.told)?;
        peer.told = if peer.told.is_some() { None } else { peer.link };
        Some((peer.key, peer.told.is_some()))
    }

    /// Votes first, but after one for each peer it is the turn of a bulk frame.
    fn take_frame(&mut self) -> Option<(usize, Channel, (Bytes, Room))> {
        let order = if self.votes_in_row < self.peers.len() {
            [Channel::Votes, Channel::Bulk]
        } else {
            [Channel::Bulk, Channel::Votes]
        };
        let is_full = self.bulk_max.is_some_and(|max| self.bulk_in_hand >= max);
        order
            .into_iter()
            .filter(|channel| *channel == Channel::Votes || !is_full)
            .find_map(|channel| self.take_from(channel))
    }

    fn take_from(&mut self, channel: Channel) -> Option<(usize, Channel, (Bytes, Room))> {
        let first = self.turn[channel];
        let mut order = self.peers.range(first..).chain(self.peers.range(..first));
        let peer = order.find_map(|(place, peer)| peer.queues[channel].is_free().then_some(*place))?;
        let queue = &mut self.peers.get_mut(&peer)?.queues[channel];
        let frame = queue.frames.pop_front()?;
        queue.is_in_hand = true;
        self.bulk_in_hand += usize::from(channel == Channel::Bulk);
        self.turn[channel] = peer + 1;
        self.votes_in_row = match channel {
            Channel::Votes => self.votes_in_row.saturating_add(1),
            Channel::Bulk => 0,
        };
        Some((peer, channel, frame))
    }
}

impl Queue {
    /// True if a reader may take from it.
    fn is_free(&self) -> bool {
        !self.is_in_hand && !self.frames.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    fn inbox(peers: u16) -> Arc<Inbox> {
        let inbox = Arc::new(Inbox::default());
        (0..peers).for_each(|place| inbox.add(place.into(), key(place as u8)));
        inbox
    }

    fn key(place: u8) -> PublicKey {
        PublicKey([place; 32])
    }

    async fn came(inbox: &Inbox, peer: usize, channel: Channel, frame: &'static [u8]) {
        let room = inbox.room(peer, channel, frame.len(), 1).await;
        inbox.put(peer, channel, Bytes::from_static(frame), room);
    }

    fn taken(inbox: &Arc<Inbox>) -> (u16, Channel) {
        match inbox.take() {
            Some(Event::Received { from, channel, .. }) => (from.0[0].into(), channel),
            other => panic!("not a frame: {other:?}"),
        }
    }

    #[tokio::test]
    async fn peers_take_turns() {
        let inbox = inbox(3);
        for _ in 0..4 {
            came(&inbox, 0, Channel::Votes, b"flood").await;
        }
        came(&inbox, 2, Channel::Votes, b"one").await;

        let order: Vec<u16> = (0..3).map(|_| taken(&inbox).0).collect();

        assert_eq!(order, [0, 2, 0]);
    }

    #[tokio::test]
    async fn a_vote_waits_for_one_bulk_frame_at_most_and_bulk_for_one_round_of_votes() {
        let inbox = inbox(2);
        for _ in 0..5 {
            came(&inbox, 0, Channel::Votes, b"v").await;
            came(&inbox, 1, Channel::Bulk, b"b").await;
        }

        let order: Vec<Channel> = (0..6).map(|_| taken(&inbox).1).collect();

        use Channel::{Bulk, Votes};
        assert_eq!(order, [Votes, Votes, Bulk, Votes, Votes, Bulk]);
    }

    #[tokio::test]
    async fn while_all_readers_but_one_have_bulk_the_last_takes_votes_alone() {
        let inbox = inbox(3);
        Events::new(inbox.clone()).spare_a_reader(2);
        for peer in [0, 1] {
            came(&inbox, peer, Channel::Bulk, b"b").await;
        }
        let bulk = inbox.take().expect("bulk of peer 0");
        came(&inbox, 2, Channel::Votes, b"v").await;

        assert_eq!(taken(&inbox), (2, Channel::Votes));
        assert_eq!(inbox.take(), None, "the bulk of peer 1 waits for the other reader");
        drop(bulk);

        assert_eq!(taken(&inbox), (1, Channel::Bulk));
    }

    #[tokio::test]
    async fn a_single_reader_takes_bulk_too() {
        let inbox = inbox(1);
        Events::new(inbox.clone()).spare_a_reader(1);
        came(&inbox, 0, Channel::Bulk, b"b").await;

        assert_eq!(taken(&inbox), (0, Channel::Bulk));
    }

    #[tokio::test]
    async fn a_peer_without_room_waits_and_another_does_not() {
        let inbox = inbox(2);
        let full = inbox.room(0, Channel::Bulk, Channel::Bulk.frame_bytes_max(), 1).await;
        inbox.put(0, Channel::Bulk, Bytes::from_static(b"largest"), full);
        let soon = Duration::from_millis(20);

        assert!(tokio::time::timeout(soon, inbox.room(0, Channel::Bulk, 1, 1)).await.is_err());
        came(&inbox, 1, Channel::Bulk, b"other").await;
        came(&inbox, 0, Channel::Votes, b"other channel").await;

        while inbox.take().is_some() {}
        came(&inbox, 0, Channel::Bulk, b"again").await;
    }

    #[tokio::test]
    async fn small_frames_are_bounded_by_count() {
        let inbox = inbox(1);
        for _ in 0..IN_VOTES.frames {
            came(&inbox, 0, Channel::Votes, b"v").await;
        }

        let one_more = inbox.room(0, Channel::Votes, 1, 1);

        assert!(tokio::time::timeout(Duration::from_millis(20), one_more).await.is_err());
    }

    #[test]
    fn a_link_replaced_unseen_is_told_as_down_and_up() {
        let inbox = inbox(1);
        let peer = key(0);
        inbox.up(0, 1);
        assert_eq!(inbox.take(), Some(Event::Up { peer }));

        inbox.down(0);
        inbox.up(0, 2);

        assert_eq!(inbox.take(), Some(Event::Down { peer }));
        assert_eq!(inbox.take(), Some(Event::Up { peer }));
        assert_eq!(inbox.take(), None);
    }

    #[tokio::test]
    async fn a_closed_inbox_ends_after_what_it_holds() {
        let inbox = inbox(1);
        came(&inbox, 0, Channel::Votes, b"last").await;

        inbox.close();

        assert!(matches!(inbox.next().await, Some(Event::Received { .. })));
        assert_eq!(inbox.next().await, None);
    }

    #[tokio::test]
    async fn two_readers_never_have_frames_of_one_queue_at_once() {
        let inbox = inbox(2);
        for peer in [0, 0, 1] {
            came(&inbox, peer, Channel::Votes, b"v").await;
        }

        let first = inbox.take().expect("a frame of peer 0");
        assert_eq!(taken(&inbox).0, 1);
        assert_eq!(inbox.take(), None, "the next frame of peer 0 waits for the first");
        drop(first);

        assert_eq!(taken(&inbox).0, 0);
    }

    #[tokio::test]
    async fn a_frame_in_hand_still_fills_its_peers_budget() {
        let inbox = inbox(1);
        let largest = inbox.room(0, Channel::Bulk, Channel::Bulk.frame_bytes_max(), 1).await;
        inbox.put(0, Channel::Bulk, Bytes::from_static(b"largest"), largest);
        let in_hand = inbox.take();
        let soon = Duration::from_millis(20);

        assert!(tokio::time::timeout(soon, inbox.room(0, Channel::Bulk, 1, 1)).await.is_err());
        drop(in_hand);
        assert!(tokio::time::timeout(soon, inbox.room(0, Channel::Bulk, 1, 1)).await.is_ok());
    }

    #[tokio::test]
    async fn room_that_was_taken_from_a_frame_outlives_it() {
        let inbox = inbox(1);
        let largest = inbox.room(0, Channel::Bulk, Channel::Bulk.frame_bytes_max(), 1).await;
        inbox.put(0, Channel::Bulk, Bytes::from_static(b"largest"), largest);
        let Some(Event::Received { mut frame, .. }) = inbox.take() else { panic!("a frame") };
        let soon = Duration::from_millis(20);

        let room = frame.take_room();
        drop(frame);

        assert!(tokio::time::timeout(soon, inbox.room(0, Channel::Bulk, 1, 1)).await.is_err());
        drop(room);
        assert!(tokio::time::timeout(soon, inbox.room(0, Channel::Bulk, 1, 1)).await.is_ok());
    }

    #[tokio::test]
    async fn closing_ends_the_wait_of_every_reader() {
        let inbox = inbox(1);
        let wait = || {
            tokio::spawn({
                let inbox = inbox.clone();
                async move { inbox.next().await }
            })
        };
        let readers = [wait(), wait(), wait()];
        tokio::task::yield_now().await;

        inbox.discard();

        for reader in readers {
            assert_eq!(reader.await.expect("no panic"), None);
        }
    }

    #[tokio::test]
    async fn what_a_peer_said_that_left_reaches_nobody_and_its_place_stays_empty() {
        let inbox = inbox(2);
        came(&inbox, 0, Channel::Votes, b"last words").await;
        let room = inbox.room(0, Channel::Votes, 4, 1).await;
        came(&inbox, 1, Channel::Votes, b"of a member").await;

        inbox.remove(0);
        inbox.put(0, Channel::Votes, Bytes::from_static(b"late"), room);

        assert_eq!(taken(&inbox), (1, Channel::Votes));
        assert_eq!(inbox.take(), None);
    }
}
