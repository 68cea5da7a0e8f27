//! `/v1/domains/{d}/tree`, `/files/{path}` and `/log`.

use super::Shared;
use super::level::Freshness;
use super::page::Cut;
use super::param::{InPath, InQuery};
use super::problem::{Answer, Failure};
use super::proofs;
use super::service::Service;
use crate::engine::Moment;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quorate_client::api::{AT_HEADER, CONFLICT_HEADER, LogEntry, MODE_HEADER, Page, REVISION_HEADER, TreeEntry};
use quorate_ledger::{Code, FileEntry, Found, LogEntry as Logged, Mode, Revision};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The query of a tree.
#[derive(Debug, Default, Deserialize)]
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
    let limit = query.cut.limit()?;
    let (moment, at) = query.fresh.state(&service).await?;
    let (prefix, from) = (query.prefix, query.cut.from);
    let mut response = page(&service, move || {
        let page = moment.view().ls(&domain, &prefix, Some(at), from.as_deref(), limit)?;
        Ok(Page { items: page.items.into_iter().map(tree_entry).collect(), next: page.next })
    })
    .await?;
    response.headers_mut().insert(AT_HEADER, text(at));
    Ok(response)
}

/// A page as JSON, made where disk and processor may be used.
async fn page<T: Serialize>(
    service: &Service,
    read: impl FnOnce() -> Answer<Page<T>> + Send + 'static,
) -> Answer<Response> {
    let write = move || Ok(serde_json::to_vec(&read()?).expect("a page is plain data"));
    service.answers.send("application/json", write).await
}

fn tree_entry(file: FileEntry) -> TreeEntry {
    let FileEntry { path, mode, hash, size, revision, conflict } = file;
    TreeEntry { path, mode, hash, size, revision, conflict }
}

/// The query of a file.
#[derive(Debug, Default, Deserialize)]
pub struct FileQuery {
    #[serde(flatten)]
    fresh: Freshness,
    /// Whether the proof is wanted instead of the content.
    #[serde(default)]
    proof: Option<String>,
    /// 32 bytes that the reader chose, in hex: they will stand in the proof of a strong read.
    nonce: Option<String>,
}

/// A file's content, or its proof.
pub async fn file(
    State(service): Shared,
    InPath((domain, path)): InPath<(String, String)>,
    InQuery(query): InQuery<FileQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    if query.proof.as_deref().is_some_and(|wish| wish == "true" || wish == "1") {
        return proofs::of_file(&service, &domain, &path, query.fresh, query.nonce.as_deref()).await;
    }
    let (moment, at) = query.fresh.state(&service).await?;
    let (looked_at, place) = (moment.clone(), (domain.clone(), path.clone()));
    let found = service.blocking(move || Ok(looked_at.view().file(&place.0, &place.1, Some(at))?)).await?;
    match found {
        Found::File(file) => content(&service, moment, at, file, &headers).await,
        Found::Disputed(conflict) => {
            let detail = format!("{path:?}: the sides of conflict {conflict} never agreed on a content");
            Err(missing(detail))
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
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut response = if known {
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
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    out.insert(MODE_HEADER, HeaderValue::from_static(mode_name(file.mode)));
    out.insert(REVISION_HEADER, text(file.revision));
    out.insert(AT_HEADER, text(at));
    if let Some(conflict) = file.conflict {
        out.insert(CONFLICT_HEADER, text(conflict));
    }
    Ok(response)
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::File => "file",
        Mode::Exec => "exec",
        Mode::Link => "link",
    }
}

/// Digests and revisions as a header.
fn text(value: impl ToString) -> HeaderValue {
    HeaderValue::from_str(&value.to_string()).expect("hex, digits, dots and quotes are plain ASCII")
}

/// The query of a log.
#[derive(Debug, Default, Deserialize)]
pub struct LogQuery {
    #[serde(flatten)]
    fresh: Freshness,
    #[serde(flatten)]
    cut: Cut,
    /// Only what changed this path.
    path: Option<String>,
}

/// Bytes of a page of the log: it ends with the entry that passes them.
const LOG_PAGE_BYTES_MAX: usize = 1 << 20;
/// Entries of the log that are read at a time; more of one path, where each look also goes through the conflicts.
const LOG_STEP: usize = 4;
const LOG_STEP_OF_PATH: usize = 64;
/// Bytes that an entry, and each path of it, take in JSON beside their texts.
const LOG_ENTRY_BYTES: usize = 300;
const LOG_PATH_BYTES: usize = 60;

/// Lists accepted envelopes, newest first.
pub async fn log(
    State(service): Shared,
    InPath(domain): InPath<String>,
    InQuery(query): InQuery<LogQuery>,
) -> Answer<Response> {
    let (from, limit) = (query.cut.cursor()?, query.cut.limit()?);
    let (moment, _) = query.fresh.state(&service).await?;
    let path = query.path.filter(|path| !path.is_empty());
    page(&service, move || log_page(&moment, &domain, path.as_deref(), from, limit)).await
}

/// Entries before a revision: as many as were asked for, or as fit a page.
fn log_page(
    moment: &Moment,
    domain: &str,
    path: Option<&str>,
    mut from: Option<Revision>,
    limit: usize,
) -> Answer<Page<LogEntry>> {
    let (mut items, mut bytes) = (Vec::new(), 0);
    let step = if path.is_some() { LOG_STEP_OF_PATH } else { LOG_STEP };
    loop {
        let found = moment.view().log(domain, path, from, step.min(limit - items.len()))?;
        let (count, mut taken) = (found.items.len(), 0);
        for entry in found.items {
            (bytes, taken, from) = (bytes + weight(&entry), taken + 1, Some(entry.revision));
            items.push(log_entry(entry));
            if bytes >= LOG_PAGE_BYTES_MAX {
                break;
            }
        }
        let is_last = taken == count && found.next.is_none();
        if is_last || items.len() == limit || bytes >= LOG_PAGE_BYTES_MAX {
            let next = from.filter(|_| !is_last).map(|from| from.to_string());
            return Ok(Page { items, next });
        }
    }
}

/// About as many bytes as an entry has in JSON.
fn weight(entry: &Logged) -> usize {
    let paths: usize = entry.changes.iter().map(|change| change.path.len() + LOG_PATH_BYTES).sum();
    LOG_ENTRY_BYTES + entry.message.len() + paths
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
