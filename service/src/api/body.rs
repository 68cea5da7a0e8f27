//! Bodies are refused by their announced length before a byte is read, and cut off where they grow beyond it.

use super::problem::{Answer, Failure};
use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Time for a body to arrive: the largest at 10 Mbit/s.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);
/// Time for which the rest of a refused body is read and thrown away, so that the sender sees the refusal and not a
/// reset.
const DRAINS_WITHIN: Duration = Duration::from_secs(5);
/// Bytes of the first piece that is made room for where no length is announced.
const KIB: usize = 1 << 10;

/// A body that is in memory, with the room that it takes.
pub struct Whole {
    /// The bytes.
    pub bytes: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

/// Reads a body of at most `max` bytes. The error is the whole answer.
pub async fn read(headers: &HeaderMap, body: Body, max: usize, room: &Arc<Semaphore>) -> Result<Whole, Response> {
    let announced = length(headers).map_err(IntoResponse::into_response)?;
    let mut stream = body.into_data_stream();
    if announced.is_some_and(|length| length > max) {
        return Err(refuse_and_drain(too_large(announced, max), stream));
    }
    let kib = announced.unwrap_or(max).div_ceil(KIB).max(1) as u32;
    let Ok(room) = room.clone().try_acquire_many_owned(kib) else {
        return Err(refuse_and_drain(Failure::busy("too many envelopes are on their way in"), stream));
    };
    let deadline = Instant::now() + ARRIVES_WITHIN;
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0));
    loop {
        match timeout_at(deadline, stream.next()).await {
            Err(_) => {
                return Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "slow", "the body took too long").into_response());
            }
            Ok(None) => return Ok(Whole { bytes, _room: room }),
            Ok(Some(Err(error))) => return Err(Failure::bad_request(format!("body: {error}")).into_response()),
            Ok(Some(Ok(piece))) if bytes.len() + piece.len() > max => {
                return Err(refuse_and_drain(too_large(None, max), stream));
            }
            Ok(Some(Ok(piece))) => bytes.extend_from_slice(&piece),
        }
    }
}

fn length(headers: &HeaderMap) -> Answer<Option<usize>> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(|text| text.parse::<u64>().ok());
    match parsed {
        Some(length) => Ok(Some(usize::try_from(length).unwrap_or(usize::MAX))),
        None => Err(Failure::bad_request("content-length is no number")),
    }
}

fn too_large(announced: Option<usize>, max: usize) -> Failure {
    let size = announced.map_or_else(|| "more than that came".to_owned(), |length| format!("{length} are announced"));
    Failure::refused(
        StatusCode::PAYLOAD_TOO_LARGE,
        "structure",
        "too-large",
        format!("an envelope has at most {max} bytes; {size}"),
    )
}

/// Answers at once, and then for a while reads what still comes.
fn refuse_and_drain(failure: Failure, mut rest: BodyDataStream) -> Response {
    let (mut parts, body) = failure.into_response().into_parts();
    let answer = body.into_data_stream().filter_map(async |piece| piece.ok());
    let drain = async move {
        let deadline = Instant::now() + DRAINS_WITHIN;
        while let Ok(Some(Ok(_))) = timeout_at(deadline, rest.next()).await {}
        None::<Bytes>
    };
    let drained = futures::stream::once(drain).filter_map(async |nothing| nothing);
    parts.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Response::from_parts(parts, Body::from_stream(answer.chain(drained).map(Ok::<_, Infallible>)))
}
