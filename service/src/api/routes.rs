//! The routes of the API: one table, from which the router and `/openapi.json` are made. The document's own address is
//! the router's.

use super::level::Freshness;
use super::page::Cut;
use super::shapes::{self, Body, Parameter, Shape, events, json, lines, parameters};
use super::{
    Service, authors, causality, changes, conduct, conflicts, dashboard, domains, envelopes, evidence, facts, files,
    governance, group, locks, members, observers, offers, order, partitions, probes, program, state, status,
    transactions,
};
use crate::tokens::Role;
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use quorate_client::api::{
    AuthorInfo, AuthorLocks, Causality, ChangedPath, CheckpointEntry, Conduct, ConflictEntry, ConflictStory, Domain,
    EnrolledObserver, EpochEntry, Event, EvidenceEntry, GroupLimits, Health, Identity, Issue, KnownGroupEntry,
    LevelFacts, LockEntry, LogLevels, LogPage, MemberPlan, Members, Offered, Page, Partitions, Peer, PendingChange,
    PendingStory, PolicyOfDomain, PolicyOfGroup, ProposalEntry, SnapshotEntry, Status, Ticket, TransactionEntry,
    TreeEntry, Version,
};
use quorate_ledger::{Receipt, Reconfiguration};
use schemars::{JsonSchema, SchemaGenerator};
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
    /// Bodies of answers, by their status.
    pub replies: Vec<(u16, Body)>,
    /// Answer in words.
    pub answers: &'static str,
    /// Parameters of the query, where there are any.
    pub query: Option<fn(&mut SchemaGenerator) -> Vec<Parameter>>,
    /// Form of the list's cursors, where there is one.
    pub cursor: Option<&'static str>,
    /// Headers of the request that have a say.
    pub heeds: &'static [Header],
    /// Headers of the answer.
    pub shows: &'static [Header],
}

/// Header of a request or an answer.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// Its name.
    pub name: &'static str,
    /// Description in words.
    pub says: &'static str,
    /// Form of its value.
    pub pattern: &'static str,
}

/// Method and body of a request.
#[derive(Debug, Clone, Copy)]
pub enum Request {
    /// GET, without a body.
    Get,
    /// POST without a body: an act of an operator.
    Act,
    /// POST of bytes: the canonical form of a signed envelope, or a question about a state or the order.
    PostBytes,
    /// POST of a stream of such bytes, which may be empty.
    PostStream,
    /// POST of JSON: a question.
    PostJson(Shape),
    /// PUT of JSON.
    PutJson(Shape),
}

/// Readers of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Every client: the answer tells nothing of what stands in a domain.
    Clients,
    /// Every client, but for a domain that not everyone may read where reads are guarded (see [`super::reading`]).
    Domain,
    /// Every client, but while there is such a domain where reads are guarded: the answer tells of all domains.
    Group,
    /// Operators of the replica of this role (see [`super::Admin`]).
    Operators(Role),
}

impl Route {
    fn get<T: 'static>(
        path: &'static str,
        handler: impl Handler<T, Arc<Service>>,
        body: Body,
        answers: &'static str,
    ) -> Self {
        Self::new(path, routing::get(handler), Request::Get, body, answers)
    }

    fn post<T: 'static>(
        path: &'static str,
        handler: impl Handler<T, Arc<Service>>,
        body: Body,
        answers: &'static str,
    ) -> Self {
        Self::new(path, routing::post(handler), Request::PostBytes, body, answers)
    }

    fn act<T: 'static>(
        path: &'static str,
        handler: impl Handler<T, Arc<Service>>,
        body: Body,
        answers: &'static str,
    ) -> Self {
        Self::new(path, routing::post(handler), Request::Act, body, answers)
    }

    fn ask<B: JsonSchema, T: 'static>(
        path: &'static str,
        handler: impl Handler<T, Arc<Service>>,
        body: Body,
        answers: &'static str,
    ) -> Self {
        let request = Request::PostJson(SchemaGenerator::subschema_for::<B>);
        Self::new(path, routing::post(handler), request, body, answers)
    }

    fn put<B: JsonSchema, T: 'static>(
        path: &'static str,
        handler: impl Handler<T, Arc<Service>>,
        answers: &'static str,
    ) -> Self {
        let request = Request::PutJson(SchemaGenerator::subschema_for::<B>);
        Self::new(path, routing::put(handler), request, json::<B>(), answers)
    }

    fn new(
        path: &'static str,
        handler: MethodRouter<Arc<Service>>,
        request: Request,
        body: Body,
        answers: &'static str,
    ) -> Self {
        let (replies, readers) = (vec![(200, body)], Readers::Group); // until the table says that more may read
        let (query, cursor, heeds, shows): (_, _, &[Header], &[Header]) = (None, None, &[], &[]);
        Self { path, handler, request, readers, replies, answers, query, cursor, heeds, shows }
    }

    fn or(mut self, status: u16, body: Body) -> Self {
        self.replies.push((status, body));
        self
    }

    fn asked<Q: JsonSchema>(self) -> Self {
        Self { query: Some(parameters::<Q>), ..self }
    }

    /// The query of a list whose cursors have this form.
    fn paged<Q: JsonSchema>(self, cursor: &'static str) -> Self {
        Self { cursor: Some(cursor), ..self.asked::<Q>() }
    }

    fn streamed(self) -> Self {
        Self { request: Request::PostStream, ..self }
    }

    fn heeds(self, heeds: &'static [Header]) -> Self {
        Self { heeds, ..self }
    }

    fn shows(self, shows: &'static [Header]) -> Self {
        Self { shows, ..self }
    }

    /// True if the query names the level of a read.
    pub fn takes_a_level(&self) -> bool {
        let parameters = self.query.map(|parameters| parameters(&mut shapes::of_queries()));
        parameters.is_some_and(|parameters| parameters.iter().any(|parameter| parameter.name == "level"))
    }

    fn for_role(self, role: Role) -> Self {
        Self { readers: Readers::Operators(role), ..self }
    }

    fn for_all(self) -> Self {
        Self { readers: Readers::Clients, ..self }
    }

    fn of_domain(self) -> Self {
        Self { readers: Readers::Domain, ..self }
    }
}

const HTML: Body = Body::Bytes("text/html");
const TEXT: Body = Body::Bytes("text/plain");
const BYTES: Body = Body::Bytes("application/octet-stream");
const METRICS: Body = Body::Bytes("application/openmetrics-text");

/// Forms of ids and revisions.
const ID: &str = "^[0-9a-f]{64}$";
const REVISION: &str = r"^(0|[1-9][0-9]{0,18}(\.[1-9][0-9]{0,8})?)$";

/// Forms of cursors, each empty at the beginning.
const FROM_ID: &str = "^([0-9a-f]{64})?$";
const FROM_REVISION: &str = r"^((0|[1-9][0-9]{0,18}(\.[1-9][0-9]{0,8})?))?$";
const FROM_NUMBER: &str = "^(0|[1-9][0-9]{0,18})?$";
const FROM_CHANGE: &str = r"^((0|[1-9][0-9]{0,18}(\.[1-9][0-9]{0,8})?)(/.*)?)?$";
const FROM_LOCK: &str = "^([0-9a-f]{64}/.*)?$";

const AT: Header = Header { name: "Quorate-At", says: "Revision of the state that was read", pattern: REVISION };
const KNOWN: Header =
    Header { name: "If-None-Match", says: "Tags of contents that are known: 304 for one of them", pattern: "" };
/// The session's token, in every answer.
pub const SESSION: Header = Header {
    name: "Quorate-Session",
    says: "What the session has seen: shown in its next question, which is then not answered from an older state",
    pattern: "^[0-9a-f]{64}:(0|[1-9][0-9]{0,18})$",
};
const LAST: Header =
    Header { name: "Last-Event-ID", says: "The last event's position, in place of `from`", pattern: REVISION };
const OF_A_FILE: [Header; 5] = [
    Header { name: "ETag", says: "The content's hash, in quotes; not with a proof", pattern: "^\"[0-9a-f]{64}\"$" },
    Header { name: "Quorate-Mode", says: "Mode of the file", pattern: "^(file|exec|link)$" },
    Header { name: "Quorate-Revision", says: "Revision that made it so", pattern: REVISION },
    AT,
    Header { name: "Quorate-Conflict", says: "The open conflict at the path, where there is one", pattern: ID },
];

/// Every route: address, handler, body of its answer, answer in words, query.
#[rustfmt::skip] // one line for each, so that a missing or doubled one is seen
pub fn table() -> Vec<Route> {
    vec![
        Route::get("/", dashboard::page, HTML, "Status page").for_all(),
        Route::get("/healthz", probes::alive, TEXT, "The process answers").for_all(),
        Route::get("/readyz", probes::ready, TEXT, "200 when the replica can vote, else 503 with mode and why").for_all(),
        Route::get("/metrics", probes::metrics, METRICS, "Metrics of the replica").for_role(Role::Read),
        Route::get("/version", program::version, json::<Version>(), "The program that answers").for_all(),
        Route::get("/v1/log", program::levels, json::<LogLevels>(), "Levels of the log").for_role(Role::Read),
        Route::put::<LogLevels, _>("/v1/log", program::set_levels, "Sets the levels of the log until the process ends").for_role(Role::Operate),
        Route::get("/v1/status", status::status, json::<Status>(), "Where the replica stands").for_all(),
        Route::get("/v1/health", status::health, json::<Health>(), "The replica's opinion of itself: score, parts and reasons").for_all(),
        Route::get("/v1/issues", status::issues, json::<Page<Issue>>(), "What is wrong with the replica or the group, as it sees it").for_all(),
        Route::get("/v1/partitions", partitions::partitions, json::<Partitions>(), "Which members hear each other, what waits here, and reports of outages that are over").for_all(),
        Route::get("/v1/members", group::members, json::<Members>(), "The voters, all on one page, their epoch, and the next one while it is pending").for_all(),
        Route::ask::<Reconfiguration, _>("/v1/members/plan", members::plan, json::<MemberPlan>(), "What a reconfiguration would change, and why it could not take effect now; nothing is proposed").for_all(),
        Route::get("/v1/observers", observers::observers, json::<Page<EnrolledObserver>>(), "Page of the observers that the group has enrolled").for_all(),
        Route::get("/v1/limits", group::limits, json::<GroupLimits>(), "What the genesis lets a change take").for_all(),
        Route::get("/v1/epochs", group::epochs, json::<Page<EpochEntry>>(), "Page of epochs and their voters; with proof=true the file that leads through them from the genesis").or(200, BYTES).paged::<group::EpochsQuery>(FROM_NUMBER).for_all(),
        Route::get("/v1/peers", group::peers, json::<Page<Peer>>(), "The other members as this replica hears them, and other peers that have offended, all on one page").for_role(Role::Read),
        Route::act("/v1/peers/{peer}/release", conduct::release, json::<Conduct>(), "Ends what restrains a peer for its conduct: a member by its number, another by its libp2p name or key").for_role(Role::Operate),
        Route::get("/v1/checkpoints", group::checkpoints, json::<Page<CheckpointEntry>>(), "Page of certified checkpoints at hand").for_all(),
        Route::get("/v1/identities", authors::identities, json::<Page<Identity>>(), "Page of who may sign changes").for_all(),
        Route::post("/v1/envelopes", envelopes::offer, json::<Receipt>(), "Offers a signed envelope: 200 the receipt at the level that was waited for, 202 the ticket").or(202, json::<Ticket>()).asked::<envelopes::Wish>().for_all(),
        Route::post("/v1/envelopes/stream", offers::offer, lines::<Offered>(), "Offers signed envelopes, each after four bytes of its length, least significant first; a line for each answer, as it comes").or(200, BYTES).asked::<offers::Wish>().streamed().for_all(),
        Route::get("/v1/envelopes/{id}", envelopes::look, json::<Receipt>(), "The receipt, of state `expired` where the wait for an earlier number took too long, or 202 with the ticket; with proof=true the receipt's proof file").or(200, BYTES).or(202, json::<Ticket>()).asked::<envelopes::Look>(),
        Route::get("/v1/domains", domains::list, json::<Page<Domain>>(), "Page of domains"),
        Route::get("/v1/domains/{domain}/tree", files::tree, json::<Page<TreeEntry>>(), "Page of files by path").asked::<files::TreeQuery>().shows(&[AT]).of_domain(),
        Route::get("/v1/domains/{domain}/files/{*path}", files::file, BYTES, "A file's content, or its proof file, whose content is then read with at= the checkpoint's slot").or(304, Body::Nothing).asked::<files::FileQuery>().heeds(&[KNOWN]).shows(&OF_A_FILE).of_domain(),
        Route::get("/v1/domains/{domain}/log", files::log, json::<LogPage>(), "Page of accepted envelopes, newest first; the last one says where history begins, if older ones are forgotten").paged::<files::LogQuery>(FROM_REVISION).of_domain(),
        Route::get("/v1/domains/{domain}/changes", changes::list, json::<Page<ChangedPath>>(), "Page of changed paths after a revision, each where it was changed last, in the order of revisions: for those who mirror a domain").paged::<changes::ChangesQuery>(FROM_CHANGE).shows(&[AT]).of_domain(),
        Route::get("/v1/domains/{domain}/authors/{key}", authors::author, json::<AuthorInfo>(), "An author's numbers, and what waits here").of_domain(),
        Route::get("/v1/domains/{domain}/authors/{key}/locks", locks::of_author, json::<AuthorLocks>(), "An author's locks, and which left the line").asked::<Freshness>().of_domain(),
        Route::get("/v1/domains/{domain}/locks", locks::list, json::<Page<LockEntry>>(), "Page of locks and who waits, by path").paged::<locks::ListQuery>(FROM_LOCK).of_domain(),
        Route::get("/v1/domains/{domain}/policy", governance::policy, json::<PolicyOfDomain>(), "A domain's policy").asked::<Freshness>().of_domain(),
        Route::get("/v1/domains/{domain}/pending", governance::pending_changes, json::<Page<PendingChange>>(), "Page of changes that wait for approvals or attestations, the longest waiting first").paged::<governance::PendingQuery>(FROM_REVISION).of_domain(),
        Route::get("/v1/domains/{domain}/pending/{id}", governance::pending, json::<PendingStory>(), "A change that waits for approvals or attestations, or has waited, with the words about it; where there are more, a cursor for the next question").paged::<governance::StoryQuery>(FROM_REVISION).of_domain(),
        Route::get("/v1/domains/{domain}/facts", facts::of_path, json::<LevelFacts>(), "What level `auto` is chosen by for a path").asked::<facts::About>().of_domain(),
        Route::get("/v1/domains/{domain}/causality", causality::order, json::<Causality>(), "How two changes stand to each other, each named by its envelope or revision, and why").asked::<causality::Pair>(),
        Route::get("/v1/policy", governance::group_policy, json::<PolicyOfGroup>(), "What it takes to decide for the whole group").asked::<Freshness>().for_all(),
        Route::get("/v1/proposals", governance::list, json::<Page<ProposalEntry>>(), "Page of proposals, newest first").paged::<governance::ListQuery>(FROM_ID),
        Route::get("/v1/proposals/{id}", governance::one, json::<ProposalEntry>(), "One proposal").asked::<Freshness>(),
        Route::get("/v1/transactions", transactions::list, json::<Page<TransactionEntry>>(), "Page of the group's branches of transactions over several groups that are not decided, by id").paged::<transactions::ListQuery>(FROM_ID),
        Route::get("/v1/transactions/{id}", transactions::one, json::<TransactionEntry>(), "The group's branch of a transaction over several groups; with proof=true its proof for the other groups").or(200, BYTES).asked::<transactions::Query>(),
        Route::get("/v1/groups", transactions::groups, json::<Page<KnownGroupEntry>>(), "Page of other groups whose proofs count in this one").asked::<Freshness>(),
        Route::get("/v1/conflicts", conflicts::list, json::<Page<ConflictEntry>>(), "Page of conflicts, newest first").paged::<conflicts::ListQuery>(FROM_ID),
        Route::get("/v1/conflicts/{id}", conflicts::one, json::<ConflictStory>(), "One conflict, and all that happened to it").asked::<Freshness>(),
        Route::get("/v1/conflicts/{id}/contents/{hash}", conflicts::content, BYTES, "The content of its base, a side or a proposal").asked::<Freshness>(),
        Route::get("/v1/evidence", evidence::list, json::<Page<EvidenceEntry>>(), "Page of proofs against replicas").paged::<Cut>(FROM_ID).for_all(),
        Route::get("/v1/evidence/{id}", evidence::file, BYTES, "The proof file"),
        Route::get("/v1/genesis", group::genesis, BYTES, "The genesis of the group as this replica has it, which vouches for nothing: trust the one that your organisation checked").for_role(Role::Read),
        Route::get("/v1/snapshots", state::snapshots, json::<Page<SnapshotEntry>>(), "Page of the states that can be copied now").for_role(Role::Read),
        Route::post("/v1/state", state::answer, BYTES, "Part of the certified state, proved by itself, for `quorate copy`; of that of slot seq, of the first one after a slot, or of the executed one, for `quorate diff-state`").asked::<state::Which>().for_role(Role::Read),
        Route::get("/v1/order", order::proof, BYTES, "Proof of which bundles were executed up to a slot, and in which order, under the newest certified state").asked::<order::UpTo>().for_role(Role::Read),
        Route::post("/v1/order", order::answer, BYTES, "Decided slots with their certificates, or bundles, for `quorate bundle export`").for_role(Role::Read),
        Route::get("/v1/events", super::events::stream, events::<Event>(), "Events after a position; resumable by Last-Event-ID").paged::<super::events::Start>(FROM_REVISION).heeds(&[LAST]),
    ]
}

#[cfg(test)]
mod tests;
