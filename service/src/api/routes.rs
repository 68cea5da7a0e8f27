//! The routes of the API: one table, from which the router and `/openapi.json` are made. The document's own address is
//! the router's.

use super::{
    Service, authors, causality, conflicts, dashboard, domains, envelopes, events, evidence, facts, files, governance,
    group, locks, partitions, probes, program, state, status,
};
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use std::sync::Arc;

/// Address and method of the interface with their handler, and their description for programs that make clients.
pub struct Route {
    /// Address; `{name}` stands for one part of it, `{*name}` for all that is left.
    pub path: &'static str,
    /// Handler of the one method.
    pub handler: MethodRouter<Arc<Service>>,
    /// Method and body of a request.
    pub request: Request,
    /// Readers of the answer.
    pub readers: Readers,
    /// Type of the answer's body: one of `quorate_client::api` or `quorate_ledger` in code, else words.
    pub body: &'static str,
    /// Answer in words.
    pub answers: &'static str,
    /// Names of the query's parameters.
    pub query: &'static [&'static str],
}

/// Method and body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// GET, without a body.
    Get,
    /// POST of the canonical bytes of a signed envelope.
    PostEnvelope,
    /// POST of the bytes of a question.
    PostQuestion,
    /// PUT of the JSON that a GET of the address answers.
    PutJson,
}

/// Readers of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Every client.
    Clients,
    /// Operators of the replica (see [`super::Admin`]).
    Operators,
}

impl Route {
    fn get<T: 'static>(
        path: &'static str,
        handler: impl Handler<T, Arc<Service>>,
        body: &'static str,
        answers: &'static str,
        query: &'static [&'static str],
    ) -> Self {
        let (handler, request, readers) = (routing::get(handler), Request::Get, Readers::Clients);
        Self { path, handler, request, readers, body, answers, query }
    }

    fn post_envelope<T: 'static>(
        path: &'static str,
        handler: impl Handler<T, Arc<Service>>,
        body: &'static str,
        answers: &'static str,
        query: &'static [&'static str],
    ) -> Self {
        let (handler, request, readers) = (routing::post(handler), Request::PostEnvelope, Readers::Clients);
        Self { path, handler, request, readers, body, answers, query }
    }

    fn post_question<T: 'static>(
        path: &'static str,
        handler: impl Handler<T, Arc<Service>>,
        body: &'static str,
        answers: &'static str,
        query: &'static [&'static str],
    ) -> Self {
        let (handler, request, readers) = (routing::post(handler), Request::PostQuestion, Readers::Clients);
        Self { path, handler, request, readers, body, answers, query }
    }

    fn put_json<T: 'static>(
        path: &'static str,
        handler: impl Handler<T, Arc<Service>>,
        body: &'static str,
        answers: &'static str,
    ) -> Self {
        let (handler, request, readers) = (routing::put(handler), Request::PutJson, Readers::Clients);
        Self { path, handler, request, readers, body, answers, query: &[] }
    }

    fn for_operators(self) -> Self {
        Self { readers: Readers::Operators, ..self }
    }
}

/// Query of an answer that comes in pages.
const PAGED: &[&str] = &["level", "from", "limit"];
/// Query of an answer about one thing.
const LEVEL: &[&str] = &["level"];

/// Every route: address, handler, type of the body, answer in words, query.
#[rustfmt::skip] // one line for each, so that a missing or doubled one is seen
pub fn table() -> Vec<Route> {
    vec![
        Route::get("/", dashboard::page, "a page for people", "Status page", &[]),
        Route::get("/healthz", probes::alive, "text", "The process answers", &[]),
        Route::get("/readyz", probes::ready, "text", "200 when the replica can vote, else 503 with mode and why", &[]),
        Route::get("/metrics", probes::metrics, "OpenMetrics", "Metrics of the replica", &[]).for_operators(),
        Route::get("/version", program::version, "`Version`", "The program that answers", &[]),
        Route::get("/v1/log", program::levels, "`LogLevels`", "Levels of the log", &[]).for_operators(),
        Route::put_json("/v1/log", program::set_levels, "`LogLevels`", "Sets the levels of the log until the process ends").for_operators(),
        Route::get("/v1/status", status::status, "`Status`", "Where the replica stands", &[]),
        Route::get("/v1/health", status::health, "`Health`", "The replica's opinion of itself: score, parts and reasons", &[]),
        Route::get("/v1/issues", status::issues, "`Page<Issue>`", "What is wrong with the replica or the group, as it sees it", &[]),
        Route::get("/v1/partitions", partitions::partitions, "`Partitions`", "Which members hear each other, what waits here, and reports of outages that are over", &[]),
        Route::get("/v1/members", group::members, "`Page<Member>`", "Page of the voters", &[]),
        Route::get("/v1/peers", group::peers, "`Page<Peer>`", "Page of the other members as this replica hears them", &[]).for_operators(),
        Route::get("/v1/checkpoints", group::checkpoints, "`Page<CheckpointEntry>`", "Page of certified checkpoints at hand", &[]),
        Route::get("/v1/identities", authors::identities, "`Page<Identity>`", "Page of who may sign changes", &[]),
        Route::post_envelope("/v1/envelopes", envelopes::offer, "`Receipt` or `Ticket`", "Offers a signed envelope: 200 the receipt at the level that was waited for, 202 the ticket", &["wait"]),
        Route::get("/v1/envelopes/{id}", envelopes::look, "`Receipt` or `Ticket`", "The receipt, or 202 with the ticket; with proof=true the receipt's proof file", &["proof"]),
        Route::get("/v1/domains", domains::list, "`Page<Domain>`", "Page of domains", &[]),
        Route::get("/v1/domains/{domain}/tree", files::tree, "`Page<TreeEntry>`", "Page of files by path; header `Quorate-At`", &["at", "level", "prefix", "from", "limit"]),
        Route::get("/v1/domains/{domain}/files/{*path}", files::file, "the content", "A file's content, or its proof file, whose content is then read with at= the checkpoint's slot", &["at", "level", "proof", "nonce"]),
        Route::get("/v1/domains/{domain}/log", files::log, "`Page<LogEntry>`", "Page of accepted envelopes, newest first", &["path", "level", "from", "limit"]),
        Route::get("/v1/domains/{domain}/authors/{key}", authors::author, "`AuthorInfo`", "An author's numbers, and what waits here", &[]),
        Route::get("/v1/domains/{domain}/authors/{key}/locks", locks::of_author, "`AuthorLocks`", "An author's locks, and which left the line", LEVEL),
        Route::get("/v1/domains/{domain}/locks", locks::list, "`Page<LockEntry>`", "Page of locks and who waits, by path", &["path", "level", "from", "limit"]),
        Route::get("/v1/domains/{domain}/policy", governance::policy, "`PolicyOfDomain`", "A domain's policy", LEVEL),
        Route::get("/v1/domains/{domain}/pending", governance::pending_changes, "`Page<PendingChange>`", "Page of changes that wait for approvals or attestations, the longest waiting first", PAGED),
        Route::get("/v1/domains/{domain}/pending/{id}", governance::pending, "`PendingChange`", "A change that waits for approvals or attestations", LEVEL),
        Route::get("/v1/domains/{domain}/facts", facts::of_path, "`LevelFacts`", "What level `auto` is chosen by for a path", &["path"]),
        Route::get("/v1/domains/{domain}/causality", causality::order, "`Causality`", "How two changes stand to each other, each named by its envelope or revision, and why", &["first", "second", "level"]),
        Route::get("/v1/policy", governance::group_policy, "`PolicyOfGroup`", "What it takes to decide for the whole group", LEVEL),
        Route::get("/v1/proposals", governance::list, "`Page<ProposalEntry>`", "Page of proposals, newest first", &["domain", "state", "level", "from", "limit"]),
        Route::get("/v1/proposals/{id}", governance::one, "`ProposalEntry`", "One proposal", LEVEL),
        Route::get("/v1/conflicts", conflicts::list, "`Page<ConflictEntry>`", "Page of conflicts, newest first", &["domain", "state", "id", "level", "from", "limit"]),
        Route::get("/v1/conflicts/{id}", conflicts::one, "`ConflictStory`", "One conflict, and all that happened to it", LEVEL),
        Route::get("/v1/conflicts/{id}/contents/{hash}", conflicts::content, "the content", "The content of its base, a side or a proposal", LEVEL),
        Route::get("/v1/evidence", evidence::list, "`Page<EvidenceEntry>`", "Page of proofs against replicas", &["from", "limit"]),
        Route::get("/v1/evidence/{id}", evidence::file, "the proof file", "The proof file", &[]),
        Route::get("/v1/snapshots", state::snapshots, "`Page<SnapshotEntry>`", "Page of the states that can be copied now", &[]).for_operators(),
        Route::post_question("/v1/state", state::answer, "the answer", "Part of the certified state, proved by itself, for `quorate copy`; of that of slot seq, of the first one after a slot, or of the executed one, for `quorate diff-state`", &["seq", "after", "executed"]).for_operators(),
        Route::get("/v1/events", events::stream, "server-sent events: `id` the position, `event` the kind, `data` an `Event`", "Events after a position; resumable by Last-Event-ID", &["from"]),
    ]
}
