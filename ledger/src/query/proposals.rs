//! Policies, proposals to change them, and changes that wait for the word of others.

use super::page::{self, Page};
use super::{QueryError, StateView};
use crate::format::constants::GROUP;
use crate::format::governance::Proposal;
use crate::policy::attestation::{PendingChange, Progress};
use crate::policy::{DomainPolicy, GroupPolicy};
use crate::state::electorate::{Quorum, Threshold};
use crate::state::record::DomainRecord;
use crate::state::store::{StoreError, Table};
use crate::state::{entry, name, rows};
use crate::vocabulary::ids::{EnvelopeId, ProposalId};
use crate::vocabulary::revision::Revision;
use core::ops::ControlFlow;
use quorate_pbft::Digest;
use std::collections::BTreeMap;

/// A proposal where it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalEntry {
    /// Names it.
    pub id: ProposalId,
    /// The domain in which it is approved.
    pub domain: String,
    /// Proposed act, and the organisations that agree.
    pub proposal: Proposal,
    /// Organisations that must agree, by the policy and by who has a voice as it stands now.
    pub needed: u32,
}

/// A proposal, before it is asked who must agree.
struct Proposed {
    id: ProposalId,
    domain: String,
    proposal: Proposal,
}

impl<'a> StateView<'a> {
    /// A domain's policy.
    pub fn policy(&self, domain: &str) -> Result<&'a DomainPolicy, QueryError> {
        let domain = self.ledger.domain(domain).ok_or_else(|| QueryError::UnknownDomain(domain.to_owned()))?;
        Ok(&domain.record.policy)
    }

    /// The group's own policy.
    pub fn group_policy(&self) -> GroupPolicy {
        (*self.ledger.group_policy()).clone()
    }

    /// Quorum for changing a domain's policy now, and whether it can be reached there.
    pub fn threshold(&self, domain: &str) -> Result<Threshold, QueryError> {
        Ok(Quorum::of_domain(&self.read, self.policy(domain)?)?.threshold())
    }

    /// Quorum for decisions of the group now, and whether that is what its policy asks for.
    pub fn threshold_of_group(&self) -> Result<Threshold, StoreError> {
        Ok(Quorum::of_group(&self.read, &self.ledger.group_policy())?.threshold())
    }

    /// A change that waits for the word of others, and how far it is.
    pub fn pending(&self, domain: &str, id: &EnvelopeId) -> Result<Option<(PendingChange, Progress)>, QueryError> {
        let pending: Option<PendingChange> = entry::load(self.read, self.number(domain)?, &name::pending(id))?;
        let progress = |pending: &PendingChange| pending.progress(self.ledger.organisations());
        Ok(pending.map(|pending| (pending.clone(), progress(&pending))))
    }

    /// Changes of a domain that wait for the word of others, the longest waiting first, after the one that the revision `from`
    /// ordered, whether that waits still or not.
    pub fn pending_changes(
        &self,
        domain: &str,
        from: Option<Revision>,
        limit: usize,
    ) -> Result<Page<(EnvelopeId, PendingChange)>, QueryError> {
        let (number, limit) = (self.number(domain)?, page::limit(limit));
        let behind = |revision| rows::waiting(number, revision, &EnvelopeId(Digest([0xff; 32])));
        let (start, last) = (behind(from.unwrap_or(Revision::GENESIS)), behind(self.ledger.revision()));
        let mut ids = Vec::new();
        self.read.scan(Table::Index, &start, &last, &mut |key, _| {
            ids.extend(key.last_chunk().map(|id| EnvelopeId(Digest(*id))));
            if ids.len() <= limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let entry = |id: EnvelopeId| match self.pending(domain, &id)? {
            Some((pending, _)) => Ok((id, pending)),
            None => Err(entry::damaged("a listed pending change").into()),
        };
        let found = ids.into_iter().map(entry).collect::<Result<Vec<_>, QueryError>>()?;
        Ok(Page::cut(found, limit, |(_, pending)| pending.since.to_string()))
    }

    /// Proposals, newest first, of all domains or of one, after the proposal `from`.
    ///
    /// A page looks at a thousand of them at the most. If most are of other domains, or not open, it may have fewer
    /// items than asked for, or none, and say where to go on.
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
            Some(id) => rows::proposal(self.proposed(&id)?.ok_or(QueryError::Cursor)?.proposal.since, &id),
        };
        let first = rows::proposal(Revision::GENESIS, &ProposalId(Digest::ZERO));
        let (mut found, mut failed) = (Vec::new(), None);
        let (mut looked_at, mut last) = (0, None);
        self.read.scan_back(Table::Archive, &first, &to, &mut |key, place| {
            if from.is_some() && key == to {
                return ControlFlow::Continue(());
            }
            match self.listed(key, place, (domain, open_only)) {
                Ok((id, proposed)) => {
                    found.extend(proposed);
                    last = Some(id);
                }
                Err(error) => failed = Some(error),
            }
            looked_at += 1;
            let more = failed.is_none() && found.len() <= limit && looked_at < page::LOOKED_AT_MAX;
            if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        let Page { items, next } = Page::cut(found, limit, |proposed| proposed.id.to_string());
        let unseen = last.filter(|_| looked_at == page::LOOKED_AT_MAX).map(|id| id.to_string());
        Ok(Page { items: self.with_needed(items)?, next: next.or(unseen) })
    }

    /// Proposal with this id.
    pub fn proposal(&self, id: &ProposalId) -> Result<Option<ProposalEntry>, StoreError> {
        let entries = self.with_needed(self.proposed(id)?.into_iter().collect())?;
        Ok(entries.into_iter().next())
    }

    /// The proposal of a row, where it is one of those asked for.
    fn listed(
        &self,
        key: &[u8],
        domain: &[u8],
        (wanted, open_only): (Option<&str>, bool),
    ) -> Result<(ProposalId, Option<Proposed>), StoreError> {
        let id = key.last_chunk().ok_or_else(|| entry::damaged("a listed proposal"))?;
        let (id, domain): (_, String) = (ProposalId(Digest(*id)), entry::value_of(domain)?);
        if wanted.is_some_and(|wanted| wanted != domain) {
            return Ok((id, None));
        }
        let proposed = self.proposed_in(id, domain)?;
        Ok((id, Some(proposed).filter(|proposed| !open_only || proposed.proposal.end.is_none())))
    }

    fn proposed(&self, id: &ProposalId) -> Result<Option<Proposed>, StoreError> {
        let domain: Option<String> = entry::load_row(self.read, Table::Archive, &rows::proposal_domain(id))?;
        domain.map(|domain| self.proposed_in(*id, domain)).transpose()
    }

    fn proposed_in(&self, id: ProposalId, domain: String) -> Result<Proposed, StoreError> {
        let number = self.decided_in(&domain)?.number;
        let proposal: Option<Proposal> = entry::load_ever(self.read, number, &name::proposal(&id))?;
        let proposal = proposal.ok_or_else(|| entry::damaged("a listed proposal"))?;
        Ok(Proposed { id, domain, proposal })
    }

    fn decided_in(&self, domain: &str) -> Result<&'a DomainRecord, StoreError> {
        let domain = self.ledger.domain(domain).ok_or_else(|| entry::damaged("a proposal's domain"))?;
        Ok(&domain.record)
    }

    /// Says how many must agree: counted once for each domain, as a policy may name thousands.
    fn with_needed(&self, found: Vec<Proposed>) -> Result<Vec<ProposalEntry>, StoreError> {
        let mut counted: BTreeMap<String, u32> = BTreeMap::new();
        let entry = |Proposed { id, domain, proposal }| {
            let needed = match counted.get(&domain) {
                Some(needed) => *needed,
                None => self.needed(&domain)?,
            };
            counted.insert(domain.clone(), needed);
            Ok(ProposalEntry { id, domain, proposal, needed })
        };
        found.into_iter().map(entry).collect()
    }

    /// Approvals needed for a proposal: of the group's own domain by its policy, of another by the domain's.
    fn needed(&self, domain: &str) -> Result<u32, StoreError> {
        match self.decided_in(domain)? {
            record if record.number == GROUP => Ok(self.threshold_of_group()?.needed),
            record => Ok(Quorum::of_domain(&self.read, &record.policy)?.threshold().needed),
        }
    }
}
