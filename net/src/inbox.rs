//! What came from peers and the shell has not taken yet.
//!
//! Every peer has a budget of its own on each channel (rule B: budgets are per sender, never shared). A reader gets
//! room for a frame *before* it reads the frame; without room it stops reading, the stream's window fills, and the
//! peer waits. The shell takes in turns: one vote from each peer, then one bulk frame, so that neither a peer nor a
//! channel starves another.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quorate_pbft::ReplicaId;
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::bytes::Bytes;

use crate::channel::{Channel, PerChannel};
use crate::limits::{IN_BULK, IN_VOTES, QueueMax};

/// What the network tells the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A frame came. Frames of one peer on one channel come in the order in which they were sent.
    Received {
        /// Whose connection it came on; who signed what is inside is another question.
        from: ReplicaId,
        /// The channel it was sent on.
        channel: Channel,
        /// The bytes, never empty, at most [`Channel::frame_bytes_max`].
        frame: Bytes,
    },
    /// Votes can flow to and from `peer`.
    Up {
        /// Who is there.
        peer: ReplicaId,
    },
    /// The link to `peer` broke; what was on its way is lost. A Down and an Up that the shell was too slow to see are
    /// told as one of each.
    Down {
        /// Who went away.
        peer: ReplicaId,
    },
}

/// The shell's end: one reader takes what all peers sent.
#[derive(Debug)]
pub struct Events {
    inbox: Arc<Inbox>,
    runtime: Handle,
}

impl Events {
    pub(crate) fn new(inbox: Arc<Inbox>, runtime: Handle) -> Self {
        Self { inbox, runtime }
    }

    /// The next event; none once the network has stopped. Loses nothing when it is dropped half way.
    pub async fn recv(&mut self) -> Option<Event> {
        self.inbox.next().await
    }

    /// For a plain thread: the next event, or [`NoEvent::TimedOut`] after `limit`.
    ///
    /// # Panics
    /// On a thread that runs async tasks: it would block them all. Use [`Events::recv`] there.
    pub fn recv_timeout(&mut self, limit: Duration) -> Result<Event, NoEvent> {
        let next = async { tokio::time::timeout(limit, self.inbox.next()).await };
        match self.runtime.block_on(next) {
            Ok(Some(event)) => Ok(event),
            Ok(None) => Err(NoEvent::Stopped),
            Err(_) => Err(NoEvent::TimedOut),
        }
    }

    /// An event that is there already.
    pub fn try_recv(&mut self) -> Option<Event> {
        self.inbox.take()
    }
}

/// Why [`Events::recv_timeout`] has no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoEvent {
    /// Nothing happened in the time given.
    #[error("nothing came in the time given")]
    TimedOut,
    /// The network has stopped; nothing will come any more.
    #[error("the network has stopped")]
    Stopped,
}

/// Room for one frame within its sender's budget; given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    _bytes: OwnedSemaphorePermit,
    _frame: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Budget {
    bytes: Arc<Semaphore>,
    frames: Arc<Semaphore>,
}

impl Budget {
    fn new(max: QueueMax) -> Self {
        Self { bytes: Arc::new(Semaphore::new(max.bytes)), frames: Arc::new(Semaphore::new(max.frames)) }
    }
}

/// One lane for each peer and channel; peers are named by their place in the list given to `new`.
#[derive(Debug)]
pub(crate) struct Inbox {
    peers: Vec<ReplicaId>,
    budgets: Vec<PerChannel<Budget>>,
    state: Mutex<State>,
    ready: Notify,
}

impl Inbox {
    pub(crate) fn new(peers: Vec<ReplicaId>) -> Self {
        let budgets = peers.iter().map(|_| PerChannel { votes: Budget::new(IN_VOTES), bulk: Budget::new(IN_BULK) });
        Self { budgets: budgets.collect(), state: Mutex::new(State::new(peers.len())), ready: Notify::new(), peers }
    }

    /// Waits until the peer's budget has room for a frame of `bytes`, at most the channel's limit.
    pub(crate) async fn room(&self, peer: usize, channel: Channel, bytes: usize) -> Room {
        let budget = &self.budgets[peer][channel];
        let bytes = u32::try_from(bytes).expect("frame limits fit u32, checked where they are defined");
        Room {
            _frame: budget.frames.clone().acquire_owned().await.expect("budgets are never closed"),
            _bytes: budget.bytes.clone().acquire_many_owned(bytes).await.expect("budgets are never closed"),
        }
    }

    pub(crate) fn put(&self, peer: usize, channel: Channel, frame: Bytes, room: Room) {
        self.lock().lanes[peer].frames[channel].push_back((frame, room));
        self.ready.notify_one();
    }

    /// The votes stream numbered `link` stands; an earlier one of this peer is gone.
    pub(crate) fn up(&self, peer: usize, link: u64) {
        self.lock().lanes[peer].link = Some(link);
        self.ready.notify_one();
    }

    /// The peer has no votes stream.
    pub(crate) fn down(&self, peer: usize) {
        self.lock().lanes[peer].link = None;
        self.ready.notify_one();
    }

    /// After this the shell gets what is still here, and then nothing.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_one();
    }

    async fn next(&self) -> Option<Event> {
        loop {
            if let Some(event) = self.take() {
                return Some(event);
            }
            if self.lock().closed {
                return None;
            }
            self.ready.notified().await;
        }
    }

    pub(crate) fn take(&self) -> Option<Event> {
        let mut state = self.lock();
        if let Some((peer, up)) = state.take_change() {
            let peer = self.peers[peer];
            return Some(if up { Event::Up { peer } } else { Event::Down { peer } });
        }
        let (peer, channel, frame) = state.take_frame()?;
        Some(Event::Received { from: self.peers[peer], channel, frame })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Lane {
    frames: PerChannel<VecDeque<(Bytes, Room)>>,
    /// The votes stream that stands.
    link: Option<u64>,
    /// The one that the shell has been told of.
    told: Option<u64>,
}

#[derive(Debug)]
struct State {
    lanes: Vec<Lane>,
    /// Whose turn it is.
    turn: PerChannel<usize>,
    /// Votes taken since the last bulk frame.
    votes_in_row: usize,
    closed: bool,
}

impl State {
    fn new(peers: usize) -> Self {
        let lanes = (0..peers).map(|_| Lane::default()).collect();
        Self { lanes, turn: PerChannel::default(), votes_in_row: 0, closed: false }
    }

    /// A peer whose link is not what the shell was told, and whether it is up.
    fn take_change(&mut self) -> Option<(usize, bool)> {
        let peer = self.lanes.iter().position(|lane| lane.link != lane.told)?;
        let lane = &mut self.lanes[peer];
        lane.told = if lane.told.is_some() { None } else { lane.link };
        Some((peer, lane.told.is_some()))
    }

    /// Votes first, but after one for each peer it is the turn of a bulk frame.
    fn take_frame(&mut self) -> Option<(usize, Channel, Bytes)> {
        let order = if self.votes_in_row < self.lanes.len() {
            [Channel::Votes, Channel::Bulk]
        } else {
            [Channel::Bulk, Channel::Votes]
        };
        order.into_iter().find_map(|channel| self.take_from(channel))
    }

    fn take_from(&mut self, channel: Channel) -> Option<(usize, Channel, Bytes)> {
        let peers = self.lanes.len();
        let first = self.turn[channel];
        let peer = (first..first + peers)
            .map(|turn| turn % peers)
            .find(|&peer| !self.lanes[peer].frames[channel].is_empty())?;
        let (frame, _room) = self.lanes[peer].frames[channel].pop_front()?;
        self.turn[channel] = (peer + 1) % peers;
        self.votes_in_row = match channel {
            Channel::Votes => self.votes_in_row.saturating_add(1),
            Channel::Bulk => 0,
        };
        Some((peer, channel, frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(peers: u16) -> Inbox {
        Inbox::new((0..peers).map(ReplicaId::new).collect())
    }

    async fn came(inbox: &Inbox, peer: usize, channel: Channel, frame: &'static [u8]) {
        let room = inbox.room(peer, channel, frame.len()).await;
        inbox.put(peer, channel, Bytes::from_static(frame), room);
    }

    fn taken(inbox: &Inbox) -> (u16, Channel) {
        match inbox.take() {
            Some(Event::Received { from, channel, .. }) => (from.get(), channel),
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
    async fn a_peer_without_room_waits_and_another_does_not() {
        let inbox = inbox(2);
        let full = inbox.room(0, Channel::Bulk, Channel::Bulk.frame_bytes_max()).await;
        inbox.put(0, Channel::Bulk, Bytes::from_static(b"largest"), full);
        let soon = Duration::from_millis(20);

        assert!(tokio::time::timeout(soon, inbox.room(0, Channel::Bulk, 1)).await.is_err());
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

        let one_more = inbox.room(0, Channel::Votes, 1);

        assert!(tokio::time::timeout(Duration::from_millis(20), one_more).await.is_err());
    }

    #[test]
    fn a_link_replaced_unseen_is_told_as_down_and_up() {
        let inbox = inbox(1);
        let peer = ReplicaId::new(0);
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
}
