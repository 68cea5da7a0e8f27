//! Voices: the organisations whose word counts under a policy, how many of them must agree, and what happens when too few
//! are left. `docs/adr/when-too-few-are-left.md` says why it is so.
//!
//! An organisation has a voice while somebody is enrolled who speaks for it. Where a policy names no number, ⌊2h/3⌋ + 1 of
//! the h organisations that have a voice must agree, and never fewer than f + 1 of the n that it names, f = ⌊(n − 1)/3⌋: so
//! at least one of them is honest, however many have left.

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
pub struct Voices {
    /// Named by the policy, directly or by an author's key.
    pub named: u32,
    /// Of these, those for which somebody can speak.
    pub heard: u32,
}

/// Where somebody stands who wants to change a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Organisations that must agree.
    pub needed: u32,
    /// Those that can.
    pub voices: Voices,
    /// Whether too few can, by what the policy itself asks, or nobody can propose anything: a domain's policy is then the
    /// group's to change, and the group's own is changed by the quorum of whoever is left.
    pub is_stuck: bool,
}

/// Whose agreement counts now, and how many it takes.
#[derive(Debug, Clone)]
pub(crate) struct Quorum {
    circle: Circle,
    reach: Reach,
    /// Organisations that speak by whom the policy names, though it is stuck.
    represented: BTreeSet<String>,
}

/// The organisations of a policy.
#[derive(Debug, Clone)]
enum Circle {
    /// Every organisation of the group.
    All(Voices),
    These {
        named: BTreeSet<String>,
        heard: BTreeSet<String>,
    },
}

impl Voices {
    /// How many must agree where nothing else is said.
    pub fn quorum(&self) -> u32 {
        let (most, honest) = (2 * u64::from(self.heard) / 3 + 1, self.named.saturating_sub(1) / 3 + 1);
        u32::try_from(most).unwrap_or(u32::MAX).max(honest)
    }
}

impl Quorum {
    /// What it takes to change a domain's policy.
    pub(crate) fn of_domain(entries: &impl Entries, policy: &DomainPolicy) -> Result<Self, StoreError> {
        let circle = match policy.approvals.by.is_empty() {
            true => Circle::of(entries, policy.writers.iter().chain(&policy.readers))?,
            false => Circle::of(entries, policy.approvals.by.iter())?,
        };
        let proposers = Circle::of(entries, policy.writers.iter())?.voices().heard;
        let mut quorum = Self::of_circle(circle, &policy.approvals);
        quorum.reach.is_stuck |= proposers == 0;
        Ok(quorum)
    }

    /// What it takes to decide for the group: as its policy says, while that can be met; else the quorum of those that are
    /// left decides, and any author speaks for an organisation of which nobody is left whom the policy names.
    pub(crate) fn of_group(entries: &impl Entries, policy: &GroupPolicy) -> Result<Self, StoreError> {
        let all = || Circle::all(entries);
        let circle = match policy.approvals.by.is_empty() {
            true => all()?,
            false => Circle::of(entries, policy.approvals.by.iter())?,
        };
        let quorum = Self::of_circle(circle, &policy.approvals);
        if !quorum.reach.is_stuck {
            return Ok(quorum);
        }
        let mut left = Self::of_circle(all()?, &Approvals::default());
        left.reach.is_stuck = true;
        if let Circle::These { heard, .. } = quorum.circle {
            left.represented = heard;
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

    fn of_circle(circle: Circle, approvals: &Approvals) -> Self {
        let voices = circle.voices();
        let needed = approvals.organisations.unwrap_or_else(|| voices.quorum());
        let reach = Reach { needed, voices, is_stuck: voices.heard < needed };
        Self { circle, reach, represented: BTreeSet::new() }
    }

    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// Whether any author of an organisation speaks for it, as the policy is stuck and names nobody else who could.
    pub(crate) fn lets_anybody_speak_for(&self, organisation: &str) -> bool {
        self.reach.is_stuck && !self.represented.contains(organisation)
    }

    /// Whether so many agree. Who has no voice any more does not count: else a minority could agree, leave, and so lower
    /// the number for what it agreed to.
    pub(crate) fn is_met(&self, entries: &impl Entries, agreed: &[String]) -> Result<bool, StoreError> {
        let mut count = 0;
        for organisation in agreed {
            count += u32::from(self.circle.hears(entries, organisation)?);
        }
        Ok(count >= self.reach.needed)
    }
}

impl Circle {
    fn of<'a>(entries: &impl Entries, who: impl Iterator<Item = &'a Principal> + Clone) -> Result<Self, StoreError> {
        if who.clone().any(|who| *who == Principal::Everyone) {
            return Self::all(entries);
        }
        let (mut named, mut heard) = (BTreeSet::new(), BTreeSet::new());
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
                heard.insert(organisation.clone());
            }
            named.insert(organisation);
        }
        Ok(Self::These { named, heard })
    }

    fn all(entries: &impl Entries) -> Result<Self, StoreError> {
        let named = entries.entry(GROUP, name::ORGANISATIONS)?.unwrap_or(0);
        let heard = entries.entry(GROUP, name::VOICES)?.unwrap_or(0);
        Ok(Self::All(Voices { named, heard }))
    }

    fn voices(&self) -> Voices {
        match self {
            Self::All(voices) => *voices,
            Self::These { named, heard } => Voices { named: named.len() as u32, heard: heard.len() as u32 },
        }
    }

    fn hears(&self, entries: &impl Entries, organisation: &str) -> Result<bool, StoreError> {
        match self {
            Self::All(_) => Ok(authors(entries, organisation)?.is_some_and(|authors| authors > 0)),
            Self::These { heard, .. } => Ok(heard.contains(organisation)),
        }
    }
}

/// How many keys an organisation has that are enrolled and not revoked; none where there is no such organisation.
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
        let quorum = |named, heard| Voices { named, heard }.quorum();
        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(|all| quorum(all, all)), [1, 2, 3, 3, 4, 5, 5]);
        assert_eq!([0, 1, 2, 3].map(|left| quorum(4, left)), [2, 2, 2, 3]);
        assert_eq!([0, 1, 2, 3, 4, 5].map(|left| quorum(7, left)), [3, 3, 3, 3, 3, 4]);
        assert_eq!(quorum(0, 0), 1);
    }
}
