//! The bodies of the HTTP API under `/v1`: one definition for the server, the client and the commands' `--json`.
//!
//! Digests and keys are lower-case hex; revisions are written `S` or `S.i`; times are milliseconds since the Unix
//! epoch. A reader ignores fields that it does not know, so that fields may be added.

mod answer;
mod files;
mod group;
mod hexed;
mod status;

pub use answer::{Page, Pending, Problem, Ticket, TicketState};
pub use files::{AuthorInfo, ConflictEntry, ConflictSide, Domain, EntryMode, TreeEntry, UnknownMode};
pub use group::{CheckpointEntry, EvidenceEntry, Member, Peer};
pub use status::{Health, Mode, Role, StableCheckpoint, Status};

/// Media type of a signed envelope, as `POST /v1/envelopes` takes it.
pub const ENVELOPE_TYPE: &str = "application/octet-stream";

/// Media type of a [`Problem`] (RFC 9457).
pub const PROBLEM_TYPE: &str = "application/problem+json";
