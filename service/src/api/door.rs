//! The API's door: who is let in, and whose connection is closed when others need the room.
//!
//! A connection that asks nothing, sends half a request or does not read its answer is *idle*. When room runs out, the
//! connection that has been idle for longest goes, so that silence shuts out nobody.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service as _;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at a time: file handles and buffers that strangers can hold.
const CONNECTIONS_MAX: usize = 1_024;
/// Connections of one address at a time. A reverse proxy is one address, so it is most of them.
const CONNECTIONS_PER_ADDRESS_MAX: usize = 768;
/// Time for the head of a request to arrive, the silence before it included.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// Idle time after which a connection is closed although there is room: an answer that nobody reads.
const IDLE_MAX: Duration = Duration::from_secs(40);
/// Between two looks for such connections.
const SWEEP: Duration = Duration::from_secs(2);
/// Bytes of a request's head, and of what is read ahead, for each connection.
const BUFFER_BYTES: usize = 32 << 10;
/// Bytes of a request's body that count as progress when they come in one piece; fewer are a drip.
const PIECE_BYTES_MIN: usize = 512;
/// Pause after the operating system gave no connection: too many files are open.
const NO_CONNECTION: Duration = Duration::from_millis(100);

const _: () = assert!(CONNECTIONS_PER_ADDRESS_MAX >= 512, "a proxy serves many");

/// Serves the API until `stop`; returns when the last connection is closed.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let (door, tasks) = (Arc::new(Door::new()), TaskTracker::new());
    tasks.spawn(sweep(door.clone(), stop.clone()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, from)) => {
                let (number, seat) = door.seat(from.ip(), Instant::now());
                let (door, router, stop, tls) = (door.clone(), router.clone(), stop.clone(), tls.clone());
                tasks.spawn(async move {
                    converse(stream, &seat, tls, router, stop).await;
                    door.leave(number);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "no connection");
                tokio::time::sleep(NO_CONNECTION).await;
            }
        }
    }
    tasks.close();
    tasks.wait().await;
    Ok(())
}

/// Speaks with one client, over TLS where that is wanted; a handshake has as long as the head of a request.
async fn converse(
    stream: TcpStream,
    seat: &Arc<Seat>,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
) {
    // Small answers leave at once; a socket that cannot do that still works.
    let _ = stream.set_nodelay(true);
    let watched = Watched { stream, seat: seat.clone() };
    let Some(tls) = tls else { return speak(watched, seat, router, stop).await };
    let secured = tokio::select! {
        secured = tokio::time::timeout(HEAD_WITHIN, tls.accept(watched)) => secured,
        () = seat.closed.cancelled() => return,
        () = stop.cancelled() => return,
    };
    match secured {
        Ok(Ok(secured)) => speak(secured, seat, router, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
        Err(_) => tracing::debug!("no TLS in time"),
    }
}

/// Speaks HTTP on one connection until either side ends it, or its seat is needed.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    seat: &Arc<Seat>,
    router: Router,
    stop: CancellationToken,
) {
    let (router, served) = (TowerToHyperService::new(router), seat.clone());
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        let (seat, router) = (served.clone(), router.clone());
        request.extensions_mut().insert(seat.clone());
        async move {
            let _work = Work::begin(seat);
            let answer: Result<Response<Body>, Infallible> = router.call(request).await;
            answer
        }
    });
    let stream = TokioIo::new(stream);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(BUFFER_BYTES);
    let connection = http.serve_connection(stream, service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => (),
        () = seat.closed.cancelled() => (),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! { _ = connection => (), () = seat.closed.cancelled() => () }
        }
    }
}

/// Closes what has been idle for too long, until the end.
async fn sweep(door: Arc<Door>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => door.close_idle(Instant::now()),
            () = stop.cancelled() => return,
        }
    }
}

/// Seats of the open connections.
struct Door {
    seats: Mutex<Seats>,
}

#[derive(Default)]
struct Seats {
    next: u64,
    taken: BTreeMap<u64, Arc<Seat>>,
}

/// Seat of a connection.
pub struct Seat {
    from: IpAddr,
    opened: Instant,
    /// Milliseconds from the opening to the last progress.
    progress_ms: AtomicU64,
    /// Handlers at work on its requests.
    working: AtomicUsize,
    closed: CancellationToken,
}

impl Door {
    fn new() -> Self {
        Self { seats: Mutex::default() }
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection; the longest idle one leaves where there is no room.
    fn seat(&self, from: IpAddr, now: Instant) -> (u64, Arc<Seat>) {
        let mut seats = self.seats();
        if seats.taken.values().filter(|seat| seat.from == from).count() >= CONNECTIONS_PER_ADDRESS_MAX {
            seats.close_longest_idle(now, |seat| seat.from == from);
        }
        if seats.taken.len() >= CONNECTIONS_MAX {
            seats.close_longest_idle(now, |_| true);
        }
        seats.next += 1;
        let (number, seat) = (seats.next, Arc::new(Seat::new(from, now)));
        if seats.taken.len() < CONNECTIONS_MAX {
            seats.taken.insert(number, seat.clone());
        } else {
            // All others are at work.
            seat.closed.cancel();
        }
        (number, seat)
    }

    fn leave(&self, number: u64) {
        self.seats().taken.remove(&number);
    }

    fn close_idle(&self, now: Instant) {
        let seats = self.seats();
        seats.taken.values().filter(|seat| seat.idle(now).is_some_and(|idle| idle > IDLE_MAX)).for_each(|seat| {
            seat.closed.cancel();
        });
    }
}

impl Seats {
    fn close_longest_idle(&mut self, now: Instant, of: impl Fn(&Seat) -> bool) {
        let idle = self.taken.iter().filter(|(_, seat)| of(seat));
        let longest = idle.filter_map(|(number, seat)| Some((seat.idle(now)?, *number))).max();
        if let Some(seat) = longest.and_then(|(_, number)| self.taken.remove(&number)) {
            seat.closed.cancel();
        }
    }
}

impl Seat {
    fn new(from: IpAddr, opened: Instant) -> Self {
        let (progress_ms, working) = (AtomicU64::new(0), AtomicUsize::new(0));
        Self { from, opened, progress_ms, working, closed: CancellationToken::new() }
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

    fn progress(&self, now: Instant) {
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
struct Work(Arc<Seat>);

impl Work {
    fn begin(seat: Arc<Seat>) -> Self {
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

/// A socket whose progress its seat knows.
struct Watched {
    stream: TcpStream,
    seat: Arc<Seat>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() >= before + PIECE_BYTES_MIN {
            self.seat.progress(Instant::now());
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if matches!(polled, Poll::Ready(Ok(written)) if written > 0) {
            self.seat.progress(Instant::now());
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if matches!(polled, Poll::Ready(Ok(written)) if written > 0) {
            self.seat.progress(Instant::now());
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0x7f00_0001 + number))
    }

    #[test]
    fn the_longest_idle_connection_leaves_for_a_new_one() {
        let (door, begin) = (Door::new(), Instant::now());
        let seats: Vec<_> = (0..CONNECTIONS_MAX as u32).map(|number| door.seat(address(number), begin).1).collect();
        let later = begin + Duration::from_secs(1);
        seats.iter().skip(1).for_each(|seat| seat.progress(later));

        let (_, new) = door.seat(address(5_000), later);

        assert!(seats[0].closed.is_cancelled() && !new.closed.is_cancelled());
        assert!(seats[1..].iter().all(|seat| !seat.closed.is_cancelled()));
    }

    #[test]
    fn a_connection_at_work_stays_and_one_that_awaits_its_client_may_leave() {
        let (door, now) = (Door::new(), Instant::now());
        let seats: Vec<_> = (0..CONNECTIONS_MAX as u32).map(|number| door.seat(address(number), now).1).collect();
        let work: Vec<Work> = seats.iter().cloned().map(Work::begin).collect();
        assert!(door.seat(address(5_000), now).1.closed.is_cancelled(), "all others are at work");

        let _awaiting = seats[7].awaiting_client();
        assert!(!door.seat(address(5_001), now).1.closed.is_cancelled());
        assert!(seats[7].closed.is_cancelled());
        drop(work);
    }

    #[test]
    fn one_address_makes_room_by_its_own_connections() {
        let (door, now) = (Door::new(), Instant::now());
        let (_, other) = door.seat(address(1), now);
        let greedy: Vec<_> = (0..CONNECTIONS_PER_ADDRESS_MAX).map(|_| door.seat(address(2), now).1).collect();

        door.seat(address(2), now);

        assert!(!other.closed.is_cancelled());
        assert_eq!(greedy.iter().filter(|seat| seat.closed.is_cancelled()).count(), 1);
    }
}
