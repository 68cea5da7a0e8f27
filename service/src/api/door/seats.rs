//! Seats of the API's connections: how many there are, who sits for how long without progress, and who leaves for others.

use super::known::Known;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, TcpStream};
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
/// Connections that their threads are still to come to or to end, before strangers are refused: each is a small task, with or
/// without a seat.
const HELD_MAX: usize = 4 * CONNECTIONS_MAX;

/// Part of the places, one in so many, that strangers may take from those who are known and idle.
const STRANGERS_PART: usize = 4;

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

/// Time since a door was made, in microseconds. Where there is no room each connection that comes has all seats looked at: in a
/// flood differences of [`Instant`]s were a tenth of what the replica did.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Default for Clock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock {
    fn at(self, now: Instant) -> u64 {
        micros(now.saturating_duration_since(self.0))
    }
}

const fn micros(time: Duration) -> u64 {
    time.as_micros() as u64
}

/// Seats of the open connections.
#[derive(Default)]
pub struct Door {
    clock: Clock,
    seats: Mutex<Seats>,
    known: Arc<Known>,
    files: Arc<AtomicUsize>,
    held: AtomicUsize,
}

#[derive(Default)]
struct Seats {
    next: u64,
    taken: BTreeMap<u64, Arc<Seat>>,
}

/// A file that a connection holds, counted until it is dropped; with the socket until the connection's turn comes.
struct File {
    count: Arc<AtomicUsize>,
    waiting: Option<TcpStream>,
}

impl Drop for File {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
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

    /// Leaves the socket here until [`Held::socket`]: it is closed at once if the connection leaves before its turn.
    pub(super) fn wait(&self, socket: TcpStream) {
        let mut file = self.seat.file();
        file.as_mut().expect("it is held").waiting = Some(socket);
        file.take_if(|_| self.seat.closed.is_cancelled());
    }

    pub(super) fn socket(&self) -> Option<TcpStream> {
        self.seat.file().as_mut()?.waiting.take()
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
        self.door.held.fetch_sub(1, Ordering::Relaxed);
        self.seat.file().take();
    }
}

/// Seat of a connection.
pub struct Seat {
    from: IpAddr,
    clock: Clock,
    opened: u64,
    /// Time of the last progress.
    progress: AtomicU64,
    /// Handlers at work on its requests.
    working: AtomicUsize,
    known: Arc<Known>,
    /// Whether nothing was let in from its address lately, when it came.
    is_stranger: bool,
    /// Time until which it is still to be served: until its first request, and at most for [`FIRST_WITHIN`] once the threads that
    /// serve it have come to it.
    ahead_until: AtomicU64,
    /// True once a stranger was let in: it is to come again, and is then served among those who are known.
    is_outgrown: AtomicBool,
    file: Mutex<Option<File>>,
    pub(super) closed: CancellationToken,
}

impl Door {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection; where there is no room, one leaves for it. An address that has its share loses its longest
    /// idle one: those that are still to be served come last, and stay once half of [`HELD_MAX`] are to be ended. Otherwise no
    /// stranger takes the place of one that is at work or still to be served, for in a flood none of them would be, unless
    /// their address has more places than its own will have; nor that of one who is known, while strangers have a quarter of
    /// all. If none may leave, the new one is closed.
    pub(super) fn seat(&self, from: IpAddr, now: Instant, room: Room) -> (u64, Arc<Seat>) {
        let from = whole(from);
        let new = Arc::new(Seat::new(from, now, (self.clock, self.known.clone())));
        let (now, mut seats) = (self.clock.at(now), self.seats());
        let held = if new.is_stranger { self.held.load(Ordering::Relaxed) } else { 0 };
        let of_address = seats.taken.values().filter(|seat| seat.from == from).count();
        let in_share = of_address < room.of_one_address;
        let may_leave = |seat: &Seat| seat.from == from && (held < HELD_MAX / 2 || seat.is_over(now));
        let has_room = held < HELD_MAX && (in_share || seats.close_for(&new, now, may_leave));
        let has_room = has_room && (seats.taken.len() < room.all || seats.make_room(&new, now, room));
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
        let (now, mut seats) = (self.clock.at(now), self.seats());
        if self.files() <= seats.taken.len() {
            seats.close_first(|seat| seat.idle(now).map(|idle| (seat.is_still_strange(), idle)));
        }
    }

    /// Holds the file of a connection that is still to be served, and its seat where it has one.
    pub(super) fn hold(self: &Arc<Self>, (number, seat): (u64, Arc<Seat>)) -> Held {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.held.fetch_add(1, Ordering::Relaxed);
        *seat.file() = Some(File { count: self.files.clone(), waiting: None });
        seat.ahead_until.store(u64::MAX, Ordering::Relaxed);
        Held { door: self.clone(), number, seat }
    }

    /// Connections that hold a file: those with a seat, and those that were closed in their turn and are not gone yet.
    pub(super) fn files(&self) -> usize {
        self.files.load(Ordering::Relaxed)
    }

    pub(super) fn close_idle(&self, now: Instant) {
        let now = self.clock.at(now);
        let is_too_idle = |seat: &Seat| seat.idle(now).is_some_and(|idle| idle > micros(IDLE_MAX));
        self.seats().taken.extract_if(.., |_, seat| is_too_idle(seat)).for_each(|(_, seat)| seat.close());
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
    fn close_for(&mut self, new: &Seat, now: u64, of: impl Fn(&Seat) -> bool) -> bool {
        self.close_first(|seat| {
            let (is_strange, idle) = (seat.is_still_strange(), seat.idle(now));
            let may_leave = match new.is_stranger {
                true => idle.is_some(),
                false => idle.is_some() || is_strange,
            };
            let open = now.saturating_sub(seat.opened);
            (may_leave && of(seat)).then_some((is_strange, idle.is_some(), seat.is_over(now), idle.unwrap_or(open)))
        })
    }

    /// Closes a connection of any address for a new one. Whether one was closed.
    fn make_room(&mut self, new: &Seat, now: u64, room: Room) -> bool {
        let is_behind = |seat: &Seat| seat.is_still_strange() && !seat.is_ahead(now);
        if new.is_stranger && (self.close_for(new, now, is_behind) || self.close_of_most(new)) {
            return true;
        }
        let may_be_any = !new.is_stranger || self.strangers().count() < room.all / STRANGERS_PART;
        may_be_any && self.close_for(new, now, |seat| !new.is_stranger || !seat.is_ahead(now))
    }

    fn strangers(&self) -> impl Iterator<Item = &Arc<Seat>> {
        self.taken.values().filter(|seat| seat.is_still_strange())
    }

    /// Closes the newest connection of the strangers' address that has the most, if it has more than the new one's will have.
    /// Whether one was closed.
    fn close_of_most(&mut self, new: &Seat) -> bool {
        let mut counts = BTreeMap::<IpAddr, usize>::new();
        self.strangers().for_each(|seat| *counts.entry(seat.from).or_default() += 1);
        let own = counts.get(&new.from).map_or(0, |count| *count);
        let most = counts.into_iter().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > own + 1);
        most.is_some_and(|(of, _)| self.close_first(|seat| (seat.from == of && seat.is_still_strange()).then_some(())))
    }

    /// Closes the connection that is first by this rank, the greatest; whether there was one.
    fn close_first<R: Ord>(&mut self, rank: impl Fn(&Seat) -> Option<R>) -> bool {
        let ranked = self.taken.iter().filter_map(|(number, seat)| Some((rank(seat)?, *number)));
        let first = ranked.max().and_then(|(_, number)| self.taken.remove(&number));
        first.inspect(|seat| seat.close()).is_some()
    }
}

impl Seat {
    fn new(from: IpAddr, now: Instant, (clock, known): (Clock, Arc<Known>)) -> Self {
        let (opened, is_stranger) = (clock.at(now), !known.holds(from, now));
        let (progress, working, ahead_until) = (AtomicU64::new(opened), AtomicUsize::new(0), AtomicU64::new(0));
        let (is_outgrown, file, closed) = (AtomicBool::new(false), Mutex::default(), CancellationToken::new());
        Self { from, clock, opened, progress, working, known, is_stranger, ahead_until, is_outgrown, file, closed }
    }

    /// Notes that an envelope that came here was let in: its client is known from now on.
    pub fn let_in(&self) {
        self.known.note(self.from, Instant::now());
        self.is_outgrown.store(self.is_stranger, Ordering::Relaxed);
    }

    /// Notes that the threads that serve it have come to it: from now on it is its client's to make progress.
    fn begin(&self, now: Instant) {
        self.progress(now);
        self.ahead_until.store(self.clock.at(now + FIRST_WITHIN), Ordering::Relaxed);
    }

    fn file(&self) -> MutexGuard<'_, Option<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the connection: at once if its turn is still to come, and else once its threads come to it.
    fn close(&self) {
        self.closed.cancel();
        self.file().take_if(|file| file.waiting.is_some());
    }

    fn is_ahead(&self, now: u64) -> bool {
        now < self.ahead_until.load(Ordering::Relaxed)
    }

    /// Whether its turn came, and it has said nothing for as long as a first request may take.
    fn is_over(&self, now: u64) -> bool {
        !self.is_ahead(now) && self.idle(now).is_some_and(|idle| idle >= micros(FIRST_WITHIN))
    }

    /// Whether it came as a stranger, and nothing was let in of it since.
    fn is_still_strange(&self) -> bool {
        self.is_stranger && !self.is_outgrown()
    }

    pub(super) fn is_outgrown(&self) -> bool {
        self.is_outgrown.load(Ordering::Relaxed)
    }

    /// Address of the client, or of a proxy before it; of IPv6 its network of 64 bits.
    pub fn address(&self) -> IpAddr {
        self.from
    }

    /// Microseconds for which nothing has come of this connection; none while a handler works for it.
    fn idle(&self, now: u64) -> Option<u64> {
        let is_idle = self.working.load(Ordering::Relaxed) == 0;
        is_idle.then(|| now.saturating_sub(self.progress.load(Ordering::Relaxed)))
    }

    pub(super) fn progress(&self, now: Instant) {
        self.progress.store(self.clock.at(now), Ordering::Relaxed);
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
        seat.ahead_until.store(0, Ordering::Relaxed);
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
mod tests;
