//! Waits that ended without a verdict, for those who ask what became of an envelope.

use super::candidate::Candidate;
use quorate_ledger::EnvelopeId;
use std::collections::BTreeMap;

/// Ended waits that are remembered: as many envelopes as one author may have waiting in a domain, a few MiB without their bytes.
const EXPIRED_MAX: usize = 4_096;

/// Newest waits that ended as expired, without the envelopes' bytes. A restart forgets them.
#[derive(Debug, Default)]
pub(super) struct Expired {
    candidates: BTreeMap<EnvelopeId, (u64, Candidate)>,
    /// The same by age.
    ages: BTreeMap<u64, EnvelopeId>,
    next: u64,
}

impl Expired {
    /// Remembers an envelope, and forgets the oldest one for which there is no room any more.
    pub(super) fn note(&mut self, candidate: Candidate) {
        self.forget(&candidate.id);
        self.ages.insert(self.next, candidate.id);
        self.candidates.insert(candidate.id, (self.next, candidate));
        self.next += 1;
        if self.candidates.len() > EXPIRED_MAX
            && let Some((_, oldest)) = self.ages.pop_first()
        {
            self.candidates.remove(&oldest);
        }
    }

    /// Forgets an envelope that waits again, or has its verdict.
    pub(super) fn forget(&mut self, id: &EnvelopeId) -> Option<Candidate> {
        let (age, candidate) = self.candidates.remove(id)?;
        self.ages.remove(&age);
        Some(candidate)
    }

    /// Envelope whose wait ended here.
    pub(super) fn get(&self, id: &EnvelopeId) -> Option<&Candidate> {
        self.candidates.get(id).map(|(_, candidate)| candidate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::{Digest, PublicKey};

    fn candidate(number: u64) -> Candidate {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let (author, organisation, domain) = (PublicKey([7; 32]), "org-0".to_owned(), "main".to_owned());
        let (from_seq, to_seq) = (number, number);
        Candidate {
            id: EnvelopeId(Digest(id)),
            author,
            organisation,
            domain,
            from_seq,
            to_seq,
            attempt: 1,
            bytes: vec![],
        }
    }

    fn full() -> Expired {
        let mut expired = Expired::default();
        (0..EXPIRED_MAX as u64).for_each(|number| expired.note(candidate(number)));
        expired
    }

    #[test]
    fn the_oldest_ended_wait_is_forgotten_for_one_more_than_are_remembered() {
        let mut expired = full();
        assert!(expired.get(&candidate(0).id).is_some());

        expired.note(candidate(EXPIRED_MAX as u64));

        assert!(expired.get(&candidate(0).id).is_none());
        assert_eq!((expired.candidates.len(), expired.ages.len()), (EXPIRED_MAX, EXPIRED_MAX));
    }

    #[test]
    fn a_wait_that_ends_again_is_the_newest_and_is_remembered_once() {
        let mut expired = full();
        expired.note(candidate(0));

        expired.note(candidate(EXPIRED_MAX as u64));

        assert!(expired.get(&candidate(0).id).is_some() && expired.get(&candidate(1).id).is_none());
    }
}
