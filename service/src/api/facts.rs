//! `/v1/domains/{d}/facts`: what level `auto` is chosen by.

use super::Shared;
use super::param::{InPath, InQuery};
use super::problem::Answer;
use axum::Json;
use axum::extract::State;
use quorate_client::api::{LevelFacts, TOGETHER_MS};
use quorate_ledger::policy::PathRule;
use quorate_ledger::{QueryError, StateView};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Entries of the log that are looked at for who works together.
const LOOKED_AT: usize = 64;

/// The path that is to be read or changed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct About {
    /// The path.
    #[serde(default)]
    path: String,
}

/// Answers with what this replica knows now; no mark is waited for.
pub async fn of_path(
    State(service): Shared,
    InPath(domain): InPath<String>,
    InQuery(about): InQuery<About>,
) -> Answer<Json<LevelFacts>> {
    let now = service.now();
    let stalled = (!now.report.can_order).then(|| now.report.why.clone());
    let order_ms = service.metrics.order_ms();
    let read = move || {
        let view = now.moment.view();
        let critical = view.policy(&domain)?.rule(&about.path).and_then(critical);
        let since = now.moment.time().get().saturating_sub(TOGETHER_MS);
        Ok((critical, authors(&view, &domain, folder(&about.path), since)?))
    };
    let (critical, authors) = service.blocking(read).await?;
    Ok(Json(LevelFacts { critical, order_ms, stalled, authors }))
}

/// Why a rule makes its paths critical.
fn critical(rule: &PathRule) -> Option<String> {
    let counted = |count: usize, what: &str| (count > 0).then(|| format!("{} needs {count} {what}", rule.pattern));
    counted(rule.approvals as usize, "approvals")
        .or_else(|| counted(rule.validators.len(), "validators"))
        .or_else(|| rule.write_once.then(|| format!("{} is written once", rule.pattern)))
        .or_else(|| (!rule.owners.is_empty()).then(|| format!("{} has owners", rule.pattern)))
}

/// The folder of a path, with its slash; empty at the top.
fn folder(path: &str) -> &str {
    path.rfind('/').map_or("", |slash| &path[..=slash])
}

/// Authors who changed files of a folder lately, by the newest entries of the log.
fn authors(view: &StateView<'_>, domain: &str, folder: &str, since: u64) -> Result<u32, QueryError> {
    let log = view.log(domain, None, None, LOOKED_AT)?.items;
    let lately = log.iter().filter(|entry| entry.time.get() >= since);
    let here = lately.filter(|entry| entry.changes.iter().any(|change| change.path.starts_with(folder)));
    Ok(here.map(|entry| entry.author).collect::<BTreeSet<_>>().len() as u32)
}
