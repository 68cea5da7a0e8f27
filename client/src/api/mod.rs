//! The bodies of the HTTP API under `/v1`: one definition for the server, the client and the commands' `--json`.
//!
//! Digests and keys are lower-case hex; revisions are written `S` or `S.i`; times are milliseconds since the Unix
//! epoch. A reader ignores fields that it does not know, so that fields may be added.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/envelopes?wait=LEVEL`, the envelope's bytes | 200 [`Receipt`](quorate_ledger::Receipt), 202 [`Ticket`], else [`Problem`] |
//! | `GET /v1/envelopes/{id}` | 200 [`Receipt`](quorate_ledger::Receipt), 202 [`Ticket`], 404 |
//! | `GET /v1/envelopes/{id}?proof=true` | 200 the receipt's proof file, once a checkpoint covers it |
//! | `GET /v1/status`, `/v1/health` | [`Status`], [`Health`] |
//! | `GET /v1/members`, `/v1/peers`, `/v1/checkpoints`, `/v1/identities`, `/v1/domains` | [`Page`] of [`Member`], [`Peer`], [`CheckpointEntry`], [`Identity`], [`Domain`] |
//! | `GET /v1/domains/{d}/tree?at=&prefix=&level=&from=&limit=` | [`Page`] of [`TreeEntry`], by path; `Quorate-At` |
//! | `GET /v1/domains/{d}/files/{path}?at=&level=` | 200 the content with the headers below, 404 `missing-path` |
//! | `GET /v1/domains/{d}/files/{path}?proof=true&level=&nonce=` | 200 the proof file; its content is then read with `?at=` the checkpoint's slot |
//! | `GET /v1/domains/{d}/log?path=&level=&from=&limit=` | [`Page`] of [`LogEntry`], newest first |
//! | `GET /v1/domains/{d}/authors/{key}` | [`AuthorInfo`] |
//! | `GET /v1/policy`, `/v1/domains/{d}/policy` | [`PolicyOfGroup`], [`PolicyOfDomain`] |
//! | `GET /v1/proposals?domain=&state=&level=&from=`, `/v1/proposals/{id}?level=` | [`Page`] of [`ProposalEntry`], newest first; one |
//! | `GET /v1/domains/{d}/locks?path=&level=&from=&limit=` | [`Page`] of [`LockEntry`], by path |
//! | `GET /v1/domains/{d}/authors/{key}/locks?level=` | [`AuthorLocks`] |
//! | `GET /v1/domains/{d}/pending?level=&from=&limit=`, `/v1/domains/{d}/pending/{id}?level=` | [`Page`] of [`PendingChange`], the longest waiting first; one |
//! | `GET /v1/domains/{d}/causality?first=&second=&level=`, each an envelope's id or the revision that it made | [`Causality`] |
//! | `GET /v1/conflicts?domain=&state=&id=&level=&from=&limit=` | [`Page`] of [`ConflictEntry`], newest first |
//! | `GET /v1/conflicts/{id}?level=`, `/v1/conflicts/{id}/contents/{hash}` | [`ConflictStory`]; the content of its base, a side or a proposal |
//! | `GET /v1/evidence?from=`, `/v1/evidence/{id}` | [`Page`] of [`EvidenceEntry`], the proof file |
//! | `GET /v1/events?from=`, or `Last-Event-ID` | server-sent events: `id` the position, `event` the kind, `data` an [`Event`] |
//!
//! Headers of a file: `ETag` is its content hash in quotes, [`MODE_HEADER`] its mode, [`REVISION_HEADER`] the revision
//! that made it so, [`AT_HEADER`] the revision of the state that was read, [`CONFLICT_HEADER`] the open conflict, where
//! there is one.

mod answer;
mod causality;
mod conflicts;
mod events;
mod files;
mod governance;
mod group;
mod locks;
mod maybe_hex;
mod standing;
mod status;

pub use answer::{Page, Pending, Problem, Ticket};
pub use causality::Causality;
pub use conflicts::{
    ConflictDecider, ConflictDeed, ConflictEnd, ConflictEntry, ConflictFile, ConflictHappening, ConflictNews,
    ConflictProposal, ConflictSide, ConflictStory, ConflictVote, Speaker,
};
pub use events::Event;
pub use files::{AuthorInfo, Domain, LogEntry, TreeEntry};
pub use governance::{Decides, PendingChange, PolicyOfDomain, PolicyOfGroup, ProposalEntry, Required, ValidatorWord};
pub use group::{CheckpointEntry, EvidenceEntry, Identity, Member, Peer};
pub use locks::{AuthorLocks, LockEntry, LockLeft, LockNews};
pub use standing::Standing;
pub use status::{Health, Mode, Role, StableCheckpoint, Status};

/// `file`, `exec` or `link`.
pub const MODE_HEADER: &str = "quorate-mode";

/// The revision that made a file what it is.
pub const REVISION_HEADER: &str = "quorate-revision";

/// The revision of the state from which the answer comes.
pub const AT_HEADER: &str = "quorate-at";

/// Id of the open conflict at a path.
pub const CONFLICT_HEADER: &str = "quorate-conflict";

/// Media type of a signed envelope, as `POST /v1/envelopes` takes it.
pub const ENVELOPE_TYPE: &str = "application/octet-stream";

/// Media type of a [`Problem`] (RFC 9457).
pub const PROBLEM_TYPE: &str = "application/problem+json";
