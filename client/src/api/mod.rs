//! The bodies of the HTTP API under `/v1`: one definition for the server, the client and the commands' `--json`.
//!
//! Digests and keys are lower-case hex; revisions are written `S` or `S.i`; times are milliseconds since the Unix
//! epoch. A reader ignores fields that it does not know, so that fields may be added.
//!
//! The routes, with their parameters and the type of this module that each answers, stand in one table: a replica
//! serves it as `/openapi.json`. Errors are a [`Problem`]; `GET /v1/events` answers server-sent events, whose `data` is
//! an [`Event`].
//!
//! Headers of a file: `ETag` is its content hash in quotes, [`MODE_HEADER`] its mode, [`REVISION_HEADER`] the revision
//! that made it so, [`AT_HEADER`] the revision of the state that was read, [`CONFLICT_HEADER`] the open conflict, where
//! there is one.

mod answer;
mod causality;
mod conduct;
mod conflicts;
mod events;
mod files;
mod governance;
mod group;
mod levels;
mod locks;
mod maybe_hex;
mod offered;
mod partitions;
mod program;
mod standing;
mod status;
mod transactions;

pub use answer::*;
pub use causality::*;
pub use conduct::*;
pub use conflicts::*;
pub use events::*;
pub use files::*;
pub use governance::*;
pub use group::*;
pub use levels::*;
pub use locks::*;
pub use offered::*;
pub use partitions::*;
pub use program::*;
pub use standing::*;
pub use status::*;
pub use transactions::*;

/// `file`, `exec` or `link`.
pub const MODE_HEADER: &str = "quorate-mode";

/// The revision that made a file what it is.
pub const REVISION_HEADER: &str = "quorate-revision";

/// The revision of the state from which the answer comes.
pub const AT_HEADER: &str = "quorate-at";

/// Id of the open conflict at a path.
pub const CONFLICT_HEADER: &str = "quorate-conflict";

/// Session of a reader: the group and the slot that its answers have shown; see [`crate::session`].
pub const SESSION_HEADER: &str = "quorate-session";

/// Media type of a signed envelope, as `POST /v1/envelopes` takes it.
pub const ENVELOPE_TYPE: &str = OCTETS_TYPE;

/// Media type of a question in JSON.
pub const JSON_TYPE: &str = "application/json";

/// Media type of a [`Problem`] (RFC 9457).
pub const PROBLEM_TYPE: &str = "application/problem+json";
