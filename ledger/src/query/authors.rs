//! Authors and members.

use super::{QueryError, StateView};
use crate::format::constants::{GROUP, GROUP_DOMAIN};
use crate::policy::reputation::{Reputation, Service, TrackRecord};
use crate::policy::{Rate, Rates};
use crate::state::record::{AuthorRecord, MemberRecord, Sequence};
use crate::state::store::StoreError;
use crate::state::{entry, name};
use crate::vocabulary::revision::Revision;
use quorate_pbft::{Committee, PublicKey, ReplicaId};

/// An author in a domain, as executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorEntry {
    /// The number of the next envelope.
    pub next_seq: u64,
    /// The highest attempt that had a verdict for it; 0 if none had.
    pub attempt: u64,
    /// Numbers that the author used twice (A3), ascending.
    pub repeated: Vec<u64>,
    /// Organisation of the author; none if the key is not enrolled.
    pub organisation: Option<String>,
    /// The revision that revoked the key.
    pub revoked: Option<Revision>,
    /// Reputation of the author in the group.
    pub reputation: Reputation,
    /// The figure by deeds in this domain alone: what its rates may go by.
    pub score_here: u32,
    /// Rate at which the domain takes the author's changes now; none: as fast as they come.
    pub rate: Option<Rate>,
}

/// A voter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberEntry {
    /// Its number.
    pub replica: ReplicaId,
    /// Its key.
    pub key: PublicKey,
    /// Organisation that runs it.
    pub organisation: String,
    /// Addresses on which it is reached, where it joined with some.
    pub addresses: Vec<String>,
    /// Proofs of misbehaviour that are recorded against its key.
    pub evidence: u8,
    /// Reputation of the organisation.
    pub reputation: Reputation,
}

impl<'a> StateView<'a> {
    /// An author's numbers in a domain.
    pub fn author(&self, domain: &str, key: &PublicKey) -> Result<AuthorEntry, QueryError> {
        self.number(domain)?;
        let sequence = self.ledger.sequence(self.read, domain, key)?;
        let record: Option<AuthorRecord> = entry::load(self.read, 0, &name::author(key))?;
        let (organisation, revoked) = record.map_or((None, None), |r| (Some(r.organisation), r.revoked));
        let score = sequence.score();
        let (next_seq, attempt, repeated) = (sequence.next, sequence.attempt, sequence.repeated);
        let (reputation, score_here) = (self.reputation(key)?, score);
        let rate = self.rates(domain)?.of_author(score_here);
        Ok(AuthorEntry { next_seq, attempt, repeated, organisation, revoked, reputation, score_here, rate })
    }

    fn rates(&self, domain: &str) -> Result<Rates, QueryError> {
        Ok(if domain == GROUP_DOMAIN { self.group_policy().rates } else { self.policy(domain)?.rates })
    }

    /// Reputation of an author, by deeds in all domains.
    pub fn reputation(&self, key: &PublicKey) -> Result<Reputation, StoreError> {
        let (mut track_record, mut repeated) = (TrackRecord::default(), 0);
        for domain in self.ledger.domains().values() {
            let known: Option<Sequence> = entry::load(self.read, domain.record.number, &name::sequence(key))?;
            if let Some(sequence) = known {
                track_record = track_record.with(sequence.track_record);
                repeated += sequence.repeated.len() as u64;
            }
        }
        Ok(track_record.reputation(repeated))
    }

    /// Authors that the group has enrolled, by key.
    pub fn identities(&self) -> Result<Vec<(PublicKey, AuthorRecord)>, StoreError> {
        let mut found = Vec::new();
        entry::entries(self.read, |name, value| {
            if let Some(key) = name.strip_prefix(b"a").and_then(|key| key.try_into().ok()) {
                found.push((PublicKey(key), entry::value_of(value)?));
            }
            Ok(())
        })?;
        found.sort_unstable_by_key(|(key, _)| *key);
        Ok(found)
    }

    /// The organisation that enrolled an author.
    pub fn organisation(&self, author: &PublicKey) -> Result<Option<String>, StoreError> {
        let record: Option<AuthorRecord> = entry::load(self.read, 0, &name::author(author))?;
        Ok(record.map(|record| record.organisation))
    }

    /// Count of the organisations.
    pub fn organisations(&self) -> u32 {
        self.ledger.organisations()
    }

    /// The voters of the last executed slot's epoch, by number.
    pub fn members(&self) -> Result<Vec<MemberEntry>, StoreError> {
        self.members_of(self.ledger.voters())
    }

    /// The voters of an epoch that is known here, by number.
    pub(crate) fn members_of(&self, voters: &Committee) -> Result<Vec<MemberEntry>, StoreError> {
        let entry = |(replica, key): (ReplicaId, &PublicKey)| {
            let record: Option<MemberRecord> = entry::load(self.read, GROUP, &name::member(key))?;
            let MemberRecord { organisation, addresses, .. } = record.ok_or_else(|| entry::damaged("a member"))?;
            let service: Service = entry::load(self.read, GROUP, &name::service(key))?.unwrap_or_default();
            let evidence: u8 = entry::load(self.read, GROUP, &name::offences(key))?.unwrap_or(0);
            let reputation = service.reputation(evidence);
            Ok(MemberEntry { replica, key: *key, organisation, addresses, evidence, reputation })
        };
        voters.replicas().zip(voters.keys()).map(entry).collect()
    }
}
