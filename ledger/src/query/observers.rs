//! Enrolled observers.

use super::StateView;
use crate::format::constants::GROUP;
use crate::policy::covers;
use crate::state::record::ObserverRecord;
use crate::state::store::StoreError;
use crate::state::{entry, name};
use crate::vocabulary::revision::Revision;
use quorate_pbft::PublicKey;

/// Enrolled observer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObserverEntry {
    /// Key of the node.
    pub key: PublicKey,
    /// Organisation that runs it.
    pub organisation: String,
    /// Domains that it follows; empty: all.
    pub domains: Vec<String>,
    /// The revision that enrolled it, or changed its enrolment.
    pub since: Revision,
    /// Ledger time at which the enrolment ends.
    pub until: u64,
    /// Whether that time has come.
    pub is_over: bool,
}

impl<'a> StateView<'a> {
    /// Enrolled observers by key, those included whose time is over.
    pub fn observers(&self) -> Result<Vec<ObserverEntry>, StoreError> {
        let mut found = Vec::new();
        entry::entries(self.read, |name, value| {
            if let Some(key) = name.strip_prefix(name::OBSERVER).and_then(|key| key.try_into().ok()) {
                found.push(self.observer_entry(PublicKey(key), entry::value_of(value)?));
            }
            Ok(())
        })?;
        found.sort_unstable_by_key(|observer| observer.key);
        Ok(found)
    }

    /// Count of the enrolled observers.
    pub fn observers_count(&self) -> Result<u32, StoreError> {
        Ok(entry::load(self.read, GROUP, name::OBSERVERS)?.unwrap_or(0))
    }

    /// The enrolment of a key, while it lasts.
    pub fn observer(&self, key: &PublicKey) -> Result<Option<ObserverEntry>, StoreError> {
        let record: Option<ObserverRecord> = entry::load(self.read, GROUP, &name::observer(key))?;
        Ok(record.map(|record| self.observer_entry(*key, record)).filter(|observer| !observer.is_over))
    }

    /// A domain that not everyone may read, and this observer neither.
    pub fn closed_to(&self, observer: &ObserverEntry) -> Option<&'a str> {
        let ObserverEntry { key, organisation, domains, .. } = observer;
        self.closed_domains().find_map(|(name, policy)| {
            let is_named = domains.is_empty() || domains.iter().any(|named| named == name);
            let reads = [&policy.readers, &policy.writers].into_iter().any(|of| covers(of, key, organisation));
            (!is_named || !reads).then_some(name)
        })
    }

    fn observer_entry(&self, key: PublicKey, record: ObserverRecord) -> ObserverEntry {
        let ObserverRecord { organisation, domains, since, until } = record;
        let is_over = until <= self.ledger.head().time.get();
        ObserverEntry { key, organisation, domains, since, until, is_over }
    }
}
