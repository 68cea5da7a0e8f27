//! Large answers: few are made at a time, and each keeps its room until its reader has taken it. A reader that takes
//! nothing loses its answer to the next that needs the room. Answers of one runtime wait for none of another: threads for strangers
//! are the last to get the processor. Answers to one address leave room to others, however slowly they are taken.

use super::problem::{Answer, Failure};
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;
use tokio::runtime::{Handle, Id};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// KiB of large answers that readers have not taken yet.
const UNREAD_KIB: usize = 64 << 10;
/// The same of one address. A reverse proxy is one address, so it is most of them.
const UNREAD_PER_ADDRESS_KIB: usize = UNREAD_KIB * 3 / 4;
/// Bytes of an answer that needs no room: less than a connection's own buffers.
const SMALL_BYTES: usize = 16 << 10;
/// Bytes that are handed to a connection at a time.
const PIECE_BYTES: usize = 64 << 10;
/// Answers that a runtime makes at a time: each reads much of the disk, or hashes much.
const MADE_AT_A_TIME: usize = 4;
/// Made answers of a runtime that wait for room.
const WAITING_MAX: usize = 4;
/// Time that an answer waits for its turn, and for its room.
const ROOM_WITHIN: Duration = Duration::from_secs(10);
/// Time without a piece taken after which an answer may lose its room.
const STALLED: Duration = Duration::from_secs(1);
/// Time after which an answer may lose its room if its reader, at its pace so far, needs longer than this for the rest.
const SLOW: Duration = Duration::from_secs(5);
const REST_MAX: Duration = Duration::from_secs(30);
/// Pause between two looks for room.
const LOOK: Duration = Duration::from_millis(20);

tokio::task_local! {
    /// Address of the client with which a task speaks.
    static CLIENT: IpAddr;
}

/// Speaks with a client at this address: answers that are made meanwhile take their room from its share.
pub fn to_client<T>(address: IpAddr, speaks: impl Future<Output = T>) -> impl Future<Output = T> {
    CLIENT.scope(address, speaks)
}

/// Turns and room for large answers.
pub struct Answers {
    queues: Mutex<HashMap<Id, Arc<Queue>>>,
    unread: Arc<Semaphore>,
    /// Room of each address to which answers are on their way.
    shares: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
    outgoing: Mutex<Vec<Weak<Outgoing>>>,
    patience: Patience,
}

/// Queue of a runtime.
struct Queue {
    turns: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Default for Queue {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(MADE_AT_A_TIME)), waiting: Semaphore::new(WAITING_MAX) }
    }
}

/// Times after which somebody has waited, or has been waited for, long enough.
#[derive(Debug, Clone, Copy)]
struct Patience {
    within: Duration,
    stalled: Duration,
    slow: Duration,
}

impl Default for Answers {
    fn default() -> Self {
        let unread = Arc::new(Semaphore::new(UNREAD_KIB));
        let patience = Patience { within: ROOM_WITHIN, stalled: STALLED, slow: SLOW };
        let (queues, shares, outgoing) = Default::default();
        Self { queues, unread, shares, outgoing, patience }
    }
}

/// Work that makes an answer. Boxed, so that its turn and its room are compiled once for all answers.
type Work = Box<dyn FnOnce() -> Answer<Vec<u8>> + Send>;

/// Bytes with the room that they take.
struct Unread {
    bytes: Vec<u8>,
    room: Option<Room>,
}

/// Room of an answer, of all and of its address's share.
struct Room {
    share: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

/// Answer on its way out.
pub struct Outgoing(Mutex<Rest>);

struct Rest {
    /// None once another answer has got the room.
    unread: Option<Unread>,
    taken: usize,
    /// When the first piece could be taken, and when the last one was.
    begun: Instant,
    moved: Instant,
}

impl Rest {
    /// Whether its reader has stalled, and for how long, or how long it needs for the rest; none where it may keep its room.
    fn delay(&self, Patience { stalled, slow, .. }: Patience) -> Option<(bool, Duration)> {
        let left = (self.unread.as_ref()?.bytes.len() - self.taken) as u128;
        let (idle, time) = (self.moved.elapsed(), self.begun.elapsed());
        let rest = time.as_millis() * left / (self.taken as u128).max(1);
        let rest = Duration::from_millis(rest.try_into().unwrap_or(u64::MAX));
        match () {
            () if idle >= stalled => Some((true, idle)),
            () if time >= slow && rest > REST_MAX => Some((false, rest)),
            () => None,
        }
    }
}

impl Outgoing {
    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.0.lock().expect("no thread panics with it")
    }

    /// Bytes that were not taken yet.
    fn left(&self) -> usize {
        let rest = self.rest();
        rest.unread.as_ref().map_or(0, |unread| unread.bytes.len() - rest.taken)
    }

    /// Whether it takes room of this share.
    fn is_of(&self, share: &Arc<Semaphore>) -> bool {
        let rest = self.rest();
        let room = rest.unread.as_ref().and_then(|unread| unread.room.as_ref());
        room.is_some_and(|room| Arc::ptr_eq(room.share.semaphore(), share))
    }

    /// The next piece; none at the end.
    pub fn piece(&self) -> Option<io::Result<Bytes>> {
        let mut rest = self.rest();
        let Some(unread) = &rest.unread else {
            return Some(Err(io::Error::other("its reader took nothing while others waited")));
        };
        let left = &unread.bytes[rest.taken..];
        let piece = Bytes::copy_from_slice(&left[..left.len().min(PIECE_BYTES)]);
        (rest.taken, rest.moved) = (rest.taken + piece.len(), Instant::now());
        (!piece.is_empty()).then_some(Ok(piece))
    }
}

impl Answers {
    /// Makes an answer on a thread that may block; it keeps its room until it is gone, or its reader takes nothing while
    /// others wait.
    pub fn make(
        &self,
        work: impl FnOnce() -> Answer<Vec<u8>> + Send + 'static,
    ) -> impl Future<Output = Answer<Arc<Outgoing>>> {
        self.outgoing_of(Box::new(work))
    }

    async fn outgoing_of(&self, work: Work) -> Answer<Arc<Outgoing>> {
        let unread = self.made(work).await?;
        let now = Instant::now();
        let rest = Rest { unread: Some(unread), taken: 0, begun: now, moved: now };
        let outgoing = Arc::new(Outgoing(Mutex::new(rest)));
        let mut known = self.outgoing();
        known.retain(|outgoing| outgoing.strong_count() > 0);
        known.push(Arc::downgrade(&outgoing));
        Ok(outgoing)
    }

    /// Makes an answer on a thread that may block, and sends it.
    pub fn send(
        &self,
        kind: &'static str,
        work: impl FnOnce() -> Answer<Vec<u8>> + Send + 'static,
    ) -> impl Future<Output = Answer<Response>> {
        self.sent(kind, Box::new(work))
    }

    async fn sent(&self, kind: &'static str, work: Work) -> Answer<Response> {
        let outgoing = self.outgoing_of(work).await?;
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            (header::CONTENT_LENGTH, HeaderValue::from(outgoing.left())),
        ];
        let pieces = futures::stream::iter(std::iter::from_fn(move || outgoing.piece()));
        Ok((headers, Body::from_stream(pieces)).into_response())
    }

    async fn made(&self, work: Work) -> Answer<Unread> {
        let turns = self.queue().turns.clone();
        let turn = tokio::time::timeout(self.patience.within, turns.acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or_else(busy)?;
        // The turn ends with the work, whether or not anybody still waits for it; who waits for room has none.
        let made = tokio::task::spawn_blocking(move || (work(), turn).0).await;
        let bytes = made.unwrap_or_else(|_| Err(Failure::stopping()))?;
        let kib = bytes.len().div_ceil(1 << 10).min(UNREAD_KIB) as u32;
        let room = if bytes.len() > SMALL_BYTES { Some(self.room(kib).await?) } else { None };
        Ok(Unread { bytes, room })
    }

    /// Room for so many KiB, of an answer whose reader takes it too slowly if need be: of one to the same address, where its
    /// share is taken.
    async fn room(&self, kib: u32) -> Answer<Room> {
        let share = self.share();
        let of_share = || share.clone().try_acquire_many_owned(kib.min(UNREAD_PER_ADDRESS_KIB as u32)).ok();
        let taken = || Some(Room { share: of_share()?, _all: self.unread.clone().try_acquire_many_owned(kib).ok()? });
        if let Some(room) = taken() {
            return Ok(room);
        }
        let queue = self.queue();
        let _place = queue.waiting.try_acquire().map_err(|_| busy())?;
        let until = Instant::now() + self.patience.within;
        loop {
            if let Some(room) = taken() {
                return Ok(room);
            }
            let has_share = of_share().is_some();
            if !self.drop_slowest(|outgoing| has_share || outgoing.is_of(&share)) {
                if Instant::now() >= until {
                    return Err(busy());
                }
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// The client's share; one of its own for an answer that is no client's.
    fn share(&self) -> Arc<Semaphore> {
        let whole = || Arc::new(Semaphore::new(UNREAD_PER_ADDRESS_KIB));
        let Ok(client) = CLIENT.try_with(|client| *client) else { return whole() };
        let mut shares = self.shares.lock().expect("no thread panics with it");
        shares.retain(|_, share| share.strong_count() > 0);
        let share = shares.get(&client).and_then(Weak::upgrade).unwrap_or_else(whole);
        shares.insert(client, Arc::downgrade(&share));
        share
    }

    /// Takes the bytes of that answer of these whose reader has taken nothing for longest, or else needs longest for the rest;
    /// false where none is slow.
    fn drop_slowest(&self, is_of: impl Fn(&Outgoing) -> bool) -> bool {
        let known: Vec<Arc<Outgoing>> = self.outgoing().iter().filter_map(Weak::upgrade).collect();
        let known = known.iter().filter(|outgoing| is_of(outgoing));
        let slow = known.filter_map(|outgoing| Some((outgoing.rest().delay(self.patience)?, outgoing)));
        let slowest = slow.max_by_key(|(delay, _)| *delay);
        slowest.is_some_and(|(_, outgoing)| outgoing.rest().unread.take().is_some())
    }

    fn queue(&self) -> Arc<Queue> {
        let mut queues = self.queues.lock().expect("no thread panics with it");
        queues.entry(Handle::current().id()).or_default().clone()
    }

    fn outgoing(&self) -> MutexGuard<'_, Vec<Weak<Outgoing>>> {
        self.outgoing.lock().expect("no thread panics with it")
    }
}

fn busy() -> Failure {
    Failure::busy("too many large answers are on their way out")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::door::serve;
    use axum::body::to_bytes;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio_util::sync::CancellationToken;

    const KIND: &str = "application/octet-stream";

    fn quick(within: u64, stalled: u64, slow: u64) -> Answers {
        let [within, stalled, slow] = [within, stalled, slow].map(Duration::from_millis);
        Answers { patience: Patience { within, stalled, slow }, ..Answers::default() }
    }

    #[tokio::test]
    async fn an_answer_keeps_its_room_until_it_is_gone() {
        let answers = Answers::default();
        let answer = answers.make(|| Ok(vec![0; 1 << 20])).await.expect("there is room");
        answer.piece().expect("it was just made").expect("nobody needs its room");
        assert_eq!(answers.unread.available_permits(), UNREAD_KIB - 1_024);
        drop(answer);
        assert_eq!(answers.unread.available_permits(), UNREAD_KIB);
    }

    #[tokio::test]
    async fn an_answer_without_room_is_refused_in_time() {
        let answers = quick(10, 60_000, 60_000);
        let large = answers.make(|| Ok(vec![0; UNREAD_KIB << 10])).await.expect("there is room");
        assert!(answers.make(|| Ok(vec![0; 1 << 20])).await.is_err());
        assert!(answers.make(|| Ok(vec![0; 100])).await.is_ok(), "small answers need none");
        drop(large);
    }

    #[tokio::test]
    async fn readers_at_one_address_leave_room_to_those_at_another() {
        let (answers, [one, other]) = (quick(10, 60_000, 60_000), [1, 2].map(|host| IpAddr::from([192, 0, 2, host])));
        let make = |address, kib: usize| to_client(address, answers.make(move || Ok(vec![0; kib << 10])));
        let _held = make(one, UNREAD_PER_ADDRESS_KIB).await.expect("its share");

        assert!(make(one, 1_024).await.is_err());

        assert!(make(other, UNREAD_KIB - UNREAD_PER_ADDRESS_KIB).await.is_ok());
    }

    #[tokio::test]
    async fn who_has_taken_its_share_loses_an_answer_of_its_own_to_the_next() {
        let (answers, [one, other]) = (quick(5_000, 50, 60_000), [1, 2].map(|host| IpAddr::from([192, 0, 2, host])));
        let make = |address, kib: usize| to_client(address, answers.make(move || Ok(vec![0; kib << 10])));
        let others = make(other, 1_024).await.expect("there is room");
        let own = make(one, UNREAD_PER_ADDRESS_KIB).await.expect("its share");

        assert!(make(one, 1_024).await.is_ok());

        assert_eq!([own, others].map(|answer| answer.piece().is_some_and(|piece| piece.is_ok())), [false, true]);
    }

    #[tokio::test]
    async fn an_answer_over_a_connection_is_of_the_share_of_its_client() {
        let answers = Arc::new(Answers::default());
        let made = answers.clone();
        let send = move || async move { made.send(KIND, || Ok(vec![7; 100_000])).await };
        let router = axum::Router::new().route("/", axum::routing::get(send));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let (address, stop) = (listener.local_addr().expect("its address"), CancellationToken::new());
        tokio::spawn(serve(listener, (Arc::default(), Handle::current()), None, router, stop.clone()));

        let mut reader = TcpStream::connect(address).await.expect("a connection");
        reader.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("a request");
        reader.read_u8().await.expect("an answer");

        let known: Vec<IpAddr> = answers.shares.lock().expect("no panic").keys().copied().collect();
        assert_eq!(known, [address.ip()]);
        stop.cancel();
    }

    #[tokio::test]
    async fn an_answer_is_sent_whole_with_its_length() {
        let answers = Answers::default();
        let sent = answers.send(KIND, || Ok(vec![7; 200_000])).await.expect("there is room");
        assert_eq!(sent.headers()[header::CONTENT_LENGTH], "200000");
        let bytes = to_bytes(sent.into_body(), usize::MAX).await.expect("nobody needs its room");
        assert!(bytes.len() == 200_000 && bytes.iter().all(|byte| *byte == 7));
        assert_eq!(answers.unread.available_permits(), UNREAD_KIB);
    }

    #[tokio::test]
    async fn a_reader_that_takes_nothing_loses_its_answer_to_one_that_needs_the_room() {
        let answers = quick(5_000, 50, 60_000);
        let idle = answers.send(KIND, || Ok(vec![0; UNREAD_KIB << 10])).await.expect("there is room");
        let next = answers.send(KIND, || Ok(vec![1; 1 << 20])).await.expect("the idle one makes room");
        assert_eq!(to_bytes(next.into_body(), usize::MAX).await.expect("it is read").len(), 1 << 20);
        assert!(to_bytes(idle.into_body(), usize::MAX).await.is_err(), "it is cut, not short");
    }

    #[tokio::test]
    async fn of_readers_that_read_all_the_time_only_one_that_needs_too_long_loses_its_answer() {
        let answers = quick(5_000, 60_000, 50);
        let half = || answers.make(|| Ok(vec![0; UNREAD_KIB << 9]));
        let (slow, fast) = (half().await.expect("there is room"), half().await.expect("there is room"));
        slow.piece().expect("the first").expect("nobody needs its room");
        while fast.left() > 2 * PIECE_BYTES {
            fast.piece().expect("it goes on").expect("nobody needs its room");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;

        assert!(answers.make(|| Ok(vec![1; 1 << 20])).await.is_ok());

        assert!(slow.piece().is_some_and(|piece| piece.is_err()));
        assert!(fast.piece().is_some_and(|piece| piece.is_ok()));
    }

    #[tokio::test]
    async fn answers_of_one_runtime_do_not_wait_for_those_of_another() {
        let others =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("threads");
        let (answers, (release, held)) = (Arc::new(quick(100, 60_000, 60_000)), std::sync::mpsc::channel::<()>());
        let (begin, mut begun) = tokio::sync::mpsc::unbounded_channel();
        let held = Arc::new(Mutex::new(held));
        for _ in 0..MADE_AT_A_TIME {
            let (answers, begin, held) = (answers.clone(), begin.clone(), held.clone());
            others.spawn(async move {
                let work = move || {
                    begin.send(()).expect("the test listens");
                    let _ = held.lock().map(|held| held.recv());
                    Ok(vec![])
                };
                answers.make(work).await.map(drop)
            });
        }
        for _ in 0..MADE_AT_A_TIME {
            begun.recv().await.expect("it is being made");
        }

        assert!(answers.make(|| Ok(vec![0; 100])).await.is_ok());

        drop(release);
        others.shutdown_background();
    }

    #[tokio::test]
    async fn who_waits_for_room_keeps_nobody_from_a_small_answer() {
        let answers = Arc::new(quick(5_000, 60_000, 60_000));
        let _full = answers.make(|| Ok(vec![0; UNREAD_KIB << 10])).await.expect("there is room");
        for _ in 0..2 * MADE_AT_A_TIME {
            let answers = answers.clone();
            tokio::spawn(async move { answers.make(|| Ok(vec![0; 1 << 20])).await.map(drop) });
        }
        let small = tokio::time::timeout(Duration::from_secs(1), answers.make(|| Ok(vec![0; 100])));
        assert!(small.await.expect("at once").is_ok());
    }
}
