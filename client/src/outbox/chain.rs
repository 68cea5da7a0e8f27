//! Chains of envelopes, each based on the one before: the order knows no old base, and none of long ago of its author.

use super::{Outbox, bases};
use quorate_ledger::Body;
use serde::{Deserialize, Serialize};

/// Changes that hang on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// Count of them.
    pub links: u64,
    /// When the first was signed, by the author's clock in milliseconds since the Unix epoch.
    pub since_ms: u64,
}

/// Begin of the chain that an envelope is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Begun {
    /// Number of its first change.
    seq: u64,
    /// When that was signed.
    since_ms: u64,
}

impl Outbox {
    /// The chain that the next change of a domain would go on; none where it would be based on a revision.
    pub fn chain(&self, domain: &str) -> Option<Chain> {
        let last = self.find(&self.newest_unanswered(domain, u64::MAX)?)?;
        let Begun { seq, since_ms } = last.begun?;
        Some(Chain { links: last.to_seq.saturating_sub(seq).saturating_add(1), since_ms })
    }

    /// Begin of the chain that a body goes on; the body itself, where it is based on nothing that is known here.
    pub(super) fn begun(&self, body: &Body) -> Option<Begun> {
        let own = Begun { seq: body.from_seq, since_ms: body.changes.first()?.time_ms };
        let before = bases(body).into_iter().filter_map(|base| self.find(&base)?.begun);
        before.chain([own]).min()
    }
}
