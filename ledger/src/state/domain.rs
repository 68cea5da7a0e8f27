//! Domains: in memory, as an envelope meets them, and what the group decides about them.

use crate::format::constants::GROUP;
use crate::policy::{GroupPolicy, Rates};
use crate::state::record::{DomainRecord, Usage};
use crate::state::tree::Tree;
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::{Code, Refusal};
use quorate_pbft::{Committee, SeqNum, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A domain as it is in memory.
#[derive(Debug, Clone)]
pub(crate) struct Domain {
    pub(crate) record: DomainRecord,
    pub(crate) usage: Usage,
    pub(crate) tree: Tree,
}

/// Domains by name; shared, so that a version of the ledger costs a count for each.
pub(crate) type Domains = BTreeMap<String, Arc<Domain>>;

/// Read-only view of a domain during execution: policy, usage, horizon, ledger time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DomainView<'a> {
    pub(crate) name: &'a str,
    pub(crate) record: &'a DomainRecord,
    /// The group's own policy.
    pub(crate) group: &'a GroupPolicy,
    /// Count of the organisations.
    pub(crate) organisations: u32,
    /// Rules of the slot's epoch.
    pub(crate) rules: u32,
    /// The voters of the slot's epoch.
    pub(crate) members: &'a Committee,
    /// The last slot of the epoch, if this slot decides on the next.
    pub(crate) boundary: SeqNum,
    /// Count of the domains, the group's included: the number of the next one.
    pub(crate) domains: u32,
    /// Ledger time of the slot.
    pub(crate) time: Time,
    /// Files and bytes that the domain holds.
    pub(crate) held: (u64, u64),
    /// The oldest slot that a base may name.
    pub(crate) floor: SeqNum,
    /// The newest revision that changed a file of the domain.
    pub(crate) changed: Revision,
}

impl DomainView<'_> {
    pub(crate) fn rates(&self) -> &Rates {
        if self.record.number == GROUP { &self.group.rates } else { &self.record.policy.rates }
    }

    /// Refusal of so many files and bytes more: a domain that is full takes only what makes it smaller.
    pub(crate) fn over_quota(&self, files: i64, bytes: i64) -> Option<Refusal> {
        let quota = &self.record.policy.quota;
        let kinds = [("files", self.held.0, files, quota.files_max), ("bytes", self.held.1, bytes, quota.bytes_max)];
        kinds.into_iter().find_map(|(what, held, more, max)| {
            let after = held.saturating_add_signed(more);
            let max = max.filter(|max| more > 0 && after > *max)?;
            Some(Refusal::new(Code::Quota, format!("{after} {what}, {} may hold {max}", self.name)))
        })
    }
}

/// Decision that changes memory as well as the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// A domain is new, or has a new policy.
    Domain(String, DomainRecord),
    /// The group has a new policy.
    Group(GroupPolicy),
    /// There is one more organisation.
    Organisation,
    /// The members and the rules of the next epoch are known.
    Next(Committee, u32),
}
