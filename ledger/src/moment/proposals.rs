//! Policies, proposals to change them, and changes that wait for the word of others.

use super::page::{self, Page};
use super::{Moment, QueryError};
use crate::attestation::{Pending, Progress};
use crate::envelope::EnvelopeId;
use crate::governance::{Proposal, ProposalId};
use crate::policy::{DomainPolicy, GroupPolicy, Quorum, Reach};
use crate::revision::Revision;
use crate::state::{entry, name, rows};
use crate::store::{StoreError, Table};
use core::ops::ControlFlow;
use quorate_pbft::Digest;

/// A proposal where it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalEntry {
    /// Names it.
    pub id: ProposalId,
    /// The domain in which it is approved.
    pub domain: String,
    /// What is proposed, and who agrees.
    pub proposal: Proposal,
    /// Organisations that must agree, by the policy and by who has a voice as it stands now.
    pub needed: u32,
}

impl<'a> Moment<'a> {
    /// A domain's policy.
    pub fn policy(&self, domain: &str) -> Result<&'a DomainPolicy, QueryError> {
        let domain = self.ledger.domain(domain).ok_or_else(|| QueryError::UnknownDomain(domain.to_owned()))?;
        Ok(&domain.record.policy)
    }

    /// The group's own policy.
    pub fn group_policy(&self) -> GroupPolicy {
        (*self.ledger.group_policy()).clone()
    }

    /// What it takes to change a domain's policy now, and whether it can be done there.
    pub fn reach(&self, domain: &str) -> Result<Reach, QueryError> {
        Ok(Quorum::of_domain(&self.read, self.policy(domain)?)?.reach())
    }

    /// What it takes to decide for the group now, and whether that is what its policy asks for.
    pub fn reach_of_group(&self) -> Result<Reach, StoreError> {
        Ok(Quorum::of_group(&self.read, &self.ledger.group_policy())?.reach())
    }

    /// A change that waits for the word of others, and how far it is.
    pub fn pending(&self, domain: &str, id: &EnvelopeId) -> Result<Option<(Pending, Progress)>, QueryError> {
        let pending: Option<Pending> = entry::load(self.read, self.number(domain)?, &name::pending(id))?;
        let progress = |pending: &Pending| pending.progress(self.ledger.organisations());
        Ok(pending.map(|pending| (pending.clone(), progress(&pending))))
    }

    /// Changes of a domain that wait for the word of others, the longest waiting first, after the change `from`.
    pub fn pending_changes(
        &self,
        domain: &str,
        from: Option<EnvelopeId>,
        limit: usize,
    ) -> Result<Page<(EnvelopeId, Pending)>, QueryError> {
        let (number, limit) = (self.number(domain)?, page::limit(limit));
        let start = match from {
            None => rows::waiting(number, Revision::GENESIS, &EnvelopeId(Digest::ZERO)),
            Some(id) => rows::waiting(number, self.pending(domain, &id)?.ok_or(QueryError::Cursor)?.0.since, &id),
        };
        let last = rows::waiting(number, self.ledger.revision(), &EnvelopeId(Digest([0xff; 32])));
        let mut ids = Vec::new();
        self.read.scan(Table::History, &start, &last, &mut |key, _| {
            if from.is_none() || key != start {
                ids.extend(key.last_chunk().map(|id| EnvelopeId(Digest(*id))));
            }
            if ids.len() <= limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let entry = |id: EnvelopeId| match self.pending(domain, &id)? {
            Some((pending, _)) => Ok((id, pending)),
            None => Err(entry::damaged("a listed pending change").into()),
        };
        let found = ids.into_iter().map(entry).collect::<Result<Vec<_>, QueryError>>()?;
        Ok(Page::cut(found, limit, |(id, _)| id.to_string()))
    }

    /// Proposals, newest first, of all domains or of one, after the proposal `from`.
    pub fn proposals(
        &self,
        domain: Option<&str>,
        open_only: bool,
        from: Option<ProposalId>,
        limit: usize,
    ) -> Result<Page<ProposalEntry>, QueryError> {
        let limit = page::limit(limit);
        let to = match from {
            None => rows::proposal(self.ledger.revision(), &ProposalId(Digest([0xff; 32]))),
            Some(id) => rows::proposal(self.proposal(&id)?.ok_or(QueryError::Cursor)?.proposal.since, &id),
        };
        let first = rows::proposal(Revision::GENESIS, &ProposalId(Digest::ZERO));
        let (mut found, mut failed) = (Vec::new(), None);
        self.read.scan_back(Table::History, &first, &to, &mut |key, place| {
            match self.proposal_row(key, place) {
                _ if from.is_some() && key == to => (),
                Ok(entry) if domain.is_some_and(|domain| domain != entry.domain) => (),
                Ok(entry) if open_only && entry.proposal.end.is_some() => (),
                Ok(entry) => found.push(entry),
                Err(error) => failed = Some(error),
            }
            let more = failed.is_none() && found.len() <= limit;
            if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(Page::cut(found, limit, |entry| entry.id.to_string())),
        }
    }

    /// One proposal.
    pub fn proposal(&self, id: &ProposalId) -> Result<Option<ProposalEntry>, StoreError> {
        let domain: Option<String> = entry::load_row(self.read, Table::History, &rows::proposal_domain(id))?;
        domain.map(|domain| self.proposal_in(*id, domain)).transpose()
    }

    fn proposal_row(&self, key: &[u8], domain: &[u8]) -> Result<ProposalEntry, StoreError> {
        let id = key.last_chunk().ok_or_else(|| entry::damaged("a listed proposal"))?;
        self.proposal_in(ProposalId(Digest(*id)), entry::value_of(domain)?)
    }

    fn proposal_in(&self, id: ProposalId, domain: String) -> Result<ProposalEntry, StoreError> {
        let record = &self.ledger.domain(&domain).ok_or_else(|| entry::damaged("a proposal's domain"))?.record;
        let proposal: Option<Proposal> = entry::load(self.read, record.number, &name::proposal(&id))?;
        let proposal = proposal.ok_or_else(|| entry::damaged("a listed proposal"))?;
        let needed = match proposal.act.concerns_group() {
            true => self.reach_of_group()?.needed,
            false => Quorum::of_domain(&self.read, &record.policy)?.reach().needed,
        };
        Ok(ProposalEntry { id, domain, proposal, needed })
    }
}
