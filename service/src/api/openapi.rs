//! `/openapi.json`: what can be asked, for programs that make clients.
//!
//! Bodies are described in words: their shapes are those of the crate `quorate-client`, module `api`.

use axum::Json;
use serde_json::{Map, Value, json};

/// One question: path, what it answers, and the query's parameters.
struct Question {
    path: &'static str,
    answers: &'static str,
    query: &'static [&'static str],
}

const fn question(path: &'static str, answers: &'static str, query: &'static [&'static str]) -> Question {
    Question { path, answers, query }
}

/// Everything under GET.
const QUESTIONS: &[Question] = &[
    question("/v1/status", "Where the replica stands", &[]),
    question("/v1/health", "The replica's opinion of itself: score and reasons", &[]),
    question("/v1/members", "Page of the voters", &[]),
    question("/v1/peers", "Page of the other members as this replica hears them", &[]),
    question("/v1/checkpoints", "Page of certified checkpoints at hand", &[]),
    question("/v1/identities", "Page of who may sign changes", &[]),
    question("/v1/domains", "Page of domains", &[]),
    question("/v1/domains/{domain}/tree", "Page of files by path", &["at", "level", "prefix", "from", "limit"]),
    question("/v1/domains/{domain}/files/{path}", "A file's content, or its proof", &["at", "level", "proof", "nonce"]),
    question(
        "/v1/domains/{domain}/log",
        "Page of accepted envelopes, newest first",
        &["path", "level", "from", "limit"],
    ),
    question("/v1/domains/{domain}/authors/{key}", "An author's numbers, and what waits here", &[]),
    question("/v1/domains/{domain}/locks", "Page of locks and who waits, by path", &["path", "level", "from", "limit"]),
    question("/v1/domains/{domain}/authors/{key}/locks", "An author's locks, and which left the line", &["level"]),
    question(
        "/v1/envelopes/{id}",
        "The receipt, or 202 with the ticket; with proof=true the receipt's proof",
        &["proof"],
    ),
    question("/v1/domains/{domain}/policy", "A domain's policy", &["level"]),
    question(
        "/v1/domains/{domain}/pending",
        "Page of changes that wait for the word of others, the longest waiting first",
        &["level", "from", "limit"],
    ),
    question(
        "/v1/domains/{domain}/causality",
        "How two changes stand to each other, each named by its envelope or revision, and why",
        &["first", "second", "level"],
    ),
    question("/v1/domains/{domain}/pending/{id}", "A change that waits for the word of others", &["level"]),
    question("/v1/policy", "What it takes to decide for the whole group", &["level"]),
    question("/v1/proposals", "Page of proposals, newest first", &["domain", "state", "level", "from", "limit"]),
    question("/v1/proposals/{id}", "One proposal", &["level"]),
    question("/v1/conflicts", "Page of conflicts, newest first", &["domain", "state", "id", "level", "from", "limit"]),
    question("/v1/conflicts/{id}", "One conflict, and all that happened to it", &["level"]),
    question("/v1/conflicts/{id}/contents/{hash}", "The content of its base, a side or a proposal", &["level"]),
    question("/v1/evidence", "Page of proofs against replicas", &["from", "limit"]),
    question("/v1/evidence/{id}", "The proof file", &[]),
    question("/v1/events", "Server-sent events after a position; resumable by Last-Event-ID", &["from"]),
    question("/healthz", "The process answers", &[]),
    question("/readyz", "200 when the replica can vote, else 503 with mode and why", &[]),
    question("/metrics", "OpenMetrics text", &[]),
];

/// The document.
pub async fn document() -> Json<Value> {
    let mut paths: Map<String, Value> =
        QUESTIONS.iter().map(|question| (question.path.to_owned(), json!({ "get": described(question) }))).collect();
    paths.insert("/v1/envelopes".to_owned(), json!({ "post": offer() }));
    let version = env!("CARGO_PKG_VERSION");
    Json(json!({ "openapi": "3.1.0", "info": { "title": "quorate", "version": version }, "paths": paths }))
}

fn described(question: &Question) -> Value {
    let in_path = question.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters = in_path.map(|name| parameter(name, "path", true));
    let parameters = parameters.chain(question.query.iter().map(|name| parameter(name, "query", false)));
    json!({
        "summary": question.answers,
        "parameters": parameters.collect::<Vec<_>>(),
        "responses": { "200": { "description": question.answers }, "default": problem() },
    })
}

fn parameter(name: &str, place: &str, required: bool) -> Value {
    json!({ "name": name, "in": place, "required": required, "schema": { "type": "string" } })
}

fn offer() -> Value {
    json!({
        "summary": "Offers a signed envelope: its canonical bytes",
        "parameters": [parameter("wait", "query", false)],
        "requestBody": { "required": true, "content": { "application/octet-stream": {} } },
        "responses": {
            "200": { "description": "The receipt, at the level that was waited for" },
            "202": { "description": "The ticket" },
            "default": problem(),
        },
    })
}

fn problem() -> Value {
    json!({ "description": "status, stage, code, detail", "content": { "application/problem+json": {} } })
}
