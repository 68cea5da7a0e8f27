//! Enrolment of observers, by rules 9.

use super::Applier;
use crate::format::constants::GROUP;
use crate::format::governance::Proposal;
use crate::format::observers::{Observer, ObserverAct};
use crate::state::abort::Abort;
use crate::state::name;
use crate::state::record::{AuthorRecord, ObserverRecord};
use crate::state::store::StoreError;
use crate::vocabulary::keys::BadKey;
use crate::vocabulary::verdict::Code;
use quorate_pbft::PublicKey;

/// Observers of one organisation.
const OBSERVERS_MAX: u32 = 64;

impl Applier<'_, '_> {
    /// Refuses an act about an observer that cannot be done as things stand.
    pub(super) fn check_observers(&self, act: &ObserverAct) -> Result<(), Abort> {
        match act {
            ObserverAct::Enrol(observer) => self.check_observer(observer),
            ObserverAct::Revoke(key) => self.observer(key)?.map(drop).ok_or_else(|| not_enrolled(key)),
        }
    }

    /// Whether the organisation of an observer has proposed or approved its enrolment: no other claims a key for it.
    pub(super) fn is_vouched_for(&self, proposal: &Proposal, act: &ObserverAct) -> Result<bool, StoreError> {
        let ObserverAct::Enrol(Observer { organisation, .. }) = act else { return Ok(true) };
        let proposer: Option<AuthorRecord> = self.overlay.get(GROUP, &name::author(&proposal.author))?;
        let is_own = proposer.is_some_and(|proposer| proposer.organisation == *organisation);
        Ok(is_own || proposal.approvals.contains(organisation))
    }

    fn check_observer(&self, observer: &Observer) -> Result<(), Abort> {
        let Observer { key, organisation, domains, until, .. } = observer;
        observer.check(&self.place.members.group()).map_err(|why| bad(&unproven(key, why)))?;
        if !self.overlay.has(GROUP, &name::organisation(organisation))? {
            return Err(bad(&format!("no organisation {organisation:?}")));
        }
        if domains.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(bad("an observer's domains stand once, ascending"));
        }
        for domain in domains {
            if !self.overlay.has(GROUP, &name::domain(domain))? {
                return Err(bad(&format!("no domain {domain:?}")));
            }
        }
        if *until <= self.place.time.get() {
            return Err(bad(&format!("an enrolment until {until} would be over")));
        }
        match self.observer(key)? {
            Some(known) if known.organisation != *organisation => {
                Err(bad(&format!("{key} is an observer of {:?}", known.organisation)))
            }
            None if self.observers_of(organisation)? >= OBSERVERS_MAX => {
                Err(bad(&format!("{organisation:?} has {OBSERVERS_MAX} observers: revoke one first")))
            }
            _ => Ok(()),
        }
    }

    /// Does what was just found to be possible.
    pub(super) fn enact_observers(&mut self, act: ObserverAct) -> Result<(), Abort> {
        match act {
            ObserverAct::Enrol(Observer { key, organisation, domains, until, .. }) => {
                if self.observer(&key)?.is_none() {
                    self.count_observer(&organisation, 1)?;
                }
                let since = self.revision;
                let record = ObserverRecord { organisation, domains, since, until };
                self.overlay.put(GROUP, name::observer(&key), &record);
            }
            ObserverAct::Revoke(key) => {
                let record = self.observer(&key)?.ok_or_else(|| not_enrolled(&key))?;
                self.count_observer(&record.organisation, -1)?;
                self.overlay.remove(GROUP, name::observer(&key));
            }
        }
        Ok(())
    }

    fn observer(&self, key: &PublicKey) -> Result<Option<ObserverRecord>, StoreError> {
        self.overlay.get(GROUP, &name::observer(key))
    }

    /// Counts an observer of an organisation more, or one less.
    fn count_observer(&mut self, organisation: &str, more: i32) -> Result<(), StoreError> {
        for name in [name::observers_of(organisation), name::OBSERVERS.to_vec()] {
            let count: u32 = self.overlay.get(GROUP, &name)?.unwrap_or(0);
            self.overlay.put(GROUP, name, &count.saturating_add_signed(more));
        }
        Ok(())
    }

    fn observers_of(&self, organisation: &str) -> Result<u32, StoreError> {
        Ok(self.overlay.get(GROUP, &name::observers_of(organisation))?.unwrap_or(0))
    }
}

/// Fault of an observer's key or of its signature, and the way to a sound one.
fn unproven(key: &PublicKey, why: BadKey) -> String {
    match why {
        BadKey::NoPossession => format!(
            "{key} has not signed this enrolment, with this group, organisation, domains and end: \
             `quorate observers request` on its machine does"
        ),
        _ => format!("{key}: {why}"),
    }
}

fn not_enrolled(key: &PublicKey) -> Abort {
    bad(&format!("{key} is no enrolled observer"))
}

fn bad(why: &str) -> Abort {
    Abort::refused(Code::BadAct, why)
}
