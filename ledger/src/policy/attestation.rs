//! Changes that wait for the word of others: approvals of organisations, attestations of validators.
//!
//! Such a change is ordered as pending. The change takes effect as a change of its own at the position at which the
//! last approval or attestation that it needs is ordered, or is refused there when it cannot be reached any more. The
//! first answer of each stands.

use crate::vocabulary::name::Principal;
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::{Code, Refusal};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Position, PublicKey, ReplicaId};
use std::collections::{BTreeMap, BTreeSet};

/// Approvals and attestations that the rule of a path asks for before a change takes effect.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Requirement {
    /// The rule's pattern.
    pub pattern: String,
    /// Organisations other than the author's that must approve.
    pub approvals: u32,
    /// Validators, of whom ⌊2n/3⌋ + 1 must attest; none for none. The change's own author is not asked.
    pub validators: Vec<Principal>,
}

/// A change that waits.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PendingChange {
    /// Author of the change.
    pub author: PublicKey,
    /// The author's organisation when it was ordered.
    pub organisation: String,
    /// The revision that ordered it.
    pub since: Revision,
    /// Lane that brought it.
    pub lane: ReplicaId,
    /// Bundle of that lane.
    pub position: Position,
    /// Requirements, each of which must be met.
    pub requirements: Vec<Requirement>,
    /// Answers of other organisations.
    pub organisations: BTreeMap<String, bool>,
    /// Answers of validators, by place in the requirements and in the list there.
    pub validators: BTreeMap<(u32, u32), bool>,
    /// Answers by the key that signed them.
    pub opinions: BTreeMap<PublicKey, bool>,
}

/// Progress of a pending change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The change needs more answers.
    Waits,
    /// The change has every answer that it needs.
    Approved,
    /// Enough approvals cannot be reached any more.
    Disapproved,
    /// Enough attestations cannot be reached any more.
    Refuted,
}

impl Requirement {
    /// Whether anybody else than the author of a change is asked.
    pub(crate) fn asks_others_than(&self, author: &PublicKey) -> bool {
        self.approvals > 0 || self.independent(author) > 0
    }

    /// Refusal of a transaction, which is decided where it is ordered.
    pub(crate) fn in_transaction(&self) -> Refusal {
        let detail = format!("{:?} asks for the word of others, and a transaction cannot wait for it", self.pattern);
        Refusal::new(Code::Approvals, detail)
    }

    /// Validators who must attest a change of this author.
    fn attestations(&self, author: &PublicKey) -> u64 {
        match self.independent(author) {
            0 => 0,
            n => 2 * n / 3 + 1,
        }
    }

    /// Validators who are not the author themselves: nobody attests their own change.
    fn independent(&self, author: &PublicKey) -> u64 {
        self.validators.iter().filter(|who| **who != Principal::Author(*author)).count() as u64
    }
}

impl PendingChange {
    /// Takes the word of somebody, who may speak for the organisation or not. False if it is not asked for.
    pub(crate) fn take_opinion(
        &mut self,
        key: &PublicKey,
        (organisation, speaks): (&str, bool),
        opinion: bool,
    ) -> bool {
        let (mut asked, before) = (false, (self.organisations.len(), self.validators.len()));
        if speaks
            && organisation != self.organisation
            && self.requirements.iter().any(|required| required.approvals > 0)
        {
            self.organisations.entry(organisation.to_owned()).or_insert(opinion);
            asked = true;
        }
        for (place, required) in (0..).zip(&self.requirements) {
            for (validator, who) in (0..).zip(&required.validators) {
                if *key != self.author && who.covers(key, organisation) {
                    self.validators.entry((place, validator)).or_insert(opinion);
                    asked = true;
                }
            }
        }
        if before != (self.organisations.len(), self.validators.len()) {
            self.opinions.entry(*key).or_insert(opinion);
        }
        asked
    }

    /// The first of other requirements that the words which it has do not meet.
    pub(crate) fn unmet<'r>(&self, required: &'r [Requirement]) -> Option<&'r Requirement> {
        let said_yes = self.validators.iter().filter(|(_, opinion)| **opinion);
        let own = said_yes.filter_map(|((place, number), _)| {
            self.requirements.get(*place as usize)?.validators.get(*number as usize)
        });
        let attested: BTreeSet<&Principal> = own.filter(|who| **who != Principal::Author(self.author)).collect();
        let (yes, _) = count(self.organisations.values());
        required.iter().find(|required| {
            let found = required.validators.iter().filter(|who| attested.contains(who)).count() as u64;
            yes < u64::from(required.approvals) || found < required.attestations(&self.author)
        })
    }

    /// Progress in a group of so many organisations.
    pub fn progress(&self, organisations: u32) -> Progress {
        let others = u64::from(organisations.saturating_sub(1));
        let (yes, no) = count(self.organisations.values());
        let mut waits = false;
        for (place, required) in (0_u32..).zip(&self.requirements) {
            let needed = u64::from(required.approvals);
            if others.saturating_sub(no) < needed {
                return Progress::Disapproved;
            }
            let n = required.independent(&self.author);
            let opinions = self.validators.range((place, 0)..=(place, u32::MAX)).map(|(_, opinion)| opinion);
            let (attested, refuted) = count(opinions);
            let threshold = required.attestations(&self.author);
            if n - refuted < threshold {
                return Progress::Refuted;
            }
            waits |= yes < needed || attested < threshold;
        }
        if waits { Progress::Waits } else { Progress::Approved }
    }
}

fn count<'a>(opinions: impl Iterator<Item = &'a bool>) -> (u64, u64) {
    opinions.fold((0, 0), |(yes, no), opinion| if *opinion { (yes + 1, no) } else { (yes, no + 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(approvals: u32, validators: u8) -> PendingChange {
        let validators = (0..validators).map(|n| Principal::Author(PublicKey([n; 32]))).collect();
        let requirement = Requirement { pattern: "**".into(), approvals, validators };
        PendingChange {
            author: PublicKey([99; 32]),
            organisation: "own".into(),
            since: Revision::GENESIS,
            lane: ReplicaId::new(0),
            position: Position::new(1),
            requirements: vec![requirement],
            organisations: BTreeMap::new(),
            validators: BTreeMap::new(),
            opinions: BTreeMap::new(),
        }
    }

    /// Thresholds at one less, exactly, and one more.
    #[test]
    fn attestations_need_two_thirds_and_one_of_the_validators() {
        for (n, threshold) in [(1, 1), (2, 2), (3, 3), (4, 3), (7, 5)] {
            let mut change = pending(0, n);
            for validator in 0..threshold {
                assert_eq!(change.progress(4), Progress::Waits, "{validator} of {n}");
                assert!(change.take_opinion(&PublicKey([validator; 32]), ("x", true), true));
            }
            assert_eq!(change.progress(4), Progress::Approved, "{threshold} of {n}");
        }
    }

    #[test]
    fn a_change_is_refuted_when_too_few_validators_are_left() {
        let mut change = pending(0, 4);
        change.take_opinion(&PublicKey([0; 32]), ("x", true), false);
        assert_eq!(change.progress(4), Progress::Waits);
        change.take_opinion(&PublicKey([1; 32]), ("x", true), false);
        assert_eq!(change.progress(4), Progress::Refuted);
    }

    #[test]
    fn nobody_attests_their_own_change_and_the_others_are_enough() {
        let mut change = PendingChange { author: PublicKey([0; 32]), ..pending(0, 3) };
        assert!(!change.take_opinion(&PublicKey([0; 32]), ("x", true), true));
        change.take_opinion(&PublicKey([1; 32]), ("x", true), true);
        assert_eq!(change.progress(4), Progress::Waits);
        change.take_opinion(&PublicKey([2; 32]), ("x", true), true);
        assert_eq!(change.progress(4), Progress::Approved);
    }

    #[test]
    fn the_authors_own_organisation_does_not_approve() {
        let mut change = pending(2, 0);
        assert!(!change.take_opinion(&PublicKey([0; 32]), ("own", true), true));
        change.take_opinion(&PublicKey([1; 32]), ("a", true), true);
        change.take_opinion(&PublicKey([2; 32]), ("a", true), true);
        assert_eq!(change.progress(4), Progress::Waits);
        change.take_opinion(&PublicKey([3; 32]), ("b", true), true);
        assert_eq!(change.progress(4), Progress::Approved);
    }

    #[test]
    fn whoever_does_not_speak_for_an_organisation_is_not_asked_to_approve() {
        let mut change = pending(1, 0);
        assert!(!change.take_opinion(&PublicKey([1; 32]), ("a", false), true));
        assert_eq!(change.progress(4), Progress::Waits);
        assert!(change.take_opinion(&PublicKey([2; 32]), ("a", true), true));
        assert_eq!(change.progress(4), Progress::Approved);
    }

    #[test]
    fn the_first_word_stands() {
        let mut change = pending(1, 0);
        change.take_opinion(&PublicKey([1; 32]), ("a", true), false);
        change.take_opinion(&PublicKey([1; 32]), ("a", true), true);
        assert_eq!(change.progress(4), Progress::Waits);
        assert_eq!(change.progress(2), Progress::Disapproved);
    }
}
