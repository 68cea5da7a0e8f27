//! Many envelopes over one connection: sent one after the other, answered as each has its verdict.
//!
//! A node reads on only while few of them are under way, so sending waits when the group is slower than the sender; the
//! answers must be read meanwhile. What has no answer when a stream ends may or may not be ordered: offered again, byte
//! for byte, it is answered with its receipt.

use crate::api::{OCTETS_TYPE, Offered};
use crate::calls::level_name;
use crate::http::{Client, ClientError};
use crate::transport;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use quorate_ledger::Level;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Envelopes that wait for the connection.
const WAITING: usize = 4;

/// Bytes of one answer: more than a receipt with all its paths.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Bytes of a frame's length.
const LENGTH_BYTES: usize = 4;

/// Side of a stream that takes envelopes; the stream ends when it is dropped.
pub struct Offers(mpsc::Sender<Bytes>);

/// Side of a stream that gives answers.
pub struct Answers {
    client: Client,
    body: Incoming,
    bytes: Vec<u8>,
}

/// The node takes no more on this stream; its answers say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream of envelopes has ended")]
pub struct Ended;

impl Client {
    /// Opens a stream of envelopes, each answered at that level; a problem with one stops no other.
    pub async fn offers(&self, level: Level) -> Result<(Offers, Answers), ClientError> {
        self.open_offers(level, "").await
    }

    /// Opens a stream of envelopes that enter one after the other: the first that is not taken ends it, and none after
    /// that one is taken.
    pub async fn chained_offers(&self, level: Level) -> Result<(Offers, Answers), ClientError> {
        self.open_offers(level, "true").await
    }

    async fn open_offers(&self, level: Level, chained: &str) -> Result<(Offers, Answers), ClientError> {
        let octets = HeaderValue::from_static(OCTETS_TYPE);
        let headers = HeaderMap::from_iter([(ACCEPT, octets.clone()), (CONTENT_TYPE, octets)]);
        let url = self.url(&["envelopes", "stream"], &[("wait", level_name(level)), ("chained", chained)])?;
        let (to, body) = self.begin(url, headers, WAITING).await?;
        Ok((Offers(to), Answers { client: self.clone(), body, bytes: Vec::new() }))
    }
}

impl Offers {
    /// Sends a signed envelope; its place is the number of those sent before. Waits while too many are under way.
    pub async fn send(&self, envelope: &[u8]) -> Result<(), Ended> {
        self.room().await?.send(envelope);
        Ok(())
    }

    /// Room for one envelope, as soon as there is any. Nothing is lost when the wait for it is given up.
    pub async fn room(&self) -> Result<Room<'_>, Ended> {
        self.0.reserve().await.map(Room).map_err(|_| Ended)
    }
}

/// Room for one envelope on its way.
pub struct Room<'a>(mpsc::Permit<'a, Bytes>);

impl Room<'_> {
    /// Sends a signed envelope, which is far smaller than a length can say.
    pub fn send(self, envelope: &[u8]) {
        let length = u32::try_from(envelope.len()).expect("an envelope has 32 MiB at most");
        self.0.send([&length.to_le_bytes(), envelope].concat().into());
    }
}

impl Answers {
    /// The next answer, in the order in which they come; none when the stream has ended. Nothing is lost when the wait
    /// for it is given up.
    pub async fn next(&mut self) -> Result<Option<Offered>, ClientError> {
        loop {
            if let Some(frame) = self.frame()? {
                let known = Offered::decode(&frame);
                return Ok(Some(known.ok_or_else(|| self.client.garbled("an answer that no node sends"))?));
            }
            match transport::chunk(&mut self.body).await {
                Ok(Some(bytes)) => self.bytes.extend_from_slice(&bytes),
                Ok(None) if self.bytes.is_empty() => return Ok(None),
                Ok(None) => return Err(self.client.garbled("a stream that ends within an answer")),
                Err(_) => return Ok(None),
            }
        }
    }

    /// The next answer; none where the stream has ended or is silent for so long.
    pub async fn within(&mut self, limit: Duration) -> Result<Option<Offered>, ClientError> {
        timeout(limit, self.next()).await.unwrap_or(Ok(None))
    }

    /// The next frame that is whole and not empty, without its length.
    fn frame(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        loop {
            let Some((length, rest)) = self.bytes.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
            let length = u32::from_le_bytes(*length) as usize;
            if length > ANSWER_BYTES_MAX {
                return Err(self.client.garbled(format!("an answer of more than {ANSWER_BYTES_MAX} bytes")));
            }
            if rest.len() < length {
                return Ok(None);
            }
            let frame = self.bytes.drain(..LENGTH_BYTES + length).skip(LENGTH_BYTES).collect::<Vec<_>>();
            if !frame.is_empty() {
                return Ok(Some(frame));
            }
        }
    }
}
