//! Seats of the API's connections: how many there are, who sits for how long without progress, and who leaves for others.

use super::known::Known;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Connections at a time: file handles and buffers that strangers can hold.
const CONNECTIONS_MAX: usize = 1_024;
/// Connections of one address at a time. A reverse proxy is one address, so it is most of them.
const CONNECTIONS_PER_ADDRESS_MAX: usize = 768;
/// Share of the files that the process may open which are connections here, in quarters.
const FILES_QUARTERS: usize = 3;
/// Idle time after which a connection is closed although there is room: an answer that nobody reads.
const IDLE_MAX: Duration = Duration::from_secs(40);

const _: () = assert!(CONNECTIONS_PER_ADDRESS_MAX >= 512, "a proxy serves many");

/// Connections that are let in at a time.
#[derive(Clone, Copy)]
pub(super) struct Room {
    all: usize,
    of_one_address: usize,
    leaving: usize,
}

impl Room {
    /// Room of a process that may open so many files; 0 where the system sets no bound.
    pub(super) fn of(files_max: u64) -> Self {
        let files = usize::try_from(files_max).ok().filter(|files| *files > 0);
        let share = files.map_or(CONNECTIONS_MAX, |files| files.saturating_mul(FILES_QUARTERS) / 4);
        let all = CONNECTIONS_MAX.min(share);
        let leaving = files.map_or(all, |files| (files - all) / 4).min(all);
        Self { all, of_one_address: all * CONNECTIONS_PER_ADDRESS_MAX / CONNECTIONS_MAX, leaving }
    }

    /// Connections that hold a file at a time: those that were closed for others do until their threads come to it.
    pub(super) fn with_leaving(self) -> usize {
        self.all + self.leaving
    }
}

/// Seats of the open connections.
#[derive(Default)]
pub struct Door {
    seats: Mutex<Seats>,
    known: Arc<Known>,
    files: AtomicUsize,
}

#[derive(Default)]
struct Seats {
    next: u64,
    taken: BTreeMap<u64, Arc<Seat>>,
}

/// A connection's hold on its file and seat, until it is dropped.
pub(super) struct Held {
    door: Arc<Door>,
    number: u64,
    seat: Arc<Seat>,
}

impl Held {
    pub(super) fn is_strangers(&self) -> bool {
        self.seat.is_stranger
    }

    /// The seat, once the threads that serve the connection have come to it; none where it was closed before.
    pub(super) fn begin(&self) -> Option<&Arc<Seat>> {
        self.seat.is_ahead.store(false, Ordering::Relaxed);
        Some(&self.seat).filter(|seat| !seat.closed.is_cancelled())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.door.seats().taken.remove(&self.number);
        self.door.files.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Seat of a connection.
pub struct Seat {
    from: IpAddr,
    opened: Instant,
    /// Milliseconds from the opening to the last progress.
    progress_ms: AtomicU64,
    /// Handlers at work on its requests.
    working: AtomicUsize,
    known: Arc<Known>,
    /// Whether nothing was let in from its address lately, when it came.
    is_stranger: bool,
    /// Whether the threads that serve it are still to come to it.
    is_ahead: AtomicBool,
    /// True once a stranger was let in: it is to come again, and is then served among those who are known.
    is_outgrown: AtomicBool,
    pub(super) closed: CancellationToken,
}

impl Door {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection; the longest idle one leaves where there is no room. No stranger takes the place of another
    /// address's that the threads of strangers have not come to yet: in a flood none of them would be served.
    pub(super) fn seat(&self, from: IpAddr, now: Instant, room: Room) -> (u64, Arc<Seat>) {
        let new = Arc::new(Seat::new(from, now, self.known.clone()));
        let may_leave = |seat: &Seat| !new.is_stranger || !seat.is_ahead.load(Ordering::Relaxed);
        let mut seats = self.seats();
        if seats.taken.values().filter(|seat| seat.from == from).count() >= room.of_one_address {
            seats.close_longest_idle(now, |seat| seat.from == from);
        }
        if seats.taken.len() >= room.all {
            seats.close_longest_idle(now, may_leave);
        }
        seats.next += 1;
        let number = seats.next;
        if seats.taken.len() < room.all {
            seats.taken.insert(number, new.clone());
        } else {
            // All others are at work, or are to be served first.
            new.closed.cancel();
        }
        (number, new)
    }

    /// Closes the connection that has been idle for longest.
    pub(super) fn close_longest_idle(&self, now: Instant) {
        self.seats().close_longest_idle(now, |_| true);
    }

    /// Holds the file of a connection that is still to be served, and its seat where it has one.
    pub(super) fn hold(self: &Arc<Self>, (number, seat): (u64, Arc<Seat>)) -> Held {
        self.files.fetch_add(1, Ordering::Relaxed);
        seat.is_ahead.store(true, Ordering::Relaxed);
        Held { door: self.clone(), number, seat }
    }

    /// Connections that hold a file: those with a seat, and those that were closed and are not gone yet.
    pub(super) fn files(&self) -> usize {
        self.files.load(Ordering::Relaxed)
    }

    pub(super) fn close_idle(&self, now: Instant) {
        let seats = self.seats();
        seats.taken.values().filter(|seat| seat.idle(now).is_some_and(|idle| idle > IDLE_MAX)).for_each(|seat| {
            seat.closed.cancel();
        });
    }
}

impl Seats {
    fn close_longest_idle(&mut self, now: Instant, of: impl Fn(&Seat) -> bool) {
        let idle = self.taken.iter().filter(|(_, seat)| of(seat));
        let longest = idle.filter_map(|(number, seat)| Some((seat.is_stranger, seat.idle(now)?, *number))).max();
        if let Some(seat) = longest.and_then(|(.., number)| self.taken.remove(&number)) {
            seat.closed.cancel();
        }
    }
}

impl Seat {
    fn new(from: IpAddr, opened: Instant, known: Arc<Known>) -> Self {
        let (progress_ms, working) = (AtomicU64::new(0), AtomicUsize::new(0));
        let is_stranger = !known.holds(from, opened);
        let [is_ahead, is_outgrown] = [false; 2].map(AtomicBool::new);
        let closed = CancellationToken::new();
        Self { from, opened, progress_ms, working, known, is_stranger, is_ahead, is_outgrown, closed }
    }

    /// Notes that an envelope that came here was let in: its client is known from now on.
    pub fn let_in(&self) {
        self.known.note(self.from, Instant::now());
        self.is_outgrown.store(self.is_stranger, Ordering::Relaxed);
    }

    pub(super) fn is_outgrown(&self) -> bool {
        self.is_outgrown.load(Ordering::Relaxed)
    }

    /// Address of the client, or of a proxy before it.
    pub fn address(&self) -> IpAddr {
        self.from
    }

    /// Since when nothing has come of this connection; none while a handler works for it.
    fn idle(&self, now: Instant) -> Option<Duration> {
        let is_idle = self.working.load(Ordering::Relaxed) == 0;
        let progress = Duration::from_millis(self.progress_ms.load(Ordering::Relaxed));
        is_idle.then(|| now.saturating_duration_since(self.opened).saturating_sub(progress))
    }

    pub(super) fn progress(&self, now: Instant) {
        let since = now.saturating_duration_since(self.opened).as_millis();
        self.progress_ms.store(since as u64, Ordering::Relaxed);
    }

    /// A stretch in which the handler waits for its own client, as for a body: idle, if nothing comes.
    pub fn awaiting_client(self: &Arc<Self>) -> Awaiting {
        self.working.fetch_sub(1, Ordering::Relaxed);
        Awaiting(self.clone())
    }
}

/// A handler at work.
pub(super) struct Work(Arc<Seat>);

impl Work {
    pub(super) fn begin(seat: Arc<Seat>) -> Self {
        seat.working.fetch_add(1, Ordering::Relaxed);
        seat.progress(Instant::now());
        Self(seat)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.progress(Instant::now());
        self.0.working.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A handler that waits for its client.
pub struct Awaiting(Arc<Seat>);

impl Drop for Awaiting {
    fn drop(&mut self) {
        self.0.working.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const ALL: Room =
        Room { all: CONNECTIONS_MAX, of_one_address: CONNECTIONS_PER_ADDRESS_MAX, leaving: CONNECTIONS_MAX };

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0x7f00_0001 + number))
    }

    #[test]
    fn the_longest_idle_connection_leaves_for_a_new_one() {
        let (door, begin) = (Door::default(), Instant::now());
        let seats: Vec<_> =
            (0..CONNECTIONS_MAX as u32).map(|number| door.seat(address(number), begin, ALL).1).collect();
        let later = begin + Duration::from_secs(1);
        seats.iter().skip(1).for_each(|seat| seat.progress(later));

        let (_, new) = door.seat(address(5_000), later, ALL);

        assert!(seats[0].closed.is_cancelled() && !new.closed.is_cancelled());
        assert!(seats[1..].iter().all(|seat| !seat.closed.is_cancelled()));
    }

    #[test]
    fn a_connection_at_work_stays_and_one_that_awaits_its_client_may_leave() {
        let (door, now) = (Door::default(), Instant::now());
        let seats: Vec<_> = (0..CONNECTIONS_MAX as u32).map(|number| door.seat(address(number), now, ALL).1).collect();
        let work: Vec<Work> = seats.iter().cloned().map(Work::begin).collect();
        assert!(door.seat(address(5_000), now, ALL).1.closed.is_cancelled(), "all others are at work");

        let _awaiting = seats[7].awaiting_client();
        assert!(!door.seat(address(5_001), now, ALL).1.closed.is_cancelled());
        assert!(seats[7].closed.is_cancelled());
        drop(work);
    }

    #[test]
    fn one_address_makes_room_by_its_own_connections() {
        let (door, now) = (Door::default(), Instant::now());
        let (_, other) = door.seat(address(1), now, ALL);
        let greedy: Vec<_> = (0..CONNECTIONS_PER_ADDRESS_MAX).map(|_| door.seat(address(2), now, ALL).1).collect();

        door.seat(address(2), now, ALL);

        assert!(!other.closed.is_cancelled());
        assert_eq!(greedy.iter().filter(|seat| seat.closed.is_cancelled()).count(), 1);
    }

    #[test]
    fn strangers_that_are_still_to_be_served_leave_for_no_stranger() {
        let (door, now) = (Arc::new(Door::default()), Instant::now());
        let held: Vec<Held> =
            (0..CONNECTIONS_MAX as u32).map(|number| door.hold(door.seat(address(number), now, ALL))).collect();
        assert!(door.seat(address(5_000), now, ALL).1.closed.is_cancelled(), "all others are ahead of it");

        held[7].begin().expect("it is open");
        assert!(!door.seat(address(5_001), now, ALL).1.closed.is_cancelled());
        assert!(held[7].begin().is_none(), "it left");

        door.known.note(address(5_002), now);
        assert!(!door.seat(address(5_002), now, ALL).1.closed.is_cancelled(), "it is known");
        assert_eq!(door.files(), CONNECTIONS_MAX);
        drop(held);
        assert_eq!(door.files(), 0);
    }

    #[test]
    fn one_strangers_address_keeps_to_its_share_before_it_is_served() {
        let (door, now) = (Arc::new(Door::default()), Instant::now());
        let held: Vec<Held> = (0..CONNECTIONS_MAX).map(|_| door.hold(door.seat(address(1), now, ALL))).collect();
        assert_eq!(held.iter().filter(|held| held.begin().is_some()).count(), CONNECTIONS_PER_ADDRESS_MAX);
    }

    #[test]
    fn strangers_leave_before_who_is_known() {
        let (door, now) = (Door::default(), Instant::now());
        door.known.note(address(0), now);
        let seats: Vec<_> = (0..CONNECTIONS_MAX as u32).map(|number| door.seat(address(number), now, ALL).1).collect();
        let later = now + Duration::from_secs(1);
        seats.iter().skip(1).for_each(|seat| seat.progress(later));

        door.seat(address(5_000), later, ALL);

        assert!(!seats[0].closed.is_cancelled(), "it is idle for longest, and known");
        assert_eq!(seats.iter().filter(|seat| seat.closed.is_cancelled()).count(), 1);
    }

    #[test]
    fn each_connection_of_a_stranger_is_outgrown_once_it_lets_in_and_none_of_who_is_known() {
        let (door, now) = (Door::default(), Instant::now());
        let [first, second, silent] = [1, 1, 1].map(|number| door.seat(address(number), now, ALL).1);
        first.let_in();
        second.let_in();
        let later = door.seat(address(1), Instant::now(), ALL).1;
        later.let_in();
        assert_eq!([&first, &second, &silent, &later].map(|seat| seat.is_outgrown()), [true, true, false, false]);
        assert!(!later.is_stranger && door.seat(address(2), Instant::now(), ALL).1.is_stranger);
    }

    #[test]
    fn a_process_that_may_open_few_files_lets_fewer_in() {
        assert_eq!(
            (Room::of(0).all, Room::of(65_536).all),
            (CONNECTIONS_MAX, CONNECTIONS_MAX),
            "no bound, and a wide one"
        );
        let few = Room::of(160);
        assert_eq!((few.all, few.of_one_address), (120, 90));
        assert_eq!(few.with_leaving(), 130, "the rest is for what is no connection");
        let (door, now) = (Door::default(), Instant::now());
        let seats: Vec<_> = (0..few.all as u32).map(|number| door.seat(address(number), now, few).1).collect();

        door.seat(address(5_000), now, few);

        assert_eq!(seats.iter().filter(|seat| seat.closed.is_cancelled()).count(), 1);
    }
}
