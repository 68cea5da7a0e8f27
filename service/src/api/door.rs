//! The API's door: who is let in, and whose connection is closed when others need the room.
//!
//! A connection that asks nothing, sends half a request or does not read its answer is *idle*. When room runs out, the
//! connection that has been idle for longest goes, so that silence shuts out nobody. Room is a number of connections, and a
//! share of the files that the system lets the process open: most of the rest is for the database and the other replicas.
//!
//! Connections from addresses that an envelope was let in from lately are served on threads of their own, and leave after all
//! strangers, those at work included: who floods the door without being let in makes other strangers wait, and authors only
//! while so many connections that were closed hold their files that nobody is let in.

mod known;
mod seats;
mod watched;

use super::answers::to_client;
use crate::health::{files_max, lacks_files};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service as _;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
pub use seats::{Door, Seat};
use seats::{Room, Work};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watched::Watched;

/// Time for the head of a request to arrive, the silence before it included.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// Between two looks for connections that have been idle for too long.
const SWEEP: Duration = Duration::from_secs(2);
/// Bytes of a request's head, and of what is read ahead, for each connection.
const BUFFER_BYTES: usize = 32 << 10;
/// Bytes that wait in a socket before they can leave. What the kernel takes for a reader that does not read was made in vain:
/// on loopback it takes 2.5 MiB.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 128 << 10;
/// Pause while too many connections that were closed in their turn still hold their files: the threads of strangers are behind.
const TOO_MANY_LEAVE: Duration = Duration::from_millis(1);
/// Pause after the operating system gave no connection, because too many files are open: time for an idle one to be closed.
const NO_CONNECTION: Duration = Duration::from_millis(10);

/// Serves the API at one of its addresses until `stop`, strangers on threads of theirs and all others on those that run this;
/// returns when the last connection is closed. All addresses share the room of the door.
pub async fn serve(
    listener: std::net::TcpListener,
    (door, strangers): (Arc<Door>, Handle),
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?; // of the runtime that serves
    let tasks = TaskTracker::new();
    tasks.spawn(sweep(door.clone(), stop.clone()));
    loop {
        let room = Room::of(files_max());
        while door.files() >= room.with_leaving() && !stop.is_cancelled() {
            tokio::time::sleep(TOO_MANY_LEAVE).await;
        }
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, from)) => {
                let (number, seat) = door.seat(from.ip(), Instant::now(), room);
                if seat.closed.is_cancelled() {
                    continue; // closed here, and not once the threads that would serve it come to it
                }
                let held = door.hold((number, seat));
                let threads = if held.is_strangers() { strangers.clone() } else { Handle::current() };
                let (router, stop, tls) = (router.clone(), stop.clone(), tls.clone());
                match stream.into_std() {
                    Ok(stream) => held.wait(stream),
                    Err(_) => continue,
                }
                let conversation = async move {
                    // The threads that serve the socket wait for it. One that cannot be waited for is closed.
                    if let (Some(seat), Some(Ok(stream))) = (held.begin(), held.socket().map(TcpStream::from_std)) {
                        let conversation = to_client(seat.address(), converse(stream, seat, tls, router, stop));
                        Box::pin(conversation).await; // small until its turn comes
                    }
                };
                tasks.spawn_on(conversation, &threads);
            }
            Err(error) => {
                tracing::debug!(%error, "no connection");
                if lacks_files(&error) {
                    door.close_longest_idle(Instant::now());
                }
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
    // Small answers leave at once, and large ones are made as they leave; a socket that cannot do that still works.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES);
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
            let _work = Work::begin(seat.clone());
            let answer: Result<Response<Body>, Infallible> = router.call(request).await;
            answer.map(|mut answer| {
                if seat.is_outgrown() {
                    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                answer
            })
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn for_a_reader_that_reads_nothing_little_is_made() {
        let made = Arc::new(AtomicUsize::new(0));
        let count = made.clone();
        let pieces = futures::stream::repeat_with(move || {
            count.fetch_add(BUFFER_BYTES, Ordering::Relaxed);
            Ok::<_, Infallible>(vec![0; BUFFER_BYTES])
        });
        let answer = Arc::new(Mutex::new(Some(Body::from_stream(pieces))));
        let take = move || async move { answer.lock().expect("one asks").take().expect("once") };
        let router = Router::new().route("/", axum::routing::get(take));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let (address, stop) = (listener.local_addr().expect("its address"), CancellationToken::new());
        let listener = listener.into_std().expect("the same one");
        let served = tokio::spawn(serve(listener, (Arc::default(), Handle::current()), None, router, stop.clone()));
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("a narrow one");
        let mut reader = socket.connect(address).await.expect("a connection");
        reader.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("a request");

        let mut before = 0;
        while before == 0 || before < made.load(Ordering::Relaxed) {
            before = made.load(Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }

        assert!(before <= 1 << 20, "{before} bytes were made");
        drop(reader);
        stop.cancel();
        served.await.expect("it ends").expect("it ends well");
    }

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A door at which `/` lets an envelope in.
    struct Open {
        door: Arc<Door>,
        address: std::net::SocketAddr,
        stop: CancellationToken,
        served: tokio::task::JoinHandle<io::Result<()>>,
    }

    impl Open {
        async fn new(strangers: Handle) -> Self {
            let (door, stop) = (Arc::<Door>::default(), CancellationToken::new());
            let let_in = |axum::Extension(seat): axum::Extension<Arc<Seat>>| async move { seat.let_in() };
            let router = Router::new().route("/", axum::routing::get(let_in));
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
            let address = listener.local_addr().expect("its address");
            let listener = listener.into_std().expect("the same one");
            let served = tokio::spawn(serve(listener, (door.clone(), strangers), None, router, stop.clone()));
            Self { door, address, stop, served }
        }

        /// Head of the answer to a question on a connection of its own, as far as it has come within so long.
        async fn answer(&self, within: Duration) -> String {
            let mut stream = TcpStream::connect(self.address).await.expect("a connection");
            stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("a request");
            let mut head = Vec::new();
            let read = async {
                while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {}
            };
            let _ = tokio::time::timeout(within, read).await;
            String::from_utf8(head).expect("a head")
        }

        async fn close(self) {
            self.stop.cancel();
            self.served.await.expect("it ends").expect("it ends well");
        }
    }

    #[tokio::test]
    async fn who_was_let_in_before_is_served_while_strangers_wait() {
        let strangers = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let strangers = strangers.expect("threads");
        let (release, busy) = std::sync::mpsc::channel::<()>();
        strangers.spawn(async move { busy.recv() });
        let open = Open::new(strangers.handle().clone()).await;
        assert_eq!(open.answer(Duration::from_millis(300)).await, "", "the strangers' one thread is busy");

        let held = open.door.hold(open.door.seat(Ipv4Addr::LOCALHOST.into(), Instant::now(), Room::of(0)));
        held.begin().expect("there is room").let_in();
        drop(held);

        assert!(open.answer(PATIENCE).await.starts_with("HTTP/1.1 200"));
        release.send(()).expect("it waits");
        open.close().await;
        strangers.shutdown_background();
    }

    #[tokio::test]
    async fn a_stranger_that_is_let_in_is_asked_to_come_again_once() {
        let open = Open::new(Handle::current()).await;
        let first = open.answer(PATIENCE).await;
        assert!(first.starts_with("HTTP/1.1 200") && first.contains("connection: close"), "{first}");

        let second = open.answer(PATIENCE).await;
        assert!(second.starts_with("HTTP/1.1 200") && !second.contains("connection: close"), "{second}");
        open.close().await;
    }
}
