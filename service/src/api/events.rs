//! `/v1/events`: what was agreed, as it happens; resumable from any position.
//!
//! An event's position is a revision: that of its receipt, or the slot that recorded a piece of evidence or in which a
//! lease was over. News of conflicts and locks comes before the receipt of the same revision. The group's own
//! receipts (`@group`) are told as those of every domain; a transaction's once. Events are read from the ledger, so a
//! reader that was away misses nothing, and a slow one holds nothing up.

use super::Shared;
use super::page::LIMIT_MAX;
use super::param::InQuery;
use super::problem::{Answer, Failure};
use super::service::Service;
use super::{conflicts, evidence, locks};
use crate::engine::Moment;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures::{Stream, stream};
use quorate_client::api::Event;
use quorate_ledger::{EnvelopeId, GROUP_DOMAIN, Revision};
use quorate_pbft::SeqNum;
use serde::Deserialize;
use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Slots looked through at a time.
const SLOTS_PER_LOOK: u64 = 256;
/// Interval at which an idle stream says that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The query.
#[derive(Debug, Default, Deserialize)]
pub struct Start {
    /// The position after which to begin; the newest, if none is named here or in `Last-Event-ID`.
    from: Option<String>,
}

/// Streams the events after a position, and then those to come.
pub async fn stream(
    State(service): Shared,
    InQuery(start): InQuery<Start>,
    headers: HeaderMap,
) -> Answer<impl IntoResponse> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let from = match last.or(start.from).filter(|text| !text.is_empty()) {
        Some(text) => text.parse().map_err(|_| Failure::bad_request(format!("{text:?} is no position")))?,
        None => Revision::slot(service.now().moment.seq()),
    };
    Ok(Sse::new(events(service, from)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// A reader's place in the order.
struct Reader {
    service: Arc<Service>,
    /// Position up to which every event was sent or is ready.
    seen: Revision,
    ready: VecDeque<(Revision, Event)>,
}

fn events(service: Arc<Service>, from: Revision) -> impl Stream<Item = Result<Sent, Infallible>> {
    let reader = Reader { service, seen: from, ready: VecDeque::new() };
    stream::unfold(reader, async |mut reader| {
        let (position, event) = reader.next().await?;
        let kind = match &event {
            Event::Receipt(_) => "receipt",
            Event::Evidence(_) => "evidence",
            Event::Conflict(_) => "conflict",
            Event::Lock(_) => "lock",
            Event::Checkpoint(_) => "checkpoint",
        };
        let data = serde_json::to_string(&event).expect("an event is plain data");
        Some((Ok(Sent::default().id(position.to_string()).event(kind).data(data)), reader))
    })
}

impl Reader {
    /// The next event; none when the replica stops or its disk fails.
    async fn next(&mut self) -> Option<(Revision, Event)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let moment = self.news().await?;
            let until = moment.seq().min(self.seen.seq().plus(SLOTS_PER_LOOK));
            let (service, seen) = (self.service.clone(), self.seen);
            let found = service.blocking(move || between(&moment, seen, until)).await.ok()?;
            self.ready.extend(positioned(found, seen));
            self.seen = Revision::slot(until);
        }
    }

    /// A state with something after what was seen, whenever there is one.
    async fn news(&self) -> Option<Arc<Moment>> {
        let (mut published, seen) = (self.service.published.clone(), self.seen);
        tokio::select! {
            found = published.wait_for(|published| Revision::slot(published.moment.seq()) > seen) => {
                found.ok().map(|published| published.moment.clone())
            }
            () = self.service.stop.cancelled() => None,
        }
    }
}

/// Events after `seen`, up to the end of the slot `until`, in order.
fn between(moment: &Moment, seen: Revision, until: SeqNum) -> Answer<Vec<(Revision, Event)>> {
    let (mut found, mut known) = (Vec::new(), BTreeSet::new());
    let domains = moment.view().domains()?.into_iter().map(|domain| domain.name);
    for domain in domains.chain([GROUP_DOMAIN.to_owned()]) {
        known.extend(accepted(moment, &domain, seen, until)?);
    }
    for (revision, id) in known {
        let receipt = moment.ledger.receipt(&moment.snapshot, &id)?;
        found.extend(receipt.map(|receipt| (revision, Event::Receipt(receipt))));
    }
    let proofs = moment.view().evidence(None, LIMIT_MAX)?.items.into_iter();
    let proofs = proofs.map(|proof| (Revision::slot(proof.recorded_at), Event::Evidence(evidence::entry(proof))));
    found.extend(proofs.filter(|(revision, _)| *revision > seen && *revision <= Revision::slot(until)));
    let news = conflicts::between(moment, seen, until)?.into_iter();
    found.extend(news.map(|(revision, news)| (revision, Event::Conflict(news))));
    let news = locks::between(moment, seen, until)?.into_iter();
    found.extend(news.map(|(revision, news)| (revision, Event::Lock(news))));
    found.sort_by_key(|(revision, event)| (*revision, matches!(event, Event::Receipt(_))));
    Ok(found)
}

/// Events of one position are told whole: only the last carries the position, those before it the one to go on from. So
/// a reader who breaks off in the middle is told some twice and misses nothing.
fn positioned(found: Vec<(Revision, Event)>, seen: Revision) -> Vec<(Revision, Event)> {
    let (mut positions, mut before) = (Vec::new(), seen);
    for (place, (revision, _)) in found.iter().enumerate() {
        let is_last = found.get(place + 1).is_none_or(|(next, _)| next != revision);
        before = if is_last { *revision } else { before };
        positions.push(before);
    }
    positions.into_iter().zip(found).map(|(position, (_, event))| (position, event)).collect()
}

fn accepted(moment: &Moment, domain: &str, seen: Revision, until: SeqNum) -> Answer<Vec<(Revision, EnvelopeId)>> {
    let mut found = Vec::new();
    let mut before = Revision::slot(until);
    loop {
        let page = moment.view().log(domain, None, Some(before), LIMIT_MAX)?;
        let fresh = page.items.iter().take_while(|entry| entry.revision > seen);
        found.extend(fresh.map(|entry| (entry.revision, entry.id)));
        match page.items.last() {
            Some(last) if page.next.is_some() && last.revision > seen => before = last.revision,
            _ => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_client::api::CheckpointEntry;
    use quorate_pbft::Digest;

    fn event(seq: u64) -> Event {
        let (state_root, lane_hash) = (Digest::ZERO, Digest::ZERO);
        Event::Checkpoint(CheckpointEntry { epoch: 0, seq, state_root, lane_hash, signers: vec![] })
    }

    #[test]
    fn only_the_last_event_of_a_position_carries_it() {
        let at = |text: &str| text.parse::<Revision>().expect("a revision");
        let found = ["3.1", "3.1", "3.2", "4", "4", "4"].map(at).map(|revision| (revision, event(1)));
        let positions: Vec<String> =
            positioned(found.into(), at("2")).iter().map(|(position, _)| position.to_string()).collect();
        assert_eq!(positions, ["2", "3.1", "3.2", "3.2", "3.2", "4"]);
    }
}
