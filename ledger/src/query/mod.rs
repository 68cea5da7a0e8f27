//! Reading: the state of one moment, for whoever asks.

mod analysis;
mod authors;
mod branches;
mod causality;
mod changes;
mod conflicts;
mod epochs;
mod evidence;
mod files;
mod history;
mod lock_news;
mod locks;
mod observers;
mod page;
mod proofs;
mod proposals;
mod words;
mod conflict_log;
pub mod cut;

pub use authors::{AuthorEntry, MemberEntry};
pub use causality::{Causality, Order};
pub use changes::{ChangedPath, ChangesCursor};
pub use conflict_log::{CommitMessage, LoggedEvent};
pub use conflicts::{ConflictEntry, SideEntry};
pub use epochs::{EpochEntry, Plan};
pub use evidence::EvidenceEntry;
pub use files::{DomainEntry, FileEntry, Found};
pub use history::{LogEntry, LogPage, PathDifference};
pub use locks::LockEntry;
pub use observers::ObserverEntry;
pub use page::Page;
pub use proposals::ProposalEntry;
pub use words::{Brought, EndedWait, Waited};

use crate::copy::forget;
use crate::execute::deadlines;
use crate::state::ledger::Ledger;
use crate::state::scope::{self, Scope};
use crate::state::store::{LiveStore, Read, StoreError};
use crate::vocabulary::revision::Revision;
use quorate_pbft::{SeqNum, Time};

/// A ledger with a reader of the same moment: what was committed with it, nothing earlier or later.
#[derive(Clone, Copy)]
pub struct StateView<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) read: &'a dyn Read,
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The disk said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such domain.
    #[error("no domain {0:?}")]
    UnknownDomain(String),
    /// Domain of the group that is not among those that are kept here.
    #[error("domain {domain:?} is not kept here: {} alone is; ask a member or an observer that follows it", scope::named(.scope))]
    NotHeld {
        /// The domain.
        domain: String,
        /// Domains that are kept.
        scope: Scope,
    },
    /// A revision that is not executed here, or whose versions have left the store.
    #[error("revision {0} is not known here")]
    UnknownRevision(Revision),
    /// A revision from before the history that this node keeps.
    #[error("revision {revision} is older than the history that this node keeps; it begins with slot {oldest}")]
    Pruned {
        /// The revision that was asked for.
        revision: Revision,
        /// The oldest slot whose history is here.
        oldest: SeqNum,
    },
    /// A revision whose receipt, and so its paths, a repair has dropped.
    #[error(
        "the receipt of revision {0} is not here any more: a repair dropped it; ask a node that keeps the whole history"
    )]
    Dropped(Revision),
    /// A cursor that no earlier page gave.
    #[error("not a cursor of this list")]
    Cursor,
}

impl Ledger {
    /// The state as `read` has it; `read` must be of the moment that this ledger stands at.
    pub fn view<'a>(&'a self, read: &'a dyn Read) -> StateView<'a> {
        StateView { ledger: self, read }
    }
}

impl<'a> StateView<'a> {
    /// The earliest deadline in ledger time that something waits for (T3): what the core is told after a restart.
    pub fn next_deadline(&self) -> Result<Option<Time>, StoreError> {
        deadlines::earliest(&LiveStore(self.read))
    }

    /// The oldest slot whose history is kept: receipts, log, lists.
    pub fn history_from(&self) -> Result<SeqNum, StoreError> {
        forget::history_from(self.read)
    }

    /// Refuses to tell what happened after a revision, if some of it is forgotten.
    pub fn check_history(&self, after: Revision) -> Result<(), QueryError> {
        let oldest = self.history_from()?;
        match oldest.previous() {
            Some(last) if after < Revision::slot(last) => Err(QueryError::Pruned { revision: after, oldest }),
            _ => Ok(()),
        }
    }

    /// Refuses to tell the files of a domain at a revision whose versions may be forgotten.
    fn check_versions(&self, domain: u32, at: Revision) -> Result<(), QueryError> {
        let oldest = self.ledger.versions_from(self.read, domain)?;
        if at.seq() < oldest { Err(QueryError::Pruned { revision: at, oldest }) } else { Ok(()) }
    }

    /// Refuses to tell of a domain whose tree is not here.
    pub fn check_held(&self, domain: &str) -> Result<(), QueryError> {
        match self.ledger.scope().filter(|_| !self.ledger.holds(domain)) {
            Some(scope) => Err(QueryError::NotHeld { domain: domain.to_owned(), scope: scope.clone() }),
            None => Ok(()),
        }
    }

    fn number(&self, domain: &str) -> Result<u32, QueryError> {
        let known = self.ledger.domain(domain).ok_or_else(|| QueryError::UnknownDomain(domain.to_owned()))?;
        self.check_held(domain)?;
        Ok(known.record.number)
    }
}
