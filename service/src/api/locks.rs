//! `/v1/domains/{d}/locks` and `/v1/domains/{d}/authors/{key}/locks`.

use super::Shared;
use super::level::Freshness;
use super::page::{Cut, json, page};
use super::param::{InPath, InQuery, key};
use super::problem::Answer;
use crate::engine::Moment;
use axum::extract::State;
use axum::response::Response;
use quorate_client::api::{AuthorLocks, LockEntry, LockLeft, LockNews, Page};
use quorate_ledger::lock::shown;
use quorate_ledger::{LockEnd, LockEntry as Found, LockNews as Told, LockStep, Revision};
use quorate_pbft::{SeqNum, Time};
use schemars::JsonSchema;
use serde::Deserialize;

/// The query of the list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct ListQuery {
    #[serde(flatten)]
    fresh: Freshness,
    #[serde(flatten)]
    cut: Cut,
    /// Only at this path and below it; `.` is the root.
    path: Option<String>,
}

/// Locks that are read at a time.
const STEP: usize = 64;

/// Locks of a domain, by path.
pub async fn list(
    State(service): Shared,
    InPath(domain): InPath<String>,
    InQuery(query): InQuery<ListQuery>,
) -> Answer<Response> {
    let (moment, _) = query.fresh.state(&service).await?;
    let below = query.path.filter(|path| path != ".").unwrap_or_default();
    let cursor = |lock: &LockEntry| format!("{}/{}", lock.author, if lock.path == "." { "" } else { &lock.path });
    page(&service, query.cut, STEP, cursor, move |from, limit| {
        let page = moment.view().locks(&domain, &below, from, limit)?;
        Ok(Page { items: page.items.into_iter().map(|found| entry(&domain, found)).collect(), next: page.next })
    })
    .await
}

/// An author's locks in a domain, and how the last of them left the line.
pub async fn of_author(
    State(service): Shared,
    InPath((domain, text)): InPath<(String, String)>,
    InQuery(fresh): InQuery<Freshness>,
) -> Answer<Response> {
    let author = key(&text)?;
    let (moment, _) = fresh.state(&service).await?;
    json(&service, move || {
        let (locks, left) = moment.view().locks_of(&domain, &author)?;
        let left = left.into_iter().map(|left| LockLeft {
            path: shown(&left.path).to_owned(),
            why: left.why,
            at: left.at.get(),
        });
        let locks = locks.into_iter().map(|found| entry(&domain, found)).collect();
        Ok(AuthorLocks { locks, left: left.collect() })
    })
    .await
}

/// News of requests for locks after `seen`, up to the end of the slot `until`, in order.
pub fn between(moment: &Moment, seen: Revision, until: SeqNum) -> Answer<Vec<(Revision, LockNews)>> {
    let view = moment.view();
    let told = view.lock_news(seen, Revision::slot(until))?.into_iter();
    told.map(|told| Ok((told.revision, news(view.organisation(&told.author)?, told)))).collect()
}

fn news(organisation: Option<String>, told: Told) -> LockNews {
    let (what, token) = match told.step {
        LockStep::Granted(token) => ("granted", Some(token)),
        LockStep::Waits => ("waiting", None),
        LockStep::Released => ("released", None),
        LockStep::Left(LockEnd::Lease) => ("expired", None),
        LockStep::Left(LockEnd::Waited) => ("waited", None),
        LockStep::Left(LockEnd::Deadlock) => ("deadlock", None),
    };
    LockNews {
        domain: told.domain,
        path: shown(&told.path).to_owned(),
        author: told.author,
        organisation,
        what: what.to_owned(),
        token,
        revision: told.revision,
        time: told.time.get(),
    }
}

/// A time that comes; the largest stands for the decision of a transaction over several groups.
pub(super) fn coming(at: Time) -> Option<u64> {
    Some(at.get()).filter(|at| *at < u64::MAX)
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
        until: held.and_then(|held| coming(held.until)),
        wants: wants.map(|wants| wants.mode),
        place: found.place,
        waits_until: wants.map(|wants| wants.until.get()),
        waits_for: found.waits_for,
    }
}
