//! Expected verdicts, worked out from the order and from the authors' claims (A1 to A3): accepted, refused, or none at
//! all.

use crate::clients::{Claim, Deed, Ground, Hand};
use quorate_ledger::EnvelopeId;
use std::collections::{BTreeMap, BTreeSet};

/// A3: numbers used twice that are shown of one author.
const REPEATED_SHOWN_MAX: usize = 64;

/// The order has spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// The envelope took effect.
    Accepted,
    /// The envelope did nothing.
    Refused,
}

/// An author's numbers in a domain.
#[derive(Default)]
struct Stream {
    /// Numbers accepted so far, which are the first ones.
    accepted: u64,
    /// The highest attempt that had a verdict for the number after them.
    attempt: u64,
    /// Envelopes with a verdict, by number and attempt.
    judged: BTreeMap<(u64, u64), EnvelopeId>,
    repeated: BTreeSet<u64>,
}

/// Rates of one author in `main`, once the organisations agreed.
struct Rate {
    changes: u64,
    per_ms: u64,
    /// Ledger time of each accepted envelope since, by author.
    taken: BTreeMap<u16, Vec<u64>>,
}

/// The state after some turns, as far as verdicts depend on it.
#[derive(Default)]
pub(super) struct Turns {
    streams: BTreeMap<(u16, &'static str), Stream>,
    pub(super) said: BTreeMap<EnvelopeId, Said>,
    revoked: BTreeSet<u16>,
    proposals: BTreeMap<EnvelopeId, (usize, Rate)>,
    rate: Option<Rate>,
    /// Holder of the one lock, and the end of its lease.
    lock: Option<(u16, u64)>,
    /// Count of each misdeed of authors.
    pub(super) tallies: BTreeMap<&'static str, u64>,
}

impl Turns {
    /// The turn of an envelope at a ledger time. For an envelope with a turn `too_fast` says whether the ledger called
    /// it too fast: of that only the bounds are known here. An error: no ledger may say so.
    pub(super) fn turn(&mut self, claim: &Claim, time: u64, too_fast: bool) -> Result<(), String> {
        if self.said.contains_key(&claim.id) {
            self.count("copies after their verdict");
        }
        let stream = self.streams.entry((claim.author, claim.domain)).or_default();
        if claim.number > stream.accepted + 1 {
            return Ok(());
        }
        if claim.number <= stream.accepted || claim.attempt <= stream.attempt {
            let other = stream.judged.get(&(claim.number, claim.attempt)).is_some_and(|judged| *judged != claim.id);
            let is_new = other && !self.said.contains_key(&claim.id) && stream.repeated.len() < REPEATED_SHOWN_MAX;
            if is_new && stream.repeated.insert(claim.number) {
                self.count("numbers used twice");
            }
            return Ok(());
        }
        if !self.has_what_it_waits_for(claim) {
            return Ok(());
        }
        let said = match self.refusal(claim, time) {
            Some(why) => {
                self.count(why);
                Said::Refused
            }
            None if too_fast => {
                self.may_be_too_fast(claim)?;
                self.count("changes above the rate");
                Said::Refused
            }
            None => {
                self.take(claim, time)?;
                if claim.hand == Hand::Torsioned {
                    self.count("signatures by the cofactored equation alone");
                }
                Said::Accepted
            }
        };
        let stream = self.streams.entry((claim.author, claim.domain)).or_default();
        stream.judged.insert((claim.number, claim.attempt), claim.id);
        (stream.accepted, stream.attempt) = match said {
            Said::Accepted => (claim.number, 0),
            Said::Refused => (stream.accepted, claim.attempt),
        };
        self.said.insert(claim.id, said);
        Ok(())
    }

    /// Begins a slot: the lock of a key that was revoked leaves with the leases that are over.
    pub(super) fn begin_slot(&mut self) {
        self.lock = self.lock.filter(|(by, _)| !self.revoked.contains(by));
    }

    /// Numbers of an author in `main` that more than one envelope was ordered for, with one attempt.
    pub(super) fn repeated(&self, author: u16) -> Vec<u64> {
        self.streams.get(&(author, "main")).into_iter().flat_map(|stream| stream.repeated.iter().copied()).collect()
    }

    fn has_what_it_waits_for(&self, claim: &Claim) -> bool {
        claim.after.is_none_or(|(author, number)| {
            self.streams.get(&(author, claim.domain)).is_some_and(|stream| stream.accepted >= number)
        })
    }

    /// Why it must be refused, rates aside.
    fn refusal(&self, claim: &Claim, time: u64) -> Option<&'static str> {
        if self.revoked.contains(&claim.author) {
            return Some("changes under a revoked key");
        }
        match claim.ground {
            Ground::Forged => return Some("forged bases"),
            Ground::After(id) if self.said.get(&id) != Some(&Said::Accepted) => return Some("bases that failed"),
            Ground::Genesis | Ground::After(_) => (),
        }
        match claim.deed {
            Deed::Senseless => Some("words about nothing"),
            Deed::Revokes(whom) if self.revoked.contains(&whom) => Some("second revocations"),
            Deed::Approves(proposal) if !self.proposals.contains_key(&proposal) => Some("words about nothing"),
            Deed::Locks { .. } if self.lock.is_some_and(|(by, until)| by != claim.author && until > time) => {
                Some("locks that another author holds")
            }
            _ => None,
        }
    }

    /// Errs if an author was refused for the rate before its whole allowance was accepted.
    fn may_be_too_fast(&self, claim: &Claim) -> Result<(), String> {
        let rate = self.rate.as_ref().filter(|_| claim.domain == "main");
        let taken = |rate: &Rate| rate.taken.get(&claim.author).map_or(0, Vec::len) as u64;
        match rate.map(|rate| (taken(rate), rate.changes)) {
            Some((taken, changes)) if taken >= changes => Ok(()),
            Some((taken, changes)) => Err(format!("{claim:?} was too fast after {taken} of {changes}")),
            None => Err(format!("{claim:?} was too fast where there are no rates")),
        }
    }

    fn take(&mut self, claim: &Claim, time: u64) -> Result<(), String> {
        if let Some(rate) = self.rate.as_mut().filter(|_| claim.domain == "main") {
            rate.take(claim, time)?;
        }
        match claim.deed {
            Deed::Revokes(whom) => {
                self.revoked.insert(whom);
            }
            Deed::Proposes { needed, changes, per_ms } => {
                self.proposals.insert(claim.id, (needed, Rate { changes, per_ms, taken: BTreeMap::new() }));
                self.approve(&claim.id);
            }
            Deed::Approves(proposal) => self.approve(&proposal),
            Deed::Locks { lease_ms } => {
                if self.lock.is_some_and(|(by, until)| by != claim.author && until <= time) {
                    self.count("leases that were over");
                }
                self.lock = Some((claim.author, time + lease_ms));
            }
            Deed::Writes | Deed::Senseless => (),
        }
        Ok(())
    }

    fn approve(&mut self, proposal: &EnvelopeId) {
        let Some((missing, _)) = self.proposals.get_mut(proposal) else { return };
        *missing -= 1;
        if *missing == 0 {
            self.rate = self.proposals.remove(proposal).map(|(_, rate)| rate);
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.tallies.entry(what).or_default() += 1;
    }
}

impl Rate {
    /// At most twice as much as the rate in any stretch, where one meets the next.
    fn take(&mut self, claim: &Claim, time: u64) -> Result<(), String> {
        let taken = self.taken.entry(claim.author).or_default();
        taken.push(time);
        let recent = taken.iter().filter(|at| **at + self.per_ms > time).count() as u64;
        if recent <= 2 * self.changes {
            return Ok(());
        }
        let (changes, per_ms) = (self.changes, self.per_ms);
        Err(format!("{claim:?} was accepted, {recent} in {per_ms} ms, where {changes} are allowed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::Digest;

    const ROGUE: u16 = 5;

    fn claim(id: u8, number: u64, attempt: u64) -> Claim {
        Claim {
            id: EnvelopeId(Digest([id; 32])),
            item: Digest([id; 32]),
            author: ROGUE,
            domain: "main",
            number,
            attempt,
            ground: Ground::Genesis,
            deed: Deed::Writes,
            hand: Hand::Own,
            after: None,
        }
    }

    /// Verdicts on the claims in this order, all at one time.
    fn said(claims: &[Claim]) -> (Vec<Option<Said>>, Turns) {
        let mut turns = Turns::default();
        claims.iter().for_each(|claim| turns.turn(claim, 1_000, false).expect("no rates"));
        (claims.iter().map(|claim| turns.said.get(&claim.id).copied()).collect(), turns)
    }

    #[test]
    fn of_two_for_one_number_the_first_counts_and_the_number_is_shown() {
        let (said, turns) = said(&[claim(1, 1, 1), claim(2, 1, 1), claim(1, 1, 1), claim(3, 3, 1)]);
        assert_eq!(said, [Some(Said::Accepted), None, Some(Said::Accepted), None], "the copy is the same envelope");
        assert_eq!(turns.repeated(ROGUE), [1]);
    }

    #[test]
    fn a_forged_base_is_refused_and_a_higher_attempt_takes_the_number() {
        let forged = Claim { ground: Ground::Forged, ..claim(1, 1, 1) };
        let after = Claim { ground: Ground::After(forged.id), ..claim(2, 1, 2) };
        let (said, turns) = said(&[forged, after, claim(3, 1, 2), claim(4, 1, 3)]);
        assert_eq!(said, [Some(Said::Refused), Some(Said::Refused), None, Some(Said::Accepted)]);
        assert_eq!(turns.repeated(ROGUE), [1]);
    }

    #[test]
    fn a_revoked_key_says_nothing_any_more() {
        let revokes = Claim { author: 9, domain: "@group", deed: Deed::Revokes(ROGUE), ..claim(2, 1, 1) };
        let (said, _) = said(&[claim(1, 1, 1), revokes, claim(3, 2, 1)]);
        assert_eq!(said, [Some(Said::Accepted), Some(Said::Accepted), Some(Said::Refused)]);
    }

    #[test]
    fn a_lock_is_anothers_until_its_lease_is_over() {
        let lock = |id, author| Claim { author, deed: Deed::Locks { lease_ms: 400 }, ..claim(id, 1, 1) };
        let mut turns = Turns::default();
        for (claim, time) in [(lock(1, 5), 1_000), (lock(2, 6), 1_399), (lock(3, 7), 1_400)] {
            turns.turn(&claim, time, false).expect("no rates");
        }
        let said: Vec<_> = turns.said.values().copied().collect();
        assert_eq!(said, [Said::Accepted, Said::Refused, Said::Accepted]);
    }

    #[test]
    fn a_revoked_keys_lock_stands_in_the_way_until_its_slot_is_over() {
        let lock =
            |id, author, attempt| Claim { author, attempt, deed: Deed::Locks { lease_ms: 400 }, ..claim(id, 1, 1) };
        let revokes = Claim { author: 9, domain: "@group", deed: Deed::Revokes(5), ..claim(2, 1, 1) };
        let (_, mut turns) = said(&[lock(1, 5, 1), revokes, lock(3, 6, 1)]);
        turns.begin_slot();
        turns.turn(&lock(4, 6, 2), 1_001, false).expect("no rates");
        let said: Vec<_> = turns.said.values().copied().collect();
        assert_eq!(said, [Said::Accepted, Said::Accepted, Said::Refused, Said::Accepted]);
    }

    #[test]
    fn what_is_refused_for_the_rate_was_fast_and_what_is_accepted_was_not() {
        let proposes =
            Claim { author: 9, deed: Deed::Proposes { needed: 2, changes: 2, per_ms: 100 }, ..claim(1, 1, 1) };
        let approves = Claim { author: 10, deed: Deed::Approves(proposes.id), after: Some((9, 1)), ..claim(2, 1, 1) };
        let mut turns = Turns::default();
        assert_eq!(turns.turn(&approves, 1_000, false), Ok(()));
        assert!(turns.said.is_empty(), "it waits for the proposal");
        for claim in [proposes, approves] {
            assert_eq!(turns.turn(&claim, 1_000, false), Ok(()));
        }
        assert!(turns.turn(&claim(3, 1, 1), 1_000, true).is_err(), "nothing was taken yet");
        for number in 1..=4 {
            assert_eq!(turns.turn(&claim(10 + number as u8, number, 1), 1_000, false), Ok(()));
        }
        assert!(turns.turn(&claim(20, 5, 1), 1_099, false).is_err(), "five of two");
    }
}
