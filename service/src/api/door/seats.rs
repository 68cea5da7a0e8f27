//! Seats of the API's connections: how many there are, who sits for how long without progress, and who leaves for others.

use super::known::Known;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
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
/// Time that a connection whose turn has come has for its first request, before it may leave for a stranger: a round trip. While
/// the threads keep up, who would hold all places by silence has to come four thousand times a second.
const FIRST_WITHIN: Duration = Duration::from_millis(250);

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
        self.seat.begin(Instant::now());
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
    /// Milliseconds from the opening until which it is still to be served: until its first request, and at most for
    /// [`FIRST_WITHIN`] once the threads that serve it have come to it.
    ahead_until_ms: AtomicU64,
    /// True once a stranger was let in: it is to come again, and is then served among those who are known.
    is_outgrown: AtomicBool,
    pub(super) closed: CancellationToken,
}

impl Door {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection; where there is no room, one leaves for it, of the same address if that has its share. No
    /// stranger takes the place of one that is still to be served: in a flood none of them would be. If none may leave, the
    /// new one is closed.
    pub(super) fn seat(&self, from: IpAddr, now: Instant, room: Room) -> (u64, Arc<Seat>) {
        let from = whole(from);
        let new = Arc::new(Seat::new(from, now, self.known.clone()));
        let mut seats = self.seats();
        let of_address = seats.taken.values().filter(|seat| seat.from == from).count();
        let has_room = of_address < room.of_one_address || seats.close_for(&new, now, |seat| seat.from == from);
        let has_room = has_room && (seats.taken.len() < room.all || seats.close_for(&new, now, |_| true));
        seats.next += 1;
        let number = seats.next;
        match has_room {
            true => drop(seats.taken.insert(number, new.clone())),
            false => new.closed.cancel(),
        }
        (number, new)
    }

    /// Closes the connection that has been idle for longest, unless files of such as were closed are still to be given back.
    pub(super) fn close_longest_idle(&self, now: Instant) {
        let mut seats = self.seats();
        if self.files() <= seats.taken.len() {
            seats.close_first(|seat| seat.idle(now).map(|idle| (seat.is_still_strange(), idle)));
        }
    }

    /// Holds the file of a connection that is still to be served, and its seat where it has one.
    pub(super) fn hold(self: &Arc<Self>, (number, seat): (u64, Arc<Seat>)) -> Held {
        self.files.fetch_add(1, Ordering::Relaxed);
        seat.ahead_until_ms.store(u64::MAX, Ordering::Relaxed);
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

/// The address that one machine counts as: the first half of its address of IPv6, whose second half it may choose.
fn whole(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !0 << 64).into(),
        v4 => v4,
    }
}

impl Seats {
    /// Closes one of these connections for a new one: the longest idle stranger; for one that is known also a stranger at
    /// work, or the longest idle of those who are known. Whether one was closed.
    fn close_for(&mut self, new: &Seat, now: Instant, of: impl Fn(&Seat) -> bool) -> bool {
        self.close_first(|seat| {
            let (is_strange, idle) = (seat.is_still_strange(), seat.idle(now));
            let may_leave = match new.is_stranger {
                true => idle.is_some() && !seat.is_ahead(now),
                false => idle.is_some() || is_strange,
            };
            let open = now.saturating_duration_since(seat.opened);
            (may_leave && of(seat)).then_some((is_strange, idle.is_some(), idle.unwrap_or(open)))
        })
    }

    /// Closes the connection that is first by this rank, the greatest; whether there was one.
    fn close_first<R: Ord>(&mut self, rank: impl Fn(&Seat) -> Option<R>) -> bool {
        let ranked = self.taken.iter().filter_map(|(number, seat)| Some((rank(seat)?, *number)));
        let first = ranked.max().and_then(|(_, number)| self.taken.remove(&number));
        first.as_ref().into_iter().for_each(|seat| seat.closed.cancel());
        first.is_some()
    }
}

impl Seat {
    fn new(from: IpAddr, opened: Instant, known: Arc<Known>) -> Self {
        let (progress_ms, working) = (AtomicU64::new(0), AtomicUsize::new(0));
        let is_stranger = !known.holds(from, opened);
        let (ahead_until_ms, is_outgrown) = (AtomicU64::new(0), AtomicBool::new(false));
        let closed = CancellationToken::new();
        Self { from, opened, progress_ms, working, known, is_stranger, ahead_until_ms, is_outgrown, closed }
    }

    /// Notes that an envelope that came here was let in: its client is known from now on.
    pub fn let_in(&self) {
        self.known.note(self.from, Instant::now());
        self.is_outgrown.store(self.is_stranger, Ordering::Relaxed);
    }

    /// Notes that the threads that serve it have come to it: from now on it is its client's to make progress.
    fn begin(&self, now: Instant) {
        self.progress(now);
        self.ahead_until_ms.store(self.age_ms(now + FIRST_WITHIN), Ordering::Relaxed);
    }

    fn is_ahead(&self, now: Instant) -> bool {
        self.age_ms(now) < self.ahead_until_ms.load(Ordering::Relaxed)
    }

    /// Whether it came as a stranger, and nothing was let in of it since.
    fn is_still_strange(&self) -> bool {
        self.is_stranger && !self.is_outgrown()
    }

    fn age_ms(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.opened).as_millis() as u64
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
        self.progress_ms.store(self.age_ms(now), Ordering::Relaxed);
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
        seat.ahead_until_ms.store(0, Ordering::Relaxed);
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

        drop(Work::begin(held[7].begin().expect("it is open").clone()));
        assert!(!door.seat(address(5_001), now, ALL).1.closed.is_cancelled());
        assert!(held[7].begin().is_none(), "it left");

        door.known.note(address(5_002), now);
        assert!(!door.seat(address(5_002), now, ALL).1.closed.is_cancelled(), "it is known");
        assert_eq!(door.files(), CONNECTIONS_MAX);
        drop(held);
        assert_eq!(door.files(), 0);
    }

    #[test]
    fn a_stranger_whose_turn_has_come_has_time_for_its_first_request() {
        let (door, now) = (Arc::new(Door::default()), Instant::now());
        let held: Vec<Held> =
            (0..CONNECTIONS_MAX as u32).map(|number| door.hold(door.seat(address(number), now, ALL))).collect();
        let later = now + Duration::from_secs(5);
        held[7].seat.begin(later);

        assert!(door.seat(address(5_000), later + FIRST_WITHIN / 2, ALL).1.closed.is_cancelled());
        assert!(!door.seat(address(5_001), later + FIRST_WITHIN, ALL).1.closed.is_cancelled());
        assert!(held[7].seat.closed.is_cancelled(), "it has said nothing");
    }

    #[test]
    fn one_address_has_no_more_than_its_share_at_work() {
        let (door, now) = (Door::default(), Instant::now());
        let seats = (0..CONNECTIONS_MAX).map(|_| door.seat(address(1), now, ALL).1);
        let work: Vec<Work> = seats.filter(|seat| !seat.closed.is_cancelled()).map(Work::begin).collect();
        assert_eq!(work.len(), CONNECTIONS_PER_ADDRESS_MAX);
        assert!(!door.seat(address(2), now, ALL).1.closed.is_cancelled());
    }

    #[test]
    fn a_machine_with_many_addresses_of_ipv6_is_one_and_a_mapped_address_is_itself() {
        let [one, same, other, mapped] = ["2001:db8:1:2::3", "2001:db8:1:2:ff::", "2001:db8:1:3::3", "::ffff:10.0.0.1"]
            .map(|text| whole(text.parse().expect("an address")));
        assert!(one == same && one != other);
        assert_eq!(mapped, IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
    }

    #[test]
    fn a_stranger_at_work_leaves_for_who_is_known_before_others_who_are_known() {
        let (door, now) = (Door::default(), Instant::now());
        [0, 5_000].into_iter().for_each(|number| door.known.note(address(number), now));
        let seats: Vec<_> = (0..CONNECTIONS_MAX as u32).map(|number| door.seat(address(number), now, ALL).1).collect();
        let work: Vec<Work> = seats.iter().skip(1).cloned().map(Work::begin).collect();

        assert!(!door.seat(address(5_000), now, ALL).1.closed.is_cancelled());

        assert!(!seats[0].closed.is_cancelled(), "it is idle, and known");
        assert_eq!(seats.iter().filter(|seat| seat.closed.is_cancelled()).count(), 1);
        drop(work);
    }

    #[test]
    fn a_lack_of_files_closes_nobody_while_those_who_were_closed_hold_theirs() {
        let (door, now) = (Arc::new(Door::default()), Instant::now());
        let held = [1, 2, 3].map(|number| door.hold(door.seat(address(number), now, ALL)));
        let open = |held: &[Held; 3]| held.iter().filter(|held| !held.seat.closed.is_cancelled()).count();

        door.close_longest_idle(now);
        door.close_longest_idle(now);

        assert_eq!(open(&held), 2, "the first still holds its file");
    }

    #[test]
    fn a_stranger_that_was_let_in_leaves_after_those_that_were_not() {
        let (door, now) = (Door::default(), Instant::now());
        let seats: Vec<_> = (0..CONNECTIONS_MAX as u32).map(|number| door.seat(address(number), now, ALL).1).collect();
        seats[0].let_in();
        let later = now + Duration::from_secs(1);
        seats.iter().skip(1).for_each(|seat| seat.progress(later));

        door.seat(address(5_000), later, ALL);

        assert!(!seats[0].closed.is_cancelled(), "it is idle for longest, and was let in");
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
