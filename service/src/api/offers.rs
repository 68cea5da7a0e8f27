//! `/v1/envelopes/stream`: many envelopes over one connection, each answered when its answer is there.
//!
//! The next envelopes are read only while few are under way and the answers are read, so a client that sends on is
//! slowed down by the group, and one that reads nothing costs no more than what is under way. What was not answered when
//! a stream ends is offered again, byte for byte: the same bytes are no error.

use super::Shared;
use super::body::Whole;
use super::door::Seat;
use super::envelopes::{self, Admitted};
use super::framed::Framed;
use super::param::InQuery;
use super::problem::{Answer, Failure};
use super::relayed::not_believed;
use super::reply::Reply;
use super::service::{Service, WAIT_MAX};
use super::streams::{Entering, Offering};
use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, FuturesUnordered};
use quorate_client::api::{LINES_TYPE, OCTETS_TYPE, Offered};
use quorate_ledger::Level;
use schemars::JsonSchema;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Envelopes of one stream that are under way at a time.
const UNDER_WAY_MAX: usize = 64;
/// Interval at which a stream says that it lives while nothing is answered.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Time without an envelope after which a stream ends.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// `wait=` of a stream.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Wish {
    /// Level at which each envelope is answered; sequential, if none is named.
    wait: Option<Level>,
    /// True: an envelope is let in only after the one before, and the first that is not ends the stream.
    #[serde(default)]
    chained: bool,
}

/// Takes envelopes and answers each.
pub async fn offer(
    State(service): Shared,
    InQuery(wish): InQuery<Wish>,
    seat: Option<Extension<Arc<Seat>>>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    service.takes_changes()?;
    let seat = seat.map(|Extension(seat)| seat);
    let place = service.streams.place_for_offers(seat.as_ref().map(|seat| seat.address()));
    let place = place.ok_or_else(|| Failure::busy("too many streams are open"))?;
    let grows = place.clone();
    let body = Body::from_stream(body.into_data_stream().inspect(move |_| grows.grow()));
    let framed = Framed::new(body, service.genesis.limits().envelope_bytes_max as usize);
    let form = Form::wished(&headers);
    let exchange = Exchange {
        service,
        framed,
        level: wish.wait.unwrap_or(Level::Sequential),
        form,
        chained: wish.chained,
        next: 0,
        entering: None,
        under_way: FuturesUnordered::new(),
        end: End::Open,
        place,
        seat,
    };
    let answers =
        stream::unfold(exchange, async |mut exchange| Some((Ok::<_, Infallible>(exchange.piece().await?), exchange)));
    Ok(([(header::CONTENT_TYPE, form.media_type())], Body::from_stream(answers)).into_response())
}

/// Form of the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A line of JSON each.
    Lines,
    /// Canonical bytes ([`Offered::encode`]).
    Octets,
}

impl Form {
    fn wished(headers: &HeaderMap) -> Self {
        let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if accepted.contains(OCTETS_TYPE) { Self::Octets } else { Self::Lines }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Lines => LINES_TYPE,
            Self::Octets => OCTETS_TYPE,
        }
    }

    fn write(self, offered: &Offered) -> Bytes {
        match self {
            Self::Lines => offered.line().into(),
            Self::Octets => offered.encode().into(),
        }
    }

    /// Bytes that a reader skips.
    fn sign_of_life(self) -> Bytes {
        match self {
            Self::Lines => Bytes::from_static(b"\n"),
            Self::Octets => Bytes::from_static(&[0; 4]),
        }
    }
}

/// A stream at work.
struct Exchange {
    service: Arc<Service>,
    framed: Framed,
    level: Level,
    form: Form,
    /// True if the envelopes enter one after the other.
    chained: bool,
    /// Place of the next envelope.
    next: u64,
    /// Entry of the newest envelope of a chained stream.
    entering: Option<BoxFuture<'static, Answer<(Admitted, Entering)>>>,
    under_way: FuturesUnordered<BoxFuture<'static, Bytes>>,
    end: End,
    place: Arc<Offering>,
    seat: Option<Arc<Seat>>,
}

/// End of the envelopes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    /// The client sends no more.
    Client,
    /// No more is taken, but may still come.
    Refused,
}

impl Exchange {
    /// The next bytes of the answer; none when all is answered.
    async fn piece(&mut self) -> Option<Bytes> {
        loop {
            let (is_empty, is_within, enters) =
                (self.under_way.is_empty(), self.framed.is_within(), self.entering.is_some());
            // An envelope that has begun is read to its end: waiting is never taken for its sender's slowness.
            let reads = self.end == End::Open && !enters && (self.under_way.len() < UNDER_WAY_MAX || is_within);
            if !reads && is_empty && !enters {
                return self.leave().await;
            }
            tokio::select! {
                Some(answer) = self.under_way.next(), if !is_empty => return Some(answer),
                entered = async { self.entering.as_mut().expect("it is there").await }, if enters => {
                    self.entering = None;
                    match entered {
                        Ok((admitted, entering)) => self.wait(self.next - 1, admitted, entering),
                        Err(failure) => return Some(self.refuse(self.next - 1, failure)),
                    }
                }
                read = self.framed.next(&self.service.bodies), if reads => match read {
                    Ok(Some(whole)) => self.take(whole),
                    Ok(None) => self.end = End::Client,
                    Err(failure) => return Some(self.refuse(self.next, failure)),
                },
                () = self.place.must_leave(), if self.end == End::Open => return Some(self.refuse(self.next, left())),
                () = sleep(KEEP_ALIVE), if !is_empty || enters => return Some(self.form.sign_of_life()),
                () = sleep(IDLE_MAX), if is_empty && !is_within && !enters => self.end = End::Client,
                () = self.service.drain.cancelled(), if reads => return Some(self.refuse(self.next, Failure::stopping())),
            }
        }
    }

    /// Begins with an envelope. Its room is free once it has its answer, or, in a chained stream, is let in.
    fn take(&mut self, whole: Whole) {
        let (service, level, form, at) = (self.service.clone(), self.level, self.form, self.next);
        let seat = self.seat.clone();
        self.next += 1;
        let Whole { bytes, _room: room } = whole;
        let entering = self.place.enter();
        if self.chained {
            let entry = async move {
                let admitted = envelopes::admit(&service, bytes, level).await;
                drop(room);
                Ok((admitted?, entering))
            };
            self.entering = Some(entry.boxed());
            return;
        }
        let answer = async move {
            let reply = match envelopes::admit(&service, bytes, level).await {
                Ok(admitted) => {
                    let _entered = entered(entering, seat.as_ref(), &admitted);
                    admitted.reply(&service, level, WAIT_MAX).await
                }
                Err(failure) => Err(failure),
            };
            drop(room);
            form.write(&offered(at, reply))
        };
        self.under_way.push(answer.boxed());
    }

    /// Waits for the answer to an envelope that was let in.
    fn wait(&mut self, at: u64, admitted: Admitted, entering: Entering) {
        let (service, level, form) = (self.service.clone(), self.level, self.form);
        let entered = entered(entering, self.seat.as_ref(), &admitted);
        let answer = async move {
            let reply = admitted.reply(&service, level, WAIT_MAX).await;
            drop(entered);
            form.write(&offered(at, reply))
        };
        self.under_way.push(answer.boxed());
    }

    /// Takes no more, and says why in place of the answer to an envelope.
    fn refuse(&mut self, at: u64, failure: Failure) -> Bytes {
        self.end = End::Refused;
        self.form.write(&offered(at, Err(failure)))
    }

    async fn leave(&mut self) -> Option<Bytes> {
        if self.end == End::Refused && !self.service.drain.is_cancelled() {
            self.framed.drain().await;
        }
        None
    }
}

/// Use of a stream's place by an envelope; none by one that is not let in.
fn entered(mut entering: Entering, seat: Option<&Arc<Seat>>, admitted: &Admitted) -> Option<Entering> {
    admitted.is_let_in().then(|| {
        entering.is_let_in();
        seat.inspect(|seat| seat.let_in());
        entering
    })
}

/// Refusal of more where another stream needs the place.
fn left() -> Failure {
    Failure::busy("too many streams are open, and nothing new was let in from this one for a while")
}

/// Answer to the envelope at a place of the stream.
fn offered(at: u64, reply: Answer<Reply>) -> Offered {
    let unanswered = Offered { at, status: 200, receipt: None, ticket: None, problem: None, retry_after: None };
    match reply {
        Ok(Reply::Receipt(receipt)) => Offered { receipt: Some((*receipt).clone()), ..unanswered },
        Ok(Reply::Ticket(ticket)) => Offered { status: 202, ticket: Some(*ticket), ..unanswered },
        Ok(Reply::Member(status, answered)) => {
            let retry_after = answered.retry_after.and_then(|seconds| seconds.parse().ok());
            let (ticket, problem) = match status {
                StatusCode::ACCEPTED => (serde_json::from_slice(&answered.body).ok(), None),
                _ => (None, serde_json::from_slice(&answered.body).ok()),
            };
            if ticket.is_none() && problem.is_none() {
                return offered(at, Err(not_believed("an answer that is none of ours")));
            }
            Offered { status: status.as_u16(), ticket, problem, retry_after, ..unanswered }
        }
        Err(failure) => {
            let (problem, retry_after) = failure.into_parts();
            Offered { status: problem.status, problem: Some(problem), retry_after, ..unanswered }
        }
    }
}
