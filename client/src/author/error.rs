//! Errors of a change without a verdict, and its receipt as it is so far.

use crate::api::{Problem, named};
use crate::http::ClientError;
use crate::keys::KeyError;
use crate::outbox::OutboxError;
use quorate_ledger::{Body, EnvelopeId, Receipt, State};
use std::path::PathBuf;

/// Why a change has no verdict.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// No key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No outbox.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Failed before the envelope was sent.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Refused to sign: an earlier envelope of this key has no answer in time.
    #[error("{error}; nothing was signed, because an earlier change may still be ordered: {id}")]
    Earlier {
        /// The earlier envelope, kept in the outbox.
        id: EnvelopeId,
        /// Error that ended the wait.
        error: ClientError,
    },
    /// Refused to sign: the node does not keep the history that tells what became of an earlier envelope of this key.
    #[error("{problem}; nothing was signed, because an earlier change may have been applied: {id}")]
    Forgotten {
        /// The earlier envelope, kept in the outbox.
        id: EnvelopeId,
        /// File of the envelope.
        file: PathBuf,
        /// As the node says it.
        problem: Box<Problem>,
    },
    /// Sent without an answer in time. The envelope is kept in the outbox.
    #[error("{error}; the change may still be ordered: {}", .receipt.id)]
    Unanswered {
        /// Receipt so far: the envelope waits, or is refused where the node held it back and has taken nothing.
        receipt: Box<Receipt>,
        /// Error that ended the wait.
        error: ClientError,
    },
    /// The gate refused it: it was not ordered.
    #[error("{problem}")]
    Gate {
        /// Receipt as it would be.
        receipt: Box<Receipt>,
        /// As the node says it.
        problem: Box<Problem>,
    },
    /// Domain that the group does not have.
    #[error("no domain {0}: nothing was sent")]
    NoDomain(String),
    /// File beside the outbox that could not be written: the envelope was not sent.
    #[error("{0}")]
    NotKept(String),
    /// The name cannot be a domain's.
    #[error("`{0}` cannot name a domain: up to 100 of a-z A-Z 0-9 . _ -, the first a letter or digit")]
    Domain(String),
}

/// Receipt of an envelope before its verdict.
pub(super) fn unjudged(id: EnvelopeId, body: &Body) -> Receipt {
    Receipt {
        id,
        domain: body.domain.clone(),
        author: body.author,
        from_seq: body.from_seq,
        to_seq: body.to_seq,
        state: State::Waiting,
        revision: None,
        lane: None,
        stage: None,
        code: None,
        detail: None,
        conflicts: vec![],
        changes: vec![],
    }
}

pub(super) fn refused(known: Receipt, problem: Box<Problem>) -> SubmitError {
    SubmitError::Gate { receipt: Box::new(not_taken(known, &problem)), problem }
}

/// Receipt of an envelope that a node did not take, for this reason.
pub(super) fn not_taken(known: Receipt, problem: &Problem) -> Receipt {
    let (stage, code) = (problem.stage.as_deref().and_then(named), named(&problem.code));
    Receipt { state: State::Refused, stage, code, detail: Some(problem.detail.clone()), ..known }
}

pub(super) fn unanswered(known: Receipt, error: ClientError) -> SubmitError {
    let detail = Some(error.to_string());
    SubmitError::Unanswered { receipt: Box::new(Receipt { detail, ..known }), error }
}

/// Whether another envelope, of another machine, came first.
pub(super) fn is_lost_race(problem: &Problem) -> bool {
    matches!(problem.code.as_str(), "sequence-taken" | "overlap")
}

/// Whether some envelope has used all these numbers, in a slot that the node keeps no more. Of an envelope that may have been
/// sent before, it may be that one.
pub(super) fn is_long_lost_race(problem: &Problem, body: &Body) -> bool {
    problem.is_of_pruned_history() && problem.next_seq.is_some_and(|next_seq| next_seq > body.to_seq)
}
