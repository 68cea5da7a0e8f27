//! `/v1/conflicts`.

use super::Shared;
use super::conflict_entry::{entry, news, story};
use super::level::Freshness;
use super::page::{Cut, json, page, parsed};
use super::param::{InPath, InQuery, digest};
use super::problem::{Answer, Failure};
use super::service::Service;
use crate::engine::Moment;
use axum::extract::State;
use axum::response::Response;
use quorate_client::api::{ConflictEntry, ConflictNews, ENVELOPE_TYPE, Page};
use quorate_ledger::{ConflictEntry as Found, ConflictId, Level, Revision};
use quorate_pbft::SeqNum;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Conflicts that one beginning of an id may find.
const NAMED_MAX: usize = 100;

/// The query of the list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct ListQuery {
    #[serde(flatten)]
    fresh: Freshness,
    #[serde(flatten)]
    cut: Cut,
    /// Only of this domain.
    domain: Option<String>,
    /// Only those in this state, `open` or `settled`.
    #[schemars(extend("enum" = ["open", "settled"]))]
    state: Option<String>,
    /// Only those whose id begins so.
    id: Option<String>,
}

/// Conflicts that are read at a time.
const STEP: usize = 8;

/// Conflicts, newest first.
pub async fn list(State(service): Shared, InQuery(query): InQuery<ListQuery>) -> Answer<Response> {
    let moment = moment(&service, query.fresh).await?;
    let domain = query.domain.filter(|domain| !domain.is_empty());
    query.cut.cursor::<ConflictId>()?;
    query.cut.limit()?;
    let wanted = match query.state.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("settled") => Some(false),
        Some(other) => return Err(Failure::bad_request(format!("state: {other:?} is neither open nor settled"))),
    };
    if let Some(digits) = query.id.filter(|digits| !digits.is_empty()) {
        return json(&service, move || named(&moment, &digits)).await;
    }
    let id = |conflict: &ConflictEntry| conflict.id.to_string();
    page(&service, query.cut, STEP, id, move |from, limit| {
        let view = moment.view();
        let page = view.conflicts(domain.as_deref(), wanted, parsed(from)?, limit)?;
        let items = page.items.into_iter().map(|found| entry(&view, found)).collect::<Answer<_>>()?;
        Ok(Page { items, next: page.next })
    })
    .await
}

fn named(moment: &Moment, digits: &str) -> Answer<Page<ConflictEntry>> {
    let view = moment.view();
    let mut items = Vec::new();
    for id in view.conflicts_named(digits, NAMED_MAX)? {
        items.extend(view.conflict(&id)?.map(|found| entry(&view, found)).transpose()?);
    }
    Ok(Page { items, next: None })
}

/// Answers with a conflict and its log.
pub async fn one(
    State(service): Shared,
    InPath(id): InPath<String>,
    InQuery(fresh): InQuery<Freshness>,
) -> Answer<Response> {
    let id = ConflictId(digest(&id)?);
    let moment = moment(&service, fresh).await?;
    json(&service, move || story(&moment.view(), found(&moment, &id)?)).await
}

/// Answers with the content of a conflict's base, side or proposal.
pub async fn content(
    State(service): Shared,
    InPath((id, hash)): InPath<(String, String)>,
    InQuery(fresh): InQuery<Freshness>,
) -> Answer<Response> {
    let (id, hash) = (ConflictId(digest(&id)?), digest(&hash)?);
    let moment = moment(&service, fresh).await?;
    let shared = service.clone();
    let read = move || {
        let conflict = found(&moment, &id)?;
        let files = conflict.sides.iter().filter_map(|entry| entry.side.file).chain(conflict.record.base);
        let is_its = files.into_iter().any(|file| file.content == hash);
        let content = || moment.view().content(&hash).inspect_err(|error| shared.note_damage(error));
        let bytes = if is_its { content()? } else { None };
        bytes.ok_or_else(|| Failure::not_found(format!("conflict {id} has no content {hash} here")))
    };
    service.answers.send(ENVELOPE_TYPE, read).await
}

fn found(moment: &Moment, id: &ConflictId) -> Answer<Found> {
    moment.view().conflict(id)?.ok_or_else(|| Failure::not_found(format!("no conflict {id}")))
}

/// The state that answers: this replica's own, unless the reader asks for more.
async fn moment(service: &Service, fresh: Freshness) -> Answer<Arc<Moment>> {
    let level = fresh.level.or(Some(Level::Sequential));
    Ok(Freshness { level, ..fresh }.state(service).await?.0)
}

/// News of conflicts after `seen`, up to the end of the slot `until`, in order.
pub fn between(moment: &Moment, seen: Revision, until: SeqNum) -> Answer<Vec<(Revision, ConflictNews)>> {
    let view = moment.view();
    let mut known: BTreeMap<ConflictId, Found> = BTreeMap::new();
    let mut found = Vec::new();
    for logged in view.conflict_events(seen, Revision::slot(until))? {
        if !known.contains_key(&logged.id)
            && let Some(conflict) = view.conflict(&logged.id)?
        {
            known.insert(logged.id, conflict);
        }
        let conflict = known.get(&logged.id);
        found.extend(conflict.map(|conflict| (logged.event.revision, news(&view, conflict, logged.event))));
    }
    Ok(found)
}
