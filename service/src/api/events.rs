//! `/v1/events`: what was agreed, as it happens; resumable from any position.
//!
//! An event's position is a revision: that of its receipt, or the slot that recorded a piece of evidence or in which a
//! lease was over. News of conflicts and locks comes before the receipt of the same revision. The group's own
//! receipts (`@group`) are told as those of every domain; a transaction's once. Events are read from the ledger, so a
//! reader that was away misses nothing, and a slow one holds nothing up: a stream prepares names of receipts, and each
//! event only when its socket takes it.

use super::Shared;
use super::answers::Outgoing;
use super::param::InQuery;
use super::problem::{Answer, Failure};
use super::reading;
use super::service::Service;
use super::streams::{Found, Look};
use super::{conflicts, evidence, locks};
use crate::engine::Moment;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use futures::stream;
use quorate_client::api::Event;
use quorate_ledger::{GROUP_DOMAIN, Revision};
use quorate_pbft::SeqNum;
use schemars::JsonSchema;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// Slots looked through at a time.
const SLOTS_PER_LOOK: u64 = 64;
/// Bytes of an event that is written once for all streams.
const SHARED_BYTES_MAX: usize = 8 << 10;
/// Interval at which an idle stream says that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Pause of a stream for whose event there was no room.
const BUSY: Duration = Duration::from_secs(1);

/// The query.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Start {
    /// The position after which to begin; the newest, if none is named here or in `Last-Event-ID`.
    #[schemars(with = "Option<Revision>")]
    from: Option<String>,
}

/// Streams the events after a position, and then those to come.
pub async fn stream(
    State(service): Shared,
    InQuery(start): InQuery<Start>,
    guarded: Option<Extension<reading::Reader>>,
    headers: HeaderMap,
) -> Answer<Response> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let position = |text: String| text.parse().map_err(|_| Failure::bad_request(format!("{text:?} is no position")));
    let (last, start) =
        (last.map(position).transpose()?, start.from.filter(|text| !text.is_empty()).map(position).transpose()?);
    let from = match last.or(start) {
        Some(position) => position,
        None => Revision::slot(service.moment().seq()),
    };
    let moment = service.moment();
    service.blocking(move || Ok(moment.view().check_history(from)?)).await?;
    let room = service.streams.room().ok_or_else(|| Failure::busy("too many streams of events are open"))?;
    let healed = service.outages.borrow().count();
    let guarded = guarded.map(|Extension(reader)| reader);
    let look = Look::default();
    let reader = Reader { service, guarded, seen: from, look, place: 0, event: None, healed, _room: room };
    let pieces = stream::unfold(reader.go_on(), piece);
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// A reader on its way to the next event, and the event as it is sent: none when the replica stops, its disk fails, history
/// that it has not read is forgotten, its event has lost its room to others, or a domain was closed to it.
type OnItsWay = BoxFuture<'static, (Option<Bytes>, Reader)>;

/// The next event as it is sent, or a sign of life, after which the reader is where it was on its way.
async fn piece(mut reader: OnItsWay) -> Option<(Result<Bytes, Infallible>, OnItsWay)> {
    match tokio::time::timeout(KEEP_ALIVE, &mut reader).await {
        Ok((piece, reader)) => Some((Ok(piece?), reader.go_on())),
        Err(_) => Some((Ok(Bytes::from_static(b":\n\n")), reader)),
    }
}

/// A reader's place in the order.
struct Reader {
    service: Arc<Service>,
    /// Right to read, where reads are guarded.
    guarded: Option<reading::Reader>,
    /// Position up to which every event was sent or is ready.
    seen: Revision,
    look: Look,
    /// Events of the look that were sent.
    place: usize,
    /// A large event on its way out.
    event: Option<Arc<Outgoing>>,
    /// Count of the outages that are over and were told, or came before.
    healed: u64,
    _room: OwnedSemaphorePermit,
}

impl Reader {
    fn go_on(mut self) -> OnItsWay {
        Box::pin(async move { (self.next().await, self) })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = &self.event {
                match event.piece() {
                    Some(piece) => return piece.ok(),
                    None => self.event = None,
                }
            }
            if let Some(piece) = self.healing() {
                return Some(piece);
            }
            let Some(moment) = self.news().await? else { continue };
            self.guarded.as_ref().map_or(Ok(()), |reader| reader.check(&moment)).ok()?;
            if let Some((position, found)) = self.look.get(self.place).cloned() {
                let written = match found {
                    Found::Written(bytes) => Some(bytes).filter(|bytes| !bytes.is_empty()),
                    found => match self.service.answers.make(move || written(&moment, position, found)).await {
                        Ok(event) => {
                            self.event = Some(event);
                            None
                        }
                        Err(failure) if failure.is_busy() => {
                            tokio::time::sleep(BUSY).await;
                            continue;
                        }
                        Err(_) => return None,
                    },
                };
                self.place += 1;
                match written {
                    Some(bytes) => return Some(bytes),
                    None => continue,
                }
            }
            let until = moment.seq().min(self.seen.seq().plus(SLOTS_PER_LOOK));
            self.look = self.look_at(moment, until).await?;
            (self.seen, self.place) = (Revision::slot(until), 0);
        }
    }

    /// The report of the next outage that is over, as it is sent.
    fn healing(&mut self) -> Option<Bytes> {
        let (number, healing) = self.service.outages.borrow().since(self.healed).next().cloned()?;
        self.healed = number;
        Some(framed("", &Event::Healed(healing)).into())
    }

    /// A state with something to send, whenever there is one; the inner none where an outage is over.
    async fn news(&self) -> Option<Option<Arc<Moment>>> {
        let (mut published, seen) = (self.service.published.clone(), self.seen);
        let (mut outages, healed) = (self.service.outages.clone(), self.healed);
        if self.place < self.look.len() {
            return Some(Some(self.service.moment()));
        }
        tokio::select! {
            found = published.wait_for(|published| Revision::slot(published.moment.seq()) > seen) => {
                found.ok().map(|published| Some(published.moment.clone()))
            }
            found = outages.wait_for(|outages| outages.count() > healed) => found.ok().map(|_| None),
            () = self.service.stop.cancelled() => None,
        }
    }

    /// Events after what was seen, up to the end of a slot; those of the newest slot are looked for once for all streams.
    async fn look_at(&self, moment: Arc<Moment>, until: SeqNum) -> Option<Look> {
        let seen = self.seen;
        let is_newest = until == moment.seq();
        let find = self.service.blocking(move || {
            let mut found = positioned(between(&moment, seen, until)?, seen);
            if is_newest {
                write_small(&moment, &mut found)?;
            }
            Ok(Arc::new(found))
        });
        if !is_newest {
            return find.await.ok();
        }
        self.service.streams.newest((seen, until), async { find.await.ok() }).await
    }
}

/// Writes what is small, so that hundreds of streams send the same bytes.
fn write_small(moment: &Moment, found: &mut [(Revision, Found)]) -> Answer<()> {
    for (position, event) in found {
        let bytes = written(moment, *position, event.clone())?;
        if bytes.len() <= SHARED_BYTES_MAX {
            *event = Found::Written(bytes.into());
        }
    }
    Ok(())
}

/// An event of the order as it is sent; nothing where there is no such receipt, and a refusal where it was forgotten meanwhile.
fn written(moment: &Moment, position: Revision, found: Found) -> Answer<Vec<u8>> {
    let event = match found {
        Found::Written(bytes) => return Ok(bytes.into()),
        Found::Event(event) => event,
        Found::Receipt(id) => match moment.ledger.receipt(&moment.snapshot, &id)? {
            Some(receipt) => Event::Receipt(receipt),
            None if position.seq() < moment.view().history_from()? => {
                return Err(Failure::pruned("a receipt that was to be told is forgotten"));
            }
            None => return Ok(Vec::new()),
        },
    };
    Ok(framed(&format!("id: {position}\n"), &event))
}

/// An event as server-sent events are written (WHATWG HTML), after the line with its id, if it has one.
fn framed(id: &str, event: &Event) -> Vec<u8> {
    let kind = match event {
        Event::Receipt(_) => "receipt",
        Event::Evidence(_) => "evidence",
        Event::Conflict(_) => "conflict",
        Event::Lock(_) => "lock",
        Event::Healed(_) => "healed",
    };
    let mut bytes = format!("{id}event: {kind}\ndata: ").into_bytes();
    serde_json::to_writer(&mut bytes, event).expect("an event is plain data");
    bytes.extend(b"\n\n");
    bytes
}

/// Events after `seen`, up to the end of the slot `until`, in order; refused where some of them are forgotten.
fn between(moment: &Moment, seen: Revision, until: SeqNum) -> Answer<Vec<(Revision, Found)>> {
    let (view, end) = (moment.view(), Revision::slot(until));
    view.check_history(seen)?;
    let mut receipts = Vec::new();
    let domains = view.domains()?.into_iter().map(|domain| domain.name);
    for domain in domains.chain([GROUP_DOMAIN.to_owned()]) {
        receipts.extend(view.accepted(&domain, seen, end)?);
    }
    receipts.sort_unstable();
    receipts.dedup(); // a transaction is told once
    let mut found: Vec<_> = receipts.into_iter().map(|(revision, id)| (revision, Found::Receipt(id))).collect();
    let proofs = view.evidence_in(seen.seq()..=until)?.into_iter();
    let proofs = proofs.map(|proof| (Revision::slot(proof.recorded_at), Event::Evidence(evidence::entry(proof))));
    let fresh = proofs.filter(|(revision, _)| *revision > seen && *revision <= end);
    let conflicts = conflicts::between(moment, seen, until)?.into_iter();
    let conflicts = conflicts.map(|(revision, news)| (revision, Event::Conflict(news)));
    let locks = locks::between(moment, seen, until)?.into_iter().map(|(revision, news)| (revision, Event::Lock(news)));
    found.extend(fresh.chain(conflicts).chain(locks).map(|(revision, event)| (revision, Found::Event(event))));
    found.sort_by_key(|(revision, event)| (*revision, matches!(event, Found::Receipt(_))));
    Ok(found)
}

/// Events of one position are told whole: only the last carries the position, those before it the one to go on from. So
/// a reader who breaks off in the middle is told some twice and misses nothing.
fn positioned(found: Vec<(Revision, Found)>, seen: Revision) -> Vec<(Revision, Found)> {
    let (mut positions, mut before) = (Vec::new(), seen);
    for (place, (revision, _)) in found.iter().enumerate() {
        let is_last = found.get(place + 1).is_none_or(|(next, _)| next != revision);
        before = if is_last { *revision } else { before };
        positions.push(before);
    }
    positions.into_iter().zip(found).map(|(position, (_, event))| (position, event)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use quorate_ledger::{EnvelopeId, Genesis, Ledger, Store as _, Table};
    use quorate_pbft::{Digest, Ed25519};
    use quorate_storage::Db;
    use quorate_storage::faulty::Disk;

    const RECEIPT: Found = Found::Receipt(EnvelopeId(Digest::ZERO));

    /// A state without receipts, whose history begins with a slot.
    fn kept_from(slot: u64) -> Arc<Moment> {
        let genesis: Arc<Genesis> = Arc::new(crate::api::signatures::tests::genesis());
        let db = Db::on(&Disk::new()).expect("an empty disk");
        let mut batch = db.begin().expect("a batch");
        Ledger::create(&mut batch, &genesis).expect("a ledger");
        batch.put(Table::Meta, b"history-from", &slot.to_be_bytes()).expect("memory");
        batch.commit().and_then(|()| db.fold()).expect("a commit");
        Engine::observe(genesis, Arc::new(Ed25519), db).expect("what was written").published().moment
    }

    #[test]
    fn a_receipt_that_is_forgotten_before_it_is_told_ends_the_stream_and_no_other_one_does() {
        let (moment, at) = (kept_from(9), |seq| Revision::slot(SeqNum::new(seq)));
        let pruned = |outcome: Answer<()>| outcome.map_err(|failure| failure.into_parts().0.status);

        let told = [8, 9].map(|seq| pruned(written(&moment, at(seq), RECEIPT).map(|bytes| assert!(bytes.is_empty()))));
        assert_eq!(told, [Err(410), Ok(())]);
        let looks = [7, 8].map(|seq| pruned(between(&moment, at(seq), SeqNum::new(9)).map(drop)));
        assert_eq!(looks, [Err(410), Ok(())]);
    }

    #[test]
    fn only_the_last_event_of_a_position_carries_it() {
        let at = |text: &str| text.parse::<Revision>().expect("a revision");
        let found = ["3.1", "3.1", "3.2", "4", "4", "4"].map(at).map(|revision| (revision, RECEIPT));
        let positions: Vec<String> =
            positioned(found.into(), at("2")).iter().map(|(position, _)| position.to_string()).collect();
        assert_eq!(positions, ["2", "3.1", "3.2", "3.2", "3.2", "4"]);
    }
}
