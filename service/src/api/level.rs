//! Consistency levels of answers (R).

use super::problem::{Answer, Failure};
use super::service::Service;
use crate::engine::Moment;
use crate::levels;
use quorate_ledger::{Level, Revision};
use quorate_pbft::Digest;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// `level=` and `at=` of a read.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
pub struct Freshness {
    /// Strong unless the reader says otherwise, as the commands.
    pub level: Option<Level>,
    /// The revision to read, if not the newest.
    pub at: Option<Revision>,
}

impl Freshness {
    /// The state to answer from, and the revision in it to answer with.
    ///
    /// A past revision never changes, so whoever names one needs no mark; it is waited for if it is not executed yet.
    pub async fn state(&self, service: &Service) -> Answer<(Arc<Moment>, Revision)> {
        if let Some(at) = self.at {
            let known = service.moment();
            let moment = if known.seq() >= at.seq() { known } else { service.executed(at.seq()).await? };
            return Ok((moment, at));
        }
        let moment = match levels::needs_mark(self.level.unwrap_or(Level::Strong)) {
            true => service.strong(Digest(nonce()?)).await?.moment,
            false => service.moment(),
        };
        let at = Revision::slot(moment.seq());
        Ok((moment, at))
    }
}

/// A nonce for a reader who brought none.
pub fn nonce() -> Answer<[u8; 32]> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(|_| {
        Failure::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "randomness", "the system gave no random bytes")
    })?;
    Ok(nonce)
}
