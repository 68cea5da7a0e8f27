//! Novelty of an envelope on a lane: whether its numbers had a verdict, found from its first bytes.
//!
//! A member's gate lets in what is new, so the lane of a member without a gate shows here before anything is verified.

use crate::format::constants::GROUP;
use crate::format::envelope::Envelope;
use crate::state::ledger::Ledger;
use crate::state::numbers::Used;
use crate::state::record::{AuthorRecord, NumberRow, Verdict};
use crate::state::store::{Read, StoreError, Table};
use crate::state::{entry, name};
use crate::vocabulary::ids::EnvelopeId;
use borsh::BorshDeserialize;
use core::ops::ControlFlow;
use quorate_pbft::{PublicKey, ReplicaId, Time};

/// Place that an envelope claims among its author's: the first fields of its encoding, as [`crate::Body`] has them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, BorshDeserialize)]
pub struct Claim {
    author: PublicKey,
    domain: String,
    from_seq: u64,
    to_seq: u64,
    attempt: u64,
}

/// Novelty of an envelope, by the state and by the history that this replica has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Novelty {
    /// Its author was never enrolled.
    Stranger,
    /// Its numbers had no verdict.
    New,
    /// Its domain does not exist: it has no numbers, and may have its verdict again and again.
    Nowhere,
    /// Its first number, or the last before it that had one, had its verdict.
    Judged {
        /// Ledger time of the verdict; 0 for one that history has no more.
        at: Time,
        /// Lane on which that envelope was executed.
        lane: Option<ReplicaId>,
    },
}

impl Claim {
    /// The claim of an envelope; none of bytes that do not begin like one.
    pub fn read(mut bytes: &[u8]) -> Option<Self> {
        Self::deserialize(&mut bytes).ok()
    }
}

impl Ledger {
    /// Novelty of the envelope in `bytes`, which begin with `claim`.
    pub fn novelty(&self, read: &dyn Read, claim: &Claim, bytes: &[u8]) -> Result<Novelty, StoreError> {
        let Some(domain) = self.domain(&claim.domain).map(|domain| domain.record.number) else {
            let envelope = Envelope::decode(bytes, self.genesis().limits()).ok();
            let verdict = envelope.map(|envelope| self.verdict(read, &envelope.id(&self.genesis().group())));
            return match verdict.transpose()?.flatten() {
                Some(verdict) => Ok(Novelty::of(Some(&verdict))),
                None if self.is_stranger(read, &claim.author)? => Ok(Novelty::Stranger),
                None => Ok(Novelty::Nowhere),
            };
        };
        let known = self.sequence(read, &claim.domain, &claim.author)?;
        if known.verdicts == 0 && self.is_stranger(read, &claim.author)? {
            return Ok(Novelty::Stranger);
        }
        if (claim.from_seq, claim.attempt) > (known.next, known.attempt) {
            return Ok(Novelty::New);
        }
        let judged = judged_up_to(read, domain, claim)?;
        let verdict = judged.map(|id| self.verdict(read, &id)).transpose()?.flatten();
        Ok(Novelty::of(verdict.as_ref()))
    }

    fn is_stranger(&self, read: &dyn Read, author: &PublicKey) -> Result<bool, StoreError> {
        Ok(entry::load::<AuthorRecord>(read, GROUP, &name::author(author))?.is_none())
    }
}

impl Novelty {
    fn of(verdict: Option<&Verdict>) -> Self {
        match verdict {
            Some(verdict) => Self::Judged { at: verdict.time, lane: verdict.receipt.lane },
            None => Self::Judged { at: Time::default(), lane: None },
        }
    }
}

/// Envelope with the last verdict of its author in the domain that is not above the claim.
fn judged_up_to(read: &dyn Read, domain: u32, claim: &Claim) -> Result<Option<EnvelopeId>, StoreError> {
    let key = |number, attempt| Used { domain, author: &claim.author, number, attempt }.key();
    let mut found: Result<Option<EnvelopeId>, StoreError> = Ok(None);
    read.scan_back(Table::Past, &key(0, 0), &key(claim.from_seq, claim.attempt), &mut |_, row| {
        found = entry::value_of::<NumberRow>(row).map(|row| Some(row.envelope));
        ControlFlow::Break(())
    })?;
    found
}
