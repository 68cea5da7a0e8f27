//! Errors as `application/problem+json`.

use crate::health::NoRoom;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quorate_client::api::{Forgotten, HISTORY_PRUNED, Mode, PROBLEM_TYPE, Problem};
use quorate_ledger::{Code, ConflictId, EnvelopeId, QueryError, StoreError};
use quorate_pbft::SeqNum;

/// Seconds after which an author may try again when there is no room: some rounds of a busy group.
const RETRY_AFTER_SECONDS: u64 = 1;

/// An error on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    problem: Box<Problem>,
    /// Seconds after which to ask again, for 429 and 503.
    retry_after: u64,
    /// With pruned history: the slot from which on it was asked for, where that is known.
    pub(super) needed: Option<SeqNum>,
}

/// Failure in a response about pruned history that does not say yet who else may keep it.
#[derive(Debug, Clone)]
pub struct Unnamed(pub Failure);

/// Answer of a handler.
pub type Answer<T> = Result<T, Failure>;

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), retry_after: RETRY_AFTER_SECONDS, needed: None }
    }
}

impl Failure {
    /// A problem that no validation stage found.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Problem::new(status.as_u16(), code, detail).into()
    }

    /// A refusal by the admission gate.
    pub fn refused(status: StatusCode, stage: &str, code: &str, detail: impl Into<String>) -> Self {
        Problem::refused(status.as_u16(), stage, code, detail).into()
    }

    /// The same with the number that is free.
    pub fn with_next_seq(mut self, next_seq: u64) -> Self {
        self.problem.next_seq = Some(next_seq);
        self
    }

    /// The same with the verdict that is forgotten.
    pub fn with_forgotten(mut self, forgotten: Forgotten) -> Self {
        self.problem.forgotten = Some(forgotten);
        self
    }

    /// The same with the open conflict of the path.
    pub fn about_conflict(mut self, conflict: ConflictId) -> Self {
        self.problem.conflict = Some(conflict);
        self
    }

    /// The same, with when to come again.
    pub fn after_ms(self, wait_ms: u64) -> Self {
        Self { retry_after: wait_ms.div_ceil(1_000).max(RETRY_AFTER_SECONDS), ..self }
    }

    /// A parameter, path or header that does not parse.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// Answers that nothing has this name.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// Asked of an observer that follows some domains alone, and is not part of their state.
    pub fn not_held(what: &str, domains: &[String]) -> Self {
        let domains = domains.join(", ");
        let detail = format!(
            "{what}: this observer holds the certified state of domain {domains} alone; ask a member, or an observer of \
             the whole group"
        );
        Self::new(StatusCode::NOT_FOUND, "not-held", detail)
    }

    /// Asked for history that is not kept here.
    pub fn pruned(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, HISTORY_PRUNED, detail)
    }

    /// The same with the slot from which on history is needed.
    pub fn needing(self, needed: SeqNum) -> Self {
        Self { needed: Some(needed), ..self }
    }

    /// The same with the other members, which may keep more.
    pub fn asking(mut self, members: Vec<u16>) -> Self {
        let named = members.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let whom = match members.len() {
            0 => "no other member keeps more".to_owned(),
            1 => format!("member {named} may keep more"),
            _ => format!("members {named} may keep more"),
        };
        self.problem.detail = format!("{}; {whom}", self.problem.detail);
        self.problem.members = Some(members);
        self
    }

    /// A revision that nobody has executed.
    pub fn future(asked: SeqNum, newest: SeqNum) -> Self {
        let detail = format!("there is no revision {asked} yet; the newest is {newest}");
        Self::new(StatusCode::NOT_FOUND, "unknown-revision", detail)
    }

    /// No room: come again.
    pub fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", detail)
    }

    /// Whether it says that there is no room now.
    pub fn is_busy(&self) -> bool {
        self.problem.code == "busy"
    }

    /// No room on the disk for new changes.
    pub fn no_room(why: NoRoom) -> Self {
        let detail = format!("nothing was kept: {why}; {}, or ask another replica", NoRoom::ADVICE);
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", detail)
    }

    /// The problem, and the seconds after which to ask again where that helps.
    pub fn into_parts(self) -> (Problem, Option<u64>) {
        let comes_again = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
        let comes_again = comes_again.iter().any(|status| status.as_u16() == self.problem.status);
        (*self.problem, comes_again.then_some(self.retry_after))
    }

    /// The same, told in the log as the answer to an envelope that was not taken.
    pub fn about(self, envelope: &EnvelopeId) -> Self {
        let Problem { stage, code, detail, .. } = &*self.problem;
        tracing::debug!(%envelope, stage, code, detail, "envelope not taken");
        self
    }

    /// The problem in words.
    pub fn words(&self) -> &str {
        &self.problem.detail
    }

    /// The replica is on its way down.
    pub fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "this replica is stopping; ask another one")
    }

    /// Failure with a mode, and with its words as the reason.
    pub fn in_mode(mut self, mode: Mode) -> Self {
        (self.problem.mode, self.problem.why) = (Some(mode), Some(self.problem.detail.clone()));
        self
    }

    /// The group did not answer in time.
    pub fn too_slow() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "the group did not get there in time; ask again")
    }

    /// Nobody who was asked says that the change was taken, and not all say that it was not.
    pub fn unknown_fate() -> Self {
        let detail = "a node that was asked did not say that it took nothing, and no other took the change";
        let detail = format!("{detail}: it may still be ordered; send the same bytes again");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", detail)
    }

    /// Too few members are heard to confirm anything.
    pub fn no_quorum(mode: Mode, why: &str) -> Self {
        let detail = format!("nothing was kept: the replica is {mode}: {why}");
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE.as_u16(), "no-quorum", detail);
        Problem { why: Some(why.to_owned()), mode: Some(mode), ..problem }.into()
    }

    /// The same about a strong read: there was nothing to keep, and weaker levels answer.
    pub fn of_a_read(mut self) -> Self {
        let detail = self.problem.detail.replace("nothing was kept: ", "no strong read now: ");
        self.problem.detail = format!("{detail}; level=sequential answers from what is executed here");
        self
    }
}

impl From<StoreError> for Failure {
    /// The disk failed its reader, and nobody else.
    fn from(error: StoreError) -> Self {
        tracing::error!(event = "read-failed", %error, "reading failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "storage", "the disk failed; see the log of this replica")
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Store(error) => error.into(),
            QueryError::UnknownDomain(_) => {
                let code = Code::UnknownDomain;
                Self::refused(StatusCode::NOT_FOUND, &code.stage().to_string(), &code.to_string(), error.to_string())
            }
            QueryError::NotHeld { .. } => Self::new(StatusCode::NOT_FOUND, "not-held", error.to_string()),
            QueryError::UnknownRevision(_) => Self::new(StatusCode::NOT_FOUND, "unknown-revision", error.to_string()),
            QueryError::Pruned { revision, .. } => Self::pruned(error.to_string()).needing(revision.seq().next()),
            QueryError::Dropped(revision) => Self::pruned(error.to_string()).needing(revision.seq()),
            QueryError::Cursor => Self::not_found(format!("{error}; leave out `from` to begin it again")),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let names_nobody = self.problem.is_of_pruned_history() && self.problem.members.is_none();
        let unnamed = names_nobody.then(|| Unnamed(self.clone()));
        let (problem, retry_after) = self.into_parts();
        let body = serde_json::to_vec(&problem).expect("a problem is plain data");
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_TYPE)], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(unnamed) = unnamed {
            response.extensions_mut().insert(unnamed);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_replica_says_when_to_come_again() {
        let response = Failure::busy("full").into_response();

        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_TYPE);
        let later = Failure::busy("too fast").after_ms(2_001).into_response();
        assert_eq!(later.headers()[header::RETRY_AFTER], "3");
    }

    #[test]
    fn a_question_about_pruned_history_is_told_whom_to_ask() {
        let asking = |members: &[u16]| Failure::pruned("slot 9 is gone").asking(members.to_vec()).into_parts().0;

        assert_eq!(asking(&[0, 2]).members, Some(vec![0, 2]));
        assert_eq!(asking(&[0, 2]).detail, "slot 9 is gone; members 0, 2 may keep more");
        assert_eq!(asking(&[1]).detail, "slot 9 is gone; member 1 may keep more");
        assert_eq!(asking(&[]).detail, "slot 9 is gone; no other member keeps more");
    }
}
