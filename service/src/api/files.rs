//! `/v1/domains/{d}/tree`, `/files/{path}` and `/log`.

use super::Shared;
use super::level::Freshness;
use super::page::{Cut, Ending, page, page_of_history, parsed};
use super::param::{InPath, InQuery, digest, wants_proof};
use super::problem::{Answer, Failure};
use super::proofs;
use super::service::Service;
use crate::engine::Moment;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quorate_client::api::{AT_HEADER, CONFLICT_HEADER, LogEntry, MODE_HEADER, Page, REVISION_HEADER, TreeEntry};
use quorate_ledger::{Code, FileEntry, Found, LogEntry as Logged, Mode, Revision};
use quorate_pbft::SeqNum;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Paths of a tree that are read at a time.
const TREE_STEP: usize = 64;

/// The query of a tree.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct TreeQuery {
    #[serde(flatten)]
    fresh: Freshness,
    #[serde(flatten)]
    cut: Cut,
    /// Beginning of the paths.
    #[serde(default)]
    prefix: String,
}

/// The files of a domain, by path.
pub async fn tree(
    State(service): Shared,
    InPath(domain): InPath<String>,
    InQuery(query): InQuery<TreeQuery>,
) -> Answer<Response> {
    let (moment, at) = query.fresh.state(&service).await?;
    let path = |entry: &TreeEntry| entry.path.clone();
    let mut response = page(&service, query.cut, TREE_STEP, path, move |from, limit| {
        let page = moment.view().ls(&domain, &query.prefix, Some(at), from, limit)?;
        Ok(Page { items: page.items.into_iter().map(tree_entry).collect(), next: page.next })
    })
    .await?;
    response.headers_mut().insert(AT_HEADER, text(at));
    Ok(response)
}

fn tree_entry(file: FileEntry) -> TreeEntry {
    let FileEntry { path, mode, hash, size, revision, conflict } = file;
    TreeEntry { path, mode, hash, size, revision, conflict }
}

/// The query of a file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct FileQuery {
    #[serde(flatten)]
    fresh: Freshness,
    /// Whether the proof is wanted instead of the content.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    proof: Option<String>,
    /// 32 bytes that the reader chose, in hex: they will stand in the proof of a strong read.
    #[schemars(with = "Option<quorate_ledger::shape::Hex<32>>")]
    nonce: Option<String>,
}

/// A file's content, or its proof.
pub async fn file(
    State(service): Shared,
    InPath((domain, path)): InPath<(String, String)>,
    InQuery(query): InQuery<FileQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    let nonce = query.nonce.as_deref().map(digest).transpose()?;
    if wants_proof(query.proof.as_deref())? {
        return proofs::of_file(&service, &domain, &path, query.fresh, nonce).await;
    }
    let (moment, at) = query.fresh.state(&service).await?;
    let (looked_at, place) = (moment.clone(), (domain.clone(), path.clone()));
    let found = service.blocking(move || Ok(looked_at.view().file(&place.0, &place.1, Some(at))?)).await?;
    match found {
        Found::File(file) => content(&service, moment, at, file, &headers).await,
        Found::Removed(conflict) => {
            let removed = format!("nothing stands at {path:?} as last agreed: it was removed or moved");
            Err(missing(format!("{removed}, and conflict {conflict} is open about it")).about_conflict(conflict))
        }
        Found::Disputed(conflict) => {
            let detail = format!("{path:?}: the sides of conflict {conflict} never agreed on a content");
            Err(missing(detail).about_conflict(conflict))
        }
        Found::Nothing => Err(missing(format!("nothing stands at {path:?} in {domain:?} at revision {at}"))),
    }
}

fn missing(detail: String) -> Failure {
    let code = Code::MissingPath;
    Failure::refused(StatusCode::NOT_FOUND, &code.stage().to_string(), &code.to_string(), detail)
}

async fn content(
    service: &Arc<Service>,
    moment: Arc<Moment>,
    at: Revision,
    file: FileEntry,
    headers: &HeaderMap,
) -> Answer<Response> {
    let etag = format!("\"{}\"", file.hash);
    let mut response = if knows(headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let hash = file.hash;
        let gone =
            move || Failure::new(StatusCode::GONE, "content-gone", format!("the content {hash} has left this replica"));
        let shared = service.clone();
        let read = move || {
            let read = moment.view().content(&hash).inspect_err(|error| shared.note_damage(error));
            read?.ok_or_else(gone)
        };
        service.answers.send("application/octet-stream", read).await?
    };
    let out = response.headers_mut();
    out.insert(header::ETAG, text(etag));
    out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    out.insert(MODE_HEADER, HeaderValue::from_static(mode_name(file.mode)));
    out.insert(REVISION_HEADER, text(file.revision));
    out.insert(AT_HEADER, text(at));
    if let Some(conflict) = file.conflict {
        out.insert(CONFLICT_HEADER, text(conflict));
    }
    Ok(response)
}

/// True if the client has the content (RFC 9110 §13.1.2).
fn knows(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::File => "file",
        Mode::Exec => "exec",
        Mode::Link => "link",
    }
}

/// Digests and revisions as a header.
pub(super) fn text(value: impl ToString) -> HeaderValue {
    HeaderValue::from_str(&value.to_string()).expect("hex, digits, dots and quotes are plain ASCII")
}

/// The query of a log.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct LogQuery {
    #[serde(flatten)]
    fresh: Freshness,
    #[serde(flatten)]
    cut: Cut,
    /// Only what changed this path.
    path: Option<String>,
}

/// Entries of the log that are read at a time; more of one path, where each look also goes through the conflicts.
const LOG_STEP: usize = 4;
const LOG_STEP_OF_PATH: usize = 64;

/// Lists accepted envelopes, newest first.
pub async fn log(
    State(service): Shared,
    InPath(domain): InPath<String>,
    InQuery(query): InQuery<LogQuery>,
) -> Answer<Response> {
    query.cut.cursor::<Revision>()?;
    let (moment, _) = query.fresh.state(&service).await?;
    let path = query.path.filter(|path| !path.is_empty());
    let step = if path.is_some() { LOG_STEP_OF_PATH } else { LOG_STEP };
    let revision = |entry: &LogEntry| entry.revision.to_string();
    let (state, place) = (moment.clone(), domain.clone());
    let gaps = Arc::new(AtomicBool::new(false));
    let found = gaps.clone();
    let end = move |is_last: bool| {
        let begins = if is_last { state.view().log_begins(&place)? } else { None };
        Ok(Ending { begins: begins.map(SeqNum::get), gaps: found.load(Ordering::Relaxed) })
    };
    let read = move |from: Option<&str>, limit| {
        let page = moment.view().log(&domain, path.as_deref(), parsed(from)?, limit)?;
        gaps.fetch_or(page.has_gaps, Ordering::Relaxed);
        Ok(Page { items: page.items.into_iter().map(log_entry).collect(), next: page.next })
    };
    page_of_history(&service, query.cut, step, revision, read, end).await
}

fn log_entry(entry: Logged) -> LogEntry {
    LogEntry {
        id: entry.id,
        revision: entry.revision,
        author: entry.author,
        message: entry.message,
        time: entry.time.get(),
        changes: entry.changes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_known_by_any_tag_of_a_list_weak_or_not_and_by_a_star() {
        let headers = |known: &str| HeaderMap::from_iter([(header::IF_NONE_MATCH, known.parse().expect("a header"))]);
        for known in [r#""a""#, r#"W/"a""#, r#""b", "a""#, "*"] {
            assert!(knows(&headers(known), r#""a""#), "{known}");
        }
        assert!(!knows(&headers(r#""b", a"#), r#""a""#) && !knows(&HeaderMap::new(), r#""a""#));
    }
}
