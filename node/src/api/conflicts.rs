//! `/v1/conflicts`.

use super::Shared;
use super::page::Cut;
use super::param::{InPath, InQuery, digest};
use super::problem::{Answer, Failure};
use axum::Json;
use axum::extract::State;
use quorate_client::api::{ConflictEntry, ConflictSide, Page};
use quorate_ledger::{Class, ConflictEntry as Found, ConflictId};
use serde::Deserialize;

/// The query of the list.
#[derive(Debug, Default, Deserialize)]
pub struct ListQuery {
    #[serde(flatten)]
    cut: Cut,
    /// Only of this domain.
    domain: Option<String>,
    /// Only those in this state, `open` or `settled`.
    state: Option<String>,
}

/// Conflicts, newest first.
pub async fn list(State(service): Shared, InQuery(query): InQuery<ListQuery>) -> Answer<Json<Page<ConflictEntry>>> {
    let moment = service.now().moment;
    let domain = query.domain.as_deref().filter(|domain| !domain.is_empty());
    let open_only = query.state.as_deref() == Some("open");
    let page = moment.view().conflicts(domain, open_only, query.cut.cursor()?, query.cut.limit()?)?;
    Ok(Json(Page { items: page.items.into_iter().map(entry).collect(), next: page.next }))
}

/// One conflict.
pub async fn one(State(service): Shared, InPath(id): InPath<String>) -> Answer<Json<ConflictEntry>> {
    let id = ConflictId(digest(&id)?);
    let found = service.now().moment.view().conflict(&id)?;
    found.map(|found| Json(entry(found))).ok_or_else(|| Failure::not_found(format!("no conflict {id}")))
}

fn entry(found: Found) -> ConflictEntry {
    let sides = found.sides.into_iter().map(|side| ConflictSide {
        author: side.author,
        revision: side.revision,
        hash: side.file.map(|file| file.content),
    });
    ConflictEntry {
        id: found.id,
        domain: found.domain,
        path: found.path,
        class: class_name(found.class).to_owned(),
        since: found.since,
        sides: sides.collect(),
        state: if found.settled.is_some() { "settled" } else { "open" }.to_owned(),
    }
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Value => "value",
        Class::Structural => "structural",
        Class::Semantic => "semantic",
    }
}
