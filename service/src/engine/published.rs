//! Snapshot that the core's thread publishes to readers: all of it durable.

use super::Moment;
use super::held::Certified;
use super::report::Report;
use std::sync::Arc;

/// State that the core's thread last published.
#[derive(Debug, Clone)]
pub struct Published {
    /// The newest state.
    pub moment: Arc<Moment>,
    /// The newest state that q replicas have signed, if it is at hand: what proofs are made of.
    pub certified: Option<Certified>,
    /// The replica, as it sees itself.
    pub report: Arc<Report>,
}

impl Published {
    /// Whether nobody who reads could tell them apart, and neither pins what the other does not.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let certified = |published: &Self| published.certified.as_ref().map(|held| held.moment.seq());
        let is_same = Arc::ptr_eq(&self.moment, &other.moment); // one of the same slot may have been folded since
        is_same && self.report == other.report && certified(self) == certified(other)
    }
}
