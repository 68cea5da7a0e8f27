//! Envelopes in one body, one after the other, each after four bytes of its length, least significant first.
//!
//! Each takes room as it comes, like a body of its own, and comes at the same least rate.

use super::body::{Coming, Room, Taken, Whole, drain, due, slow, too_large};
use super::grown::Grown;
use super::problem::{Answer, Failure};
use axum::body::{Body, BodyDataStream, Bytes};
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// Bytes of a length.
const LENGTH_BYTES: usize = 4;
/// Time for which an envelope that has begun to come waits for room.
const ROOM_WITHIN: Duration = Duration::from_secs(5);
/// Pause before room is asked for again.
const NO_ROOM: Duration = Duration::from_millis(10);

/// Reader of the envelopes.
pub struct Framed {
    body: BodyDataStream,
    /// Bytes that have come and belong to no part yet.
    rest: Bytes,
    part: Option<Part>,
    max: usize,
}

/// An envelope that has come in part.
struct Part {
    begun: Instant,
    length: Vec<u8>,
    bytes: Grown,
    taken: Taken,
    coming: Arc<Coming>,
}

impl Part {
    fn begin(room: &Room) -> Self {
        let (length, bytes, taken) = (Vec::new(), Grown::default(), Taken::default());
        Self { begun: Instant::now(), length, bytes, taken, coming: room.enter() }
    }

    /// Bytes of the envelope, once its length is there.
    fn length(&self) -> Option<usize> {
        Some(u32::from_le_bytes(self.length.as_slice().try_into().ok()?) as usize)
    }
}

impl Framed {
    /// Envelopes of at most `max` bytes each.
    pub fn new(body: Body, max: usize) -> Self {
        Self { body: body.into_data_stream(), rest: Bytes::new(), part: None, max }
    }

    /// True between the first byte of an envelope and its last.
    pub fn is_within(&self) -> bool {
        self.part.is_some()
    }

    /// The next envelope, none at the end of the body. No byte is lost when the wait for it is given up; after an error
    /// nothing is kept.
    pub async fn next(&mut self, room: &Room) -> Answer<Option<Whole>> {
        let next = self.read(room).await;
        if next.is_err() {
            (self.part, self.rest) = (None, Bytes::new());
        }
        next
    }

    async fn read(&mut self, room: &Room) -> Answer<Option<Whole>> {
        loop {
            while !self.rest.is_empty() {
                if let Some(whole) = self.assemble(room).await? {
                    return Ok(Some(whole));
                }
            }
            match self.piece().await? {
                Some(piece) => self.rest = piece,
                None if self.part.is_none() => return Ok(None),
                None => return Err(Failure::bad_request("the body ends within an envelope")),
            }
        }
    }

    /// Reads for a while what still comes, so that the sender sees why no more is taken.
    pub async fn drain(&mut self) {
        drain(&mut self.body).await;
    }

    /// Moves bytes that have come into the part; the envelope, when it is whole.
    async fn assemble(&mut self, room: &Room) -> Answer<Option<Whole>> {
        let part = self.part.get_or_insert_with(|| Part::begin(room));
        let Some(length) = part.length() else {
            let missing = (LENGTH_BYTES - part.length.len()).min(self.rest.len());
            part.length.extend(self.rest.split_to(missing));
            return match part.length() {
                Some(length) if length > self.max => Err(too_large(Some(length), self.max)),
                Some(0) => Err(Failure::bad_request("an envelope without bytes")),
                _ => Ok(None),
            };
        };
        let more = (length - part.bytes.len()).min(self.rest.len());
        part.coming.grew(part.bytes.len() + more);
        let waits = Instant::now();
        while !room.make_fit(&mut part.taken, part.bytes.len() + more).await {
            if waits.elapsed() >= ROOM_WITHIN {
                return Err(Failure::busy("too many envelopes are on their way in"));
            }
            tokio::select! {
                () = sleep(NO_ROOM) => (),
                () = part.coming.must_leave() => return Err(slow()),
            }
        }
        part.begun += waits.elapsed(); // its sender was there
        part.bytes.extend(&self.rest.split_to(more));
        let whole = self.part.take_if(|part| part.bytes.len() == length);
        Ok(whole.map(|Part { bytes, taken, .. }| Whole { bytes, _room: taken }))
    }

    async fn piece(&mut self) -> Answer<Option<Bytes>> {
        let piece = match &self.part {
            None => self.body.next().await,
            Some(part) => tokio::select! {
                piece = timeout_at(due(part.begun, part.bytes.len()), self.body.next()) => piece.map_err(|_| slow())?,
                () = part.coming.must_leave() => return Err(slow()),
            },
        };
        piece.transpose().map_err(|error| Failure::bad_request(format!("body: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Error;
    use axum::http::StatusCode;
    use futures::{FutureExt, stream};

    const MAX: usize = 100;

    fn framed(pieces: impl IntoIterator<Item = Vec<u8>>) -> Framed {
        let pieces: Vec<_> = pieces.into_iter().map(|piece| Ok::<_, Error>(Bytes::from(piece))).collect();
        Framed::new(Body::from_stream(stream::iter(pieces)), MAX)
    }

    fn frame(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u32).to_le_bytes(), bytes].concat()
    }

    async fn all(mut framed: Framed) -> Result<Vec<Vec<u8>>, (StatusCode, usize)> {
        let (room, mut found) = (Room::default(), Vec::new());
        loop {
            match framed.next(&room).await {
                Ok(Some(whole)) => found.push(whole.bytes.joined()),
                Ok(None) => return Ok(found),
                Err(failure) => {
                    let status = failure.into_parts().0.status;
                    return Err((StatusCode::from_u16(status).expect("a status"), found.len()));
                }
            }
        }
    }

    #[tokio::test]
    async fn envelopes_are_found_wherever_the_body_is_cut() {
        let whole = [frame(b"one"), frame(b"and"), frame(b"two")].concat();
        for cut in 0..=whole.len() {
            let found = all(framed([whole[..cut].to_vec(), whole[cut..].to_vec()])).await;
            assert_eq!(found, Ok(vec![b"one".to_vec(), b"and".to_vec(), b"two".to_vec()]), "{cut}");
        }
    }

    #[tokio::test]
    async fn a_length_beyond_the_bound_is_refused_before_its_bytes_come() {
        let announced = ((MAX + 1) as u32).to_le_bytes().to_vec();
        assert_eq!(all(framed([frame(b"one"), announced])).await, Err((StatusCode::PAYLOAD_TOO_LARGE, 1)));
    }

    #[tokio::test]
    async fn a_body_that_ends_within_an_envelope_is_refused_after_those_before_it() {
        let whole = [frame(b"one"), frame(b"two")].concat();
        for cut in frame(b"one").len() + 1..whole.len() {
            assert_eq!(all(framed([whole[..cut].to_vec()])).await, Err((StatusCode::BAD_REQUEST, 1)), "{cut}");
        }
    }

    #[tokio::test]
    async fn an_envelope_that_is_refused_leaves_its_room() {
        let (mut framed, room) = (framed([[&50_u32.to_le_bytes()[..], b"half"].concat()]), Room::default());
        assert!(framed.next(&room).await.is_err());
        assert!(!framed.is_within());
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_loses_no_byte() {
        let (send, receive) = tokio::sync::mpsc::channel::<Vec<u8>>(1);
        let pieces = stream::unfold(receive, async |mut receive| {
            Some((Ok::<_, Error>(Bytes::from(receive.recv().await?)), receive))
        });
        let (mut framed, room) = (Framed::new(Body::from_stream(pieces), MAX), Room::default());
        for byte in frame(b"slowly") {
            assert!(framed.next(&room).now_or_never().is_none());
            send.send(vec![byte]).await.expect("somebody reads");
        }
        let whole = framed.next(&room).await.ok().flatten().expect("it is whole");
        assert_eq!(whole.bytes.joined(), b"slowly");
    }
}
