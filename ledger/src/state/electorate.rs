//! Voices: the organisations whose word counts under a policy, how many of them must agree, and what happens when too few
//! are left. `docs/adr/when-too-few-are-left.md` says why it is so.
//!
//! An organisation has a voice while somebody is enrolled who speaks for it. Without a number in the policy, ⌊2h/3⌋ + 1
//! of the h organisations that have a voice must agree, and never fewer than f + 1 of the n that it names, f = ⌊(n −
//! 1)/3⌋: so at least one of them is honest, however many have left.

use crate::format::constants::GROUP;
use crate::policy::{Approvals, DomainPolicy, GroupPolicy};
use crate::state::entry::Entries;
use crate::state::name;
use crate::state::record::AuthorRecord;
use crate::state::store::StoreError;
use crate::vocabulary::name::Principal;
use std::collections::BTreeSet;

/// Organisations that a policy counts, and those of them that have a voice now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Electorate {
    /// Named by the policy, directly or by an author's key.
    pub named: u32,
    /// Of these, those for which somebody can speak.
    pub active: u32,
}

/// Approvals that a change of a policy needs and can get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// Organisations that must agree.
    pub needed: u32,
    /// Organisations that can agree.
    pub electorate: Electorate,
    /// Whether too few can, by what the policy itself asks, or nobody can propose anything: a domain's policy is then the
    /// group's to change, and the group's own is changed by the quorum of whoever is left.
    pub is_stuck: bool,
}

/// Organisations that count now, and how many must agree.
#[derive(Debug, Clone)]
pub(crate) struct Quorum {
    members: Members,
    threshold: Threshold,
    /// Organisations that speak by whom the policy names, though it is stuck.
    represented: BTreeSet<String>,
}

/// The organisations of a policy.
#[derive(Debug, Clone)]
enum Members {
    /// Every organisation of the group.
    All(Electorate),
    These {
        named: BTreeSet<String>,
        active: BTreeSet<String>,
    },
}

impl Electorate {
    /// Default quorum, where the policy names none.
    pub fn quorum(&self) -> u32 {
        let (most, honest) = (2 * u64::from(self.active) / 3 + 1, self.named.saturating_sub(1) / 3 + 1);
        u32::try_from(most).unwrap_or(u32::MAX).max(honest)
    }
}

impl Quorum {
    /// Quorum for changing a domain's policy.
    pub(crate) fn of_domain(entries: &impl Entries, policy: &DomainPolicy) -> Result<Self, StoreError> {
        let members = match policy.approvals.by.is_empty() {
            true => Members::of(entries, policy.writers.iter().chain(&policy.readers))?,
            false => Members::of(entries, policy.approvals.by.iter())?,
        };
        let proposers = Members::of(entries, policy.writers.iter())?.electorate().active;
        let mut quorum = Self::of_circle(members, &policy.approvals);
        quorum.threshold.is_stuck |= proposers == 0;
        Ok(quorum)
    }

    /// Quorum for decisions of the group: as its policy says, while that can be met; else the quorum of those that are
    /// left decides, and any author speaks for an organisation of which nobody is left whom the policy names.
    pub(crate) fn of_group(entries: &impl Entries, policy: &GroupPolicy) -> Result<Self, StoreError> {
        let all = || Members::all(entries);
        let members = match policy.approvals.by.is_empty() {
            true => all()?,
            false => Members::of(entries, policy.approvals.by.iter())?,
        };
        let quorum = Self::of_circle(members, &policy.approvals);
        if !quorum.threshold.is_stuck {
            return Ok(quorum);
        }
        let mut left = Self::of_circle(all()?, &Approvals::default());
        left.threshold.is_stuck = true;
        if let Members::These { active, .. } = quorum.members {
            left.represented = active;
        }
        Ok(left)
    }

    /// Principals that [`Quorum::of_domain`] looks up.
    pub(crate) fn price_of_domain(policy: &DomainPolicy) -> usize {
        let asked = match policy.approvals.by.len() {
            0 => policy.writers.len() + policy.readers.len(),
            by => by,
        };
        1 + asked + policy.writers.len()
    }

    /// Principals that [`Quorum::of_group`] looks up.
    pub(crate) fn price_of_group(policy: &GroupPolicy) -> usize {
        1 + policy.approvals.by.len()
    }

    fn of_circle(members: Members, approvals: &Approvals) -> Self {
        let electorate = members.electorate();
        let needed = approvals.organisations.unwrap_or_else(|| electorate.quorum());
        let threshold = Threshold { needed, electorate, is_stuck: electorate.active < needed };
        Self { members, threshold, represented: BTreeSet::new() }
    }

    pub(crate) fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// Whether any author of an organisation speaks for it, as the policy is stuck and names nobody else who could.
    pub(crate) fn lets_anybody_speak_for(&self, organisation: &str) -> bool {
        self.threshold.is_stuck && !self.represented.contains(organisation)
    }

    /// Whether so many agree. An organisation that has no voice any more does not count: else a minority could agree,
    /// leave, and so lower the number for what it agreed to.
    pub(crate) fn is_met(&self, entries: &impl Entries, agreed: &[String]) -> Result<bool, StoreError> {
        let mut count = 0;
        for organisation in agreed {
            count += u32::from(self.members.hears(entries, organisation)?);
        }
        Ok(count >= self.threshold.needed)
    }
}

impl Members {
    fn of<'a>(entries: &impl Entries, who: impl Iterator<Item = &'a Principal> + Clone) -> Result<Self, StoreError> {
        if who.clone().any(|who| *who == Principal::Everyone) {
            return Self::all(entries);
        }
        let (mut named, mut active) = (BTreeSet::new(), BTreeSet::new());
        for who in who {
            let (organisation, speaks) = match who {
                Principal::Everyone => continue,
                Principal::Organisation(name) => match authors(entries, name)? {
                    Some(authors) => (name.clone(), authors > 0),
                    None => continue, // no such organisation
                },
                Principal::Author(key) => match entries.entry::<AuthorRecord>(GROUP, &name::author(key))? {
                    Some(record) => (record.organisation, record.revoked.is_none()),
                    None => continue, // never enrolled
                },
            };
            if speaks {
                active.insert(organisation.clone());
            }
            named.insert(organisation);
        }
        Ok(Self::These { named, active })
    }

    fn all(entries: &impl Entries) -> Result<Self, StoreError> {
        let named = entries.entry(GROUP, name::ORGANISATIONS)?.unwrap_or(0);
        let active = entries.entry(GROUP, name::ACTIVE_ORGANISATIONS)?.unwrap_or(0);
        Ok(Self::All(Electorate { named, active }))
    }

    fn electorate(&self) -> Electorate {
        match self {
            Self::All(electorate) => *electorate,
            Self::These { named, active } => Electorate { named: named.len() as u32, active: active.len() as u32 },
        }
    }

    fn hears(&self, entries: &impl Entries, organisation: &str) -> Result<bool, StoreError> {
        match self {
            Self::All(_) => Ok(authors(entries, organisation)?.is_some_and(|authors| authors > 0)),
            Self::These { active, .. } => Ok(active.contains(organisation)),
        }
    }
}

/// Count of an organisation's keys that are enrolled and not revoked; none where there is no such organisation.
fn authors(entries: &impl Entries, organisation: &str) -> Result<Option<u32>, StoreError> {
    let known: Option<crate::vocabulary::revision::Revision> =
        entries.entry(GROUP, &name::organisation(organisation))?;
    match known {
        Some(_) => Ok(Some(entries.entry(GROUP, &name::authors_of(organisation))?.unwrap_or(0))),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quorum_is_of_those_who_have_a_voice_and_one_of_it_is_honest() {
        let quorum = |named, active| Electorate { named, active }.quorum();
        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(|all| quorum(all, all)), [1, 2, 3, 3, 4, 5, 5]);
        assert_eq!([0, 1, 2, 3].map(|left| quorum(4, left)), [2, 2, 2, 3]);
        assert_eq!([0, 1, 2, 3, 4, 5].map(|left| quorum(7, left)), [3, 3, 3, 3, 3, 4]);
        assert_eq!(quorum(0, 0), 1);
    }
}
