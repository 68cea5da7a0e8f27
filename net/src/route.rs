//! Next steps for one peer: dial, open a stream, close a connection. No sockets in here, and time comes in.
//!
//! Rules:
//! - The smaller peer id dials; the larger only when it has waited [`DIAL_PATIENCE`] for that.
//! - The smaller peer id opens the streams, on the newest connection, whoever dialled it.
//! - When both streams run on one connection, the smaller closes older ones. So two that were dialled at once become
//!   one; if the larger closed any then, each side could close the one that the other had chosen.
//! - A connection that carried no stream for [`UNUSED_MAX`] is dead or useless, and closed by whoever notices.

use std::time::{Duration, Instant};

use libp2p::swarm::ConnectionId;
use tokio::task::AbortHandle;

use crate::channel::{Channel, PerChannel};
use crate::limits::{DIAL_PATIENCE, RETRY_MAX, RETRY_MIN, UNUSED_MAX};

/// Step for the driver; several are done in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Todo {
    Dial,
    Open(ConnectionId, Channel),
    Close(ConnectionId),
}

/// A stream at work; its task ends with it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) connection: ConnectionId,
    pub(crate) since: Instant,
    pub(crate) task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits that double from [`RETRY_MIN`] to [`RETRY_MAX`].
#[derive(Debug)]
struct Retry(Duration);

impl Retry {
    fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(RETRY_MAX);
        wait
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Dial {
    /// Connected, or nothing to dial.
    Idle,
    At(Instant),
    UnderWay,
}

#[derive(Debug)]
struct Connection {
    id: ConnectionId,
    /// None while a stream runs on it.
    unused_since: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct Route {
    opens: bool,
    has_address: bool,
    dial: Dial,
    retry: Retry,
    /// Oldest first; without those that we are closing.
    connections: Vec<Connection>,
    running: PerChannel<Option<Running>>,
    open_at: PerChannel<Option<Instant>>,
}

impl Route {
    /// `opens`: ours is the smaller peer id.
    pub(crate) fn new(opens: bool, has_address: bool, now: Instant) -> Self {
        let first = if opens { now } else { now + DIAL_PATIENCE };
        Self {
            opens,
            has_address,
            dial: if has_address { Dial::At(first) } else { Dial::Idle },
            retry: Retry(RETRY_MIN),
            connections: Vec::new(),
            running: PerChannel::default(),
            open_at: PerChannel::default(),
        }
    }

    /// Whether there is an address to dial, where that has changed.
    pub(crate) fn set_address(&mut self, has_address: bool, now: Instant) {
        if self.has_address != has_address {
            self.has_address = has_address;
            let is_idle = self.dial == Dial::Idle && self.connections.is_empty();
            is_idle.then(|| self.dial_later(now));
        }
    }

    /// The channel that this task serves.
    pub(crate) fn channel_of(&self, task: tokio::task::Id) -> Option<Channel> {
        let is_it = |running: &Option<Running>| running.as_ref().is_some_and(|running| running.task.id() == task);
        Channel::ALL.into_iter().find(|&channel| is_it(&self.running[channel]))
    }

    pub(crate) fn on_connected(&mut self, id: ConnectionId, now: Instant) -> Vec<Todo> {
        self.connections.push(Connection { id, unused_since: Some(now) });
        self.dial = Dial::Idle;
        if !self.opens {
            return Vec::new();
        }
        self.open_at = PerChannel::default();
        Channel::ALL.map(|channel| Todo::Open(id, channel)).into()
    }

    /// Does nothing for a connection that we closed ourselves.
    pub(crate) fn on_disconnected(&mut self, id: ConnectionId, now: Instant) {
        let Some(place) = self.place_of(id) else {
            return;
        };
        self.connections.remove(place);
        if self.connections.is_empty() {
            self.open_at = PerChannel::default();
            self.dial_later(now);
        } else {
            self.open_missing_later(now);
        }
    }

    pub(crate) fn on_dial_failed(&mut self, now: Instant) {
        self.dial = Dial::Idle;
        if self.connections.is_empty() {
            self.dial_later(now);
        }
    }

    /// Only the newest connection matters: on others nothing is opened any more.
    pub(crate) fn on_open_failed(&mut self, id: ConnectionId, channel: Channel, now: Instant) {
        if self.newest() == Some(id) {
            self.open_at[channel] = Some(now + self.retry.next());
        }
    }

    /// Whether a stream on this connection is to be used: those we open, only on the newest one. An answer on an older
    /// connection may come after that of the newest; using it would leave the two channels on different ones.
    pub(crate) fn wants_stream_on(&self, id: ConnectionId) -> bool {
        !self.opens || self.newest() == Some(id)
    }

    /// A stream stands and replaces an earlier one of its channel.
    pub(crate) fn on_linked(&mut self, channel: Channel, running: Running, now: Instant) -> Vec<Todo> {
        let id = running.connection;
        self.running[channel] = Some(running);
        self.open_at[channel] = None;
        self.note_unused(now);
        let has_both = Channel::ALL.into_iter().all(|channel| self.runs_on(channel, id));
        if self.opens && has_both { self.close_older(id) } else { Vec::new() }
    }

    /// A stream ended; `is_silent` says that its connection is dead as well.
    pub(crate) fn on_unlinked(&mut self, channel: Channel, is_silent: bool, now: Instant) -> Vec<Todo> {
        let Some(ended) = self.running[channel].take() else {
            return Vec::new();
        };
        if now.duration_since(ended.since) >= RETRY_MAX {
            self.retry = Retry(RETRY_MIN);
        }
        self.note_unused(now);
        let mut todo = Vec::new();
        if is_silent && self.place_of(ended.connection).is_some() {
            todo.push(Todo::Close(ended.connection));
            self.on_disconnected(ended.connection, now);
        } else if !self.connections.is_empty() {
            self.open_missing_later(now);
        }
        todo
    }

    /// When [`Route::on_due`] has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        let dial = match self.dial {
            Dial::At(at) => Some(at),
            Dial::Idle | Dial::UnderWay => None,
        };
        let unused = self.connections.iter().filter_map(|c| c.unused_since).min().map(|since| since + UNUSED_MAX);
        [dial, unused, self.open_at.votes, self.open_at.bulk].into_iter().flatten().min()
    }

    /// Step that is due, if there is one; ask again until [`Route::due`] lies ahead.
    pub(crate) fn on_due(&mut self, now: Instant) -> Vec<Todo> {
        if self.dial_is_due(now) {
            self.dial = Dial::UnderWay;
            return vec![Todo::Dial];
        }
        let unused = self.connections.iter().find(|c| c.unused_since.is_some_and(|since| since + UNUSED_MAX <= now));
        if let Some(id) = unused.map(|c| c.id) {
            self.on_disconnected(id, now);
            return vec![Todo::Close(id)];
        }
        self.open_due(now)
    }

    fn dial_is_due(&self, now: Instant) -> bool {
        matches!(self.dial, Dial::At(at) if at <= now)
    }

    fn open_due(&mut self, now: Instant) -> Vec<Todo> {
        let Some(newest) = self.newest() else {
            return Vec::new();
        };
        let mut todo = Vec::new();
        for channel in Channel::ALL {
            if self.open_at[channel].is_some_and(|at| at <= now) {
                self.open_at[channel] = None;
                todo.push(Todo::Open(newest, channel));
            }
        }
        todo
    }

    fn dial_later(&mut self, now: Instant) {
        if !self.has_address || self.dial == Dial::UnderWay {
            return;
        }
        let wait = self.retry.next();
        self.dial = Dial::At(now + if self.opens { wait } else { wait.max(DIAL_PATIENCE) });
    }

    fn open_missing_later(&mut self, now: Instant) {
        if !self.opens {
            return;
        }
        for channel in Channel::ALL {
            if self.running[channel].is_none() && self.open_at[channel].is_none() {
                self.open_at[channel] = Some(now + self.retry.next());
            }
        }
    }

    fn close_older(&mut self, than: ConnectionId) -> Vec<Todo> {
        let place = self.place_of(than).unwrap_or(0);
        self.connections.drain(..place).map(|older| Todo::Close(older.id)).collect()
    }

    fn note_unused(&mut self, now: Instant) {
        for place in 0..self.connections.len() {
            let id = self.connections[place].id;
            let is_used = Channel::ALL.into_iter().any(|channel| self.runs_on(channel, id));
            let since = &mut self.connections[place].unused_since;
            *since = if is_used { None } else { since.or(Some(now)) };
        }
    }

    fn runs_on(&self, channel: Channel, id: ConnectionId) -> bool {
        self.running[channel].as_ref().is_some_and(|running| running.connection == id)
    }

    fn place_of(&self, id: ConnectionId) -> Option<usize> {
        self.connections.iter().position(|connection| connection.id == id)
    }

    fn newest(&self) -> Option<ConnectionId> {
        self.connections.last().map(|connection| connection.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> ConnectionId {
        ConnectionId::new_unchecked(number)
    }

    fn running(connection: usize, since: Instant) -> Running {
        let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
        Running { connection: id(connection), since, task }
    }

    /// Both streams on `connection`.
    fn linked(route: &mut Route, connection: usize, now: Instant) -> Vec<Todo> {
        route.on_linked(Channel::Votes, running(connection, now), now);
        route.on_linked(Channel::Bulk, running(connection, now), now)
    }

    #[test]
    fn the_smaller_dials_at_once_and_the_larger_has_patience() {
        let now = Instant::now();

        assert_eq!(Route::new(true, true, now).on_due(now), [Todo::Dial]);
        let mut larger = Route::new(false, true, now);
        assert_eq!(larger.on_due(now), []);
        assert_eq!(larger.on_due(now + DIAL_PATIENCE), [Todo::Dial]);
    }

    #[test]
    fn without_an_address_nobody_dials() {
        let now = Instant::now();

        assert_eq!(Route::new(true, false, now).due(), None);
    }

    #[test]
    fn failed_dials_wait_twice_as_long_up_to_the_cap() {
        let mut now = Instant::now();
        let mut route = Route::new(true, true, now);
        let mut waits = Vec::new();

        for _ in 0..7 {
            assert_eq!(route.on_due(now), [Todo::Dial]);
            route.on_dial_failed(now);
            let at = route.due().unwrap();
            waits.push((at - now).as_millis());
            now = at;
        }

        assert_eq!(waits, [100, 200, 400, 800, 1600, 2000, 2000]);
    }

    #[test]
    fn only_one_dial_is_under_way() {
        let now = Instant::now();
        let mut route = Route::new(true, true, now);
        route.on_due(now);

        assert_eq!(route.on_due(now + RETRY_MAX), []);
    }

    #[test]
    fn the_smaller_opens_both_streams_on_a_connection_that_the_other_dialled() {
        let now = Instant::now();
        let mut smaller = Route::new(true, false, now);
        let mut larger = Route::new(false, true, now);

        let todo = smaller.on_connected(id(1), now);

        assert_eq!(todo, [Todo::Open(id(1), Channel::Votes), Todo::Open(id(1), Channel::Bulk)]);
        assert_eq!(larger.on_connected(id(1), now), []);
    }

    #[tokio::test]
    async fn the_older_of_two_connections_is_closed_when_both_streams_run_on_the_newer() {
        let now = Instant::now();
        let mut route = Route::new(true, true, now);
        route.on_connected(id(1), now);
        linked(&mut route, 1, now);
        route.on_connected(id(2), now);

        assert_eq!(route.on_linked(Channel::Votes, running(2, now), now), []);
        assert_eq!(route.on_linked(Channel::Bulk, running(2, now), now), [Todo::Close(id(1))]);
    }

    #[test]
    fn a_stream_that_is_answered_late_on_an_older_connection_is_not_used() {
        let now = Instant::now();
        let mut route = Route::new(true, true, now);
        route.on_connected(id(1), now);
        assert!(route.wants_stream_on(id(1)));

        route.on_connected(id(2), now);

        assert!(!route.wants_stream_on(id(1)));
        assert!(route.wants_stream_on(id(2)));
    }

    #[tokio::test]
    async fn two_that_dial_at_once_keep_the_same_connection() {
        let now = Instant::now();
        let (mut smaller, mut larger) = (Route::new(true, true, now), Route::new(false, true, now));
        smaller.on_connected(id(1), now);
        smaller.on_connected(id(2), now);
        larger.on_connected(id(2), now);
        larger.on_connected(id(1), now);

        let mut closed_by_larger = linked(&mut larger, 1, now);
        linked(&mut smaller, 1, now);
        closed_by_larger.extend(linked(&mut larger, 2, now));
        let closed_by_smaller = linked(&mut smaller, 2, now);

        assert_eq!(closed_by_smaller, [Todo::Close(id(1))]);
        assert_eq!(closed_by_larger, []);
    }

    #[tokio::test]
    async fn a_stream_that_died_is_opened_again_on_the_same_connection() {
        let now = Instant::now();
        let mut route = Route::new(true, true, now);
        route.on_connected(id(1), now);
        linked(&mut route, 1, now);

        assert_eq!(route.on_unlinked(Channel::Bulk, false, now), []);

        assert!(route.running.votes.is_some());
        assert_eq!(route.on_due(now + RETRY_MIN), [Todo::Open(id(1), Channel::Bulk)]);
    }

    #[tokio::test]
    async fn a_silent_stream_takes_its_connection_with_it() {
        let now = Instant::now();
        let mut route = Route::new(true, true, now);
        route.on_connected(id(1), now);
        linked(&mut route, 1, now);

        assert_eq!(route.on_unlinked(Channel::Votes, true, now), [Todo::Close(id(1))]);
        assert_eq!(route.on_unlinked(Channel::Bulk, true, now), []);

        assert_eq!(route.on_due(now + RETRY_MAX), [Todo::Dial]);
    }

    #[tokio::test]
    async fn a_connection_that_lasted_starts_the_waits_anew() {
        let now = Instant::now();
        let mut route = Route::new(true, true, now);
        for _ in 0..5 {
            route.on_dial_failed(now);
        }
        route.on_connected(id(1), now);
        linked(&mut route, 1, now);
        let later = now + RETRY_MAX;

        route.on_unlinked(Channel::Votes, true, later);

        assert_eq!(route.due(), Some(later + RETRY_MIN));
    }

    #[test]
    fn a_connection_that_carries_no_stream_is_closed_and_dialled_again() {
        let now = Instant::now();
        let mut route = Route::new(false, true, now);
        route.on_connected(id(1), now);
        let late = now + UNUSED_MAX;

        assert_eq!(route.on_due(late), [Todo::Close(id(1))]);
        assert_eq!(route.on_due(late + DIAL_PATIENCE), [Todo::Dial]);
    }

    #[tokio::test]
    async fn a_connection_that_the_streams_left_is_closed_by_the_larger_too_in_time() {
        let now = Instant::now();
        let mut route = Route::new(false, true, now);
        route.on_connected(id(1), now);
        linked(&mut route, 1, now);
        route.on_connected(id(2), now);
        linked(&mut route, 2, now);

        assert_eq!(route.due(), Some(now + UNUSED_MAX));
        assert_eq!(route.on_due(now + UNUSED_MAX), [Todo::Close(id(1))]);
        assert_eq!(route.due(), None);
    }

    #[tokio::test]
    async fn the_end_of_a_connection_that_we_closed_changes_nothing() {
        let now = Instant::now();
        let mut route = Route::new(true, true, now);
        route.on_connected(id(1), now);
        linked(&mut route, 1, now);
        route.on_unlinked(Channel::Votes, true, now);
        let due = route.due();

        route.on_disconnected(id(1), now);

        assert_eq!(route.due(), due);
    }
}
