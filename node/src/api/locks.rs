//! `/v1/domains/{d}/locks` and `/v1/domains/{d}/authors/{key}/locks`.

use super::Shared;
use super::level::Freshness;
use super::page::Cut;
use super::param::{InPath, InQuery, key};
use super::problem::Answer;
use axum::Json;
use axum::extract::State;
use quorate_client::api::{AuthorLocks, LockEntry, LockLeft, Page};
use quorate_ledger::LockEntry as Found;
use quorate_ledger::lock::shown;
use serde::Deserialize;

/// The query of the list.
#[derive(Debug, Default, Deserialize)]
pub struct ListQuery {
    #[serde(flatten)]
    fresh: Freshness,
    #[serde(flatten)]
    cut: Cut,
    /// Only at this path and below it; `.` is the root.
    path: Option<String>,
}

/// Locks of a domain, by path.
pub async fn list(
    State(service): Shared,
    InPath(domain): InPath<String>,
    InQuery(query): InQuery<ListQuery>,
) -> Answer<Json<Page<LockEntry>>> {
    let (moment, _) = query.fresh.state(&service).await?;
    let below = query.path.as_deref().filter(|path| *path != ".").unwrap_or("");
    let from = query.cut.from.as_deref().filter(|from| !from.is_empty());
    let page = moment.view().locks(&domain, below, from, query.cut.limit()?)?;
    let items = page.items.into_iter().map(|found| entry(&domain, found)).collect();
    Ok(Json(Page { items, next: page.next }))
}

/// An author's locks in a domain, and how the last of them left the line.
pub async fn of_author(
    State(service): Shared,
    InPath((domain, text)): InPath<(String, String)>,
    InQuery(fresh): InQuery<Freshness>,
) -> Answer<Json<AuthorLocks>> {
    let author = key(&text)?;
    let (moment, _) = fresh.state(&service).await?;
    let (locks, left) = moment.view().locks_of(&domain, &author)?;
    let left =
        left.into_iter().map(|left| LockLeft { path: shown(&left.path).to_owned(), why: left.why, at: left.at.get() });
    let locks = locks.into_iter().map(|found| entry(&domain, found)).collect();
    Ok(Json(AuthorLocks { locks, left: left.collect() }))
}

fn entry(domain: &str, found: Found) -> LockEntry {
    let (held, wants) = (found.held, found.wants);
    let state = match (held.is_some(), wants.is_some()) {
        (true, false) => "held",
        (true, true) => "converting",
        (false, _) => "waiting",
    };
    LockEntry {
        domain: domain.to_owned(),
        path: shown(&found.path).to_owned(),
        author: found.author,
        organisation: found.organisation,
        state: state.to_owned(),
        mode: held.map(|held| held.mode),
        token: held.map(|held| held.token),
        since: held.map(|held| held.since),
        until: held.map(|held| held.until.get()),
        wants: wants.map(|wants| wants.mode),
        place: found.place,
        waits_until: wants.map(|wants| wants.until.get()),
        waits_for: found.waits_for,
    }
}
