//! `/v1/domains/{d}/changes`: changed paths after a revision, for those who mirror a domain.
//!
//! Each path is told where it was changed last, in the order of revisions, and now and then before that, too; one that changes
//! again meanwhile comes again behind. Who takes page after page to the end has the files of the last page's `Quorate-At`,
//! and goes on after that.

use super::Shared;
use super::level::Freshness;
use super::page::{Cut, page, parsed};
use super::param::{InPath, InQuery};
use super::problem::Answer;
use axum::extract::State;
use axum::response::Response;
use quorate_client::api::{AT_HEADER, ChangedFile, ChangedPath, Page};
use quorate_ledger::{ChangedPath as Changed, ChangesCursor, File, Level, Revision};
use schemars::JsonSchema;
use serde::Deserialize;

/// Paths that are read at a time.
const STEP: usize = 64;

/// The query of the changes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct ChangesQuery {
    /// Strong unless the reader says otherwise, as the commands.
    level: Option<Level>,
    /// Revision whose files the reader has; genesis, if none is named.
    after: Option<Revision>,
    #[serde(flatten)]
    cut: Cut,
}

/// Lists changed paths, in the order of the revisions that changed them last.
pub async fn list(
    State(service): Shared,
    InPath(domain): InPath<String>,
    InQuery(query): InQuery<ChangesQuery>,
) -> Answer<Response> {
    query.cut.cursor::<ChangesCursor>()?;
    let (moment, at) = Freshness { level: query.level, at: None }.state(&service).await?;
    let after = ChangesCursor::after(query.after.unwrap_or(Revision::GENESIS));
    let cursor = |item: &ChangedPath| format!("{}/{}", item.revision, item.path);
    let mut response = page(&service, query.cut, STEP, cursor, move |from, limit| {
        let from = parsed(from)?.unwrap_or_else(|| after.clone());
        let page = moment.view().changes(&domain, &from, limit)?;
        Ok(Page { items: page.items.into_iter().map(changed).collect(), next: page.next })
    })
    .await?;
    response.headers_mut().insert(AT_HEADER, super::files::text(at));
    Ok(response)
}

fn changed(Changed { path, revision, envelope, file }: Changed) -> ChangedPath {
    let file = file.map(|File { mode, content: hash, size }| ChangedFile { mode, hash, size });
    ChangedPath { path, revision, id: envelope, file }
}
