//! Bodies are refused by their announced length before a byte is read, and cut off where they grow beyond it.
//!
//! Room is taken for what has come, never for what is announced; small bodies have room of their own, so that large ones
//! that stall keep out only each other. Where there is none, the body that has stalled for longest leaves.

use super::door::Seat;
use super::grown::Grown;
use super::problem::{Answer, Failure};
use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Time for a body to arrive: the largest at 10 Mbit/s.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);
/// Time after which a body must have come at [`RATE_MIN`].
const GRACE: Duration = Duration::from_secs(5);
/// Bytes a second that a body comes with at least.
const RATE_MIN: usize = 16 << 10;
/// Time for which the rest of a refused body is read and thrown away, so that the sender sees the refusal and not a
/// reset.
const DRAINS_WITHIN: Duration = Duration::from_secs(5);
/// Bytes of a small body.
const SMALL_BYTES: usize = 64 << 10;
/// KiB of small bodies on their way in.
const SMALL_KIB: usize = 16 << 10;
/// KiB of large bodies on their way in: three of the largest, each of which is in memory twice while it is joined and while it
/// is decoded.
const LARGE_KIB: usize = 96 << 10;
/// Bytes for which room is taken at a time.
const KIB: usize = 1 << 10;
/// Time without a byte after which a body may lose its room.
const STALLED: Duration = Duration::from_millis(500);
/// Time that a body waits for a stalled one to leave.
const LEAVES_WITHIN: Duration = Duration::from_millis(100);

/// Room for bodies on their way in.
pub struct Room {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    coming: Mutex<Vec<Weak<Coming>>>,
}

impl Default for Room {
    fn default() -> Self {
        let [small, large] = [SMALL_KIB, LARGE_KIB].map(|kib| Arc::new(Semaphore::new(kib)));
        Self { small, large, coming: Mutex::default() }
    }
}

/// A body on its way in, as the others see it.
pub(super) struct Coming {
    /// When its last piece came, and whether it has grown large.
    last: Mutex<(Instant, bool)>,
    leave: Notify,
    /// True once it was asked to leave: if nobody hears, others are asked.
    was_asked: AtomicBool,
}

impl Coming {
    /// A piece has come, after which the body has so many bytes.
    pub(super) fn grew(&self, bytes: usize) {
        *self.last() = (Instant::now(), bytes > SMALL_BYTES);
    }

    fn ask_to_leave(&self) {
        self.was_asked.store(true, Ordering::Relaxed);
        self.leave.notify_one();
    }

    /// Ends when the body has to leave for another.
    pub(super) async fn must_leave(&self) {
        self.leave.notified().await;
    }

    fn last(&self) -> MutexGuard<'_, (Instant, bool)> {
        self.last.lock().expect("no thread panics with it")
    }
}

/// A body that is in memory, with the room that it takes.
pub struct Whole {
    /// The bytes.
    pub bytes: Grown,
    pub(super) _room: Taken,
}

/// Room that one body has taken so far.
#[derive(Default)]
pub(super) struct Taken {
    permits: Option<OwnedSemaphorePermit>,
    is_large: bool,
}

impl Room {
    pub(super) fn enter(&self) -> Arc<Coming> {
        let coming = Arc::new(Coming {
            last: Mutex::new((Instant::now(), false)),
            leave: Notify::new(),
            was_asked: AtomicBool::new(false),
        });
        let mut known = self.coming();
        known.retain(|coming| coming.strong_count() > 0);
        known.push(Arc::downgrade(&coming));
        coming
    }

    /// [`Self::fit`], where need be in the room of a body that has stalled.
    pub(super) async fn make_fit(&self, taken: &mut Taken, bytes: usize) -> bool {
        let until = Instant::now() + LEAVES_WITHIN;
        while !self.fit(taken, bytes) {
            if Instant::now() >= until || !self.ask_stalled_to_leave(bytes > SMALL_BYTES) {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        true
    }

    /// Asks the body from which nothing has come for longest to leave; false where none has stalled.
    fn ask_stalled_to_leave(&self, is_large: bool) -> bool {
        let known: Vec<Arc<Coming>> = self.coming().iter().filter_map(Weak::upgrade).collect();
        let stalled = known
            .iter()
            .map(|coming| (*coming.last(), coming))
            .filter(|((last, large), _)| *large == is_large && last.elapsed() >= STALLED)
            .filter(|(_, coming)| !coming.was_asked.load(Ordering::Relaxed));
        let longest = stalled.min_by_key(|((last, _), _)| *last);
        longest.inspect(|(_, coming)| coming.ask_to_leave()).is_some()
    }

    fn coming(&self) -> MutexGuard<'_, Vec<Weak<Coming>>> {
        self.coming.lock().expect("no thread panics with it")
    }

    /// Makes what one body has taken fit so many bytes; false where there is no room.
    fn fit(&self, taken: &mut Taken, bytes: usize) -> bool {
        let from = if bytes > SMALL_BYTES { &self.large } else { &self.small };
        if bytes > SMALL_BYTES && !taken.is_large {
            // A body that has grown large leaves the room for small ones.
            *taken = Taken { permits: None, is_large: true };
        }
        let held = taken.permits.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.div_ceil(KIB).saturating_sub(held);
        let Ok(permits) = from.clone().try_acquire_many_owned(more as u32) else { return false };
        match &mut taken.permits {
            Some(held) => held.merge(permits),
            none => *none = Some(permits),
        }
        true
    }
}

/// Reads a body of at most `max` bytes. The error is the whole answer.
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    max: usize,
    room: &Room,
    seat: Option<&Arc<Seat>>,
) -> Result<Whole, Response> {
    let announced = length(headers).map_err(IntoResponse::into_response)?;
    let mut stream = body.into_data_stream();
    if is_json(headers) {
        return Err(refuse_and_drain(not_json(), stream));
    }
    if announced.is_some_and(|length| length > max) {
        return Err(refuse_and_drain(too_large(announced, max), stream));
    }
    let _awaiting = seat.map(Seat::awaiting_client);
    let (begun, mut bytes, coming) = (Instant::now(), Grown::default(), room.enter());
    let mut taken = Taken::default();
    loop {
        let piece = tokio::select! {
            piece = timeout_at(due(begun, bytes.len()), stream.next()) => piece,
            () = coming.must_leave() => return Err(slow().into_response()),
        };
        match piece {
            Err(_) => return Err(slow().into_response()),
            Ok(None) => return Ok(Whole { bytes, _room: taken }),
            Ok(Some(Err(error))) => return Err(Failure::bad_request(format!("body: {error}")).into_response()),
            Ok(Some(Ok(piece))) if bytes.len() + piece.len() > max => {
                return Err(refuse_and_drain(too_large(None, max), stream));
            }
            Ok(Some(Ok(piece))) => {
                coming.grew(bytes.len() + piece.len());
                if !room.make_fit(&mut taken, bytes.len() + piece.len()).await {
                    drop(bytes);
                    return Err(refuse_and_drain(Failure::busy("too many envelopes are on their way in"), stream));
                }
                bytes.extend(&piece);
            }
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn not_json() -> Failure {
    let detail =
        "the body is bytes, not JSON: of an envelope those that docs/encoding.md gives, as application/octet-stream";
    Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
}

/// When the next piece must be there, after so many bytes.
pub(super) fn due(begun: Instant, bytes: usize) -> Instant {
    let at_least = GRACE + Duration::from_millis((bytes * 1_000 / RATE_MIN) as u64);
    begun + at_least.min(ARRIVES_WITHIN)
}

pub(super) fn slow() -> Failure {
    Failure::new(StatusCode::REQUEST_TIMEOUT, "slow", "the body comes too slowly")
}

fn length(headers: &HeaderMap) -> Answer<Option<usize>> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(|text| text.parse::<u64>().ok());
    match parsed {
        Some(length) => Ok(Some(usize::try_from(length).unwrap_or(usize::MAX))),
        None => Err(Failure::bad_request("content-length is no number")),
    }
}

pub(super) fn too_large(announced: Option<usize>, max: usize) -> Failure {
    let size = announced.map_or_else(|| "more than that came".to_owned(), |length| format!("{length} are announced"));
    Failure::refused(
        StatusCode::PAYLOAD_TOO_LARGE,
        "structure",
        "too-large",
        format!("at most {max} bytes are taken here; {size}"),
    )
}

/// Answers at once, and then for a while reads what still comes.
fn refuse_and_drain(failure: Failure, mut rest: BodyDataStream) -> Response {
    let (mut parts, body) = failure.into_response().into_parts();
    let answer = body.into_data_stream().filter_map(async |piece| piece.ok());
    let drain = async move {
        drain(&mut rest).await;
        None::<Bytes>
    };
    let drained = futures::stream::once(drain).filter_map(async |nothing| nothing);
    parts.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Response::from_parts(parts, Body::from_stream(answer.chain(drained).map(Ok::<_, Infallible>)))
}

/// Reads for a while what still comes, and throws it away.
pub(super) async fn drain(rest: &mut BodyDataStream) {
    let deadline = Instant::now() + DRAINS_WITHIN;
    while let Ok(Some(Ok(_))) = timeout_at(deadline, rest.next()).await {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Error;
    use futures::stream;

    async fn read_all(body: Body, room: &Room) -> Result<usize, StatusCode> {
        let whole = read(&HeaderMap::new(), body, 1 << 20, room, None).await;
        whole.map(|whole| whole.bytes.len()).map_err(|answer| answer.status())
    }

    fn stalling(bytes: usize) -> Body {
        let begun = stream::iter([Ok::<_, Error>(Bytes::from(vec![0; bytes]))]);
        Body::from_stream(begun.chain(stream::pending()))
    }

    #[tokio::test]
    async fn a_body_that_stalls_longest_leaves_for_one_that_comes() {
        let room = Arc::new(Room::default());
        let stall = |_| {
            let room = room.clone();
            tokio::spawn(async move { read_all(stalling(SMALL_BYTES), &room).await })
        };
        let stalled: Vec<_> = (0..SMALL_KIB * KIB / SMALL_BYTES).map(stall).collect();
        while room.small.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            read_all(Body::from("early"), &room).await,
            Err(StatusCode::TOO_MANY_REQUESTS),
            "none has stalled yet"
        );
        tokio::time::sleep(STALLED).await;
        assert_eq!(read_all(Body::from("x"), &room).await, Ok(1));
        assert_eq!(stalled.iter().filter(|stalled| stalled.is_finished()).count(), 1);
        assert_eq!(futures::future::select_all(stalled).await.0.expect("no panic"), Err(StatusCode::REQUEST_TIMEOUT));
    }
}
